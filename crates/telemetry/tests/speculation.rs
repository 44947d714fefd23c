//! Replies that were begun early, through the real layer: which of their spans a sink gets, and under whom.
#![allow(clippy::unwrap_used, reason = "helpers of tests are tests too")]
mod support;

use std::{collections::HashMap, time::Duration};

use opentelemetry_proto::tonic::trace::v1::Span as OtlpSpan;
use support::{
    Collector, EARLY_SPANS, Mood, early_turn, exported, exporting, named, seconds, speculation, to,
};
use tracing::{Span, dispatcher::with_default, info_span};

fn turn() -> Span {
    info_span!(target: "voce_pipeline", parent: None, "turn", session = "call")
}

/// A span without fields.
macro_rules! span {
    ($parent:expr, $name:literal) => {
        info_span!(target: "voce_pipeline", parent: $parent, $name)
    };
}

/// `parent > name` of every span, sorted.
fn tree(spans: &[OtlpSpan]) -> Vec<String> {
    let names: HashMap<&[u8], &str> =
        spans.iter().map(|span| (&span.span_id[..], span.name.as_str())).collect();
    let line = |span: &OtlpSpan| {
        let parent = match &span.parent_span_id[..] {
            [] => "",
            id => names.get(id).copied().unwrap_or("nobody"),
        };
        format!("{parent} > {}", span.name)
    };
    let mut lines: Vec<String> = spans.iter().map(line).collect();
    lines.sort();
    lines
}

