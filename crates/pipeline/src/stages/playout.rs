//! Sound to the caller's ear, at the speed of speech.
use std::{collections::VecDeque, time::Duration};

use tokio::{
    sync::{OwnedMutexGuard, mpsc},
    time::{Instant, sleep_until},
};
use tracing::Span;
use voce_core::{AudioFrame, Line, MediaTime, SPEAKER_FRAMES, Speaker, SpokenWord};

use crate::{Inlet, Outlet, Spoken, Stage, StageError, Turn, spans};

const FRAME: Duration = Duration::from_millis(20);
/// How far sound may run ahead of the ear: what the speaker's queue holds. It bridges a moment's hesitation of
/// the machine, and it is what is still heard after an interruption.
const AHEAD: Duration = Duration::from_millis(20 * SPEAKER_FRAMES as u64);

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
    /// The turn that is answered.
    pub turn: Turn,
}

impl Stage for Playout {
    type In = Spoken;
    type Out = Played;
    const NAME: &'static str = "playout";
    /// Words are reported as they end; the session must never hold up the sound.
    const BUFFER: usize = 64;

    fn span(&self, parent: &Span) -> Span {
        spans::playout(parent)
    }

    async fn run(self, mut input: Inlet<Spoken>, mut output: Outlet<Played>) -> Result<(), StageError> {
        let mut player = Player::new(self.speaker.hold().await, self.turn);
        while let Some(spoken) = input.next().await {
            if player.heard.is_none() {
                player.start(spoken.speech.rate_hz);
                output.send(Played::Started).await?;
            }
            if spoken.begins_line {
                output.send(Played::Line(spoken.line)).await?;
            }
            player.append(&spoken.speech.samples, spoken.speech.words);
            while player.frame_is_full() {
                player.play(&mut output).await?;
            }
        }
        player.finish(&mut output).await
    }
}

/// The state of one answer's playout. Writes down what was heard when it is dropped, however that comes about.
struct Player {
    speaker: OwnedMutexGuard<mpsc::Sender<AudioFrame>>,
    turn: Turn,
    span: Span,
    rate_hz: u32,
    pending: VecDeque<f32>,
    /// Words that are not heard to their end yet, with the sample at which they end.
    words: VecDeque<(u64, String)>,
    appended: u64,
    sent: u64,
    due: Instant,
    heard: Option<String>,
    late_frames: u32,
    complete: bool,
}

impl Player {
    fn new(speaker: OwnedMutexGuard<mpsc::Sender<AudioFrame>>, turn: Turn) -> Self {
        Self {
            speaker,
            turn,
            span: Span::current(),
            rate_hz: 0,
            pending: VecDeque::new(),
            words: VecDeque::new(),
            appended: 0,
            sent: 0,
            due: Instant::now(),
            heard: None,
            late_frames: 0,
            complete: false,
        }
    }

    fn start(&mut self, rate_hz: u32) {
        self.rate_hz = rate_hz;
        self.heard = Some(String::new());
        self.due = Instant::now();
        self.turn.first_sound();
    }

    fn append(&mut self, samples: &[f32], words: Vec<SpokenWord>) {
        let base = self.appended;
        let end = |word: &SpokenWord| base + (word.end_seconds * f64::from(self.rate_hz)) as u64;
        self.words.extend(words.iter().map(|word| (end(word), word.text.clone())));
        self.pending.extend(samples);
        self.appended += samples.len() as u64;
    }

    fn frame_samples(&self) -> usize {
        (u128::from(self.rate_hz) * FRAME.as_millis() / 1_000) as usize
    }

    fn frame_is_full(&self) -> bool {
        self.pending.len() >= self.frame_samples()
    }

    /// Sends the next frame when it is due and reports the words that ended in it.
    async fn play(&mut self, output: &mut Outlet<Played>) -> Result<(), StageError> {
        let now = Instant::now();
        if now > self.due + AHEAD {
            // The sound ran dry. It goes on from here rather than hurry after the lost time.
            self.late_frames += ((now - self.due).as_millis() / FRAME.as_millis()) as u32;
            self.due = now;
        }
        sleep_until(self.due.checked_sub(AHEAD).unwrap_or(self.due)).await;
        let samples: Vec<f32> = self.pending.drain(..self.frame_samples()).collect();
        let at = MediaTime::of_samples(self.sent, self.rate_hz);
        self.sent += samples.len() as u64;
        let frame = AudioFrame { at, rate_hz: self.rate_hz, samples };
        self.speaker.send(frame).await.map_err(|_| StageError::Closed)?;
        self.due += FRAME;
        while self.words.front().is_some_and(|(end, _)| *end <= self.sent) {
            let Some((_, word)) = self.words.pop_front() else { break };
            self.hear(&word);
            output.send(Played::Word(word)).await?;
        }
        Ok(())
    }

    fn hear(&mut self, word: &str) {
        let heard = self.heard.get_or_insert_default();
        if !heard.is_empty() {
            heard.push(' ');
        }
        heard.push_str(word);
    }

    /// Plays what does not fill a frame and waits until the last sample was heard.
    async fn finish(mut self, output: &mut Outlet<Played>) -> Result<(), StageError> {
        if self.heard.is_some() {
            if !self.pending.is_empty() {
                self.pending.resize(self.frame_samples(), 0.0);
                // Times rounded up by a sample must not cost the last word.
                self.words.iter_mut().for_each(|(end, _)| *end = 0);
                self.play(output).await?;
            }
            while let Some((_, word)) = self.words.pop_front() {
                self.hear(&word);
                output.send(Played::Word(word)).await?;
            }
            sleep_until(self.due).await;
        }
        self.complete = true;
        Ok(())
    }
}

impl Drop for Player {
    fn drop(&mut self) {
        let heard_seconds = self.sent as f64 / f64::from(self.rate_hz.max(1));
        self.span.record("late_frames", self.late_frames);
        self.span.record("heard", self.heard.as_deref().unwrap_or_default());
        self.span.record("cut", !self.complete);
        self.span.record("heard_seconds", heard_seconds);
        self.turn.note(|report| {
            report.heard_seconds = Some(report.heard_seconds.unwrap_or_default() + heard_seconds);
            report.late_frames += self.late_frames;
        });
    }
}
