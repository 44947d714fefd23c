// Words at their times, in as few lanes as let them be read. Pure.
import { clip } from "./axis";
import type { Axis } from "./axis";
import type { Word } from "./record";

export interface PlacedWord {
  word: Word;
  lane: number;
  /** Percent of the axis: where it begins, and how much room its text has. */
  left: number;
  room: number;
  /** How long it was spoken, in percent of its room; not above 100. */
  spoken: number;
}

/**
 * Places one side's words. A text wider than its time reaches into the silence after it; where the next word comes
 * too soon, that one goes to another lane, and where all lanes are full, the text is cut short.
 * `width` is the axis in pixels, `measure` gives the width of a text.
 */
export function placeWords(words: Word[], axis: Axis, width: number, lanes: number, measure: (text: string) => number): PlacedWord[] {
  const placed: PlacedWord[] = [];
  const free = new Array<number>(lanes).fill(0);
  const last = new Array<PlacedWord | undefined>(lanes).fill(undefined);
  for (const word of [...words].sort((one, other) => one.start_seconds - other.start_seconds)) {
    const part = clip(axis, word.start_seconds, word.end_seconds);
    if (!part || part.left >= 100) continue;
    const wanted = Math.max(part.width, (measure(word.text) / width) * 100);
    const room = Math.min(wanted, 100 - part.left);
    const open = free.findIndex((end) => end <= part.left + 1e-9);
    const lane = open >= 0 ? open : free.indexOf(Math.min(...free));
    // What stood there gives way.
    const before = last[lane];
    if (open < 0 && before) shorten(before, part.left - before.left);
    const one = { word, lane, left: part.left, room, spoken: room > 0 ? Math.min(100, (part.width / room) * 100) : 100 };
    placed.push(one);
    last[lane] = one;
    free[lane] = part.left + room;
  }
  return placed;
}

function shorten(placed: PlacedWord, room: number) {
  const spoken = (placed.spoken / 100) * placed.room;
  placed.room = Math.max(0, room);
  placed.spoken = placed.room > 0 ? Math.min(100, (spoken / placed.room) * 100) : 100;
}
