//! Lines to sound.
use std::sync::Arc;

use futures_util::StreamExt;
use tokio::time::Instant;
use tracing::{Instrument, Span};
use voce_core::{Line, Speech, TextToSpeech};

use crate::{Inlet, Outlet, Stage, StageError, Turn, spans};

/// Sound, still knowing which line it says.
pub struct Spoken {
    /// The line.
    pub line: Line,
    /// The sound, or the next part of it.
    pub speech: Speech,
    /// True for the first part of the line.
    pub begins_line: bool,
}

/// Speaks each line.
pub struct Synthesize {
    /// The voice.
    pub tts: Arc<dyn TextToSpeech>,
    /// The turn that is answered.
    pub turn: Turn,
}

impl Stage for Synthesize {
    type In = Line;
    type Out = Spoken;
    const NAME: &'static str = "tts";
    /// The line after the one that sounds is ready in time; more would be thrown away by an interruption.
    const BUFFER: usize = 2;

    fn span(&self, parent: &Span) -> Span {
        parent.clone() // One span a line.
    }

    async fn run(self, mut input: Inlet<Line>, mut output: Outlet<Spoken>) -> Result<(), StageError> {
        while let Some(line) = input.next().await {
            let span = spans::tts(&Span::current(), self.tts.model(), self.tts.voice());
            let spoken = self.speak(line, &span, &mut output).await;
            self.turn.quiet().line_spoken();
            match spoken {
                Err(StageError::Engine(error)) => {
                    span.record("otel.status_code", "ERROR");
                    span.record("otel.status_description", tracing::field::display(&error));
                    return Err(error.into());
                }
                other => other?,
            }
        }
        Ok(())
    }
}

impl Synthesize {
    async fn speak(&self, line: Line, span: &Span, output: &mut Outlet<Spoken>) -> Result<(), StageError> {
        span.record("text", &line.text);
        span.record("characters", line.text.chars().count());
        let (asked, mut first_audio) = (Instant::now(), Some(spans::tts_first_audio(span)));
        let (mut audio_seconds, mut computing) = (0.0, 0.0);
        let mut audio = span.in_scope(|| self.tts.speak(line.clone()));
        loop {
            let from = Instant::now();
            let Some(speech) = audio.next().instrument(span.clone()).await else { break };
            let speech = speech?;
            computing += from.elapsed().as_secs_f64();
            audio_seconds += speech.samples.len() as f64 / f64::from(speech.rate_hz);
            let begins_line = first_audio.take().is_some();
            if begins_line {
                let seconds = asked.elapsed().as_secs_f64();
                span.record("first_audio_seconds", seconds);
                self.turn.note(|report| {
                    report.tts_first_audio_seconds.get_or_insert(seconds);
                    if !report.spoken.is_empty() {
                        report.spoken.push(' ');
                    }
                    report.spoken.push_str(&line.text);
                });
            }
            output.send(Spoken { line: line.clone(), speech, begins_line }).await?;
        }
        span.record("audio_seconds", audio_seconds);
        span.record("real_time_factor", computing / f64::max(audio_seconds, 0.001));
        Ok(())
    }
}
