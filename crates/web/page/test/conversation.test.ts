// The transcript's rules, without a browser.
import assert from "node:assert/strict";
import { test } from "node:test";

import { Conversation } from "../src/conversation";
import { report } from "./report";

function talk() {
  return new Conversation(() => {});
}

test("partial words are replaced until they are final", () => {
  const conversation = talk();
  conversation.userText("What", false);
  conversation.userText("What is", false);
  conversation.userText("What is it?", true);
  assert.equal(conversation.exchanges.length, 1);
  assert.equal(conversation.exchanges[0]?.question, "What is it?");
});

test("words darken one by one, markup in between or not", () => {
  const conversation = talk();
  conversation.userText("Which?", true);
  conversation.answerText("It has a **two** year - really - warranty.");
  const heard = [];
  for (const word of "It has a two year really warranty.".split(" ")) {
    conversation.wordHeard(word);
    heard.push(conversation.exchanges[0]?.heardWords);
  }
  assert.deepEqual(heard, [1, 2, 3, 4, 5, 7, 9]);
});

test("a word that the answer does not hold darkens nothing", () => {
  const conversation = talk();
  conversation.userText("Which?", true);
  conversation.answerText("Two years.");
  conversation.wordHeard("banana");
  assert.equal(conversation.exchanges[0]?.heardWords, 0);
});

test("the caller's interruption opens the next exchange while the cut one keeps what was heard", () => {
  const conversation = talk();
  conversation.userText("Which?", true);
  conversation.answerText("It has a two year warranty.");
  conversation.wordHeard("It");
  conversation.userText("Wait", false);
  conversation.interrupted(1, "It has");
  conversation.turnEnded(report({ turn: 1, end_reason: "interrupted", heard: "It has" }));
  conversation.userText("Wait, how much?", true);
  const [first, second] = conversation.exchanges;
  assert.deepEqual([first?.ended, first?.heardWords, first?.report?.turn], ["interrupted", 2, 1]);
  assert.deepEqual([second?.question, second?.report], ["Wait, how much?", undefined]);
});

test("reports find their exchange by number", () => {
  const conversation = talk();
  conversation.userText("One?", true);
  conversation.retrieved(7, []);
  conversation.userText("Two?", true);
  conversation.turnEnded(report({ turn: 7 }));
  assert.equal(conversation.exchanges[0]?.report?.turn, 7);
  assert.equal(conversation.exchanges[1]?.report, undefined);
});

test("speech without words is an exchange of its own", () => {
  const conversation = talk();
  conversation.userText("", true);
  conversation.answerText("I did not catch that.");
  assert.deepEqual(
    conversation.exchanges.map(({ question, answer }) => [question, answer]),
    [["", "I did not catch that."]],
  );
});

test("a second call starts its own exchanges although its turns count from one again", () => {
  const conversation = talk();
  conversation.userText("One?", true);
  conversation.turnEnded(report({ turn: 1 }));
  conversation.callEnded();
  conversation.userText("Again?", true);
  conversation.retrieved(1, [{ text: "t", source: "s", heading: "", chunk: 0, score: 1 }]);
  conversation.turnEnded(report({ turn: 1, question: "Again?" }));
  assert.equal(conversation.exchanges[0]?.passages.length, 0);
  assert.equal(conversation.exchanges[1]?.report?.question, "Again?");
});

test("a turn that is reopened takes its words back until they are final again", () => {
  const conversation = talk();
  conversation.userText("I want", true);
  conversation.retrieved(1, [{ text: "t", source: "s", heading: "", chunk: 0, score: 1 }]);
  conversation.answerStarted();
  conversation.answerText("What do you");
  conversation.reopened(1);
  const [exchange] = conversation.exchanges;
  assert.deepEqual([exchange?.final, exchange?.question, exchange?.answer, exchange?.passages], [false, "I want", "", []]);
  conversation.answerText(" want?");
  conversation.userText("I want a filter", false);
  conversation.answerStarted();
  conversation.answerText("Here");
  conversation.userText("I want a filter.", true);
  conversation.turnEnded(report({ turn: 1, question: "I want a filter." }));
  assert.deepEqual(
    conversation.exchanges.map(({ question, answer, report }) => [question, answer, report?.turn]),
    [["I want a filter.", "Here", 1]],
  );
});

test("an answer that is begun before the words are final belongs to them", () => {
  const conversation = talk();
  conversation.userText("One?", true);
  conversation.turnEnded(report({ turn: 1, generated: "One." }));
  conversation.userText("Two", false);
  conversation.answerStarted();
  conversation.answerText("Two.");
  conversation.userText("Two?", true);
  assert.deepEqual(conversation.exchanges.map(({ answer }) => answer), ["One.", "Two."]);
});

