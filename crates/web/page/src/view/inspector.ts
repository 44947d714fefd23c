// Where the time of a turn went: the server's own record of it, or, where that is not kept, the figures of its report
// as bars to scale, below the loudness of both sides as this browser heard them.
import type { Exchange } from "../conversation";
import type { Levels } from "../levels";
import type { Player } from "../player";
import { traceAddress } from "../protocol";
import type { TurnReport } from "../protocol";
import { timeline } from "../stages";
import type { Bar, Timeline } from "../stages";
import type { Store } from "../state";
import type { Kept } from "../timeline/records";
import { Records } from "../timeline/records";
import { turnTaking } from "../turn-taking";
import { byId, element, setText } from "./element";
import { FactsPanel } from "./facts";
import { Playback } from "./playback";
import { ScoreChips } from "./scores";
import { TimelineView } from "./timeline";

const STEPS = 120;
const SVG = "http://www.w3.org/2000/svg";

export function inspector(store: Store, levels: Levels, player: Player) {
  const records = new Records(() => store.set({}));
  const facts = new FactsPanel();
  const timeline = new TimelineView(player, facts, () => store.set({}));
  const scores = new ScoreChips(facts);
  const playback = new Playback(player, () => timeline.drawPlaying());
  let chosen: boolean | undefined;
  let shown = "";
  const scales = [byId("scale-answer"), byId("scale-whole")];
  // On a narrow screen the talk comes first.
  if (matchMedia("(max-width: 820px)").matches) byId<HTMLDetailsElement>("turn").open = false;
  scales.forEach((button, at) => button.addEventListener("click", () => {
    chosen = at === 1;
    store.set({});
  }));
  store.view(({ conversation, state }) => {
    const reported = conversation.exchanges.filter((exchange) => exchange.report);
    const exchange = reported.find((each) => each.key === state.picked) ?? reported.at(-1);
    document.body.dataset.inspected = String(exchange !== undefined);
    const trace = exchange?.report?.trace_id ?? "";
    const kept = trace === "" ? undefined : records.get(trace);
    const record = kept?.state === "kept" ? kept.record : undefined;
    records.watch(trace);
    if (player.playing && player.playing.trace !== trace) player.stop();
    // What can be heard is shown as a whole; bare figures are about the wait.
    const whole = chosen ?? record !== undefined;
    if (record) timeline.draw(record, whole);
    else timeline.hide();
    scores.draw(record?.scores ?? []);
    playback.draw(record);
    const key = JSON.stringify([exchange?.key, exchange?.report, exchange?.decisions, exchange?.asides, reported.length, state.status, whole, kept?.state]);
    if (key === shown) return;
    shown = key;
    byId("no-turn").hidden = exchange !== undefined;
    byId("turn").hidden = exchange === undefined;
    chooseTurn(store, reported, exchange);
    if (!exchange?.report) return;
    scales.forEach((button, at) => button.setAttribute("aria-pressed", String(whole === (at === 1))));
    draw(exchange, exchange.report, levels, whole);
    byId("guessed").hidden = record !== undefined;
    byId("timeline-facts").hidden = record === undefined;
    setText(byId("kept"), about(kept));
    link(store, exchange.report, record?.trace_url ?? undefined);
  });
}

function chooseTurn(store: Store, reported: Exchange[], current: Exchange | undefined) {
  const list = byId("turns");
  list.hidden = reported.length < 2;
  list.replaceChildren(...reported.map((exchange) => {
    const button = element("button", {
      type: "button", "aria-pressed": String(exchange === current), title: exchange.question,
      "aria-label": `Turn ${exchange.report!.turn}`,
    }, String(exchange.report!.turn));
    button.addEventListener("click", () =>
      // Picking the last one follows the call again.
      store.set({ picked: exchange === reported.at(-1) ? undefined : exchange.key }));
    return button;
  }));
}

function draw(exchange: Exchange, report: TurnReport, levels: Levels, whole: boolean) {
  const line = timeline(report);
  setText(byId("turn-name"), `Turn ${report.turn}`);
  setText(byId("first-sound"), line.firstSound === undefined ? ending(report) : `${line.firstSound.toFixed(2)} s`);
  setText(byId("first-sound-words"), line.firstSound === undefined ? "" : "to first sound");
  const [start, end] = range(line, whole);
  const share = (at: number) => ((at - start) / (end - start)) * 100;
  byId("stages").replaceChildren(...line.bars.map((bar) => row(bar, share)));
  ticks(start, end, share);
  waves(exchange, line, levels, start, end);
  byId("turn-taking").replaceChildren(...turnTaking(report, exchange.decisions, exchange.asides).map(({ name, lines }) =>
    element("div", {}, element("dt", {}, name), ...lines.map((line) => element("dd", {}, line)))));
  setText(byId("facts"), facts(report));
}

