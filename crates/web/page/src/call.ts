// One call at a time: opens the microphone, connects, turns what the server says into state, hangs up.
import { LogLevel, PipecatClient } from "@pipecat-ai/client-js";
import type { RTVIEventCallbacks } from "@pipecat-ai/client-js";

import type { Levels } from "./levels";
import { linkOf, triedPaths } from "./link";
import type { Microphone } from "./microphone";
import * as problems from "./problems";
import type { Problem } from "./problems";
import { fetchStatus, needsSignIn } from "./protocol";
import type { ClientMessage, ServerMessage, ToolOutcome } from "./protocol";
import type { Store } from "./state";
import { CallTransport } from "./transport";
import { spelled } from "./words";

const CONNECT_MS = 15_000;
const NO_SPEECH_MS = 10_000;
const WATCH_MS = 1000;
const ANSWER_MS = 5000;
// Sound takes longer to the server than messages do: the last syllable needs this head start.
const TAIL_MS = 100;
// Whoever meant to stop the bot just as it ended does not mean to hang up.
const GRACE_MS = 1000;
// Below this a microphone is muted rather than quiet: 1 is full scale, 0 is -60 dB.
const SILENT = 0.1;

/** What a push-to-talk button is held with. */
export type Holder = "key" | "pointer";

export class Call {
  private client: PipecatClient | undefined;
  private transport: CallTransport | undefined;
  private watch: ReturnType<typeof setInterval> | undefined;
  private quietSince: number | undefined;
  private readonly holders = new Set<Holder>();
  private tail: ReturnType<typeof setTimeout> | undefined;
  private stoppedAt = -GRACE_MS;
  private deaf = false;
  // Counts calls, so that what comes late from an earlier one is not taken for this one's.
  private attempt = 0;

  /** Called when the server does not know who calls. */
  onRefused: () => void = () => {};

  constructor(
    private readonly store: Store,
    private readonly microphone: Microphone,
    private readonly levels: Levels,
    private readonly speaker: HTMLAudioElement,
  ) {
    microphone.onLost = () => this.note(problems.microphoneLost());
  }

  get active(): boolean {
    return this.store.state.phase !== "idle";
  }

  async start() {
    if (this.active) return;
    const attempt = ++this.attempt;
    const current = () => attempt === this.attempt && this.active;
    this.store.set({ phase: "connecting", doing: "opening the microphone", problem: undefined, roundTripMs: undefined });
    this.letHear();
    try {
      this.levels.hear("you", await this.microphone.open());
    } catch (error) {
      return current() && this.end(problems.microphoneProblem(error));
    }
    if (!current()) return this.microphone.close();

    this.store.set({ doing: "calling the server" });
    let iceServers: RTCIceServer[] = [];
    try {
      const status = await fetchStatus();
      iceServers = status.ice_servers ?? [];
      this.store.set({ status, reachable: true });
      if (needsSignIn(status)) return current() && this.end(problems.signInNeeded());
    } catch (error) {
      return current() && this.end(error instanceof Response ? await problems.refusal(error) : problems.serverGone());
    }
    if (!current()) return this.microphone.close();
    await this.connect(iceServers, current);
  }

  private async connect(iceServers: RTCIceServer[], current: () => boolean) {
    const transport = (this.transport = new CallTransport(this.microphone));
    transport.iceServers = iceServers;
    const client = (this.client = new PipecatClient({
      transport, enableMic: true, enableCam: false, callbacks: this.callbacks(current),
    }));
    client.setLogLevel(LogLevel.NONE);
    const deadline = setTimeout(() => void this.gaveUp(current), CONNECT_MS);
    try {
      await client.connect();
      if (!current()) return;
      this.watch = setInterval(() => void this.look(current), WATCH_MS);
      this.listen();
    } catch (error) {
      if (!current()) return;
      const cause = (error as { cause?: unknown } | undefined)?.cause;
      if (cause instanceof Response) {
        this.end(await problems.refusal(cause));
        if (cause.status === 401) this.onRefused();
      }
      else if (cause instanceof TypeError) this.end(problems.serverGone());
      else this.end(problems.noPath(await triedPaths(transport.peer)));
    } finally {
      clearTimeout(deadline);
    }
  }