test("a backchannel is a note beside the answer and no exchange", () => {
  const conversation = talk();
  conversation.userText("Which?", true);
  conversation.answerText("It has a two year warranty.");
  conversation.held(1);
  conversation.userText("uh", false);
  const [exchange] = conversation.exchanges;
  assert.deepEqual([exchange?.held, exchange?.overheard], [true, "uh"]);
  conversation.continued(1, "backchannel", "uh-huh,");
  assert.deepEqual([exchange?.held, exchange?.overheard, exchange?.asides], [false, "", [{ why: "backchannel", text: "uh-huh" }]]);
  assert.equal(conversation.exchanges.length, 1);
});

test("what is said into a held answer becomes a question when it stops the answer", () => {
  const conversation = talk();
  conversation.userText("Which?", true);
  conversation.answerText("It has a two year warranty.");
  conversation.held(1);
  conversation.userText("No, wait", false);
  conversation.interrupted(1, "It has");
  assert.deepEqual(
    conversation.exchanges.map(({ question, final, held }) => [question, final, held]),
    [["Which?", true, false], ["No, wait", false, false]],
  );
});

test("what is left of a dropped answer is not taken for a new one", () => {
  const conversation = talk();
  conversation.userText("Which?", true);
  conversation.answerText("It has");
  conversation.interrupted(1, "");
  conversation.answerText(" two");
  conversation.wordHeard("two");
  assert.deepEqual(conversation.exchanges.map(({ answer, heardWords }) => [answer, heardWords]), [["It has", 0]]);
});

test("a bot that speaks unasked gets an exchange of its own", () => {
  const conversation = talk();
  conversation.userText("Which?", true);
  conversation.answerText("Two years.");
  conversation.turnEnded(report({ turn: 1, generated: "Two years." }));
  conversation.botSounds(1);
  conversation.lineStarted("Are you still there?");
  conversation.wordHeard("Are");
  conversation.turnEnded(report({ turn: 2, spoken: "Are you still there?" }));
  assert.deepEqual(
    conversation.exchanges.map(({ unasked, question, answer }) => [unasked, question, answer]),
    [[false, "Which?", "Two years."], [true, "", "Are you still there?"]],
  );
});

test("decisions about a turn's end find it although its number comes later", () => {
  const conversation = talk();
  const resumed = { outcome: "resumed", probability: 0.4, waitedMs: 320 } as const;
  const over = { outcome: "committed", probability: 0.97, waitedMs: 280 } as const;
  conversation.judged(1, resumed);
  conversation.userText("Which?", true);
  conversation.judged(1, over);
  conversation.cited(1, []);
  conversation.turnEnded(report({ turn: 1 }));
  assert.deepEqual(conversation.exchanges[0]?.decisions, [resumed, over]);
});

test("what is shown and cited belongs to its turn, and goes with an answer that is taken back", () => {
  const conversation = talk();
  const passage = { text: "t", source: "s", heading: "", chunk: 0, score: 1 };
  conversation.userText("How?", true);
  conversation.answerStarted();
  conversation.show(1, [{ kind: "code", language: "rust", text: "fn a() {}" }]);
  conversation.show(1, [{ kind: "link", text: "x", url: "https://x.org" }, { kind: "table", header: [], rows: [["1"]] }]);
  conversation.cited(1, [passage]);
  const [exchange] = conversation.exchanges;
  assert.deepEqual(exchange?.shown.map(({ kind }) => kind), ["code", "link", "table"]);
  assert.deepEqual(exchange?.cited, [passage]);
  conversation.turnEnded(report({ turn: 1, question: "How?" }));
  conversation.userText("And?", true);
  conversation.show(2, [{ kind: "link", text: "y", url: "https://y.org" }]);
  assert.equal(conversation.exchanges[0]?.shown.length, 3);
  assert.equal(conversation.exchanges[1]?.shown.length, 1);
  conversation.toolStarted("c1", "weather", { city: "Ulm" });
  conversation.reopened(2);
  const [, second] = conversation.exchanges;
  assert.deepEqual([second?.shown, second?.cited, second?.tools], [[], [], []]);
});

test("a tool is asked until it answers, also when its turn is over by then", () => {
  const conversation = talk();
  conversation.userText("The weather?", true);
  conversation.toolStarted("c1", "weather", { city: "Ulm" });
  conversation.toolStarted("c2", "weather", { city: "Bonn" });
  conversation.toolEnded("c2", "weather", "failed", 0.5);
  conversation.interrupted(1, "");
  conversation.userText("Wait.", true);
  conversation.toolEnded("c1", "weather", "done", 1.25);
  conversation.toolEnded("c9", "weather", "done", 1);
  assert.deepEqual(conversation.exchanges[0]?.tools.map(({ id, outcome, seconds }) => [id, outcome, seconds]), [["c1", "done", 1.25], ["c2", "failed", 0.5]]);
  assert.deepEqual(conversation.exchanges[1]?.tools, []);
});

test("the shown answer is what is spoken of it", () => {
  const conversation = talk();
  conversation.userText("Which?", true);
  conversation.turnEnded(report({ turn: 1, generated: '{"spoke_response": "Two."}', spoken: "Two." }));
  assert.equal(conversation.exchanges[0]?.answer, "Two.");
});
