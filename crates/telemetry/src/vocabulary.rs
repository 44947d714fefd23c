//! Every exported name: what a span and its fields are called outside, and what a sink shows of them.
//!
//! `gen_ai.*` are the OpenTelemetry GenAI conventions (with the open proposal's operations for speech),
//! `mlflow.*` what MLflow reads, `turn.*`, `conversation.id` and `metrics.ttfb` what Pipecat's dashboards
//! know, `voce.*` the rest. How MLflow treats them was found by running it (3.17.2).

/// The instrumentation scope of all spans.
pub(crate) const SCOPE: &str = "voce";
/// Names of spans that may begin a trace; a span outside such a trace is not exported.
pub(crate) const ROOTS: &[&str] = &["turn", JUDGE];
/// The root of the judge's work on one turn; the names of its parts begin with it and a dot.
const JUDGE: &str = "judge";
/// The judge's request to a language model.
pub(crate) const JUDGE_ASK: &str = "judge.ask";

/// Span fields that say when the span truly began and ended: milliseconds before it was made and dropped.
pub(crate) const STARTED_MS_AGO: &str = "started_ms_ago";
pub(crate) const ENDED_MS_AGO: &str = "ended_ms_ago";
/// Span field: why the work failed.
pub(crate) const ERROR: &str = "error";
/// The root's field and value that make the whole trace an error.
pub(crate) const END_REASON: &str = "end_reason";
pub(crate) const FAILED: &str = "failed";

/// A reply that was begun before the turn was over, the field that says what became of it, and its value if it was
/// the answer.
pub(crate) const SPECULATION: &str = "speculation";
pub(crate) const OUTCOME: &str = "outcome";
pub(crate) const USED: &str = "used";
/// The field of a `speculation` that says how long it ran. Its end is reckoned by it: the span itself is open until
/// the last step of the dropped reply has noticed.
pub(crate) const RAN_SECONDS: &str = "seconds";

/// The root's fields that every span of the trace inherits, and what they are called outside.
pub(crate) const SESSION: &str = "session";
pub(crate) const USER: &str = "user";
pub(crate) const VARIANT: &str = "variant";
pub(crate) const SESSION_ID: &str = "session.id";
pub(crate) const USER_ID: &str = "user.id";
pub(crate) const VARIANT_NAME: &str = "voce.variant";

pub(crate) const SPAN_TYPE: &str = "mlflow.spanType";
pub(crate) const SPAN_INPUTS: &str = "mlflow.spanInputs";
pub(crate) const SPAN_OUTPUTS: &str = "mlflow.spanOutputs";
pub(crate) const ERROR_TYPE: &str = "error.type";

/// What we call a span, and all that is said of it outside.
pub(crate) struct SpanWords {
    pub(crate) name: &'static str,
    pub(crate) span_type: &'static str,
    /// Attributes that always have the same value.
    pub(crate) constants: &'static [(&'static str, &'static str)],
    pub(crate) input: Shape,
    pub(crate) output: Shape,
    /// Our fields beside [`COMMON`].
    pub(crate) fields: &'static [FieldWords],
}

/// What we call a field, and its names outside.
pub(crate) struct FieldWords {
    pub(crate) name: &'static str,
    pub(crate) meaning: Meaning,
    pub(crate) exported: &'static [&'static str],
}

/// How the value of a field is treated.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Meaning {
    /// A number or a flag.
    Figure,
    /// A word of ours: a model, a reason.
    Word,
    /// Something people or models said: the content switch applies.
    Said,
}

