//! What every knowledge base must keep.
use std::sync::Arc;

use voce_core::Knowledge;

/// Checks a knowledge base that has at least one passage for `question`.
pub async fn finds(knowledge: Arc<dyn Knowledge>, question: &str) {
    let card = knowledge.model();
    assert!(!card.provider.is_empty() && !card.name.is_empty() && !card.device.is_empty(), "{card:?}");

    let passages = knowledge.search(question.into(), 5).await.expect("a search works");
    assert!(!passages.is_empty() && passages.len() <= 5);
    for passage in &passages {
        assert!(!passage.text.trim().is_empty() && !passage.source.is_empty(), "{passage:?}");
        assert!((-1.0..=1.001).contains(&passage.score), "{passage:?}");
    }
    assert!(passages.windows(2).all(|pair| pair[0].score >= pair[1].score), "best first");

    let one = knowledge.search(question.into(), 1).await.expect("a search works");
    assert_eq!(one, passages[..1], "the limit is kept and the answer is the same again");
    assert!(knowledge.search(question.into(), 0).await.expect("no passage is an answer").is_empty());
    assert!(knowledge.search("  ".into(), 3).await.expect("no words are no error").is_empty());
    let long = "pump ".repeat(2_000);
    knowledge.search(long, 3).await.expect("a long question is cut, not refused");

    // A dropped search stops, and the next one works.
    drop(knowledge.search(question.into(), 3));
    let (a, b) = tokio::join!(knowledge.search(question.into(), 3), knowledge.search(question.into(), 3));
    assert_eq!(a.expect("searches may overlap"), b.expect("searches may overlap"));
}
