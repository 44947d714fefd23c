// Space to talk, Esc to stop the bot or to hang up, from anywhere but where these keys have a meaning of their own.

export interface Keys {
  start(): void;
  escape(): void;
  /** A key that talks went down; false where holding it means nothing. */
  press(): boolean;
  release(): void;
}

export function keyboard(keys: Keys) {
  addEventListener("keydown", (event) => {
    if (event.altKey || event.ctrlKey || event.metaKey) return;
    if (document.querySelector("dialog[open]")) return;
    const target = event.target as HTMLElement;
    if (event.key === "Escape" && !event.repeat && !target.closest("select")) keys.escape();
    if (!talks(event.key, target)) return;
    // A page that scrolls while the key is held would run away from the caller.
    if (event.repeat || keys.press()) event.preventDefault();
    else if (!target.closest("button")) {
      event.preventDefault();
      keys.start();
    }
  });
  addEventListener("keyup", (event) => {
    if (event.key === " " || event.key === "Enter") keys.release();
  });
}

// Space anywhere, and on the big button also Enter, which presses buttons.
function talks(key: string, target: HTMLElement): boolean {
  if (target.closest("#talk")) return key === " " || key === "Enter";
  return key === " " && !target.closest("input, textarea, select, button, a, summary, [role=slider], [contenteditable]");
}
