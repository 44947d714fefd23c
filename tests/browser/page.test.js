// The page against a scripted far end: what it says in each state, and what when something is wrong. No models.
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";

import { launch, screenshot, until } from "./harness/browser.js";
import { servePage } from "./harness/static.js";
import { ANSWER, endOfTurn, openTalk, QUESTION, report, startTalk, turn } from "./harness/talk.js";
import { writeWav } from "./harness/wav.js";

let server;
let browser;
const directory = mkdtempSync(join(tmpdir(), "voce-page-"));
const silence = join(directory, "silence.wav");

before(async () => {
  server = await servePage();
  writeFileSync(silence, writeWav(new Float32Array(16_000), 16_000));
  browser = await launch(silence);
});
after(async () => {
  await browser?.close();
  server?.close();
  rmSync(directory, { recursive: true, force: true });
});

const open = (options, from = browser) => openTalk(from, server.url, options);
const call = (options) => startTalk(browser, server.url, options);

test("an answer's code, tables, links and tools stand below its words, on paper and in the dark, wide and narrow", async () => {
  const passages = [1, 2].map((chunk) => ({ text: `Passage ${chunk}.`, source: "config/knowledge/manual.md", heading: `Part ${chunk}`, chunk, score: 0.7 }));
  for (const [name, options] of [
    ["wide", {}], ["dark", { colorScheme: "dark" }], ["narrow", { viewport: { width: 360, height: 740 } }],
  ]) {
    const opened = await call(options);
    const { page, send, errors, context } = opened;
    const markup = "<img src=x onerror=alert(1)>";
    const said = "You start it with two lines. The order page has more.";
    await send("user-transcription", { text: "How do I start it?", final: true, timestamp: "", user_id: "user" });
    await send("llm-function-call-in-progress", { tool_call_id: "c1", function_name: "get_weather", arguments: { city: "Ulm" } });
    await until(page, "the tool", () => document.querySelector("[data-testid=tools]")?.textContent === "get weather (Ulm): asking …");
    await send("llm-function-call-stopped", { tool_call_id: "c1", function_name: "get_weather", cancelled: false, outcome: "done", seconds: 1.2 });
    await send("llm-function-call-in-progress", { tool_call_id: "c2", function_name: "orders", arguments: {} });
    await send("llm-function-call-stopped", { tool_call_id: "c2", function_name: "orders", cancelled: false, outcome: "failed", seconds: 0.3 });
    await send("server-message", { type: "retrieved", turn: 1, passages });
    await send("bot-llm-started");
    await send("bot-llm-text", { text: said });
    await send("bot-started-speaking");
    await send("server-message", { type: "code_blocks", turn: 1, payload: [`pump.start(zone=4)\nprint("${markup}")\n`], languages: ["python"] });
    await send("server-message", { type: "code_blocks", turn: 1, payload: ["x = 1"] });
    await send("server-message", { type: "links", turn: 1, payload: ["https://orders.example.com/pumps?zone=4", "javascript:alert(1)"], texts: ["order page", markup] });
    await send("server-message", { type: "tables", turn: 1, payload: [{ header: ["Zone", "Litres a day"], rows: [["Lawn", "40"], [markup, "25"]] }] });
    await send("server-message", { type: "citations", turn: 1, payload: [passages[1]] });
    await send("bot-stopped-speaking");
    await send("server-message", { type: "turn", report: report({ question: "How do I start it?", generated: said, spoken: said, heard: said, passages }) });
    await until(page, "the end", () => window.voce.turns.length === 1);
    await screenshot(page, `page-parts-${name}`, { fullPage: false });

    assert.equal(await opened.text("tools"), "get weather (Ulm): done, 1.20 sorders: failed, 300 ms");
    assert.equal(await page.textContent("[data-testid=code] code"), `pump.start(zone=4)\nprint("${markup}")`);
    const links = await page.$$eval("#transcript a", (all) => all.map(({ href, rel, target }) => [href, rel, target]));
    assert.deepEqual(links, [["https://orders.example.com/pumps?zone=4", "noopener noreferrer", "_blank"]]);
    assert.equal(await page.$$eval("[data-testid=table] td", (all) => all.map((cell) => cell.textContent).join("|")), `Lawn|40|${markup}|25`);
    assert.equal(await page.$("#transcript img"), null, "text became markup");
    assert.match(await page.textContent("[data-testid=cited]"), /Part 2/);
    assert.match(await page.textContent("[data-testid=found]"), /Part 1/);
    const beyond = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
    assert.ok(beyond <= 0, `the page is ${beyond} px too wide`);
    await page.click("[data-testid=copy]");
    await until(page, "word of the copy", () => /Copied|Selected/.test(document.querySelector("[data-testid=copy]")?.textContent));
    assert.deepEqual(errors, []);
    await context.close();
  }
});

