// The transcript: what both sides said, put together from the events of a call. Pure; the views read it.
import type { EndReason, Passage, TurnReport } from "./protocol";
import { advance, heardCount, split } from "./words";

/** One question and its answer. */
export interface Exchange {
  /** Place in the transcript, from 0. */
  key: number;
  /** The server's number, once it is known. */
  turn?: number;
  /** False while the caller's words may still change. */
  final: boolean;
  question: string;
  /** What the model wrote so far; what the voice says where no model text came. */
  answer: string;
  /** How many words of the answer the caller has heard. */
  heardWords: number;
  passages: Passage[];
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

  constructor(private readonly changed: () => void) {}

  /** The caller's words so far, or their final form; empty and final when speech held no words. */
  userText(text: string, final: boolean) {
    const last = this.ofCall().at(-1);
    if (!text && !final) return;
    const exchange = last && !last.final ? last : this.open();
    exchange.question = text;
    exchange.final = final;
    this.changed();
  }

  /** The model begins to write. */
  answerStarted() {
    this.answered().answer = "";
    this.fromModel = true;
    this.changed();
  }

  /** The model wrote a piece. */
  answerText(text: string) {
    this.fromModel = true;
    this.answered().answer += text;
    this.changed();
  }

  /** The voice begins a line; it is the answer's text where the model's own is not sent. */
  lineStarted(text: string) {
    const exchange = this.answered();
    if (this.fromModel && exchange.answer) return;
    exchange.answer = `${exchange.answer} ${text}`.trim();
    this.changed();
  }

  botSounds(at: number) {
    this.answered().soundedAt ??= at;
  }

  /** The caller heard a word. */
  wordHeard(text: string) {
    const exchange = this.answered();
    const words = split(exchange.answer);
    for (const word of split(text)) exchange.heardWords = advance(words, exchange.heardWords, word.text);
    this.changed();
  }

  cited(turn: number, passages: Passage[]) {
    const exchange = this.byTurn(turn) ?? this.answered();
    exchange.turn = turn;
    exchange.passages = passages;
    this.changed();
  }

  interrupted(turn: number, heard: string) {
    const exchange = this.byTurn(turn) ?? this.ofCall().findLast((each) => each.final && each.turn === undefined);
    if (!exchange) return;
    exchange.turn = turn;
    exchange.ended = "interrupted";
    exchange.heardWords = heardCount(split(exchange.answer), heard);
    this.changed();
  }

  turnEnded(report: TurnReport) {
    const exchange = this.byTurn(report.turn)
      ?? this.ofCall().find((each) => each.final && each.turn === undefined && !each.report)
      ?? this.open();
    exchange.turn = report.turn;
    exchange.final = true;
    exchange.report = report;
    exchange.ended = report.end_reason;
    exchange.question ||= report.question;
    exchange.answer ||= report.generated || report.spoken;
    if (report.passages.length) exchange.passages = report.passages;
    const words = split(exchange.answer);
    exchange.heardWords = report.end_reason === "completed" ? words.length : heardCount(words, report.heard);
    this.changed();
  }

  /** The call is over: what the caller began to say and did not end is dropped. */
  callEnded() {
    const last = this.exchanges.at(-1);
    if (last && !last.final && !last.answer) this.exchanges.pop();
    for (const exchange of this.exchanges) exchange.ended ??= "session_closed";
    this.callBegan = this.exchanges.length;
    this.changed();
  }

  private ofCall(): Exchange[] {
    return this.exchanges.slice(this.callBegan);
  }

  private byTurn(turn: number): Exchange | undefined {
    return this.ofCall().findLast((each) => each.turn === turn);
  }

  // The exchange whose answer is under way: the last with a whole question, or one without a question when
  // the bot speaks first.
  private answered(): Exchange {
    const exchange = this.ofCall().findLast((each) => each.final);
    if (exchange) return exchange;
    const greeting = this.open();
    greeting.final = true;
    return greeting;
  }

  private open(): Exchange {
    const exchange: Exchange = {
      key: this.exchanges.length, final: false, question: "", answer: "", heardWords: 0, passages: [],
    };
    this.exchanges.push(exchange);
    return exchange;
  }
}
