//! The last turns as the page looks into them, their sound beside the trace, and scores as they come.
use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::{Instant, sleep};
use voce_testkit::{caller::Caller, mlflow::Mlflow};

use crate::{
    harness::{EMBEDDED, Place, microphone},
    serving::Server,
};

const PATIENCE: Duration = Duration::from_secs(30);
/// A fact about the hash that deals callers to variants.
const VARIANT_OF_ANN: &str = "calm";

async fn json_of(url: &str) -> Value {
    let began = Instant::now();
    loop {
        let answer = reqwest::get(url).await.unwrap();
        if answer.status().is_success() {
            return answer.json().await.unwrap();
        }
        assert!(began.elapsed() < PATIENCE, "{url}: {}", answer.text().await.unwrap());
        sleep(Duration::from_millis(200)).await;
    }
}

/// Mono samples of a WAV file of 16 bits, and their rate.
fn samples(wav: &[u8]) -> (Vec<i16>, u32) {
    assert_eq!(&wav[..4], b"RIFF", "a WAV file");
    let rate_hz = u32::from_le_bytes(wav[24..28].try_into().unwrap());
    (wav[44..].chunks_exact(2).map(|two| i16::from_le_bytes([two[0], two[1]])).collect(), rate_hz)
}

fn loud_seconds((samples, rate_hz): &(Vec<i16>, u32)) -> f64 {
    samples.iter().filter(|sample| sample.unsigned_abs() > 300).count() as f64 / f64::from(*rate_hz)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_turn_can_be_looked_into_heard_again_in_mlflow_and_scored() {
    let Some(mlflow) = Mlflow::from_environment() else { return };
    if voce_testkit::models(EMBEDDED).is_none() {
        return;
    }
    let place = Place::with_demo_knowledge();
    let experiment = format!("voce-test-inspector-{}", std::process::id());
    let sink = format!("telemetry.sinks=[{{url=\"{}\", experiment=\"{experiment}\"}}]", mlflow.url());
    let settings = [
        "telemetry.enabled=true",
        &sink,
        "telemetry.audio.enabled=true",
        "variants.calm.tts.voice=bf_emma",
        // Two thresholds over one knowledge base, which can be opened but once.
        "variants.calm.knowledge.min_score=0.3",
        "variants.plain.weight=1",
    ];
    let server = Server::start(&place, &settings.map(|setting| ["--set", setting]).concat());
    let status = json_of(&format!("{}/api/status", server.url.trim_end_matches('/'))).await;
    assert_eq!(status["variants"], json!(["calm", "plain"]));
    let caller = Caller::connect_as(&server.url, "ann").await.unwrap();
    caller.say(&microphone("warranty_af_heart.wav")).await.unwrap();
    let is_report = |message: &voce_testkit::caller::Received| {
        message.kind() == "server-message" && message.data()["type"] == "turn"
    };
    let report = caller.wait_for_match("the turn's report", PATIENCE, is_report).await.unwrap();
    let trace_id = report.data()["report"]["trace_id"].as_str().unwrap().to_owned();

    let api = format!("{}/api/turns/{trace_id}", server.url.trim_end_matches('/'));
    let turn = json_of(&api).await;
    assert_eq!((turn["content"].as_str(), turn["turn"].as_u64()), (Some("full"), Some(1)));
    let names: Vec<&str> =
        turn["stages"].as_array().unwrap().iter().map(|stage| stage["name"].as_str().unwrap()).collect();
    for name in ["listen", "end_of_turn", "stt", "rag", "llm", "tts", "playout", "voice_to_voice"] {
        assert!(names.contains(&name), "{name}: {names:?}");
    }
    let said = |side: &str| {
        let words = turn["words"].as_array().unwrap().iter().filter(|word| word["side"] == side);
        words.map(|word| word["text"].as_str().unwrap()).collect::<Vec<_>>().join(" ").to_lowercase()
    };
    assert!(said("caller").contains("warranty"), "{turn:#}");
    assert!(said("bot").contains("year"), "{turn:#}");
    let decisions = turn["decisions"].as_array().unwrap();
    assert_eq!(decisions.last().unwrap()["outcome"], "committed", "{decisions:?}");
    // Both voices sound where the spans say that somebody spoke.
    let starts = turn["end_of_speech_seconds"].as_f64().unwrap();
    let answers = starts + turn["voice_to_voice_seconds"].as_f64().unwrap();
    for (side, loud, quiet) in
        [("caller", 0.3..starts, answers..f64::MAX), ("bot", answers..f64::MAX, 0.0..starts)]
    {
        let wav = reqwest::get(format!("{api}/{side}.wav")).await.unwrap().bytes().await.unwrap();
        let (heard, rate_hz) = samples(&wav);
        let within = |range: &std::ops::Range<f64>| {
            let at = |seconds: f64| ((seconds * f64::from(rate_hz)) as usize).min(heard.len());
            (heard[at(range.start)..at(range.end)].to_vec(), rate_hz)
        };
        assert!(loud_seconds(&within(&loud)) > 0.3, "{side} sounds in {loud:?}");
        assert!(loud_seconds(&within(&quiet)) < 0.05, "{side} is quiet in {quiet:?}");
        let peaks = turn["sides"].as_array().unwrap().iter().find(|one| one["side"] == side).unwrap();
        let expected = turn["seconds"].as_f64().unwrap() * 50.0;
        assert!((peaks["peaks"].as_array().unwrap().len() as f64 - expected).abs() < 3.0);
    }
    let part = reqwest::Client::new().get(format!("{api}/bot.wav")).header("range", "bytes=0-43");
    let part = part.send().await.unwrap();
    assert_eq!((part.status().as_u16(), part.bytes().await.unwrap().len()), (206, 44));
    assert_eq!(reqwest::get(format!("{api}/judge.wav")).await.unwrap().status().as_u16(), 404);

    // The same sound stands beside the trace.
    let trace = mlflow.wait_for_trace(&trace_id, PATIENCE).await;
    let (root, tts) = (trace.span("turn"), trace.span("tts"));
    assert_eq!(
        (root.attribute("user.id"), root.attribute("voce.variant")),
        (&json!("ann"), &json!(VARIANT_OF_ANN))
    );
    assert_eq!(
        (tts.attribute("user.id"), tts.attribute("voce.variant")),
        (&json!("ann"), &json!(VARIANT_OF_ANN))
    );
    for (span, field) in [("stt", "mlflow.spanInputs"), ("playout", "mlflow.spanOutputs")] {
        let shown = trace.span(span).attribute(field).to_string();
        let id = shown.split("mlflow-attachment://").nth(1).expect("a recording").split('?').next().unwrap();
        let file = format!(
            "{}/ajax-api/2.0/mlflow/get-trace-artifact?request_id=tr-{trace_id}&path={id}",
            mlflow.url()
        );
        let began = Instant::now();
        let wav = loop {
            let answer = reqwest::get(&file).await.unwrap();
            if answer.status().is_success() {
                break answer.bytes().await.unwrap();
            }
            assert!(began.elapsed() < PATIENCE, "{file}: {}", answer.status());
            sleep(Duration::from_millis(200)).await;
        };
        assert!(loud_seconds(&samples(&wav)) > 0.3, "{span}");
    }

    // A score that somebody writes into MLflow is seen in the page and counted.
    let assessment = json!({"assessment": {
        "assessment_name": "faithfulness", "trace_id": format!("tr-{trace_id}"),
        "source": {"source_type": "LLM_JUDGE", "source_id": "test-judge"},
        "feedback": {"value": 4}, "rationale": "It stands in the manual.",
    }});
    let scores = format!("{}/api/3.0/mlflow/traces/tr-{trace_id}/assessments", mlflow.url());
    let written = reqwest::Client::new().post(scores).json(&assessment).send().await.unwrap();
    assert!(written.status().is_success(), "{}", written.text().await.unwrap());
    let began = Instant::now();
    let score = loop {
        let scores = json_of(&format!("{api}/scores")).await;
        if let Some(score) = scores["scores"].get(0) {
            break score.clone();
        }
        assert!(began.elapsed() < PATIENCE, "no score came");
        sleep(Duration::from_millis(500)).await;
    };
    assert_eq!(score["name"], "faithfulness");
    assert_eq!((score["value"].as_f64(), &score["source"]), (Some(4.0), &json!("LLM_JUDGE")));
    assert_eq!(score["rationale"], "It stands in the manual.");
    let metrics = format!("{}/metrics", server.url.trim_end_matches('/'));
    let metrics = reqwest::get(metrics).await.unwrap().text().await.unwrap();
    let counted = metrics.lines().find(|line| line.starts_with("voce_judge_score_count"));
    assert!(counted.is_some_and(|line| line.contains("faithfulness") && line.ends_with(" 1")), "{counted:?}");
    assert!(
        counted.is_some_and(|line| line.contains(&format!("variant=\"{VARIANT_OF_ANN}\""))),
        "{counted:?}"
    );
    opinions(&api, &mlflow, &trace_id).await;
    caller.hang_up().await;
}

/// What the caller says of the answer stands at its trace, once, as last said, without what must not be shown.
async fn opinions(api: &str, mlflow: &Mlflow, trace_id: &str) {
    let http = reqwest::Client::new();
    let give = |url: String, said: Value| {
        let request = http.post(url).json(&said);
        async move { request.send().await.unwrap().status().as_u16() }
    };
    let feedback = format!("{api}/feedback");
    assert_eq!(give(feedback.replace(trace_id, &"0".repeat(32)), json!({"good": true})).await, 404);
    assert_eq!(give(feedback.clone(), json!({"good": "yes"})).await, 400);
    assert_eq!(give(feedback.clone(), json!({"good": true, "comment": "x".repeat(9_000)})).await, 413);
    for (said, value, rationale) in [
        (
            json!({"good": true, "comment": "It named my card 4111 1111 1111 1111."}),
            true,
            "It named my card [card].",
        ),
        (json!({"good": false}), false, ""),
    ] {
        assert_eq!(give(feedback.clone(), said).await, 202);
        let began = Instant::now();
        loop {
            let state = json_of(&feedback).await;
            if state["state"] == "saved" {
                assert_eq!(state["good"], value);
                break;
            }
            assert!(state["state"] == "waiting" && began.elapsed() < PATIENCE, "{state}");
            sleep(Duration::from_millis(100)).await;
        }
        let info = json_of(&format!("{}/api/3.0/mlflow/traces/tr-{trace_id}", mlflow.url())).await;
        let all = info["trace"]["trace_info"]["assessments"].as_array().unwrap().iter();
        let own: Vec<_> = all.filter(|one| one["assessment_name"] == "user_feedback").collect();
        assert_eq!(own.len(), 1, "{info:#}");
        assert_eq!(own[0]["source"], json!({"source_type": "HUMAN", "source_id": "ann"}));
        assert_eq!(own[0]["feedback"]["value"], value);
        assert_eq!(own[0]["rationale"].as_str().unwrap_or_default(), rationale);
    }
}
