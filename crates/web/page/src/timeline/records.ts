// What the server kept of the turns that were looked at: fetched when first asked for, scores for a while after.
import { ask } from "../access";
import { nextScores, RECORD_WAITS } from "./fetching";
import type { Score, TurnRecord } from "./record";

const KEEP = 60;
const ANSWER_MS = 10_000;

export type Kept =
  | { state: "asking" }
  | { state: "kept"; record: TurnRecord }
  /** `why` is empty where the server simply has it no more. */
  | { state: "gone"; why: string };

interface Entry {
  kept: Kept;
  firstAsked: number;
  answered: number;
  timer?: ReturnType<typeof setTimeout>;
}

export class Records {
  private readonly entries = new Map<string, Entry>();
  private watched = "";

  constructor(private readonly changed: () => void) {
    // What is out of sight is not asked for.
    document.addEventListener("visibilitychange", () => this.watch(this.watched));
  }

  get(trace: string): Kept {
    let entry = this.entries.get(trace);
    if (!entry) {
      entry = { kept: { state: "asking" }, firstAsked: performance.now(), answered: 0 };
      this.entries.set(trace, entry);
      const oldest = this.entries.keys().next().value;
      if (this.entries.size > KEEP && oldest !== undefined) this.entries.delete(oldest);
      void this.ask(trace, entry);
    }
    return entry.kept;
  }

  /** Asks for the scores of this turn, and of no other, as they come. */
  watch(trace: string) {
    if (trace !== this.watched) this.stop(this.watched);
    this.watched = trace;
    const entry = this.entries.get(trace);
    if (document.hidden) return this.stop(trace);
    if (!entry || entry.kept.state !== "kept" || entry.timer !== undefined) return;
    const wait = nextScores(performance.now() - entry.firstAsked, entry.answered);
    if (wait !== undefined) entry.timer = setTimeout(() => void this.askScores(trace, entry), wait);
  }

  private stop(trace: string) {
    const entry = this.entries.get(trace);
    clearTimeout(entry?.timer);
    if (entry) entry.timer = undefined;
  }

  private async ask(trace: string, entry: Entry) {
    for (const wait of [0, ...RECORD_WAITS]) {
      await new Promise((later) => setTimeout(later, wait));
      try {
        const response = await ask(address(trace), { cache: "no-store", signal: AbortSignal.timeout(ANSWER_MS) });
        if (response.status === 404) continue;
        if (!response.ok) throw new Error(`the server answered ${response.status}`);
        return this.settle(entry, { state: "kept", record: (await response.json()) as TurnRecord });
      } catch (error) {
        return this.settle(entry, { state: "gone", why: error instanceof Error ? error.message : String(error) });
      }
    }
    this.settle(entry, { state: "gone", why: "" });
  }

  private async askScores(trace: string, entry: Entry) {
    const found = await ask(`${address(trace)}/scores`, { cache: "no-store", signal: AbortSignal.timeout(ANSWER_MS) })
      .then(async (response) => (response.ok ? ((await response.json()) as { scores: Score[] }).scores : undefined), () => undefined);
    entry.timer = undefined;
    entry.answered++;
    const { kept } = entry;
    if (found && kept.state === "kept" && JSON.stringify(found) !== JSON.stringify(kept.record.scores))
      this.settle(entry, { state: "kept", record: { ...kept.record, scores: found } });
    if (trace === this.watched) this.watch(trace);
  }

  private settle(entry: Entry, kept: Kept) {
    entry.kept = kept;
    this.changed();
  }
}

function address(trace: string): string {
  return `/api/turns/${encodeURIComponent(trace)}`;
}