  private async gaveUp(current: () => boolean) {
    if (!current() || this.store.state.phase !== "connecting") return;
    if (this.transport?.channel?.readyState === "open") return this.end(problems.notReady());
    this.end(problems.noPath(await triedPaths(this.transport?.peer ?? null)));
  }

  hangUp() {
    if (this.active) this.end();
  }

  /** Esc: stops the bot where it speaks, otherwise ends the call. */
  escape() {
    if (this.store.state.phase === "speaking") this.interrupt();
    else if (performance.now() - this.stoppedAt > GRACE_MS) this.hangUp();
  }

  /** Asks the bot to stop speaking. */
  interrupt() {
    if (this.store.state.phase === "speaking") void this.ask({ t: "interrupt" });
  }

  /** Whether the caller speaks by holding a button. In between the microphone is mute. */
  setPushToTalk(pushToTalk: boolean) {
    this.release();
    this.finishRelease();
    this.store.set({ pushToTalk });
    this.clear("no-speech");
    if (!this.active) return;
    this.letHear();
    this.quietSince = pushToTalk || this.store.state.phase !== "listening" ? undefined : performance.now();
  }

  /** The caller holds the button; false where there is none to hold. */
  press(holder: Holder): boolean {
    const { phase, pushToTalk, pressed } = this.store.state;
    if (!pushToTalk || phase === "idle" || phase === "connecting") return false;
    this.holders.add(holder);
    if (pressed) return true;
    this.store.set({ pressed: true });
    this.quietSince = performance.now();
    this.levels.forget();
    if (this.tail === undefined) {
      this.letHear();
      void this.ask({ t: "push-to-talk", d: { pressed: true } });
    }
    // Let go and held again within the tail is held all along.
    clearTimeout(this.tail);
    this.tail = undefined;
    return true;
  }

  /** The caller lets go; without a holder, all of them do. */
  release(holder?: Holder) {
    if (holder) this.holders.delete(holder);
    else this.holders.clear();
    if (!this.store.state.pressed || this.holders.size > 0) return;
    this.store.set({ pressed: false });
    this.quietSince = undefined;
    this.tail = setTimeout(() => this.finishRelease(), TAIL_MS);
  }

  /** Sends at once what a release has left to be sent: a page out of sight may not get to it later. */
  finishRelease() {
    if (this.tail === undefined) return;
    clearTimeout(this.tail);
    this.tail = undefined;
    void this.ask({ t: "push-to-talk", d: { pressed: false } });
    this.letHear();
  }

  /** Whether something other than the call may sound here now: not while one of the two speaks or thinks. */
  get quiet(): boolean {
    const { phase, hearing, pressed } = this.store.state;
    return phase === "idle" || (phase === "listening" && !hearing && !pressed);
  }

  /** While something else sounds here, the microphone is off: the bot would take it for the caller. */
  makeDeaf(deaf: boolean) {
    this.deaf = deaf;
    if (!this.active) return;
    this.letHear();
    const { phase, hearing, pushToTalk } = this.store.state;
    const waits = !deaf && phase === "listening" && !hearing && !pushToTalk;
    this.quietSince = waits ? performance.now() : undefined;
  }

  private letHear() {
    const { pushToTalk, pressed } = this.store.state;
    this.microphone.enableMic(!this.deaf && (!pushToTalk || pressed || this.tail !== undefined));
  }

  private async ask({ t, d }: ClientMessage) {
    const attempt = this.attempt;
    try {
      await this.client?.sendClientRequest(t, d, ANSWER_MS);
    } catch (error) {
      const reason = (error as { data?: { error?: string } }).data?.error ?? (error as Error).message;
      if (attempt === this.attempt) this.note(problems.notDone(reason ?? "it gave no reason"));
    }
  }

