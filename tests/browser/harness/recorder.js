// Runs inside the page, before it: keeps the sound of every remote track, as a caller would hear it, 16 kHz mono.
// The page itself knows nothing of it.
export function installRecorder() {
  const RATE = 16_000;
  const parts = [];
  window.recorder = { take: () => parts.splice(0), loudSince: undefined };
  window.RTCPeerConnection = class extends RTCPeerConnection {
    constructor(...options) {
      super(...options);
      this.addEventListener("track", ({ track }) => track.kind === "audio" && record(track));
    }
  };

  function record(track) {
    const context = new AudioContext({ sampleRate: RATE });
    void context.resume();
    const source = context.createMediaStreamSource(new MediaStream([track]));
    // A worklet would need a script of its own, which the page's policy rightly forbids.
    const tap = context.createScriptProcessor(4096, 1, 1);
    tap.onaudioprocess = ({ inputBuffer }) => {
      const samples = inputBuffer.getChannelData(0);
      parts.push(Array.from(samples, (sample) => Math.round(Math.max(-1, Math.min(1, sample)) * 32767)));
    };
    source.connect(tap).connect(context.destination);
    window.recorder.context = context;
  }
}

/** What was recorded so far, samples in -1 to 1. */
export async function takeRecording(page) {
  const parts = await page.evaluate(() => window.recorder.take());
  return { rate: 16_000, samples: Float32Array.from(parts.flat(), (sample) => sample / 32767) };
}
