//! `voce judge` on simulated turns in a real MLflow, with a model's server of the test's own.
use std::{
    collections::BTreeMap,
    path::Path,
    process::{Child, Stdio},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::Duration,
};

use serde_json::Value;
use tokio::time::{Instant, sleep};
use voce_mlflow::{Assessment, Client, Credentials, Order, Search, Source, TraceInfo};
use voce_testkit::judge_server::{Answer, Asked, JudgeServer};

use crate::{
    harness::{Place, repository, said},
    report::Simulated,
};

/// The metrics that every assistant wants.
const FIVE: [&str; 5] = ["answer_relevancy", "coherence", "faithfulness", "retrieval_relevancy", "tone"];
/// Those of them that are about what was found.
const OF_RETRIEVAL: [&str; 2] = ["faithfulness", "retrieval_relevancy"];
/// One more, by a file alone.
const SIXTH: &str = "brevity";
const SIXTH_FILE: &str = r#"
name = "brevity"
version = 1
kind = "model"
needs = ["question", "answer"]
sees = ["question", "answer"]
rubric = "Is the answer as short as it can be?"
[scores]
5 = "Not a word too many."
1 = "Rambling."
"#;
/// Of each process.
const AT_ONCE: usize = 2;

/// Turns, a model's server, and judges.
struct Court {
    turns: Simulated,
    model: JudgeServer,
    settings: Vec<String>,
    client: Client,
}

impl Court {
    async fn new(
        name: &str,
        files: &[&str],
        script: impl Fn(&Asked) -> Answer + Send + Sync + 'static,
    ) -> Option<Self> {
        let turns = Simulated::new(name).await?;
        let folder = turns.place.dir.path().join("judges");
        copy(files, &folder);
        let model = JudgeServer::start(script).await;
        let settings = [
            format!("judge.folder={}", folder.display()),
            format!("judge.base_url={}", model.url()),
            "judge.model=referee".into(),
            format!("judge.at_once={AT_ONCE}"),
            "judge.poll_seconds=0.3".into(),
            "judge.requests_per_minute=0".into(),
        ];
        let client = Client::new(turns.mlflow.url(), Credentials::none()).unwrap();
        Some(Self { turns, model, settings: settings.into(), client })
    }

