// Loudness of both sides: for the meter now, and kept for the waveforms of the inspector.

const STEP_MS = 50;
const KEEP = 6000; // Five minutes.

export interface Sample {
  at: number;
  you: number;
  bot: number;
}

/** Listens to up to two streams. Levels are 0 to 1 over 60 dB. */
export class Levels {
  readonly samples: Sample[] = [];
  /** Loudest level of the microphone since `forget`. */
  peak = 0;
  private context: AudioContext | undefined;
  private timer: ReturnType<typeof setInterval> | undefined;
  private readonly ears: { you?: Ear; bot?: Ear } = {};

  hear(side: "you" | "bot", stream: MediaStream) {
    this.context ??= new AudioContext();
    void this.context.resume();
    this.ears[side]?.source.disconnect();
    this.ears[side] = new Ear(this.context, stream);
    this.timer ??= setInterval(() => this.sample(), STEP_MS);
  }

  /** The level of the last step. */
  get now(): Sample {
    return this.samples.at(-1) ?? { at: 0, you: 0, bot: 0 };
  }

  forget() {
    this.peak = 0;
  }

  stop() {
    clearInterval(this.timer);
    this.timer = undefined;
    void this.context?.close();
    this.context = undefined;
    delete this.ears.you;
    delete this.ears.bot;
    this.samples.push({ at: performance.now(), you: 0, bot: 0 });
  }

  /** `count` equal steps between two moments, the loudest of each, milliseconds of `performance.now()`. */
  between(from: number, to: number, count: number, side: "you" | "bot"): number[] {
    const steps = new Array<number>(count).fill(0);
    for (const sample of this.samples) {
      const step = Math.floor(((sample.at - from) / (to - from)) * count);
      if (step >= 0 && step < count) steps[step] = Math.max(steps[step]!, sample[side]);
    }
    return steps;
  }

  private sample() {
    const you = this.ears.you?.level() ?? 0;
    this.samples.push({ at: performance.now(), you, bot: this.ears.bot?.level() ?? 0 });
    this.peak = Math.max(this.peak, you);
    if (this.samples.length > KEEP) this.samples.splice(0, KEEP / 4);
  }
}

class Ear {
  readonly source: MediaStreamAudioSourceNode;
  private readonly analyser: AnalyserNode;
  private readonly wave: Float32Array<ArrayBuffer>;

  constructor(context: AudioContext, stream: MediaStream) {
    this.source = context.createMediaStreamSource(stream);
    this.analyser = context.createAnalyser();
    this.analyser.fftSize = 2048;
    this.wave = new Float32Array(this.analyser.fftSize);
    this.source.connect(this.analyser);
  }

  level(): number {
    this.analyser.getFloatTimeDomainData(this.wave);
    const mean = this.wave.reduce((sum, x) => sum + x * x, 0) / this.wave.length;
    return Math.min(1, Math.max(0, 1 + (10 * Math.log10(mean + 1e-12)) / 60));
  }
}
