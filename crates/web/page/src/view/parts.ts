// What an answer shows beside its words: tools that were asked, code, tables, links. Everything is set as text.
import type { Part, ToolCall } from "../conversation";
import { webAddress } from "../protocol";
import { seconds } from "../stages";
import { spelled } from "../words";
import { element, setText } from "./element";

const COPIED_MS = 2000;

const OUTCOMES = {
  done: "done", failed: "failed", timed_out: "took too long", cancelled: "stopped",
  unconfirmed: "waits for your yes", refused: "not done",
} as const;

/** Parts are added as they come; those that stand stay as they are, so that text can be selected. */
export class Parts {
  readonly root = element("div", { class: "parts", "data-testid": "parts" });
  private drawn: string[] = [];

  draw(parts: Part[]) {
    const wanted = parts.map((part) => JSON.stringify(part));
    if (this.drawn.some((part, at) => part !== wanted[at])) {
      this.root.replaceChildren();
      this.drawn = [];
    }
    this.root.append(...parts.slice(this.drawn.length).map(made));
    this.drawn = wanted;
  }
}

/** The tools that were asked for an answer, a line each. */
export class Tools {
  readonly root = element("ul", { class: "tools", "data-testid": "tools", "aria-live": "polite" });

  draw(tools: ToolCall[]) {
    const lines = tools.map(({ name, args, outcome, seconds: took }) => {
      const given = Object.values(args).filter((value) => typeof value !== "object").join(", ");
      const state = outcome ? `${OUTCOMES[outcome]}${took === undefined ? "" : `, ${seconds(took)}`}` : "asking …";
      return { text: `${spelled(name)}${given ? ` (${given})` : ""}: ${state}`, title: JSON.stringify(args), outcome };
    });
    while (this.root.children.length > lines.length) this.root.lastChild?.remove();
    lines.forEach(({ text, title, outcome }, at) => {
      const line = (this.root.children[at] as HTMLLIElement | undefined) ?? this.root.appendChild(element("li"));
      setText(line, text);
      line.title = title;
      line.dataset.outcome = outcome ?? "asking";
    });
  }
}

function made(part: Part): HTMLElement {
  switch (part.kind) {
    case "code": return codeBlock(part.language, part.text);
    case "table": return table(part.header, part.rows);
    case "link": return link(part.text, part.url);
  }
}

function codeBlock(language: string, text: string): HTMLElement {
  const code = element("code", {}, text.replace(/\n$/, ""));
  const copy = element("button", { type: "button", "data-testid": "copy" }, "Copy");
  copy.addEventListener("click", () => void copied(text, code).then((done) => {
    setText(copy, done ? "Copied" : "Selected: press Ctrl+C");
    setTimeout(() => setText(copy, "Copy"), COPIED_MS);
  }));
  // Long lines scroll, also by the keyboard.
  return element("figure", { class: "code", "data-testid": "code" },
    element("figcaption", {}, element("span", {}, language || "code"), copy),
    element("pre", { tabindex: "0", role: "region", "aria-label": language ? `${language} code` : "code" }, code));
}

// Whether it is on the clipboard; where a page may not write there, it is at least selected.
async function copied(text: string, code: HTMLElement): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    getSelection()?.selectAllChildren(code);
    return false;
  }
}

function table(header: string[], rows: string[][]): HTMLElement {
  const width = Math.max(header.length, ...rows.map((row) => row.length));
  const cells = <K extends "th" | "td">(tag: K, row: string[], attributes = {}) =>
    element("tr", {}, ...Array.from({ length: width }, (_, at) => element(tag, attributes, row[at] ?? "")));
  return element("div", { class: "table", "data-testid": "table", tabindex: "0", role: "region", "aria-label": "Table" },
    element("table", {},
      header.length > 0 && element("thead", {}, cells("th", header, { scope: "col" })),
      element("tbody", {}, ...rows.map((row) => cells("td", row)))));
}

function link(text: string, url: string): HTMLElement {
  const href = webAddress(url);
  if (!href) return element("p", { class: "link" }, text);
  return element("p", { class: "link", "data-testid": "link" },
    element("a", { href, target: "_blank", rel: "noopener noreferrer" }, text, element("span", { "aria-hidden": "true" }, " ↗")),
    text !== url && element("span", { class: "address" }, url.replace(/^https?:\/\//i, "")));
}
