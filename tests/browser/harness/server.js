// A voce server of the test's own, with its own knowledge base, or the one that VOCE_URL names.
import { execFile, spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

const root = fileURLToPath(new URL("../../../", import.meta.url));
const binary = process.env.VOCE_BIN || join(root, "target/release/voce");

// Loading every model on a busy machine of two cores takes a while.
const START_SECONDS = 120;

/** Runs a command of voce to its end and gives what it printed. */
export async function voce(...args) {
  const { stdout } = await promisify(execFile)(binary, args, { cwd: root, maxBuffer: 16 << 20, timeout: 300_000 });
  return stdout;
}

async function freePort() {
  const probe = createServer();
  await new Promise((ready) => probe.listen(0, "127.0.0.1", ready));
  const { port } = probe.address();
  await new Promise((closed) => probe.close(closed));
  return port;
}

/** Starts a server that takes one call at a time, with `settings` beside. `own` is false when it is somebody else's. */
export async function startServer(settings = []) {
  if (process.env.VOCE_URL) return { url: process.env.VOCE_URL.replace(/\/?$/, "/"), own: false, stop: async () => {} };
  const directory = mkdtempSync(join(tmpdir(), "voce-server-"));
  const knowledge = ["--set", `knowledge.path=${join(directory, "knowledge")}`];
  await voce("ingest", join(root, "config/knowledge"), ...knowledge);
  const url = `http://127.0.0.1:${await freePort()}/`;
  const own = [...knowledge, "--set", `telemetry.spool.dir=${join(directory, "spool")}`];
  const server = spawn(binary, ["serve", "--listen", new URL(url).host, ...own, "--set", "transport.max_calls=1", ...settings.flatMap((setting) => ["--set", setting])], {
    cwd: root, stdio: ["ignore", "pipe", "pipe"], env: { ...process.env, MLFLOW_TRACKING_URI: process.env.VOCE_MLFLOW_URL ?? "" },
  });
  let log = "";
  for (const stream of [server.stdout, server.stderr]) stream.on("data", (text) => { log = (log + text).slice(-20_000); });
  const ended = new Promise((end) => server.on("exit", end));
  const stop = async () => {
    // Not SIGTERM, which lets calls that a test left open go on.
    server.kill("SIGINT");
    const late = setTimeout(() => server.kill("SIGKILL"), 15_000);
    await ended;
    clearTimeout(late);
    rmSync(directory, { recursive: true, force: true });
  };
  const deadline = Date.now() + START_SECONDS * 1000;
  while (Date.now() < deadline && server.exitCode === null) {
    const answered = await fetch(`${url}api/status`).then((response) => response.ok, () => false);
    if (answered) return { url, own: true, stop, kill: () => server.kill("SIGKILL") };
    await new Promise((wait) => setTimeout(wait, 200));
  }
  const { exitCode } = server;
  await stop();
  throw new Error(exitCode === null ? `voce did not answer within ${START_SECONDS} s:\n${log}` : `voce ended with ${exitCode}:\n${log}`);
}
