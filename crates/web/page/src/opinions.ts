// What the caller thinks of answers: sent to the server, and followed until it is saved in MLflow. By trace, so that it
// stays with its answer while the talk goes on.
import { ask } from "./access";

export interface Opinion {
  good: boolean;
  comment: string;
  /** `sending`: not with the server yet. `waiting`: the server has it, MLflow does not. */
  fate: "sending" | "waiting" | "saved" | "failed";
  /** Why it is not saved. */
  why: string;
}

const ANSWER_MS = 10_000;
/** A turn is known to the server a moment after its end. */
const UNKNOWN_TRIES = 4;
const FIRST_WAIT_MS = 400;
const LONGEST_WAIT_MS = 10_000;
/** The server gives up after ten minutes; a page that hears nothing for so long does too. */
const FOLLOW_MS = 11 * 60_000;

type Answer = { ok: true; state: string; why?: string } | { ok: false; status: number; why: string };

export class Opinions {
  private readonly all = new Map<string, Opinion>();
  // Counts what was said of a turn, so that what comes of an earlier opinion does not show at a later one.
  private readonly last = new Map<string, number>();

  constructor(private readonly changed: () => void, private readonly ask = answer) {}

  get(trace: string): Opinion | undefined {
    return this.all.get(trace);
  }

  async give(trace: string, good: boolean, comment: string) {
    const number = (this.last.get(trace) ?? 0) + 1;
    this.last.set(trace, number);
    const settle = (fate: Opinion["fate"], why = "") => {
      if (this.last.get(trace) !== number) return false;
      this.all.set(trace, { good, comment, fate, why });
      this.changed();
      return true;
    };
    settle("sending");
    let sent = await this.ask(trace, { good, comment });
    for (let tries = 1; !sent.ok && sent.status === 404 && tries < UNKNOWN_TRIES; tries++) {
      await pause(1_000);
      if (this.last.get(trace) !== number) return;
      sent = await this.ask(trace, { good, comment });
    }
    const began = Date.now();
    for (let wait = FIRST_WAIT_MS; ; wait = Math.min(wait * 2, LONGEST_WAIT_MS)) {
      if (!sent.ok) return void settle("failed", sent.why);
      if (sent.state === "saved") return void settle("saved");
      if (sent.state === "failed") return void settle("failed", sent.why ?? "");
      if (!settle("waiting", sent.why ?? "")) return;
      if (Date.now() - began > FOLLOW_MS) return void settle("failed", "it is not known whether it was saved");
      await pause(wait);
      const now = await this.ask(trace);
      // Whoever is away for a moment has not forgotten.
      if (now.ok || now.status !== 0) sent = now;
    }
  }
}

const pause = (ms: number) => new Promise((later) => setTimeout(later, ms));

/** Gives an opinion, or asks what became of it. Status 0: nobody answered. */
async function answer(trace: string, said?: { good: boolean; comment: string }): Promise<Answer> {
  const asking = said
    ? { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(said) }
    : { cache: "no-store" as const };
  try {
    const response = await ask(`/api/turns/${encodeURIComponent(trace)}/feedback`, { ...asking, signal: AbortSignal.timeout(ANSWER_MS) });
    const body = (await response.json().catch(() => ({}))) as { state?: string; why?: string; error?: string };
    if (response.ok && body.state) return { ok: true, state: body.state, why: body.why };
    return { ok: false, status: response.status, why: body.error ?? `the server answered ${response.status}` };
  } catch {
    return { ok: false, status: 0, why: "the server does not answer" };
  }
}
