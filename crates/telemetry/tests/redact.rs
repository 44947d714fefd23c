//! A card, an address and a number planted wherever a span holds text: none is in the bytes that leave.
#![allow(clippy::unwrap_used, reason = "helpers of tests are tests too")]
mod support;

use serde_json::json;
use support::{exported, named, text};
use voce_telemetry::{CustomPattern, Pattern};

const SECRETS: &str = "card 4111 1111 1111 1111, ann.lee@example.com, +49 30 1234567, order ORD-12345678";

fn planted() {
    let turn = tracing::info_span!(
        target: "voce_pipeline", parent: None, "turn", session = "call", user = "ann.lee@example.com",
        question = SECRETS, heard = SECRETS, surprise = SECRETS, otel.status_code = "ERROR",
        otel.status_description = SECRETS,
    );
    let messages = json!([
        {"role": "user", "content": SECRETS},
        {"role": "user", "content": [{"type": "text", "text": SECRETS}]},
    ]);
    let llm = tracing::info_span!(
        target: "voce_pipeline", parent: &turn, "llm", messages = messages.to_string(), answer = SECRETS,
        error = SECRETS, model = "gpt-4111111111111111",
    );
    let documents = json!([{"text": SECRETS, "source": "ann.lee@example.com.md", "heading": SECRETS, "chunk": 1, "score": 0.5}]);
    drop(
        tracing::info_span!(target: "voce_pipeline", parent: &turn, "rag", query = SECRETS, documents = documents.to_string()),
    );
    llm.in_scope(|| {
        tracing::info!(name: "sentence", target: "voce_pipeline", text = SECRETS);
        tracing::warn!(target: "voce_pipeline", number = "4111111111111111", "{SECRETS}");
    });
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_that_was_planted_leaves() {
    let custom = vec![CustomPattern { name: "order".into(), regex: r"ORD-\d{8}".into() }];
    let spans = exported(|config| config.redact.custom = custom, planted).await;
    let all = format!("{spans:?}");
    for secret in ["4111 1111", "4111111111111111)", "ann.lee", "1234567", "ORD-1"] {
        assert!(!all.contains(secret), "{secret} in {all}");
    }
    let turn = named(&spans, "turn");
    assert_eq!(text(turn, "voce.answer.heard"), "card [card], [email], [phone], order [order]");
    assert_eq!(turn.status.as_ref().unwrap().message, "card [card], [email], [phone], order [order]");
    assert_eq!(text(named(&spans, "llm"), "gen_ai.request.model"), "gpt-4111111111111111", "a word of ours");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pattern_that_is_off_leaves_its_texts_alone() {
    let spans = exported(|config| config.redact.patterns = vec![Pattern::Phone], planted).await;
    let heard = text(named(&spans, "turn"), "voce.answer.heard").to_owned();
    assert_eq!(heard, SECRETS.replace("+49 30 1234567", "[phone]"));
}
