import assert from "node:assert/strict";
import { test } from "node:test";

import { Opinions } from "../src/opinions";
import { clean } from "../src/user";

type Answer = { ok: true; state: string; why?: string } | { ok: false; status: number; why: string };

/** A server that gives these answers, one a request. */
function server(...answers: Answer[]) {
  const asked: unknown[] = [];
  const ask = async (trace: string, said?: object) => {
    asked.push([trace, said]);
    return answers.shift() ?? { ok: true as const, state: "saved" };
  };
  return { ask, asked };
}

test("it is called saved only once the server says so", async () => {
  const { ask, asked } = server({ ok: true, state: "waiting" }, { ok: true, state: "waiting", why: "MLflow is away" }, { ok: true, state: "saved" });
  const seen: string[] = [];
  const opinions: Opinions = new Opinions(() => seen.push(`${opinions.get("a")!.fate} ${opinions.get("a")!.why}`.trim()), ask);
  await opinions.give("a", true, "short");
  assert.deepEqual(seen, ["sending", "waiting", "waiting MLflow is away", "saved"]);
  assert.deepEqual(asked, [["a", { good: true, comment: "short" }], ["a", undefined], ["a", undefined]]);
});

test("a refusal is shown with its reason", async () => {
  const opinions = new Opinions(() => {}, server({ ok: false, status: 503, why: "no MLflow" }).ask);
  await opinions.give("a", false, "");
  assert.deepEqual(opinions.get("a"), { good: false, comment: "", fate: "failed", why: "no MLflow" });
});

test("what becomes of an earlier opinion does not show at a later one", async () => {
  let first: (answer: Answer) => void = () => {};
  const answers = [new Promise<Answer>((come) => { first = come; }), Promise.resolve<Answer>({ ok: true, state: "saved" })];
  const opinions = new Opinions(() => {}, async () => answers.shift()!);
  const earlier = opinions.give("a", true, "");
  await opinions.give("a", false, "");
  first({ ok: false, status: 500, why: "broken" });
  await earlier;
  assert.deepEqual(opinions.get("a"), { good: false, comment: "", fate: "saved", why: "" });
});

test("a name is bounded and printable", () => {
  assert.equal(clean("  ann\u0000\n "), "ann");
  assert.equal([...clean("ü".repeat(200))].length, 128);
});
