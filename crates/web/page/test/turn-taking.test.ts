// How a turn ended and what happened into its answer, in words.
import assert from "node:assert/strict";
import { test } from "node:test";

import { turnTaking } from "../src/turn-taking";
import { report } from "./report";

test("pauses, early work and overlaps are told", () => {
  const facts = turnTaking(
    report({ voice_to_voice_seconds: 0.6, early: true, early_dropped: 2, wasted_seconds: 0.84, overlaps: 2 }),
    [
      { outcome: "resumed", probability: 0.41, waitedMs: 320 },
      { outcome: "timeout", probability: null, waitedMs: 1800 },
    ],
    [{ why: "backchannel", text: "uh-huh" }, { why: "noise", text: "" }],
  );
  assert.deepEqual(facts, [
    { name: "pauses", lines: ["went on after 320 ms · 0.41", "over: waited out 1.80 s"] },
    { name: "answer", lines: ["begun before the turn was over", "2 begun too early and dropped, 840 ms wasted"] },
    { name: "overlaps", lines: ["2, and the answer went on: “uh-huh”, noise"] },
  ]);
});

test("a turn in which nothing of that happened says when its answer was begun", () => {
  assert.deepEqual(turnTaking(report({ voice_to_voice_seconds: 1 }), [], []), [
    { name: "answer", lines: ["begun when the turn was over"] },
  ]);
  assert.deepEqual(turnTaking(report({}), [], []), []);
});
