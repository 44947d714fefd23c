// All that the views show, in one place; whoever changes it calls `changed`, and the views draw once a frame.
import { Conversation } from "./conversation";
import type { Problem } from "./problems";
import type { Status } from "./protocol";

/** What the one button says. */
export type Phase = "idle" | "connecting" | "listening" | "thinking" | "speaking";

export interface State {
  phase: Phase;
  /** What the bot is doing, in words. */
  doing: string;
  /** True while the caller is heard speaking. */
  hearing: boolean;
  /** True while the bot's sound waits, because someone speaks into it. */
  held: boolean;
  /** True where the caller speaks by holding a button. */
  pushToTalk: boolean;
  /** True while that button is held. */
  pressed: boolean;
  status?: Status;
  /** False once a question for the status went unanswered. */
  reachable: boolean;
  roundTripMs?: number;
  interrupted: boolean;
  problem?: Problem;
  /** What to say in the sign-in once it shows. */
  signInProblem?: string;
  /** The exchange in the inspector; the last one that has figures when undefined. */
  picked?: number;
  microphones: MediaDeviceInfo[];
  microphone: string;
}

export class Store {
  readonly state: State = {
    phase: "idle", doing: "", hearing: false, held: false, pushToTalk: false, pressed: false, reachable: true, interrupted: false, microphones: [], microphone: "",
  };
  readonly conversation = new Conversation(() => this.changed());
  private readonly views: ((store: Store) => void)[] = [];
  private drawing = false;

  view(draw: (store: Store) => void) {
    this.views.push(draw);
    draw(this);
  }

  set(part: Partial<State>) {
    Object.assign(this.state, part);
    this.changed();
  }

  // A page in the background gets no animation frames, but its captions should still be right.
  private changed() {
    if (this.drawing) return;
    this.drawing = true;
    setTimeout(() => {
      this.drawing = false;
      for (const draw of this.views) draw(this);
    }, 16);
  }
}
