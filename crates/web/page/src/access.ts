// Who may use this server. An access key becomes a session token, the token goes with every request and is renewed in
// time. Only the token is kept, and only until the tab is closed.

const KEY = "voce.token";
const ANSWER_MS = 10_000;
/** Part of a token's life after which it is renewed. */
const RENEW_AFTER = 0.5;
const RETRY_MS = 15_000;
/** Longer waits overflow a timer. */
const LONGEST_MS = 24 * 60 * 60_000;

interface Session {
  token: string;
  expires_in_seconds: number;
}

interface Refused {
  error?: string;
  code?: string;
  retry_after_seconds?: number;
}

let token = "";
let timer: ReturnType<typeof setTimeout> | undefined;
let lost: () => void = () => {};

/** What goes with every request. */
export function authorization(): Record<string, string> {
  return token === "" ? {} : { authorization: `Bearer ${token}` };
}

/** The same for Pipecat's transport, which copies what it is given and reads it when it asks: a renewed token counts. */
export const liveHeaders = { entries: () => Object.entries(authorization()) } as unknown as Headers;

/** `fetch` with the token. */
export async function ask(address: string, init: RequestInit & { headers?: Record<string, string> } = {}): Promise<Response> {
  const sent = token;
  const response = await fetch(address, { ...init, headers: { ...init.headers, ...authorization() } });
  if (response.status === 401 && sent !== "" && sent === token) forget();
  return response;
}

/** Takes the token of the address (`#token=…`) or the one this tab kept. Returns why it does not count, if it does not.
 *  `onLost` is called when a token is no good any more. */
export async function begin(onLost: () => void): Promise<string> {
  const said = new URLSearchParams(location.hash.slice(1)).get("token");
  if (said !== null) history.replaceState(null, "", location.pathname + location.search);
  token = said || kept();
  lost = () => {};
  const why = token === "" ? "" : await renew();
  lost = onLost;
  // Nobody is told about a tab that slept too long.
  return said ? why : "";
}

/** Signs in by an access key. Returns what went wrong, in words; nothing if nothing did. */
export async function signIn(key: string): Promise<string> {
  return take(key, true);
}

export function signOut() {
  forget();
}

async function renew(): Promise<string> {
  return take(token, false);
}

// Asks for a token, by a key or by a token.
async function take(credential: string, byKey: boolean): Promise<string> {
  let response: Response;
  try {
    const headers = { authorization: `Bearer ${credential}` };
    response = await fetch("/api/session", { method: "POST", headers, cache: "no-store", signal: AbortSignal.timeout(ANSWER_MS) });
  } catch {
    // A key that cannot be sent as a header is none.
    if (byKey && /[^\x21-\x7e]/.test(credential)) return wordsOf(401, { code: "unknown_credential" }, byKey);
    schedule(RETRY_MS);
    return "The server does not answer. Check your network and try again.";
  }
  // Someone has signed in or out meanwhile.
  if (!byKey && credential !== token) return "";
  if (response.ok) {
    const session = (await response.json()) as Session;
    token = session.token;
    keep(token);
    schedule(session.expires_in_seconds * RENEW_AFTER * 1000);
    return "";
  }
  const body = (await response.json().catch(() => ({}))) as Refused;
  if (!byKey && response.status === 401) forget();
  else if (!byKey) schedule((body.retry_after_seconds ?? 0) * 1000 || RETRY_MS);
  return wordsOf(response.status, body, byKey);
}

/** What a refused sign-in means. */
export function wordsOf(status: number, body: Refused, byKey: boolean): string {
  if (status === 429) return `Too many tries. Wait ${body.retry_after_seconds ?? 60} seconds, then try again.`;
  if (status === 401 && byKey) return "This key is not known here. Check that it is complete.";
  if (status === 401 && body.code === "expired_token") return "The link is too old. Ask for a new one, or sign in with a key.";
  if (status === 401) return "The link is not good here. Ask for a new one, or sign in with a key.";
  const said = body.error ?? `the server answered ${status}`;
  return `${said.charAt(0).toUpperCase()}${said.slice(1)}.`;
}

function schedule(ms: number) {
  clearTimeout(timer);
  if (token !== "") timer = setTimeout(() => void renew(), Math.min(LONGEST_MS, Math.max(1000, ms)));
}

function forget() {
  clearTimeout(timer);
  token = "";
  keep("");
  lost();
}

function kept(): string {
  try {
    return sessionStorage.getItem(KEY) ?? "";
  } catch {
    return "";
  }
}

function keep(value: string) {
  try {
    if (value === "") sessionStorage.removeItem(KEY);
    else sessionStorage.setItem(KEY, value);
  } catch {
    // Then it lasts as long as the page.
  }
}
