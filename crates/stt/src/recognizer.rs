//! A loaded recogniser: for a call, as a stream that can be dropped, and for files, as a plain function.
use std::{
    collections::VecDeque,
    future::ready,
    hash::{DefaultHasher, Hash, Hasher},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use futures_util::{StreamExt, stream, stream::BoxStream};
use voce_core::{
    AudioFrame, EngineError, MICROPHONE_RATE_HZ, ModelCard, Output, SpeechToText, Text, Transcript, Wait,
    measured_steps, waited_so_far,
};

use crate::pieces::pieces;

/// What a recogniser has to do. Blocking.
pub(crate) trait Recognise: Send + Sync + 'static {
    fn card(&self) -> &ModelCard;
    /// The engine's name in the configuration.
    fn name(&self) -> &'static str;
    /// Sound longer than this is cut in pauses: samples at 16 kHz.
    fn longest(&self) -> usize;
    /// Transcribes at most that much finite samples at 16 kHz, asking `stop` between the steps.
    fn recognise(&self, samples: &[f32], stop: &Stop) -> Result<Transcript, EngineError>;
}

/// Whether the transcription is still wanted.
#[derive(Clone, Default)]
pub(crate) struct Stop(Arc<AtomicBool>);

impl Stop {
    /// An error once nobody wants the text any more.
    pub(crate) fn check(&self, engine: &'static str) -> Result<(), EngineError> {
        if self.0.load(Ordering::Relaxed) { Err(EngineError::run(engine, "stopped")) } else { Ok(()) }
    }
}

/// Stops the work when it is dropped.
struct StopOnDrop(Stop);

impl Drop for StopOnDrop {
    fn drop(&mut self) {
        self.0.0.store(true, Ordering::Relaxed);
    }
}

/// A recogniser, ready to work. Cheap to clone.
#[derive(Clone)]
pub struct Recognizer {
    engine: Arc<dyn Recognise>,
    known: Arc<Mutex<Known>>,
}

/// What the latest pieces of long sound said. An utterance is heard again and again while it grows, and its first
/// pieces stay the same.
#[derive(Default)]
struct Known(VecDeque<(u64, Transcript)>);

impl Known {
    /// Pieces that are kept: minutes of several calls.
    const MOST: usize = 32;

    fn of(&self, key: u64) -> Option<Transcript> {
        self.0.iter().find(|(known, _)| *known == key).map(|(_, heard)| heard.clone())
    }

    fn keep(&mut self, key: u64, heard: Transcript) {
        if self.0.len() == Self::MOST {
            self.0.pop_front();
        }
        self.0.push_back((key, heard));
    }
}

/// Names a sound; two sounds share a name once in 2^64.
fn key(samples: &[f32]) -> u64 {
    let mut hasher = DefaultHasher::new();
    samples.len().hash(&mut hasher);
    samples.iter().for_each(|sample| sample.to_bits().hash(&mut hasher));
    hasher.finish()
}

impl Recognizer {
    pub(crate) fn new(engine: impl Recognise) -> Self {
        Self { engine: Arc::new(engine), known: Arc::default() }
    }

    /// Transcribes mono sound at 16 kHz of any length, on this thread. Sound without words gives an empty text.
    pub fn transcribe_samples(&self, samples: &[f32]) -> Result<Transcript, EngineError> {
        self.transcribe_until(samples, &Stop::default())
    }

    /// Transcribes mono sound at any rate.
    pub fn transcribe_at(&self, samples: &[f32], rate_hz: u32) -> Result<Transcript, EngineError> {
        let resampled = voce_audio::resample(samples, rate_hz, MICROPHONE_RATE_HZ)
            .map_err(|error| EngineError::run(self.engine.name(), error))?;
        self.transcribe_samples(&resampled)
    }

    fn transcribe_until(&self, samples: &[f32], stop: &Stop) -> Result<Transcript, EngineError> {
        if let Some(place) = samples.iter().position(|sample| !sample.is_finite()) {
            let reason = format!("sample {place} of the sound is {}", samples[place]);
            return Err(EngineError::run(self.engine.name(), reason));
        }
        let mut whole = Transcript { audio_seconds: seconds(samples.len()), ..Transcript::default() };
        for piece in pieces(samples, self.engine.longest()) {
            let start = seconds(piece.start);
            let heard = match piece.end == samples.len() {
                true => self.engine.recognise(&samples[piece], stop)?,
                false => self.recognise_once(&samples[piece], stop)?,
            };
            if !whole.text.is_empty() && !heard.text.is_empty() {
                whole.text.push(' ');
            }
            whole.text.push_str(&heard.text);
            whole.retries += heard.retries;
            whole.tokens.extend(heard.tokens.into_iter().map(|mut token| {
                token.start_seconds = token.start_seconds.map(|seconds| seconds + start);
                token
            }));
        }
        Ok(whole)
    }

