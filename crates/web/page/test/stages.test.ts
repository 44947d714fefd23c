// Bars lie where the stages lay.
import assert from "node:assert/strict";
import { test } from "node:test";

import { seconds, timeline } from "../src/stages";
import { report } from "./report";

const near = (a: number | undefined, b: number) => assert.ok(a !== undefined && Math.abs(a - b) < 1e-9, `${a} is not ${b}`);

test("stages follow each other up to the first sound", () => {
  const line = timeline(report({
    speech_seconds: 3, end_of_turn_seconds: 0.3, stt_seconds: 0.2, retrieval_seconds: 0.02, llm_first_token_seconds: 0.1,
    llm_seconds: 0.5, first_line_seconds: 0.08, tts_first_audio_seconds: 0.2, voice_to_voice_seconds: 1, heard_seconds: 2,
  }));
  const bar = (id: string) => line.bars.find((each) => each.id === id);
  near(bar("listen")?.start, -3);
  near(bar("tts")?.end, 1);
  near(bar("stt")?.start, 0.4);
  near(bar("llm")?.mark, 0.72);
  near(bar("llm")?.end, 1.12);
  near(bar("playout")?.end, 3);
  near(bar("other")?.end, 0.4);
});

test("work that began before the turn was over lies under it, not after it", () => {
  const line = timeline(report({ end_of_turn_seconds: 0.5, stt_seconds: 0.4, tts_first_audio_seconds: 0.2, voice_to_voice_seconds: 0.8 }));
  near(line.bars.find((each) => each.id === "stt")?.start, 0.2);
  assert.equal(line.bars.some((each) => each.id === "other"), false);
});

test("a turn without sound shows the stages it came to", () => {
  const line = timeline(report({ end_of_turn_seconds: 0.5, stt_seconds: 0.4 }));
  assert.equal(line.firstSound, undefined);
  assert.deepEqual(line.bars.map((bar) => bar.id), ["end-of-turn", "stt"]);
  near(line.end, 0.9);
});

test("an empty report has an axis", () => {
  const line = timeline(report({}));
  assert.ok(line.end > line.start);
});

test("times read in the unit that suits them", () => {
  assert.deepEqual([0.014, 0.9994, 0.9996, 1.234].map(seconds), ["14 ms", "999 ms", "1.00 s", "1.23 s"]);
});
