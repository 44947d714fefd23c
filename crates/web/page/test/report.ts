// A turn report in which nothing happened, but for what a test says.
import type { TurnReport } from "../src/protocol";

export function report(part: Partial<TurnReport>): TurnReport {
  return {
    turn: 1, end_reason: "completed", question: "", generated: "", spoken: "", heard: "", passages: [],
    speech_seconds: null, end_of_turn_seconds: null, end_of_turn_probability: null, stt_seconds: null,
    retrieval_seconds: null, llm_first_token_seconds: null, llm_seconds: null, llm_inter_token_seconds: null,
    first_line_seconds: null, tts_first_audio_seconds: null, voice_to_voice_seconds: null, heard_seconds: null,
    usage: null, tokens_per_second: null, early: false, early_dropped: 0, wasted_seconds: 0, overlaps: 0, late_frames: 0, trace_id: null, ...part,
  };
}
