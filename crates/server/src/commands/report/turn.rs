//! The figures of one turn, from the raw spans of its trace.
use serde::Serialize;
use voce_mlflow::{Span, Status, Trace};

/// How much of the question stands in a list, characters.
const QUESTION: usize = 80;

/// One turn.
pub struct Turn {
    pub trace_id: String,
    /// Milliseconds since 1970.
    pub started_ms: u64,
    /// The call.
    pub session: String,
    /// Who called; `-` where nobody said.
    pub user: String,
    pub variant: String,
    /// The language model.
    pub model: String,
    pub voice: String,
    pub end_reason: String,
    /// Speech start to the last sample heard.
    pub seconds: f64,
    /// End of the caller's speech to the first sample of the answer.
    pub voice_to_voice: Option<f64>,
    /// Every span below the turn, in the order of its start.
    pub stages: Vec<Stage>,
    pub input_tokens: u64,
    pub output_tokens: u64,
    pub cached_tokens: u64,
    /// In the currency of the prices; `None` where there are none.
    pub cost: Option<f64>,
    pub interruptions: u64,
    pub early_used: u64,
    pub early_dropped: u64,
    pub wasted_seconds: f64,
    pub late_frames: u64,
    /// Names of the stages that failed; `turn` if only the turn says so.
    pub errors: Vec<String>,
    pub scores: Vec<Score>,
    /// As much of the question as the trace holds and a list shows.
    pub question: String,
}

/// A span below the turn.
pub struct Stage {
    pub name: String,
    /// Its start after the turn's, seconds.
    pub after: f64,
    pub seconds: f64,
}

/// A valid score of the turn.
pub struct Score {
    pub metric: String,
    /// `human`, `judge`, `code` or `other`.
    pub source: &'static str,
    pub value: f64,
}

/// A turn in the list of the slowest.
#[derive(Serialize)]
pub struct Slow {
    pub trace_id: String,
    pub started_ms: u64,
    pub voice_to_voice: f64,
    pub seconds: f64,
    pub end_reason: String,
    /// The longest stage between the caller's last word and the answer.
    pub longest_stage: String,
    pub longest_stage_seconds: f64,
    pub variant: String,
    pub question: String,
    /// Its page in MLflow.
    pub link: String,
}

impl Turn {
    /// `None` for a trace whose root has not arrived.
    pub fn of(trace: &Trace) -> Option<Self> {
        let root = trace.root().filter(|_| trace.info.state != "IN_PROGRESS")?;
        let word = |span: Option<&Span>, name: &str| {
            span.and_then(|span| span.word(name)).filter(|word| !word.is_empty()).unwrap_or("-").to_owned()
        };
        let count = |name: &str| root.figure(name).unwrap_or_default() as u64;
        let llm_sum = |name: &str| trace.named("llm").filter_map(|llm| llm.figure(name)).sum::<f64>() as u64;
        let waited = trace.named("voice_to_voice").next();
        let stages = trace.spans.iter().filter(|span| span.id != root.id);
        let mut errors: Vec<String> = trace
            .spans
            .iter()
            .filter(|span| span.id != root.id && span.status == Status::Error)
            .map(|span| span.name.clone())
            .collect();
        if errors.is_empty() && root.status == Status::Error {
            errors.push("turn".to_owned());
        }
        Some(Self {
            trace_id: trace.info.id.clone(),
            started_ms: trace.info.started_ms,
            session: word(Some(root), "session.id"),
            user: word(Some(root), "user.id"),
            variant: word(Some(root), "voce.variant"),
            model: word(trace.named("llm").next(), "gen_ai.request.model"),
            voice: word(trace.named("tts").next(), "voce.tts.voice"),
            end_reason: word(Some(root), "gen_ai.agent.invocation.end_reason"),
            seconds: root.seconds(),
            voice_to_voice: waited.map(Span::seconds),
            stages: stages.map(|span| Stage::of(span, root)).collect(),
            input_tokens: llm_sum("gen_ai.usage.input_tokens"),
            output_tokens: llm_sum("gen_ai.usage.output_tokens"),
            cached_tokens: llm_sum("gen_ai.usage.cache_read.input_tokens"),
            cost: trace.info.cost(),
            interruptions: count("voce.interruptions"),
            early_used: count("voce.speculation.used"),
            early_dropped: count("voce.speculation.dropped"),
            wasted_seconds: root.figure("voce.speculation.wasted_seconds").unwrap_or_default(),
            late_frames: trace
                .named("playout")
                .filter_map(|span| span.figure("voce.playout.late_frames"))
                .sum::<f64>() as u64,
            errors,
            scores: scores(trace),
            question: question(&trace.info.request_preview),
        })
    }

    /// Whose turn it is, as far as chance is concerned: turns of one caller are alike.
    pub fn caller(&self) -> &str {
        if self.user == "-" { &self.session } else { &self.user }
    }

    /// The longest stage between the caller's last word and the answer; those that are parts of others do not count.
    fn longest_stage(&self) -> Option<&Stage> {
        let stages = self.stages.iter();
        let waited_for = |stage: &&Stage| {
            matches!(
                stage.name.as_str(),
                "end_of_turn" | "stt" | "rag" | "llm.first_token" | "tts.first_audio"
            )
        };
        stages.filter(waited_for).max_by(|a, b| a.seconds.total_cmp(&b.seconds))
    }
}

impl Stage {
    fn of(span: &Span, root: &Span) -> Self {
        let after = (span.start_ns as f64 - root.start_ns as f64) / 1e9;
        Self { name: span.name.clone(), after, seconds: span.seconds() }
    }
}

fn scores(trace: &Trace) -> Vec<Score> {
    let valid = trace.info.assessments.iter().filter(|assessment| assessment.valid);
    valid
        .filter_map(|assessment| {
            let source = match &assessment.source {
                voce_mlflow::Source::Human(_) => "human",
                voce_mlflow::Source::Judge(_) => "judge",
                voce_mlflow::Source::Code(_) => "code",
                voce_mlflow::Source::Other(..) => "other",
            };
            Some(Score { metric: assessment.name.clone(), source, value: assessment.score()? })
        })
        .collect()
}

/// The preview is the root's input: a chat in JSON, or its last message.
fn question(preview: &str) -> String {
    let chat = serde_json::from_str::<serde_json::Value>(preview).ok();
    let message = chat.as_ref().and_then(|chat| chat["messages"][0]["content"].as_str());
    let text = message.unwrap_or(preview);
    let mut short: String = text.chars().take(QUESTION).collect();
    if short.len() < text.len() {
        short.push('…');
    }
    short
}

/// Turns with the longest voice-to-voice times, the longest first.
pub fn slowest(turns: &[Turn], count: usize, link: impl Fn(&Turn) -> String) -> Vec<Slow> {
    let mut answered: Vec<(&Turn, f64)> =
        turns.iter().filter_map(|turn| Some((turn, turn.voice_to_voice?))).collect();
    answered.sort_by(|a, b| b.1.total_cmp(&a.1));
    answered.truncate(count);
    let slow = |(turn, voice_to_voice): (&Turn, f64)| Slow {
        trace_id: turn.trace_id.clone(),
        started_ms: turn.started_ms,
        voice_to_voice,
        seconds: turn.seconds,
        end_reason: turn.end_reason.clone(),
        longest_stage: turn.longest_stage().map_or_else(String::new, |stage| stage.name.clone()),
        longest_stage_seconds: turn.longest_stage().map_or(0.0, |stage| stage.seconds),
        variant: turn.variant.clone(),
        question: turn.question.clone(),
        link: link(turn),
    };
    answered.into_iter().map(slow).collect()
}
