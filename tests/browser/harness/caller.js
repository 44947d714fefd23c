// Runs inside the page, before it: a caller who speaks when a test says so, and who notes what happens. The microphone
// is sound of the test's own instead of a device; both sides are recorded on one clock, and every message of the
// server is kept with its time. The page itself knows nothing of it.
export function installCaller() {
  const RATE = 16_000;
  const BLOCK = 1024;
  const context = new AudioContext({ sampleRate: RATE });
  const voice = new GainNode(context);
  const both = new ChannelMergerNode(context, { numberOfInputs: 2 });
  // A worklet would need a script of its own, which the page's policy rightly forbids.
  const tap = context.createScriptProcessor(BLOCK, 2, 1);
  const parts = [];
  const messages = [];
  voice.connect(both, 0, 0);
  both.connect(tap).connect(context.destination);
  tap.onaudioprocess = ({ inputBuffer }) => {
    const [caller, bot] = [0, 1].map((side) => inputBuffer.getChannelData(side).slice());
    parts.push([caller, bot]);
    window.caller.hearsBot = bot.some((sample) => Math.abs(sample) > 0.05);
  };

  navigator.mediaDevices.getUserMedia = async () => {
    await context.resume();
    const microphone = context.createMediaStreamDestination();
    voice.connect(microphone);
    return microphone.stream;
  };

  /** Speaks: 16-bit samples at 16 kHz, base64. Resolves when the last one has left. */
  async function speak(base64) {
    const bytes = Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));
    const samples = Float32Array.from(new Int16Array(bytes.buffer), (sample) => sample / 32768);
    const buffer = context.createBuffer(1, samples.length, RATE);
    buffer.copyToChannel(samples, 0);
    const source = new AudioBufferSourceNode(context, { buffer });
    source.connect(voice);
    source.start();
    await new Promise((ended) => { source.onended = ended; });
  }

  /** Both sides since the last time: 16-bit samples, base64. */
  function take() {
    const taken = parts.splice(0);
    return [0, 1].map((side) => {
      const samples = new Int16Array(taken.length * BLOCK);
      taken.forEach((part, at) => samples.set(part[side].map((sample) => Math.round(Math.max(-1, Math.min(1, sample)) * 32767)), at * BLOCK));
      let text = "";
      for (const byte of new Uint8Array(samples.buffer)) text += String.fromCharCode(byte);
      return btoa(text);
    });
  }

  window.caller = { speak, take, messages, hearsBot: false };

  function note({ data }) {
    if (typeof data !== "string" || !data.startsWith("{")) return;
    const message = JSON.parse(data);
    if (message.label === "rtvi-ai") messages.push({ at: performance.now(), type: message.type, data: message.data ?? {} });
  }
  window.RTCPeerConnection = class extends RTCPeerConnection {
    constructor(...options) {
      super(...options);
      this.addEventListener("datachannel", ({ channel }) => channel.addEventListener("message", note));
      this.addEventListener("track", ({ track }) => {
        if (track.kind === "audio") context.createMediaStreamSource(new MediaStream([track])).connect(both, 0, 1);
      });
    }

    createDataChannel(...options) {
      const channel = super.createDataChannel(...options);
      channel.addEventListener("message", note);
      return channel;
    }
  };
}

/** Samples for `speak`. */
export function packed(samples) {
  return Buffer.from(Int16Array.from(samples, (sample) => Math.round(sample * 32767)).buffer).toString("base64");
}

/** What both sides said so far, on one clock. */
export async function takeBoth(page) {
  const [caller, bot] = (await page.evaluate(() => window.caller.take())).map((text) => {
    const bytes = Buffer.from(text, "base64");
    return Float32Array.from({ length: bytes.length / 2 }, (_, at) => bytes.readInt16LE(at * 2) / 32767);
  });
  return { caller, bot, rate: 16_000 };
}
