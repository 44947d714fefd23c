// Both sides' words as they come. The bot's darken as they are heard; what was cut off is struck through.
import type { Exchange } from "../conversation";
import type { Opinions } from "../opinions";
import type { Passage } from "../protocol";
import { seconds } from "../stages";
import type { Store } from "../state";
import { split } from "../words";
import { byId, element, setText } from "./element";
import { OpinionBar } from "./opinion";
import { Parts, Tools } from "./parts";

export function transcript(store: Store, opinions: Opinions) {
  const list = byId("transcript");
  // Wide, the talk scrolls by itself; narrow, the page does.
  const scrollers = [byId("talked"), byId("page")];
  const rows = new Map<number, Row>();
  const captions = new Captions();
  store.view(({ conversation, state }) => {
    const following = scrollers.filter((each) => each.scrollHeight - each.scrollTop - each.clientHeight < 80);
    byId("welcome").hidden = conversation.exchanges.length > 0;
    for (const [key, row] of rows) {
      if (conversation.exchanges[key]) continue;
      row.root.remove();
      rows.delete(key);
    }
    for (const exchange of conversation.exchanges) {
      let row = rows.get(exchange.key);
      if (!row) {
        row = new Row(opinions, () => {
          store.set({ picked: exchange.key });
          // Where the figures are folded away, asking for them unfolds them.
          const figures = byId<HTMLDetailsElement>("turn");
          figures.open = true;
          figures.scrollIntoView({ block: "nearest" });
        });
        rows.set(exchange.key, row);
        list.append(row.root);
      }
      row.draw(exchange, state.picked === exchange.key);
      row.drawOpinion(exchange, state.status?.takes_feedback === true);
    }
    captions.say(conversation.exchanges.at(-1));
    for (const each of following) each.scrollTop = each.scrollHeight;
  });
}

/** One exchange, updated in place so that text can be selected while more arrives. */
class Row {
  readonly root = element("li", { class: "exchange", "data-testid": "exchange" });
  private readonly question = element("p", { "data-testid": "question" });
  private readonly answer = element("p", { "data-testid": "answer" });
  private readonly asides = element("div", { class: "asides", "data-testid": "asides" });
  private readonly tools = new Tools();
  private readonly parts = new Parts();
  private readonly sources = element("div", { class: "sources", "data-testid": "sources" });
  private readonly figures = element("button", { class: "figures", type: "button" });
  private readonly opinion: OpinionBar;
  private readonly you = element("div", { class: "side you" }, element("h3", {}, "You"), this.question);
  private readonly bot = element("div", { class: "side bot" }, element("h3", {}, "Voce"), element("div", {}, this.tools.root, this.answer, this.asides, this.parts.root, this.sources));
  private shown = "";

  constructor(opinions: Opinions, pick: () => void) {
    this.opinion = new OpinionBar(opinions);
    this.root.append(this.you, this.bot, element("div", { class: "below" }, this.figures, this.opinion.root));
    this.figures.addEventListener("click", pick);
  }

  draw(exchange: Exchange, picked: boolean) {
    this.root.classList.toggle("picked", picked);
    const shown = JSON.stringify([exchange, exchange.report?.turn]);
    if (shown === this.shown) return;
    this.shown = shown;

    const silent = exchange.final && !exchange.question;
    this.you.hidden = exchange.unasked;
    this.question.className = exchange.final ? (silent ? "aside" : "said") : "partial";
    setText(this.question, silent ? "(speech without words)" : exchange.question || "…");
    // An answer that was begun early is shown once it is one.
    const isEmpty = !exchange.answer && !exchange.tools.length && !exchange.shown.length;
    this.bot.hidden = !exchange.final || (isEmpty && exchange.ended !== "failed");
    this.root.classList.toggle("waiting", exchange.held);
    this.drawAnswer(exchange);
    this.drawAsides(exchange);
    this.tools.draw(exchange.tools);
    this.parts.draw(exchange.shown);
    this.drawSources(exchange);
    const report = exchange.report;
    this.figures.hidden = !report;
    if (!report) return;
    const first = report.voice_to_voice_seconds;
    setText(this.figures, `turn ${report.turn}${first === null ? "" : ` · ${seconds(first)}`}`);
    this.figures.setAttribute("aria-label", `Show the stage times of turn ${report.turn}`);
  }

