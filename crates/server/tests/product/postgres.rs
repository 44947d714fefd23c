//! As `deploy/compose.yaml` sets them up: a PostgreSQL, MLflow on it, and voce with its judge, all started here.
use std::{path::PathBuf, process::Command, sync::Arc, time::Duration};

use tokio::time::{Instant, sleep};
use voce_mlflow::{Client, Credentials, Order, Search, Source, TraceInfo};
use voce_testkit::{
    caller::Caller,
    judge_server::{Answer, JudgeServer},
    mlflow::Mlflow,
};

use crate::{
    calls::report_after,
    harness::{EMBEDDED, Place, microphone, repository},
    serving::Server,
    traces::TREE,
};

const EXPERIMENT: &str = "voice-bot";
const PATIENCE: Duration = Duration::from_secs(60);

/// Both, in a folder that PostgreSQL's own user can enter; they end with the test.
struct Databases {
    folder: PathBuf,
    url: String,
}

impl Databases {
    /// Says why and returns `None` where there is no PostgreSQL or no MLflow. Blocking.
    fn start() -> Option<Self> {
        let is_there = script("postgres", &["programs"]).is_ok() && mlflow_is_installed();
        if !is_there {
            let words = "PostgreSQL or MLflow is not there; scripts/postgres install and scripts/mlflow install fetch them";
            assert!(std::env::var("VOCE_REQUIRE_POSTGRES").is_err(), "{words}");
            println!("SKIPPED: {words}");
            return None;
        }
        let folder = std::env::temp_dir().join(format!("voce-test-{}", uuid::Uuid::new_v4().simple()));
        std::fs::create_dir(&folder).unwrap();
        // From here on it is cleaned up whatever fails.
        let mut started = Self { folder, url: String::new() };
        let (postgres, mlflow) = (started.path("postgres"), started.path("mlflow"));
        let port = free_port();
        let database = script("postgres", &["start", "--test", "--dir", &postgres, "--port", &port]).unwrap();
        let password = format!("{postgres}/password");
        let port = free_port();
        let hosts = allowed_hosts();
        let mut arguments = vec!["start", "--dir", &mlflow, "--port", &port, "--database", &database];
        arguments.extend(["--password-file", &password, "--allowed-hosts", &hosts]);
        started.url = script("mlflow", &arguments).unwrap();
        Some(started)
    }

    fn path(&self, name: &str) -> String {
        self.folder.join(name).display().to_string()
    }

    /// What PostgreSQL itself answers. Blocking.
    fn rows(&self, sql: &str) -> String {
        script("postgres", &["query", "--dir", &self.path("postgres"), sql]).unwrap()
    }
}

impl Drop for Databases {
    fn drop(&mut self) {
        script("mlflow", &["stop", "--dir", &self.path("mlflow")]).ok();
        script("postgres", &["stop", "--dir", &self.path("postgres")]).ok();
        std::fs::remove_dir_all(&self.folder).ok();
    }
}

/// What one of our scripts printed, or why it failed.
fn script(name: &str, arguments: &[&str]) -> Result<String, String> {
    let mut command = Command::new(repository().join("scripts").join(name));
    let output = command.args(arguments).output().map_err(|error| error.to_string())?;
    match output.status.success() {
        true => Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned()),
        false => Err(format!("scripts/{name}: {}", String::from_utf8_lossy(&output.stderr))),
    }
}

/// The names by which compose's services, and people on the machine, reach MLflow.
fn allowed_hosts() -> String {
    const FLAG: &str = "--allowed-hosts=";
    let compose =
        std::fs::read_to_string(repository().join("deploy/compose.yaml")).expect("deploy/compose.yaml");
    let (_, after) = compose.split_once(FLAG).expect("MLflow's flag in deploy/compose.yaml");
    let value = after.lines().next().unwrap_or_default();
    value.trim().trim_end_matches(['"', '\'']).to_owned()
}

fn mlflow_is_installed() -> bool {
    let cache = std::env::var("VOCE_CACHE")
        .map(PathBuf::from)
        .or_else(|_| std::env::var("HOME").map(|home| PathBuf::from(home).join(".cache/voce")));
    cache.is_ok_and(|cache| cache.join("python/mlflow/voce-installed").is_file())
}

fn free_port() -> String {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port().to_string()
}

