//! One score.

/// What a metric says of a turn.
#[derive(Clone, Debug, PartialEq)]
pub struct Score {
    /// The metric's name.
    pub metric: String,
    /// The metric's version.
    pub version: u32,
    /// Within the metric's scale.
    pub value: f64,
    /// Why, in a sentence or two.
    pub reason: String,
    /// The model that was asked; `None` where the score was computed.
    pub model: Option<String>,
}
