// The stages of a turn as bars on one time axis, zero at the end of the caller's speech. Pure.
import type { TurnReport } from "./protocol";

export interface Bar {
  id: string;
  name: string;
  /** What the stage does, for the one who hovers. */
  about: string;
  /** Seconds on the axis. */
  start: number;
  end: number;
  /** A point inside the bar, seconds on the axis. */
  mark?: number;
  /** The figure beside the bar. */
  value: string;
}

export interface Timeline {
  bars: Bar[];
  /** First sample of the answer, seconds after the end of speech. */
  firstSound?: number;
  /** The whole turn, speech and answer included. */
  start: number;
  end: number;
}

/** "14 ms" below a second, "1.24 s" above. */
export function seconds(value: number): string {
  return value < 0.9995 ? `${Math.round(value * 1000)} ms` : `${value.toFixed(2)} s`;
}

/**
 * Places the stages. The report holds durations, not moments; the stages of an answer follow each other, so they
 * are laid back from the first sound. Time that belongs to no stage becomes a bar of its own.
 */
export function timeline(report: TurnReport): Timeline {
  const bars: Bar[] = [];
  const speech = report.speech_seconds ?? 0;
  const endOfTurn = report.end_of_turn_seconds ?? 0;
  const chain = [
    report.stt_seconds, report.retrieval_seconds, report.llm_first_token_seconds,
    report.first_line_seconds, report.tts_first_audio_seconds,
  ].reduce<number>((sum, each) => sum + (each ?? 0), 0);
  const firstSound = report.voice_to_voice_seconds ?? undefined;
  let at = firstSound === undefined ? endOfTurn : firstSound - chain;

  const add = (bar: Omit<Bar, "value"> & { value?: string }) =>
    bars.push({ ...bar, value: bar.value ?? seconds(bar.end - bar.start) });
  const next = (length: number | null) => ({ start: at, end: (at += length ?? 0) });

  if (report.speech_seconds !== null)
    add({ id: "listen", name: "you speak", about: "the caller's speech", start: -speech, end: 0 });
  if (report.end_of_turn_seconds !== null)
    add({
      id: "end-of-turn", name: "end of turn", about: "from the end of speech to the decision that the turn is over",
      start: 0, end: endOfTurn,
      value: join(seconds(endOfTurn), report.end_of_turn_probability?.toFixed(2)),
    });
  const gap = at - endOfTurn;
  if (firstSound !== undefined && gap > 0.01)
    add({ id: "other", name: "between", about: "time that belongs to no stage", start: endOfTurn, end: at });
  if (report.stt_seconds !== null)
    add({ id: "stt", name: "speech to text", about: "from the sound to the final words", ...next(report.stt_seconds) });
  if (report.retrieval_seconds !== null)
    add({
      id: "retrieval", name: "retrieval", about: "from the question to the passages", ...next(report.retrieval_seconds),
      value: join(seconds(report.retrieval_seconds), count(report.passages.length, "passage")),
    });
  if (report.llm_first_token_seconds !== null) {
    const { start, end } = next(report.llm_first_token_seconds);
    add({
      id: "llm", name: "language model", about: "from the request to the first token (the mark) and to the last",
      start, end: Math.max(end, start + (report.llm_seconds ?? 0)), mark: end,
      value: [report.llm_first_token_seconds, report.llm_seconds].filter((each) => each !== null).map(seconds).join(" / "),
    });
  }
  if (report.first_line_seconds !== null)
    add({
      id: "first-line", name: "first line", about: "from the first token to the first words for the voice",
      ...next(report.first_line_seconds),
    });
  if (report.tts_first_audio_seconds !== null)
    add({ id: "tts", name: "voice", about: "from the first line to its first sample", ...next(report.tts_first_audio_seconds) });
  const sounds = firstSound ?? at;
  if (report.heard_seconds !== null)
    add({
      id: "playout", name: "you hear", about: "the answer as it was heard", start: sounds, end: sounds + report.heard_seconds,
    });
  return {
    bars,
    firstSound,
    start: Math.min(0, ...bars.map((bar) => bar.start)),
    end: Math.max(0.001, ...bars.map((bar) => bar.end)),
  };
}

function count(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? "" : "s"}`;
}

function join(...parts: (string | undefined)[]): string {
  return parts.filter(Boolean).join(" · ");
}
