// A waveform as the outline of one shape. Pure.
import type { Axis } from "./axis";
import type { Side } from "./record";

/** The loudest peak of each of `count` equal steps of the axis, 0 to 1. */
export function steps({ peaks, peaks_per_second }: Side, axis: Axis, count: number): number[] {
  const length = (axis.end - axis.start) / count;
  return Array.from({ length: count }, (_, at) => {
    const from = Math.floor((axis.start + at * length) * peaks_per_second + 1e-9);
    const to = Math.max(from + 1, Math.ceil((axis.start + (at + 1) * length) * peaks_per_second - 1e-9));
    return Math.max(0, ...peaks.slice(Math.max(0, from), Math.max(0, to))) / 255;
  });
}

/** The path of a picture `count` wide and 2 high, its middle at 1. */
export function outline(heights: number[]): string {
  // Silence is a line, not nothing.
  const half = heights.map((height) => Math.max(0.03, Math.min(1, height)));
  const above = half.map((height, at) => `${at},${(1 - height).toFixed(3)} ${at + 1},${(1 - height).toFixed(3)}`);
  const below = half.map((height, at) => `${at + 1},${(1 + height).toFixed(3)} ${at},${(1 + height).toFixed(3)}`);
  return `M${above.join(" ")} ${below.reverse().join(" ")}Z`;
}

/** How much the heights are to grow so that the loudest fills the picture; both sides grow alike. */
export function gain(all: number[]): number {
  const loudest = Math.max(0, ...all);
  return loudest > 0 ? Math.min(8, 0.95 / loudest) : 1;
}
