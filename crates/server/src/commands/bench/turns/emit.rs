//! A simulated turn as spans. The names and fields are those of the pipeline (`voce_pipeline::spans` and the search in
//! `voce-rag`); every span says here when it began and ended, as all of it is past.
use serde_json::json;
use tracing::{Span, field::Empty, info_span};

use super::plan::{End, Plan};

/// A moment of the turn, milliseconds, as the exporter wants it: how long ago.
#[derive(Clone, Copy)]
struct Clock {
    began_ms_ago: f64,
}

impl Clock {
    fn ago(self, at_ms: f64) -> f64 {
        self.began_ms_ago - at_ms
    }
}

/// A span of the past with these fields. A macro, since the fields of a span are fixed where it is made.
macro_rules! past {
    ($parent:expr, $name:literal, $clock:expr, $from:expr, $until:expr $(, $($fields:tt)*)?) => {
        info_span!(
            target: "voce_pipeline::spans", parent: $parent, $name, started_ms_ago = $clock.ago($from),
            ended_ms_ago = $clock.ago($until), otel.status_code = Empty, otel.status_description = Empty
            $(, $($fields)*)?
        )
    };
}

/// Emits a turn that began `began_ms_ago` ago and returns its trace id, if traces are on.
pub fn turn(plan: &Plan, session: &str, variant: &str, began_ms_ago: f64) -> Option<String> {
    let clock = Clock { began_ms_ago };
    let root = root(plan, session, variant, clock);
    listening(plan, &root, clock);
    if plan.failed_at() != Some("stt") {
        answer(plan, &root, clock);
    }
    if let Some(stage) = plan.failed_at() {
        failed(&root, &format!("{stage}: simulated failure"));
    }
    voce_telemetry::trace_id(&root)
}

fn root(plan: &Plan, session: &str, variant: &str, clock: Clock) -> Span {
    let lines = plan.lines();
    let (generated, heard) = match plan.end {
        End::Completed => (plan.answer, plan.answer),
        End::Interrupted => (plan.answer, lines[0]),
        End::Failed(_) => ("", ""),
    };
    past!(
        None,
        "turn",
        clock,
        0.0,
        plan.whole_ms(),
        session,
        variant,
        turn_number = plan.number,
        opened_by = "speech",
        question = plan.question,
        generated,
        spoken = generated,
        heard,
        interrupted = plan.end == End::Interrupted,
        interruptions = u64::from(plan.end == End::Interrupted),
        end_reason = plan.end.as_str(),
        voice_to_voice_seconds = plan.voice_to_voice_ms().map(|ms| ms / 1e3),
        end_to_end_seconds = plan.whole_ms() / 1e3,
        early = plan.early,
        early_used = u64::from(plan.early),
        early_dropped = u64::from(plan.dropped_ms.is_some()),
        wasted_seconds = plan.dropped_ms.unwrap_or_default() / 1e3,
        overlaps = u64::from(plan.end == End::Interrupted),
    )
}

fn listening(plan: &Plan, root: &Span, clock: Clock) {
    let quiet = plan.speech_ms + 200.0_f64.min(plan.waited_ms);
    drop(past!(root, "listen", clock, 0.0, quiet, speech_seconds = plan.speech_ms / 1e3));
    let end = past!(
        root,
        "end_of_turn",
        clock,
        quiet,
        plan.decided_ms(),
        provider = "onnxruntime",
        model = "smart-turn-v3.2",
        device = "cpu",
        threshold = 0.5,
        probability = plan.probability,
        outcome = "committed",
        hint = "closed",
        waited_ms = plan.waited_ms,
        needed_ms = plan.waited_ms,
        reopened = false,
    );
    drop(end);
    if let Some(ran_ms) = plan.dropped_ms {
        let begun = quiet - ran_ms.min(quiet);
        let dropped = past!(
            root,
            "speculation",
            clock,
            begun,
            begun + ran_ms,
            question = plan.question,
            outcome = "dropped",
            reason = "resumed",
            seconds = ran_ms / 1e3,
            characters = 30_u64,
        );
        drop(dropped);
    }
    let stt = past!(
        root,
        "stt",
        clock,
        plan.speech_ms + 200.0,
        plan.speech_ms + 200.0 + plan.stt_ms,
        provider = "onnxruntime",
        model = "moonshine-base-en",
        device = "cpu",
        audio_seconds = plan.speech_ms / 1e3,
        text = Empty,
        partials = 1_u64,
        retries = 0_u64,
        real_time_factor = plan.stt_ms / plan.speech_ms,
        seconds_to_first = plan.stt_ms / 1e3,
    );
    if plan.failed_at() == Some("stt") {
        failed(&stt, "the recogniser ran out of memory");
    } else {
        stt.record("text", plan.question);
    }
}

fn answer(plan: &Plan, root: &Span, clock: Clock) {
    if plan.searched {
        let rag = retrieval(plan, root, clock);
        if plan.failed_at() == Some("rag") {
            return failed(&rag, "the knowledge base cannot be read");
        }
    }
    let llm = generation(plan, root, clock);
    if plan.failed_at() == Some("llm") {
        return failed(&llm, "the language model's server closed the connection");
    }
    speaking(plan, root, clock);
}