test("a turn shows the words of both sides, the sources and where the time went", async () => {
  const opened = await call();
  const { page, send, text, outside, errors, context } = opened;
  await send("user-started-speaking");
  await send("user-transcription", { text: "What is the", final: false, timestamp: "", user_id: "user" });
  await until(page, "grey words", () => document.querySelector(".partial")?.textContent === "What is the");
  await turn(opened, { cutAfter: 6 });
  await until(page, "the sixth word", () => document.querySelector(".heard")?.textContent.trim() === "It has a two year warranty.");
  assert.equal(await text("talk-word"), "Speaking");
  assert.equal(await page.textContent(".ahead"), "Keep the receipt.");
  await screenshot(page, "page-speaking");
  await endOfTurn(opened);
  await until(page, "the figures", () => window.voce.turns.length === 1);

  assert.equal(await text("question"), QUESTION);
  assert.equal(await text("answer"), ANSWER);
  assert.match(await text("sources"), /manual\.md “Warranty”.*two year warranty/s);
  assert.equal(await text("first-sound"), "1.07 s");
  const stages = await page.$$eval("[data-testid=stages] li", (rows) => rows.map((row) => row.dataset.stage));
  assert.deepEqual(stages, ["listen", "end-of-turn", "other", "stt", "retrieval", "llm", "first-line", "tts", "playout"]);
  const width = (stage) => page.$eval(`[data-stage=${stage}] .bar`, (bar) => bar.getBoundingClientRect().width);
  const ratio = (await width("end-of-turn")) / (await width("tts"));
  assert.ok(Math.abs(ratio - 0.28 / 0.24) < 0.05, `bars are not to scale: ${ratio}`);
  assert.match(await page.getAttribute("[data-testid=trace]", "href"), /tr-0af7651916cd43dd8448eb211c80319c$/);
  await until(page, "the round trip", () => /connected · \d+ ms/.test(document.getElementById("connection").textContent));
  await screenshot(page, "page-turn");
  assert.deepEqual([outside, errors], [[], []]);
  await context.close();
});

test("what the caller cut off is struck through, and an earlier turn can be looked at again", async () => {
  const opened = await call();
  const { page, send, text, context } = opened;
  await turn(opened);
  await endOfTurn(opened);
  const answer = "Filters are wear parts, so they are not covered by the warranty.";
  const heard = await turn(opened, { question: "And the filter?", answer, number: 2, cutAfter: 4 });
  await send("user-started-speaking");
  await send("bot-tts-stopped");
  await send("bot-stopped-speaking");
  await send("server-message", { type: "interrupted", turn: 2, heard });
  await send("server-message", { type: "turn", report: report({ turn: 2, end_reason: "interrupted", question: "And the filter?", generated: answer, spoken: answer, heard, voice_to_voice_seconds: 1.31, trace_id: null }) });
  await until(page, "the second turn", () => window.voce.turns.length === 2);

  assert.equal(await page.textContent("del"), "so they are not covered by the warranty.");
  assert.equal(await text("first-sound"), "1.31 s");
  await page.click("[data-testid=turns] button:first-child");
  await until(page, "the first turn", () => document.getElementById("first-sound").textContent === "1.07 s");
  await screenshot(page, "page-interrupted");
  await context.close();
});

