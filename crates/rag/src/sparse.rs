//! Texts as bags of words, for search by words (BM25).

/// A sparse vector: what is not listed is 0.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Sparse {
    /// Dimensions, each once, ascending.
    pub indices: Vec<u32>,
    /// Their values.
    pub values: Vec<f32>,
}

/// The words of a chunk, weighted as BM25 weights those of a document.
pub fn of_document(text: &str) -> Sparse {
    let _ = text;
    Sparse::default()
}

/// The words of a question.
pub fn of_question(text: &str) -> Sparse {
    let _ = text;
    Sparse::default()
}
