// A turn as the server kept it: both sides' sound and words on one axis, below them the pauses and every stage.
import type { Player } from "../player";
import { axisOf, clip, moment, percent, ticks } from "../timeline/axis";
import type { Axis } from "../timeline/axis";
import { ofPause, ofStage, ofWord, verdict, when } from "../timeline/facts";
import type { Facts } from "../timeline/facts";
import { firstSound, isAudible } from "../timeline/record";
import type { TurnRecord } from "../timeline/record";
import { rowsOf } from "../timeline/rows";
import type { Row } from "../timeline/rows";
import { gain, outline, steps } from "../timeline/wave";
import { placeWords } from "../timeline/words";
import { seconds } from "../stages";
import { byId, element } from "./element";
import type { FactsPanel } from "./facts";
import { roving } from "./roving";

const SVG = "http://www.w3.org/2000/svg";
const LANES = 3;
const LANE_PIXELS = 18;
const WORD_PADDING = 7;
// A mark with its probability beside it.
const FIGURE_PIXELS = 46;
// What the recogniser had heard when it judged a pause.
const BEFORE_PAUSE = 1;

export class TimelineView {
  private readonly box = byId("timeline");
  private readonly lines = byId("timeline-lines");
  private readonly axisBox = byId("timeline-axis");
  private readonly ruler = document.createElement("canvas").getContext("2d");
  private shown: { record: TurnRecord; axis: Axis } | undefined;
  private drawn = "";
  private cursor = 0;

  constructor(private readonly player: Player, private readonly facts: FactsPanel, resized: () => void) {
    roving(this.lines, ".line", ".item");
    let width = 0;
    new ResizeObserver(() => {
      if (Math.abs(this.axisBox.clientWidth - width) < 2) return;
      width = this.axisBox.clientWidth;
      resized();
    }).observe(this.axisBox);
  }

  hide() {
    this.box.hidden = true;
    this.shown = undefined;
    this.drawn = "";
  }

  draw(record: TurnRecord, whole: boolean) {
    this.box.hidden = false;
    const width = Math.max(60, this.axisBox.clientWidth);
    const drawn = JSON.stringify([record.trace_id, whole, width]);
    if (drawn === this.drawn) return;
    if (this.shown?.record.trace_id !== record.trace_id) {
      this.cursor = record.end_of_speech_seconds ?? 0;
      this.facts.invite(isAudible(record));
    }
    this.drawn = drawn;
    const axis = axisOf(record, whole);
    this.shown = { record, axis };
    this.box.dataset.trace = record.trace_id;
    const audible = record.sides.some(({ peaks }) => peaks.length > 0);
    this.lines.replaceChildren(...[
      this.words(record, axis, width, "caller"),
      audible && this.waves(record, axis, width),
      this.words(record, axis, width, "bot"),
      this.pauses(record, axis, width),
      ...rowsOf(record.stages).map((row) => this.row(record, axis, row)),
      this.ticks(record, axis, width),
    ].filter((line) => line !== false));
    const first = this.lines.querySelector<HTMLElement>(".item");
    if (first) first.tabIndex = 0;
    this.wait(record, axis);
    this.drawPlaying();
  }

  /** Marks what sounds and where it is. */
  drawPlaying() {
    const { playing, position } = this.player;
    const here = playing && playing.trace === this.shown?.record.trace_id ? playing : undefined;
    if (here) this.box.dataset.playing = `${here.from.toFixed(2)}-${here.to.toFixed(2)}`;
    else delete this.box.dataset.playing;
    const segment = this.axisBox.querySelector<HTMLElement>(".segment")!;
    const head = this.axisBox.querySelector<HTMLElement>(".playhead")!;
    const part = here && this.shown && clip(this.shown.axis, here.from, here.to);
    segment.hidden = !part;
    if (part) place(segment, part);
    const at = here && position !== undefined && this.shown ? percent(this.shown.axis, position) : -1;
    head.hidden = at < 0 || at > 100;
    head.style.left = `${at}%`;
  }