test("space talks, escape hangs up, and the microphone is let go", async () => {
  const { page, text, context } = await open();
  await page.evaluate(() => {
    const open = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
    navigator.mediaDevices.getUserMedia = async (wanted) => (window.opened = await open(wanted));
  });
  await page.keyboard.press("Space");
  await until(page, "the call", () => window.voce.state === "listening");
  await page.keyboard.press("Escape");
  await until(page, "the end", () => window.voce.state === "idle");
  assert.equal(await text("talk-word"), "Talk");
  assert.equal(await page.evaluate(() => window.opened.active), false);
  await until(page, "the far end to notice", () => window.farEnd.channel.readyState === "closed");
  await context.close();
});

// What the page asked the server to do, in order.
function asked(page) {
  return page.evaluate(() => window.farEnd.sent.filter(({ type }) => type === "client-message").map(({ data }) =>
    (data.t === "push-to-talk" ? (data.d.pressed ? "press" : "release") : data.t)));
}

async function untilAsked(page, wanted) {
  await page.waitForFunction((count) => window.farEnd.sent.filter(({ type }) => type === "client-message").length >= count, wanted.length, { polling: 20, timeout: 10_000 }).catch(() => {});
  assert.deepEqual(await asked(page), wanted);
}

test("the stop button and escape stop the bot, and escape hangs up only when it is silent", async () => {
  const opened = await call();
  const { page, send, context, errors } = opened;
  assert.equal(await page.isVisible("[data-testid=stop]"), false);
  await turn(opened, { cutAfter: 3 });
  await page.waitForSelector("[data-testid=stop]", { state: "visible" });
  await page.click("[data-testid=stop]");
  await untilAsked(page, ["interrupt"]);
  await page.keyboard.press("Escape");
  await untilAsked(page, ["interrupt", "interrupt"]);
  await send("bot-tts-stopped");
  await send("bot-stopped-speaking");
  await send("server-message", { type: "interrupted", turn: 1, heard: "It has a" });
  await until(page, "the silence", () => window.voce.state === "listening");
  assert.equal(await page.isVisible("[data-testid=stop]"), false);
  assert.equal(await page.textContent("del"), "two year warranty. Keep the receipt.");
  // Pressed once more by someone who meant the bot.
  await page.keyboard.press("Escape");
  assert.equal(await page.evaluate(() => window.voce.state), "listening");
  await page.waitForTimeout(1100);
  await page.keyboard.press("Escape");
  await until(page, "the end", () => window.voce.state === "idle");
  assert.deepEqual(errors, []);
  await context.close();
});

