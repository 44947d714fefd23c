//! Keeps the sound and the heard words of one call for as long as its open turns need them.
use std::time::{Duration, SystemTime};

use parking_lot::Mutex;
use tokio::time::Instant;
use voce_core::{AudioFrame, Event, Recorder, TurnId};

use super::sound::{Sound, Track};

/// Sound that is kept while nobody speaks: speech is noticed, and a turn's beginning set, after the fact.
const BEFORE: Duration = Duration::from_secs(3);
/// What an attached recording of the caller holds before the turn's beginning. That is where a detector was sure of
/// speech, which a word's first consonant precedes; who plays the recording to a recogniser again needs it.
pub const BEFORE_SPEECH: Duration = Duration::from_millis(300);
/// How long a turn's sound is kept after its end: its spans arrive soon after, but after.
const AFTER: Duration = Duration::from_secs(3);
/// Words and decisions of turns that are not collected, at most.
const MOST_NOTES: usize = 4_096;

/// One call.
pub struct CallRecorder {
    began: Instant,
    began_at: SystemTime,
    longest: Duration,
    /// Whether sound and words are kept at all.
    keeps_content: bool,
    kept: Mutex<Kept>,
}

#[derive(Default)]
struct Kept {
    caller: Track,
    bot: Track,
    words: Vec<(TurnId, HeardWord)>,
    decisions: Vec<(TurnId, Decision)>,
    /// When the caller began to speak, for turns that are not over.
    starts: Vec<Duration>,
    bot_started: Duration,
    last_word_ended: Duration,
    /// Until when the last turn's sound is needed.
    needed_until: Duration,
}

/// A word of the answer, on the call's clock.
#[derive(Clone, Debug, PartialEq)]
pub struct HeardWord {
    pub text: String,
    pub start: Duration,
    pub end: Duration,
}

/// A judged pause, on the call's clock.
#[derive(Clone, Debug, PartialEq)]
pub struct Decision {
    pub at: Duration,
    pub outcome: &'static str,
    pub probability: Option<f64>,
    pub waited_ms: f64,
}

/// What is known of one turn beside its spans. Times count from the turn's beginning.
pub struct Recording {
    /// The caller's last [`BEFORE_SPEECH`] before the turn.
    pub before: Sound,
    pub caller: Sound,
    pub bot: Sound,
    pub words: Vec<HeardWord>,
    pub decisions: Vec<Decision>,
}

impl CallRecorder {
    /// The call begins now. Of one side of a turn at most `longest` is kept; nothing that was said if not
    /// `keeps_content`.
    pub fn new(longest: Duration, keeps_content: bool) -> Self {
        Self {
            began: Instant::now(),
            began_at: SystemTime::now(),
            longest,
            keeps_content,
            kept: Mutex::default(),
        }
    }

    /// Something happened in the call.
    pub fn note(&self, event: &Event) {
        let now = self.began.elapsed();
        let mut kept = self.kept.lock();
        match event {
            Event::UserStartedSpeaking => kept.starts.push(now),
            Event::BotStartedSpeaking { .. } => {
                kept.bot_started = now;
                // A greeting is a turn in which nobody began to speak.
                kept.needed_until = now + self.longest;
            }
            Event::EndOfTurn { turn, probability, outcome, waited_ms }
                if kept.decisions.len() < MOST_NOTES =>
            {
                let decision =
                    Decision { at: now, outcome, probability: *probability, waited_ms: *waited_ms };
                kept.decisions.push((*turn, decision));
            }
            Event::TurnEnded(_) => {
                // Who spoke into the answer has begun the next turn.
                let bot_started = kept.bot_started;
                kept.starts.retain(|start| *start > bot_started);
                kept.needed_until = now + AFTER;
            }
            _ => {}
        }
    }

    /// All that is kept of turn `number`, which lasted from `start` to `end`. Its words are not kept any longer.
    pub fn collect(&self, number: TurnId, start: SystemTime, end: SystemTime) -> Recording {
        let (start, end) = (self.on_clock(start), self.on_clock(end));
        let mut kept = self.kept.lock();
        let of_turn = |turn: &TurnId| *turn == number;
        let words = kept.words.extract_if(.., |(turn, _)| of_turn(turn)).map(|(_, word)| HeardWord {
            start: word.start.saturating_sub(start),
            end: word.end.saturating_sub(start),
            ..word
        });
        let words = words.collect();
        let decisions = kept.decisions.extract_if(.., |(turn, _)| of_turn(turn));
        let decisions = decisions
            .map(|(_, decision)| Decision { at: decision.at.saturating_sub(start), ..decision })
            .collect();
        let before = kept.caller.cut(start.saturating_sub(BEFORE_SPEECH), start);
        let (caller, bot) = (kept.caller.cut(start, end), kept.bot.cut(start, end));
        Recording { before, caller, bot, words, decisions }
    }

    fn on_clock(&self, time: SystemTime) -> Duration {
        time.duration_since(self.began_at).unwrap_or_default()
    }