  // The time between the caller's last word and the first sound of the answer.
  private wait(record: TurnRecord, axis: Axis) {
    const band = this.axisBox.querySelector<HTMLElement>(".wait")!;
    const sound = firstSound(record);
    const part = sound === undefined ? undefined : clip(axis, record.end_of_speech_seconds!, sound);
    band.hidden = !part;
    if (part) place(band, part);
  }

  private item(className: string, label: string, facts: () => Facts, play: [number, number] | undefined, record: TurnRecord): HTMLButtonElement {
    const button = element("button", { type: "button", class: `item ${className}`, "aria-label": label, tabindex: "-1" });
    this.facts.attach(button, facts);
    if (play && isAudible(record)) button.addEventListener("click", () => void this.player.play(record, ...play));
    return button;
  }

  private words(record: TurnRecord, axis: Axis, width: number, side: "caller" | "bot"): HTMLElement | false {
    const said = record.words.filter((word) => word.side === side);
    const placed = placeWords(said, axis, width, LANES, (text) => this.measure(text));
    if (placed.length === 0) return false;
    const track = element("div", { class: "track" });
    const lanes = 1 + Math.max(...placed.map(({ lane }) => lane));
    track.style.height = `${lanes * LANE_PIXELS}px`;
    for (const { word, lane, left, room, spoken } of placed) {
      const button = this.item("word", word.text, () => ofWord(record, word), [word.start_seconds, word.end_seconds], record);
      const time = element("i");
      time.style.width = `${spoken}%`;
      button.append(time, element("span", {}, word.text));
      place(button, { left, width: room });
      // Towards the wave first.
      button.style.top = `${(side === "caller" ? lanes - 1 - lane : lane) * LANE_PIXELS}px`;
      track.append(button);
    }
    return line(`said ${side}`, element("span", { class: "name hidden-words" }, side === "caller" ? "your words" : "Voce's words"), track);
  }

  private measure(text: string): number {
    if (!this.ruler) return text.length * 7 + WORD_PADDING;
    this.ruler.font = `12px ${getComputedStyle(this.box).fontFamily}`;
    return this.ruler.measureText(text).width + WORD_PADDING;
  }

  private waves(record: TurnRecord, axis: Axis, width: number): HTMLElement {
    const sides = (["caller", "bot"] as const).map((name) => record.sides.find(({ side }) => side === name));
    const heights = sides.map((side) => (side ? steps(side, axis, Math.floor(width / 2)) : []));
    // Enlarged by the whole turn's loudest, so that a zoomed silence stays silent.
    const grown = gain(sides.flatMap((side) => side?.peaks.reduce((most, each) => Math.max(most, each), 0) ?? 0).map((peak) => peak / 255));
    const track = element("div", { class: "track", "data-testid": "position" }, ...heights.map((each, at) => wave(each.map((height) => height * grown), at === 0 ? "caller" : "bot")));
    if (isAudible(record)) this.slider(track, record, axis);
    return line("sound", element("span", { class: "name" }, element("span", {}, "you"), element("span", {}, "voce")), track);
  }

  private slider(track: HTMLElement, record: TurnRecord, axis: Axis) {
    const mark = element("i", { class: "cursor" });
    const move = (to: number) => {
      this.cursor = Math.min(axis.end, Math.max(axis.start, to));
      mark.style.left = `${percent(axis, this.cursor)}%`;
      track.setAttribute("aria-valuenow", this.cursor.toFixed(2));
      track.setAttribute("aria-valuetext", when(record, this.cursor));
    };
    for (const [name, value] of Object.entries({
      role: "slider", tabindex: "0", "aria-label": "Position in the turn; Enter plays both sides from there", title: "Press to hear both sides from there",
      "aria-valuemin": axis.start.toFixed(2), "aria-valuemax": axis.end.toFixed(2),
    })) track.setAttribute(name, value);
    track.append(mark);
    move(this.cursor);
    track.addEventListener("click", ({ clientX }) => {
      const { left, width } = track.getBoundingClientRect();
      move(moment(axis, (clientX - left) / width));
      void this.player.play(record, this.cursor);
    });
    track.addEventListener("keydown", (event) => {
      const step = (axis.end - axis.start) / 50;
      const to = {
        ArrowLeft: this.cursor - step, ArrowRight: this.cursor + step, PageUp: this.cursor + step * 5, PageDown: this.cursor - step * 5,
        Home: axis.start, End: axis.end,
      }[event.key];
      if (to !== undefined) move(to);
      else if (event.key === "Enter" || event.key === " ") void this.player.play(record, this.cursor);
      else return;
      event.preventDefault();
    });
  }

