// What the server says: the JSON of `/api/status` and of the data channel's server messages.
import { ask } from "./access";

export interface Passage {
  text: string;
  source: string;
  heading: string;
  chunk: number;
  score: number;
}

export interface Usage {
  prompt_tokens: number;
  completion_tokens: number;
  cached_tokens: number;
}

export type EndReason = "completed" | "interrupted" | "session_closed" | "failed";

/** The figures of one turn as the server serialises them; seconds, null where a stage did not come to it. */
export interface TurnReport {
  turn: number;
  end_reason: EndReason;
  question: string;
  generated: string;
  spoken: string;
  heard: string;
  passages: Passage[];
  speech_seconds: number | null;
  end_of_turn_seconds: number | null;
  end_of_turn_probability: number | null;
  stt_seconds: number | null;
  retrieval_seconds: number | null;
  llm_first_token_seconds: number | null;
  llm_seconds: number | null;
  llm_inter_token_seconds: number | null;
  first_line_seconds: number | null;
  tts_first_audio_seconds: number | null;
  voice_to_voice_seconds: number | null;
  heard_seconds: number | null;
  usage: Usage | null;
  tokens_per_second: number | null;
  /** Whether the answer was begun before the turn was over. */
  early: boolean;
  /** Answers that were begun early and dropped because the caller went on, and the time that went into them. */
  early_dropped: number;
  wasted_seconds: number;
  /** Times that someone spoke into the answer without interrupting it. */
  overlaps: number;
  late_frames: number;
  trace_id: string | null;
}

/** How a pause of the caller was judged; `resumed` means that the turn went on, all others that it was over. */
export type Outcome = "committed" | "timeout" | "too_long" | "released" | "resumed";

/** Why an answer that had fallen silent went on. */
export type Why = "backchannel" | "echo" | "noise";

export interface Table {
  header: string[];
  rows: string[][];
}

/** How a tool's call ended. */
export type ToolOutcome = "done" | "failed" | "timed_out" | "cancelled" | "unconfirmed" | "refused";

export type ServerMessage =
  | { type: "turn"; report: TurnReport }
  | { type: "retrieved"; turn: number; passages: Passage[] }
  | { type: "citations"; turn: number; payload: Passage[] }
  | { type: "code_blocks"; turn: number; payload: string[]; languages?: string[] }
  | { type: "links"; turn: number; payload: string[]; texts?: string[] }
  | { type: "tables"; turn: number; payload: Table[] }
  | { type: "interrupted"; turn: number; heard: string }
  | { type: "end_of_turn"; turn: number; probability: number | null; outcome: Outcome; waited_ms: number }
  | { type: "turn_reopened"; turn: number }
  | { type: "held"; turn: number }
  | { type: "continued"; turn: number; why: Why; text: string };

/** What the caller does by hand, as the messages to the server. */
export type ClientMessage = { t: "push-to-talk"; d: { pressed: boolean } } | { t: "interrupt"; d?: undefined };

export interface Model {
  role: string;
  provider: string;
  name: string;
  device: string;
}

export interface Status {
  name: string;
  version: string;
  assistant?: string;
  models?: Model[];
  /** Whether the caller's opinion of an answer can be kept. */
  takes_feedback?: boolean;
  mlflow_url?: string;
  trace_url_template?: string;
  ice_servers?: RTCIceServer[];
  /** Whether the server wants to know who asks, and whether it knows who asked for this. */
  sign_in?: { required: boolean; done: boolean };
}

/** Whether nothing can be asked before a sign-in. */
export function needsSignIn(status: Status | undefined): boolean {
  return status?.sign_in?.required === true && !status.sign_in.done;
}

/** Asks the server who it is. Throws a `TypeError` when nobody answers. */
export async function fetchStatus(): Promise<Status> {
  const response = await ask("/api/status", { cache: "no-store", signal: AbortSignal.timeout(8000) });
  if (!response.ok) throw response;
  return (await response.json()) as Status;
}

/** `address` where it is one of a web page, so that a link cannot do anything but open it. */
export function webAddress(address: string): string | undefined {
  return /^https?:\/\//i.test(address) ? address : undefined;
}

/** The address of a turn's trace, where the server says how to make one and the turn was traced. */
export function traceAddress(status: Status | undefined, report: TurnReport): string | undefined {
  if (!status?.trace_url_template || !report.trace_id) return undefined;
  const address = status.trace_url_template.replaceAll("{trace_id}", encodeURIComponent(report.trace_id));
  return webAddress(address);
}
