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
  conversation.cited(7, []);
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
  conversation.cited(1, [{ text: "t", source: "s", heading: "", chunk: 0, score: 1 }]);
  conversation.turnEnded(report({ turn: 1, question: "Again?" }));
  assert.equal(conversation.exchanges[0]?.passages.length, 0);
  assert.equal(conversation.exchanges[1]?.report?.question, "Again?");
});
