// How well a sentence was understood.

const wordsOf = (text) => text.toLowerCase().match(/[\p{L}\p{N}']+/gu) ?? [];

/** The number of words to change, drop or add until `heard` says what `said` does. */
export function wrongWords(said, heard) {
  const [wanted, found] = [wordsOf(said), wordsOf(heard)];
  let row = found.map((_, index) => index);
  row.push(found.length);
  for (const [line, word] of wanted.entries()) {
    const next = [line + 1];
    for (const [column, other] of found.entries())
      next.push(Math.min(row[column] + (word === other ? 0 : 1), row[column + 1] + 1, next[column] + 1));
    row = next;
  }
  return row[found.length];
}