test("with hold to talk on, the held space bar or button is talking and the microphone is mute in between", async () => {
  const tone = join(directory, "hold.wav");
  writeFileSync(tone, writeWav(Float32Array.from({ length: 16_000 * 60 }, (_, at) => 0.4 * Math.sin(at * 0.2)), 16_000));
  const humming = await launch(tone);
  const opened = await open({}, humming);
  const { page, text, context, errors } = opened;
  const muted = () => page.evaluate(() => !window.farEnd.tracks().at(-1).enabled);
  await page.evaluate(() => {
    const sent = [];
    const replace = RTCRtpSender.prototype.replaceTrack;
    RTCRtpSender.prototype.replaceTrack = function (track) {
      // The far end lives in this page too; it sends what it makes, not a microphone.
      if (track && !track.label.startsWith("MediaStream")) sent.push(track);
      return replace.call(this, track);
    };
    window.farEnd.tracks = () => sent;
  });
  await page.click("[data-testid=push-to-talk]");
  await page.waitForSelector("[data-testid=push-to-talk][aria-checked=true]");
  await page.keyboard.press("Space");
  await until(page, "the call", () => window.voce.state === "listening");
  assert.equal(await text("talk-word"), "Hold to talk");
  assert.equal(await muted(), true);

  await page.keyboard.down("Space");
  await until(page, "the press", () => window.voce.pressed && document.body.dataset.pressed === "true");
  await page.keyboard.down("Space"); // As a keyboard repeats it.
  assert.equal(await text("talk-word"), "Listening…");
  assert.equal(await page.getAttribute("[data-testid=talk]", "aria-pressed"), "true");
  await untilAsked(page, ["press"]);
  assert.equal(await muted(), false);
  await page.keyboard.up("Space");
  await until(page, "the release", () => !window.voce.pressed);
  await untilAsked(page, ["press", "release"]);
  assert.equal(await muted(), true);

  const box = await (await page.$("[data-testid=talk]")).boundingBox();
  await page.mouse.move(box.x + 20, box.y + 20);
  await page.mouse.down();
  await untilAsked(page, ["press", "release", "press"]);
  await page.mouse.move(box.x + 20, box.y - 300);
  await screenshot(page, "page-hold");
  assert.equal(await page.evaluate(() => window.voce.pressed), true, "a finger that slides off still holds");
  await page.mouse.up();
  await untilAsked(page, ["press", "release", "press", "release"]);

  // By keyboard alone, on the button itself.
  await page.focus("[data-testid=talk]");
  await page.keyboard.down("Enter");
  await untilAsked(page, ["press", "release", "press", "release", "press"]);
  await page.evaluate(() => window.dispatchEvent(new Event("blur")));
  await untilAsked(page, ["press", "release", "press", "release", "press", "release"]);
  assert.equal(await page.evaluate(() => window.voce.pressed), false);
  await page.keyboard.up("Enter");

  await page.keyboard.down("Space");
  await page.evaluate(() => {
    Object.defineProperty(document, "hidden", { value: true, configurable: true });
    document.dispatchEvent(new Event("visibilitychange"));
  });
  await page.keyboard.up("Space");
  assert.deepEqual((await asked(page)).slice(-2), ["press", "release"]);

  await page.click("[data-testid=push-to-talk]");
  assert.equal(await muted(), false);
  await page.waitForSelector("[data-testid=push-to-talk][aria-checked=false]");
  assert.equal(await text("talk-word"), "Listening…");
  await page.keyboard.press("Space");
  assert.equal((await asked(page)).length, 8, "without it the space bar talks to nobody");
  assert.deepEqual(errors, []);
  await context.close();
  await humming.close();
});

test("a short pause in holding is none, and the choice outlives the page", async () => {
  const { page, context } = await open();
  await page.click("[data-testid=push-to-talk]");
  await page.reload();
  assert.equal(await page.getAttribute("[data-testid=push-to-talk]", "aria-checked"), "true");
  await page.click("[data-testid=talk]");
  await until(page, "the call", () => window.voce.state === "listening");
  await page.evaluate(async () => {
    const key = (type) => document.body.dispatchEvent(new KeyboardEvent(type, { key: " ", bubbles: true }));
    key("keydown");
    key("keyup");
    key("keydown");
    await new Promise((later) => setTimeout(later, 300));
    key("keyup");
  });
  await untilAsked(page, ["press", "release"]);
  await context.close();
});

test("a server that does not take a control is quoted", async () => {
  const opened = await call();
  await opened.page.evaluate(() => { window.farEnd.refuseControls = "too many client-messages wait to be done; try again"; });
  await turn(opened);
  await opened.page.click("[data-testid=stop]");
  await problem(opened, "not-done", /did not take that.*Too many client-messages/s);
});

