//! Scores and remarks on a trace: read as they stand at it, written so that a second try makes no second score.
use reqwest::Method;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use crate::{
    Client, MlflowError,
    time::millis,
    traces::with_prefix,
    wire::{object, text},
};

/// The longest name and source that are written, characters.
const LONGEST_NAME: usize = 250;

/// Who says it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// A person, by name or address.
    Human(String),
    /// A model that was asked, by name.
    Judge(String),
    /// A computation, by name.
    Code(String),
    /// Anyone else that MLflow knows, as `(type, id)`.
    Other(String, String),
}

/// What is said.
#[derive(Clone, Debug, PartialEq)]
pub enum Feedback {
    /// A score, a choice or a text.
    Value(Value),
    /// What the answer should have been: MLflow keeps it apart from scores, and out of their charts.
    Expectation(Value),
    /// Why there is none.
    Error {
        /// A word for it, e.g. `JUDGE_TIMEOUT`.
        code: String,
        /// A sentence about it.
        message: String,
    },
}

/// A score or remark as it stands at a trace.
#[derive(Clone, Debug)]
pub struct Assessment {
    /// Its id, of the whole server.
    pub id: String,
    /// What it is about, e.g. `faithfulness`.
    pub name: String,
    /// The trace it stands at.
    pub trace_id: String,
    /// The span it is about, if it is about one: 16 hex digits.
    pub span_id: Option<String>,
    /// Who says so.
    pub source: Source,
    /// What is said.
    pub feedback: Feedback,
    /// Why.
    pub rationale: String,
    /// Anything else its writer noted.
    pub metadata: Map<String, Value>,
    /// False once it was replaced by another.
    pub valid: bool,
    /// When it was written, milliseconds since 1970.
    pub created_ms: u64,
}

/// A score or remark to be written.
#[derive(Clone, Debug)]
pub struct NewAssessment<'a> {
    /// The trace it is about.
    pub trace_id: &'a str,
    /// The span it is about, if it is about one: 16 hex digits.
    pub span_id: Option<&'a str>,
    /// What it is about, e.g. `faithfulness`.
    pub name: &'a str,
    /// Who says so.
    pub source: Source,
    /// What is said.
    pub feedback: Feedback,
    /// Why; may be empty.
    pub rationale: &'a str,
    /// The version of what made it, e.g. of a prompt: the same trace, name, source and version are one assessment.
    pub version: &'a str,
    /// Notes. Never `mlflow.trace.session`: that would make it one of the whole call.
    pub metadata: Map<String, Value>,
}

/// What came of writing one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Written {
    /// It stands there now, under this id.
    New(String),
    /// It stood there before, under this id; nothing was changed.
    Before(String),
}

impl Source {
    fn parts(&self) -> (&str, &str) {
        match self {
            Self::Human(id) => ("HUMAN", id),
            Self::Judge(id) => ("LLM_JUDGE", id),
            Self::Code(id) => ("CODE", id),
            Self::Other(kind, id) => (kind, id),
        }
    }

    fn of(source: &Value) -> Self {
        let id = text(source, "source_id").to_owned();
        match text(source, "source_type") {
            "HUMAN" => Self::Human(id),
            "LLM_JUDGE" | "AI_JUDGE" => Self::Judge(id),
            "CODE" => Self::Code(id),
            other => Self::Other(other.to_owned(), id),
        }
    }
}

impl Assessment {
    pub(crate) fn of(of: &Value) -> Self {
        let error = &of["feedback"]["error"];
        let feedback = if error.is_object() {
            Feedback::Error {
                code: text(error, "error_code").to_owned(),
                message: text(error, "error_message").to_owned(),
            }
        } else if of["feedback"].is_object() {
            Feedback::Value(of["feedback"]["value"].clone())
        } else {
            Feedback::Expectation(of["expectation"]["value"].clone())
        };
        let span_id = text(of, "span_id");
        Self {
            id: text(of, "assessment_id").to_owned(),
            name: text(of, "assessment_name").to_owned(),
            trace_id: text(of, "trace_id").to_owned(),
            span_id: (!span_id.is_empty()).then(|| span_id.to_owned()),
            source: Source::of(&of["source"]),
            feedback,
            rationale: text(of, "rationale").to_owned(),
            metadata: object(of, "metadata"),
            // MLflow leaves the field out for some; only an explicit no is one.
            valid: of["valid"].as_bool().unwrap_or(true),
            created_ms: millis(text(of, "create_time")).unwrap_or_default(),
        }
    }