fn retrieval(plan: &Plan, root: &Span, clock: Clock) -> Span {
    let (from, until) = (plan.answer_ms(), plan.llm_ms());
    let documents = json!([
        {"text": plan.answer, "source": "manual.md", "heading": "Questions", "chunk": 3, "score": 0.8123},
        {"text": "Keep the receipt: it is needed for any claim.", "source": "returns.md", "heading": "",
         "chunk": 0, "score": 0.61},
    ]);
    let rag = past!(
        root,
        "rag",
        clock,
        from,
        until,
        provider = "candle",
        model = "all-minilm-l6-v2",
        device = "cpu",
        query = plan.question,
        documents = Empty,
        count = Empty,
        best_score = Empty,
        mean_score = Empty,
    );
    let embedded = from + plan.embed_ms;
    drop(past!(
        &rag,
        "rag.embed",
        clock,
        from,
        embedded,
        provider = "candle",
        model = "all-minilm-l6-v2",
        device = "cpu",
        dimensions = 384_u64,
    ));
    if plan.failed_at() == Some("rag") {
        return rag;
    }
    drop(past!(
        &rag,
        "rag.search",
        clock,
        embedded,
        until,
        provider = "qdrant-edge",
        device = "cpu",
        collection = "voce",
        limit = 4_u64,
        count = 2_u64,
    ));
    rag.record("documents", documents.to_string());
    rag.record("count", 2_u64);
    rag.record("best_score", 0.8123);
    rag.record("mean_score", 0.711);
    rag
}

fn generation(plan: &Plan, root: &Span, clock: Clock) -> Span {
    let from = plan.llm_ms();
    let first = from + plan.first_token_ms;
    let fails = plan.failed_at() == Some("llm");
    let until = if fails { first } else { plan.llm_end_ms() };
    let messages = json!([
        {"role": "system", "content": "You are a helpful assistant. Answer in one or two sentences."},
        {"role": "user", "content": plan.question},
    ]);
    let llm = past!(
        root,
        "llm",
        clock,
        from,
        until,
        provider = "candle",
        model = "smollm2-135m-instruct",
        device = "cpu",
        messages = messages.to_string(),
        answer = Empty,
        prompt_tokens = Empty,
        completion_tokens = Empty,
        cached_tokens = Empty,
        first_token_seconds = Empty,
        inter_token_mean_ms = Empty,
        inter_token_p95_ms = Empty,
        tokens_per_second = Empty,
    );
    if fails {
        return llm;
    }
    drop(past!(&llm, "llm.first_token", clock, from, first));
    llm.record("answer", plan.answer);
    llm.record("prompt_tokens", plan.prompt_tokens);
    llm.record("completion_tokens", plan.completion_tokens);
    llm.record("cached_tokens", plan.prompt_tokens / 3);
    llm.record("first_token_seconds", plan.first_token_ms / 1e3);
    llm.record("inter_token_mean_ms", plan.token_ms);
    llm.record("inter_token_p95_ms", plan.token_ms * 1.6);
    llm.record("tokens_per_second", 1e3 / plan.token_ms);
    llm
}

fn speaking(plan: &Plan, root: &Span, clock: Clock) {
    let begun = plan.llm_ms() + plan.first_token_ms;
    drop(past!(root, "parse", clock, begun, plan.llm_end_ms(), text = plan.answer, sentences = 2_u64,));
    let mut from = plan.first_line_ms();
    for text in plan.lines() {
        let sound_ms = text.len() as f64 * 62.0;
        let until = from + plan.first_audio_ms * 1.2;
        let tts = past!(
            root,
            "tts",
            clock,
            from,
            until,
            provider = "onnxruntime",
            model = "kokoro-82m-int8",
            device = "cpu",
            voice = "af_heart",
            text,
            characters = text.len(),
            audio_seconds = Empty,
            real_time_factor = Empty,
            first_audio_seconds = Empty,
        );
        if plan.failed_at() == Some("tts") {
            return failed(&tts, "the voice has no phonemes for this text");
        }
        drop(past!(&tts, "tts.first_audio", clock, from, from + plan.first_audio_ms));
        tts.record("audio_seconds", sound_ms / 1e3);
        tts.record("real_time_factor", (until - from) / sound_ms);
        tts.record("first_audio_seconds", plan.first_audio_ms / 1e3);
        from = until;
    }
    let heard = if plan.end == End::Interrupted { plan.lines()[0] } else { plan.answer };
    drop(past!(
        root,
        "playout",
        clock,
        plan.heard_ms(),
        plan.heard_ms() + plan.sound_ms(),
        late_frames = plan.late_frames,
        heard,
        cut = plan.end == End::Interrupted,
        heard_seconds = plan.sound_ms() / 1e3,
    ));
    if plan.end == End::Interrupted {
        let cut = plan.heard_ms() + plan.sound_ms();
        drop(past!(
            root,
            "overlap",
            clock,
            cut - 700.0,
            cut,
            outcome = "interruption",
            text = "Wait.",
            speech_seconds = 0.6,
            held_ms = 180.0,
            stop_ms = 120.0,
        ));
    }
    let seconds = (plan.heard_ms() - plan.speech_ms) / 1e3;
    drop(past!(root, "voice_to_voice", clock, plan.speech_ms, plan.heard_ms(), seconds));
}

fn failed(span: &Span, reason: &str) {
    span.record("otel.status_code", "ERROR");
    span.record("otel.status_description", reason);
}
