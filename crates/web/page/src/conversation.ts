// The transcript: what both sides said, put together from the events of a call. Pure; the views read it.
import type { EndReason, Outcome, Passage, Table, ToolOutcome, TurnReport, Why } from "./protocol";
import { advance, heardCount, split } from "./words";

/** How a pause of the caller was judged. */
export interface Decision {
  outcome: Outcome;
  probability: number | null;
  waitedMs: number;
}

/** Something that was said into the answer and did not stop it. */
export interface Aside {
  why: Why;
  text: string;
}

/** Something to look at that belongs to an answer. */
export type Part =
  | { kind: "code"; language: string; text: string }
  | { kind: "link"; text: string; url: string }
  | ({ kind: "table" } & Table);

/** A tool that was called for an answer. */
export interface ToolCall {
  id: string;
  name: string;
  args: Record<string, unknown>;
  /** Once it is over. */
  outcome?: ToolOutcome;
  seconds?: number;
}

/** One question and its answer. */
export interface Exchange {
  /** Place in the transcript, from 0. */
  key: number;
  /** The server's number, once it is known. */
  turn?: number;
  /** True where the bot spoke without being asked: a greeting, a reminder. */
  unasked: boolean;
  /** False while the caller's words may still change. */
  final: boolean;
  question: string;
  /** What the model wrote to be spoken so far; what the voice says where no such text came. */
  answer: string;
  /** How many words of the answer the caller has heard. */
  heardWords: number;
  /** What was found for it. */
  passages: Passage[];
  /** What of that it rests on. */
  cited: Passage[];
  shown: Part[];
  tools: ToolCall[];
  /** True while the answer waits, because someone speaks into it. */
  held: boolean;
  /** What is being said into the answer, while nobody knows yet whether it stops it. */
  overheard: string;
  asides: Aside[];
  decisions: Decision[];
  /** How it ended, once it has. */
  ended?: EndReason;
  report?: TurnReport;
  /** When the bot's sound began, milliseconds of `performance.now()`. */
  soundedAt?: number;
}

export class Conversation {
  readonly exchanges: Exchange[] = [];
  private fromModel = false;
  // Turns count from one in every call, so that an earlier call's exchanges must not be taken for this one's.
  private callBegan = 0;
  // Decisions about turns whose number no exchange bears yet.
  private decisions = new Map<number, Decision[]>();

  constructor(private readonly changed: () => void) {}

  /** The caller's words so far, or their final form; empty and final when speech held no words. */
  userText(text: string, final: boolean) {
    const last = this.ofCall().at(-1);
    if (!text && !final) return;
    if (last?.held && !final) {
      last.overheard = text;
      return this.changed();
    }
    const exchange = last && !last.final ? last : this.open();
    exchange.question = text;
    exchange.final = final;
    this.changed();
  }

  /** The model begins to write. */
  answerStarted() {
    (this.answering() ?? this.openUnasked()).answer = "";
    this.fromModel = true;
    this.changed();
  }

  /** The model wrote a piece. */
  answerText(text: string) {
    const exchange = this.answering();
    // What is left of a dropped answer on its way.
    if (!exchange) return;
    this.fromModel = true;
    exchange.answer += text;
    this.changed();
  }

  /** The voice begins a line; it is the answer's text where the model's own is not sent. */
  lineStarted(text: string) {
    const exchange = this.answering() ?? this.openUnasked();
    if (this.fromModel && exchange.answer) return;
    exchange.answer = `${exchange.answer} ${text}`.trim();
    this.changed();
  }

  botSounds(at: number) {
    (this.answering() ?? this.openUnasked()).soundedAt ??= at;
  }

  /** The caller heard a word. */
  wordHeard(text: string) {
    const exchange = this.answering();
    if (!exchange) return;
    const words = split(exchange.answer);
    for (const word of split(text)) exchange.heardWords = advance(words, exchange.heardWords, word.text);
    this.changed();
  }

  retrieved(turn: number, passages: Passage[]) {
    this.add(turn, (exchange) => { exchange.passages = passages; });
  }

  /** The answer rests on these. */
  cited(turn: number, passages: Passage[]) {
    this.add(turn, (exchange) => { exchange.cited.push(...passages); });
  }

  /** There is something to look at. */
  show(turn: number, parts: Part[]) {
    this.add(turn, (exchange) => { exchange.shown.push(...parts); });
  }

  toolStarted(id: string, name: string, args: Record<string, unknown>) {
    (this.answering() ?? this.openUnasked()).tools.push({ id, name, args });
    this.changed();
  }

  /** A tool's call is over; it may have outlived its turn. */
  toolEnded(id: string, name: string, outcome: ToolOutcome, seconds: number | undefined) {
    const calls = this.ofCall().flatMap(({ tools }) => tools);
    const call = calls.findLast((each) => !each.outcome && each.id === id && each.name === name);
    if (!call) return;
    Object.assign(call, { outcome, seconds });
    this.changed();
  }

