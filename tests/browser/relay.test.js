// A call through a TURN server, with no other way between the browser and voce: real Chromium, real coturn, real models,
// in network namespaces. Needs root and the program `ip`; without them it is skipped, unless VOCE_REQUIRE_NAMESPACES=1.
//
//   VOCE_COTURN   the program turnserver
import assert from "node:assert/strict";
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";

import { launch, screenshot, until } from "./harness/browser.js";
import { ADDRESS, SECRET, impossible, makeWorld } from "./harness/namespaces.js";
import { padded, readWav } from "./harness/wav.js";

const root = fileURLToPath(new URL("../../", import.meta.url));
const URL_OF_PAGE = `http://${ADDRESS.page}:8080`;
const BEFORE_QUESTION_SECONDS = 5;
const TURN_MS = 120_000;

const reason = impossible();
if (reason && process.env.VOCE_REQUIRE_NAMESPACES === "1") throw new Error(`the call through a TURN server cannot be tested: ${reason}`);
if (reason) console.error(`\nNOT TESTED: a call through a TURN server: ${reason}\n`);

const directory = mkdtempSync(join(tmpdir(), "voce-relay-"));
let world;
let browser;
let server;

before(async () => {
  if (reason) return;
  world = await makeWorld();
  const question = readFileSync(join(root, "crates/testkit/audio/opening_hours.wav"));
  const microphone = join(directory, "microphone.wav");
  writeFileSync(microphone, padded(readWav(question), BEFORE_QUESTION_SECONDS, 1));
  // The browser's own program, at the caller's place.
  const program = join(directory, "chromium");
  const at = world.inside("caller").join(" ");
  writeFileSync(program, `#!/bin/sh\nexec ${at} '${process.env.VOCE_CHROMIUM || "/usr/bin/chromium"}' "$@"\n`);
  chmodSync(program, 0o755);
  const settings = [
    `transport.address=${ADDRESS.media}`, `transport.turn.urls=["turn:${ADDRESS.turn}:3478?transport=udp"]`,
    "access.required=never", "knowledge.store=none", "telemetry.enabled=false",
  ];
  server = await world.start("server", process.env.VOCE_BIN || join(root, "target/release/voce"), [
    "serve", "--listen", `${ADDRESS.page}:8080`, ...settings.flatMap((setting) => ["--set", setting]),
  ], "voce listens on", { cwd: root, env: { ...process.env, VOCE_TURN_SECRET: SECRET, MLFLOW_TRACKING_URI: "" } });
  browser = await launch(microphone, { program, flags: [`--unsafely-treat-insecure-origin-as-secure=${URL_OF_PAGE}`] });
});
after(async () => {
  await browser?.close();
  await world?.close();
  rmSync(directory, { recursive: true, force: true });
});

test("a browser that no UDP of the server reaches is heard and answered through the TURN server", { skip: reason }, async (t) => {
  const context = await browser.newContext();
  let done = false;
  t.after(() => {
    if (!done) console.error(`the server:\n${server.log().slice(-6000)}\nthe TURN server:\n${world.turnLog().slice(-6000)}`);
    return context.close();
  });
  const page = await context.newPage();
  await page.addInitScript(() => {
    window.peers = [];
    window.RTCPeerConnection = class extends RTCPeerConnection {
      constructor(...options) {
        super(...options);
        window.peers.push(this);
      }
    };
  });
  await page.goto(URL_OF_PAGE);
  await page.click("[data-testid=talk]");
  await until(page, "the call", () => window.voce.state === "listening", 30_000);
  await until(page, "the sound of the answer", () => window.voce.state === "speaking", TURN_MS);
  await until(page, "the end of the turn", () => window.voce.turns.length >= 1, TURN_MS);
  await screenshot(page, "call-relayed");
  const pair = await page.evaluate(selectedPair);
  t.diagnostic(`heard: ${await page.textContent("[data-testid=question]")}`);
  t.diagnostic(`pair: ${JSON.stringify(pair)}`);
  assert.equal(pair.local.candidateType, "relay", JSON.stringify(pair));
  assert.equal(pair.remote.address, ADDRESS.media, JSON.stringify(pair));
  assert.ok(pair.sent > 10_000 && pair.received > 10_000, JSON.stringify(pair));
  assert.match(await page.textContent("[data-testid=question]"), /\bopen/i);
  assert.ok(!server.log().includes(SECRET), "the secret stands in the log");
  done = true;
});

// Runs inside the page.
async function selectedPair() {
  const stats = await window.peers.at(-1).getStats();
  const transport = [...stats.values()].find(({ type }) => type === "transport");
  const pair = stats.get(transport.selectedCandidatePairId);
  const of = ({ candidateType, address, port }) => ({ candidateType, address, port });
  return {
    local: of(stats.get(pair.localCandidateId)), remote: of(stats.get(pair.remoteCandidateId)),
    sent: transport.bytesSent, received: transport.bytesReceived,
  };
}
