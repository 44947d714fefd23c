// Turn-taking as a caller in a browser meets it: a pause in mid-sentence, a nod into the answer, an interruption and a
// sentence that is broken off, in one call with the real server, its models and real WebRTC. The caller reacts to what happens, since nobody knows how
// long an answer is. With VOCE_MLFLOW_URL every decision must stand in the traces too. Variables: see call.test.js.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { after, before, test } from "node:test";

import { launch, openPage, screenshot, until } from "./harness/browser.js";
import { installCaller, packed, takeBoth } from "./harness/caller.js";
import { completeTrace } from "./harness/mlflow.js";
import { startServer } from "./harness/server.js";
import { readWav } from "./harness/wav.js";
import { wrongWords } from "./harness/words.js";

const PAUSE_SECONDS = 0.7;
// A nod comes when the first words of the answer were heard, an interruption when it is well under way.
const NOD_AFTER_MS = 600;
const INTERRUPT_AFTER_MS = 1500;
// Generous: the machine may be shared. What is fast enough is measured elsewhere.
const TURN_MS = 90_000;
const STOPS_WITHIN_MS = 500;
const SLACK_SECONDS = 0.5;
const HELD_AT_MOST_MS = 2000;
// Of full scale; below it is what the codec makes of silence.
const LOUD = 0.01;
// The last sounds of a clip, which has no noise, are quieter than that.
const FAINT = 0.002;

const clip = (name) => trimmed(readWav(readFileSync(new URL(`../../crates/testkit/audio/${name}.wav`, import.meta.url))).samples);
const silence = (seconds) => new Float32Array(Math.round(seconds * 16_000));
const joined = (...parts) => parts.flatMap((part) => [...part]);

// "I wanted to ask about ... the opening hours of the shop."
const WITH_PAUSE = joined(clip("ask_about"), silence(PAUSE_SECONDS), clip("opening_hours"));
const NOD = clip("yeah");
const BROKEN_OFF = clip("ask_about");
const SECOND = clip("filter_bf_emma");
const THIRD = clip("warranty_af_heart");
const THIRD_WORDS = "What is the warranty period for the water pump?";

let server;
let browser;

before(async () => {
  server = await startServer();
  browser = await launch("given by the page");
});
after(async () => {
  await browser?.close();
  await server?.stop();
});

