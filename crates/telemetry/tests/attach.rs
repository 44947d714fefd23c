//! Recordings come after the spans of their trace, and where the spans say that they are.
#![allow(clippy::unwrap_used, reason = "helpers of tests are tests too")]
mod support;

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use axum::{
    Router,
    body::Bytes,
    http::{Method, StatusCode, Uri},
};
use support::{exporting, spooling, turn};
use tracing::dispatcher::with_default;
use voce_telemetry::{Config, Content, Side, SinkKind, artifact_path, attachment_id};
use voce_testkit::mlflow::Mlflow;

const WITHIN: Duration = Duration::from_secs(20);

/// A stand-in for MLflow that writes down what it is asked, in order.
async fn stand_in() -> (String, Arc<Mutex<Vec<(String, usize)>>>) {
    let asked: Arc<Mutex<Vec<(String, usize)>>> = Arc::default();
    let book = asked.clone();
    let answer = move |method: Method, uri: Uri, body: Bytes| async move {
        book.lock().unwrap().push((format!("{method} {}", uri.path()), body.len()));
        (StatusCode::OK, r#"{"experiment": {"experiment_id": "7"}}"#)
    };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let mut tasks = tokio::task::JoinSet::new();
    tasks.spawn(async move { axum::serve(listener, Router::new().fallback(answer)).await });
    tasks.detach_all();
    (url, asked)
}

fn with_audio(url: &str, dir: &tempfile::TempDir) -> Config {
    let mut config = spooling(url, dir.path());
    config.sinks[0].kind = SinkKind::Mlflow;
    config.sinks[0].experiment = "voce-test-audio".into();
    config.audio.enabled = true;
    config.timeout_ms = 10_000;
    config
}

#[tokio::test(flavor = "multi_thread")]
async fn a_recording_comes_after_the_spans_of_its_trace() {
    let (url, asked) = stand_in().await;
    let dir = tempfile::tempdir().unwrap();
    let mut config = with_audio(&url, &dir);
    // Longer than the test: only the recording makes the spans leave.
    config.batch_delay_ms = 60_000;
    let (dispatch, guard) = exporting(&config);
    let trace = with_default(&dispatch, || turn("call", 1, "Hello."));
    assert!(guard.telemetry().takes_audio());
    assert!(guard.telemetry().attach(&trace, Side::Bot, vec![7; 4_000]));
    assert!(guard.flush(WITHIN));
    let asked = asked.lock().unwrap().clone();
    let put = format!("PUT /api/2.0/mlflow-artifacts/artifacts/7/{}", artifact_path(&trace, Side::Bot));
    assert_eq!(asked.last(), Some(&(put, 4_000)), "{asked:?}");
    assert_eq!(asked[asked.len() - 2].0, "POST /v1/traces");
    let figures = guard.telemetry().sink_figures().remove(0);
    assert_eq!((figures.attachments_sent, figures.attachments_waiting), (1, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn without_content_there_is_no_sound_either() {
    let (url, _) = stand_in().await;
    let dir = tempfile::tempdir().unwrap();
    let config = Config { content: Content::None, ..with_audio(&url, &dir) };
    let (_dispatch, guard) = exporting(&config);
    assert!(!guard.telemetry().takes_audio());
    assert!(!guard.telemetry().attach("00", Side::Caller, vec![1]));
}

/// A tone of half a second.
fn tone() -> Vec<u8> {
    let samples = (0..12_000).map(|at| ((f64::from(at) * 0.1).sin() * 8_000.0) as i16);
    let data: Vec<u8> = samples.flat_map(i16::to_le_bytes).collect();
    let mut wav = Vec::new();
    wav.extend(b"RIFF");
    wav.extend((36 + data.len() as u32).to_le_bytes());
    wav.extend(b"WAVEfmt ");
    wav.extend(16_u32.to_le_bytes());
    wav.extend([1_u16, 1].iter().flat_map(|value| value.to_le_bytes()));
    wav.extend([24_000_u32, 48_000].iter().flat_map(|value| value.to_le_bytes()));
    wav.extend([2_u16, 16].iter().flat_map(|value| value.to_le_bytes()));
    wav.extend(b"data");
    wav.extend((data.len() as u32).to_le_bytes());
    wav.extend(data);
    wav
}

#[tokio::test(flavor = "multi_thread")]
async fn mlflow_gives_back_the_recording_that_its_spans_refer_to() {
    let Some(mlflow) = Mlflow::from_environment() else { return };
    mlflow.wait_ready(Duration::from_secs(60)).await;
    let dir = tempfile::tempdir().unwrap();
    let (dispatch, guard) = exporting(&with_audio(mlflow.url(), &dir));
    let id = with_default(&dispatch, || turn("call-with-audio", 1, "Two years."));
    for side in [Side::Caller, Side::Bot] {
        assert!(guard.telemetry().attach(&id, side, tone()));
    }
    assert!(guard.flush(WITHIN));
    let trace = mlflow.wait_for_trace(&id, WITHIN).await;
    let refers = |span: &str, attribute: &str, side: Side| {
        let value = trace.span(span).attribute(attribute)["audio"].as_str().unwrap_or_default().to_owned();
        assert!(value.contains(&attachment_id(&id, side).to_string()), "{span}: {value}");
    };
    refers("stt", "mlflow.spanInputs", Side::Caller);
    refers("playout", "mlflow.spanOutputs", Side::Bot);
    for side in [Side::Caller, Side::Bot] {
        let url = format!(
            "{}/ajax-api/2.0/mlflow/get-trace-artifact?request_id=tr-{id}&path={}",
            mlflow.url(),
            attachment_id(&id, side)
        );
        let answer = reqwest::get(url).await.unwrap();
        assert!(answer.status().is_success(), "{}", answer.status());
        assert_eq!(answer.bytes().await.unwrap(), tone());
    }
    println!("audio on {}", guard.telemetry().trace_url(&id).unwrap());
}