    /// Adds to one side and forgets what no turn needs any more. Returns when the frame begins, if it does not follow
    /// the one before.
    fn push(
        &self,
        frame: &AudioFrame,
        side: fn(&mut Kept) -> &mut Track,
        ahead: Duration,
    ) -> Option<Duration> {
        if !self.keeps_content {
            return None;
        }
        let now = self.began.elapsed();
        let mut kept = self.kept.lock();
        let start = (now + ahead).saturating_sub(frame.duration());
        let began = side(&mut kept).push(start, &frame.samples, frame.rate_hz);
        let is_idle = kept.starts.is_empty() && now > kept.needed_until;
        let keep = if is_idle { BEFORE } else { self.longest };
        let before = now.saturating_sub(keep);
        kept.caller.forget_before(before);
        kept.bot.forget_before(before);
        began
    }
}

impl Recorder for CallRecorder {
    fn caller(&self, frame: &AudioFrame) {
        let _ = self.push(frame, |kept| &mut kept.caller, Duration::ZERO);
    }

    fn bot(&self, frame: &AudioFrame) {
        // It is heard from now on.
        if let Some(began) = self.push(frame, |kept| &mut kept.bot, frame.duration()) {
            self.kept.lock().last_word_ended = began;
        }
    }

    /// On the clock of the sound itself, whatever the machine does meanwhile.
    fn word(&self, turn: TurnId, text: &str) {
        let mut kept = self.kept.lock();
        if !self.keeps_content || kept.words.len() >= MOST_NOTES {
            return;
        }
        let end = kept.bot.end().unwrap_or_default();
        let word = HeardWord { text: text.to_owned(), start: kept.last_word_ended, end };
        kept.last_word_ended = end;
        kept.words.push((turn, word));
    }
}

#[cfg(test)]
mod tests {
    use voce_core::{MediaTime, TurnReport};

    use super::*;

    const RATE: u32 = 16_000;

    fn frame(level: f32) -> AudioFrame {
        AudioFrame { at: MediaTime::default(), rate_hz: RATE, samples: vec![level; 320] }
    }

    async fn pass(recorder: &CallRecorder, frames: usize, level: f32) {
        for _ in 0..frames {
            tokio::time::advance(Duration::from_millis(20)).await;
            recorder.caller(&frame(level));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_turn_has_its_sound_words_and_decisions_from_its_beginning_on() {
        let recorder = CallRecorder::new(Duration::from_secs(60), true);
        pass(&recorder, 50, 0.0).await;
        recorder.note(&Event::UserStartedSpeaking);
        pass(&recorder, 100, 0.5).await;
        recorder.note(&Event::EndOfTurn {
            turn: TurnId(1),
            probability: Some(0.9),
            outcome: "committed",
            waited_ms: 120.0,
        });
        recorder.note(&Event::BotStartedSpeaking { turn: TurnId(1) });
        for _ in 0..25 {
            tokio::time::advance(Duration::from_millis(20)).await;
            recorder.bot(&frame(0.25));
        }
        recorder.word(TurnId(1), "two");
        recorder.word(TurnId(2), "later");
        let start = recorder.began_at + Duration::from_millis(1_000);
        let recording = recorder.collect(TurnId(1), start, start + Duration::from_secs(3));
        assert_eq!(recording.before.samples.len(), 4_800);
        assert_eq!(recording.caller.samples.len(), 48_000);
        let loud = recording.caller.samples.iter().filter(|&&sample| sample > 16_000).count();
        assert_eq!(loud, 32_000);
        assert_eq!(recording.bot.samples.iter().filter(|&&sample| sample > 8_000).count(), 8_000);
        let word = &recording.words[0];
        assert_eq!((word.text.as_str(), recording.words.len()), ("two", 1));
        // A frame that leaves at a moment is heard from then on.
        assert_eq!((word.start, word.end), (Duration::from_millis(2_020), Duration::from_millis(2_520)));
        assert_eq!(recording.decisions[0].at, Duration::from_millis(2_000));
        assert!(recorder.collect(TurnId(1), start, start).words.is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn between_turns_little_is_kept_and_within_one_all_of_it() {
        let recorder = CallRecorder::new(Duration::from_secs(60), true);
        let kept = |recorder: &CallRecorder| {
            let all = recorder.kept.lock().caller.cut(Duration::ZERO, Duration::from_secs(600));
            all.samples.iter().filter(|&&sample| sample != 0).count() as f64 / f64::from(RATE)
        };
        pass(&recorder, 500, 0.5).await;
        assert!(kept(&recorder) < 4.5, "{}", kept(&recorder));
        recorder.note(&Event::UserStartedSpeaking);
        pass(&recorder, 500, 0.5).await;
        assert!(kept(&recorder) > 12.5, "{}", kept(&recorder));
        pass(&recorder, 5_000, 0.5).await;
        assert!(kept(&recorder) < 61.5, "{}", kept(&recorder));
        recorder.note(&Event::BotStartedSpeaking { turn: TurnId(1) });
        recorder.note(&Event::TurnEnded(TurnReport::default()));
        pass(&recorder, 500, 0.5).await;
        assert!(kept(&recorder) < 4.5, "{}", kept(&recorder));
    }

    #[tokio::test(start_paused = true)]
    async fn where_content_is_forbidden_nothing_that_was_said_is_kept() {
        let recorder = CallRecorder::new(Duration::from_secs(60), false);
        recorder.note(&Event::UserStartedSpeaking);
        pass(&recorder, 50, 0.5).await;
        recorder.word(TurnId(1), "tulip");
        let start = recorder.began_at;
        let recording = recorder.collect(TurnId(1), start, start + Duration::from_secs(1));
        assert!(recording.words.is_empty());
        assert_eq!(recording.caller, Sound::default());
    }
}
