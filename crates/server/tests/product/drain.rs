//! The end of a server, and what it takes while it runs: SIGTERM with calls on the line, SIGHUP, other certificates.
use std::{fs, path::PathBuf, time::Duration};

use serde_json::Value;
use tokio::{task::JoinSet, time::sleep};
use voce_testkit::caller::{Caller, CallerError, Received};

use crate::{
    harness::{EMBEDDED, Place, microphone, repository},
    scripted_model::{Reply, ScriptedModel},
    serving::Server,
};

const PATIENCE: Duration = Duration::from_secs(60);
const CALLS: usize = 10;

/// A turn that was asked for and is over.
async fn turn(caller: &Caller, question: &[f32]) -> Value {
    let asked = caller.say(question).await.unwrap();
    let is_report = |message: &Received| {
        message.at > asked.began && message.kind() == "server-message" && message.data()["type"] == "turn"
    };
    let message = caller.wait_for_match("the turn's report", PATIENCE, is_report).await.unwrap();
    message.data()["report"].clone()
}

async fn ready(http: &reqwest::Client, url: &str) -> (u16, Value) {
    let answer = http.get(format!("{url}/ready")).send().await.unwrap();
    (answer.status().as_u16(), answer.json().await.unwrap())
}

fn client() -> reqwest::Client {
    // One that is installed already is as good.
    rustls::crypto::ring::default_provider().install_default().ok();
    let certificate = fs::read(file("localhost.crt")).unwrap();
    let certificate = reqwest::Certificate::from_pem(&certificate).unwrap();
    reqwest::Client::builder().tls_certs_only([certificate]).timeout(PATIENCE).build().unwrap()
}

fn file(name: &str) -> PathBuf {
    repository().join("crates/testkit/tls").join(name)
}

