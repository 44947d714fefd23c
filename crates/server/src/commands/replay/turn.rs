//! A turn as it went: then, as its trace says, and now, as its report says. Both in the same terms.
use serde::Serialize;
use serde_json::Value;
use voce_core::{EndReason, TurnReport};
use voce_mlflow::{Span, Trace};
use voce_telemetry::is_withheld;

/// What can be compared of a turn. What is absent is not known: the trace holds no words, or a stage did not come to it.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Turn {
    /// 32 hexadecimal digits.
    pub trace_id: Option<String>,
    /// What the caller was understood to say.
    pub question: Option<String>,
    /// What the language model wrote.
    pub answer: Option<String>,
    /// What the caller heard of it.
    pub heard: Option<String>,
    /// What retrieval found, best first.
    pub passages: Option<Vec<Found>>,
    /// `completed`, `interrupted`, `session_closed`, `failed`.
    pub end_reason: String,
    /// How long its stages took.
    pub seconds: Stages,
    /// Tokens of the prompt.
    pub prompt_tokens: Option<u64>,
    /// Tokens of the answer.
    pub completion_tokens: Option<u64>,
}

/// A passage that was found.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(into = "String")]
pub struct Found {
    /// `source#chunk`.
    pub name: String,
    /// What it says; empty where that is not known.
    pub text: String,
}

/// Seconds.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Stages {
    pub end_of_turn: Option<f64>,
    pub stt: Option<f64>,
    pub retrieval: Option<f64>,
    pub llm_first_token: Option<f64>,
    pub llm: Option<f64>,
    pub tts_first_audio: Option<f64>,
    pub voice_to_voice: Option<f64>,
    /// Length of the answer as it was heard.
    pub heard: Option<f64>,
}

impl Found {
    /// Whether it is the same: by its name, or by its words where the documents were read from another folder. Words alone
    /// would not do, since those of a trace may be redacted.
    pub fn is(&self, other: &Self) -> bool {
        self.name == other.name || (!self.text.is_empty() && self.text == other.text)
    }
}

impl From<Found> for String {
    fn from(found: Found) -> Self {
        found.name
    }
}

impl Stages {
    /// Name and time of each, in the order of a turn.
    pub fn list(&self) -> [(&'static str, Option<f64>); 8] {
        [
            ("end of turn decided", self.end_of_turn),
            ("speech to text", self.stt),
            ("retrieval", self.retrieval),
            ("language model, first token", self.llm_first_token),
            ("language model, last token", self.llm),
            ("voice, first sound", self.tts_first_audio),
            ("end of speech to first sound", self.voice_to_voice),
            ("answer heard", self.heard),
        ]
    }
}

impl Turn {
    /// The turn of a trace.
    pub fn of_trace(trace: &Trace) -> Self {
        let root = trace.root();
        let word = |name: &str| root.and_then(|root| root.word(name));
        let llm_sum = |name: &str| {
            let mut known = trace.named("llm").filter_map(|llm| llm.figure(name)).peekable();
            known.peek().is_some().then(|| known.sum::<f64>() as u64)
        };
        Self {
            trace_id: Some(trace.info.id.trim_start_matches("tr-").to_owned()),
            question: root.and_then(question),
            answer: word("voce.answer.generated").and_then(open),
            heard: word("voce.answer.heard").and_then(open),
            passages: trace.named("rag").last().and_then(passages),
            end_reason: word("gen_ai.agent.invocation.end_reason").unwrap_or_default().to_owned(),
            seconds: Stages {
                end_of_turn: trace
                    .named("end_of_turn")
                    .last()
                    .and_then(|span| span.figure("voce.end_of_turn.waited_ms"))
                    .map(|waited| waited / 1_000.0),
                stt: trace.named("stt").last().map(Span::seconds),
                retrieval: trace.named("rag").last().map(Span::seconds),
                llm_first_token: first(trace, "llm")
                    .and_then(|llm| llm.figure("voce.llm.first_token_seconds")),
                llm: first(trace, "llm").map(Span::seconds),
                tts_first_audio: first(trace, "tts.first_audio").map(Span::seconds),
                voice_to_voice: first(trace, "voice_to_voice").map(Span::seconds),
                heard: sum(trace
                    .named("playout")
                    .filter_map(|span| span.figure("voce.playout.heard_seconds"))),
            },
            prompt_tokens: llm_sum("gen_ai.usage.input_tokens"),
            completion_tokens: llm_sum("gen_ai.usage.output_tokens"),
        }
    }

