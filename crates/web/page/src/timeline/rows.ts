// The stages of a turn as rows of bars: what has the same name below the same stage shares a row. Pure.
import { seconds } from "../stages";
import type { Stage } from "./record";

export interface Row {
  /** The span's name, of the parents too: `rag/rag.embed`. */
  path: string;
  name: string;
  title: string;
  /** How many stages it is inside of. */
  depth: number;
  stages: Stage[];
  failed: boolean;
  /** The figure beside the bars. */
  value: string;
}

const TITLES: Record<string, string> = {
  listen: "you speak",
  end_of_turn: "end of turn",
  speculation: "begun early",
  stt: "speech to text",
  rag: "retrieval",
  "rag.embed": "embed",
  "rag.search": "search",
  llm: "language model",
  "llm.first_token": "first token",
  parse: "sentences",
  tts: "voice",
  "tts.first_audio": "first sound",
  playout: "you hear",
  overlap: "you interject",
};

// The whole wait is drawn as a band over all rows; a bar of it would say the same again.
const DRAWN_OTHERWISE = ["voice_to_voice"];

/** What people call a stage; the span's own name where we have no better one. */
export function titleOf(name: string): string {
  return TITLES[name] ?? name.replaceAll("_", " ");
}

export function rowsOf(stages: Stage[]): Row[] {
  const shown = stages.filter(({ name }) => !DRAWN_OTHERWISE.includes(name));
  const ids = new Set(shown.map(({ id }) => id));
  const below = (parents: Set<string> | undefined) =>
    shown.filter(({ parent }) => (parents ? parent !== null && parents.has(parent) : parent === null || !ids.has(parent)));
  return rowsBelow(below, undefined, "", 0);
}

function rowsBelow(below: (parents?: Set<string>) => Stage[], parents: Set<string> | undefined, path: string, depth: number): Row[] {
  const named = new Map<string, Stage[]>();
  for (const stage of below(parents)) named.set(stage.name, [...(named.get(stage.name) ?? []), stage]);
  return [...named]
    .map(([name, stages]) => ({ name, stages: stages.sort((one, other) => one.start_seconds - other.start_seconds) }))
    .sort((one, other) => one.stages[0]!.start_seconds - other.stages[0]!.start_seconds)
    .flatMap(({ name, stages }) => [
      row(path + name, name, stages, depth),
      ...rowsBelow(below, new Set(stages.map(({ id }) => id)), `${path}${name}/`, depth + 1),
    ]);
}

function row(path: string, name: string, stages: Stage[], depth: number): Row {
  const total = stages.reduce((sum, stage) => sum + lasted(stage), 0);
  const failed = stages.some((stage) => stage.failed !== null);
  const many = stages.length > 1 ? `${stages.length} × ` : "";
  const value = failed ? "failed" : `${many}${seconds(total / stages.length)}`;
  return { path, name, title: titleOf(name), depth, stages, failed, value };
}

export function lasted({ start_seconds, end_seconds }: Stage): number {
  return Math.max(0, end_seconds - start_seconds);
}
