//! MLflow goes away under load, voce is killed, both come back: no caller notices, and no trace is lost.
//!
//! Silero, Smart Turn, Moonshine and Kokoro are the real ones; the language model alone is a stand-in that answers at
//! once, so that five calls fit two cores. A second sink, which never goes away, says what was finished.
//!
//! A program of its own: no other test runs beside it and takes the cores from its callers.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]
#[path = "../product/harness.rs"]
#[allow(dead_code, reason = "what other tests need too")]
mod harness;
#[path = "../product/serving.rs"]
#[allow(dead_code, reason = "what other tests need too")]
mod serving;
mod stand_ins;

use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
    process::Command,
    sync::{Arc, Mutex},
    time::Duration,
};

use serde_json::Value;
use tokio::{
    task::JoinSet,
    time::{Instant, sleep, sleep_until},
};
use voce_testkit::{
    caller::{Caller, Received},
    mlflow::Mlflow,
};

use harness::{EMBEDDED, Place, microphone, repository};
use serving::Server;
use stand_ins::Collector;

const CALLS: u32 = 5;
/// From one question of a caller to the next; with five callers the machine has a turn every five seconds.
const EVERY: Duration = Duration::from_secs(25);
const BASELINE: Duration = Duration::from_secs(30);
const EXPERIMENT: &str = "voce-test-chaos";
const PATIENCE: Duration = Duration::from_secs(60);

/// An MLflow of the test's own, since it is stopped.
struct OwnMlflow {
    dir: PathBuf,
    port: u16,
}

impl OwnMlflow {
    fn run(&self, command: &str) {
        let mut script = Command::new(repository().join("scripts/mlflow"));
        script.arg(command).arg("--dir").arg(&self.dir);
        if command == "start" {
            script.args(["--port", &self.port.to_string()]);
        }
        let output = script.output().unwrap();
        assert!(output.status.success(), "{command}: {}", String::from_utf8_lossy(&output.stderr));
    }

    fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }
}

impl Drop for OwnMlflow {
    fn drop(&mut self) {
        self.run("stop");
    }
}

/// What a caller was told of one turn.
#[derive(Clone, Debug)]
struct Told {
    at: Instant,
    late_frames: u64,
    voice_to_voice: Option<f64>,
    trace_id: String,
}

#[tokio::test(flavor = "multi_thread")]
async fn mlflow_and_voce_die_and_every_finished_turn_is_there_once() {
    let venv = std::env::var("VOCE_CACHE")
        .map(PathBuf::from)
        .or_else(|_| std::env::var("HOME").map(|home| PathBuf::from(home).join(".cache/voce")));
    let venv = venv.map(|cache| cache.join("python/mlflow"));
    if voce_testkit::models(EMBEDDED).is_none() || !venv.is_ok_and(|venv| venv.exists()) {
        println!(
            "SKIPPED: the models or MLflow are not installed; see voce models pull --profile embedded and scripts/mlflow install"
        );
        return;
    }
    let away = std::env::var("VOCE_CHAOS_SECONDS").ok().and_then(|text| text.parse().ok()).unwrap_or(120);
    let place = Place::with_demo_knowledge();
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let own = Arc::new(OwnMlflow { dir: place.dir.path().join("mlflow"), port });
    let starting = own.clone();
    tokio::task::spawn_blocking(move || starting.run("start")).await.unwrap();
    let collector = Collector::start().await;
    let llm = stand_ins::language_model().await;
    let arguments = arguments(&own.url(), &collector.url, &llm);
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let server = Server::start(&place, &arguments);
    let told: Arc<Mutex<Vec<Told>>> = Arc::default();
    let began = Instant::now();
    let stops = began + BASELINE;
    let ends = stops + Duration::from_secs(away);
    let mut calls = JoinSet::new();
    for number in 0..CALLS {
        calls.spawn(call(server.url.clone(), began + EVERY * number / CALLS, ends, told.clone()));
    }
    sleep_until(stops).await;
    let stopping = own.clone();
    tokio::task::spawn_blocking(move || stopping.run("stop")).await.unwrap();
    println!("MLflow stopped after {:.0} s", began.elapsed().as_secs_f64());
    while let Some(call) = calls.join_next().await {
        call.unwrap();
    }
    let told = told.lock().unwrap().clone();
    notice_nothing(&told, stops);
    finished(&told, &collector).await;
    let figures = sinks(&server.url).await;
    println!("before the kill: {figures}");
    assert_eq!(figures["sinks"][0]["up"], false);
    assert!(figures["sinks"][0]["waiting_spans"].as_u64().unwrap() > 0);
    let said = server.said();
    assert_eq!(said.iter().filter(|line| line.contains("cannot be delivered")).count(), 1, "{said:#?}");
    // Callers on the line when it dies; silent ones, so that no half turn is looked for afterwards.
    let cut_off = [Caller::connect(&server.url).await.unwrap(), Caller::connect(&server.url).await.unwrap()];
    server.kill();
    // The knowledge base is whole, and can be had: nothing holds it any more.
    let listed = place.voce(&["knowledge", "list"]);
    assert!(listed.status.success(), "{}", harness::said(&listed));
    assert!(harness::said(&listed).contains("warranty.md"), "{}", harness::said(&listed));
    for caller in cut_off {
        caller.vanish().await;
    }
    let starting = own.clone();
    tokio::task::spawn_blocking(move || starting.run("start")).await.unwrap();
    let server = Server::start(&place, &arguments);
    let back = Instant::now();
    loop {
        let figures = sinks(&server.url).await;
        let sinks = figures["sinks"].as_array().unwrap();
        if sinks.iter().all(|sink| sink["waiting_spans"] == 0) && sinks[0]["up"] == true {
            break;
        }
        assert!(back.elapsed() < PATIENCE, "{figures}");
        sleep(Duration::from_millis(500)).await;
    }
    println!("all delivered {:.1} s after the start", back.elapsed().as_secs_f64());
    equal(&collector, &Mlflow::at(&own.url())).await;
}

