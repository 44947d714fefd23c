// Thumbs below an answer, a field for a comment once one is pressed, and whether it is saved.
import type { Opinion, Opinions } from "../opinions";
import { element, setText } from "./element";

const THUMB = "M7 21V10l4-7c1.4 0 2.3 1 2 2.4L12.4 9H19a2 2 0 0 1 2 2.4l-1.3 7A2 2 0 0 1 17.7 20H7M7 10H3v11h4";
const SVG = "http://www.w3.org/2000/svg";
/** As much as the server takes. */
const LONGEST_COMMENT = 1_000;

export class OpinionBar {
  readonly root = element("div", { class: "opinion", "data-testid": "opinion" });
  private readonly good = thumb(true);
  private readonly bad = thumb(false);
  private readonly add = element("button", { type: "button", class: "add-comment" }, "Add a comment");
  private readonly comment = element("input", { type: "text", maxlength: String(LONGEST_COMMENT), autocomplete: "off", "data-testid": "comment" });
  private readonly form = element("form", { hidden: true }, this.comment, element("button", { type: "submit" }, "Send"));
  private readonly fate = element("span", { class: "fate", role: "status", "data-testid": "opinion-fate" });
  private trace = "";

  constructor(private readonly opinions: Opinions) {
    this.root.append(this.good, this.bad, this.add, this.form, this.fate);
    this.good.addEventListener("click", () => this.press(true));
    this.bad.addEventListener("click", () => this.press(false));
    this.add.addEventListener("click", () => {
      this.form.hidden = false;
      this.comment.focus();
      this.draw(this.trace);
    });
    this.form.addEventListener("submit", (event) => {
      event.preventDefault();
      const given = this.opinions.get(this.trace);
      if (!given) return;
      this.closeForm();
      void this.opinions.give(this.trace, given.good, this.comment.value.trim());
    });
    this.comment.addEventListener("keydown", (event) => {
      if (event.key !== "Escape") return;
      // Here it leaves the field; it must not hang up as well.
      event.stopPropagation();
      this.closeForm();
    });
  }

  draw(trace: string) {
    this.trace = trace;
    const given = this.opinions.get(trace);
    for (const [button, good] of [[this.good, true], [this.bad, false]] as const)
      button.setAttribute("aria-pressed", String(given?.good === good));
    this.add.hidden = given === undefined || !this.form.hidden;
    if (!given) return;
    setText(this.add, given.comment === "" ? "Add a comment" : "Change the comment");
    const asks = given.good ? "What was good?" : "What was wrong?";
    this.comment.placeholder = asks;
    this.comment.setAttribute("aria-label", `${asks} Your comment on this answer`);
    this.fate.classList.toggle("failed", given.fate === "failed");
    setText(this.fate, words(given));
  }

  private press(good: boolean) {
    void this.opinions.give(this.trace, good, this.comment.value.trim());
  }

  private closeForm() {
    this.form.hidden = true;
    this.draw(this.trace);
    this.add.focus();
  }
}

function words({ fate, why, comment }: Opinion): string {
  switch (fate) {
    case "sending": return "saving…";
    case "waiting": return why === "" ? "saving…" : `not saved yet: ${why}`;
    case "saved": return comment === "" ? "saved" : "saved with your comment";
    case "failed": return `not saved: ${why}`;
  }
}

function thumb(up: boolean): HTMLButtonElement {
  const picture = document.createElementNS(SVG, "svg");
  picture.setAttribute("viewBox", "0 0 24 24");
  picture.setAttribute("aria-hidden", "true");
  const path = document.createElementNS(SVG, "path");
  path.setAttribute("d", THUMB);
  picture.append(path);
  const name = up ? "Good answer" : "Bad answer";
  const button = element("button", {
    type: "button", class: up ? "thumb" : "thumb down", "aria-label": name, title: name, "aria-pressed": "false", "data-testid": up ? "good" : "bad",
  });
  button.append(picture);
  return button;
}
