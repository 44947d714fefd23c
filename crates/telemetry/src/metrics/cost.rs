//! What an answer costs, by the prices that the operator gave.
use opentelemetry::KeyValue;
use opentelemetry_sdk::trace::SpanData;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::turns::{attribute, number};
use crate::{TelemetryError, vocabulary::JUDGE_ASK};

/// The whole cost as a number; MLflow reads [`MLFLOW_COST`].
pub(super) const COST: &str = "voce.llm.cost";
/// A JSON object. Anything else under this name makes MLflow refuse the batch.
const MLFLOW_COST: &str = "mlflow.llm.cost";
const PER_TOKENS: f64 = 1_000_000.0;

/// `[[telemetry.prices]]`: what a language model's tokens cost, in `telemetry.currency`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PriceConfig {
    /// The model's name, or the beginning of names with a `*` at its end. The longest that fits wins.
    pub model: String,
    /// A million tokens of the prompt.
    pub input: f64,
    /// A million tokens of the answer.
    pub output: f64,
    /// A million tokens of the prompt that the server had kept. Unset: the same as `input`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cached: Option<f64>,
}

/// The prices, checked.
#[derive(Clone, Debug)]
pub struct Prices(Vec<PriceConfig>);

impl Prices {
    /// Errors: a price that is none, a model without a name or named twice.
    pub fn new(prices: &[PriceConfig]) -> Result<Self, TelemetryError> {
        for (index, price) in prices.iter().enumerate() {
            let bad = |reason: String| TelemetryError::Price { entry: index + 1, reason };
            if price.model.trim_matches('*').is_empty() && price.model != "*" {
                return Err(bad(format!(
                    "model {:?} names none; expected a name such as gpt-4o or gpt-4o*",
                    price.model
                )));
            }
            for (name, value) in
                [("input", Some(price.input)), ("output", Some(price.output)), ("cached", price.cached)]
            {
                if value.is_some_and(|value| !value.is_finite() || value < 0.0) {
                    return Err(bad(format!(
                        "{name} of {:?} must be 0 or more per million tokens",
                        price.model
                    )));
                }
            }
            if prices[..index].iter().any(|earlier| earlier.model == price.model) {
                return Err(bad(format!("model {:?} has a price already; keep one", price.model)));
            }
        }
        Ok(Self(prices.to_vec()))
    }

    /// What tokens of a model cost, in `telemetry.currency`; `None` for a model without a price.
    pub fn cost(&self, model: &str, prompt_tokens: f64, answer_tokens: f64) -> Option<f64> {
        let price = self.of(model)?;
        Some((prompt_tokens * price.input + answer_tokens * price.output) / PER_TOKENS)
    }

    /// Writes the cost on a language model's span. No price or no tokens: no cost, rather than none to pay.
    pub(crate) fn add_to(&self, span: &mut SpanData) {
        if self.0.is_empty() || !matches!(span.name.as_ref(), "llm" | JUDGE_ASK) {
            return;
        }
        let tokens = |key| attribute(span, key).and_then(number);
        let Some(price) = attribute(span, "gen_ai.request.model").and_then(|model| self.of(&model.as_str()))
        else {
            return;
        };
        let prompt = tokens("gen_ai.usage.input_tokens");
        let answer = tokens("gen_ai.usage.output_tokens");
        if prompt.is_none() && answer.is_none() {
            return;
        }
        let prompt = prompt.unwrap_or_default();
        let cached =
            tokens("gen_ai.usage.cache_read.input_tokens").unwrap_or_default().clamp(0.0, prompt.max(0.0));
        let fresh = (prompt - cached).max(0.0);
        let input = (fresh * price.input + cached * price.cached.unwrap_or(price.input)) / PER_TOKENS;
        let output = answer.unwrap_or_default().max(0.0) * price.output / PER_TOKENS;
        let total = input + output;
        let cost = json!({ "input_cost": input, "output_cost": output, "total_cost": total });
        span.attributes.push(KeyValue::new(MLFLOW_COST, cost.to_string()));
        span.attributes.push(KeyValue::new(COST, total));
    }

    fn of(&self, model: &str) -> Option<&PriceConfig> {
        let fits = |price: &&PriceConfig| match price.model.strip_suffix('*') {
            Some(start) => model.starts_with(start),
            None => price.model == model,
        };
        // A whole name is as long as the longest beginning, and goes before it.
        self.0
            .iter()
            .filter(fits)
            .max_by_key(|price| (price.model.trim_end_matches('*').len(), !price.model.ends_with('*')))
    }
}
