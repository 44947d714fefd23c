//! With `telemetry.content = "none"` nothing that was said is found in anything that leaves or outlives the call.
use std::{
    collections::BTreeSet,
    fs,
    path::Path,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use axum::{Router, body::Bytes, extract::State, http::StatusCode, routing::post};
use serde_json::Value;
use tokio::{net::TcpListener, task::JoinSet, time::sleep};
use voce_testkit::caller::Caller;

use crate::{
    harness::{EMBEDDED, Place, microphone},
    serving::Server,
};

const PATIENCE: Duration = Duration::from_secs(40);
/// Words that are no proof: they stand in names of ours and in any text.
const COMMON: &[&str] =
    &["what", "with", "from", "this", "that", "have", "your", "they", "will", "does", "time", "date"];

/// Keeps the bytes that a sink gets, once it is there.
#[derive(Clone, Default)]
struct Sink {
    is_away: Arc<AtomicBool>,
    bodies: Arc<Mutex<Vec<Vec<u8>>>>,
}

impl Sink {
    async fn start(tasks: &mut JoinSet<()>) -> (Self, String) {
        let sink = Self::default();
        sink.is_away.store(true, Ordering::Relaxed);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let routes = Router::new().route("/v1/traces", post(take)).with_state(sink.clone());
        tasks.spawn(async move { axum::serve(listener, routes).await.unwrap() });
        (sink, url)
    }

    fn bytes(&self) -> Vec<u8> {
        self.bodies.lock().unwrap().concat()
    }
}

async fn take(State(sink): State<Sink>, body: Bytes) -> StatusCode {
    if sink.is_away.load(Ordering::Relaxed) {
        return StatusCode::SERVICE_UNAVAILABLE;
    }
    sink.bodies.lock().unwrap().push(body.to_vec());
    StatusCode::OK
}

/// All that was left behind by one call.
struct Left {
    report: Value,
    /// What the sink got.
    sent: Vec<u8>,
    /// What lay on the disk while the sink was away, and after the end.
    kept: Vec<u8>,
    log: Vec<String>,
}

/// One real question under this switch, to a sink that is away until the turn has ended.
async fn asked(content: &str, format: &str) -> Left {
    let place = Place::with_demo_knowledge();
    let mut tasks = JoinSet::new();
    let (sink, url) = Sink::start(&mut tasks).await;
    let state = place.dir.path().join("state");
    let variables = [("XDG_STATE_HOME", state.to_str().unwrap())];
    let sinks = format!("telemetry.sinks=[{{kind=\"otlp\", url=\"{url}\"}}]");
    let content = format!("telemetry.content={content}");
    let format = format!("telemetry.log.format={format}");
    let arguments = ["--set", "telemetry.enabled=true", "--set", &sinks, "--set", &content, "--set", &format];
    let server = Server::start_in(&place, &variables, &arguments);
    let caller = Caller::connect(&server.url).await.unwrap();
    let asked = caller.say(&microphone("warranty_af_heart.wav")).await.unwrap();
    let is_report = |message: &voce_testkit::caller::Received| {
        message.at > asked.began && message.kind() == "server-message" && message.data()["type"] == "turn"
    };
    let message = caller.wait_for_match("the turn's report", PATIENCE, is_report).await.unwrap();
    let report = message.data()["report"].clone();
    caller.hang_up().await;
    // Longer than a batch waits and a spool writes.
    sleep(Duration::from_secs(3)).await;
    let mut kept = files(&state);
    sink.is_away.store(false, Ordering::Relaxed);
    let trace = report["trace_id"].as_str().unwrap();
    let trace: Vec<u8> =
        (0..trace.len()).step_by(2).map(|at| u8::from_str_radix(&trace[at..at + 2], 16).unwrap()).collect();
    for _ in 0..300 {
        if contains(&sink.bytes(), &trace) {
            break;
        }
        sleep(Duration::from_millis(200)).await;
    }
    assert!(contains(&sink.bytes(), &trace), "the turn was delivered: {:?}", server.said());
    kept.extend(files(&state));
    let log = server.said();
    Left { report, sent: sink.bytes(), kept, log }
}

fn files(folder: &Path) -> Vec<u8> {
    let Ok(entries) = fs::read_dir(folder) else { return vec![] };
    let mut all = vec![];
    for entry in entries {
        let path = entry.unwrap().path();
        all.extend(if path.is_dir() { files(&path) } else { fs::read(path).unwrap() });
    }
    all
}

fn contains(bytes: &[u8], wanted: &[u8]) -> bool {
    bytes.windows(wanted.len()).any(|window| window == wanted)
}

/// The words of question and answer that say something.
fn words(report: &Value) -> BTreeSet<String> {
    let said = ["question", "generated", "spoken", "heard"].map(|field| report[field].as_str().unwrap());
    let said = said.join(" ").to_lowercase();
    let words = said.split(|sign: char| !sign.is_alphanumeric()).filter(|word| word.len() >= 4);
    words.filter(|word| !COMMON.contains(word)).map(str::to_owned).collect()
}

/// Which of the words stand in the bytes, whatever their case.
fn found<'w>(words: &'w BTreeSet<String>, bytes: &[u8]) -> Vec<&'w String> {
    let lower = bytes.to_ascii_lowercase();
    words.iter().filter(|word| contains(&lower, word.as_bytes())).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn without_content_nothing_that_was_said_is_sent_kept_or_logged() {
    if voce_testkit::models(EMBEDDED).is_none() {
        return;
    }
    // The search works: with content the words are there.
    let full = asked("full", "plain").await;
    let said = words(&full.report);
    assert!(said.contains("warranty") && said.len() >= 5, "{said:?}");
    assert_eq!(found(&said, &full.sent), said.iter().collect::<Vec<_>>());
    assert!(full.kept.is_empty() || !found(&said, &full.kept).is_empty(), "the spool is searched as it is");
    assert!(found(&said, full.log.join("\n").as_bytes()).is_empty(), "{:#?}", full.log);
    for format in ["plain", "json"] {
        let none = asked("none", format).await;
        let said = words(&none.report);
        assert!(said.contains("warranty") && said.len() >= 5, "{said:?}");
        assert!(
            !none.sent.is_empty() && found(&said, &none.sent).is_empty(),
            "{:?}",
            found(&said, &none.sent)
        );
        assert!(found(&said, &none.kept).is_empty(), "{:?}", found(&said, &none.kept));
        let log = none.log.join("\n");
        assert!(found(&said, log.as_bytes()).is_empty(), "{:?} in {log}", found(&said, log.as_bytes()));
        one_line_for_the_turn(&none, format);
        println!(
            "{format}: none of {} words in {} bytes sent, {} kept, {} lines",
            said.len(),
            none.sent.len(),
            none.kept.len(),
            none.log.len()
        );
    }
}

fn one_line_for_the_turn(left: &Left, format: &str) {
    let lines: Vec<&String> = left.log.iter().filter(|line| line.contains("turn ended")).collect();
    assert_eq!(lines.len(), 1, "{:#?}", left.log);
    let trace = left.report["trace_id"].as_str().unwrap();
    assert!(lines[0].contains(trace) && lines[0].contains("voice_to_voice_ms"), "{}", lines[0]);
    if format == "json" {
        let line: Value = serde_json::from_str(lines[0]).unwrap();
        assert_eq!((&line["trace_id"], &line["level"]), (&trace.into(), &"INFO".into()));
        assert_eq!(line["end_reason"], "completed");
        assert!(line["llm_ms"].is_u64() && line["call"].is_string(), "{line}");
    }
}
