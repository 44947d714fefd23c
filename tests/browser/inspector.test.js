// The timeline of a turn against a server's memory that is made up: what is drawn, what plays, what is said where
// something is missing. No models.
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";

import { launch, screenshot, until } from "./harness/browser.js";
import { record, serveKept, withoutContent } from "./harness/kept-turn.js";
import { installPlayed } from "./harness/played.js";
import { servePage } from "./harness/static.js";
import { endOfTurn, startTalk, turn } from "./harness/talk.js";
import { writeWav } from "./harness/wav.js";

const JUDGED = [
  { name: "faithfulness", value: 5, rationale: "Every claim stands in the manual.", source: "LLM_JUDGE" },
  { name: "relevancy", value: 2, rationale: "It also tells of the receipt.", source: "LLM_JUDGE" },
];

let server;
let browser;
const directory = mkdtempSync(join(tmpdir(), "voce-inspector-"));

before(async () => {
  server = await servePage();
  const silence = join(directory, "silence.wav");
  writeFileSync(silence, writeWav(new Float32Array(16_000), 16_000));
  browser = await launch(silence);
});
after(async () => {
  await browser?.close();
  server?.close();
  rmSync(directory, { recursive: true, force: true });
});

// A call in which one turn is over, of which the server keeps what is given.
async function shown(kept, options) {
  const opened = await startTalk({
    newContext: async (wanted) => {
      const context = await browser.newContext(wanted);
      await context.addInitScript(installPlayed);
      await context.addInitScript(() => {
        const open = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
        navigator.mediaDevices.getUserMedia = async (asked) => (window.microphone = await open(asked));
      });
      return context;
    },
  }, server.url, options);
  await serveKept(opened.context, kept);
  await turn(opened);
  await endOfTurn(opened);
  await until(opened.page, "the figures", () => window.voce.turns.length === 1);
  return opened;
}

const drawn = (page) => until(page, "the timeline", () => !document.getElementById("timeline").hidden && document.querySelector(".line.row"));
const pieces = (page) => page.evaluate(() => window.played);
const silent = (page) => until(page, "the end of the sound", () => !document.getElementById("timeline").dataset.playing && window.played.every(({ ended }) => ended !== undefined));
const near = (a, b, by, what) => assert.ok(Math.abs(a - b) <= by, `${what}: ${a} is not ${b} within ${by}`);

test("a turn is drawn to scale: both waves, words, pauses and stages on one axis", async () => {
  const opened = await shown({ record: record() });
  const { page, outside, errors, context } = opened;
  await drawn(page);
  assert.equal(await page.isVisible("#guessed"), false);
  const box = async (selector) => page.$eval(selector, (one) => { const { left, right, width } = one.getBoundingClientRect(); return { left, right, width }; });
  const axis = await box("[data-testid=position]");
  const at = (seconds) => axis.left + (seconds / 7.4) * axis.width;
  for (const side of ["caller", "bot"]) {
    const path = await page.getAttribute(`svg[data-side=${side}] path`, "d");
    assert.ok(new Set(path.match(/,[\d.]+/g)).size > 10, `the ${side}'s wave is flat`);
  }
  const llm = await box("[data-span=llm] .stage");
  near(llm.left, at(2.83), 1.5, "the bar's beginning");
  near(llm.width, (0.64 / 7.4) * axis.width, 1.5, "the bar's length");
  assert.deepEqual(await page.$$eval(".line.row", (all) => all.map((one) => one.dataset.span)),
    ["listen", "end_of_turn", "stt", "rag", "rag/rag.embed", "rag/rag.search", "llm", "llm/llm.first_token", "tts", "playout"]);
  assert.equal(await page.$$eval("[data-span=tts] .stage", (all) => all.length), 2);
  const two = page.locator(".word", { hasText: "two" });
  near((await two.boundingBox()).x, at(3.9), 1.5, "the word's place");
  assert.deepEqual(await page.$$eval(".pause", (all) => all.map((one) => [one.dataset.outcome, one.textContent])), [["resumed", "0.21"], ["committed", "0.97"]]);
  await screenshot(page, "timeline-whole");
  await page.hover("[data-span=stt] .stage");
  const facts = await opened.text("timeline-facts");
  assert.match(facts, /speech to text 210 ms, from 0\.28 s after the end of your words.*modelmoonshine-base-en/s);
  assert.doesNotMatch(facts, /warranty/);
  await page.hover("[data-span=tts] .stage.failed");
  assert.match(await opened.text("timeline-facts"), /It failed: the voice ran out of memory/);
  await page.hover(".pause[data-outcome=resumed]");
  assert.match(await opened.text("timeline-facts"), /you went on.*0\.21.*waited400 ms.*needed800 ms/s);
  await page.click("#scale-answer");
  await until(page, "the closer look", () => !document.querySelector("[data-span=listen] .stage:not(.from-before)"));
  await screenshot(page, "timeline-closer");
  assert.equal(await page.locator(".word", { hasText: "receipt" }).count(), 0);
  assert.deepEqual([outside, errors], [[], []]);
  await context.close();
});

