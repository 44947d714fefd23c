// The page that `voce report --html` writes, as a browser shows it: no request, no error, nothing wider than a telephone.
// Simulated turns go into an experiment of their own. VOCE_BIN, VOCE_MLFLOW_URL, VOCE_SCREENSHOTS: see call.test.js.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { pathToFileURL } from "node:url";

import { launch, screenshot } from "./harness/browser.js";

const voce = process.env.VOCE_BIN;
const mlflow = process.env.VOCE_MLFLOW_URL;
const skip = voce && mlflow ? false : "VOCE_BIN and VOCE_MLFLOW_URL are not set";
const experiment = `report-page-${process.pid}-${Date.now()}`;
const settings = ["--set", "telemetry.enabled=true", "--set", `telemetry.sinks=[{url="${mlflow}", experiment="${experiment}"}]`];

let folder;
let browser;
let file;

before(async () => {
  if (skip) return;
  folder = mkdtempSync(join(tmpdir(), "voce-report-"));
  file = join(folder, "report.html");
  const run = (...args) => execFileSync(voce, [...args, ...settings], { cwd: folder, encoding: "utf8", stdio: ["ignore", "pipe", "inherit"] });
  const made = JSON.parse(run("bench", "turns", "--count", "120", "--turns-of-call", "4", "--seed", "7", "--variant", "usual")).turns;
  run("bench", "turns", "--count", "80", "--turns-of-call", "4", "--seed", "8", "--variant", "slow", "--slower", "1.5");
  await scored(made);
  run("report", "--since", "3h", "--by", "variant", "--html", file);
  browser = await launch("missing");
});
after(async () => {
  await browser?.close();
  if (folder) rmSync(folder, { recursive: true });
});

// Scores as a judge would write them.
async function scored(made) {
  for (const [index, { trace_id: id }] of made.slice(0, 30).entries()) {
    const assessment = (name, value) => ({
      assessment: {
        assessment_name: name, trace_id: `tr-${id}`, feedback: { value },
        source: { source_type: "LLM_JUDGE", source_id: "test" },
      },
    });
    for (const [name, value] of [["faithfulness", 3 + (index % 3)], ["<i>relevance</i>", 4 + (index % 2)]]) {
      const answer = await fetch(`${mlflow}/api/3.0/mlflow/traces/tr-${id}/assessments`, {
        method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(assessment(name, value)),
      });
      assert.ok(answer.ok, await answer.text());
    }
  }
}

for (const [name, width, colorScheme] of [["wide", 1180, "light"], ["dark", 1180, "dark"], ["narrow", 400, "light"], ["narrow-dark", 400, "dark"]]) {
  test(`the report is readable ${name}`, { skip }, async () => {
    const context = await browser.newContext({ viewport: { width, height: 900 }, colorScheme });
    const page = await context.newPage();
    const requests = [];
    const errors = [];
    page.on("request", (request) => requests.push(request.url()));
    page.on("pageerror", (error) => errors.push(String(error)));
    page.on("console", (message) => errors.push(message.text()));
    const address = pathToFileURL(file).href;
    await page.goto(address);
    await page.waitForTimeout(300);
    await screenshot(page, `report-${name}`, { fullPage: true });
    assert.deepEqual(requests.filter((url) => !url.startsWith("data:")), [address]);
    assert.deepEqual(errors, []);

    const seen = await page.evaluate(() => ({
      wide: document.documentElement.scrollWidth,
      headings: [...document.querySelectorAll("h2")].map((each) => each.textContent),
      plots: [...document.querySelectorAll("svg")].map((each) => each.querySelectorAll("rect, circle, line").length),
      links: [...document.querySelectorAll("table.list a")].map((each) => each.href),
      said: [...document.querySelectorAll("td.said")].map((each) => each.textContent),
      smuggled: document.querySelectorAll("td.said *, svg i, svg b").length,
      ground: getComputedStyle(document.body).backgroundColor,
      ink: getComputedStyle(document.body).color,
    }));
    assert.ok(seen.wide <= width, `${seen.wide} pixels`);
    for (const heading of ["Voice to voice", "Stages", "Tokens over time", "Scores", "By variant", "Differences", "Slowest turns"]) {
      assert.ok(seen.headings.includes(heading), heading);
    }
    assert.ok(seen.plots.length >= 7 && seen.plots.every((marks) => marks > 4), String(seen.plots));
    assert.equal(seen.links.length, 10);
    assert.ok(seen.links.every((link) => link.startsWith(mlflow) && link.includes("selectedEvaluationId=tr-")), seen.links[0]);
    assert.ok(seen.said.every((text) => text.length > 5));
    assert.equal(seen.smuggled, 0);
    assert.notEqual(seen.ground, seen.ink);
    await context.close();
  });
}
