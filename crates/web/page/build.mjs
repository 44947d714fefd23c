// Bundles the page into ../dist with content hashes in the names, and refuses to grow over its budget.
// `--test` bundles and runs the tests of the pure modules instead.
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { build } from "esbuild";

const here = dirname(fileURLToPath(import.meta.url));
const dist = join(here, "..", "dist");
const BUDGET_BYTES = 150 * 1024;

const common = {
  absWorkingDir: here,
  bundle: true,
  format: "esm",
  logLevel: "warning",
  // The transport's default media manager fetches code from the network at run time. We bring our own,
  // so its package stays out of the bundle and the page cannot make that request.
  alias: { "@daily-co/daily-js": join(here, "src", "without-daily.ts") },
};

if (process.argv.includes("--test")) runTests();
else await buildPage();

async function runTests() {
  const out = join(here, "node_modules", ".tests");
  rmSync(out, { recursive: true, force: true });
  const tests = readdirSync(join(here, "test")).filter((name) => name.endsWith(".test.ts"));
  await build({ ...common, platform: "node", outdir: out, entryPoints: tests.map((name) => join("test", name)), outExtension: { ".js": ".mjs" } });
  const files = tests.map((name) => join(out, name.replace(/\.ts$/, ".mjs")));
  process.exit(spawnSync(process.execPath, ["--test", ...files], { stdio: "inherit" }).status ?? 1);
}

async function buildPage() {
  const result = await build({
    ...common,
    entryPoints: ["src/main.ts", "src/style.css"],
    outdir: dist,
    target: ["chrome109", "firefox115", "safari16"],
    minify: true,
    metafile: true,
    write: false,
    legalComments: "none",
  });
  rmSync(dist, { recursive: true, force: true });
  mkdirSync(join(dist, "assets"), { recursive: true });
  let page = readFileSync(join(here, "index.html"), "utf8");
  let compressed = 0;
  for (const file of result.outputFiles) {
    const [base, extension] = file.path.endsWith(".css") ? ["style", "css"] : ["main", "js"];
    const hash = createHash("sha256").update(file.contents).digest("hex").slice(0, 10);
    const name = `assets/${base}-${hash}.${extension}`;
    writeFileSync(join(dist, name), file.contents);
    page = page.replace(`assets/${base}.${extension}`, name);
    compressed += gzipSync(file.contents).length;
  }
  writeFileSync(join(dist, "icon.svg"), readFileSync(join(here, "icon.svg")));
  writeFileSync(join(dist, "third-party.txt"), notices(result.metafile));
  compressed += gzipSync(page).length;
  // Last: scripts/page takes this file's age as the age of the whole build.
  writeFileSync(join(dist, "index.html"), page);
  console.log(`page: ${(compressed / 1024).toFixed(1)} KB gzipped (budget ${BUDGET_BYTES / 1024} KB)`);
  if (compressed > BUDGET_BYTES) throw new Error("the page is over its budget");
}

// The licences of what the bundle holds ask that their text goes with it.
function notices(metafile) {
  const folders = new Set();
  for (const input of Object.keys(metafile.inputs)) {
    const found = input.match(/^(.*node_modules\/(?:@[^/]+\/)?[^/]+)\//);
    if (found) folders.add(found[1]);
  }
  return [...folders].sort().map((folder) => {
    const about = JSON.parse(readFileSync(join(here, folder, "package.json"), "utf8"));
    const file = readdirSync(join(here, folder)).find((name) => /^licen[sc]e/i.test(name));
    const text = file && existsSync(join(here, folder, file)) ? readFileSync(join(here, folder, file), "utf8") : "";
    return `${about.name} ${about.version} (${about.license})\n\n${text.trim()}\n`;
  }).join("\n" + "-".repeat(80) + "\n\n");
}