  /** Ends the call, whatever state it is in, and says why unless the caller wanted it. */
  private end(problem?: Problem) {
    this.attempt++;
    clearInterval(this.watch);
    clearTimeout(this.tail);
    this.tail = undefined;
    this.holders.clear();
    this.quietSince = undefined;
    this.speaker.srcObject = null;
    this.levels.stop();
    this.microphone.close();
    // Dropping the callbacks' call first means that its own farewell is no news to us.
    void this.client?.disconnect().catch(() => {});
    this.client = this.transport = undefined;
    this.store.conversation.callEnded();
    this.store.set({
      phase: "idle", doing: "", hearing: false, held: false, pressed: false, interrupted: false, problem, roundTripMs: undefined,
      reachable: problem?.kind !== "server-gone",
    });
  }

  async choose(device: string) {
    try {
      await this.microphone.updateMic(device);
      if (this.microphone.source && this.active) this.levels.hear("you", this.microphone.source);
      this.clear("microphone-lost", "no-speech");
    } catch (error) {
      this.note({ ...problems.microphoneProblem(error), mild: true });
    }
  }

  private callbacks(current: () => boolean): RTVIEventCallbacks {
    const { store } = this;
    const { conversation } = store;
    const during = <A extends unknown[]>(act: (...values: A) => void) => (...values: A) => {
      if (current()) act(...values);
    };
    return {
      onTrackStarted: during((track, participant) => {
        if (!participant?.local && track.kind === "audio") this.play(track);
      }),
      onDisconnected: during(() => {
        // While connecting, `connect` knows the reason better.
        if (store.state.phase !== "connecting") this.end(problems.callLost());
      }),
      onBotDisconnected: during(() => this.end(problems.callEndedByServer())),
      onError: during((message) => {
        const data = message.data as { message?: string; error?: string; fatal?: boolean } | undefined;
        this.note(problems.stageFailed(data?.message ?? data?.error ?? "the server gave no reason"));
      }),
      onUserStartedSpeaking: during(() => {
        this.quietSince = undefined;
        this.clear("no-speech", "stage-failed", "not-done");
        store.set({ hearing: true });
        if (store.state.phase !== "speaking") store.set({ phase: "listening", doing: "hearing you" });
      }),
      onUserStoppedSpeaking: during(() => {
        store.set({ hearing: false });
        // What is said into an answer that goes on is no turn.
        if (store.state.phase !== "speaking") store.set({ phase: "thinking", doing: "understanding" });
      }),
      onUserTranscript: during(({ text, final }) => {
        conversation.userText(text, final);
        if (final && store.state.phase === "thinking") store.set({ doing: "looking it up" });
      }),
      onBotLlmStarted: during(() => {
        conversation.answerStarted();
        // An answer may be begun while the caller still has the floor.
        if (store.state.phase === "thinking") store.set({ doing: "writing the answer" });
      }),
      onBotLlmText: during(({ text }) => conversation.answerText(text)),
      onBotLlmStopped: during(() => {
        if (store.state.phase === "thinking") store.set({ doing: "finding its voice" });
      }),
      onLLMFunctionCallInProgress: during(({ tool_call_id, function_name = "a tool", arguments: args = {} }) => {
        conversation.toolStarted(tool_call_id, function_name, args);
        if (store.state.phase === "thinking") store.set({ doing: `asking ${spelled(function_name)}` });
      }),
      onLLMFunctionCallStopped: during((data) => {
        const { tool_call_id, function_name = "a tool", cancelled } = data;
        // What the protocol lacks stands beside its fields.
        const { outcome, seconds } = data as { outcome?: ToolOutcome; seconds?: number };
        conversation.toolEnded(tool_call_id, function_name, outcome ?? (cancelled ? "cancelled" : "done"), seconds);
      }),
      onBotStartedSpeaking: during(() => {
        conversation.botSounds(performance.now());
        this.quietSince = undefined;
        store.set({ phase: "speaking", doing: "" });
      }),
      onBotStoppedSpeaking: during(() => {
        this.stoppedAt = performance.now();
        this.listen();
      }),
      onBotOutput: during((output) => {
        if (output.aggregated_by === "word") conversation.wordHeard(output.text);
        else conversation.lineStarted(output.text);
      }),
      onServerMessage: during((message: ServerMessage) => this.serverMessage(message)),
    };
  }

