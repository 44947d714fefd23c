// The axis that everything in a timeline is drawn on. Pure.
import { firstSound } from "./record";
import type { TurnRecord } from "./record";

/** A part of a turn, seconds from its beginning. */
export interface Axis {
  start: number;
  end: number;
}

export interface Tick {
  /** Percent of the axis. */
  at: number;
  text: string;
}

const STEPS = [0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 60];

/** The whole turn, or its wait: from the end of the caller's words to the first sound of the answer. */
export function axisOf(record: TurnRecord, whole: boolean): Axis {
  const sound = firstSound(record);
  const wait = record.voice_to_voice_seconds;
  if (!whole && sound !== undefined && wait !== null && wait > 0)
    return { start: Math.max(0, sound - wait * 1.4), end: sound + wait * 0.2 };
  const ends = record.stages.map((stage) => stage.end_seconds);
  return { start: 0, end: Math.max(0.001, record.seconds, ...ends) };
}

/** Where a moment lies on the axis, in percent; outside of 0 to 100 when it is not on it. */
export function percent({ start, end }: Axis, at: number): number {
  return ((at - start) / (end - start)) * 100;
}

/** The moment that lies at a share of the axis, 0 to 1; always on it. */
export function moment({ start, end }: Axis, share: number): number {
  return start + Math.min(1, Math.max(0, share)) * (end - start);
}

/** What is left of a stretch on the axis, in percent; undefined when nothing is. */
export function clip(axis: Axis, from: number, to: number): { left: number; width: number } | undefined {
  if (to < axis.start || from > axis.end) return undefined;
  const left = Math.max(0, percent(axis, from));
  return { left, width: Math.min(100, percent(axis, to)) - left };
}

/** Round moments, counted from `zero`; at most `most` of them. */
export function ticks(axis: Axis, zero: number, most: number): Tick[] {
  const { start, end } = axis;
  const step = STEPS.find((each) => (end - start) / each <= most) ?? 120;
  const marks: Tick[] = [];
  for (let at = Math.ceil((start - zero) / step - 1e-9); zero + at * step <= end + 1e-9; at++)
    marks.push({ at: percent(axis, zero + at * step), text: `${Number((at * step).toFixed(2))} s`.replace("-", "−") });
  return marks;
}