/// Turns of the experiment as soon as there are two that the judge is done with.
async fn judged(client: &Client) -> Vec<TraceInfo> {
    let experiment_id = client.experiment(EXPERIMENT).await.unwrap();
    let filter = "trace.name = 'voice-turn'";
    let search = Search { experiment_id: &experiment_id, filter, order: Order::Oldest, limit: 10 };
    let end = Instant::now() + PATIENCE;
    loop {
        let turns = client.search(&search).await.unwrap();
        let is_done = |turn: &TraceInfo| {
            let mark = turn.tags.iter().find(|(key, _)| key.starts_with("judged_"));
            mark.is_some_and(|(_, mark)| mark.as_str() == Some("scored"))
        };
        if turns.len() == 2 && turns.iter().all(is_done) {
            return turns;
        }
        let tags: Vec<_> = turns.iter().map(|turn| &turn.tags).collect();
        assert!(Instant::now() < end, "the judge has not scored both turns: {tags:?}");
        sleep(Duration::from_millis(500)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_stands_in_postgresql_with_its_traces_session_and_scores() {
    if voce_testkit::models(EMBEDDED).is_none() {
        return;
    }
    let reading = tokio::task::spawn_blocking(Place::with_demo_knowledge);
    let Some(databases) = tokio::task::spawn_blocking(Databases::start).await.unwrap() else { return };
    let databases = Arc::new(databases);
    let place = reading.await.unwrap();
    let judge =
        JudgeServer::start(|asked| Answer::scores(asked, |metric| (4, format!("It is good, for {metric}."))))
            .await;
    let sink = format!("telemetry.sinks=[{{url=\"{}\", experiment=\"{EXPERIMENT}\"}}]", databases.url);
    let asked_at = format!("judge.base_url={}", judge.url());
    let mut settings = vec!["telemetry.enabled=true", &sink, &asked_at];
    settings.extend(["judge.model=referee", "judge.poll_seconds=0.5", "judge.requests_per_minute=0"]);
    let settings: Vec<&str> = settings.into_iter().flat_map(|setting| ["--set", setting]).collect();
    let server = Server::start(&place, &settings);

    let caller = Caller::connect(&server.url).await.unwrap();
    let mut ids = vec![];
    for question in ["warranty_af_heart.wav", "hours_am_michael.wav"] {
        let asked = caller.say(&microphone(question)).await.unwrap();
        let report = report_after(&caller, asked.began).await;
        assert_eq!(report["end_reason"], "completed", "{report:#}");
        ids.push(report["trace_id"].as_str().expect("a traced turn").to_owned());
    }
    caller.hang_up().await;

    // Traces, whole, as one session.
    let mlflow = Mlflow::at(&databases.url);
    let mut sessions = vec![];
    for id in &ids {
        let trace = mlflow.wait_for_trace(id, PATIENCE).await;
        assert_eq!(trace.state, "OK");
        for (name, parent, _) in TREE {
            assert_eq!(trace.parent_of(trace.span(name)), *parent, "parent of {name}");
        }
        sessions.push(trace.metadata["mlflow.trace.session"].as_str().expect("a session").to_owned());
    }
    assert_eq!(sessions[0], sessions[1], "one call, one session");

    // Scores.
    let client = Client::new(&databases.url, Credentials::none()).unwrap();
    for turn in judged(&client).await {
        let of_model: Vec<_> =
            turn.assessments.iter().filter(|one| one.source == Source::Judge("referee".into())).collect();
        let names: Vec<&str> = of_model.iter().map(|one| one.name.as_str()).collect();
        for metric in ["faithfulness", "answer_relevancy", "retrieval_relevancy", "tone", "coherence"] {
            assert!(names.contains(&metric), "{metric} is missing: {names:?}");
        }
        assert!(of_model.iter().all(|one| one.score() == Some(4.0)));
    }

    // It is PostgreSQL where all this stands, and names that nobody allowed are refused.
    let asked = databases.clone();
    let session = sessions.remove(0);
    let counted = tokio::task::spawn_blocking(move || {
        let traces =
            format!("SELECT count(*) FROM trace_info WHERE session_id = '{session}' AND status = 'OK'");
        let named = "SELECT count(*) FROM assessments WHERE name = 'faithfulness' AND source_id = 'referee'";
        let spans = "SELECT count(DISTINCT trace_id) FROM spans WHERE name = 'voice_to_voice'";
        [asked.rows(&traces), asked.rows(named), asked.rows(spans)]
    });
    assert_eq!(counted.await.unwrap(), ["2", "2", "2"]);
    assert!(!databases.folder.join("mlflow/mlflow.db").exists(), "no SQLite beside it");
    let http = reqwest::Client::new();
    let url =
        format!("{}/api/2.0/mlflow/experiments/get-by-name?experiment_name={EXPERIMENT}", databases.url);
    for (host, status) in [("mlflow:5000", 200), ("elsewhere.example.org", 403)] {
        let answer = http.get(&url).header("host", host).send().await.unwrap();
        assert_eq!(answer.status(), status, "{host}");
    }
    drop(server);
    tokio::task::spawn_blocking(move || drop(databases)).await.unwrap();
}
