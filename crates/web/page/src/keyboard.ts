// Space to talk, Esc to hang up, from anywhere but where these keys have a meaning of their own.

export function keyboard(actions: { start(): void; hangUp(): void }) {
  addEventListener("keydown", (event) => {
    if (event.altKey || event.ctrlKey || event.metaKey || event.repeat) return;
    if (document.querySelector("dialog[open]")) return;
    const target = event.target as HTMLElement;
    if (event.key === "Escape" && !target.closest("select")) actions.hangUp();
    if (event.key === " " && !target.closest("input, textarea, select, button, a, summary, [contenteditable]")) {
      event.preventDefault();
      actions.start();
    }
  });
}
