//! Every metric of a turn: which spans give it, by which attribute, and what it is labelled with.
//!
//! Names are OpenTelemetry's; Prometheus sees dots as underscores, the unit as a suffix and `_total` on counters.
//! An empty unit stands where that suffix would be none of the name's business.

/// One metric, and where its samples come from.
pub(super) struct Metric {
    pub(super) name: &'static str,
    /// In UCUM's spelling.
    pub(super) unit: &'static str,
    pub(super) description: &'static str,
    pub(super) kind: Kind,
    pub(super) rules: &'static [Rule],
}

/// What becomes of the samples.
#[derive(Clone, Copy)]
pub(super) enum Kind {
    Counter,
    /// With the upper bounds of its buckets.
    Histogram(&'static [f64]),
}

/// Spans that give a sample.
pub(super) struct Rule {
    pub(super) spans: &'static [&'static str],
    pub(super) when: When,
    pub(super) value: Value,
    pub(super) labels: &'static [Label],
}

/// Which of these spans count.
pub(super) enum When {
    Always,
    Failed,
    /// An attribute has this value.
    Is(&'static str, &'static str),
}

/// The sample; a span without the attribute gives none.
pub(super) enum Value {
    One,
    /// The span's own length, seconds.
    Seconds,
    Attribute(&'static str),
    /// An attribute in milliseconds, as seconds.
    Millis(&'static str),
}

/// A label; one whose attribute is missing is left out.
pub(super) enum Label {
    /// The span's model as `model`.
    Model,
    /// The language model of the turn that the span ends, as `model`; `none` where none was asked.
    TurnModel,
    /// The configuration under test, as `variant`.
    Variant,
    /// The span's name as `stage`.
    Stage,
    /// A fixed value.
    Fixed(&'static str, &'static str),
    /// An attribute under a name of its own.
    Attribute(&'static str, &'static str),
    /// An attribute that says yes or no, as `true` or `false`.
    Flag(&'static str, &'static str),
}

use Kind::{Counter, Histogram};
use Label::{Attribute as Named, Fixed, Flag, Model, Stage, TurnModel, Variant};
use Value::{Attribute, Millis, One, Seconds};
use When::{Always, Failed, Is};

/// What a caller waits for: fine where answers are good, coarse where they are not.
const WAIT: &[f64] =
    &[0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.8, 1.0, 1.25, 1.5, 2.0, 2.5, 3.0, 4.0, 5.0, 7.5, 10.0];
/// One stage: a search takes milliseconds, a long answer seconds.
const STAGE: &[f64] =
    &[0.005, 0.01, 0.025, 0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0, 5.0, 10.0, 30.0];
/// A whole turn, with all that is said in it.
const TURN: &[f64] = &[1.0, 2.0, 3.0, 4.0, 5.0, 7.5, 10.0, 15.0, 20.0, 30.0, 60.0, 120.0];
const TOKEN: &[f64] = &[0.001, 0.0025, 0.005, 0.01, 0.02, 0.03, 0.05, 0.075, 0.1, 0.2, 0.5, 1.0];
/// As the GenAI conventions advise.
const TOKENS: &[f64] = &[1.0, 4.0, 16.0, 64.0, 256.0, 1_024.0, 4_096.0, 16_384.0, 65_536.0, 262_144.0];
const RATE: &[f64] = &[1.0, 2.0, 5.0, 10.0, 20.0, 30.0, 50.0, 75.0, 100.0, 150.0, 200.0, 500.0];
/// 1 is as fast as it is heard.
const REAL_TIME: &[f64] = &[0.02, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0, 1.5, 2.0, 5.0];
const DOCUMENTS: &[f64] = &[0.0, 1.0, 2.0, 3.0, 5.0, 10.0, 20.0];
const SIMILARITY: &[f64] = &[0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0];
const STOP: &[f64] = &[0.02, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.4, 0.5, 0.75, 1.0, 2.0];
/// What a judge gives.
pub(super) const SCORE: &[f64] = &[1.0, 2.0, 3.0, 4.0, 5.0];

const MODEL: &str = "gen_ai.request.model";
const OPERATION: &str = "gen_ai.operation.name";
const PROVIDER: &str = "gen_ai.provider.name";
const JUDGE_OUTCOME: &str = "voce.judge.outcome";

/// Spans that are a step of the way to an answer. `llm.first_token` and `tts.first_audio` are counted by their
/// parents, which know the model.
const STAGES: &[&str] =
    &["listen", "end_of_turn", "stt", "rag", "rag.embed", "rag.search", "llm", "parse", "tts", "playout"];
/// Spans of a model at work, by the GenAI conventions.
const OPERATIONS: &[&str] = &["stt", "rag", "rag.embed", "rag.search", "llm", "tts"];
const GEN_AI: &[Label] = &[
    Named(OPERATION, OPERATION),
    Named(MODEL, MODEL),
    Named(PROVIDER, PROVIDER),
    Named("error.type", "error.type"),
    Variant,
];
const BY_MODEL: &[Label] = &[Model, Variant];

const fn of(spans: &'static [&'static str], value: Value, labels: &'static [Label]) -> Rule {
    Rule { spans, when: Always, value, labels }
}

/// The metrics of turns.
pub(super) const METRICS: &[Metric] = &[
    Metric {
        name: "voce.turn.voice_to_voice",
        unit: "s",
        description: "End of the caller's speech to the first sample of the answer.",
        kind: Histogram(WAIT),
        rules: &[of(&["turn"], Attribute("turn.user_bot_latency_seconds"), &[TurnModel, Variant])],
    },
    Metric {
        name: "voce.turn.duration",
        unit: "s",
        description: "Start of the caller's speech to the last sample heard, or the cut.",
        kind: Histogram(TURN),
        rules: &[of(&["turn"], Seconds, &[Variant])],
    },
    Metric {
        name: "voce.turns",
        unit: "{turn}",
        description: "Turns that ended, by how.",
        kind: Counter,
        rules: &[of(&["turn"], One, &[Named("end_reason", "gen_ai.agent.invocation.end_reason"), Variant])],
    },
    Metric {
        name: "voce.stage.duration",
        unit: "s",
        description: "Time that a stage of a turn took.",
        kind: Histogram(STAGE),
        rules: &[
            of(STAGES, Seconds, &[Stage, Model, Variant]),
            of(
                &["llm"],
                Attribute("voce.llm.first_token_seconds"),
                &[Fixed("stage", "llm.first_token"), Model, Variant],
            ),
            of(
                &["tts"],
                Attribute("voce.tts.first_audio_seconds"),
                &[Fixed("stage", "tts.first_audio"), Model, Variant],
            ),
        ],
    },
    Metric {
        name: "voce.stage.errors",
        unit: "{error}",
        description: "Stages that failed.",
        kind: Counter,
        rules: &[Rule { spans: STAGES, when: Failed, value: One, labels: &[Stage, Model, Variant] }],
    },
    Metric {
        name: "voce.queue.wait",
        unit: "s",
        description: "Time that a stage waited for its model to be free.",
        kind: Histogram(STAGE),
        rules: &[of(STAGES, Millis("voce.queue_wait_ms"), &[Stage, Model, Variant])],
    },
    Metric {
        name: "gen_ai.client.operation.duration",
        unit: "s",
        description: "Time that an operation of a model took.",
        kind: Histogram(STAGE),
        rules: &[of(OPERATIONS, Seconds, GEN_AI)],
    },
    Metric {
        name: "gen_ai.client.operation.time_to_first_chunk",
        unit: "s",
        description: "Time to the first part of a model's answer.",
        kind: Histogram(STAGE),
        rules: &[of(OPERATIONS, Attribute("metrics.ttfb"), GEN_AI)],
    },
    Metric {
        name: "gen_ai.client.token.usage",
        unit: "{token}",
        description: "Tokens of an answer's prompt and of the answer.",
        kind: Histogram(TOKENS),
        rules: &[
            of(
                &["llm"],
                Attribute("gen_ai.usage.input_tokens"),
                &[
                    Fixed("gen_ai.token.type", "input"),
                    Named(OPERATION, OPERATION),
                    Named(MODEL, MODEL),
                    Named(PROVIDER, PROVIDER),
                    Variant,
                ],
            ),
            of(
                &["llm"],
                Attribute("gen_ai.usage.output_tokens"),
                &[
                    Fixed("gen_ai.token.type", "output"),
                    Named(OPERATION, OPERATION),
                    Named(MODEL, MODEL),
                    Named(PROVIDER, PROVIDER),
                    Variant,
                ],
            ),
        ],
    },
    Metric {
        name: "voce.llm.inter_token",
        unit: "s",
        description: "Mean time between two tokens of an answer.",
        kind: Histogram(TOKEN),
        rules: &[of(&["llm"], Millis("voce.llm.inter_token_mean_ms"), BY_MODEL)],
    },
    Metric {
        name: "voce.llm.tokens_per_second",
        unit: "",
        description: "Tokens of an answer per second, from its first one on.",
        kind: Histogram(RATE),
        rules: &[of(&["llm"], Attribute("voce.llm.tokens_per_second"), BY_MODEL)],
    },
    Metric {
        name: "voce.llm.cost",
        unit: "",
        description: "What answers cost, in the currency of telemetry.currency.",
        kind: Counter,
        rules: &[of(&["llm"], Attribute(super::cost::COST), BY_MODEL)],
    },
    Metric {
        name: "voce.tool.duration",
        unit: "s",
        description: "Time that calls of a tool took, by how they ended.",
        kind: Histogram(STAGE),
        rules: &[of(
            &["tool"],
            Attribute("voce.tool.seconds"),
            &[Named("tool", "gen_ai.tool.name"), Named("outcome", "voce.tool.outcome"), Variant],
        )],
    },
    Metric {
        name: "voce.stt.real_time_factor",
        unit: "",
        description: "Seconds of recognition for a second of speech.",
        kind: Histogram(REAL_TIME),
        rules: &[of(&["stt"], Attribute("voce.real_time_factor"), BY_MODEL)],
    },
    Metric {
        name: "voce.tts.real_time_factor",
        unit: "",
        description: "Seconds of synthesis for a second of voice.",
        kind: Histogram(REAL_TIME),
        rules: &[of(&["tts"], Attribute("voce.real_time_factor"), BY_MODEL)],
    },
    Metric {
        name: "voce.rag.documents",
        unit: "{document}",
        description: "Passages found for a question.",
        kind: Histogram(DOCUMENTS),
        rules: &[of(&["rag"], Attribute("voce.rag.documents"), BY_MODEL)],
    },
    Metric {
        name: "voce.rag.best_score",
        unit: "",
        description: "Similarity of the best passage to the question.",
        kind: Histogram(SIMILARITY),
        rules: &[of(&["rag"], Attribute("voce.rag.best_score"), BY_MODEL)],
    },
    Metric {
        name: "voce.interruptions",
        unit: "{interruption}",
        description: "Answers that the caller interrupted.",
        kind: Counter,
        rules: &[of(&["turn"], Attribute("voce.interruptions"), &[Variant])],
    },
    Metric {
        name: "voce.interruption.stop",
        unit: "s",
        description: "Start of an interruption to the bot's silence.",
        kind: Histogram(STOP),
        rules: &[Rule {
            spans: &["overlap"],
            when: Is("voce.overlap.outcome", "interruption"),
            value: Millis("voce.overlap.stop_ms"),
            labels: &[Variant],
        }],
    },
    Metric {
        name: "voce.overlaps",
        unit: "{overlap}",
        description: "Speech into the bot's speech, by what was made of it.",
        kind: Counter,
        rules: &[of(&["overlap"], One, &[Named("outcome", "voce.overlap.outcome"), Variant])],
    },
    Metric {
        name: "voce.end_of_turn",
        unit: "{decision}",
        description: "Ends of turns, by how they were decided and whether the turn had been reopened.",
        kind: Counter,
        rules: &[of(
            &["end_of_turn"],
            One,
            &[
                Named("outcome", "voce.end_of_turn.outcome"),
                Flag("reopened", "voce.end_of_turn.reopened"),
                Variant,
            ],
        )],
    },
    Metric {
        name: "voce.speculation",
        unit: "{reply}",
        description: "Replies begun before the turn was over, by what became of them.",
        kind: Counter,
        rules: &[
            of(&["turn"], Attribute("voce.speculation.used"), &[Fixed("outcome", "used"), Variant]),
            of(&["turn"], Attribute("voce.speculation.dropped"), &[Fixed("outcome", "dropped"), Variant]),
        ],
    },
    Metric {
        name: "voce.speculation.wasted",
        unit: "s",
        description: "Time that dropped replies had been at work.",
        kind: Counter,
        rules: &[of(&["turn"], Attribute("voce.speculation.wasted_seconds"), &[Variant])],
    },
    Metric {
        name: "voce.playout.late_frames",
        unit: "{frame}",
        description: "Frames of the bot's voice that were not ready when they were due.",
        kind: Counter,
        rules: &[of(&["playout"], Attribute("voce.playout.late_frames"), &[Variant])],
    },
    Metric {
        name: "voce.judge.turns",
        unit: "{turn}",
        description: "Tries of the judge at a turn, by what came of them.",
        kind: Counter,
        rules: &[of(&["judge"], One, &[Named("outcome", JUDGE_OUTCOME)])],
    },
    Metric {
        name: "voce.judge.duration",
        unit: "s",
        description: "Time of the judge for a turn: reading, asking, writing.",
        kind: Histogram(TURN),
        rules: &[of(&["judge"], Seconds, &[])],
    },
    Metric {
        name: "voce.judge.requests",
        unit: "{request}",
        description: "Requests of the judge to a model, by how the last of a turn ended.",
        kind: Counter,
        rules: &[of(
            &["judge.ask"],
            Attribute("voce.judge.requests"),
            &[Model, Named("outcome", JUDGE_OUTCOME)],
        )],
    },
    Metric {
        name: "voce.judge.tokens",
        unit: "{token}",
        description: "Tokens that the judge's model read and wrote.",
        kind: Counter,
        rules: &[
            of(&["judge.ask"], Attribute("gen_ai.usage.input_tokens"), &[Model, Fixed("type", "input")]),
            of(&["judge.ask"], Attribute("gen_ai.usage.output_tokens"), &[Model, Fixed("type", "output")]),
        ],
    },
    Metric {
        name: "voce.judge.cost",
        unit: "",
        description: "What the judge's model cost, in the currency of telemetry.currency.",
        kind: Counter,
        rules: &[of(&["judge.ask"], Attribute(super::cost::COST), &[Model])],
    },
];

/// Names of metrics that come from elsewhere: no custom metric may have them.
pub(super) const OTHERS: &[&str] = &[
    "voce.judge.score",
    "voce.judge.waiting",
    "voce.judge.dead",
    "voce.judge.budget",
    "voce.judge.model_up",
    "voce.calls",
    "voce.calls.active",
    "voce.access.refused",
    "voce.admission.wait",
    "voce.admission.lag",
    "voce.admission.open",
    "voce.admission.places",
    "voce.admission.refused",
    "voce.queue.depth",
    "voce.tasks",
    "voce.telemetry.spans",
    "voce.telemetry.custom_errors",
    "voce.telemetry.spool.bytes",
    "voce.telemetry.spool.spans",
    "voce.telemetry.spool.oldest_age",
    "voce.telemetry.sink.up",
    "process.resident_memory",
    "process.cpu",
    "process.open_fds",
    "process.threads",
    "process.start_time",
];