    /// A piece that is followed by more: it will not change any more.
    fn recognise_once(&self, samples: &[f32], stop: &Stop) -> Result<Transcript, EngineError> {
        let key = key(samples);
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner).of(key);
        if let Some(heard) = known {
            return Ok(heard);
        }
        let heard = self.engine.recognise(samples, stop)?;
        self.known.lock().unwrap_or_else(PoisonError::into_inner).keep(key, heard.clone());
        Ok(heard)
    }
}

fn seconds(samples: usize) -> f64 {
    samples as f64 / f64::from(MICROPHONE_RATE_HZ)
}

impl SpeechToText for Recognizer {
    fn model(&self) -> &ModelCard {
        self.engine.card()
    }

    /// Yields one final text, no partials: both models hear an utterance as a whole.
    fn transcribe(&self, speech: BoxStream<'static, AudioFrame>) -> Output<Text> {
        let recognizer = self.clone();
        let guard = StopOnDrop(Stop::default());
        let stop = guard.0.clone();
        stream::once(gather(speech, self.engine.name()))
            .flat_map(move |utterance| match utterance {
                Err(error) => stream::once(ready(Err(error))).boxed(),
                Ok(samples) => {
                    let (recognizer, stop) = (recognizer.clone(), stop.clone());
                    measured_steps(Wait::of("stt"), Some(samples), move |samples| {
                        let Some(samples) = samples.take() else { return Ok(None) };
                        let mut heard = recognizer.transcribe_until(&samples, &stop)?;
                        heard.waited_seconds = waited_so_far().as_secs_f64();
                        Ok(Some(Text::Final(heard)))
                    })
                }
            })
            .inspect(move |_| {
                // The guard lives as long as the stream.
                let _ = &guard;
            })
            .boxed()
    }
}

async fn gather(
    mut speech: BoxStream<'static, AudioFrame>,
    engine: &'static str,
) -> Result<Vec<f32>, EngineError> {
    let mut samples = Vec::new();
    while let Some(frame) = speech.next().await {
        if frame.rate_hz != MICROPHONE_RATE_HZ {
            let reason = format!("sound at {} Hz, expected {MICROPHONE_RATE_HZ} Hz", frame.rate_hz);
            return Err(EngineError::run(engine, reason));
        }
        samples.extend_from_slice(&frame.samples);
    }
    Ok(samples)
}

#[cfg(test)]
mod tests {
    use std::{sync::mpsc, time::Duration};

    use futures_util::FutureExt;

    use super::*;

    /// Works until it is stopped, and says so.
    struct Endless {
        card: ModelCard,
        events: mpsc::Sender<&'static str>,
    }

    impl Recognise for Endless {
        fn card(&self) -> &ModelCard {
            &self.card
        }

        fn name(&self) -> &'static str {
            "endless"
        }

        fn longest(&self) -> usize {
            usize::MAX
        }

        fn recognise(&self, _: &[f32], stop: &Stop) -> Result<Transcript, EngineError> {
            self.events.send("started").expect("the test listens");
            loop {
                if let Err(error) = stop.check("endless") {
                    self.events.send("stopped").expect("the test listens");
                    return Err(error);
                }
                std::thread::sleep(Duration::from_millis(1));
            }
        }
    }

    #[tokio::test]
    async fn dropping_the_stream_stops_the_work() {
        let (events, seen) = mpsc::channel();
        let recognizer = Recognizer::new(Endless { card: ModelCard::default(), events });
        let mut text = recognizer.transcribe(stream::empty().boxed());
        assert!(text.next().now_or_never().is_none());
        assert_eq!(seen.recv_timeout(Duration::from_secs(10)), Ok("started"));
        drop(text);
        assert_eq!(seen.recv_timeout(Duration::from_secs(10)), Ok("stopped"));
    }

    /// Hears how long the sound is, in pieces of a second, and counts them.
    struct Counts(ModelCard, mpsc::Sender<usize>);

    impl Recognise for Counts {
        fn card(&self) -> &ModelCard {
            &self.0
        }

        fn name(&self) -> &'static str {
            "counts"
        }

        fn longest(&self) -> usize {
            16_000
        }

        fn recognise(&self, samples: &[f32], _: &Stop) -> Result<Transcript, EngineError> {
            self.1.send(samples.len()).expect("the test listens");
            Ok(Transcript { text: format!("{}", samples.len()), ..Transcript::default() })
        }
    }

    #[test]
    fn of_sound_that_grows_only_the_end_is_heard_again() {
        let (heard, pieces) = mpsc::channel();
        let recognizer = Recognizer::new(Counts(ModelCard::default(), heard));
        let sound: Vec<f32> = (0..40_000).map(|at| (at as f32 * 0.01).sin()).collect();
        let first = recognizer.transcribe_samples(&sound).unwrap().text;
        assert_eq!(pieces.try_iter().count(), first.split(' ').count());
        let longer = [sound, vec![0.5; 100]].concat();
        let second = recognizer.transcribe_samples(&longer).unwrap().text;
        assert_eq!(pieces.try_iter().count(), 1);
        let before = |text: &str| text.rsplit_once(' ').map(|(before, _)| before.to_owned());
        assert_eq!((before(&first), first == second), (before(&second), false));
    }
}
