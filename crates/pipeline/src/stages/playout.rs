//! Sound to the caller's ear, at the speed of speech.
use std::sync::Arc;

use tokio::time::{Instant, sleep_until};
use tracing::Span;
use voce_core::{AudioFrame, Line, MediaTime, Recorder, Speaker};

use super::track::{FRAME, Track};
use crate::{Gate, Gateway, Inlet, Outlet, Spoken, Stage, StageError, Turn, spans};

/// How far sound may run ahead of the ear: what the speaker's queue holds. It bridges a moment's hesitation of
/// the machine, and it is what is still heard after an interruption.
const AHEAD: std::time::Duration = std::time::Duration::from_millis(20 * voce_core::SPEAKER_FRAMES as u64);

/// After a stop this short the listener still has the beginning of the word in the ear.
const SHORT_STOP: std::time::Duration = std::time::Duration::from_millis(250);

/// What the caller has heard.
#[derive(Clone, Debug, PartialEq)]
pub enum Played {
    /// The first sample of the answer.
    Started,
    /// The first sample of a line.
    Line(Line),
    /// A word, to its end.
    Word(String),
}

/// Plays what was spoken and reports each word once it was heard.
pub struct Playout {
    /// Where to; held for as long as the answer lasts, so two answers never overlap.
    pub speaker: Speaker,
    /// Who keeps what is heard, if anybody does.
    pub recorder: Option<Arc<dyn Recorder>>,
    /// The turn that is answered.
    pub turn: Turn,
    /// Whether the sound may flow.
    pub gate: Gateway,
    /// Whether this is the answer that the caller waits for.
    pub is_answer: bool,
}

impl Stage for Playout {
    type In = Spoken;
    type Out = Played;
    const NAME: &'static str = "playout";
    /// Words are reported as they end; the session must never hold up the sound.
    const BUFFER: usize = 64;

    /// The span begins with the sound, not with the waiting at the gate.
    fn span(&self, parent: &Span) -> Span {
        parent.clone()
    }

    async fn run(mut self, mut input: Inlet<Spoken>, mut output: Outlet<Played>) -> Result<(), StageError> {
        let Some(first) = input.next().await else { return Ok(()) };
        self.turn.quiet().sounds(true);
        self.gate.pass().await;
        let speaker = self.speaker.hold().await;
        let span = spans::playout(&Span::current());
        let mut is_awaited = self.is_answer;
        let mut player = Player {
            send: Send { speaker, recorder: self.recorder, due: Instant::now(), late_frames: 0 },
            track: Track::new(first.speech.rate_hz),
            gate: self.gate,
            span,
            turn: self.turn,
            heard: String::new(),
            complete: false,
        };
        output.send(Played::Started).await?;
        let mut next = Some(first);
        while let Some(spoken) = next {
            player.turn.quiet().sounds(true);
            // What covers the time of a tool is not what the caller waits for.
            if is_awaited && !player.turn.quiet().is_filler(&spoken.line) {
                player.turn.first_sound();
                is_awaited = false;
            }
            if spoken.begins_line {
                output.send(Played::Line(spoken.line)).await?;
            }
            player.track.append(&spoken.speech.samples, spoken.speech.words);
            while player.track.frame_is_full() {
                player.play(&mut output).await?;
            }
            player.turn.quiet().sounds(false);
            next = input.next().await;
        }
        player.turn.quiet().sounds(true);
        player.finish(&mut output).await
    }
}

/// The state of one answer's playout. Writes down what was heard when it is dropped, however that comes about.
struct Player {
    send: Send,
    track: Track,
    gate: Gateway,
    turn: Turn,
    span: Span,
    heard: String,
    complete: bool,
}

/// The way to the ear, and the time.
struct Send {
    speaker: tokio::sync::OwnedMutexGuard<tokio::sync::mpsc::Sender<AudioFrame>>,
    recorder: Option<Arc<dyn Recorder>>,
    due: Instant,
    late_frames: u32,
}

impl Player {
    /// Sends the next frame when it is due and reports the words that ended in it.
    async fn play(&mut self, output: &mut Outlet<Played>) -> Result<(), StageError> {
        let now = Instant::now();
        if now > self.send.due + AHEAD {
            // The sound ran dry. It goes on from here rather than hurry after the lost time.
            if !self.turn.quiet().was_expected() {
                self.send.late_frames += ((now - self.send.due).as_millis() / FRAME.as_millis()) as u32;
            }
            self.send.due = now;
        }
        let gain = loop {
            let state = self.gate.state();
            if matches!(state, Gate::Held | Gate::Closed) {
                self.hold().await?;
                continue;
            }
            tokio::select! {
                biased;
                () = self.gate.changed() => {}
                () = sleep_until(self.send.due.checked_sub(AHEAD).unwrap_or(self.send.due)) => {
                    break if let Gate::Ducked(gain) = state { gain } else { 1.0 };
                }
            }
        };
        let frame = self.track.next_frame(gain);
        self.send.frame(frame, self.track.rate_hz()).await?;
        while let Some(word) = self.track.next_heard() {
            self.report(word, output).await?;
        }
        Ok(())
    }

    /// Falls silent without a click and waits; then goes on from the beginning of the word at hand.
    async fn hold(&mut self) -> Result<(), StageError> {
        if let Some(fade) = self.track.fade_out() {
            self.send.frame(fade, self.track.rate_hz()).await?;
        }
        let since = Instant::now();
        self.gate.pass().await;
        self.track.go_on(since.elapsed() >= SHORT_STOP);
        self.send.due = Instant::now();
        Ok(())
    }

    async fn report(&mut self, word: String, output: &mut Outlet<Played>) -> Result<(), StageError> {
        if !self.heard.is_empty() {
            self.heard.push(' ');
        }
        self.heard.push_str(&word);
        if let Some(recorder) = &self.send.recorder {
            recorder.word(self.turn.id(), &word);
        }
        output.send(Played::Word(word)).await
    }

    /// Plays what does not fill a frame and waits until the last sample was heard.
    async fn finish(mut self, output: &mut Outlet<Played>) -> Result<(), StageError> {
        self.track.pad();
        while self.track.frame_is_full() {
            self.play(output).await?;
        }
        while let Some(word) = self.track.last_words() {
            self.report(word, output).await?;
        }
        sleep_until(self.send.due).await;
        self.complete = true;
        Ok(())
    }
}

impl Send {
    async fn frame(&mut self, samples: (u64, Vec<f32>), rate_hz: u32) -> Result<(), StageError> {
        let at = MediaTime::of_samples(samples.0, rate_hz);
        let frame = AudioFrame { at, rate_hz, samples: samples.1 };
        if let Some(recorder) = &self.recorder {
            recorder.bot(&frame);
        }
        self.speaker.send(frame).await.map_err(|_| StageError::Closed)?;
        self.due += FRAME;
        Ok(())
    }
}

impl Drop for Player {
    fn drop(&mut self) {
        self.turn.quiet().sounds(false);
        let heard_seconds = self.track.sounded_seconds();
        self.span.record("late_frames", self.send.late_frames);
        self.span.record("heard", &self.heard);
        self.span.record("cut", !self.complete);
        self.span.record("heard_seconds", heard_seconds);
        self.turn.note(|report| {
            report.heard_seconds = Some(report.heard_seconds.unwrap_or_default() + heard_seconds);
            report.late_frames += self.send.late_frames;
        });
    }
}
