// How a turn came to its end and what happened while it was answered, in words. Pure.
import type { Aside, Decision } from "./conversation";
import type { Outcome, TurnReport } from "./protocol";
import { seconds } from "./stages";

export interface Fact {
  name: string;
  lines: string[];
}

const OUTCOMES: Record<Outcome, string> = {
  resumed: "went on after",
  committed: "over after",
  timeout: "over: waited out",
  too_long: "over: as long as a turn may be, after",
  released: "over: let go after",
};

/** What the pauses were taken for, how the answer was begun, and who spoke into it. */
export function turnTaking(report: TurnReport, decisions: Decision[], asides: Aside[]): Fact[] {
  return [
    { name: "pauses", lines: decisions.map(pause) },
    { name: "answer", lines: [begun(report), dropped(report)] },
    { name: "overlaps", lines: [overlaps(report, asides)] },
  ]
    .map(({ name, lines }) => ({ name, lines: lines.filter((line) => line !== "") }))
    .filter(({ lines }) => lines.length > 0);
}

function pause({ outcome, probability, waitedMs }: Decision): string {
  const sure = probability === null ? "" : ` · ${probability.toFixed(2)}`;
  return `${OUTCOMES[outcome] ?? outcome} ${seconds(waitedMs / 1000)}${sure}`;
}

function begun({ early, voice_to_voice_seconds }: TurnReport): string {
  if (voice_to_voice_seconds === null) return "";
  return early ? "begun before the turn was over" : "begun when the turn was over";
}

function dropped({ early_dropped, wasted_seconds }: TurnReport): string {
  if (!early_dropped) return "";
  return `${early_dropped} begun too early and dropped, ${seconds(wasted_seconds)} wasted`;
}

function overlaps({ overlaps }: TurnReport, asides: Aside[]): string {
  if (!overlaps) return "";
  const said = asides.map(({ why, text }) => (text ? `“${text}”` : why)).join(", ");
  return `${overlaps}, and the answer went on${said && `: ${said}`}`;
}
