// The sign-in: against a scripted far end what it says in each case, and against the real server once that a key becomes
// a call. The second part needs the binary and its models.
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";

import { launch, openPage, screenshot, until } from "./harness/browser.js";
import { installFarEnd } from "./harness/far-end.js";
import { startServer } from "./harness/server.js";
import { servePage } from "./harness/static.js";
import { writeWav } from "./harness/wav.js";

const KEY = "voce_0123456789abcdef0123456789abcdef";
const directory = mkdtempSync(join(tmpdir(), "voce-access-"));
let server;
let browser;

before(async () => {
  server = await servePage();
  const silence = join(directory, "silence.wav");
  writeFileSync(silence, writeWav(new Float32Array(16_000 * 30), 16_000));
  browser = await launch(silence);
});
after(async () => {
  await browser?.close();
  server?.close();
  rmSync(directory, { recursive: true, force: true });
});

/** The page of a server that asks for KEY. `more` is set at the far end before the page loads. */
async function closed({ hash = "", more = {}, ...options } = {}) {
  const opened = await openPage(browser, options);
  await opened.page.addInitScript(installFarEnd);
  await opened.page.addInitScript((set) => Object.assign(window.farEnd, set), { key: KEY, ...more });
  await opened.page.goto(server.url + hash);
  return opened;
}

const visible = (page, id) => page.isVisible(`[data-testid=${id}]`);
const problemIs = (page, pattern) => until(page, String(pattern), (source) =>
  new RegExp(source).test(document.querySelector("[data-testid=sign-in-problem]").textContent), 10_000, pattern.source);

async function signIn(page, key) {
  await page.fill("[data-testid=access-key]", key);
  await page.press("[data-testid=access-key]", "Enter");
}

test("a key signs in, the token goes with the call, and only the token is kept in the tab", async () => {
  const { page, context, errors, outside } = await closed();
  await page.waitForSelector("[data-testid=sign-in]", { state: "visible" });
  assert.equal(await page.evaluate(() => document.activeElement?.id), "access-key");
  assert.equal(await page.isVisible("#welcome"), false);
  // Without a key the big button leads back to the field.
  await page.click("[data-testid=talk]");
  assert.deepEqual(await page.evaluate(() => [window.voce.state, document.activeElement?.id]), ["idle", "access-key"]);
  await signIn(page, `${KEY}x`);
  await problemIs(page, /not known here/);
  await screenshot(page, "access-refused");
  await signIn(page, ` ${KEY} `);
  await page.waitForSelector("[data-testid=sign-in]", { state: "hidden" });
  assert.equal(await page.isVisible("#welcome"), true);
  assert.equal(await visible(page, "sign-out"), true);
  assert.equal(await page.evaluate(() => document.activeElement?.id), "talk");
  assert.ok((await page.evaluate(() => JSON.stringify([{ ...sessionStorage }, { ...localStorage }, document.cookie]))).includes("token-2"));
  assert.ok(!(await page.evaluate(() => JSON.stringify([{ ...sessionStorage }, { ...localStorage }, document.cookie]))).includes("voce_0123"));
  await page.keyboard.press("Space");
  await until(page, "the call", () => window.voce.state === "listening");
  assert.equal(await page.evaluate(() => window.farEnd.credential), "token-2");
  await page.keyboard.press("Escape");
  await until(page, "the end", () => window.voce.state === "idle");
  // The tab still knows it after a reload, and no more once signed out.
  await page.reload();
  await until(page, "the page", () => document.querySelector("#models td")?.textContent);
  assert.equal(await visible(page, "sign-in"), false);
  await page.click("[data-testid=sign-out]");
  await page.waitForSelector("[data-testid=sign-in]", { state: "visible" });
  assert.deepEqual(await page.evaluate(() => Object.keys(sessionStorage)), []);
  assert.deepEqual([errors, outside], [[], []]);
  await context.close();
});

test("a token in the address signs in and leaves the address, and one that is too old is told so", async () => {
  const { page, context } = await closed({ hash: "?user=ann#token=token-of-ann" });
  await until(page, "the page", () => document.querySelector("#models td")?.textContent);
  assert.equal(await visible(page, "sign-in"), false);
  assert.equal(page.url(), `${server.url}?user=ann`);
  await context.close();
  const old = await closed({ hash: "#token=token-of-ann", more: { expired: true } });
  await old.page.waitForSelector("[data-testid=sign-in]", { state: "visible" });
  await problemIs(old.page, /link is too old/);
  assert.equal(old.page.url(), server.url);
  await old.context.close();
});