fn arguments(mlflow: &str, collector: &str, llm: &str) -> Vec<String> {
    let sinks = format!(
        "telemetry.sinks=[{{url=\"{mlflow}\", experiment=\"{EXPERIMENT}\"}}, {{kind=\"otlp\", url=\"{collector}\"}}]"
    );
    let set = [
        "telemetry.enabled=true".to_owned(),
        sinks,
        "llm.engine=openai".to_owned(),
        "llm.model=stand-in".to_owned(),
        format!("llm.base_url={llm}"),
        // Its traces are no turns, and it would go on making them.
        "judge.enabled=false".to_owned(),
    ];
    set.into_iter().flat_map(|assignment| ["--set".to_owned(), assignment]).collect()
}

/// One caller: a question, its answer, a pause, until the time is over.
async fn call(url: String, first: Instant, ends: Instant, told: Arc<Mutex<Vec<Told>>>) {
    let caller = Caller::connect(&url).await.unwrap();
    let question = microphone("warranty_af_heart.wav");
    let mut next = first;
    while next < ends {
        sleep_until(next).await;
        let asked = caller.say(&question).await.unwrap();
        let is_report = |message: &Received| {
            message.at > asked.began && message.kind() == "server-message" && message.data()["type"] == "turn"
        };
        let message = caller.wait_for_match("the turn's report", PATIENCE, is_report).await.unwrap();
        let report = message.data()["report"].clone();
        assert_eq!(report["end_reason"], "completed", "{report:#}");
        told.lock().unwrap().push(Told {
            at: message.at,
            late_frames: report["late_frames"].as_u64().unwrap(),
            voice_to_voice: report["voice_to_voice_seconds"].as_f64(),
            trace_id: report["trace_id"].as_str().unwrap().to_owned(),
        });
        next += EVERY;
    }
    caller.hang_up().await;
}

/// Turns without MLflow are as good as those with it.
fn notice_nothing(told: &[Told], stops: Instant) {
    let figures = |turns: Vec<&Told>| {
        let late = turns.iter().map(|turn| turn.late_frames).sum::<u64>() as f64 / turns.len() as f64;
        let mut waits: Vec<f64> = turns.iter().filter_map(|turn| turn.voice_to_voice).collect();
        waits.sort_by(f64::total_cmp);
        (turns.len(), late, waits[waits.len() / 2])
    };
    let (with, with_late, with_wait) = figures(told.iter().filter(|turn| turn.at <= stops).collect());
    let (without, without_late, without_wait) = figures(told.iter().filter(|turn| turn.at > stops).collect());
    println!("with MLflow: {with} turns, {with_late:.2} late frames a turn, voice to voice {with_wait:.2} s");
    println!("without: {without} turns, {without_late:.2} late frames a turn, {without_wait:.2} s");
    // A frame a turn, and a quarter of the wait: what another process on the two cores makes of it.
    assert!(without_late <= with_late + 1.0, "late frames: {with_late} a turn before, {without_late} after");
    assert!(
        without_wait <= with_wait * 1.25 + 0.2,
        "voice to voice: {with_wait} s before, {without_wait} s after"
    );
}

/// Waits until the collector has the root of every turn that a caller was told of, and no more comes.
async fn finished(told: &[Told], collector: &Collector) {
    let end = Instant::now() + PATIENCE;
    loop {
        let before = collector.spans().len();
        // Longer than a batch waits.
        sleep(Duration::from_secs(3)).await;
        let roots: BTreeSet<String> =
            collector.spans().into_iter().filter(|span| span.is_root).map(|span| span.trace).collect();
        if told.iter().all(|turn| roots.contains(&turn.trace_id)) && collector.spans().len() == before {
            return;
        }
        assert!(Instant::now() < end, "{} of {} turns ended", roots.len(), told.len());
    }
}

async fn sinks(url: &str) -> Value {
    reqwest::get(format!("{url}/api/telemetry")).await.unwrap().json().await.unwrap()
}

/// MLflow has each trace of the collector, no other, and of each the very same spans.
async fn equal(collector: &Collector, mlflow: &Mlflow) {
    let mut expected: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let spans = collector.spans();
    for span in &spans {
        expected.entry(span.trace.clone()).or_default().insert(span.id.clone());
    }
    let experiment = mlflow.experiment_id(EXPERIMENT).await.expect("the experiment");
    let found = mlflow.search(&experiment, "trace.name = 'voice-turn'").await;
    let ids: BTreeSet<String> = expected.keys().map(|id| format!("tr-{id}")).collect();
    assert_eq!(found.iter().cloned().collect::<BTreeSet<_>>(), ids);
    assert_eq!(found.len(), ids.len(), "each trace once");
    for (id, spans) in &expected {
        let trace = mlflow.trace(id).await.expect("a trace that the search found");
        assert_ne!(trace.state, "IN_PROGRESS");
        let there: Vec<String> = trace.spans.iter().map(|span| span.id.clone()).collect();
        assert_eq!(there.len(), spans.len(), "spans of {id}");
        assert_eq!(&there.into_iter().collect::<BTreeSet<_>>(), spans, "spans of {id}");
    }
    let distinct: usize = expected.values().map(BTreeSet::len).sum();
    println!(
        "{} traces with {distinct} spans are in MLflow, each once ({} came to the collector)",
        expected.len(),
        spans.len()
    );
}