    /// What became of one stretch of the caller's speech: as a rule one turn, or several where the assistant took a pause
    /// for the end. Then the words are all of theirs, the rest is the last one's. None of no turn.
    pub fn of_reports(reports: &[TurnReport]) -> Option<Self> {
        let last = reports.last()?;
        let questions: Vec<&str> = reports.iter().map(|report| report.question.as_str()).collect();
        let passages = last.passages.iter().map(|passage| Found {
            name: format!("{}#{}", passage.source, passage.chunk),
            text: passage.text.clone(),
        });
        Some(Self {
            trace_id: last.trace_id.clone(),
            question: Some(questions.join(" ")),
            answer: Some(last.generated.clone()),
            heard: Some(last.heard.clone()),
            passages: last.retrieval_seconds.map(|_| passages.collect()),
            end_reason: last.end_reason.as_str().to_owned(),
            seconds: Stages {
                end_of_turn: last.end_of_turn_seconds,
                stt: last.stt_seconds,
                retrieval: last.retrieval_seconds,
                llm_first_token: last.llm_first_token_seconds,
                llm: last.llm_seconds,
                tts_first_audio: last.tts_first_audio_seconds,
                voice_to_voice: last.voice_to_voice_seconds,
                heard: last.heard_seconds,
            },
            prompt_tokens: last.usage.map(|usage| usage.prompt_tokens.into()),
            completion_tokens: last.usage.map(|usage| usage.completion_tokens.into()),
        })
    }

    /// Whether the caller got an answer, as far as they let it come.
    pub fn is_answered(&self) -> bool {
        [EndReason::Completed, EndReason::Interrupted].iter().any(|reason| reason.as_str() == self.end_reason)
    }
}

/// The caller's words, unless the trace keeps only their size.
pub fn question(root: &Span) -> Option<String> {
    let input = root.attributes.get("mlflow.spanInputs")?;
    open(input["messages"][0]["content"].as_str().or(input.as_str())?)
}

fn first<'a>(trace: &'a Trace, name: &'a str) -> Option<&'a Span> {
    trace.named(name).next()
}

fn open(text: &str) -> Option<String> {
    (!is_withheld(text)).then(|| text.to_owned())
}

fn passages(rag: &Span) -> Option<Vec<Found>> {
    let Value::Array(documents) = rag.attributes.get("mlflow.spanOutputs")? else { return None };
    let found = |document: &Value| {
        let source = open(document["metadata"]["doc_uri"].as_str()?)?;
        let name = format!("{source}#{}", document["metadata"]["chunk_id"].as_str()?);
        Some(Found { name, text: document["page_content"].as_str().and_then(open).unwrap_or_default() })
    };
    documents.iter().map(found).collect()
}

fn sum(values: impl Iterator<Item = f64>) -> Option<f64> {
    values.fold(None, |sum, value| Some(sum.unwrap_or_default() + value))
}

#[cfg(test)]
mod tests {
    use voce_core::{Passage, TurnId, Usage};

    use super::*;

    #[test]
    fn of_several_turns_all_words_count_and_the_last_answer() {
        let first = TurnReport { turn: TurnId(1), question: "What is".into(), ..TurnReport::default() };
        let second = TurnReport {
            turn: TurnId(2),
            question: "the warranty?".into(),
            generated: "Two years.".into(),
            retrieval_seconds: Some(0.25),
            passages: vec![Passage { source: "manual.md".into(), chunk: 3, ..Passage::default() }],
            usage: Some(Usage { prompt_tokens: 30, completion_tokens: 4, cached_tokens: 0 }),
            ..TurnReport::default()
        };
        let turn = Turn::of_reports(&[first, second]).unwrap();
        assert_eq!(turn.question.as_deref(), Some("What is the warranty?"));
        let named = Found { name: "manual.md#3".into(), text: String::new() };
        assert_eq!(turn.passages, Some(vec![named.clone()]));
        let moved = |text: &str| Found { name: "other/manual.md#3".into(), text: text.into() };
        assert!(
            !named.is(&moved(""))
                && moved("Two years.").is(&Found { name: "x".into(), ..moved("Two years.") })
        );
        assert_eq!(serde_json::to_string(&named).unwrap(), "\"manual.md#3\"");
        assert_eq!((turn.prompt_tokens, turn.completion_tokens), (Some(30), Some(4)));
        assert!(turn.is_answered());
        assert_eq!(Turn::of_reports(&[]), None);
    }
}
