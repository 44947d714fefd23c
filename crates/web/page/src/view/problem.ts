// What is wrong and what to do about it, above the transcript.
import type { Store } from "../state";
import { byId, element, setText } from "./element";

export function problemBox(store: Store) {
  const box = byId("problem");
  store.view(({ state }) => {
    const problem = state.problem;
    box.hidden = !problem;
    if (!problem) {
      setText(byId("problem-title"), "");
      return;
    }
    box.dataset.kind = problem.kind;
    box.classList.toggle("mild", problem.mild === true);
    setText(byId("problem-title"), problem.title);
    setText(byId("problem-detail"), problem.detail);
    const evidence = byId<HTMLDetailsElement>("problem-evidence");
    evidence.hidden = !problem.evidence?.length;
    const list = evidence.querySelector("ul")!;
    const lines = problem.evidence ?? [];
    if (list.textContent !== lines.join("")) list.replaceChildren(...lines.map((line) => element("li", {}, line)));
    countDown(problem.retryAt);
  });
  setInterval(() => countDown(store.state.problem?.retryAt), 500);
}

function countDown(retryAt: number | undefined) {
  const line = byId("problem-retry");
  line.hidden = retryAt === undefined;
  if (retryAt === undefined) return;
  const left = Math.ceil((retryAt - Date.now()) / 1000);
  setText(line, left > 0 ? `Try again in ${duration(left)}.` : "A line may be free now: press Talk.");
}

function duration(left: number): string {
  if (left < 90) return `${left} second${left === 1 ? "" : "s"}`;
  return `${Math.ceil(left / 60)} minutes`;
}
