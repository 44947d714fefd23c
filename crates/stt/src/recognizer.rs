//! A loaded recogniser: for a call, as a stream that can be dropped, and for files, as a plain function.
use std::{
    future::ready,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use futures_util::{StreamExt, stream, stream::BoxStream};
use voce_core::{
    AudioFrame, EngineError, MICROPHONE_RATE_HZ, ModelCard, Output, SpeechToText, Text, Transcript, steps,
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
pub struct Recognizer(Arc<dyn Recognise>);

impl Recognizer {
    pub(crate) fn new(engine: impl Recognise) -> Self {
        Self(Arc::new(engine))
    }

    /// Transcribes mono sound at 16 kHz of any length, on this thread. Sound without words gives an empty text.
    pub fn transcribe_samples(&self, samples: &[f32]) -> Result<Transcript, EngineError> {
        self.transcribe_until(samples, &Stop::default())
    }

    /// Transcribes mono sound at any rate.
    pub fn transcribe_at(&self, samples: &[f32], rate_hz: u32) -> Result<Transcript, EngineError> {
        let resampled = voce_audio::resample(samples, rate_hz, MICROPHONE_RATE_HZ)
            .map_err(|error| EngineError::run(self.0.name(), error))?;
        self.transcribe_samples(&resampled)
    }

    fn transcribe_until(&self, samples: &[f32], stop: &Stop) -> Result<Transcript, EngineError> {
        if let Some(place) = samples.iter().position(|sample| !sample.is_finite()) {
            let reason = format!("sample {place} of the sound is {}", samples[place]);
            return Err(EngineError::run(self.0.name(), reason));
        }
        let mut whole = Transcript { audio_seconds: seconds(samples.len()), ..Transcript::default() };
        for piece in pieces(samples, self.0.longest()) {
            let start = seconds(piece.start);
            let heard = self.0.recognise(&samples[piece], stop)?;
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
}

fn seconds(samples: usize) -> f64 {
    samples as f64 / f64::from(MICROPHONE_RATE_HZ)
}

impl SpeechToText for Recognizer {
    fn model(&self) -> &ModelCard {
        self.0.card()
    }

    /// Yields one final text, no partials: both models hear an utterance as a whole.
    fn transcribe(&self, speech: BoxStream<'static, AudioFrame>) -> Output<Text> {
        let recognizer = self.clone();
        let guard = StopOnDrop(Stop::default());
        let stop = guard.0.clone();
        stream::once(gather(speech, self.0.name()))
            .flat_map(move |utterance| match utterance {
                Err(error) => stream::once(ready(Err(error))).boxed(),
                Ok(samples) => {
                    let (recognizer, stop) = (recognizer.clone(), stop.clone());
                    steps(Some(samples), move |samples| {
                        let Some(samples) = samples.take() else { return Ok(None) };
                        recognizer.transcribe_until(&samples, &stop).map(|heard| Some(Text::Final(heard)))
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
}
