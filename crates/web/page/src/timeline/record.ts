// What the server kept of one turn: the JSON of `GET /api/turns/{trace_id}`. Seconds count from the turn's beginning.

export interface Side {
  side: "caller" | "bot";
  seconds: number;
  /** Loudness, 0 to 255; empty when the sound is not kept. */
  peaks: number[];
  peaks_per_second: number;
  /** Address of the sound as WAV, aligned with the turn's beginning. */
  audio?: string | null;
}

/** A word, or a whole utterance where the recogniser gives no times of words. */
export interface Word {
  side: "caller" | "bot";
  text: string;
  start_seconds: number;
  end_seconds: number;
}

export interface Stage {
  id: string;
  parent: string | null;
  name: string;
  start_seconds: number;
  end_seconds: number;
  /** Why it failed, where it did. */
  failed: string | null;
  facts: Record<string, unknown>;
}

/** A judged pause of the caller. */
export interface Pause {
  at_seconds: number;
  outcome: string;
  probability: number | null;
  waited_ms: number;
  needed_ms?: number | null;
}

export interface Score {
  name: string;
  value: number | string | boolean | null;
  rationale?: string | null;
  source: string;
}

export interface TurnRecord {
  trace_id: string;
  turn: number;
  /** `none`: neither words nor sound are kept. */
  content: "full" | "none";
  seconds: number;
  end_of_speech_seconds: number | null;
  voice_to_voice_seconds: number | null;
  sides: Side[];
  words: Word[];
  stages: Stage[];
  decisions: Pause[];
  scores: Score[];
  trace_url: string | null;
}

/** When the answer began to sound, seconds from the turn's beginning. */
export function firstSound({ end_of_speech_seconds, voice_to_voice_seconds }: TurnRecord): number | undefined {
  if (end_of_speech_seconds === null || voice_to_voice_seconds === null) return undefined;
  return end_of_speech_seconds + voice_to_voice_seconds;
}

/** Whether there is sound to be played. */
export function isAudible({ sides }: TurnRecord): boolean {
  return sides.some(({ audio }) => Boolean(audio));
}