test("a word plays its own moment and nothing else, with the microphone off meanwhile", async () => {
  const { page, errors, context } = await shown({ record: record() });
  await drawn(page);
  assert.equal(await page.evaluate(() => window.microphone.getAudioTracks()[0].enabled), true);
  await page.locator(".word", { hasText: "warranty." }).click();
  await until(page, "sound", () => document.getElementById("timeline").dataset.playing === "4.50-5.20" && window.played.length === 2);
  assert.equal(await page.evaluate(() => window.microphone.getAudioTracks()[0].enabled), false);
  await screenshot(page, "timeline-playing");
  await silent(page);
  const [caller, bot] = await pieces(page);
  for (const piece of [caller, bot]) {
    near(piece.from, 4.5, 1e-6, "the beginning");
    near(piece.seconds, 0.7, 1e-6, "the length");
    near(piece.ended - piece.began, 0.73, 0.25, "the time that it sounded");
  }
  assert.ok(bot.loudest > 0.2 && caller.loudest < 0.01, `heard: caller ${caller.loudest}, bot ${bot.loudest}`);
  await until(page, "the microphone", () => window.microphone.getAudioTracks()[0].enabled);
  assert.deepEqual(errors, []);
  await context.close();
});

test("a wave plays from where it was pressed, escape stops it and does not hang up, and speaking stops it too", async () => {
  const opened = await shown({ record: record() });
  const { page, context } = opened;
  await drawn(page);
  const wave = await page.locator("[data-testid=position]").boundingBox();
  await page.mouse.click(wave.x + wave.width / 2, wave.y + 20);
  await until(page, "sound", () => window.played.length === 2);
  const [first] = await pieces(page);
  near(first.from, 3.7, 0.05, "the place");
  near(first.from + first.seconds, 7.4, 0.01, "the end");
  await until(page, "the playhead", () => !document.querySelector(".playhead").hidden);
  await page.keyboard.press("Escape");
  await silent(page);
  assert.equal(await page.evaluate(() => window.voce.state), "listening");

  await page.click("[data-testid=play]");
  await until(page, "sound", () => window.played.length === 4);
  assert.equal((await pieces(page))[2].from, 0);
  await opened.send("user-started-speaking");
  await silent(page);
  assert.equal(await page.getAttribute("[data-testid=play]", "aria-disabled"), "true");
  await page.click("[data-testid=play]", { force: true });
  await page.waitForTimeout(300);
  assert.equal((await pieces(page)).length, 4);
  await context.close();
});

test("the keyboard walks through the timeline and plays", async () => {
  const { page, context } = await shown({ record: record() });
  await drawn(page);
  assert.equal(await page.$$eval(".item[tabindex='0']", (all) => all.length), 1);
  await page.locator("[data-span=llm] .stage").focus();
  await page.keyboard.press("ArrowUp");
  assert.equal(await page.evaluate(() => document.activeElement.closest(".line").dataset.span), "rag/rag.search");
  await page.locator("[data-span=tts] .stage").first().focus();
  await page.keyboard.press("ArrowRight");
  assert.match(await page.evaluate(() => document.activeElement.getAttribute("aria-label")), /voice, 400 ms, 1\.19 s after.*failed/);
  await page.locator("[data-testid=position]").focus();
  await page.keyboard.press("Home");
  await page.keyboard.press("ArrowRight");
  assert.match(await page.getAttribute("[data-testid=position]", "aria-valuetext"), /2\.16 s before the end of your words/);
  await page.keyboard.press(" ");
  await until(page, "sound", () => window.played.length === 2);
  near((await pieces(page))[0].from, 7.4 / 50, 0.001, "the place");
  assert.equal(await page.evaluate(() => window.voce.state), "listening");
  await context.close();
});

test("scores appear as they come, with their reasons", async () => {
  const kept = { record: record() };
  const opened = await shown(kept);
  const { page, context } = opened;
  await drawn(page);
  assert.equal(await page.isVisible("[data-testid=scores]"), false);
  kept.scores = JUDGED;
  await until(page, "the scores", () => document.querySelectorAll("[data-score]").length === 2, 12_000);
  assert.equal(await page.textContent("[data-score=faithfulness]"), "faithfulness 5");
  await page.hover("[data-score=relevancy]");
  assert.match(await opened.text("timeline-facts"), /relevancy: 2 by a language model.*It also tells of the receipt\./s);
  await screenshot(page, "timeline-scores");
  assert.match(await page.getAttribute("[data-testid=trace]", "href"), /tr-0af7651916cd43dd8448eb211c80319c$/);
  await context.close();
});

