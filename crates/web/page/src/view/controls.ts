// The bar at the foot: the one button, stopping the bot, hanging up, the microphone and its level.
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

/** What the button says to those who talk by holding it. */
const HOLD_WORDS: Partial<Record<Phase, string>> = { listening: "Hold to talk" };
const HOLD_HINTS: Partial<Record<Phase, string>> = {
  listening: matchMedia("(pointer: coarse)").matches ? "while you speak" : "or the space bar",
  speaking: "hold to interrupt",
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
  interrupt(): void;
  /** The button is held, where that means anything. */
  press(): boolean;
  release(): void;
  pushToTalk(on: boolean): void;
  choose(device: string): void;
}

export function controls(store: Store, levels: Levels, actions: Actions) {
  const button = byId<HTMLButtonElement>("talk");
  const hangUp = byId<HTMLButtonElement>("hang-up");
  const stop = byId<HTMLButtonElement>("stop");
  const select = byId<HTMLSelectElement>("microphone");
  button.addEventListener("click", actions.start);
  hangUp.addEventListener("click", actions.hangUp);
  stop.addEventListener("click", actions.interrupt);
  hold(button, actions);
  toggle(store, byId<HTMLButtonElement>("push-to-talk"), actions);
  select.addEventListener("change", () => actions.choose(select.value));
  meter(store, levels);

  store.view(({ state }) => {
    document.body.dataset.phase = state.phase;
    document.body.dataset.hearing = String(state.hearing);
    document.body.dataset.pressed = String(state.pressed);
    document.body.dataset.held = String(state.held);
    const [word, hint] = words(state);
    setText(byId("talk-word"), word);
    setText(byId("talk-hint"), hint);
    // During a call the button tells what goes on; talking itself is what acts, unless the button is what is held.
    const holds = state.pushToTalk && state.phase !== "idle" && state.phase !== "connecting";
    button.classList.toggle("holds", holds);
    button.setAttribute("aria-disabled", String(state.phase !== "idle" && !holds));
    if (holds) button.setAttribute("aria-pressed", String(state.pressed));
    else button.removeAttribute("aria-pressed");
    show(hangUp, state.phase !== "idle", button);
    show(stop, state.phase === "speaking", button);
    listMicrophones(select, state);
  });
}

function words({ phase, doing, held, pushToTalk, pressed }: State): [string, string] {
  if (pressed) return ["Listening…", "let go to send"];
  if (held) return [WORDS[phase], "waiting for you"];
  const own = pushToTalk ? { ...WORDS, ...HOLD_WORDS } : WORDS;
  const hints = pushToTalk ? { ...HINTS, ...HOLD_HINTS } : HINTS;
  return [own[phase], (pushToTalk && phase === "listening" ? "" : doing) || hints[phase]];
}

// The button that was focused must not vanish under the finger of a keyboard user.
function show(button: HTMLElement, visible: boolean, instead: HTMLElement) {
  if (button.hidden === !visible) return;
  if (!visible && document.activeElement === button) instead.focus();
  button.hidden = !visible;
}

function hold(button: HTMLButtonElement, actions: Actions) {
  button.addEventListener("pointerdown", (event) => {
    if (event.button !== 0 || !actions.press()) return;
    // A finger that slides off the button still holds it.
    button.setPointerCapture(event.pointerId);
  });
  for (const end of ["pointerup", "pointercancel", "lostpointercapture"]) button.addEventListener(end, actions.release);
  // A long press on a touch screen opens a menu otherwise.
  button.addEventListener("contextmenu", (event) => button.classList.contains("holds") && event.preventDefault());
}

function toggle(store: Store, button: HTMLButtonElement, actions: Actions) {
  button.addEventListener("click", (event) => {
    actions.pushToTalk(!store.state.pushToTalk);
    // After a click the space bar is for talking; who came here by keyboard can switch back with it.
    if (event.detail > 0) button.blur();
  });
  store.view(({ state }) => button.setAttribute("aria-checked", String(state.pushToTalk)));
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