  /** A pause of the caller was judged. */
  judged(turn: number, decision: Decision) {
    const exchange = this.byTurn(turn);
    if (exchange) exchange.decisions.push(decision);
    else this.decisions.set(turn, [...(this.decisions.get(turn) ?? []), decision]);
    this.changed();
  }

  /** The caller went on: the words are not final after all, and the answer that was begun is none. */
  reopened(turn: number) {
    const last = this.ofCall().at(-1);
    const exchange = this.byTurn(turn) ?? (last?.ended ? undefined : last);
    if (!exchange) return;
    this.number(exchange, turn);
    Object.assign(exchange, {
      final: false, answer: "", heardWords: 0, passages: [], cited: [], shown: [], tools: [], held: false, overheard: "", soundedAt: undefined,
    });
    this.changed();
  }

  /** Someone speaks into the answer, and it waits. */
  held(turn: number) {
    const exchange = this.byTurn(turn) ?? this.answering();
    if (!exchange) return;
    this.number(exchange, turn);
    exchange.held = true;
    this.changed();
  }

  /** It was no interruption: the answer goes on. */
  continued(turn: number, why: Why, text: string) {
    const exchange = this.byTurn(turn) ?? this.answering();
    if (!exchange) return;
    this.letGo(exchange);
    // The recogniser expects the speaker to go on.
    exchange.asides.push({ why, text: text.trim().replace(/[,;]$/, "") });
    this.changed();
  }

  interrupted(turn: number, heard: string) {
    const exchange = this.byTurn(turn) ?? this.ofCall().findLast((each) => each.final && each.turn === undefined);
    if (!exchange) return;
    this.number(exchange, turn);
    exchange.ended = "interrupted";
    exchange.heardWords = heardCount(split(exchange.answer), heard);
    const words = this.letGo(exchange);
    if (words && exchange === this.exchanges.at(-1)) this.userText(words, false);
    this.changed();
  }

  turnEnded(report: TurnReport) {
    const exchange = this.byTurn(report.turn)
      ?? this.ofCall().find((each) => each.final && each.turn === undefined && !each.report)
      ?? (report.end_reason === "interrupted" ? undefined : this.answering())
      ?? Object.assign(this.open(), { unasked: !report.question && report.spoken !== "" });
    this.number(exchange, report.turn);
    this.letGo(exchange);
    exchange.final = true;
    exchange.report = report;
    exchange.ended = report.end_reason;
    exchange.question = report.question || exchange.question;
    exchange.answer ||= report.spoken || report.generated;
    if (report.passages.length) exchange.passages = report.passages;
    const words = split(exchange.answer);
    exchange.heardWords = report.end_reason === "completed" ? words.length : heardCount(words, report.heard);
    this.changed();
  }

  /** The call is over: what the caller began to say and did not end is dropped. */
  callEnded() {
    const last = this.exchanges.at(-1);
    if (last && !last.final && !last.answer) this.exchanges.pop();
    for (const exchange of this.exchanges) {
      exchange.ended ??= "session_closed";
      this.letGo(exchange);
    }
    this.decisions.clear();
    this.callBegan = this.exchanges.length;
    this.changed();
  }

  private ofCall(): Exchange[] {
    return this.exchanges.slice(this.callBegan);
  }

  private byTurn(turn: number): Exchange | undefined {
    return this.ofCall().findLast((each) => each.turn === turn);
  }

  // The exchange whose answer is under way: the last with a whole question, or the one that is being asked where the
  // answer is begun early.
  private answering(): Exchange | undefined {
    const open = this.ofCall().filter((each) => !each.ended);
    return open.findLast((each) => each.final) ?? open.at(-1);
  }

  // Adds to what belongs to a turn's answer.
  private add(turn: number, act: (exchange: Exchange) => void) {
    const exchange = this.byTurn(turn) ?? this.answering();
    if (!exchange) return;
    this.number(exchange, turn);
    act(exchange);
    this.changed();
  }

  private number(exchange: Exchange, turn: number) {
    exchange.turn = turn;
    exchange.decisions.push(...(this.decisions.get(turn) ?? []));
    this.decisions.delete(turn);
  }

  // Ends the waiting of an answer; gives what was said into it.
  private letGo(exchange: Exchange): string {
    const { overheard } = exchange;
    exchange.held = false;
    exchange.overheard = "";
    return overheard;
  }

  // The bot speaks first.
  private openUnasked(): Exchange {
    return Object.assign(this.open(), { unasked: true, final: true });
  }

  private open(): Exchange {
    const exchange: Exchange = {
      key: this.exchanges.length, unasked: false, final: false, question: "", answer: "", heardWords: 0, passages: [],
      cited: [], shown: [], tools: [], held: false, overheard: "", asides: [], decisions: [],
    };
    this.exchanges.push(exchange);
    return exchange;
  }
}
