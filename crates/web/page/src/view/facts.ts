// One panel for what is known of the thing under the pointer or the focus.
import type { Facts } from "../timeline/facts";
import { byId, element } from "./element";

const INVITATION = "Point at or focus anything for its facts. Press it to hear that part.";
const SILENT_INVITATION = "Point at or focus a bar for its facts.";

export class FactsPanel {
  private readonly panel = byId("timeline-facts");

  /** Makes an element show its facts as long as it is pointed at or focused. */
  attach(target: HTMLElement, facts: () => Facts) {
    const show = () => this.show(facts());
    target.addEventListener("pointerenter", show);
    target.addEventListener("focus", show);
    target.setAttribute("aria-describedby", this.panel.id);
  }

  invite(audible: boolean) {
    this.panel.replaceChildren(element("p", { class: "invitation" }, audible ? INVITATION : SILENT_INVITATION));
  }

  private show({ title, about, text, lines }: Facts) {
    this.panel.replaceChildren(
      element("p", {}, element("b", {}, title), " ", element("span", {}, about)),
      text !== undefined && text !== "" ? element("p", { class: "reason" }, text) : "",
      lines.length > 0 ? element("dl", {}, ...lines.map(([name, value]) =>
        element("div", {}, element("dt", {}, name), element("dd", {}, value)))) : "",
    );
  }
}
