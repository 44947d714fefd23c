// What is known of one thing in the timeline, in words. Pure.
import { seconds } from "../stages";
import type { Pause, Score, Stage, TurnRecord, Word } from "./record";
import { lasted, titleOf } from "./rows";

export interface Facts {
  title: string;
  /** Behind the title: when, how long. */
  about: string;
  /** Running text: why it failed, why a judge said so. */
  text?: string;
  lines: [name: string, value: string][];
}

const LONGEST = 160;

/** A moment as people count it here: from the end of the caller's words. */
export function when(record: TurnRecord, at: number): string {
  const zero = record.end_of_speech_seconds;
  if (zero === null) return `${at.toFixed(2)} s into the turn`;
  const passed = at - zero;
  return `${Math.abs(passed).toFixed(2)} s ${passed < 0 ? "before" : "after"} the end of your words`;
}

export function ofStage(record: TurnRecord, stage: Stage): Facts {
  return {
    title: titleOf(stage.name),
    about: `${seconds(lasted(stage))}, from ${when(record, stage.start_seconds)}`,
    text: stage.failed === null ? undefined : `It failed: ${stage.failed || "no reason was given"}`,
    lines: Object.entries(stage.facts)
      .filter(([name]) => !name.startsWith("mlflow.") && !["session.id", "user.id", "voce.variant", "voce.error"].includes(name))
      .map(([name, value]) => [plain(name), shown(value)]),
  };
}

export function ofWord(record: TurnRecord, { text, side, start_seconds, end_seconds }: Word): Facts {
  return {
    title: `“${text}”`,
    about: `${side === "bot" ? "Voce" : "you"}, ${seconds(end_seconds - start_seconds)}, ${when(record, start_seconds)}`,
    lines: [],
  };
}

export function ofPause(record: TurnRecord, pause: Pause): Facts {
  const lines: Facts["lines"] = [["waited", seconds(pause.waited_ms / 1000)]];
  if (pause.probability !== null) lines.unshift(["probability that the turn is over", pause.probability.toFixed(2)]);
  if (pause.needed_ms != null) lines.push(["quiet that it needed", seconds(pause.needed_ms / 1000)]);
  return { title: verdict(pause), about: when(record, pause.at_seconds), lines };
}

export function ofScore({ name, value, rationale, source }: Score): Facts {
  const judges: Record<string, string> = { LLM_JUDGE: "by a language model", HUMAN: "by a person", CODE: "by code" };
  return {
    title: `${titleOf(name)}: ${value === null ? "no value" : shown(value)}`,
    about: judges[source] ?? source,
    text: rationale || "No reason was given.",
    lines: [],
  };
}

/** What a pause was taken for. */
export function verdict({ outcome }: Pause): string {
  const words: Record<string, string> = {
    resumed: "you went on", committed: "your turn was over", timeout: "over: waited out", too_long: "over: as long as a turn may be",
    released: "over: let go",
  };
  return words[outcome] ?? outcome.replaceAll("_", " ");
}

// "gen_ai.request.model" and "voce.tts.first_audio_seconds": the ends of the names say it all.
function plain(name: string): string {
  return name.replace(/^(voce|gen_ai|metrics)\.((end_of_turn|overlap|speculation|stt|rag|llm|tts|playout|parse|request|usage|operation|embeddings)\.)?/, "")
    .replaceAll(/[._]/g, " ");
}

function shown(value: unknown): string {
  if (typeof value === "number") return Number.isInteger(value) ? String(value) : String(Number(value.toPrecision(3)));
  const text = typeof value === "string" ? value : JSON.stringify(value);
  return text.length > LONGEST ? `${text.slice(0, LONGEST)}…` : text;
}
