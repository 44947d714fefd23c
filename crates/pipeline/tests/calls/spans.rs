//! The span tree of a turn is part of the contract, so it is asserted like any other output.

use std::{
    collections::BTreeMap,
    fmt::Debug,
    sync::{Arc, Mutex},
};

use crate::harness::{engines, play};
use tracing::{
    Subscriber,
    field::{Field, Visit},
    span,
};
use tracing_subscriber::{
    Layer,
    layer::{Context, SubscriberExt},
    registry::LookupSpan,
};
use voce_core::OnInterruption;
use voce_pipeline::Engines;
use voce_testkit::{
    fakes::{Beeper, SlowTalker},
    tools::{Does, Scripted, Toolbox, calls, policy, says},
};

/// A closed span: its parent's name, its own, and its fields.
#[derive(Clone, Debug)]
struct Closed {
    parent: String,
    name: String,
    fields: BTreeMap<String, String>,
}

#[derive(Default, Clone)]
struct Capture(Arc<Mutex<Vec<Closed>>>);

#[derive(Default)]
struct Fields(BTreeMap<String, String>);

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.0.insert(field.name().into(), format!("{value:?}"));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.0.insert(field.name().into(), value.into());
    }
}

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for Capture {
    fn on_new_span(&self, attributes: &span::Attributes<'_>, id: &span::Id, context: Context<'_, S>) {
        let mut fields = Fields::default();
        attributes.record(&mut fields);
        context.span(id).unwrap().extensions_mut().insert(fields);
    }

    fn on_record(&self, id: &span::Id, values: &span::Record<'_>, context: Context<'_, S>) {
        values.record(context.span(id).unwrap().extensions_mut().get_mut::<Fields>().unwrap());
    }

    fn on_close(&self, id: span::Id, context: Context<'_, S>) {
        let span = context.span(&id).unwrap();
        let parent = span.parent().map_or_else(|| "-".to_owned(), |parent| parent.name().to_owned());
        let fields = span.extensions().get::<Fields>().unwrap().0.clone();
        self.0.lock().unwrap().push(Closed { parent, name: span.name().into(), fields });
    }
}

async fn spans_of(loud: &[(u64, u64)], until_ms: u64) -> Vec<Closed> {
    spans_with("Why?", loud, until_ms).await
}

async fn spans_with(hears: &str, loud: &[(u64, u64)], until_ms: u64) -> Vec<Closed> {
    let llm = SlowTalker::new("It has a two year warranty. Keep the receipt safe.");
    let opinion = if hears.ends_with(['?', '.']) { 0.9 } else { 0.3 };
    spans_by(engines(llm, Beeper::new(), hears, opinion), loud, until_ms).await
}

async fn spans_by(engines: Engines, loud: &[(u64, u64)], until_ms: u64) -> Vec<Closed> {
    let capture = Capture::default();
    let subscriber = tracing_subscriber::registry().with(capture.clone());
    let _guard = tracing::subscriber::set_default(subscriber);
    play(engines, loud, until_ms).await;
    // A voice's last step may end a moment after the call, and its turn with it.
    for _ in 0..200 {
        let closed = |name: &str| capture.0.lock().unwrap().iter().filter(|span| span.name == name).count();
        if closed("turn") > 0 && closed("turn") >= closed("end_of_turn") {
            break;
        }
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    capture.0.lock().unwrap().clone()
}

fn find<'a>(spans: &'a [Closed], name: &str) -> &'a Closed {
    spans.iter().find(|span| span.name == name).unwrap_or_else(|| panic!("no span {name} in {spans:#?}"))
}