test("an answer that is held shows that it waits, and a backchannel becomes a note beside it", async () => {
  const opened = await call();
  const { page, send, text, context } = opened;
  await turn(opened, { cutAfter: 4 });
  await send("server-message", { type: "held", turn: 1 });
  await send("user-transcription", { text: "uh", final: false, timestamp: "", user_id: "user" });
  await until(page, "the mark", () => document.querySelector("[data-testid=waits]"));
  assert.equal(await text("doing"), "waiting for you");
  assert.equal(await text("talk-word"), "Speaking");
  assert.equal(await text("asides"), "“uh…”");
  await screenshot(page, "page-held");
  await send("server-message", { type: "continued", turn: 1, why: "backchannel", text: "uh-huh" });
  await send("bot-output", { text: "year", spoken: true, aggregated_by: "word" });
  await until(page, "the answer to go on", () => !document.querySelector("[data-testid=waits]"));
  assert.equal(await text("asides"), "“uh-huh”");
  assert.equal(await page.$$eval("[data-testid=exchange]", (all) => all.length), 1);
  await send("server-message", { type: "held", turn: 1 });
  await send("server-message", { type: "continued", turn: 1, why: "noise", text: "" });
  await endOfTurn(opened, { overlaps: 2 });
  await until(page, "the figures", () => window.voce.turns.length === 1);
  assert.equal(await text("asides"), "“uh-huh”");
  assert.match(await text("turn-taking"), /overlaps2, and the answer went on: “uh-huh”, noise/);
  await screenshot(page, "page-continued");
  await context.close();
});

test("a turn that is reopened takes its words back, and the inspector tells how it ended", async () => {
  const opened = await call();
  const { page, send, text, context } = opened;
  const heard = (text, final) => send("user-transcription", { text, final, timestamp: "", user_id: "user" });
  await send("user-started-speaking");
  await heard("What is", false);
  await until(page, "grey words", () => document.querySelector(".partial")?.textContent === "What is");
  await send("user-stopped-speaking");
  await heard("What is the warranty", true);
  await send("bot-llm-started");
  await send("bot-llm-text", { text: "Which one" });
  await until(page, "black words", () => document.querySelector("[data-testid=question].said"));
  await send("server-message", { type: "end_of_turn", turn: 1, probability: 0.41, outcome: "resumed", waited_ms: 320 });
  await send("server-message", { type: "turn_reopened", turn: 1 });
  await until(page, "grey words again", () => document.querySelector(".partial")?.textContent === "What is the warranty");
  assert.equal(await page.isVisible("[data-testid=answer]"), false);
  assert.equal(await page.evaluate(() => window.voce.state), "listening");
  await screenshot(page, "page-reopened");
  await turn(opened);
  await send("server-message", { type: "end_of_turn", turn: 1, probability: 0.97, outcome: "committed", waited_ms: 280 });
  await endOfTurn(opened, { early: true, early_dropped: 1, wasted_seconds: 0.42 });
  await until(page, "the figures", () => window.voce.turns.length === 1);
  assert.equal(await page.$$eval("[data-testid=exchange]", (all) => all.length), 1);
  assert.deepEqual([await text("question"), await text("answer")], [QUESTION, ANSWER]);
  assert.deepEqual(await page.$$eval("[data-testid=turn-taking] dd", (all) => all.map((one) => one.textContent)), [
    "went on after 320 ms · 0.41", "over after 280 ms · 0.97", "begun before the turn was over",
    "1 begun too early and dropped, 420 ms wasted",
  ]);
  await screenshot(page, "page-turn-taking");
  await context.close();
});

test("a second call after the first works and keeps the transcript", async () => {
  const opened = await call();
  const { page, context } = opened;
  await turn(opened);
  await endOfTurn(opened);
  await page.click("[data-testid=hang-up]");
  await page.click("[data-testid=talk]");
  await until(page, "the second call", () => window.voce.state === "listening" && window.farEnd.calls === 2);
  await turn(opened, { question: "Again?" });
  await endOfTurn(opened, { question: "Again?" });
  await until(page, "both turns", () => window.voce.turns.length === 2);
  assert.deepEqual(await page.$$eval("[data-testid=question]", (all) => all.map((one) => one.textContent)), [QUESTION, "Again?"]);
  await context.close();
});