    /// Its value as a number: a score, or 1 and 0 for yes and no.
    pub fn score(&self) -> Option<f64> {
        match &self.feedback {
            Feedback::Value(Value::Bool(yes)) => Some(f64::from(u8::from(*yes))),
            Feedback::Value(value) => value.as_f64(),
            Feedback::Expectation(_) | Feedback::Error { .. } => None,
        }
    }
}

impl NewAssessment<'_> {
    /// The same for the same trace, name, source and version. MLflow's ids are of the whole server, so the trace is in it.
    pub fn id(&self) -> String {
        let (kind, source) = self.source.parts();
        let name = [&with_prefix(self.trace_id), self.name, kind, source, self.version].join("\u{1f}");
        format!("a-{}", Uuid::new_v5(&Uuid::NAMESPACE_OID, name.as_bytes()).simple())
    }

    /// MLflow takes anything, also what its own pages cannot show.
    fn check(&self) -> Result<(), MlflowError> {
        let (_, source) = self.source.parts();
        for (what, value) in [("name", self.name), ("source", source)] {
            if value.is_empty() || value.chars().count() > LONGEST_NAME {
                let expected = format!("expected 1 to {LONGEST_NAME} characters");
                return Err(MlflowError::Invalid(format!("an assessment's {what} is {value:?}; {expected}")));
            }
        }
        if self.metadata.contains_key("mlflow.trace.session") {
            let reason = "metadata mlflow.trace.session would make it one of the whole call; leave it out";
            return Err(MlflowError::Invalid(format!("assessment {:?}: {reason}", self.name)));
        }
        Ok(())
    }

    fn body(&self, id: &str) -> Value {
        let (kind, source) = self.source.parts();
        let (form, said) = match &self.feedback {
            Feedback::Value(value) => ("feedback", json!({ "value": value })),
            Feedback::Expectation(value) => ("expectation", json!({ "value": value })),
            Feedback::Error { code, message } => {
                ("feedback", json!({"error": {"error_code": code, "error_message": message}}))
            }
        };
        let metadata = texts(&self.metadata);
        let mut assessment = json!({
            "assessment_id": id,
            "assessment_name": self.name,
            "trace_id": with_prefix(self.trace_id),
            "source": {"source_type": kind, "source_id": source},
        });
        assessment[form] = said;
        if let Some(span_id) = self.span_id {
            assessment["span_id"] = span_id.into();
        }
        if !self.rationale.is_empty() {
            assessment["rationale"] = self.rationale.into();
        }
        if !metadata.is_empty() {
            assessment["metadata"] = Value::Object(metadata);
        }
        json!({ "assessment": assessment })
    }
}

/// Its metadata are texts only.
fn texts(metadata: &Map<String, Value>) -> Map<String, Value> {
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    metadata.iter().map(|(key, value)| (key.clone(), text(value).into())).collect()
}