#[tokio::test(flavor = "multi_thread")]
async fn sigterm_lets_ten_calls_end_and_takes_no_eleventh() {
    if voce_testkit::models(EMBEDDED).is_none() {
        return;
    }
    let model = ScriptedModel::start(|_| Reply::Text("Two years.".into())).await;
    let place = Place::new();
    let settings = model.settings();
    let mut arguments: Vec<&str> = settings.iter().map(String::as_str).collect();
    arguments.extend(["--set", "admission.enabled=false", "--set", "server.drain_seconds=100"]);
    let server = Server::start(&place, &arguments);
    let mut callers = vec![];
    for _ in 0..CALLS {
        callers.push(Caller::connect(&server.url).await.unwrap());
    }
    let http = client();
    assert_eq!(ready(&http, &server.url).await.0, 200);

    server.signal("TERM");
    let told = server.says("draining", PATIENCE).await;
    assert!(told.contains("10"), "how many calls are waited for: {told}");
    match Caller::connect(&server.url).await.err() {
        Some(CallerError::Refused { status: 503, body, retry_after }) => {
            assert!(body.contains("shutting down"), "{body}");
            assert!(retry_after.is_some_and(|seconds| seconds > 0), "{retry_after:?}");
        }
        other => panic!("an eleventh call should be refused: {other:?}"),
    }
    let (status, report) = ready(&http, &server.url).await;
    assert_eq!((status, &report["ready"]), (503, &Value::Bool(false)), "{report:#}");
    assert!(report["checks"][0]["detail"].as_str().unwrap().contains("draining"), "{report:#}");
    let alive = http.get(format!("{}/health", server.url)).send().await.unwrap();
    assert_eq!(alive.status().as_u16(), 200);

    let mut talks = JoinSet::new();
    for (number, caller) in callers.into_iter().enumerate() {
        talks.spawn(async move {
            // One after the other speaks, so that the machine keeps up.
            sleep(Duration::from_millis(400) * u32::try_from(number).unwrap()).await;
            let report = turn(&caller, &microphone("opening_hours.wav")).await;
            caller.hang_up().await;
            report
        });
    }
    while let Some(report) = talks.join_next().await {
        let report = report.unwrap();
        assert_eq!(report["end_reason"], "completed", "{report:#}");
        assert_eq!(report["heard"].as_str().unwrap().trim(), "Two years.", "{report:#}");
    }
    let status = server.ended(Duration::from_secs(30)).await;
    assert!(status.success(), "{status}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_takes_new_settings_and_certificates_while_it_runs_and_ends_who_stays() {
    if voce_testkit::models(EMBEDDED).is_none() {
        return;
    }
    let model = ScriptedModel::start(|_| Reply::Text("Two years.".into())).await;
    let place = Place::new();
    let at = |name: &str| place.dir.path().join(name);
    fs::copy(file("localhost.crt"), at("tls.crt")).unwrap();
    fs::copy(file("localhost.key"), at("tls.key")).unwrap();
    let tls = "[server.tls]\ncertificate = \"tls.crt\"\nkey = \"tls.key\"\n";
    let configure = |text: &str| fs::write(at("voce.toml"), format!("{tls}{text}")).unwrap();
    configure("[assistant]\nsystem_prompt = \"Answer in the old way.\"\n");
    let settings = model.settings();
    let mut arguments: Vec<&str> = settings.iter().map(String::as_str).collect();
    arguments.extend(["--set", "admission.enabled=false", "--set", "server.drain_seconds=3"]);
    arguments.extend(["--set", "server.operations_listen=127.0.0.1:0"]);
    let server = Server::start(&place, &arguments);
    assert!(server.url.starts_with("https://127.0.0.1:"), "{}", server.url);
    let http = client();

    // The page is there over TLS, and what is for operators alone is not.
    let page = http.get(&server.url).send().await.unwrap();
    assert_eq!((page.status().as_u16(), page.version()), (200, reqwest::Version::HTTP_2));
    assert_eq!(http.get(format!("{}/health", server.url)).send().await.unwrap().status().as_u16(), 200);
    for operations in ["ready", "metrics"] {
        let answer = http.get(format!("{}/{operations}", server.url)).send().await.unwrap();
        assert_eq!(answer.status().as_u16(), 404, "{operations}");
    }

    // A broken file changes nothing; a good one is there for the next call, and the call on the line keeps what it has.
    let first = Caller::connect_by(http.clone(), &server.url).await.unwrap();
    configure("[assistant]\ngreting = \"Hello.\"\n");
    server.signal("HUP");
    let told = server.says("was not taken", PATIENCE).await;
    assert!(told.contains("greting"), "{told}");
    configure(
        "[assistant]\nsystem_prompt = \"Answer in the new way.\"\ngreeting = \"Welcome.\"\n[transport]\nmax_calls = 3\n",
    );
    server.signal("HUP");
    let told = server.says("need a restart", PATIENCE).await;
    assert!(told.contains("transport.max_calls"), "{told}");
    let told = server.says("was read again", PATIENCE).await;
    assert!(told.contains("assistant.greeting"), "{told}");
    let second = Caller::connect_by(http.clone(), &server.url).await.unwrap();
    let is_greeting =
        |message: &Received| message.kind() == "bot-output" && message.data()["text"] == "Welcome.";
    second.wait_for_match("the new greeting", PATIENCE, is_greeting).await.unwrap();
    let report = turn(&first, &microphone("opening_hours.wav")).await;
    assert_eq!(report["end_reason"], "completed", "{report:#}");
    let asked = model.asked();
    let prompt = asked.last().unwrap().0["messages"][0]["content"].as_str().unwrap().to_owned();
    assert!(prompt.contains("the old way"), "the call on the line keeps its prompt: {prompt}");

    // Who stays is ended with a word, and that is no failure.
    server.signal("TERM");
    first.hang_up().await;
    second.wait_for("signalling", Duration::from_secs(20)).await.unwrap();
    second.wait_for_end(Duration::from_secs(10)).await.unwrap();
    let status = server.ended(Duration::from_secs(20)).await;
    assert!(status.success(), "{status}");
}
