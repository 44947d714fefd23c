//! What the log says of a turn: figures and words of ours, nothing that people or models said.
//!
//! The lines belong to the turn's span, so that the log can name its trace; by their names the exporter knows that
//! they are no part of it.
use tracing::{Span, info, warn};
use voce_core::{TurnId, TurnReport};

use crate::{Engines, Turn};

/// One line a turn, when it has ended. Times are whole milliseconds; what the turn did not come to is not there.
pub fn turn_ended(turn: &Turn, report: &TurnReport, engines: &Engines) {
    let usage = report.usage.as_ref();
    info!(
        name: "turn ended", parent: turn.span(),
        turn = turn.id().0,
        end_reason = report.end_reason.as_str(),
        voice_to_voice_ms = ms(report.voice_to_voice_seconds),
        speech_ms = ms(report.speech_seconds),
        end_of_turn_ms = ms(report.end_of_turn_seconds),
        stt_ms = ms(report.stt_seconds),
        rag_ms = ms(report.retrieval_seconds),
        llm_first_token_ms = ms(report.llm_first_token_seconds),
        llm_ms = ms(report.llm_seconds),
        first_line_ms = ms(report.first_line_seconds),
        tts_first_audio_ms = ms(report.tts_first_audio_seconds),
        heard_ms = ms(report.heard_seconds),
        turn_ms = turn.age().as_millis() as u64,
        prompt_tokens = usage.map(|usage| usage.prompt_tokens),
        completion_tokens = usage.map(|usage| usage.completion_tokens),
        passages = report.passages.len(),
        interrupted = report.end_reason == voce_core::EndReason::Interrupted,
        overlaps = report.overlaps,
        early = report.early,
        early_dropped = report.early_dropped,
        late_frames = report.late_frames,
        stt = engines.stt.model().name,
        llm = engines.llm.model().name,
        tts = engines.tts.model().name,
        "turn ended"
    );
}

/// A turn that could not be answered; the caller was told so.
pub fn reply_failed(turn: Option<&Turn>, id: TurnId, reason: &str) {
    let span = turn.map_or_else(Span::current, |turn| turn.span().clone());
    warn!(name: "reply failed", parent: &span, turn = id.0, reason, "reply failed");
}

fn ms(seconds: Option<f64>) -> Option<u64> {
    seconds.map(|seconds| (seconds * 1_000.0).round() as u64)
}
