//! How one turn is scored.
use std::{collections::BTreeMap, sync::Arc};

use crate::{
    Config, JudgeError, Kind, Metric, Metrics, Score, Trouble, TroubleKind, Turn, answer, prompt,
    server::{Question, Server},
};

/// An answer that cannot be used is asked for so often in all.
const TRIES: usize = 2;

/// Scores turns. Cheap to clone.
#[derive(Clone)]
pub struct Judge(Arc<Shared>);

struct Shared {
    metrics: Metrics,
    model: String,
    server: Option<Server>,
}

/// What came of one turn.
#[derive(Clone, Debug, Default)]
pub struct Judged {
    /// The scores that there are, whatever else failed.
    pub scores: Vec<Score>,
    /// Metrics without a score, by name, and why.
    pub troubles: Vec<(String, Trouble)>,
    /// What it took.
    pub spent: Spent,
    /// The same for each model that was asked.
    pub spent_by_model: BTreeMap<String, Spent>,
}

/// What asking the model took.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Spent {
    /// Requests to the model.
    pub requests: u32,
    /// Tokens of all prompts.
    pub prompt_tokens: u64,
    /// Tokens of all answers.
    pub completion_tokens: u64,
}

impl Judge {
    /// A judge with these metrics. Nothing is sent yet. `config.base_url` and `config.model` are the effective ones: the
    /// caller has filled in those of `[llm]`. Empty address: metrics of models are left out.
    ///
    /// # Errors
    /// An address that is none, a key that no header can carry, no model for a metric that needs one.
    pub fn new(config: &Config, metrics: Metrics) -> Result<Self, JudgeError> {
        let server = match config.base_url.is_empty() {
            true => None,
            false => Some(Server::new(config)?),
        };
        let nameless = |metric: &&Metric| {
            matches!(metric.kind, Kind::Model { model: None, .. }) && config.model.is_empty()
        };
        if let Some(metric) = metrics.all.iter().find(nameless).filter(|_| server.is_some()) {
            return Err(JudgeError::Config(format!(
                "judge.model is empty, and metric {} names none of its own; expected the model's name at {}",
                metric.name, config.base_url
            )));
        }
        Ok(Self(Arc::new(Shared { metrics, model: config.model.clone(), server })))
    }

    /// All metrics, also those that lack a model.
    pub fn metrics(&self) -> &Metrics {
        &self.0.metrics
    }

    /// Whether there is a model to be asked.
    pub fn has_a_model(&self) -> bool {
        self.0.server.is_some()
    }

    /// The metrics that apply to this turn: it has what they need, and a model is there for those that need one.
    pub fn applicable(&self, turn: &Turn) -> Vec<&Metric> {
        let possible = |metric: &&Metric| self.has_a_model() || !metric.asks_a_model();
        self.0.metrics.all.iter().filter(possible).filter(|metric| metric.applies(turn)).collect()
    }

    /// The model that is asked for this metric; `None` where it is computed.
    pub fn model_of<'a>(&'a self, metric: &'a Metric) -> Option<&'a str> {
        match &metric.kind {
            Kind::Model { model, .. } => Some(model.as_deref().unwrap_or(&self.0.model)),
            Kind::Pattern(_) | Kind::Budget(_) | Kind::Language(_) => None,
        }
    }

    /// Scores a turn by these metrics. All metrics of one model go into one request; an answer that is not as asked is
    /// repaired where that is safe, else asked for once more with what was wrong, else reported as trouble. Code metrics
    /// need no request. Does not wait and does not retry beyond that: the worker does.
    ///
    /// Of each metric comes a score or a trouble, unless it does not apply to the turn (see [`Judge::applicable`]).
    pub async fn judge(&self, turn: &Turn, metrics: &[&Metric]) -> Judged {
        let mut judged = Judged::default();
        let mut by_model: BTreeMap<&str, Vec<&Metric>> = BTreeMap::new();
        for metric in metrics {
            match self.model_of(metric) {
                Some(model) => by_model.entry(model).or_default().push(metric),
                None => judged
                    .scores
                    .extend(metric.computed(turn).map(|(value, reason)| score(metric, value, reason, None))),
            }
        }
        let Some(server) = &self.0.server else { return judged };
        for (model, metrics) in by_model {
            let spent = ask(server, model, turn, metrics, &mut judged).await;
            judged.spent.add(spent);
            judged.spent_by_model.insert(model.to_owned(), spent);
        }
        judged
    }
}

impl Spent {
    /// Adds what more took.
    pub fn add(&mut self, more: Self) {
        self.requests += more.requests;
        self.prompt_tokens += more.prompt_tokens;
        self.completion_tokens += more.completion_tokens;
    }
}

async fn ask(
    server: &Server,
    model: &str,
    turn: &Turn,
    mut metrics: Vec<&Metric>,
    judged: &mut Judged,
) -> Spent {
    let texts = prompt::texts(turn);
    let mut spent = Spent::default();
    let mut complaint: Option<String> = None;
    for attempt in 1..=TRIES {
        let question = Question {
            model,
            messages: prompt::messages(&metrics, turn, complaint.as_deref()),
            schema: prompt::schema(&metrics),
            texts: &texts,
        };
        let wrong: Vec<(&Metric, Trouble)> = match server.ask(&question, &mut spent).await {
            Ok(text) => {
                let read = metrics.iter().zip(answer::scores(&text, &metrics));
                let mut wrong = vec![];
                for (metric, outcome) in read {
                    match outcome {
                        Ok((value, reason)) => judged.scores.push(score(metric, value, reason, Some(model))),
                        Err(reason) => wrong.push((*metric, invalid(model, metric, &reason))),
                    }
                }
                wrong
            }
            Err(trouble) => metrics.iter().map(|metric| (*metric, trouble.clone())).collect(),
        };
        let again = wrong.iter().all(|(_, trouble)| trouble.kind == TroubleKind::Invalid);
        if attempt == TRIES || !again {
            judged.troubles.extend(wrong.into_iter().map(|(metric, trouble)| (metric.name.clone(), trouble)));
            break;
        }
        if wrong.is_empty() {
            break;
        }
        let mut said: Vec<&str> = wrong.iter().map(|(_, trouble)| trouble.message.as_str()).collect();
        said.dedup();
        complaint = Some(said.join("; "));
        metrics = wrong.into_iter().map(|(metric, _)| metric).collect();
    }
    spent
}

fn score(metric: &Metric, value: f64, reason: String, model: Option<&str>) -> Score {
    Score {
        metric: metric.name.clone(),
        version: metric.version,
        value,
        reason,
        model: model.map(str::to_owned),
    }
}

fn invalid(model: &str, metric: &Metric, reason: &str) -> Trouble {
    let message = format!("model {model} gave no usable score for {}: {reason}", metric.name);
    Trouble { kind: TroubleKind::Invalid, message, wait: None }
}