async fn tree_of(work: impl FnOnce()) -> Vec<String> {
    tree(&exported(|_| (), work).await)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_used_reply_stands_in_the_turn_as_if_begun_in_time() {
    let tree = tree_of(|| {
        let turn = turn();
        let early = speculation(&turn, 0.0);
        let rag = span!(&early, "rag");
        drop(span!(&rag, "rag.embed"));
        drop(rag);
        early.record("outcome", "used");
    })
    .await;
    assert_eq!(tree, [" > turn", "rag > rag.embed", "turn > rag"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_a_dropped_reply_only_its_cost_is_told() {
    let tree = tree_of(|| {
        let turn = turn();
        drop(span!(&turn, "listen"));
        let early = speculation(&turn, 0.0);
        let llm = span!(&early, "llm");
        drop(span!(&llm, "llm.first_token"));
        drop(llm);
        early.record("outcome", "dropped");
    })
    .await;
    assert_eq!(tree, [" > turn", "turn > listen", "turn > speculation"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reply_without_an_outcome_was_dropped() {
    let tree = tree_of(|| {
        let turn = turn();
        let early = speculation(&turn, 0.0);
        drop(span!(&early, "rag"));
    })
    .await;
    assert_eq!(tree, [" > turn", "turn > speculation"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_last_outcome_counts() {
    let tree = tree_of(|| {
        let turn = turn();
        let early = speculation(&turn, 0.0);
        drop(span!(&early, "rag"));
        early.record("outcome", "used");
        early.record("outcome", "dropped");
    })
    .await;
    assert_eq!(tree, [" > turn", "turn > speculation"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn two_replies_of_a_turn_have_fates_of_their_own() {
    let tree = tree_of(|| {
        let turn = turn();
        let first = speculation(&turn, 0.0);
        let slow = span!(&first, "llm");
        first.record("outcome", "dropped");
        drop(first);
        let second = speculation(&turn, 0.0);
        drop(span!(&second, "rag"));
        let tts = span!(&second, "tts");
        drop(slow);
        second.record("outcome", "used");
        drop(second);
        drop(span!(&tts, "tts.first_audio"));
    })
    .await;
    assert_eq!(tree, [" > turn", "tts > tts.first_audio", "turn > rag", "turn > speculation", "turn > tts"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_used_reply_runs_on_after_the_confirmation() {
    let tree = tree_of(|| {
        let turn = turn();
        let early = speculation(&turn, 0.0);
        let llm = span!(&early, "llm");
        let playout = span!(&early, "playout");
        let tts = span!(&early, "tts");
        early.record("outcome", "used");
        // Lines are begun as long as the reply runs: it keeps the span.
        let later = span!(&early, "parse");
        drop(early);
        drop(llm);
        let first_audio = span!(&tts, "tts.first_audio");
        drop(tts);
        drop(first_audio);
        drop(later);
        drop(playout);
    })
    .await;
    assert_eq!(
        tree,
        [" > turn", "tts > tts.first_audio", "turn > llm", "turn > parse", "turn > playout", "turn > tts"]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_blocking_step_that_outlives_the_turn_stays_with_its_reply() {
    let dropped = tree_of(|| late("dropped")).await;
    assert_eq!(dropped, [" > turn", "turn > speculation"]);
    let used = tree_of(|| late("used")).await;
    assert_eq!(used, [" > turn", "llm > llm.first_token", "turn > llm"]);
}

/// The model's thread notices last.
fn late(outcome: &str) {
    let turn = turn();
    let early = speculation(&turn, 0.0);
    let llm = span!(&early, "llm");
    early.record("outcome", outcome);
    drop(early);
    drop(turn);
    let dispatch = tracing::dispatcher::get_default(Clone::clone);
    let thread = std::thread::spawn(move || {
        with_default(&dispatch, || {
            std::thread::sleep(Duration::from_millis(50));
            drop(span!(&llm, "llm.first_token"));
            drop(llm);
        });
    });
    thread.join().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_of_a_reply_leaves_before_it_is_known_what_becomes_of_it() {
    let collector = Collector::start(Mood::Take).await;
    let (dispatch, guard) = exporting(&to(&collector.url));
    let open = with_default(&dispatch, || {
        let turn = turn();
        drop(span!(&turn, "listen"));
        let early = speculation(&turn, 0.0);
        drop(span!(&early, "rag"));
        drop(span!(&early, "llm"));
        (turn, early)
    });
    assert!(guard.flush(Duration::from_secs(10)));
    assert_eq!(tree(&collector.spans()), ["nobody > listen"]);
    with_default(&dispatch, || {
        open.1.record("outcome", "used");
        drop(open);
    });
    assert!(guard.flush(Duration::from_secs(10)));
    assert_eq!(tree(&collector.spans()), [" > turn", "turn > listen", "turn > llm", "turn > rag"]);
    assert_eq!(guard.telemetry().figures().dropped, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn turns_at_the_same_time_do_not_mix() {
    let tree = tree_of(|| {
        let turns = [turn(), turn()];
        let replies: Vec<Span> = turns.iter().map(|turn| speculation(turn, 0.0)).collect();
        drop(span!(&replies[0], "rag"));
        drop(span!(&replies[1], "llm"));
        replies[1].record("outcome", "used");
        replies[0].record("outcome", "dropped");
    })
    .await;
    assert_eq!(tree, [" > turn", " > turn", "turn > llm", "turn > speculation"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_early_reply_within_another_is_a_part_of_it() {
    let tree = tree_of(|| {
        let turn = turn();
        let outer = speculation(&turn, 0.0);
        let inner = speculation(&outer, 0.0);
        drop(span!(&inner, "llm"));
        inner.record("outcome", "used");
        outer.record("outcome", "dropped");
    })
    .await;
    assert_eq!(tree, [" > turn", "turn > speculation"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dropped_reply_ends_when_it_was_dropped_not_when_its_last_step_noticed() {
    let spans = exported(
        |_| (),
        || {
            let turn = turn();
            let early = speculation(&turn, 300.0);
            let llm = span!(&early, "llm");
            early.record("outcome", "dropped");
            early.record("seconds", 0.31);
            drop(early);
            std::thread::sleep(Duration::from_millis(100));
            drop(llm);
            // Longer than it can have been.
            let other = speculation(&turn, 0.0);
            other.record("seconds", 1e30);
        },
    )
    .await;
    let mut lasted: Vec<f64> = spans.iter().filter(|span| span.name == "speculation").map(seconds).collect();
    lasted.sort_by(f64::total_cmp);
    assert!(lasted[0] < 0.05 && (0.30..0.32).contains(&lasted[1]), "{lasted:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_waits_is_bounded_and_what_finds_no_room_is_counted() {
    let collector = Collector::start(Mood::Take).await;
    let (dispatch, guard) = exporting(&to(&collector.url));
    with_default(&dispatch, || {
        let turn = turn();
        let early = speculation(&turn, 0.0);
        for _ in 0..3_000 {
            drop(span!(&early, "tts"));
        }
        early.record("outcome", "used");
    });
    assert!(guard.flush(Duration::from_secs(10)));
    let figures = guard.telemetry().figures();
    assert_eq!((figures.exported, figures.dropped), (1_025, 1_976));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_turn_with_a_dropped_and_a_used_reply_counts_one_answer() {
    let spans = exported(|_| (), || drop(early_turn("call", 1, "Hello."))).await;
    assert_eq!(spans.len(), EARLY_SPANS);
    for span in &spans {
        assert_eq!(support::text(span, "session.id"), "call", "{}", span.name);
        assert_eq!(span.trace_state, "", "{}", span.name);
    }
    let count = |name: &str| spans.iter().filter(|span| span.name == name).count();
    assert_eq!((count("speculation"), count("rag"), count("llm"), count("llm.first_token")), (1, 1, 1, 1));
    assert_eq!(support::text(named(&spans, "speculation"), "voce.speculation.outcome"), "dropped");
    let root = &named(&spans, "turn").span_id;
    let under_root =
        ["listen", "end_of_turn", "stt", "rag", "llm", "parse", "tts", "playout", "voice_to_voice"];
    assert!(under_root.iter().all(|name| named(&spans, name).parent_span_id == *root));
}
