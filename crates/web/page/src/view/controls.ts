// The bar at the foot: the one button, hanging up, the microphone and its level.
import type { Levels } from "../levels";
import type { Phase, State, Store } from "../state";
import { byId, element, setText } from "./element";

const WORDS: Record<Phase, string> = {
  idle: "Talk",
  connecting: "Connecting…",
  listening: "Listening…",
  thinking: "Thinking…",
  speaking: "Speaking",
};

const HINTS: Record<Phase, string> = {
  idle: "",
  connecting: "",
  listening: "just talk",
  thinking: "",
  speaking: "talk to interrupt",
};

export interface Actions {
  start(): void;
  hangUp(): void;
  choose(device: string): void;
}

export function controls(store: Store, levels: Levels, actions: Actions) {
  const button = byId<HTMLButtonElement>("talk");
  const hangUp = byId<HTMLButtonElement>("hang-up");
  const select = byId<HTMLSelectElement>("microphone");
  button.addEventListener("click", actions.start);
  hangUp.addEventListener("click", actions.hangUp);
  select.addEventListener("change", () => actions.choose(select.value));
  meter(store, levels);

  store.view(({ state }) => {
    document.body.dataset.phase = state.phase;
    document.body.dataset.hearing = String(state.hearing);
    setText(byId("talk-word"), WORDS[state.phase]);
    setText(byId("talk-hint"), state.doing || HINTS[state.phase]);
    // During a call the button tells what goes on; talking itself is what acts.
    button.setAttribute("aria-disabled", String(state.phase !== "idle"));
    // The button that was focused must not vanish under the finger of a keyboard user.
    if (hangUp.hidden !== (state.phase === "idle")) {
      if (document.activeElement === hangUp) button.focus();
      hangUp.hidden = state.phase === "idle";
    }
    listMicrophones(select, state);
  });
}

function listMicrophones(select: HTMLSelectElement, state: State) {
  const named = state.microphones.filter((device) => device.deviceId && device.deviceId !== "default" && device.label);
  const wanted = JSON.stringify([named.map((device) => [device.deviceId, device.label]), state.microphone]);
  if (select.dataset.shown === wanted) return;
  select.dataset.shown = wanted;
  select.replaceChildren(
    element("option", { value: "" }, "Default microphone"),
    ...named.map((device) => element("option", { value: device.deviceId }, device.label)),
  );
  select.value = named.some((device) => device.deviceId === state.microphone) ? state.microphone : "";
}

function meter(store: Store, levels: Levels) {
  const box = byId("level");
  const bars = Array.from({ length: 14 }, () => element("i"));
  box.append(...bars);
  const draw = () => {
    const level = store.state.phase === "idle" ? 0 : levels.now.you;
    // The lowest fifth is the noise of a quiet room.
    const lit = Math.round(Math.max(0, level - 0.2) * 1.25 * bars.length);
    bars.forEach((bar, at) => bar.classList.toggle("lit", at < lit));
  };
  setInterval(draw, 60);
}
