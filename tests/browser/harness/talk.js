// A call whose other end says what a test says: opening the page, one whole turn, and its report.
import { openPage, until } from "./browser.js";
import { installFarEnd } from "./far-end.js";

const PASSAGE = {
  text: "The water pump has a two year warranty from the date of purchase. Keep the receipt.",
  source: "config/knowledge/manual.md", heading: "Manual > Warranty", chunk: 3, score: 0.81,
};
export const ANSWER = "It has a two year warranty. Keep the receipt.";
export const QUESTION = "What is the warranty period for the water pump?";

export function report(part = {}) {
  return {
    turn: 1, end_reason: "completed", question: QUESTION, generated: ANSWER, spoken: ANSWER, heard: ANSWER,
    passages: [PASSAGE], speech_seconds: 2.9, end_of_turn_seconds: 0.28, end_of_turn_probability: 0.97,
    stt_seconds: 0.21, retrieval_seconds: 0.014, llm_first_token_seconds: 0.18, llm_seconds: 0.64,
    llm_inter_token_seconds: 0.031, first_line_seconds: 0.12, tts_first_audio_seconds: 0.24,
    voice_to_voice_seconds: 1.07, heard_seconds: 3.4, usage: { prompt_tokens: 212, completion_tokens: 14, cached_tokens: 180 },
    tokens_per_second: 31.2, early: false, early_dropped: 0, wasted_seconds: 0, overlaps: 0, late_frames: 0, trace_id: "0af7651916cd43dd8448eb211c80319c", ...part,
  };
}

export async function openTalk(browser, url, options) {
  const opened = await openPage(browser, options);
  await opened.page.addInitScript(installFarEnd);
  await opened.page.goto(url);
  const send = (type, data) => opened.page.evaluate(([type, data]) => window.farEnd.send(type, data), [type, data]);
  return { ...opened, send, text: (id) => opened.page.textContent(`[data-testid=${id}]`) };
}

export async function startTalk(browser, url, options) {
  const opened = await openTalk(browser, url, options);
  await opened.page.click("[data-testid=talk]");
  await until(opened.page, "the call", () => window.voce.state === "listening");
  return opened;
}

// One whole turn as the server tells it, in the server's own order.
export async function turn({ page, send }, { question = QUESTION, answer = ANSWER, number = 1, cutAfter } = {}) {
  await send("user-started-speaking");
  await send("user-transcription", { text: question.slice(0, 12), final: false, timestamp: "", user_id: "user" });
  await send("user-stopped-speaking");
  await send("user-transcription", { text: question, final: true, timestamp: "", user_id: "user" });
  await send("server-message", { type: "retrieved", turn: number, passages: [PASSAGE] });
  await send("bot-llm-started");
  for (const piece of answer.match(/.{1,9}/g)) await send("bot-llm-text", { text: piece });
  await send("bot-llm-stopped");
  await send("bot-tts-started");
  await send("bot-started-speaking");
  await page.evaluate(() => { window.farEnd.loud.gain.value = 0.8; });
  await send("bot-output", { text: answer, spoken: false, aggregated_by: "sentence" });
  const words = answer.split(" ").slice(0, cutAfter);
  for (const word of words) {
    await send("bot-tts-text", { text: word });
    await send("bot-output", { text: word, spoken: true, aggregated_by: "word" });
  }
  return words.join(" ");
}

export async function endOfTurn({ page, send }, part) {
  await send("server-message", { type: "citations", turn: part?.turn ?? 1, payload: part?.passages ?? [PASSAGE] });
  await page.evaluate(() => { window.farEnd.loud.gain.value = 0; });
  await send("bot-tts-stopped");
  await send("bot-stopped-speaking");
  await send("server-message", { type: "turn", report: report(part) });
}
