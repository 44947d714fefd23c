// Puts the page together.
import { begin, signOut } from "./access";
import { Call } from "./call";
import { keyboard } from "./keyboard";
import { Levels } from "./levels";
import { Microphone } from "./microphone";
import { Opinions } from "./opinions";
import { Player } from "./player";
import { fetchStatus, needsSignIn } from "./protocol";
import { Store } from "./state";
import { remember, remembered, theme } from "./theme";
import { controls } from "./view/controls";
import { byId } from "./view/element";
import { header } from "./view/header";
import { inspector } from "./view/inspector";
import { problemBox } from "./view/problem";
import { signInForm } from "./view/sign-in";
import { transcript } from "./view/transcript";

const MICROPHONE = "voce.microphone";
const PUSH_TO_TALK = "voce.push-to-talk";
// The loudspeaker is a little behind, and so is the room.
const ECHO_MS = 250;

const store = new Store();
const levels = new Levels();
const microphone = new Microphone();
microphone.chosen = remembered(MICROPHONE);
const call = new Call(store, microphone, levels, byId<HTMLAudioElement>("speaker"));
const player = new Player();
player.mayPlay = () => call.quiet;
let echo: ReturnType<typeof setTimeout> | undefined;
player.onChange = () => {
  clearTimeout(echo);
  if (player.playing) call.makeDeaf(true);
  // Whoever holds the button is to be heard from the first syllable.
  else echo = setTimeout(() => call.makeDeaf(false), store.state.pressed ? 0 : ECHO_MS);
  store.set({});
};
// The call comes first.
store.view(() => player.playing && !call.quiet && player.stop());

const listMicrophones = async () => store.set({ microphones: await microphone.getAllMics(), microphone: microphone.chosen });
microphone.onDevices = () => void listMicrophones();

// What the server shows depends on who asks.
const learn = () => fetchStatus().then((status) => store.set({ status, reachable: true }), () => store.set({ reachable: false }));
const focusSignIn = signInForm(store, async () => {
  await learn();
  if (store.state.problem?.kind === "sign-in-needed") store.set({ problem: undefined });
});
call.onRefused = signOut;

const actions = {
  start: () => {
    if (!focusSignIn()) void call.start();
  },
  hangUp: () => call.hangUp(),
  interrupt: () => call.interrupt(),
  press: () => call.press("pointer"),
  release: () => call.release("pointer"),
  pushToTalk: (on: boolean) => {
    remember(PUSH_TO_TALK, on ? "on" : "");
    call.setPushToTalk(on);
  },
  choose: (device: string) => {
    remember(MICROPHONE, device);
    void call.choose(device).then(listMicrophones);
  },
};

theme(byId<HTMLButtonElement>("theme"));
header(store);
problemBox(store);
transcript(store, new Opinions(() => store.set({})));
inspector(store, levels, player);
controls(store, levels, actions);
keyboard({
  start: actions.start,
  escape: () => (player.playing ? player.stop() : call.escape()),
  press: () => call.press("key"),
  release: () => call.release("key"),
});
call.setPushToTalk(remembered(PUSH_TO_TALK) === "on");
void listMicrophones();
// A token in the address or in this tab first: with it the server shows more.
void begin(() => void learn()).then(async (why) => {
  await learn();
  if (why !== "" && needsSignIn(store.state.status)) store.set({ signInProblem: why });
});
// Whoever looks elsewhere does not see that the microphone is open.
const letGo = () => {
  call.release();
  call.finishRelease();
};
addEventListener("blur", letGo);
document.addEventListener("visibilitychange", () => document.hidden && letGo());
// A page that goes away says so, instead of letting the server find out.
addEventListener("pagehide", () => call.hangUp());

// For tests and the curious: what the page shows, to read only.
Object.defineProperty(window, "voce", {
  value: Object.freeze({
    get state() {
      return store.state.phase;
    },
    get pressed() {
      return store.state.pressed;
    },
    get problem() {
      return store.state.problem?.kind;
    },
    get transcript() {
      return structuredClone(store.conversation.exchanges);
    },
    get turns() {
      return structuredClone(store.conversation.exchanges.flatMap(({ report }) => report ?? []));
    },
  }),
});