#[tokio::test(start_paused = true)]
async fn a_turn_has_the_whole_tree_and_its_root_closes_last() {
    let spans = spans_of(&[(200, 900)], 8_000).await;
    let mut tree: Vec<String> = spans.iter().map(|span| format!("{} > {}", span.parent, span.name)).collect();
    assert_eq!(tree.last().unwrap(), "- > turn");
    tree.sort();
    tree.dedup();
    // The exporter puts an early answer that was used below the turn.
    let expected = [
        "- > turn",
        "llm > llm.first_token",
        "speculation > llm",
        "speculation > parse",
        "speculation > playout",
        "speculation > rag",
        "speculation > tts",
        "tts > tts.first_audio",
        "turn > end_of_turn",
        "turn > listen",
        "turn > speculation",
        "turn > stt",
        "turn > voice_to_voice",
    ];
    assert_eq!(tree, expected);
    let field = |span: &str, field: &str| find(&spans, span).fields.get(field).cloned().unwrap_or_default();
    assert_eq!(field("turn", "end_reason"), "completed");
    assert_eq!(field("turn", "heard"), "It has a two year warranty. Keep the receipt safe.");
    assert_eq!(field("end_of_turn", "outcome"), "committed");
    assert_eq!(field("speculation", "outcome"), "used");
    assert_eq!(field("turn", "early"), "true");
    assert_eq!(field("stt", "text"), "Why?");
    assert!(field("rag", "documents").contains("Why?"));
    assert_eq!(field("llm", "completion_tokens"), "10");
    assert_eq!(field("playout", "cut"), "false");
    assert_eq!(field("parse", "sentences"), "3", "the first line is cut early");
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_was_begun_too_early_leaves_its_cost() {
    let spans = spans_with("Why is", &[(200, 900), (1_500, 2_200)], 9_000).await;
    let dropped: Vec<&Closed> = spans.iter().filter(|span| span.name == "speculation").collect();
    assert_eq!(dropped[0].fields["outcome"], "dropped");
    assert_eq!(dropped[0].fields["reason"], "resumed");
    assert!(dropped[0].fields["seconds"].parse::<f64>().unwrap() > 0.2);
    let turn = find(&spans, "turn");
    assert_eq!(turn.fields["early_dropped"], "1");
    assert_eq!(turn.fields["end_reason"], "completed");
}

#[tokio::test(start_paused = true)]
async fn a_nod_is_an_overlap_in_the_spans_of_the_answer() {
    let spans = spans_with("Yeah.", &[(200, 900), (2_500, 2_800)], 8_000).await;
    let overlap = find(&spans, "overlap");
    assert_eq!((overlap.parent.as_str(), overlap.fields["outcome"].as_str()), ("turn", "backchannel"));
    let turn = find(&spans, "turn");
    assert_eq!((turn.fields["overlaps"].as_str(), turn.fields["end_reason"].as_str()), ("1", "completed"));
}

#[tokio::test(start_paused = true)]
async fn a_cut_answer_says_so_in_its_spans() {
    let spans = spans_of(&[(200, 900), (2_500, 3_000)], 6_000).await;
    let turn = find(&spans, "turn");
    assert_eq!(turn.fields["end_reason"], "interrupted");
    assert_eq!(turn.fields["interrupted"], "true");
    let playout = find(&spans, "playout");
    assert_eq!(playout.fields["cut"], "true");
    assert_eq!(playout.fields["heard"], turn.fields["heard"]);
}

/// A turn that calls a tool of five seconds, and is interrupted into the wait if `loud` says so.
async fn spans_of_a_call(on_interruption: OnInterruption, does: Does, loud: &[(u64, u64)]) -> Vec<Closed> {
    let filler = "One moment please.".to_owned();
    let policy = voce_core::ToolPolicy { on_interruption, filler, ..policy() };
    let tools = Toolbox::new([("weather", policy, does)]);
    let llm = Scripted::new(|prompt| match prompt.steps.last() {
        Some(_) => vec![says("So much for that.")],
        None => vec![calls("weather", r#"{"city":"Bonn"}"#)],
    });
    let engines = Engines { tools: Some(tools), ..engines(llm, Beeper::new(), "Wait, why is it?", 0.95) };
    spans_by(engines, loud, 12_000).await
}

#[tokio::test(start_paused = true)]
async fn a_call_has_its_span_below_the_language_model() {
    let five = std::time::Duration::from_secs(5);
    let into_the_wait = &[(200, 900), (4_000, 4_700)];
    for (on_interruption, does, loud, outcome) in [
        (OnInterruption::Cancel, Does::Answers(five, "Rain."), &into_the_wait[..1], "done"),
        (OnInterruption::Cancel, Does::Fails(five, "closed"), &into_the_wait[..1], "failed"),
        (OnInterruption::Cancel, Does::Answers(five, "Rain."), &into_the_wait[..], "cancelled"),
        // Its turn is over, and so is its trace.
        (OnInterruption::Finish, Does::Answers(five, "Rain."), &into_the_wait[..], "detached"),
    ] {
        let spans = spans_of_a_call(on_interruption, does, loud).await;
        let tool = find(&spans, "tool");
        assert_eq!((tool.parent.as_str(), tool.fields["outcome"].as_str()), ("llm", outcome));
        assert_eq!(tool.fields["arguments"], r#"{"city":"Bonn"}"#);
        assert_eq!(tool.fields["filler"], "true", "{outcome}");
        assert_eq!(tool.fields.contains_key("otel.status_code"), outcome == "failed", "{tool:?}");
        let (tool, turn) = (place(&spans, "tool"), place(&spans, "turn"));
        assert!(tool < turn, "the root closes last");
        // With the interruption, or after the answer: in no case does a turn wait for what goes on without it.
        assert_eq!(spans.iter().filter(|span| span.name == "turn").count(), loud.len());
    }
}

fn place(spans: &[Closed], name: &str) -> usize {
    spans.iter().position(|span| span.name == name).unwrap()
}
