//! Twenty callers for half an hour, with everything going wrong that can: started by `scripts/bench soak`, never by
//! `cargo test` alone. Beside it `scripts/bench sizing`: how many calls this machine bears.
//!
//! Detector, end of turn, recogniser, voice and knowledge are real; the language model is a stand-in that answers
//! briefly and fails in every way. Questions are paced so that two cores bear them: it is about what is left behind, not
//! about speed.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]
mod callers;
#[path = "../product/harness.rs"]
#[allow(dead_code, reason = "what other tests need too")]
mod harness;
mod mlflow;
mod model;
mod report;
mod samples;
#[path = "../product/serving.rs"]
#[allow(dead_code, reason = "what other tests need too")]
mod serving;
mod sizing;
mod tally;

use std::{sync::Arc, time::Duration};

use serde_json::Value;
use tokio::{
    task::JoinSet,
    time::{Instant, sleep, sleep_until, timeout},
};

use callers::{Dice, Person};
use harness::{EMBEDDED, Place};
use mlflow::{OwnMlflow, delivered};
use model::Model;
use report::{Log, Run};
use samples::Sample;
use serving::Server;
use tally::Tally;

const EXPERIMENT: &str = "voce-soak";
/// How often the process is looked at.
const LOOK: Duration = Duration::from_secs(10);
/// From one stop of MLflow to the next, and how long it is away. A short run sees it once.
const MLFLOW_EVERY: Duration = Duration::from_secs(300);
const MLFLOW_AWAY: Duration = Duration::from_secs(40);
/// Time that calls have to end in, and traces to arrive.
const PATIENCE: Duration = Duration::from_secs(120);