impl Client {
    /// All that stands at a trace; `None` if the trace is not there (yet). For many traces see [`Client::infos`].
    ///
    /// # Errors
    /// Whatever a request can meet.
    pub async fn assessments(&self, trace_id: &str) -> Result<Option<Vec<Assessment>>, MlflowError> {
        let id = with_prefix(trace_id);
        match self.get(&format!("trace {id}"), &format!("/api/3.0/mlflow/traces/{id}"), &[]).await {
            Ok(answer) => {
                let info = if answer["trace"].is_object() { &answer["trace"]["trace_info"] } else { &answer };
                Ok(Some(crate::TraceInfo::of(info).assessments))
            }
            Err(MlflowError::NotFound { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Writes a score or remark, once: the same again changes nothing.
    ///
    /// # Errors
    /// [`MlflowError::NotFound`] while the trace has not arrived, a name or source that is empty or too long, and whatever
    /// a request can meet.
    pub async fn assess(&self, new: &NewAssessment<'_>) -> Result<Written, MlflowError> {
        self.assess_over(new, None).await
    }

    /// The same, in the place of an earlier one of this id: that one stays readable and counts no more.
    ///
    /// # Errors
    /// Those of [`Client::assess`]; [`MlflowError::NotFound`] also where the earlier one is not there.
    pub async fn assess_over(
        &self,
        new: &NewAssessment<'_>,
        earlier: Option<&str>,
    ) -> Result<Written, MlflowError> {
        new.check()?;
        let (id, trace_id) = (new.id(), with_prefix(new.trace_id));
        let what = format!("assessment {:?} of trace {trace_id}", new.name);
        let path = assessments_of(&trace_id);
        let mut body = new.body(&id);
        if let Some(earlier) = earlier {
            body["assessment"]["overrides"] = earlier.into();
        }
        match self.send(&what, Method::POST, &path, Some(&body)).await {
            Ok(_) => Ok(Written::New(id)),
            // A second one with the same id breaks a constraint of its database, which it reports as its own failure.
            Err(refused @ MlflowError::Refused { status: 500, .. }) => {
                match self.get(&what, &format!("{path}/{id}"), &[]).await {
                    Ok(_) => Ok(Written::Before(id)),
                    Err(_) => Err(refused),
                }
            }
            Err(error) => Err(error),
        }
    }

    /// Writes a score or remark in the place of what the same trace, name, source and version said before, for people who
    /// change their mind. Returns its id.
    ///
    /// # Errors
    /// As [`Client::assess`].
    pub async fn assess_again(&self, new: &NewAssessment<'_>) -> Result<String, MlflowError> {
        let id = match self.assess(new).await? {
            Written::New(id) => return Ok(id),
            Written::Before(id) => id,
        };
        let trace_id = with_prefix(new.trace_id);
        let what = format!("assessment {:?} of trace {trace_id}", new.name);
        let path = format!("/api/3.0/mlflow/traces/{trace_id}/assessments/{id}");
        let mut body = new.body(&id);
        // Said even where it is empty: a reason that was taken back must not stay.
        body["assessment"]["rationale"] = new.rationale.into();
        body["update_mask"] = "feedback,rationale".into();
        self.send(&what, Method::PATCH, &path, Some(&body)).await?;
        Ok(id)
    }
    /// Adds notes to an assessment; those of the same name are replaced, others stay.
    ///
    /// # Errors
    /// [`MlflowError::NotFound`] where it is not there, and whatever a request can meet.
    pub async fn annotate(
        &self,
        trace_id: &str,
        assessment_id: &str,
        notes: &Map<String, Value>,
    ) -> Result<(), MlflowError> {
        let path = format!("{}/{assessment_id}", assessments_of(&with_prefix(trace_id)));
        let body = json!({"assessment": {"metadata": texts(notes)}, "update_mask": "metadata"});
        let what = format!("notes of assessment {assessment_id}");
        self.send(&what, Method::PATCH, &path, Some(&body)).await.map(drop)
    }

    /// Deletes an assessment. MLflow answers the same whether it was there or not.
    ///
    /// # Errors
    /// A trace that is not there, and whatever a request can meet.
    pub async fn delete_assessment(&self, trace_id: &str, assessment_id: &str) -> Result<(), MlflowError> {
        let path = format!("{}/{assessment_id}", assessments_of(&with_prefix(trace_id)));
        let what = format!("deletion of assessment {assessment_id}");
        self.send(&what, Method::DELETE, &path, None).await.map(drop)
    }
}

fn assessments_of(trace_id: &str) -> String {
    format!("/api/3.0/mlflow/traces/{trace_id}/assessments")
}
