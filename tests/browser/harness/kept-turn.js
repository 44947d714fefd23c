// A server's memory of one turn, made up: its record with sound of both sides, answered at /api/turns by the browser's
// own routing. `kept` is what a test may change between requests.
import { writeWav } from "./wav.js";

export const TRACE = "0af7651916cd43dd8448eb211c80319c";
const SECONDS = 7.4;
const PEAKS_PER_SECOND = 50;

const CALLER = "What is the warranty period for the water pump?";
// Text, start, end.
const BOT = [
  ["It", 3.45, 3.55], ["has", 3.55, 3.8], ["a", 3.8, 3.86], ["two", 3.9, 4.2], ["year", 4.2, 4.5], ["warranty.", 4.5, 5.2],
  ["Keep", 5.6, 5.9], ["the", 5.9, 6.0], ["receipt.", 6.0, 6.7],
];

export function record(part = {}) {
  const stage = (id, name, start_seconds, end_seconds, facts = {}, more = {}) =>
    ({ id, parent: null, name, start_seconds, end_seconds, failed: null, facts, ...more });
  const tts = { "gen_ai.request.model": "kokoro-82m-int8", "voce.audio_seconds": 1.8, "voce.tts.voice": "af_heart" };
  return {
    trace_id: TRACE, call: "c1", turn: 1, content: "full", started_at: new Date().toISOString(), seconds: SECONDS,
    end_of_speech_seconds: 2.31, voice_to_voice_seconds: 1.07,
    sides: [side("caller", caller), side("bot", bot)],
    words: [
      { side: "caller", text: CALLER, start_seconds: 0.2, end_seconds: 2.31 },
      ...BOT.map(([text, start_seconds, end_seconds]) => ({ side: "bot", text, start_seconds, end_seconds })),
    ],
    stages: [
      stage("1", "listen", 0.1, 2.31, { "voce.speech_seconds": 2.21 }),
      stage("2", "end_of_turn", 2.31, 2.59, { "voce.end_of_turn.probability": 0.97 }),
      stage("3", "stt", 2.59, 2.8, { "gen_ai.request.model": "moonshine-base-en", "voce.audio_seconds": 2.21, "mlflow.spanOutputs": CALLER }),
      stage("4", "rag", 2.8, 2.83, { "voce.rag.documents": 3, "voce.rag.best_score": 0.8123 }),
      stage("5", "rag.embed", 2.8, 2.82, {}, { parent: "4" }),
      stage("6", "rag.search", 2.82, 2.83, {}, { parent: "4" }),
      stage("7", "llm", 2.83, 3.47, { "gen_ai.request.model": "smollm2-135m-instruct", "gen_ai.usage.input_tokens": 212 }),
      stage("8", "llm.first_token", 2.83, 3.01, {}, { parent: "7" }),
      stage("9", "tts", 3.1, 3.34, tts),
      stage("10", "tts", 3.5, 3.9, tts, { failed: "the voice ran out of memory" }),
      stage("11", "playout", 3.38, SECONDS, {}),
    ],
    decisions: [
      { at_seconds: 1.2, outcome: "resumed", probability: 0.21, waited_ms: 400, needed_ms: 800 },
      { at_seconds: 2.59, outcome: "committed", probability: 0.97, waited_ms: 280, needed_ms: 280 },
    ],
    scores: [], trace_url: `http://127.0.0.1:5000/#/traces/tr-${TRACE}`, ...part,
  };
}

/** What remains where content is not kept. */
export function withoutContent() {
  const sides = ["caller", "bot"].map((side) => ({ side, seconds: 0, peaks: [], peaks_per_second: PEAKS_PER_SECOND, audio: null }));
  return record({ content: "none", words: [], sides });
}

/** Answers for the page's server: 404 as long as `kept.record` is missing. What is said of the turn stands in `kept.said`, and
 *  `kept.fate` says what becomes of it. */
export async function serveKept(context, kept) {
  kept.asked = { record: 0, scores: 0, sound: 0 };
  kept.said = [];
  await context.route(/\/api\/turns\//, (route) => {
    const path = new URL(route.request().url()).pathname;
    const json = (body, status = 200) => route.fulfill({ status, contentType: "application/json", body: JSON.stringify(body) });
    if (path.endsWith("/feedback")) {
      if (route.request().method() === "POST") kept.said.push(route.request().postDataJSON());
      return json({ state: "waiting", ...kept.fate });
    }
    const what = path.endsWith(".wav") ? "sound" : path.endsWith("/scores") ? "scores" : "record";
    kept.asked[what] += 1;
    if (!kept.record || !path.includes(TRACE)) return json({ error: "no turn of this trace is kept" }, 404);
    if (what === "scores") return json({ scores: kept.scores ?? [] });
    if (what === "record") return json(kept.record);
    const [samples, rate] = path.includes("caller") ? [caller, 16_000] : [bot, 24_000];
    const all = Float32Array.from({ length: SECONDS * rate }, (_, at) => samples(at / rate));
    return route.fulfill({ status: 200, contentType: "audio/wav", body: writeWav(all, rate) });
  });
}

function caller(at) {
  const speaks = at > 0.2 && at < 2.31 && !(at > 0.8 && at < 1.3);
  return speaks ? 0.3 * (0.4 + 0.6 * Math.abs(Math.sin(at * 9))) * Math.sin(at * 1100) : 0;
}

function bot(at) {
  const speaks = BOT.some(([, from, to]) => at >= from && at < to);
  return speaks ? 0.5 * (0.5 + 0.5 * Math.abs(Math.sin(at * 13))) * Math.sin(at * 1500) : 0;
}

function side(name, samples) {
  const peaks = Array.from({ length: SECONDS * PEAKS_PER_SECOND }, (_, at) =>
    Math.round(255 * Math.max(...Array.from({ length: 20 }, (_, part) => Math.abs(samples((at + part / 20) / PEAKS_PER_SECOND))))));
  return { side: name, seconds: SECONDS, peaks, peaks_per_second: PEAKS_PER_SECOND, audio: `/api/turns/${TRACE}/${name}.wav` };
}