  private pauses(record: TurnRecord, axis: Axis, width: number): HTMLElement | false {
    const seen = record.decisions.filter(({ at_seconds }) => clip(axis, at_seconds, at_seconds));
    if (seen.length === 0) return false;
    const track = element("div", { class: "track" });
    for (const [place, pause] of seen.entries()) {
      const sure = pause.probability === null ? "" : pause.probability.toFixed(2);
      const from = pause.at_seconds - pause.waited_ms / 1000 - BEFORE_PAUSE;
      const button = this.item("pause", `${verdict(pause)} ${sure}`, () => ofPause(record, pause), [Math.max(0, from), pause.at_seconds], record);
      button.dataset.outcome = pause.outcome;
      const at = percent(axis, pause.at_seconds);
      const next = seen[place + 1];
      const room = next ? ((percent(axis, next.at_seconds) - at) / 100) * width : width;
      button.append(element("i"), room < FIGURE_PIXELS ? "" : element("span", {}, sure));
      button.style.left = `${at}%`;
      if (at > 85) button.classList.add("leftwards");
      track.append(button);
    }
    return line("pauses", element("span", { class: "name" }, "pauses"), track);
  }

  private row(record: TurnRecord, axis: Axis, row: Row): HTMLElement {
    const track = element("div", { class: "track" });
    for (const stage of row.stages) {
      const { start_seconds: from, end_seconds: to } = stage;
      const part = clip(axis, from, to);
      if (!part) continue;
      const label = `${row.title}, ${seconds(to - from)}, ${when(record, from)}${stage.failed === null ? "" : ", failed"}`;
      const button = this.item("stage", label, () => ofStage(record, stage), [from, to], record);
      button.append(element("i"));
      place(button, part);
      button.classList.toggle("failed", stage.failed !== null);
      button.classList.toggle("from-before", from < axis.start - 1e-6);
      button.classList.toggle("goes-on", to > axis.end + 1e-6);
      track.append(button);
    }
    const name = element("span", { class: "name", title: row.title }, row.title);
    name.style.paddingInlineStart = `${Math.min(3, row.depth) * 10}px`;
    const made = line("row", name, track, element("span", { class: "value" }, row.value));
    made.dataset.span = row.path;
    made.classList.toggle("failed", row.failed);
    return made;
  }

  private ticks(record: TurnRecord, axis: Axis, width: number): HTMLElement {
    const track = element("div", { class: "track", "aria-hidden": "true" }, ...ticks(axis, record.end_of_speech_seconds ?? 0, Math.max(2, width / 60)).map(({ at, text }) => {
      const mark = element("i", {}, text);
      mark.style.left = `${at}%`;
      return mark;
    }));
    return line("moments", element("span", { class: "name" }), track);
  }
}

function line(className: string, ...parts: HTMLElement[]): HTMLElement {
  return element("div", { class: `line ${className}` }, ...parts);
}

function place(target: HTMLElement, { left, width }: { left: number; width: number }) {
  target.style.left = `${left}%`;
  target.style.width = `${width}%`;
}

function wave(heights: number[], side: string): SVGSVGElement {
  const picture = document.createElementNS(SVG, "svg");
  picture.setAttribute("viewBox", `0 0 ${Math.max(1, heights.length)} 2`);
  picture.setAttribute("preserveAspectRatio", "none");
  picture.setAttribute("aria-hidden", "true");
  picture.dataset.side = side;
  const path = document.createElementNS(SVG, "path");
  if (heights.length > 0) path.setAttribute("d", outline(heights));
  picture.append(path);
  return picture;
}
