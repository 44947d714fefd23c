// Plays a part of a turn, both sides at once, on the clock of one audio context.
import { ask } from "./access";
import type { TurnRecord } from "./timeline/record";

const FETCH_MS = 20_000;

export interface Playing {
  trace: string;
  /** Seconds from the turn's beginning. */
  from: number;
  to: number;
}

interface Sound {
  trace: string;
  sides: AudioBuffer[];
}

export class Player {
  /** What sounds, or is about to. */
  playing: Playing | undefined;
  /** Why the last part could not be played, in words. */
  problem = "";
  /** Called when one of the two changes. */
  onChange: () => void = () => {};
  /** Asked before anything sounds; false keeps it silent. */
  mayPlay: () => boolean = () => true;

  private context: AudioContext | undefined;
  private sound: Sound | undefined;
  private sources: AudioBufferSourceNode[] = [];
  private end: ReturnType<typeof setTimeout> | undefined;
  // The context's time at which the turn's zero would have sounded.
  private zero: number | undefined;

  /** Seconds from the turn's beginning, while something sounds. */
  get position(): number | undefined {
    if (!this.playing || !this.context || this.zero === undefined) return undefined;
    // What is handed to the context now is heard a little later.
    const late = this.context.outputLatency || 0;
    return Math.min(this.playing.to, Math.max(this.playing.from, this.context.currentTime - late - this.zero));
  }

  /** Plays from one moment to another, the end of the turn by default; what was played before stops. */
  async play(record: TurnRecord, from: number, to = record.seconds) {
    this.stop();
    if (!this.mayPlay()) return;
    const playing = (this.playing = { trace: record.trace_id, from: Math.max(0, from), to: Math.max(from + 0.02, to) });
    this.problem = "";
    this.onChange();
    try {
      const context = (this.context ??= new AudioContext());
      await context.resume();
      const sides = await this.load(context, record);
      if (this.playing !== playing) return;
      this.begin(context, sides, playing);
    } catch (error) {
      if (this.playing !== playing) return;
      this.problem = `This cannot be played: ${error instanceof Error ? error.message : String(error)}.`;
      this.stop();
    }
  }

  stop() {
    if (!this.playing) return;
    clearTimeout(this.end);
    for (const source of this.sources.splice(0)) {
      source.stop();
      source.disconnect();
    }
    this.playing = this.zero = undefined;
    void this.context?.suspend();
    this.onChange();
  }

  private begin(context: AudioContext, sides: AudioBuffer[], playing: Playing) {
    const at = context.currentTime + 0.03;
    this.zero = at - playing.from;
    for (const buffer of sides) {
      if (buffer.duration <= playing.from) continue;
      const source = new AudioBufferSourceNode(context, { buffer });
      source.connect(context.destination);
      source.start(at, playing.from, playing.to - playing.from);
      this.sources.push(source);
    }
    const watch = () => {
      // Timers run on another clock than sound does, so the sound's own is asked.
      const left = this.zero! + playing.to - context.currentTime;
      if (left <= 0.005) this.stop();
      else this.end = setTimeout(watch, Math.min(200, Math.max(10, left * 1000)));
    };
    watch();
    this.onChange();
  }

  // Only the last turn's sound is kept: a minute of it takes 20 MB.
  private async load(context: AudioContext, record: TurnRecord): Promise<AudioBuffer[]> {
    if (this.sound?.trace === record.trace_id) return this.sound.sides;
    const addresses = record.sides.flatMap(({ audio }) => audio ?? []);
    const sides = await Promise.all(addresses.map(async (address) => {
      const response = await ask(address, { signal: AbortSignal.timeout(FETCH_MS) });
      if (response.status === 404) throw new Error("the server keeps its sound no more");
      if (!response.ok) throw new Error(`the server answered ${response.status}`);
      return context.decodeAudioData(await response.arrayBuffer());
    }));
    this.sound = { trace: record.trace_id, sides };
    return sides;
  }
}