  /** An answer can be rated once its turn is over, where it was traced. */
  drawOpinion({ answer, report }: Exchange, taken: boolean) {
    const trace = report?.trace_id ?? "";
    this.opinion.root.hidden = !taken || trace === "" || answer === "";
    if (!this.opinion.root.hidden) this.opinion.draw(trace);
  }

  // What was said into the answer and is no turn of its own.
  private drawAsides({ asides, overheard }: Exchange) {
    const said = asides.filter(({ why, text }) => why === "backchannel" && text !== "").map(({ text }) =>
      element("span", { title: "you said this while the answer went on" }, `“${text}”`));
    if (overheard) said.push(element("span", { class: "partial" }, `“${overheard}…”`));
    this.asides.replaceChildren(...said);
  }

  private drawAnswer({ answer, heardWords, ended, held }: Exchange) {
    if (!answer && ended === "failed") {
      this.answer.replaceChildren(element("span", { class: "aside" }, "(no answer: a stage failed)"));
      return;
    }
    const words = split(answer);
    const text = (from: number, to?: number) => words.slice(from, to).map((word) => word.space + word.text).join("");
    const cut = ended !== undefined && ended !== "completed";
    // The space between belongs to what was heard: a line through it would look like a dash.
    const space = heardWords > 0 ? (words[heardWords]?.space ?? "") : "";
    const rest = text(heardWords).slice(space.length);
    this.answer.replaceChildren(element("span", { class: "heard" }, text(0, heardWords) + space));
    if (held) this.answer.append(element("i", { class: "waits", title: "waiting for you", "data-testid": "waits" }));
    if (rest === "") return;
    this.answer.append(cut ? element("del", { class: "cut" }, rest) : element("span", { class: "ahead" }, rest));
    if (cut) this.answer.append(element("span", { class: "hidden-words" }, " (not heard)"));
  }

  // What the answer rests on, then what else was found for it.
  private drawSources({ answer, cited, passages }: Exchange) {
    const same = (one: Passage) => (other: Passage) => one.source === other.source && one.chunk === other.chunk;
    const found = passages.filter((passage) => !cited.some(same(passage)));
    const shown = answer === "" ? "" : JSON.stringify([cited, found]);
    if (this.sources.dataset.shown === shown) return;
    this.sources.dataset.shown = shown;
    const chips = shown === "" ? [] : [...cited.map((each) => source(each, true)), ...found.map((each) => source(each, false))];
    this.sources.replaceChildren(...chips);
  }
}

function source({ source, heading, text, score }: Passage, cited: boolean): HTMLElement {
  const title = `${cited ? "the answer rests on this" : "found, but not what the answer rests on"}; similarity ${score.toFixed(2)}`;
  return element("details", { class: cited ? "cited" : "found", "data-testid": cited ? "cited" : "found" },
    element("summary", { title },
      source.split("/").at(-1) ?? source,
      heading !== "" && element("span", {}, ` “${heading.split(" > ").at(-1)}”`),
      !cited && element("span", { class: "hidden-words" }, " (found, not used)")),
    element("blockquote", {}, text));
}

/** Reads out whole utterances only; partial words would stammer. */
class Captions {
  private readonly region = byId("captions");
  private last = "";

  say(exchange: Exchange | undefined) {
    if (!exchange?.final) return;
    const answer = exchange.ended ? ` Voce: ${exchange.answer}` : "";
    const text = `You: ${exchange.question || "speech without words"}.${answer}`;
    if (text === this.last) return;
    this.last = text;
    setText(this.region, text);
  }
}
