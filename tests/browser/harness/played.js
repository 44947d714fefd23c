// Runs inside the page, before it: notes every piece of sound that is started on an audio clock. The page itself knows
// nothing of it.
export function installPlayed() {
  const played = (window.played = []);
  const pieces = new WeakMap();
  const { start } = AudioBufferSourceNode.prototype;
  const { stop } = AudioScheduledSourceNode.prototype;
  AudioBufferSourceNode.prototype.start = function (at, from, seconds) {
    const piece = { from, seconds, began: this.context.currentTime, length: this.buffer.duration };
    // Whether there is anything to be heard in it.
    const samples = this.buffer.getChannelData(0);
    const rate = this.buffer.sampleRate;
    piece.loudest = samples.slice(from * rate, (from + (seconds ?? 1e9)) * rate).reduce((most, each) => Math.max(most, Math.abs(each)), 0);
    // Its end or its stop, whichever comes first: a suspended context tells of no ends.
    const over = () => { piece.ended ??= this.context.currentTime; };
    this.addEventListener("ended", over);
    pieces.set(this, over);
    played.push(piece);
    return start.call(this, at, from, seconds);
  };
  AudioBufferSourceNode.prototype.stop = function (at) {
    pieces.get(this)?.();
    return stop.call(this, at);
  };
}
