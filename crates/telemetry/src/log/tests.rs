use std::{io::Write, sync::Arc};

use parking_lot::Mutex;
use serde_json::Value;
use tracing_subscriber::{Registry, layer::SubscriberExt};

use super::*;
use crate::Config;

#[derive(Clone, Default)]
struct Written(Arc<Mutex<Vec<u8>>>);

impl Write for Written {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().extend(bytes);
        Ok(bytes.len())
    }
    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// What `work` writes.
fn written(format: LogFormat, level: &str, work: impl FnOnce()) -> String {
    let written = Written::default();
    let config = LogConfig { level: level.into(), format };
    let redactor = Redactor::new(&Config::default()).unwrap();
    let log = writing::<Registry>(&config, redactor, None, false, written.clone()).unwrap();
    let (queue, _spans) = tokio::sync::mpsc::channel(100);
    let provider = crate::install::provider(crate::processor::TurnProcessor::new(queue, Arc::default()));
    let traces = crate::install::layer_of(&provider);
    tracing::subscriber::with_default(tracing_subscriber::registry().with(log).with(traces), work);
    let bytes = written.0.lock().clone();
    String::from_utf8(bytes).unwrap()
}

/// A call, a turn in it, and what happens there.
fn call() {
    let call = tracing::info_span!(target: "voce_server", "call", id = "c-1");
    let turn = tracing::info_span!(target: "voce_pipeline", parent: None, "turn", session = "c-1", question = "my password is tulip");
    call.in_scope(|| tracing::warn!(role = "stt", "a call is \n slow"));
    let llm = tracing::info_span!(target: "voce_pipeline", parent: &turn, "llm", answer = "my tulip");
    llm.in_scope(|| {
        tracing::warn!(error = %"no 4111 1111 1111 1111", tokens = 3, "within");
        tracing::info!(name: "sentence", text = "my tulip is safe");
    });
    tracing::info!(name: "turn ended", parent: &turn, voice_to_voice_ms = Some(812), llm_ms = None::<u64>, reason = "ann@example.com", "turn ended");
}

#[test]
fn lines_within_a_call_or_a_turn_name_it_and_nothing_that_a_span_holds() {
    let text = written(LogFormat::Plain, "info", call);
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines.len(), 3, "{text}");
    assert!(lines[0].ends_with(r#"a call is \n slow role="stt" call=c-1"#), "{text}");
    assert!(
        lines[1]
            .contains(" WARN voce_telemetry::log::tests: within error=no [card] tokens=3 call=c-1 trace_id=")
    );
    assert!(
        lines[2].contains("turn ended voice_to_voice_ms=812 reason=\"[email]\" call=c-1 trace_id="),
        "{text}"
    );
    assert!(!text.contains("tulip") && !text.contains("llm_ms"), "{text}");
    let trace = |line: &str| line.rsplit_once("trace_id=").unwrap().1.to_owned();
    assert_eq!(trace(lines[1]), trace(lines[2]));
    assert_eq!(trace(lines[1]).len(), 32);
}

#[test]
fn a_json_line_is_a_flat_object() {
    let text = written(LogFormat::Json, "info", call);
    let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.len(), 3);
    let ended = &lines[2];
    assert_eq!((&ended["level"], &ended["message"]), (&"INFO".into(), &"turn ended".into()));
    assert_eq!((&ended["call"], &ended["voice_to_voice_ms"]), (&"c-1".into(), &812.into()));
    assert_eq!(ended["target"], "voce_telemetry::log::tests");
    assert!(ended["trace_id"].as_str().unwrap().len() == 32 && ended["reason"] == "[email]");
    let time = ended["time"].as_str().unwrap();
    assert!(time.len() == 27 && time.ends_with('Z') && time.as_bytes()[10] == b'T', "{time}");
    assert!(ended.get("llm_ms").is_none());
}

#[test]
fn a_warning_names_its_turn_at_every_level() {
    let text = written(LogFormat::Plain, "warn", call);
    assert_eq!(text.lines().count(), 2);
    assert!(text.lines().all(|line| line.contains("call=c-1")), "{text}");
}

#[test]
fn a_level_that_is_none_says_so() {
    let config = LogConfig { level: "voce=loud".into(), ..LogConfig::default() };
    let error = directives(&config, None).unwrap_err().to_string();
    assert!(error.contains("voce=loud") && error.contains("such as info"), "{error}");
}