/// What a span shows as its input or output.
#[derive(Clone, Copy)]
pub(crate) enum Shape {
    Nothing,
    /// The text of a field.
    Text(&'static str),
    /// A chat with one message of the caller.
    UserMessage(&'static str),
    /// An answer of the assistant: the first of these fields that is not empty.
    AssistantMessage(&'static [&'static str]),
    /// A whole chat: a field with a JSON array of `{role, content}`.
    Messages(&'static str),
    /// Passages: a field with a JSON array of `{text, source, heading, chunk, score}`.
    Documents(&'static str),
    /// Some fields as an object.
    Figures(&'static [&'static str]),
}

const fn figure(name: &'static str, exported: &'static [&'static str]) -> FieldWords {
    FieldWords { name, meaning: Meaning::Figure, exported }
}

const fn word(name: &'static str, exported: &'static [&'static str]) -> FieldWords {
    FieldWords { name, meaning: Meaning::Word, exported }
}

const fn said(name: &'static str, exported: &'static [&'static str]) -> FieldWords {
    FieldWords { name, meaning: Meaning::Said, exported }
}

/// Fields that mean the same on every span.
pub(crate) const COMMON: &[FieldWords] = &[
    word("provider", &["gen_ai.provider.name"]),
    word("model", &["gen_ai.request.model"]),
    word("device", &["voce.device"]),
    word(ERROR, &["voce.error"]),
    figure("audio_seconds", &["voce.audio_seconds"]),
    figure("real_time_factor", &["voce.real_time_factor"]),
    figure("queue_wait_ms", &["voce.queue_wait_ms"]),
    figure("batch_size", &["voce.batch_size"]),
];

const OPERATION: &str = "gen_ai.operation.name";
const CHAT_FORMAT: (&str, &str) = ("mlflow.message.format", "openai");

/// The spans of a turn.
pub(crate) const SPANS: &[SpanWords] = &[
    SpanWords {
        name: "turn",
        span_type: "AGENT",
        constants: &[
            (OPERATION, "invoke_agent"),
            ("gen_ai.agent.name", "voce"),
            // Without it the trace has no name in MLflow: the root span's name is not used.
            ("mlflow.traceTag.mlflow.traceName", "voice-turn"),
            ("turn.type", "conversation"),
            CHAT_FORMAT,
        ],
        input: Shape::UserMessage("question"),
        // What was heard is what was said; the rest stands beside it.
        output: Shape::AssistantMessage(&["heard", "spoken", "generated"]),
        fields: &[
            word(SESSION, &[SESSION_ID, "conversation.id", "gen_ai.conversation.id"]),
            word(USER, &[USER_ID]),
            figure("turn_number", &["turn.number"]),
            said("question", &[]),
            said("generated", &["voce.answer.generated"]),
            said("spoken", &["voce.answer.spoken"]),
            said("heard", &["voce.answer.heard"]),
            figure("interrupted", &["turn.was_interrupted"]),
            figure("interruptions", &["voce.interruptions"]),
            word(END_REASON, &["gen_ai.agent.invocation.end_reason"]),
            figure("voice_to_voice_seconds", &["turn.user_bot_latency_seconds"]),
            figure("end_to_end_seconds", &["turn.duration_seconds"]),
            word("opened_by", &["voce.turn.opened_by"]),
            figure("early", &["voce.speculation.early"]),
            figure("early_dropped", &["voce.speculation.dropped"]),
            figure("early_used", &["voce.speculation.used"]),
            figure("wasted_seconds", &["voce.speculation.wasted_seconds"]),
            figure("overlaps", &["voce.overlaps"]),
            word(VARIANT, &[VARIANT_NAME]),
        ],
    },
    SpanWords {
        name: "listen",
        span_type: "VAD",
        constants: &[],
        input: Shape::Nothing,
        output: Shape::Figures(&["speech_seconds"]),
        fields: &[figure("speech_seconds", &["voce.speech_seconds"])],
    },
    SpanWords {
        name: "end_of_turn",
        span_type: "VAD",
        constants: &[],
        input: Shape::Figures(&["threshold"]),
        output: Shape::Figures(&["outcome", "probability", "waited_ms", "needed_ms", "hint", "reopened"]),
        fields: &[
            figure("threshold", &["voce.end_of_turn.threshold"]),
            figure("probability", &["voce.end_of_turn.probability"]),
            word(OUTCOME, &["voce.end_of_turn.outcome"]),
            figure("waited_ms", &["voce.end_of_turn.waited_ms"]),
            // The quiet that was demanded, and what the words said about it: open, closed or none.
            figure("needed_ms", &["voce.end_of_turn.needed_ms"]),
            figure("whole", &["voce.end_of_turn.whole"]),
            word("hint", &["voce.end_of_turn.hint"]),
            figure("reopened", &["voce.end_of_turn.reopened"]),
        ],
    },
    SpanWords {
        name: SPECULATION,
        span_type: "TASK",
        constants: &[],
        input: Shape::Text("question"),
        output: Shape::Figures(&[OUTCOME, "reason", RAN_SECONDS, "characters", "audio_seconds"]),
        fields: &[
            said("question", &["voce.speculation.question"]),
            word(OUTCOME, &["voce.speculation.outcome"]),
            word("reason", &["voce.speculation.reason"]),
            figure(RAN_SECONDS, &["voce.speculation.seconds"]),
            figure("characters", &["voce.speculation.characters"]),
        ],
    },
    SpanWords {
        name: "stt",
        span_type: "STT",
        constants: &[(OPERATION, "speech_to_text")],
        input: Shape::Figures(&["audio_seconds"]),
        output: Shape::Text("text"),
        fields: &[
            said("text", &[]),
            figure("partials", &["voce.stt.partials"]),
            figure("retries", &["voce.stt.retries"]),
            figure("seconds_to_first", &["voce.stt.seconds_to_first", "metrics.ttfb"]),
        ],
    },
    SpanWords {
        name: "rag",
        span_type: "RETRIEVER",
        constants: &[(OPERATION, "retrieval")],
        input: Shape::Text("query"),
        output: Shape::Documents("documents"),
        fields: &[
            said("query", &[]),
            said("documents", &[]),
            figure("count", &["voce.rag.documents"]),
            figure("best_score", &["voce.rag.best_score"]),
            figure("mean_score", &["voce.rag.mean_score"]),
        ],
    },
    SpanWords {
        name: "rag.embed",
        span_type: "EMBEDDING",
        constants: &[(OPERATION, "embeddings")],
        input: Shape::Nothing,
        output: Shape::Figures(&["dimensions"]),
        fields: &[figure("dimensions", &["gen_ai.embeddings.dimension.count"])],
    },
    SpanWords {
        name: "rag.search",
        span_type: "RETRIEVER",
        constants: &[(OPERATION, "retrieval")],
        input: Shape::Figures(&["collection", "limit"]),
        output: Shape::Figures(&["count"]),
        fields: &[
            word("collection", &["gen_ai.data_source.id"]),
            figure("limit", &["voce.rag.limit"]),
            figure("count", &["voce.rag.documents"]),
            // What was found by meaning and by words, before both became one.
            figure("by_meaning", &["voce.rag.dense_hits"]),
            figure("by_words", &["voce.rag.sparse_hits"]),
            figure("reranked", &["voce.rag.reranked"]),
        ],
    },
    SpanWords {
        name: "llm",
        span_type: "CHAT_MODEL",
        constants: &[(OPERATION, "chat"), CHAT_FORMAT],
        input: Shape::Messages("messages"),
        output: Shape::AssistantMessage(&["answer"]),
        fields: &[
            said("messages", &[]),
            said("answer", &[]),
            // Tokens stand here and nowhere else: MLflow adds them up over the trace.
            figure("prompt_tokens", &["gen_ai.usage.input_tokens"]),
            figure("completion_tokens", &["gen_ai.usage.output_tokens"]),
            figure("cached_tokens", &["gen_ai.usage.cache_read.input_tokens"]),
            figure("first_token_seconds", &["voce.llm.first_token_seconds", "metrics.ttfb"]),
            figure("inter_token_mean_ms", &["voce.llm.inter_token_mean_ms"]),
            figure("inter_token_p95_ms", &["voce.llm.inter_token_p95_ms"]),
            figure("tokens_per_second", &["voce.llm.tokens_per_second"]),
        ],
    },
    // These three exist for their durations: MLflow gives percentiles of nothing else.
    SpanWords {
        name: "llm.first_token",
        span_type: "CHAT_MODEL",
        constants: &[],
        input: Shape::Nothing,
        output: Shape::Nothing,
        fields: &[],
    },
    SpanWords {
        name: "tts.first_audio",
        span_type: "TTS",
        constants: &[],
        input: Shape::Nothing,
        output: Shape::Nothing,
        fields: &[],
    },
    SpanWords {
        name: "voice_to_voice",
        span_type: "AUDIO",
        constants: &[],
        input: Shape::Nothing,
        output: Shape::Figures(&["seconds"]),
        fields: &[figure("seconds", &["voce.voice_to_voice_seconds"])],
    },
    SpanWords {
        name: "parse",
        span_type: "PARSER",
        constants: &[],
        input: Shape::Text("text"),
        output: Shape::Figures(&["sentences"]),
        fields: &[said("text", &[]), figure("sentences", &["voce.parse.sentences"])],
    },
    SpanWords {
        name: "tts",
        span_type: "TTS",
        constants: &[(OPERATION, "text_to_speech"), ("gen_ai.output.type", "speech")],
        input: Shape::Text("text"),
        output: Shape::Figures(&["audio_seconds"]),
        fields: &[
            said("text", &[]),
            word("voice", &["voce.tts.voice"]),
            figure("characters", &["voce.tts.characters"]),
            figure("first_audio_seconds", &["voce.tts.first_audio_seconds", "metrics.ttfb"]),
        ],
    },
    SpanWords {
        name: "playout",
        span_type: "AUDIO",
        constants: &[],
        input: Shape::Nothing,
        output: Shape::Text("heard"),
        fields: &[
            said("heard", &[]),
            figure("late_frames", &["voce.playout.late_frames"]),
            figure("cut", &["voce.playout.cut"]),
            figure("heard_seconds", &["voce.playout.heard_seconds"]),
        ],
    },
    SpanWords {
        name: "overlap",
        span_type: "VAD",
        constants: &[],
        input: Shape::Text("text"),
        output: Shape::Figures(&[OUTCOME, "speech_seconds", "held_ms", "stop_ms"]),
        fields: &[
            said("text", &["voce.overlap.text"]),
            word(OUTCOME, &["voce.overlap.outcome"]),
            figure("speech_seconds", &["voce.overlap.speech_seconds"]),
            figure("held_ms", &["voce.overlap.held_ms"]),
            figure("stop_ms", &["voce.overlap.stop_ms"]),
        ],
    },
    SpanWords {
        name: "filler",
        span_type: "TTS",
        constants: &[],
        input: Shape::Text("text"),
        output: Shape::Nothing,
        fields: &[said("text", &[])],
    },
];

/// The judge's own work on one turn: a trace of its own, for nothing is added to a turn's trace after its end.
const JUDGE_SPANS: &[SpanWords] = &[
    SpanWords {
        name: JUDGE,
        span_type: "EVALUATOR",
        constants: &[("mlflow.traceTag.mlflow.traceName", "judge"), ("gen_ai.agent.name", "voce judge")],
        input: Shape::Figures(&["turn_trace", "attempt", "metrics"]),
        output: Shape::Text("verdict"),
        fields: &[
            // A tag too, so that the judge's work on a turn can be found.
            word("turn_trace", &["voce.judge.turn", "mlflow.traceTag.voce_turn"]),
            figure("attempt", &["voce.judge.attempt"]),
            word("worker", &["voce.judge.worker"]),
            word("metrics", &["voce.judge.metrics"]),
            figure("scores", &["voce.judge.scores"]),
            word(OUTCOME, &["voce.judge.outcome"]),
            // The reasons quote what was said.
            said("verdict", &[]),
        ],
    },
    SpanWords {
        name: "judge.read",
        span_type: "TASK",
        constants: &[],
        input: Shape::Nothing,
        output: Shape::Nothing,
        fields: &[],
    },
    SpanWords {
        name: JUDGE_ASK,
        span_type: "CHAT_MODEL",
        constants: &[(OPERATION, "chat")],
        input: Shape::Figures(&["metrics"]),
        output: Shape::Figures(&[OUTCOME, "scores", "requests"]),
        fields: &[
            word("metrics", &["voce.judge.metrics"]),
            figure("requests", &["voce.judge.requests"]),
            figure("prompt_tokens", &["gen_ai.usage.input_tokens"]),
            figure("completion_tokens", &["gen_ai.usage.output_tokens"]),
            figure("scores", &["voce.judge.scores"]),
            word(OUTCOME, &["voce.judge.outcome"]),
        ],
    },
    SpanWords {
        name: "judge.write",
        span_type: "TASK",
        constants: &[],
        input: Shape::Nothing,
        output: Shape::Figures(&["scores"]),
        fields: &[figure("scores", &["voce.judge.scores"])],
    },
];

/// For a span that has no entry yet: it is exported, its fields as `voce.NAME.FIELD`.
pub(crate) const UNKNOWN: SpanWords = SpanWords {
    name: "",
    span_type: "TASK",
    constants: &[],
    input: Shape::Nothing,
    output: Shape::Nothing,
    fields: &[],
};

/// Events that are ours. With `content = none` any other event is left out, as its text may hold anything.
pub(crate) const EVENTS: &[&str] = &["candidate", "sentence", "exception"];
/// Events for the log alone: they say of a turn what its spans say already.
pub(crate) const LOG_ONLY: &[&str] = &["turn ended", "reply failed"];
/// Spans that say which call a log line belongs to, and their field for it.
pub(crate) const CALLS: &[(&str, &str)] = &[("turn", SESSION), ("call", "id"), ("transport.call", "call")];
/// Event attributes that are words of ours, and so stay with `content = none`.
pub(crate) const EVENT_WORDS: &[&str] = &[OUTCOME, "hint", "kind"];

/// The longest value in characters. MLflow refuses the whole batch for one longer session id or span type.
pub(crate) fn longest(attribute: &str) -> usize {
    match attribute {
        SESSION_ID | USER_ID => 250,
        SPAN_TYPE => 500,
        _ if attribute.starts_with("mlflow.traceTag.") => 8_000,
        _ => LONGEST_TEXT,
    }
}

/// The longest text within a span's input, output or attributes, in characters.
pub(crate) const LONGEST_TEXT: usize = 32_768;
/// The most messages or passages that a span shows.
pub(crate) const MOST_PARTS: usize = 200;
/// The longest span name: MLflow's column.
pub(crate) const LONGEST_NAME: usize = 250;

/// The entry of a span.
pub(crate) fn words_of(name: &str) -> &'static SpanWords {
    SPANS.iter().chain(JUDGE_SPANS).find(|words| words.name == name).unwrap_or(&UNKNOWN)
}

/// Whether a span is of the judge's own work and not of a turn.
pub(crate) fn is_of_judge(name: &str) -> bool {
    name.strip_prefix(JUDGE).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}

impl SpanWords {
    /// The entry of one of its fields.
    pub(crate) fn field(&self, name: &str) -> Option<&'static FieldWords> {
        self.fields.iter().chain(COMMON).find(|field| field.name == name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_judges_spans_are_told_by_their_names() {
        assert!(JUDGE_SPANS.iter().all(|words| is_of_judge(words.name)));
        assert!(SPANS.iter().all(|words| !is_of_judge(words.name)));
        assert!(!is_of_judge("judgement"));
    }
}
