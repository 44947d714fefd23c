// How long to ask for what the server may not have yet. Pure.

/** Milliseconds between the questions for a turn: its spans arrive within a second, or, once it is forgotten, never. */
export const RECORD_WAITS = [200, 300, 500, 700, 900, 1100, 1300];

const SCORES_FOR_MS = 5 * 60_000;

/**
 * Milliseconds until the next question for scores, `age` milliseconds after the turn ended, which has been answered
 * `answered` times; undefined when it is time to stop. Judges take seconds to minutes.
 */
export function nextScores(age: number, answered: number): number | undefined {
  if (age >= SCORES_FOR_MS) return undefined;
  return Math.min(20_000, answered < 6 ? 5000 : 5000 * 1.5 ** (answered - 5));
}
