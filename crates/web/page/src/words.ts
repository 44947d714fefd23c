// Which words of an answer have been heard. Pure.

/** One word with the white space before it. */
export interface Word {
  space: string;
  text: string;
}

export function split(text: string): Word[] {
  return [...text.matchAll(/(\s*)(\S+)/g)].map(([, space, word]) => ({ space: space ?? "", text: word ?? "" }));
}

/** `get_weather` as somebody would say it. */
export function spelled(name: string): string {
  return name.replace(/[_-]+/g, " ").trim();
}

// The answer is shown as it was written to be spoken; what is reported of it may stand in other words or marks.
function bare(word: string): string {
  return word.toLowerCase().replace(/[^\p{L}\p{N}]+/gu, "");
}

// How far ahead a heard word may lie: markup and bullets may stand between two spoken words.
const LOOK_AHEAD = 6;

/** The place after `heard` in `words`, searched from `from`; `from` itself when it is not found nearby. */
export function advance(words: Word[], from: number, heard: string): number {
  const wanted = bare(heard);
  if (!wanted) return from;
  for (let at = from; at < Math.min(words.length, from + LOOK_AHEAD); at++) {
    const candidate = bare(words[at]!.text);
    if (candidate === wanted || (candidate !== "" && wanted.length > 3 && candidate.startsWith(wanted))) return at + 1;
  }
  return from;
}

/** How many of `words` are heard when `heard` is all that was. */
export function heardCount(words: Word[], heard: string): number {
  return split(heard).reduce((count, word) => advance(words, count, word.text), 0);
}