#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes half an hour; see scripts/bench soak"]
async fn soak() {
    needs_models();
    // Without it no client of HTTP can be made.
    rustls::crypto::ring::default_provider().install_default().ok();
    let minutes = setting("VOCE_SOAK_MINUTES", 30.0);
    let callers = setting("VOCE_SOAK_CALLS", 20.0) as u32;
    let seconds_per_turn = setting("VOCE_SOAK_SECONDS_PER_TURN", 3.0);
    let place = Place::with_demo_knowledge();
    let dir = place.dir.path().join("mlflow");
    let own = Arc::new(tokio::task::spawn_blocking(move || OwnMlflow::start(dir)).await.unwrap());
    let model = Model::start(true).await;
    let arguments = arguments(&own.url(), &model.url, callers);
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let server = Server::start(&place, &arguments);
    println!(
        "{callers} callers for {minutes} minutes, a question every {seconds_per_turn} s, {}",
        server.url
    );

    let http = reqwest::Client::builder().timeout(Duration::from_secs(30)).build().unwrap();
    let (began, tally) = (Instant::now(), Arc::<Tally>::default());
    let ends = began + Duration::from_secs_f64(minutes * 60.0);
    let every = Duration::from_secs_f64(seconds_per_turn) * callers;
    let mut people = JoinSet::new();
    for number in 0..callers {
        let person = Person {
            url: server.url.clone(),
            http: http.clone(),
            tally: tally.clone(),
            every,
            first: began + every * number / callers,
            ends,
            dice: Dice(u64::from(number) + 1),
        };
        people.spawn(person.live());
    }
    let mut keeper = JoinSet::new();
    keeper.spawn(restart_mlflow(own.clone(), ends));

    let mut run = Run { minutes, ..Run::default() };
    let mut log = Log::default();
    let mut next = began;
    while Instant::now() < ends {
        next += LOOK;
        sleep_until(next.min(ends)).await;
        log.read(server.said());
        match look(&server, &http, began).await {
            Ok(sample) => run.look(sample),
            Err(error) => tally.unasked(format!("the server did not say how it is: {error}")),
        }
    }
    while let Some(ended) = timeout(PATIENCE, people.join_next()).await.unwrap_or_default() {
        if ended.is_err() {
            tally.unasked("a caller's script has a defect");
        }
    }
    keeper.join_next().await;
    run.calls_left = calls_over(&server, &http).await;
    // The last spans of calls that just ended.
    sleep(Duration::from_secs(3)).await;
    run.given_up = Some(delivered(&server.url, PATIENCE).await);
    let metrics = http.get(format!("{}/metrics", server.url)).send().await.unwrap().text().await.unwrap();
    run.read_metrics(&metrics);
    run.in_mlflow = own.turns(EXPERIMENT).await;
    if let Ok(last) = look(&server, &http, began).await {
        run.idle = Some(last);
    }
    log.read(server.said());
    let wrong = report::print(&run, &tally.counts(), &model.did, &log);
    drop(server);
    tokio::task::spawn_blocking(move || drop(own)).await.unwrap();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn needs_models() {
    assert!(
        voce_testkit::models(EMBEDDED).is_some(),
        "the models are not installed; run voce models pull --profile embedded"
    );
}

fn setting(name: &str, default: f64) -> f64 {
    std::env::var(name).ok().map_or(default, |text| text.parse().expect("a number"))
}

fn arguments(mlflow: &str, model: &str, callers: u32) -> Vec<String> {
    let set = [
        "telemetry.enabled=true".to_owned(),
        format!("telemetry.sinks=[{{url=\"{mlflow}\", experiment=\"{EXPERIMENT}\"}}]"),
        "llm.engine=openai".to_owned(),
        "llm.model=stand-in".to_owned(),
        format!("llm.base_url={model}"),
        // Its traces are no turns, and it would go on making them.
        "judge.enabled=false".to_owned(),
        // Those who vanished hold their place until the server notices.
        format!("transport.max_calls={}", callers * 2),
        // All callers come from one address.
        "access.calls_per_minute=0".to_owned(),
        "access.requests_per_minute=0".to_owned(),
    ];
    set.into_iter().flat_map(|assignment| ["--set".to_owned(), assignment]).collect()
}

/// Stops MLflow and starts it again, time after time; it runs at the end.
async fn restart_mlflow(own: Arc<OwnMlflow>, ends: Instant) {
    let run = |command: &'static str| {
        let own = own.clone();
        tokio::task::spawn_blocking(move || own.run(command))
    };
    let left = ends - Instant::now();
    let every = MLFLOW_EVERY.min(left / 3);
    loop {
        sleep(every).await;
        // It needs half a minute to come back, and then what waited has to be sent.
        if Instant::now() + MLFLOW_AWAY > ends {
            return;
        }
        run("stop").await.unwrap();
        println!("MLflow stopped");
        sleep(MLFLOW_AWAY.min(left / 4)).await;
        run("start").await.unwrap();
        println!("MLflow runs again");
    }
}

async fn look(server: &Server, http: &reqwest::Client, began: Instant) -> Result<Sample, reqwest::Error> {
    let health: Value = http.get(format!("{}/health", server.url)).send().await?.json().await?;
    let calls: Value = http.get(format!("{}/api/calls", server.url)).send().await?.json().await?;
    let tasks = health["tasks"].as_f64().unwrap_or_default();
    let calls = calls["calls"].as_array().map_or(0, Vec::len) as f64;
    Ok(Sample::of(server.pid(), began.elapsed().as_secs_f64(), tasks, calls))
}

/// Waits until no call goes on; returns how many still do.
async fn calls_over(server: &Server, http: &reqwest::Client) -> usize {
    let until = Instant::now() + PATIENCE;
    loop {
        let calls = http.get(format!("{}/api/calls", server.url)).send().await.unwrap();
        let calls: Value = calls.json().await.unwrap();
        let left = calls["calls"].as_array().map_or(0, Vec::len);
        if left == 0 || Instant::now() > until {
            return left;
        }
        sleep(Duration::from_millis(500)).await;
    }
}