    fn arguments<'a>(&'a self, own: &[&'a str]) -> Vec<&'a str> {
        let mut all = vec!["judge"];
        all.extend(own);
        all.extend(self.settings.iter().flat_map(|setting| ["--set", setting.as_str()]));
        all
    }

    /// A `voce judge` that goes on until it is ended.
    fn worker(&self) -> Child {
        let mut command = self.turns.command(&self.arguments(&["--set", "judge.lease_seconds=10"]));
        command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("voce runs")
    }

    async fn voce(&self, own: &[&str]) -> std::process::Output {
        let mut command = self.turns.command(&self.arguments(own));
        // The model's server runs on this runtime.
        tokio::task::spawn_blocking(move || command.output().expect("voce runs")).await.unwrap()
    }

    async fn status(&self) -> Value {
        let output = self.voce(&["--status", "--json"]).await;
        assert!(output.status.success(), "{}", said(&output));
        serde_json::from_slice(&output.stdout).expect("a status in JSON")
    }

    async fn found(&self, experiment: &str, filter: &str) -> Vec<TraceInfo> {
        let experiment_id = self.client.experiment(experiment).await.unwrap();
        let search = Search { experiment_id: &experiment_id, filter, order: Order::Oldest, limit: 500 };
        self.client.search(&search).await.unwrap()
    }

    /// Turns that can be scored.
    async fn turns(&self) -> Vec<TraceInfo> {
        self.found(&self.turns.experiment, "trace.status = 'OK'").await
    }

    async fn wait_until_none_waits(&self) -> Vec<TraceInfo> {
        let end = Instant::now() + Duration::from_secs(120);
        loop {
            let turns = self.turns().await;
            // The claim goes after the mark.
            if turns.iter().all(|turn| mark(turn).is_some() && claims(turn) == 0) {
                return turns;
            }
            assert!(Instant::now() < end, "{:?}", turns.iter().map(mark).collect::<Vec<_>>());
            sleep(Duration::from_millis(300)).await;
        }
    }
}

fn copy(files: &[&str], folder: &Path) {
    std::fs::create_dir(folder).unwrap();
    for file in files {
        let file = format!("{file}.toml");
        std::fs::copy(repository().join("config/judges").join(&file), folder.join(&file)).unwrap();
    }
}

/// What the judge's mark says; `None` while the turn waits.
fn mark(turn: &TraceInfo) -> Option<&str> {
    turn.tags.iter().find(|(key, _)| key.starts_with("judged_"))?.1.as_str()
}

fn claims(turn: &TraceInfo) -> usize {
    turn.assessments.iter().filter(|one| one.name == "judge_claim").count()
}

fn is_searched(trace: &voce_mlflow::Trace) -> bool {
    trace.named("rag").next().is_some()
}

async fn wait_for(what: impl Fn() -> bool) {
    let end = Instant::now() + Duration::from_secs(60);
    while !what() {
        assert!(Instant::now() < end, "it did not come to that");
        sleep(Duration::from_millis(20)).await;
    }
}

fn end(mut worker: Child) {
    // SIGTERM, as services are ended.
    let pid = worker.id().to_string();
    assert!(std::process::Command::new("kill").arg(pid).status().unwrap().success());
    assert!(worker.wait().unwrap().success(), "a worker that is told to end ends well");
}

fn good(asked: &Asked) -> Answer {
    Answer::scores(asked, |metric| (3 + metric.len() as i64 % 3, format!("It is so, for {metric}.")))
}

#[tokio::test(flavor = "multi_thread")]
async fn two_workers_and_a_kill_score_every_turn_once() {
    let script = |asked: &Asked| match good(asked) {
        Answer::Text(text) => Answer::Late(Duration::from_millis(100), text),
        other => other,
    };
    let Some(mut court) = Court::new("judged", &FIVE, script).await else { return };
    std::fs::write(court.turns.place.dir.path().join("judges").join(format!("{SIXTH}.toml")), SIXTH_FILE)
        .unwrap();
    court.turns.make(&["--count", "54", "--seed", "5", "--minutes", "30"]);
    let (mut killed, other) = (court.worker(), court.worker());
    wait_for(|| court.model.asked().len() >= 12).await;
    killed.kill().unwrap();
    killed.wait().unwrap();
    let again = court.worker();
    let turns = court.wait_until_none_waits().await;
    end(other);
    end(again);

    assert!(turns.len() >= 50, "{} turns", turns.len());
    let asked = court.model.asked().len();
    assert!(
        (turns.len()..=turns.len() + AT_ONCE).contains(&asked),
        "{asked} requests for {} turns",
        turns.len()
    );
    let ids: Vec<&str> = turns.iter().map(|turn| turn.id.as_str()).collect();
    let traces = court.client.traces(&ids).await.unwrap();
    assert!(traces.iter().any(is_searched) && !traces.iter().all(is_searched), "turns of both kinds");
    for trace in &traces {
        assert_eq!(mark(&trace.info), Some("scored"));
        let mut expected = [&FIVE[..], &[SIXTH]].concat();
        expected.retain(|metric| is_searched(trace) || !OF_RETRIEVAL.contains(metric));
        expected.sort_unstable();
        let mut names: Vec<&str> = trace.info.assessments.iter().map(|one| one.name.as_str()).collect();
        names.sort_unstable();
        assert_eq!(names, expected, "{}", trace.info.id);
        trace.info.assessments.iter().for_each(is_whole);
        assert!(
            trace.spans.iter().all(|span| !span.name.starts_with("judge")),
            "the judge's work is not the turn's"
        );
    }
    own_traces(&court, &turns).await;
}

fn is_whole(score: &Assessment) {
    let expected = 3 + score.name.len() % 3;
    assert_eq!(score.score(), Some(expected as f64), "{}", score.name);
    assert_eq!(score.source, Source::Judge("referee".into()));
    assert_eq!(score.rationale, format!("It is so, for {}.", score.name));
    assert_eq!(score.metadata["judge.metric_version"], "1");
}

/// The judge's work on each turn is a trace of its own, in an experiment of its own.
async fn own_traces(court: &Court, turns: &[TraceInfo]) {
    let experiment = format!("{}-judge", court.turns.experiment);
    let own = court.found(&experiment, "trace.name = 'judge'").await;
    let mut of_turn: BTreeMap<&str, usize> = BTreeMap::new();
    for trace in &own {
        *of_turn.entry(trace.tags["voce_turn"].as_str().unwrap()).or_default() += 1;
    }
    // What the killed worker had not sent yet is lost with it.
    assert!(of_turn.len() + 20 > turns.len(), "{} of {}", of_turn.len(), turns.len());
    let trace = court.client.trace(&own[0].id).await.unwrap().unwrap();
    let ask = trace.named("judge.ask").next().unwrap();
    assert_eq!(ask.figure("gen_ai.usage.input_tokens"), Some(100.0));
    assert_eq!(ask.word("gen_ai.request.model"), Some("referee"));
    assert_eq!(own[0].tokens(), Some((100, 20)));
    let root = trace.root().unwrap();
    assert_eq!(root.word("mlflow.spanType"), Some("EVALUATOR"));
    assert!(root.word("mlflow.spanOutputs").unwrap().contains("tone 4: It is so, for tone."));
}

/// What the model's server does with the turns of each question, in the order of the questions.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Mischief {
    /// Too many requests, once; then all is well.
    Limits,
    Garbage,
    Seven,
    Hangs,
    Fails,
}