test("a pause, a nod and an interruption are each taken for what they are", async (t) => {
  const { page, outside, errors, context } = await openPage(browser);
  await page.addInitScript(installCaller);
  await page.goto(server.url);
  const speak = (samples) => page.evaluate((sound) => window.caller.speak(sound), packed(samples));
  const said = (type, turn) => page.evaluate(([type, turn]) => window.caller.messages.filter(({ data }) =>
    data.type === type && (turn === undefined || data.turn === turn)).map(({ at, data }) => ({ at, ...data })), [type, turn]);
  const count = (type) => page.evaluate((type) => window.caller.messages.filter((each) => each.type === type).length, type);
  // The bot begins to speak for the `nth` time.
  const sounds = (nth) => until(page, `the sound of answer ${nth}`, (nth) =>
    window.caller.messages.filter(({ type }) => type === "bot-started-speaking").length >= nth, TURN_MS, nth);
  const ended = async (turn) => {
    await until(page, `the end of turn ${turn}`, (turn) => window.voce.turns.some((each) => each.turn === turn), TURN_MS, turn);
    return (await page.evaluate(() => window.voce.turns)).find((each) => each.turn === turn);
  };

  await page.click("[data-testid=talk]");
  await until(page, "the call", () => window.voce.state === "listening", 20_000);
  await page.waitForTimeout(500);

  let first;
  await t.test("a pause in mid-sentence does not end the turn, a nod does not end the answer", async (t) => {
    await speak(WITH_PAUSE);
    await sounds(1);
    await page.waitForTimeout(NOD_AFTER_MS);
    await page.evaluate(() => window.caller.take());
    await speak(NOD);
    await until(page, "the answer to go on", () => window.caller.messages.some(({ data }) => data.type === "continued"), 10_000);
    await screenshot(page, "turns-nod");
    first = await ended(1);
    const { caller, bot } = await takeBoth(page);

    t.diagnostic(`asked: ${first.question}`);
    t.diagnostic(`heard: ${first.heard}`);
    assert.match(first.question, /ask about.*opening hours/i);
    assert.equal(first.end_reason, "completed");
    assert.match(first.generated, /\b(eight|8)\b/i);
    assert.equal(plain(first.heard), plain(first.generated));
    const pauses = await said("end_of_turn", 1);
    t.diagnostic(`pauses: ${pauses.map(({ outcome, waited_ms, probability }) => `${outcome} after ${waited_ms.toFixed(0)} ms (${probability?.toFixed(2)})`).join(", ")}`);
    const reopened = await said("turn_reopened", 1);
    assert.ok(pauses.some(({ outcome }) => outcome === "resumed") || reopened.length, "the pause was not noticed");

    const [held] = await said("held", 1);
    const [went] = await said("continued", 1);
    assert.ok(held, "the answer was not held");
    assert.deepEqual([went.why, plain(went.text)], ["backchannel", "yeah"]);
    t.diagnostic(`held for ${(went.at - held.at).toFixed(0)} ms`);
    assert.ok(went.at - held.at < HELD_AT_MOST_MS, `held for ${went.at - held.at} ms`);
    const onset = caller.findIndex(loud);
    t.diagnostic(`longest silence around the nod: ${longestSilence(bot.slice(onset, onset + 4 * 16_000)).toFixed(0)} ms`);
    assert.equal(first.overlaps, 1);
    assert.equal((await said("interrupted")).length, 0);
    assert.equal(await page.evaluate(() => window.voce.transcript.length), 1, "a pause or a nod became a turn of its own");
    assert.match(await page.textContent("[data-testid=asides]"), /yeah/i);
    assert.match(await page.textContent("#turn-taking"), /overlaps.*yeah/is);
    await screenshot(page, "turns-paused");
  });

  let second;
  let third;
  await t.test("an interruption stops the sound at once and is answered", async (t) => {
    const before = await count("bot-started-speaking");
    await speak(SECOND);
    await sounds(before + 1);
    await page.waitForTimeout(INTERRUPT_AFTER_MS);
    await page.evaluate(() => window.caller.take());
    // Not in the gap between two lines: there would be nothing to stop.
    await until(page, "a loud moment", () => window.caller.hearsBot);
    await speak(THIRD);
    const { caller, bot, rate } = await takeBoth(page);
    await until(page, "the interruption", () => window.caller.messages.some(({ data }) => data.type === "interrupted"), 10_000);
    second = await ended(2);
    await sounds(before + 2);
    await screenshot(page, "turns-interrupted");
    third = await ended(3);

    const onset = caller.findIndex(loud);
    const stopped = ((bot.findLastIndex(loud) - onset) / rate) * 1000;
    t.diagnostic(`asked: ${second.question} / ${third.question}`);
    t.diagnostic(`heard: ${second.heard} / ${third.heard}`);
    t.diagnostic(`the bot was silent ${stopped.toFixed(0)} ms after the caller's first sound`);
    assert.ok(bot.slice(0, onset).some(loud), "there was no sound to interrupt");
    assert.ok(stopped < STOPS_WITHIN_MS, `the bot spoke for ${stopped.toFixed(0)} ms`);
    const [interrupted] = await said("interrupted");
    assert.equal(interrupted.turn, 2);
    assert.equal(interrupted.heard, second.heard);
    assert.equal(second.end_reason, "interrupted");
    assert.ok(second.heard.length > 0 && second.heard.length < second.generated.length, `heard ${second.heard} of ${second.generated}`);
    assert.ok(wrongWords(THIRD_WORDS, third.question) <= 1, third.question);
    assert.match(third.generated, /\b(two|2)[ -]years?\b/i);
    assert.equal(third.end_reason, "completed");
    const exchanges = await page.$$eval("[data-testid=exchange]", (rows) => rows.map((row) => ({
      question: row.querySelector("[data-testid=question]").textContent, cut: row.querySelector("del")?.textContent ?? "",
    })));
    assert.deepEqual(exchanges.map(({ question }) => question), [first, second, third].map(({ question }) => question));
    assert.deepEqual(exchanges.map(({ cut }) => cut !== ""), [false, true, false]);
    await page.click("[data-testid=turns] button:nth-child(2)");
    await until(page, "the figures of turn 2", () => document.getElementById("turn-name").textContent === "Turn 2");
    await screenshot(page, "turns-inspected");
    await page.click("[data-testid=turns] button:last-child");
  });

  let fourth;
  await t.test("a sentence that is broken off is waited for, with the answer at hand", async (t) => {
    const before = await count("bot-started-speaking");
    await speak(BROKEN_OFF);
    await sounds(before + 1);
    fourth = await ended(4);
    t.diagnostic(`asked: ${fourth.question}`);
    t.diagnostic(`the turn was over after ${fourth.end_of_turn_seconds?.toFixed(2)} s, the first sound came after ${fourth.voice_to_voice_seconds?.toFixed(2)} s`);
    // Unless the words came too late, as on a machine that has other things to do.
    const inTime = fourth.stt_seconds + SLACK_SECONDS < fourth.end_of_turn_seconds;
    assert.ok(fourth.early || !inTime, "the answer was not begun before the turn was over");
    assert.match(await page.textContent("#turn-taking"), fourth.early ? /begun before the turn was over/ : /begun when/);
    await screenshot(page, "turns-early");
  });

  const mlflow = process.env.VOCE_MLFLOW_URL;
  await t.test("and every decision stands in the traces", { skip: !mlflow && "VOCE_MLFLOW_URL is not set" }, async (t) => {
    const turns = [first, second, third, fourth];
    const traces = [];
    for (const { trace_id } of turns) traces.push(await completeTrace(mlflow, trace_id));
    const spans = (turn, name) => traces[turn - 1].filter((span) => span.name === name);
    const roots = traces.map((trace) => trace.find(({ root }) => root).attributes);

    for (const turn of [1, 2, 3, 4]) {
      const end = spans(turn, "end_of_turn").at(-1);
      const outcome = end.attributes["voce.end_of_turn.outcome"];
      const candidates = end.events.filter(({ name }) => name === "candidate").map((event) => event.outcome);
      t.diagnostic(`turn ${turn}: ${outcome}, its pauses ${candidates.join(", ")}, answer begun ${roots[turn - 1]["voce.speculation.early"] ? "early" : "after it"}`);
      assert.match(outcome, /^(committed|timeout)$/);
      assert.equal(candidates.at(-1), outcome);
    }
    const paused = ({ attributes, events }) => attributes["voce.end_of_turn.reopened"] || events.some(({ outcome }) => outcome === "resumed");
    assert.ok(spans(1, "end_of_turn").some(paused), `the pause is missing: ${JSON.stringify(spans(1, "end_of_turn"))}`);

    const overlaps = [1, 2, 3, 4].map((turn) => spans(turn, "overlap").map(({ attributes }) => attributes));
    assert.deepEqual(overlaps.map((all) => all.map((each) => each["voce.overlap.outcome"])), [["backchannel"], ["interruption"], [], []]);
    assert.ok(overlaps[0][0]["voce.overlap.held_ms"] > 0);
    assert.equal(roots[0]["voce.overlaps"], 1);
    t.diagnostic(`as the server has it: held for ${overlaps[0][0]["voce.overlap.held_ms"]} ms, silent ${overlaps[1][0]["voce.overlap.stop_ms"]} ms after the caller began`);
    assert.deepEqual(roots.map((root) => root["turn.was_interrupted"]), [false, true, false, false]);
    assert.ok(roots[1]["voce.answer.heard"].length < roots[1]["voce.answer.generated"].length);

    turns.forEach(({ early, early_dropped }, at) => {
      assert.equal(roots[at]["voce.speculation.early"], early);
      assert.equal(roots[at]["voce.speculation.used"], early ? 1 : 0);
      assert.equal(roots[at]["voce.speculation.dropped"], early_dropped);
      // An answer that is used is none: its stages are the turn's.
      assert.equal(spans(at + 1, "speculation").length, early_dropped);
    });
    const [asked] = spans(4, "llm");
    if (fourth.early) assert.ok(asked.start < spans(4, "end_of_turn").at(-1).end, "the answer was begun early, and its span was not");

    if (process.env.VOCE_SCREENSHOTS) {
      const address = await page.getAttribute("[data-testid=trace]", "href");
      await pictureOfTrace(address.replace(fourth.trace_id, second.trace_id));
    }
  });

  assert.deepEqual(outside, [], "the page asked others than its server");
  assert.deepEqual(errors, [], "the page complained");
  await context.close();
});

async function pictureOfTrace(address) {
  const { page, context } = await openPage(browser, { viewport: { width: 1600, height: 1000 } });
  await page.goto(address);
  await page.getByText("end_of_turn").first().waitFor({ timeout: 60_000 });
  await page.getByText("overlap", { exact: true }).first().click();
  await page.waitForTimeout(1000);
  await screenshot(page, "turns-mlflow");
  await context.close();
}

function loud(sample) {
  return Math.abs(sample) > LOUD;
}

function trimmed(samples) {
  const sounds = (sample) => Math.abs(sample) > FAINT;
  return samples.slice(samples.findIndex(sounds), samples.findLastIndex(sounds) + 1);
}

function plain(text) {
  return text.toLowerCase().replace(/[^a-z0-9 ]/g, "").trim();
}

// Milliseconds at 16 kHz.
function longestSilence(samples) {
  let longest = 0;
  let since = 0;
  samples.forEach((sample, at) => {
    if (!loud(sample)) return;
    longest = Math.max(longest, at - since);
    since = at;
  });
  return longest / 16;
}