async function problem({ page, context }, kind, words, timeout) {
  await page.waitForFunction((kind) => window.voce.problem === kind, kind, { timeout: timeout ?? 20_000 }).catch(async (error) => {
    throw new Error(`expected ${kind}, found ${await page.evaluate(() => window.voce.problem)}`, { cause: error });
  });
  await page.waitForTimeout(100);
  assert.match(await page.textContent("[data-testid=problem]"), words);
  assert.ok(await page.isVisible("[data-testid=problem]"));
  await screenshot(page, `problem-${kind}`);
  await context.close();
}

test("a refused microphone is explained", async () => {
  const refusing = await launch("refused");
  const opened = await open({}, refusing);
  await opened.page.click("[data-testid=talk]");
  await problem(opened, "microphone-refused", /blocked the microphone.*lock beside the address.*press Talk/s);
  await refusing.close();
});

test("a missing microphone is explained", async () => {
  const without = await launch("missing");
  const opened = await open({}, without);
  await opened.page.click("[data-testid=talk]");
  await problem(opened, "microphone-missing", /No microphone was found/);
  await without.close();
});

test("a full server says when to try again, and is asked only once", async () => {
  const opened = await open();
  await opened.page.evaluate(() => {
    window.farEnd.refuse = { status: 503, headers: { "retry-after": "12" }, body: { error: "all 16 calls are taken", retry_after_seconds: 12 } };
    const real = window.fetch;
    window.offers = 0;
    window.fetch = (resource, options) => {
      const request = resource instanceof Request ? resource : new Request(resource, options);
      if (request.method === "POST") window.offers += 1;
      return real(resource, options);
    };
  });
  await opened.page.click("[data-testid=talk]");
  await until(opened.page, "the refusal", () => window.voce.problem === "server-full");
  await opened.page.waitForTimeout(3000);
  assert.equal(await opened.page.evaluate(() => window.offers), 1);
  await problem(opened, "server-full", /All lines are busy.*Try again in \d+ seconds/s);
});

test("any other refusal is told in the server's words", async () => {
  const opened = await open();
  await opened.page.evaluate(() => { window.farEnd.refuse = { status: 400, body: { error: "the offer holds no audio" } }; });
  await opened.page.click("[data-testid=talk]");
  await problem(opened, "server-refused", /did not take the call.*The offer holds no audio\./s);
});

test("a server that is gone is said to be gone", async () => {
  const opened = await open();
  await opened.page.evaluate(() => { window.farEnd.gone = true; });
  await opened.page.click("[data-testid=talk]");
  await problem(opened, "server-gone", /does not answer/);
});

test("a call that the server ends is said to have ended", async () => {
  const opened = await call();
  await opened.page.evaluate(() => window.farEnd.hangUp());
  await problem(opened, "call-ended", /ended the call/);
});

test("where no network path leads to the server, the tried ones are named", async () => {
  const opened = await open();
  await opened.page.evaluate(() => { window.farEnd.nowhere = true; });
  await opened.page.click("[data-testid=talk]");
  await problem(opened, "no-path", /cannot travel.*192\.0\.2\.7/s, 40_000);
});

test("a silent microphone is noticed after ten seconds", async () => {
  const opened = await call();
  const began = Date.now();
  await problem(opened, "no-speech", /microphone is silent/);
  assert.ok(Date.now() - began > 9000);
});

