//! How many calls a machine bears: more and more callers, each of whom asks as people do, and what they wait for.
use std::{sync::Arc, time::Duration};

use reqwest::Client;
use tokio::{
    task::JoinSet,
    time::{Instant, sleep, sleep_until},
};
use voce_testkit::caller::Caller;

use crate::{
    callers::ends_a_turn,
    harness::{Place, microphone},
    look,
    model::Model,
    samples::Sample,
    serving::Server,
    setting,
    tally::Tally,
};

/// Calls at the same time, step by step.
const STEPS: [u32; 7] = [1, 2, 4, 6, 8, 12, 16];
/// How long a step talks, and how long its callers are silent before.
const TALKS: Duration = Duration::from_secs(60);
const SILENT: Duration = Duration::from_secs(10);
/// Beyond this nobody would call it a talk, and more callers make it worse.
const TOO_LONG: f64 = 4.0;
const PATIENCE: Duration = Duration::from_secs(30);

/// Every caller asks once in so many seconds: a question, its answer, a thought.
const EVERY: f64 = 12.0;

#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes a quarter of an hour; see scripts/bench sizing"]
async fn sizing() {
    crate::needs_models();
    let every = Duration::from_secs_f64(setting("VOCE_SIZING_EVERY", EVERY));
    for llm in ["a language model elsewhere, which answers at once", "the embedded language model"] {
        let place = Place::with_demo_knowledge();
        let model = Model::start(false).await;
        let address = format!("llm.base_url={}", model.url);
        let elsewhere = ["llm.engine=openai", "llm.model=stand-in", &address];
        let set = if llm.contains("elsewhere") { &elsewhere[..] } else { &[] };
        let common =
            ["telemetry.enabled=true", "telemetry.sinks=[]", "judge.enabled=false", "transport.max_calls=64"];
        let limits = ["access.calls_per_minute=0", "access.requests_per_minute=0"];
        let all = [&common[..], &limits[..], set].concat();
        let arguments: Vec<&str> = all.iter().flat_map(|assignment| ["--set", *assignment]).collect();
        let server = Server::start(&place, &arguments);
        let http = Client::builder().timeout(Duration::from_secs(30)).build().unwrap();
        println!("\n{llm}; each caller asks every {:.0} s", every.as_secs_f64());
        let began = Instant::now();
        let before = look(&server, &http, began).await.unwrap();
        println!("before the first call: {:.0} MiB, {} threads", before.resident_mib, before.threads);
        println!(
            "{:>5} {:>8} {:>8} {:>8} {:>9} {:>9} {:>9} {:>9} {:>6} {:>6}",
            "calls", "turns", "p50 s", "p95 s", "late f/t", "silent c", "talking c", "MiB", "wait", "lag"
        );
        for calls in STEPS {
            if step(&server, &http, calls, every).await.is_none_or(|high| high > TOO_LONG) {
                break;
            }
        }
    }
}

/// Holds so many calls; returns the 95th percentile of what they waited for.
async fn step(server: &Server, http: &Client, calls: u32, every: Duration) -> Option<f64> {
    let began = Instant::now();
    let mut callers = vec![];
    for _ in 0..calls {
        callers.push(Caller::connect_by(http.clone(), &server.url).await.unwrap());
    }
    let quiet = look(server, http, began).await.unwrap();
    sleep(SILENT).await;
    let silent = look(server, http, began).await.unwrap();
    let (tally, from) = (Arc::<Tally>::default(), Instant::now());
    let mut talks = JoinSet::new();
    for (number, caller) in callers.into_iter().enumerate() {
        let first = from + every * number as u32 / calls;
        talks.spawn(talk(caller, first, every, from + TALKS, tally.clone()));
    }
    sleep_until(from + TALKS).await;
    let talking = look(server, http, began).await.unwrap();
    let text = http.get(format!("{}/metrics", server.url)).send().await.unwrap().text().await.unwrap();
    while talks.join_next().await.is_some() {}
    let counts = tally.counts();
    let gauge = |name: &str| -> f64 {
        let line = text.lines().find_map(|line| line.strip_prefix(name));
        line.and_then(|value| value.trim().parse().ok()).unwrap_or(f64::NAN)
    };
    let high = counts.wait(95);
    println!(
        "{calls:>5} {:>8} {:>8.2} {:>8.2} {:>9.1} {:>9.2} {:>9.2} {:>9.0} {:>6.2} {:>6.3}",
        counts.traces.len(),
        counts.wait(50).unwrap_or(f64::NAN),
        high.unwrap_or(f64::NAN),
        counts.late_frames as f64 / counts.traces.len().max(1) as f64,
        cores(&quiet, &silent),
        cores(&silent, &talking),
        talking.resident_mib,
        gauge("voce_admission_wait_seconds "),
        gauge("voce_admission_lag_seconds "),
    );
    high
}

/// Cores that were used on average from one look to the next.
fn cores(from: &Sample, to: &Sample) -> f64 {
    (to.core_seconds - from.core_seconds) / (to.seconds - from.seconds)
}

/// Asks, listens, asks, until the time is over.
async fn talk(caller: Caller, first: Instant, every: Duration, ends: Instant, tally: Arc<Tally>) {
    let questions = ["q1.wav", "filter_bf_emma.wav", "hours_am_michael.wav", "warranty_af_heart.wav"];
    let questions = questions.map(microphone);
    let mut next = first;
    for question in questions.iter().cycle() {
        if next >= ends {
            break;
        }
        sleep_until(next).await;
        next += every;
        let Ok(asked) = caller.say(question).await else { break };
        let until = asked.ended + PATIENCE;
        let answered =
            || caller.messages().iter().any(|message| message.at > asked.began && ends_a_turn(message));
        while !answered() && Instant::now() < until {
            sleep(Duration::from_millis(200)).await;
        }
        // One who had to wait that long goes on when it is their turn again.
        next = next.max(Instant::now());
    }
    for message in caller.messages().iter().filter(|message| ends_a_turn(message)) {
        tally.turn(&message.data()["report"]);
    }
    caller.hang_up().await;
}