const MISCHIEFS: [(&str, Mischief); 5] = [
    ("What is the warranty", Mischief::Limits),
    ("When are you open", Mischief::Garbage),
    ("How do I clean", Mischief::Seven),
    ("Can I return it", Mischief::Hangs),
    ("Does it fit", Mischief::Fails),
];

fn mischief(text: &str) -> Mischief {
    MISCHIEFS.iter().find(|(question, _)| text.contains(question)).expect("a question of the simulation").1
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_in_trouble_never_makes_a_score_and_never_loses_a_turn() {
    let (healed, limited) = (Arc::new(AtomicBool::new(false)), AtomicBool::new(false));
    let is_well = healed.clone();
    let script = move |asked: &Asked| {
        if is_well.load(Relaxed) {
            return good(asked);
        }
        match mischief(asked.turn()["question"].as_str().unwrap()) {
            Mischief::Limits if !limited.swap(true, Relaxed) => {
                Answer::Status(429, "slow down".into(), Some(1))
            }
            Mischief::Limits => good(asked),
            Mischief::Garbage => Answer::Text("I would rather talk about the weather.".into()),
            Mischief::Seven => Answer::scores(asked, |_| (7, "beyond praise".into())),
            Mischief::Hangs => Answer::Hang,
            Mischief::Fails => Answer::Status(500, "out of memory".into(), None),
        }
    };
    let Some(mut court) = Court::new("trouble", &["tone", "latency_budget"], script).await else { return };
    court.turns.make(&["--count", "8", "--seed", "5", "--minutes", "30"]);
    let turns = court.turns().await;
    let of = |wanted: Mischief| turns.iter().filter(|turn| mischief(&turn.request_preview) == wanted).count();
    for (_, wanted) in MISCHIEFS {
        assert!(of(wanted) > 0, "no turn for {wanted:?}; take another seed");
    }
    let once = [
        "--once",
        "--set",
        "judge.attempts=2",
        "--set",
        "judge.retry_seconds=0.2",
        "--set",
        "judge.timeout_seconds=0.5",
    ];
    let output = court.voce(&once).await;
    assert_eq!(output.status.code(), Some(1), "{}", said(&output));

    let status = court.status().await;
    assert_eq!((&status["waiting"], &status["scored"]), (&0.into(), &of(Mischief::Limits).into()));
    let mut kinds: BTreeMap<&str, usize> = BTreeMap::new();
    for dead in status["dead"].as_array().unwrap() {
        *kinds.entry(dead["kind"].as_str().unwrap()).or_default() += 1;
        assert_eq!((&dead["attempts"], &dead["metrics"]), (&2.into(), &"tone".into()), "{dead}");
    }
    let invalid = of(Mischief::Garbage) + of(Mischief::Seven);
    let expected = [("away", of(Mischief::Fails)), ("invalid", invalid), ("timeout", of(Mischief::Hangs))];
    assert_eq!(kinds, BTreeMap::from(expected));
    // An answer that cannot be used is asked for once more; failures before the first answer do not count as tries.
    let asked = court.model.asked().len();
    let most = of(Mischief::Limits) + 1 + 4 * invalid + 2 * (of(Mischief::Hangs) + of(Mischief::Fails)) + 2;
    assert!(asked <= most, "{asked} requests, expected {most} at most");
    for turn in &court.turns().await {
        assert_eq!(claims(turn), 0);
        for score in &turn.assessments {
            assert!((1.0..=5.0).contains(&score.score().unwrap()), "{score:?}");
            let is_fine =
                score.name == "latency_budget" || mischief(&turn.request_preview) == Mischief::Limits;
            assert!(is_fine, "{score:?}");
        }
        assert!(turn.assessments.iter().any(|one| one.name == "latency_budget"), "what could be scored was");
    }

    healed.store(true, Relaxed);
    let output = court.voce(&["--retry"]).await;
    let dead = turns.len() - of(Mischief::Limits);
    assert!(said(&output).contains(&format!("{dead} turns wait again")), "{}", said(&output));
    let output = court.voce(&once).await;
    assert!(output.status.success(), "{}", said(&output));
    let turns = court.turns().await;
    assert!(turns.iter().all(|turn| mark(turn) == Some("scored") && turn.assessments.len() == 2));
    assert!(court.status().await["dead"].as_array().unwrap().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_never_answers_costs_no_turn() {
    let script = |_: &Asked| Answer::Status(401, "who are you?".into(), None);
    let Some(mut court) = Court::new("unasked", &["tone"], script).await else { return };
    court.turns.make(&["--count", "2", "--seed", "1", "--minutes", "30"]);
    let output = court.voce(&["--once", "--set", "judge.attempts=2"]).await;
    assert!(!output.status.success() && said(&output).contains("API_KEY"), "{}", said(&output));
    assert_eq!(court.model.asked().len(), 2);
    for turn in court.turns().await {
        assert_eq!((mark(&turn), claims(&turn)), (None, 0));
    }
}

#[test]
fn a_broken_judge_file_is_refused_with_its_line_and_the_reason() {
    let place = Place::new();
    let folder = place.dir.path().join("judges");
    copy(&["tone"], &folder);
    let broken = SIXTH_FILE.replace("version = 1", "version = 1\nrubrik = \"?\"");
    std::fs::write(folder.join(format!("{SIXTH}.toml")), broken).unwrap();
    let setting = format!("judge.folder={}", folder.display());
    for command in [&["judge", "--once"][..], &["serve", "--listen", "127.0.0.1:0"]] {
        let output = place.voce(&[command, &["--set", &setting]].concat());
        assert!(!output.status.success());
        let text = said(&output);
        for part in ["brevity.toml", "line 4", "rubrik"] {
            assert!(text.contains(part), "{part} is not in {text}");
        }
    }
}
