// WAV files in and out: 16-bit PCM, as much as the tests need.

/** Reads mono or multi-channel 16-bit PCM. */
export function readWav(bytes) {
  if (bytes.toString("latin1", 0, 4) !== "RIFF") throw new Error("not a WAV file");
  let at = 12;
  let format;
  while (at + 8 <= bytes.length) {
    const name = bytes.toString("latin1", at, at + 4);
    const size = bytes.readUInt32LE(at + 4);
    if (name === "fmt ") format = { kind: bytes.readUInt16LE(at + 8), channels: bytes.readUInt16LE(at + 10), rate: bytes.readUInt32LE(at + 12), bits: bytes.readUInt16LE(at + 22) };
    if (name === "data") {
      if (!format) throw new Error("the WAV file has no format before its data");
      const body = bytes.subarray(at + 8, Math.min(bytes.length, at + 8 + size));
      return { ...format, samples: mono(body, format) };
    }
    at += 8 + size + (size % 2);
  }
  throw new Error("the WAV file has no data");
}

function mono(body, { kind, bits, channels }) {
  const float = kind === 3 || (kind === 0xfffe && bits === 32);
  if (!float && bits !== 16) throw new Error(`expected 16-bit or float samples, found ${bits} bits`);
  const width = (bits / 8) * channels;
  return Float32Array.from({ length: Math.floor(body.length / width) }, (_, frame) =>
    float ? body.readFloatLE(frame * width) : body.readInt16LE(frame * width) / 32768);
}

/** Mono 16-bit PCM. */
export function writeWav(samples, rate) {
  const bytes = Buffer.alloc(44 + samples.length * 2);
  bytes.write("RIFF", 0, "latin1");
  bytes.writeUInt32LE(36 + samples.length * 2, 4);
  bytes.write("WAVEfmt ", 8, "latin1");
  bytes.writeUInt32LE(16, 16);
  bytes.writeUInt16LE(1, 20);
  bytes.writeUInt16LE(1, 22);
  bytes.writeUInt32LE(rate, 24);
  bytes.writeUInt32LE(rate * 2, 28);
  bytes.writeUInt16LE(2, 32);
  bytes.writeUInt16LE(16, 34);
  bytes.write("data", 36, "latin1");
  bytes.writeUInt32LE(samples.length * 2, 40);
  samples.forEach((sample, at) => bytes.writeInt16LE(Math.round(Math.max(-1, Math.min(1, sample)) * 32767), 44 + at * 2));
  return bytes;
}

/** `seconds` of silence before and after: the caller waits for the connection before speaking. */
export function padded({ samples, rate }, before, after) {
  const all = new Float32Array(Math.round(before * rate) + samples.length + Math.round(after * rate));
  all.set(samples, Math.round(before * rate));
  return writeWav(all, rate);
}
