// The button that plays a turn, and the clock that moves the playhead.
import type { Player } from "../player";
import type { TurnRecord } from "../timeline/record";
import { isAudible } from "../timeline/record";
import { byId, setText } from "./element";

const NOT_NOW = "Not while one of you speaks: the two would mix.";
const ABOUT = "Plays both sides; Esc stops. During a call your microphone is off meanwhile.";

export class Playback {
  private readonly button = byId<HTMLButtonElement>("play");
  private record: TurnRecord | undefined;
  private moving = false;

  constructor(private readonly player: Player, private readonly moved: () => void) {
    this.button.addEventListener("click", () => {
      if (player.playing) player.stop();
      else if (this.record) void player.play(this.record, 0);
    });
  }

  draw(record: TurnRecord | undefined) {
    const { playing, problem } = this.player;
    this.record = record;
    this.button.hidden = !record || !isAudible(record);
    this.button.classList.toggle("stops", playing !== undefined);
    setText(byId("play-word"), playing ? "Stop" : "Play");
    const may = playing !== undefined || this.player.mayPlay();
    this.button.setAttribute("aria-disabled", String(!may));
    this.button.title = may ? ABOUT : NOT_NOW;
    const note = byId("play-problem");
    note.hidden = problem === "";
    setText(note, problem);
    if (playing && !this.moving) this.move();
  }

  private move() {
    this.moving = this.player.playing !== undefined;
    this.moved();
    if (this.moving) requestAnimationFrame(() => this.move());
  }
}
