//! A call with a server as a `FarEnd`: what holds calls within the process holds them over WebRTC as well.
use std::future::Future;

use tokio::sync::mpsc::{self, error::TrySendError};
use voce_core::{AudioFrame, CONTROLS, Control, Event, FarEnd, MediaTime};

use crate::{Caller, CallerError, HEARD_RATE_HZ, Heard, SPOKEN_RATE_HZ, mouth::Speech, rtvi};

/// Frames of the caller's that may wait for the network, 320 ms.
const SPOKEN_FRAMES: usize = 16;
/// Packets of the bot's sound that may wait to be heard, about 5 s: they come at the pace of the network.
const HEARD_FRAMES: usize = 256;
/// Events that may wait to be looked at, as in a call within the process.
const EVENTS: usize = 512;

/// Where a far end hears and is told what happens. What does not fit is dropped: the network does not wait.
#[derive(Debug)]
pub struct Ear {
    speaker: mpsc::Sender<AudioFrame>,
    events: mpsc::Sender<Event>,
    /// Whether a loss was said already.
    lags: bool,
}

impl Ear {
    /// A packet of the bot's sound.
    pub fn hear(&mut self, Heard { position, samples, .. }: Heard) {
        let at = MediaTime::of_samples(position, HEARD_RATE_HZ);
        let sent = self.speaker.try_send(AudioFrame { at, rate_hz: HEARD_RATE_HZ, samples });
        self.note(matches!(sent, Err(TrySendError::Full(_))), "sound");
    }

    /// A message of the server's.
    pub fn receive(&mut self, message: &serde_json::Value) {
        let Some(event) = rtvi::event(message) else { return };
        let sent = self.events.try_send(event);
        self.note(matches!(sent, Err(TrySendError::Full(_))), "events");
    }

    fn note(&mut self, lost: bool, what: &str) {
        if lost && !std::mem::replace(&mut self.lags, true) {
            tracing::warn!(what, "the far end of a call lags; some of it is lost");
        }
    }
}

impl Caller {
    /// The far end of this call, and the line to the server, which has to be run beside it.
    ///
    /// - `microphone` takes frames of 20 ms (320 samples) at 16 kHz at the pace of real time, silence included. When it is
    ///   dropped, the line hangs up.
    /// - `controls` are passed on as RTVI messages.
    /// - `speaker` gives the bot's sound at 24 kHz as packets arrive, with the silence that a server sends now and then
    ///   between answers; `at` is the place in the stream by RTP time, so a jump is a pause.
    /// - `events` are the server's messages (see [`rtvi`]). Both end when the server hangs up.
    ///
    /// What had come before is given first. The line ends when either side hangs up; dropping it drops the call.
    ///
    /// # Errors
    /// The line ends with [`CallerError::Frame`] for sound that no microphone delivers, and with
    /// [`CallerError::Over`] or [`CallerError::WebRtc`] if the connection breaks.
    pub fn into_far_end(self) -> (FarEnd, impl Future<Output = Result<(), CallerError>> + Send + 'static) {
        let (microphone, frames) = mpsc::channel(SPOKEN_FRAMES);
        let (controls, pressed) = mpsc::channel(CONTROLS);
        let (speaker_in, speaker) = mpsc::channel(HEARD_FRAMES);
        let (events_in, events) = mpsc::channel(EVENTS);
        self.record.pass_on(Ear { speaker: speaker_in, events: events_in, lags: false });
        let line = async move {
            let outcome = self.carry(frames, pressed).await;
            self.hang_up().await;
            outcome
        };
        (FarEnd { microphone, controls, speaker, events }, line)
    }

    /// Carries what the caller says and presses, until one side hangs up.
    async fn carry(
        &self,
        mut frames: mpsc::Receiver<AudioFrame>,
        mut pressed: mpsc::Receiver<Control>,
    ) -> Result<(), CallerError> {
        let (live, to_send) = mpsc::channel(SPOKEN_FRAMES);
        self.said.send(Speech::Live(to_send)).await.map_err(|_| CallerError::Over)?;
        loop {
            tokio::select! {
                frame = frames.recv() => match frame {
                    Some(frame) => {
                        let (samples, rate_hz) = (frame.samples.len(), frame.rate_hz);
                        if rate_hz != SPOKEN_RATE_HZ || samples != SPOKEN_RATE_HZ as usize / 50 {
                            return Err(CallerError::Frame { samples, rate_hz });
                        }
                        live.send(frame).await.map_err(|_| CallerError::Over)?;
                    }
                    None => return Ok(()),
                },
                Some(control) = pressed.recv() => match control {
                    Control::Press => self.press().await?,
                    Control::Release => self.release().await?,
                    Control::Interrupt => self.interrupt().await?,
                },
                _ = self.record.ended() => return Ok(()),
            }
        }
    }
}
