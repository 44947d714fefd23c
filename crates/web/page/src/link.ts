// How the connection to the server is doing: round trip, and which network paths were tried.
import type { CallTransport } from "./transport";

export interface Link {
  state: "connected" | "interrupted" | "closed";
  roundTripMs?: number;
}

export async function linkOf(transport: CallTransport): Promise<Link> {
  const { peer, channel } = transport;
  if (!peer || channel?.readyState === "closed" || peer.connectionState === "closed") return { state: "closed" };
  if (peer.connectionState !== "connected") return { state: "interrupted" };
  const stats = await peer.getStats();
  let roundTripMs: number | undefined;
  stats.forEach((entry) => {
    if (entry.type === "candidate-pair" && entry.nominated && entry.currentRoundTripTime !== undefined)
      roundTripMs = entry.currentRoundTripTime * 1000;
  });
  return { state: "connected", roundTripMs };
}

/** One line for every pair of addresses between which a way was sought. */
export async function triedPaths(peer: RTCPeerConnection | null): Promise<string[]> {
  if (!peer) return [];
  const stats = await peer.getStats();
  const pairs: string[] = [];
  const name = (id: string) => {
    const candidate = stats.get(id) as (RTCIceCandidate & { ip?: string }) | undefined;
    if (!candidate) return "unknown";
    return `${candidate.address ?? candidate.ip ?? "hidden address"}:${candidate.port} ${candidate.protocol ?? ""}`.trim();
  };
  const state: Record<string, string> = { "in-progress": "no answer yet", waiting: "not tried yet", frozen: "not tried yet" };
  stats.forEach((entry) => {
    if (entry.type === "candidate-pair")
      pairs.push(`${name(entry.localCandidateId)} → ${name(entry.remoteCandidateId)}: ${state[entry.state] ?? entry.state}`);
  });
  return pairs.length ? pairs.slice(0, 8) : ["The server offered no address that this browser could try."];
}