test("a token is renewed before it ends, and one that is refused brings the sign-in back", async () => {
  const { page, context } = await closed({ more: { lasts: 2 } });
  await page.waitForSelector("[data-testid=sign-in]", { state: "visible" });
  await signIn(page, KEY);
  await until(page, "a renewal", () => sessionStorage.getItem("voce.token") === "token-3", 15_000);
  await page.evaluate(() => Object.assign(window.farEnd, { lasts: 600, expired: true }));
  await page.click("[data-testid=talk]");
  await page.waitForSelector("[data-testid=sign-in]", { state: "visible" });
  await until(page, "the reason", () => window.voce.problem === "sign-in-needed");
  await page.evaluate(() => { window.farEnd.expired = false; });
  await signIn(page, KEY);
  await page.waitForSelector("[data-testid=sign-in]", { state: "hidden" });
  await until(page, "no problem", () => window.voce.problem === undefined);
  await context.close();
});

test("too many tries and a server that is away are told apart, in the dark and on a narrow page", async () => {
  const { page, context } = await closed({ colorScheme: "dark", viewport: { width: 360, height: 740 } });
  await page.waitForSelector("[data-testid=sign-in]", { state: "visible" });
  await signIn(page, "");
  await problemIs(page, /Enter the access key/);
  await page.evaluate(() => { window.farEnd.refuseSession = { status: 429, body: { error: "too many requests", retry_after_seconds: 7 } }; });
  await signIn(page, KEY);
  await problemIs(page, /Too many tries. Wait 7 seconds/);
  await screenshot(page, "access-narrow-dark");
  await page.evaluate(() => { window.farEnd.gone = true; });
  await signIn(page, KEY);
  await problemIs(page, /does not answer/);
  const beyond = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
  assert.ok(beyond <= 0, `the page is ${beyond} px too wide`);
  await context.close();
});

test("limits and a foreign page are told in the server's words", async () => {
  for (const [status, body, kind, words] of [
    [429, { error: "key \"shop\" has its 2 calls going on", code: "limit", retry_after_seconds: 9 }, "too-many", /Key "shop" has its 2 calls going on.*Try again in/s],
    [403, { error: "pages of \"https://evil.example\" may not use this server", code: "foreign_origin" }, "not-allowed", /may not use this server/],
    [503, { error: "the server is shutting down", code: "shutting_down", retry_after_seconds: 9 }, "server-leaving", /being restarted/],
  ]) {
    const { page, context } = await closed({ hash: "#token=token-1" });
    await until(page, "the page", () => document.querySelector("#models td")?.textContent);
    await page.evaluate((refuse) => { window.farEnd.refuse = refuse; }, { status, body, headers: {} });
    await page.click("[data-testid=talk]");
    await until(page, kind, (wanted) => window.voce.problem === wanted, 20_000, kind);
    assert.match(await page.textContent("[data-testid=problem]"), words);
    await context.close();
  }
});

test("the real server takes the key, and then a call", { skip: process.env.VOCE_URL ? "the server is somebody else's" : false }, async () => {
  process.env.VOCE_API_KEYS = `page=${KEY}`;
  let real;
  try {
    real = await startServer(["access.required=always", "telemetry.enabled=false"]);
  } finally {
    delete process.env.VOCE_API_KEYS;
  }
  try {
    const { page, context, errors } = await openPage(browser);
    await page.goto(real.url);
    await page.waitForSelector("[data-testid=sign-in]", { state: "visible" });
    await screenshot(page, "access-sign-in");
    assert.equal(await page.$("#models td"), null, "a stranger learns nothing of what runs here");
    await signIn(page, KEY);
    await page.waitForSelector("[data-testid=sign-in]", { state: "hidden" });
    await until(page, "the models", () => document.querySelector("#models td")?.textContent);
    await page.click("[data-testid=talk]");
    await until(page, "the call", () => window.voce.state === "listening", 60_000);
    await screenshot(page, "access-call");
    assert.deepEqual(errors, []);
    await context.close();
  } finally {
    await real.stop();
  }
});
