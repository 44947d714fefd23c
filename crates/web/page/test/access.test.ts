import assert from "node:assert/strict";
import { test } from "node:test";

import { ask, authorization, liveHeaders, signIn, signOut, wordsOf } from "../src/access";

/** A server that gives these answers, one a request. */
function server(...answers: [number, object][]) {
  const asked: [string, string | null][] = [];
  globalThis.fetch = (async (address: string, init?: RequestInit) => {
    asked.push([address, new Headers(init?.headers).get("authorization")]);
    const [status, body] = answers.shift()!;
    return new Response(JSON.stringify(body), { status });
  }) as typeof fetch;
  return asked;
}

test("a key becomes a token that goes with every request until it is refused", async () => {
  const asked = server([401, { code: "unknown_credential" }], [200, { token: "t1", expires_in_seconds: 600 }], [200, {}], [401, {}], [401, {}]);
  assert.match(await signIn("wrong"), /not known here/);
  assert.equal(await signIn("right"), "");
  await ask("/api/turns/x", { headers: { range: "bytes=0-1" } });
  assert.deepEqual(Object.fromEntries(liveHeaders.entries()), { authorization: "Bearer t1" });
  await ask("/api/turns/x");
  assert.deepEqual(authorization(), {});
  await ask("/api/turns/x");
  signOut();
  assert.deepEqual(asked, [
    ["/api/session", "Bearer wrong"], ["/api/session", "Bearer right"],
    ["/api/turns/x", "Bearer t1"], ["/api/turns/x", "Bearer t1"], ["/api/turns/x", null],
  ]);
});

test("each refusal has its words", () => {
  assert.match(wordsOf(429, { retry_after_seconds: 7 }, true), /Wait 7 seconds/);
  assert.match(wordsOf(401, { code: "expired_token" }, false), /too old/);
  assert.match(wordsOf(401, { code: "wrong_signature" }, false), /not good here/);
  assert.equal(wordsOf(403, { error: "pages may not" }, true), "Pages may not.");
});
