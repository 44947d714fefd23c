// A small world of networks on this machine: a caller and a server that cannot reach each other by UDP, and a TURN
// server between them. Each lives in a network namespace of its own; nothing in it leads out of the machine.
//
//   caller  10.77.1.2 -- 10.77.1.1  turn  10.77.2.1 -- 10.77.2.2  server     no forwarding in between
//   caller  10.77.3.2 ---------------------------------- 10.77.3.1  server   for the page alone
//
// The server's UDP socket is bound to 10.77.2.2, which the caller has no route to.
import { execFileSync, spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

export const ADDRESS = { page: "10.77.3.1", media: "10.77.2.2", turn: "10.77.1.1", turnAtServer: "10.77.2.1" };
export const SECRET = "a secret of this test alone";
const LINKS = [
  ["caller", "turn", "10.77.1.2", "10.77.1.1"],
  ["turn", "server", "10.77.2.1", "10.77.2.2"],
  ["caller", "server", "10.77.3.2", "10.77.3.1"],
];

/** Why there can be none on this machine; undefined where there can. */
export function impossible() {
  if (process.getuid?.() !== 0) return "network namespaces need root";
  if (!process.env.VOCE_COTURN) return "VOCE_COTURN does not name a turnserver (scripts/test fetches one)";
  try {
    execFileSync("ip", ["netns", "add", `voce-${process.pid}-probe`], { stdio: "pipe" });
    execFileSync("ip", ["netns", "del", `voce-${process.pid}-probe`], { stdio: "pipe" });
  } catch (error) {
    return `no network namespace can be made here: ${error.stderr || error.message}`;
  }
  return undefined;
}

/** Makes the three of them, with a TURN server in the middle. */
export async function makeWorld() {
  const named = (place) => `voce-${process.pid}-${place}`;
  const inside = (place) => ["ip", "netns", "exec", named(place)];
  const ip = (...args) => execFileSync("ip", args, { stdio: "pipe" });
  const directory = mkdtempSync(join(tmpdir(), "voce-namespaces-"));
  const running = [];
  let turn;

  /** Starts a program at a place; resolves when it prints `ready`. */
  function start(place, command, args, ready, options = {}) {
    const [program, ...rest] = [...inside(place), command, ...args];
    const child = spawn(program, rest, { stdio: ["ignore", "pipe", "pipe"], ...options });
    running.push(child);
    return new Promise((resolve, reject) => {
      let log = "";
      const late = setTimeout(() => reject(new Error(`${command} was not ready in time:\n${log.slice(-8000)}`)), 120_000);
      for (const stream of [child.stdout, child.stderr]) {
        stream.on("data", (text) => {
          log += text;
          if (!log.includes(ready)) return;
          clearTimeout(late);
          resolve({ child, log: () => log });
        });
      }
      child.on("error", reject);
      child.on("exit", (code) => reject(new Error(`${command} ended with ${code}:\n${log.slice(-8000)}`)));
    });
  }

  async function close() {
    await Promise.all(running.map(async (child) => {
      if (child.exitCode !== null || child.signalCode !== null) return;
      const ended = new Promise((end) => child.on("exit", end));
      child.kill("SIGINT");
      const late = setTimeout(() => child.kill("SIGKILL"), 8_000);
      await ended;
      clearTimeout(late);
    }));
    for (const place of ["caller", "turn", "server"]) {
      try { ip("netns", "del", named(place)); } catch { /* it was never made */ }
    }
    rmSync(directory, { recursive: true, force: true });
  }

  try {
    for (const place of ["caller", "turn", "server"]) {
      ip("netns", "add", named(place));
      ip("-n", named(place), "link", "set", "lo", "up");
    }
    for (const [one, other, oneAddress, otherAddress] of LINKS) {
      ip("-n", named(one), "link", "add", other, "type", "veth", "peer", "name", one, "netns", named(other));
      for (const [place, link, address] of [[one, other, oneAddress], [other, one, otherAddress]]) {
        ip("-n", named(place), "addr", "add", `${address}/24`, "dev", link);
        ip("-n", named(place), "link", "set", link, "up");
      }
    }
    // The caller's other address too: coturn gives a call up when it cannot even try one.
    ip("-n", named("turn"), "route", "add", "10.77.3.2/32", "via", "10.77.1.2");
    // Relayed addresses are at the server's side: the caller reaches the TURN server alone.
    turn = await start("turn", process.env.VOCE_COTURN, [
      "-n", "--no-cli", "--no-tls", "--no-dtls", "--log-file=stdout", "--simple-log", "--verbose",
      `--pidfile=${join(directory, "pid")}`, "--realm=voce", "--use-auth-secret", `--static-auth-secret=${SECRET}`,
      `--listening-ip=${ADDRESS.turn}`, `--listening-ip=${ADDRESS.turnAtServer}`, `--relay-ip=${ADDRESS.turnAtServer}`,
    ], "Relay address", { cwd: directory });
  } catch (error) {
    await close();
    throw error;
  }
  return { inside, start, close, turnLog: () => turn.log() };
}