// Seen to its first sound, a turn shows where the wait came from; as a whole, how it sat in the talk.
function range(line: Timeline, whole: boolean): [number, number] {
  if (whole || line.firstSound === undefined) return [line.start, line.end];
  const from = Math.min(0, ...line.bars.filter((bar) => bar.id !== "listen").map((bar) => bar.start));
  const margin = (line.firstSound - from) * 0.08;
  return [from - margin, line.firstSound + margin];
}

function row(bar: Bar, share: (at: number) => number): HTMLElement {
  const from = Math.max(0, share(bar.start));
  const to = Math.min(100, share(bar.end));
  const block = element("i", { class: "bar" });
  block.style.left = `${from}%`;
  block.style.width = `${Math.max(0, to - from)}%`;
  if (share(bar.start) < 0) block.classList.add("from-before");
  if (share(bar.end) > 100) block.classList.add("goes-on");
  const track = element("span", { class: "track", "aria-hidden": "true" }, block);
  if (bar.mark !== undefined && share(bar.mark) < 100) {
    const mark = element("i", { class: "mark" });
    mark.style.left = `${share(bar.mark)}%`;
    track.append(mark);
  }
  return element("li", { "data-stage": bar.id, title: `${bar.name}: ${bar.about}` },
    element("span", { class: "name" }, bar.name), track, element("span", { class: "value" }, bar.value));
}

function ticks(start: number, end: number, share: (at: number) => number) {
  const span = end - start;
  const step = [0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 60].find((each) => span / each <= 5) ?? 120;
  const marks = [];
  for (let at = Math.ceil(start / step); at * step <= end; at++) {
    const mark = element("i", {}, `${Number((at * step).toFixed(2))} s`.replace("-", "−"));
    mark.style.left = `${share(at * step)}%`;
    marks.push(mark);
  }
  byId("ticks").replaceChildren(...marks);
}

function waves(exchange: Exchange, line: Timeline, levels: Levels, start: number, end: number) {
  const box = byId("waves");
  box.hidden = exchange.soundedAt === undefined || line.firstSound === undefined;
  if (box.hidden) return;
  const zero = exchange.soundedAt! - line.firstSound! * 1000;
  box.replaceChildren(...(["you", "bot"] as const).map((side) => {
    const picture = document.createElementNS(SVG, "svg");
    picture.setAttribute("viewBox", `0 0 ${STEPS} 20`);
    picture.setAttribute("preserveAspectRatio", "none");
    const path = document.createElementNS(SVG, "path");
    const heights = levels.between(zero + start * 1000, zero + end * 1000, STEPS, side);
    path.setAttribute("d", heights.map((level, at) => {
      const half = Math.max(0.4, Math.max(0, level - 0.25) * 13);
      return `M${at + 0.5} ${(10 - half).toFixed(1)}V${(10 + half).toFixed(1)}`;
    }).join(""));
    picture.append(path);
    return element("div", { class: `wave ${side}` }, element("span", { class: "name" }, side === "you" ? "you" : "voce"), picture);
  }));
}

function ending(report: TurnReport): string {
  return { completed: "no sound", interrupted: "interrupted", session_closed: "hung up", failed: "failed" }[report.end_reason];
}

function facts(report: TurnReport): string {
  const { usage } = report;
  return [
    usage && `${usage.prompt_tokens} tokens in${usage.cached_tokens ? ` (${usage.cached_tokens} cached)` : ""}, ${usage.completion_tokens} out`,
    report.tokens_per_second !== null && `${report.tokens_per_second.toFixed(1)} tokens/s`,
    report.late_frames > 0 && `${report.late_frames} late frames`,
    report.end_reason !== "completed" && ending(report),
  ].filter(Boolean).join(" · ");
}

// What there is to see, where it is less than everything.
function about(kept: Kept | undefined): string {
  if (!kept || kept.state === "asking") return "";
  if (kept.state === "kept")
    return kept.record.content === "none" ? "This server keeps neither words nor sound (telemetry.content is “none”)." : "";
  if (kept.why !== "") return `The timeline of this turn could not be fetched (${kept.why}); these are its figures.`;
  return "Timelines are kept for the last turns only; these are the figures of this one.";
}

function link(store: Store, report: TurnReport, known: string | undefined) {
  const link = byId<HTMLAnchorElement>("trace");
  const address = known !== undefined && /^https?:\/\//.test(known) ? known : traceAddress(store.state.status, report);
  link.hidden = address === undefined;
  byId("no-trace").hidden = address !== undefined;
  if (address) link.href = address;
}
