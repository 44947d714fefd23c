// A turn's timeline, as far as it is arithmetic.
import assert from "node:assert/strict";
import { test } from "node:test";

import { axisOf, clip, moment, percent, ticks } from "../src/timeline/axis";
import { ofPause, ofScore, ofStage } from "../src/timeline/facts";
import { nextScores } from "../src/timeline/fetching";
import type { Stage, TurnRecord, Word } from "../src/timeline/record";
import { rowsOf } from "../src/timeline/rows";
import { gain, outline, steps } from "../src/timeline/wave";
import { placeWords } from "../src/timeline/words";

const near = (a: number, b: number) => assert.ok(Math.abs(a - b) < 1e-6, `${a} is not ${b}`);
const axis = { start: 0, end: 10 };

function stage(id: string, name: string, from: number, to: number, part: Partial<Stage> = {}): Stage {
  return { id, parent: null, name, start_seconds: from, end_seconds: to, failed: null, facts: {}, ...part };
}

function record(part: Partial<TurnRecord> = {}): TurnRecord {
  return {
    trace_id: "a", turn: 1, content: "full", seconds: 8, end_of_speech_seconds: 2, voice_to_voice_seconds: 1, sides: [], words: [],
    stages: [], decisions: [], scores: [], trace_url: null, ...part,
  };
}

test("the axis is the whole turn, or its wait", () => {
  assert.deepEqual(axisOf(record({ stages: [stage("1", "playout", 3, 8.5)] }), true), { start: 0, end: 8.5 });
  const wait = axisOf(record(), false);
  assert.ok(wait.start < 2 && wait.start > 1 && wait.end > 3 && wait.end < 4, JSON.stringify(wait));
  // Without a first sound there is no wait to look at.
  assert.deepEqual(axisOf(record({ voice_to_voice_seconds: null }), false), { start: 0, end: 8 });
  assert.ok(axisOf(record({ seconds: 0 }), true).end > 0);
});

test("moments have places and places have moments", () => {
  near(percent(axis, 2.5), 25);
  near(moment(axis, 0.25), 2.5);
  near(moment(axis, 1.7), 10);
  assert.deepEqual(clip(axis, -1, 5), { left: 0, width: 50 });
  assert.equal(clip(axis, 11, 12), undefined);
});

test("ticks are round, counted from the end of speech, and not too many", () => {
  const found = ticks({ start: 0, end: 7.4 }, 2.3, 5);
  assert.deepEqual(found.map(({ text }) => text), ["−2 s", "0 s", "2 s", "4 s"]);
  near(found[1]!.at, (2.3 / 7.4) * 100);
  assert.ok(ticks({ start: 0, end: 3600 }, 0, 5).length <= 31);
});

test("what has one name below one stage shares a row, and children follow their parents", () => {
  const rows = rowsOf([
    stage("1", "stt", 0, 1), stage("2", "rag", 1, 2), stage("5", "tts", 3, 4), stage("3", "rag.search", 1.5, 2, { parent: "2" }),
    stage("6", "tts", 4, 6, { failed: "out of memory" }), stage("7", "voice_to_voice", 0, 4), stage("4", "rag.embed", 1, 1.5, { parent: "2" }),
    stage("8", "left alone", 6, 7, { parent: "gone" }),
  ]);
  assert.deepEqual(rows.map(({ path, depth, stages, value }) => [path, depth, stages.length, value]), [
    ["stt", 0, 1, "1.00 s"], ["rag", 0, 1, "1.00 s"], ["rag/rag.embed", 1, 1, "500 ms"], ["rag/rag.search", 1, 1, "500 ms"],
    ["tts", 0, 2, "failed"], ["left alone", 0, 1, "1.00 s"],
  ]);
});

function words(...all: [string, number, number][]): Word[] {
  return all.map(([text, start_seconds, end_seconds]) => ({ side: "bot", text, start_seconds, end_seconds }));
}

test("words keep their moment and take another lane where they would meet", () => {
  // 10 pixels a letter on 100 pixels: each of these is 30 percent wide.
  const placed = placeWords(words(["one", 0, 1], ["two", 1, 2], ["six", 4, 5], ["ten", 9, 12], ["out", 11, 12]), axis, 100, 2, (text) => text.length * 10);
  assert.deepEqual(placed.map(({ word, lane, left, room }) => [word.text, lane, left, room]), [["one", 0, 0, 30], ["two", 1, 10, 30], ["six", 0, 40, 30], ["ten", 0, 90, 10]]);
  near(placed[0]!.spoken, 100 / 3);
});

test("where no lane is free the word before is cut short, never moved", () => {
  const placed = placeWords(words(["one", 0, 1], ["two", 1, 2]), axis, 100, 1, () => 50);
  assert.deepEqual(placed.map(({ left, room, spoken }) => [left, room, spoken]), [[0, 10, 100], [10, 50, 20]]);
});

test("a wave shows the loudest of each step, and silence as a line", () => {
  const side = { side: "bot" as const, seconds: 2, peaks: [0, 255, 51, 0], peaks_per_second: 2 };
  assert.deepEqual(steps(side, { start: 0, end: 2 }, 2), [1, 0.2]);
  assert.deepEqual(steps(side, { start: 0.5, end: 1.5 }, 4), [1, 1, 0.2, 0.2]);
  assert.deepEqual(steps({ ...side, peaks: [] }, { start: 0, end: 2 }, 2), [0, 0]);
  assert.match(outline([0, 1]), /^M0,0\.970 1,0\.970 1,0\.000 2,0\.000 .*Z$/);
  near(gain([0.1, 0.5]), 1.9);
  assert.equal(gain([0, 0]), 1);
  assert.equal(gain([0.001]), 8);
});

test("facts are told without what was said and without the exporter's own names", () => {
  const facts = ofStage(record(), stage("1", "llm", 2.5, 3, {
    facts: { "gen_ai.request.model": "small", "voce.llm.tokens_per_second": 31.234, "mlflow.spanInputs": "secret", "session.id": "c" }, failed: "no answer",
  }));
  assert.deepEqual(facts, {
    title: "language model", about: "500 ms, from 0.50 s after the end of your words", text: "It failed: no answer",
    lines: [["model", "small"], ["tokens per second", "31.2"]],
  });
  const pause = ofPause(record(), { at_seconds: 1.2, outcome: "resumed", probability: 0.21, waited_ms: 400, needed_ms: 800 });
  assert.deepEqual([pause.title, pause.about], ["you went on", "0.80 s before the end of your words"]);
  assert.equal(pause.lines.length, 3);
  assert.equal(ofScore({ name: "answers_it", value: true, source: "HUMAN" }).title, "answers it: true");
});

test("scores are asked for less and less, and for five minutes only", () => {
  assert.equal(nextScores(0, 0), 5000);
  assert.ok(nextScores(60_000, 8)! > 5000);
  assert.equal(nextScores(120_000, 40), 20_000);
  assert.equal(nextScores(300_000, 3), undefined);
});
