// Runs inside the page, before it: notes every piece of sound that is started on an audio clock. The page itself knows
// nothing of it.
export function installPlayed() {
  const played = (window.played = []);
  const start = AudioBufferSourceNode.prototype.start;
  AudioBufferSourceNode.prototype.start = function (at, from, seconds) {
    const piece = { from, seconds, began: this.context.currentTime, length: this.buffer.duration };
    // Whether there is anything to be heard in it.
    const samples = this.buffer.getChannelData(0);
    const rate = this.buffer.sampleRate;
    piece.loudest = samples.slice(from * rate, (from + (seconds ?? 1e9)) * rate).reduce((most, each) => Math.max(most, Math.abs(each)), 0);
    this.addEventListener("ended", () => { piece.ended = this.context.currentTime; });
    played.push(piece);
    return start.call(this, at, from, seconds);
  };
}
