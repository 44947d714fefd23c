//! The spans of a turn: one function a span, so that names and fields stand in one place.
//!
//! Names and fields here are ours and plain; `voce-telemetry`'s vocabulary says what they are called outside.
//! Fields that are not known at the start are declared empty and recorded later. `started_ms_ago` and
//! `ended_ms_ago` say that the true start or end lies before the moment the span was made or dropped.
use tracing::{Span, field::Empty, info_span};
use voce_core::{ModelCard, ToolCall, TurnId};

/// Whose turn it is.
#[derive(Clone, Copy, Debug)]
pub struct Caller<'a> {
    /// The call.
    pub session: &'a str,
    /// Who calls, where that is known.
    pub user: Option<&'a str>,
    /// What the configuration that answers is called.
    pub variant: &'a str,
}

/// The root: speech start to the last sample heard, or the cut.
pub fn turn(caller: &Caller<'_>, number: TurnId, opened_by: &'static str, started_ms_ago: f64) -> Span {
    let Caller { session, user, variant } = *caller;
    info_span!(
        parent: None, "turn", session, user, variant, turn_number = number.0, opened_by, started_ms_ago, question = Empty,
        generated = Empty, spoken = Empty, heard = Empty, interrupted = Empty, interruptions = Empty,
        end_reason = Empty, voice_to_voice_seconds = Empty, end_to_end_seconds = Empty, early = Empty,
        early_used = Empty, early_dropped = Empty, wasted_seconds = Empty, overlaps = Empty,
        otel.status_code = Empty, otel.status_description = Empty,
    )
}

/// Speech start to soft end.
pub fn listen(turn: &Span, started_ms_ago: f64) -> Span {
    info_span!(parent: turn, "listen", started_ms_ago, ended_ms_ago = Empty, speech_seconds = Empty)
}

/// Soft end to decision.
pub fn end_of_turn(turn: &Span, model: &ModelCard, threshold: f32, started_ms_ago: f64) -> Span {
    info_span!(
        parent: turn, "end_of_turn", started_ms_ago, provider = model.provider, model = model.name,
        device = model.device, threshold = f64::from(threshold), probability = Empty, outcome = Empty,
        hint = Empty, whole = Empty, waited_ms = Empty, needed_ms = Empty, reopened = Empty,
        queue_wait_ms = Empty,
    )
}

/// Soft end to final text. Made when the words turn out to count, so both ends lie back.
pub fn stt(turn: &Span, model: &ModelCard, started_ms_ago: f64) -> Span {
    info_span!(
        parent: turn, "stt", started_ms_ago, provider = model.provider, model = model.name,
        device = model.device, audio_seconds = Empty, text = Empty, partials = Empty, retries = Empty,
        real_time_factor = Empty, seconds_to_first = Empty, ended_ms_ago = Empty, queue_wait_ms = Empty,
        otel.status_code = Empty, otel.status_description = Empty,
    )
}

/// An answer that was begun before the turn was over. The stages of the answer stand below it; the exporter puts
/// those of an answer that is used below the turn, and leaves those of a dropped one out.
pub fn speculation(turn: &Span, question: &str) -> Span {
    info_span!(
        parent: turn, "speculation", question, outcome = Empty, reason = Empty, seconds = Empty,
        characters = Empty,
    )
}

/// A short phrase that covers a slow answer.
pub fn filler(turn: &Span, text: &str) -> Span {
    info_span!(parent: turn, "filler", text)
}

/// Speech into the bot's speech: its beginning to what was made of it.
pub fn overlap(turn: &Span, started_ms_ago: f64) -> Span {
    info_span!(
        parent: turn, "overlap", started_ms_ago, outcome = Empty, text = Empty, speech_seconds = Empty,
        held_ms = Empty, stop_ms = Empty,
    )
}

/// Question to passages.
pub fn rag(turn: &Span, model: &ModelCard) -> Span {
    info_span!(
        parent: turn, "rag", provider = model.provider, model = model.name, device = model.device, query = Empty,
        rewritten = Empty, documents = Empty, count = Empty, best_score = Empty, mean_score = Empty, otel.status_code = Empty,
        otel.status_description = Empty,
    )
}

/// Request to last token.
pub fn llm(turn: &Span, model: &ModelCard) -> Span {
    info_span!(
        parent: turn, "llm", provider = model.provider, model = model.name, device = model.device,
        messages = Empty, answer = Empty, prompt_tokens = Empty, completion_tokens = Empty, cached_tokens = Empty,
        first_token_seconds = Empty, inter_token_mean_ms = Empty, inter_token_p95_ms = Empty,
        tokens_per_second = Empty, queue_wait_ms = Empty, otel.status_code = Empty, otel.status_description = Empty,
    )
}

/// Request to first token.
pub fn llm_first_token(llm: &Span) -> Span {
    info_span!(parent: llm, "llm.first_token")
}

/// One call of a tool. `name` is one that the configuration knows, so that there are only so many.
pub fn tool(llm: &Span, name: &str, call: &ToolCall, has_effects: bool, confirmed: bool) -> Span {
    info_span!(
        parent: llm, "tool", tool = name, call = call.id, arguments = call.arguments, has_effects, confirmed,
        result = Empty, outcome = Empty, seconds = Empty, filler = Empty, otel.status_code = Empty,
        otel.status_description = Empty,
    )
}

/// First text to last line.
pub fn parse(turn: &Span) -> Span {
    info_span!(
        parent: turn, "parse", text = Empty, sentences = Empty, form = Empty, code_blocks = Empty, links = Empty,
        links_refused = Empty, tables = Empty, citations = Empty, started_ms_ago = Empty, otel.status_code = Empty,
        otel.status_description = Empty,
    )
}

/// One line: text to last sample.
pub fn tts(turn: &Span, model: &ModelCard, voice: &str) -> Span {
    info_span!(
        parent: turn, "tts", provider = model.provider, model = model.name, device = model.device, voice,
        text = Empty, characters = Empty, audio_seconds = Empty, real_time_factor = Empty, first_audio_seconds = Empty,
        queue_wait_ms = Empty, otel.status_code = Empty, otel.status_description = Empty,
    )
}

/// Text to first sample.
pub fn tts_first_audio(tts: &Span) -> Span {
    info_span!(parent: tts, "tts.first_audio")
}

/// First sample sent to last sample heard.
pub fn playout(turn: &Span) -> Span {
    info_span!(
        parent: turn, "playout", started_ms_ago = Empty, late_frames = Empty, heard = Empty, cut = Empty,
        heard_seconds = Empty, otel.status_code = Empty, otel.status_description = Empty,
    )
}

/// End of the caller's speech to the first sample of the answer.
pub fn voice_to_voice(turn: &Span, seconds: f64) {
    info_span!(parent: turn, "voice_to_voice", seconds, started_ms_ago = seconds * 1_000.0);
}
