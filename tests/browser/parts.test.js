// An answer of words, code, a link and a table: the page shows them, and the voice says neither code nor address. Real
// server, voice and browser; the language model is scripted. The environment's names are those of call.test.js.
import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";

import { launch, openPage, screenshot, until } from "./harness/browser.js";
import { scriptedModel } from "./harness/scripted-model.js";
import { startServer, voce } from "./harness/server.js";
import { padded, readWav, writeWav } from "./harness/wav.js";

const QUESTION = "How do I start the water pump?";
const BEFORE_QUESTION_SECONDS = 5;
const TURN_MS = 120_000;
const CODE = "pump.start(zone=4)\nprint('ready')";
const ADDRESS = "https://orders.example.com/pumps?zone=4";
const ANSWER = `You start it with two lines.

\`\`\`python
${CODE}
\`\`\`

The [order page](${ADDRESS}) has more, and https://unknown.example.net/x has not.

| Zone | Litres |
|---|---|
| Lawn | 40 |
| Roses | 25 |
| Hedge | 30 |
| Pots | 5 |

That is **all**.`;

const directory = mkdtempSync(join(tmpdir(), "voce-parts-"));
let model;
let server;
let browser;

before(async () => {
  model = await scriptedModel(ANSWER);
  server = await startServer([
    "llm.engine=\"openai\"", `llm.base_url="${model.url}"`, "llm.model=\"scripted\"",
    "assistant.allowed_links=[\"*.example.com\"]",
  ]);
  const question = process.env.VOCE_QUESTION_WAV || join(directory, "question.wav");
  if (!process.env.VOCE_QUESTION_WAV) await voce("say", QUESTION, "--out", question);
  const microphone = join(directory, "microphone.wav");
  writeFileSync(microphone, padded(readWav(readFileSync(question)), BEFORE_QUESTION_SECONDS, 1));
  browser = await launch(microphone);
});
after(async () => {
  await browser?.close();
  await server?.stop();
  model?.close();
  rmSync(directory, { recursive: true, force: true });
});

test("code, link and table are shown and not said", { skip: process.env.VOCE_URL && "the server's model is not ours to script" }, async (t) => {
  const { page, outside, errors, context } = await openPage(browser);
  t.after(() => context.close());
  await page.goto(server.url);
  await page.click("[data-testid=talk]");
  await until(page, "the call", () => window.voce.state === "listening", 20_000);
  await until(page, "the end of the turn", () => window.voce.turns.length === 1, TURN_MS);
  await screenshot(page, "parts-call");

  const [turn] = await page.evaluate(() => window.voce.turns);
  const answer = await page.textContent("[data-testid=answer]");
  t.diagnostic(`spoken: ${turn.spoken}`);
  assert.equal(turn.end_reason, "completed");

  assert.equal(await page.textContent("[data-testid=code] code"), CODE);
  assert.match(await page.textContent("[data-testid=code] figcaption"), /python/);
  const links = await page.$$eval("[data-testid=link] a", (all) => all.map(({ href, rel, target }) => ({ href, rel, target })));
  assert.deepEqual(links, [{ href: ADDRESS, rel: "noopener noreferrer", target: "_blank" }]);
  const rows = await page.$$eval("[data-testid=table] tr", (all) => all.map((row) => [...row.cells].map((cell) => cell.textContent)));
  assert.deepEqual(rows, [["Zone", "Litres"], ["Lawn", "40"], ["Roses", "25"], ["Hedge", "30"], ["Pots", "5"]]);

  for (const said of [answer, turn.spoken, turn.heard]) {
    assert.match(said, /You start it with two lines\..*order page.*That is all\./s);
    assert.doesNotMatch(said, /pump\.start|print|python|https?:|zone=|\*\*|```|Roses|\|/);
  }
  assert.match(turn.spoken, /unknown\.example\.net has not/, "an address is said as the site's name");
  assert.deepEqual([outside, errors], [[], []]);
});