test("an answer is rated by keyboard, commented, and rated otherwise on a telephone; it says when that is saved", async () => {
  const kept = { record: record() };
  const opened = await shown(kept, { viewport: { width: 400, height: 800 } });
  const { page, errors, context } = opened;
  assert.match(await page.evaluate(() => window.farEnd.offered.requestData.user), /^[0-9a-f]{32}$/);
  const fate = (words) => until(page, words, (words) => document.querySelector("[data-testid=opinion-fate]").textContent === words, 10_000, words);
  const pressed = () => page.$$eval(".thumb", (both) => both.map((one) => one.getAttribute("aria-pressed")).join());
  assert.equal(await pressed(), "false,false");
  await page.getByRole("button", { name: "Good answer" }).focus();
  await page.keyboard.press(" ");
  await fate("saving…");
  assert.equal(await pressed(), "true,false");
  kept.fate = { why: "MLflow does not have the turn's trace yet" };
  await fate("not saved yet: MLflow does not have the turn's trace yet");
  kept.fate = { state: "saved" };
  await fate("saved");
  await page.getByRole("button", { name: "Add a comment" }).click();
  await page.keyboard.type("It is short");
  await screenshot(page, "opinion-comment");
  await page.keyboard.press("Enter");
  await fate("saved with your comment");
  await page.getByRole("button", { name: "Change the comment" }).click();
  await page.keyboard.press("Escape");
  assert.equal(await page.evaluate(() => window.voce.state), "listening", "escape left the field, not the call");

  await turn(opened, { question: "And the filter?", number: 2 });
  await endOfTurn(opened, { turn: 2, trace_id: "1".repeat(32) });
  await until(page, "the next turn", () => window.voce.turns.length === 2);
  assert.equal(await pressed(), "true,false,false,false", "what was said stays with its answer");
  kept.fate = { state: "failed", why: "MLflow wants credentials" };
  await page.getByRole("button", { name: "Bad answer" }).first().click();
  await fate("not saved: MLflow wants credentials");
  assert.equal(await pressed(), "false,true,false,false");
  await screenshot(page, "opinion-failed");
  assert.deepEqual(kept.said, [
    { good: true, comment: "" }, { good: true, comment: "It is short" }, { good: false, comment: "It is short" },
  ]);
  assert.deepEqual(errors, []);
  await context.close();
});

test("a turn that arrives late is drawn, and one that is not kept is told from its figures", async () => {
  const kept = {};
  const late = await shown(kept);
  await late.page.waitForTimeout(1200);
  assert.ok(await late.page.isVisible("#guessed"));
  kept.record = record();
  await drawn(late.page);
  await late.context.close();

  const gone = await shown({});
  await until(gone.page, "the words", () => /kept for the last turns only/.test(document.getElementById("kept").textContent), 15_000);
  assert.ok(await gone.page.isVisible("[data-testid=stages]"));
  assert.equal(await gone.page.isVisible("[data-testid=play]"), false);
  await screenshot(gone.page, "timeline-not-kept");
  await gone.context.close();
});

test("where content is not kept there are bars, and neither words nor sound", async () => {
  const kept = { record: withoutContent() };
  const opened = await shown(kept);
  const { page, context } = opened;
  await drawn(page);
  assert.match(await opened.text("kept"), /neither words nor sound/);
  assert.equal(await page.$(".word, [data-testid=position]"), null);
  assert.equal(await page.isVisible("[data-testid=play]"), false);
  assert.equal(await page.$$eval(".line.row", (all) => all.length), 10);
  await page.locator("[data-span=llm] .stage").click();
  assert.equal(kept.asked.sound, 0);
  await screenshot(page, "timeline-without-content");
  await context.close();
});

test("at 320 pixels in dark nothing sticks out", async () => {
  const { page, context } = await shown({ record: record({ scores: JUDGED }) }, { viewport: { width: 320, height: 900 }, colorScheme: "dark" });
  await page.click("#turn > summary");
  await drawn(page);
  await page.locator("#timeline").scrollIntoViewIfNeeded();
  await page.waitForTimeout(200);
  await screenshot(page, "timeline-320");
  assert.deepEqual(await page.$$eval("body *", (all) => all
    .filter((one) => !one.closest(".hidden-words, dialog, svg") && one.getBoundingClientRect().right > 321)
    .map((one) => `${one.tagName}.${one.className}`)), []);
  await context.close();
});

test("in dark it is as calm", async () => {
  const { page, context } = await shown({ record: record({ scores: JUDGED }) }, { colorScheme: "dark" });
  await drawn(page);
  await page.locator(".word", { hasText: "warranty." }).hover();
  await screenshot(page, "timeline-dark");
  await context.close();
});
