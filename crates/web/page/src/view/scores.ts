// The judges' marks of a turn, as they come.
import { ofScore } from "../timeline/facts";
import type { Score } from "../timeline/record";
import { titleOf } from "../timeline/rows";
import { byId, element } from "./element";
import type { FactsPanel } from "./facts";

const LOW = 2;

export class ScoreChips {
  private readonly list = byId("scores");
  private drawn = "[]";

  constructor(private readonly facts: FactsPanel) {}

  draw(scores: Score[]) {
    this.list.hidden = scores.length === 0;
    const drawn = JSON.stringify(scores);
    if (drawn === this.drawn) return;
    this.drawn = drawn;
    this.list.replaceChildren(...scores.map((score) => {
      const value = score.value === null ? "–" : String(score.value);
      const chip = element("button", { type: "button", class: "chip", "data-score": score.name }, `${titleOf(score.name)} `, element("b", {}, value));
      chip.classList.toggle("low", typeof score.value === "number" && score.value <= LOW);
      this.facts.attach(chip, () => ofScore(score));
      return element("li", {}, chip);
    }));
  }
}