test("a call that had to reconnect still carries the caller's voice", async () => {
  const tone = join(directory, "tone.wav");
  writeFileSync(tone, writeWav(Float32Array.from({ length: 16_000 * 60 }, (_, at) => 0.4 * Math.sin(at * 0.2) * (at % 8000 < 4000)), 16_000));
  const humming = await launch(tone);
  const { page, context } = await open({}, humming);
  await page.evaluate(() => {
    window.RTCPeerConnection = class extends RTCPeerConnection {
      constructor(...options) {
        super(...options);
        (window.peers ??= []).push(this);
      }
    };
  });
  await page.click("[data-testid=talk]");
  await until(page, "the call", () => window.voce.state === "listening");
  await page.evaluate(() => {
    const [first] = window.peers;
    Object.defineProperty(first, "iceConnectionState", { value: "failed" });
    first.dispatchEvent(new Event("iceconnectionstatechange"));
  });
  await until(page, "a second connection", () => window.farEnd.calls === 2 && window.farEnd.peer.connectionState === "connected");
  // Connections are made in turn by the page and the far end: this is the page's second.
  const energy = () => page.evaluate(async () => {
    let sent = 0;
    (await window.peers.at(-2).getStats()).forEach((entry) => { if (entry.type === "media-source" && entry.kind === "audio") sent = entry.totalAudioEnergy; });
    return sent;
  });
  // The old connection is closed only now, and takes its tracks along.
  await page.waitForTimeout(1500);
  const before = await energy();
  await page.waitForTimeout(1500);
  const after = await energy();
  assert.ok(after - before > 0.005, `nothing is sent any more: ${before} then ${after}`);
  assert.equal(await page.evaluate(() => window.voce.state), "listening");
  await context.close();
  await humming.close();
});

test("a failed stage is told and the call goes on", async () => {
  const opened = await call();
  await opened.send("error", { error: "llm failed", message: "the language model did not answer within 20 s", fatal: false });
  await until(opened.page, "the note", () => window.voce.problem === "stage-failed");
  assert.equal(await opened.page.evaluate(() => window.voce.state), "listening");
  await problem(opened, "stage-failed", /The language model did not answer within 20 s\./);
});

function sticksOut(page) {
  return page.$$eval("body *", (all) => all
    .filter((one) => !one.closest(".hidden-words, dialog, svg") && one.getBoundingClientRect().right > 321)
    .map((one) => `${one.tagName}.${one.className}`));
}

test("at 320 pixels nothing sticks out, in dark and with less motion", async () => {
  const opened = await call({ viewport: { width: 320, height: 640 }, colorScheme: "dark", reducedMotion: "reduce" });
  const { page, context } = opened;
  await page.click("[data-testid=push-to-talk]");
  await turn(opened, { cutAfter: 4 });
  await opened.send("server-message", { type: "held", turn: 1 });
  await opened.send("server-message", { type: "continued", turn: 1, why: "backchannel", text: "uh-huh" });
  await opened.send("server-message", { type: "held", turn: 1 });
  await page.waitForSelector("[data-testid=stop]", { state: "visible" });
  await page.waitForTimeout(100);
  await screenshot(page, "page-320-speaking");
  assert.deepEqual(await sticksOut(page), []);
  await opened.send("server-message", { type: "end_of_turn", turn: 1, probability: 0.97, outcome: "too_long", waited_ms: 60_000 });
  await endOfTurn(opened, { early: true, early_dropped: 1, wasted_seconds: 0.42, overlaps: 1 });
  await until(page, "the figures", () => window.voce.turns.length === 1);
  await page.click("#turn > summary");
  await page.waitForTimeout(100);
  assert.deepEqual(await sticksOut(page), []);
  assert.equal(await page.evaluate(() => document.getAnimations().filter((each) => each.playState === "running").length), 0);
  await screenshot(page, "page-320");
  await context.close();
});

test("the theme follows the system until it is chosen, and the choice is kept", async () => {
  const { page, context } = await open({ colorScheme: "dark" });
  const theme = () => page.evaluate(() => document.documentElement.dataset.theme);
  assert.equal(await theme(), "dark");
  await page.click("#theme");
  assert.equal(await theme(), "light");
  await page.reload();
  assert.equal(await theme(), "light");
  await context.close();
});

test("text that people said is never markup", async () => {
  const opened = await call();
  const { page, send, errors, context } = opened;
  await send("user-transcription", { text: "<img src=x onerror=alert(1)>", final: true, timestamp: "", user_id: "user" });
  await send("bot-llm-text", { text: "<b>bold</b>" });
  await until(page, "the answer", () => document.querySelector("[data-testid=answer]")?.textContent === "<b>bold</b>");
  assert.equal(await page.$("[data-testid=transcript] img, [data-testid=answer] b"), null);
  assert.deepEqual(errors, []);
  await context.close();
});
