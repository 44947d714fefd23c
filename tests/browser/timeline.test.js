// The timeline of a real turn: after a spoken question is answered, the page shows what the server kept of it, and plays
// a word. Real server, real models, real WebRTC. Environment as in call.test.js.
import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";

import { launch, openPage, screenshot, until } from "./harness/browser.js";
import { installPlayed } from "./harness/played.js";
import { startServer, voce } from "./harness/server.js";
import { padded, readWav } from "./harness/wav.js";

const QUESTION = "What is the warranty period for the water pump?";
const BEFORE_QUESTION_SECONDS = 5;
const TURN_MS = 120_000;
// A word may begin or end in a quiet sound; seconds.
const SLACK = 0.1;
const STAGES = ["listen", "end_of_turn", "stt", "rag", "llm", "tts", "playout"];

const directory = mkdtempSync(join(tmpdir(), "voce-timeline-"));
let server;
let browser;

before(async () => {
  server = await startServer();
  const question = process.env.VOCE_QUESTION_WAV || join(directory, "question.wav");
  if (!process.env.VOCE_QUESTION_WAV) await voce("say", QUESTION, "--out", question);
  const microphone = join(directory, "microphone.wav");
  writeFileSync(microphone, padded(readWav(readFileSync(question)), BEFORE_QUESTION_SECONDS, 1));
  browser = await launch(microphone);
});
after(async () => {
  await browser?.close();
  await server?.stop();
  rmSync(directory, { recursive: true, force: true });
});

test("a real turn shows both voices, the words, the decisions and the stages, and plays a word of the answer", async (t) => {
  const { page, outside, errors, context } = await openPage(browser, { viewport: { width: 1280, height: 1000 } });
  await page.addInitScript(installPlayed);
  await page.goto(server.url);
  await page.click("[data-testid=talk]");
  await until(page, "the end of the turn", () => window.voce.turns.length === 1, TURN_MS);
  await until(page, "the timeline", () => !document.getElementById("timeline").hidden, 15_000);
  const [turn] = await page.evaluate(() => window.voce.turns);
  const kept = await (await fetch(`${server.url}api/turns/${turn.trace_id}`)).json();
  await screenshot(page, "timeline-real");

  await t.test("drawn as it was", async () => {
    for (const side of ["caller", "bot"]) {
      const peaks = kept.sides.find((each) => each.side === side).peaks;
      assert.ok(Math.max(...peaks) > 20, `the ${side}'s sound is flat: at most ${Math.max(...peaks)} of 255`);
      const path = await page.getAttribute(`svg[data-side=${side}] path`, "d");
      assert.ok(new Set(path.match(/,[\d.]+/g)).size > 10, `the ${side}'s wave is drawn flat`);
    }
    const said = (side) => page.$$eval(`.said.${side} .word`, (all) => all.map((one) => one.textContent).join(" "));
    // The recogniser may mishear a word; the timeline may not show another one than it heard.
    assert.equal(await said("caller"), turn.question);
    assert.match(turn.question, /warranty/i);
    assert.match(await said("bot"), /\b(two|2)[ -]years?\b/i);
    const stages = await page.$$eval(".line.row", (all) => all.map((one) => one.dataset.span));
    for (const stage of STAGES) assert.ok(stages.some((each) => each === stage || each.endsWith(`/${stage}`)), `${stage} is missing among ${stages}`);
    const outcomes = await page.$$eval(".pause", (all) => all.map((one) => one.dataset.outcome));
    assert.ok(outcomes.length > 0 && outcomes.at(-1) !== "resumed", `the pauses are ${outcomes}`);
    assert.equal(await page.textContent("[data-testid=first-sound]"), `${turn.voice_to_voice_seconds.toFixed(2)} s`);
  });

  await t.test("where the sound is", async () => {
    // The words are where the voice is loud, and the caller's voice ends where the server says so.
    const bot = kept.sides.find(({ side }) => side === "bot");
    const loudest = (from, to) => Math.max(0, ...bot.peaks.slice(Math.max(0, Math.floor(from * bot.peaks_per_second)), Math.ceil(to * bot.peaks_per_second)));
    const words = kept.words.filter(({ side }) => side === "bot");
    const silent = words.filter(({ start_seconds, end_seconds }) => loudest(start_seconds - SLACK, end_seconds + SLACK) < 10);
    assert.ok(silent.length <= words.length / 10, `silent words: ${JSON.stringify(silent)}`);
    assert.ok(loudest(0, kept.end_of_speech_seconds) < 10, "the bot speaks before the caller has ended");
  });

  await t.test("and heard again", async () => {
    const word = kept.words.filter(({ side, text }) => side === "bot" && text.length > 3).at(0);
    await until(page, "a quiet moment", () => window.voce.state === "listening" && document.getElementById("play").getAttribute("aria-disabled") === "false");
    await page.locator(".said.bot .word", { hasText: word.text }).first().click();
    await until(page, "sound", () => window.played.length === 2 && document.getElementById("timeline").dataset.playing);
    await until(page, "its end", () => !document.getElementById("timeline").dataset.playing && window.played.every(({ ended }) => ended !== undefined));
    const pieces = await page.evaluate(() => window.played);
    for (const piece of pieces) {
      assert.ok(Math.abs(piece.from - word.start_seconds) < 1e-6, `began at ${piece.from}, the word at ${word.start_seconds}`);
      assert.ok(Math.abs(piece.seconds - (word.end_seconds - word.start_seconds)) < 1e-6, `lasts ${piece.seconds}`);
      assert.ok(piece.ended - piece.began < piece.seconds + 0.4, `sounded for ${piece.ended - piece.began} s`);
    }
    assert.ok(Math.max(...pieces.map(({ loudest }) => loudest)) > 0.05, "the word is silent");
    t.diagnostic(`played “${word.text}”, ${word.start_seconds} to ${word.end_seconds} s`);
  });

  assert.deepEqual(outside, [], "the page asked others than its server");
  assert.deepEqual(errors, [], "the page complained");
  await context.close();
});
