// Chromium as a caller: a WAV file for a microphone, a fresh profile, and no way out of this machine.
import { chromium } from "playwright-core";

const FLAGS = [
  "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
  "--disable-background-networking", "--disable-component-update", "--disable-sync",
  "--autoplay-policy=no-user-gesture-required",
];

/** Launches a browser whose microphone speaks a WAV file, or is "refused" by the caller, or "missing". */
export async function launch(microphone, { program = process.env.VOCE_CHROMIUM || "/usr/bin/chromium", flags = [] } = {}) {
  const allowed = "--use-fake-ui-for-media-stream";
  const device = "--use-fake-device-for-media-stream";
  const media = microphone === "refused" ? [device, "--deny-permission-prompts"]
    : microphone === "missing" ? [allowed]
      : [allowed, device, `--use-file-for-fake-audio-capture=${microphone}%noloop`];
  return chromium.launch({
    executablePath: program,
    headless: true,
    args: [...FLAGS, ...media, ...flags],
  });
}

/** Opens a page that can reach this machine only. What it asks of others is refused and kept in `outside`. */
export async function openPage(browser, { viewport = { width: 1280, height: 800 }, colorScheme = "light", reducedMotion } = {}) {
  const context = await browser.newContext({ viewport, colorScheme, reducedMotion });
  const outside = [];
  const errors = [];
  await context.route("**/*", (route) => {
    const { hostname, protocol } = new URL(route.request().url());
    if (hostname === "127.0.0.1" || protocol === "data:" || protocol === "blob:") return route.fallback();
    outside.push(route.request().url());
    return route.abort();
  });
  const page = await context.newPage();
  page.on("pageerror", (error) => errors.push(String(error)));
  page.on("console", (message) => {
    // The browser itself reports failed requests; tests that cause them check what the page makes of it.
    if (message.type() === "error" && !message.text().startsWith("Failed to load resource")) errors.push(message.text());
  });
  return { context, page, outside, errors };
}

/** Waits until `read`, run in the page with what is `given`, gives something true; fails with the page's state. */
export async function until(page, what, read, timeout = 30_000, given = undefined) {
  try {
    const found = await (await page.waitForFunction(read, given, { timeout, polling: 50 })).jsonValue();
    // The page draws what has changed in a task of its own; what is read next must be what a person would see.
    await page.evaluate(() => new Promise((drawn) => setTimeout(drawn, 50)));
    return found;
  } catch (error) {
    const seen = await page.evaluate(() => ({
      state: window.voce?.state, problem: window.voce?.problem, transcript: window.voce?.transcript,
    })).catch(() => "the page is gone");
    throw new Error(`waited ${timeout / 1000} s for ${what}; the page shows ${JSON.stringify(seen, null, 1)}`, { cause: error });
  }
}

/** Keeps a picture for people to look at, where VOCE_SCREENSHOTS names a directory. */
export async function screenshot(page, name, options = {}) {
  const directory = process.env.VOCE_SCREENSHOTS;
  if (directory) await page.screenshot({ path: `${directory}/${name}.png`, ...options });
}