  private serverMessage(message: ServerMessage) {
    const { conversation, state } = this.store;
    switch (message.type) {
      case "retrieved":
        conversation.retrieved(message.turn, message.passages);
        break;
      case "citations":
        conversation.cited(message.turn, message.payload);
        break;
      case "code_blocks":
        conversation.show(message.turn, message.payload.map((text, at) => ({ kind: "code", language: message.languages?.[at] ?? "", text })));
        break;
      case "links":
        conversation.show(message.turn, message.payload.map((url, at) => ({ kind: "link", text: message.texts?.[at] || url, url })));
        break;
      case "tables":
        conversation.show(message.turn, message.payload.map((table) => ({ kind: "table", ...table })));
        break;
      case "interrupted":
        conversation.interrupted(message.turn, message.heard);
        if (state.phase === "thinking") this.listen();
        break;
      case "end_of_turn": {
        const { turn, outcome, probability, waited_ms } = message;
        conversation.judged(turn, { outcome, probability, waitedMs: waited_ms });
        break;
      }
      case "turn_reopened":
        conversation.reopened(message.turn);
        this.store.set({ phase: "listening", doing: "hearing you", hearing: true });
        break;
      case "held":
        conversation.held(message.turn);
        this.store.set({ held: true });
        break;
      case "continued":
        conversation.continued(message.turn, message.why, message.text);
        this.store.set({ held: false, hearing: false });
        break;
      case "turn":
        conversation.turnEnded(message.report);
        void this.learnTraceAddress(message.report.trace_id);
        // A turn that came to no answer leaves the caller waiting otherwise.
        if (state.phase === "thinking" && message.report.end_reason !== "interrupted") this.listen();
    }
  }

  // The server knows the address of traces only after the first has reached MLflow.
  private async learnTraceAddress(trace: string | null) {
    if (!trace || this.store.state.status?.trace_url_template) return;
    const status = await fetchStatus().catch(() => undefined);
    if (status) this.store.set({ status });
  }

  private listen() {
    const { hearing, pushToTalk } = this.store.state;
    this.quietSince = hearing || pushToTalk || this.deaf ? undefined : performance.now();
    this.levels.forget();
    this.store.set({ phase: "listening", doing: hearing ? "hearing you" : "", held: false });
  }

  private play(track: MediaStreamTrack) {
    const stream = new MediaStream([track]);
    this.speaker.srcObject = stream;
    this.levels.hear("bot", stream);
    this.speaker.play().catch((error: unknown) => {
      if (!(error instanceof Error) || error.name !== "NotAllowedError") return;
      this.note(problems.soundHeldBack());
      addEventListener("pointerdown", () => {
        void this.speaker.play();
        this.clear("sound-blocked");
      }, { once: true });
    });
  }

  private async look(current: () => boolean) {
    if (!this.transport) return;
    const link = await linkOf(this.transport);
    if (!current()) return;
    if (link.state === "closed") return this.end(problems.callEndedByServer());
    const interrupted = link.state === "interrupted";
    if (interrupted && !this.store.state.interrupted) this.note(problems.reconnecting());
    if (!interrupted) this.clear("reconnecting");
    this.store.set({ interrupted, roundTripMs: link.roundTripMs });
    const quiet = this.quietSince !== undefined && performance.now() - this.quietSince > NO_SPEECH_MS;
    if (quiet && !this.store.state.problem) this.note(problems.noSpeech(this.levels.peak < SILENT));
  }

  private note(problem: Problem) {
    if (this.active) this.store.set({ problem });
  }

  private clear(...kinds: string[]) {
    if (kinds.includes(this.store.state.problem?.kind ?? "")) this.store.set({ problem: undefined });
  }
}
