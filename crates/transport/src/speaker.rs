//! The bot's voice: frames to Opus to RTP, sent the moment they come. Nothing is queued here, so nothing of a dropped
//! reply can still be heard.
use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use ropus::{Application, Bitrate, Channels, Encoder, InbandFec, Signal};
use rtc::rtp;
use tokio::{
    sync::mpsc,
    time::{Instant, sleep_until},
};
use voce_core::AudioFrame;
use webrtc::media_stream::track_local::TrackLocal;

use crate::{Config, counters::Counters, peer::Outgoing};

/// RTP counts Opus at this rate whatever the encoder runs at (RFC 7587 4.1).
const CLOCK_HZ: u64 = 48_000;
const FRAME_TICKS: u64 = CLOCK_HZ / 50;
/// Within a voice a frame may come this much later than it should sound. One that is later still is not sent as if
/// it had been on time: the receiver would keep the delay in its jitter buffer for long.
const LATE_TICKS: u64 = 3 * FRAME_TICKS;
/// Rate of the silence before the first voice: Kokoro's, so that its encoder is ready.
const FIRST_RATE_HZ: u32 = 24_000;
/// No frame for this long is a pause; shorter is only jitter of the pipeline.
const PAUSE: Duration = Duration::from_millis(60);
/// Frames of silence sent after a voice, so that the decoder comes to rest and the encoder enters DTX.
const TAIL_FRAMES: u32 = 12;
/// Then one now and then, which keeps the path open and the browser's track unmuted. The period of Opus's own DTX.
const COMFORT: Duration = Duration::from_millis(400);

/// The sending side of a call. Lives as long as the call, across reconnections.
pub struct Voice {
    encoder: Encoder,
    rate_hz: u32,
    bitrate: u32,
    complexity: u8,
    packet: Vec<u8>,
    timeline: Timeline,
    pause: Pause,
    counters: Arc<Counters>,
}

/// Why the voice cannot be encoded.
#[derive(Debug, thiserror::Error)]
pub enum VoiceError {
    /// A setting that Opus refuses, or a sample rate other than 8, 12, 16, 24 or 48 kHz.
    #[error("no opus encoder at {rate_hz} Hz, {bitrate} bit/s: {reason}")]
    Encoder {
        /// Samples per second asked for.
        rate_hz: u32,
        /// Bits per second asked for.
        bitrate: u32,
        /// What Opus says.
        reason: String,
    },
}

/// Silence that has been sent since the last voice.
struct Pause {
    frames: u32,
    next: Instant,
}

/// RTP time: contiguous within a voice, jumping over what was not sent.
struct Timeline {
    started: Instant,
    position: u64,
    first_timestamp: u32,
    sequence: u16,
}

impl Timeline {
    /// Timestamp and sequence number of the next frame, and whether time jumps to the clock with it, because it
    /// comes more than `tolerance` ticks after its place.
    fn next(&mut self, now: Instant, tolerance: u64) -> (u32, u16, bool) {
        let clock = (now.duration_since(self.started).as_secs_f64() * CLOCK_HZ as f64) as u64;
        let anew = clock > self.position + tolerance;
        if anew {
            self.position = clock;
        }
        let timestamp = self.first_timestamp.wrapping_add(self.position as u32);
        let sequence = self.sequence;
        self.position += FRAME_TICKS;
        self.sequence = sequence.wrapping_add(1);
        (timestamp, sequence, anew)
    }
}

impl Voice {
    /// A voice that has said nothing yet.
    pub fn new(config: &Config, counters: Arc<Counters>) -> Result<Self, VoiceError> {
        let now = Instant::now();
        Ok(Self {
            encoder: encoder(FIRST_RATE_HZ, config.opus_bitrate, config.opus_complexity)?,
            rate_hz: FIRST_RATE_HZ,
            bitrate: config.opus_bitrate,
            complexity: config.opus_complexity,
            packet: vec![0; 1500],
            timeline: Timeline {
                started: now,
                position: 0,
                first_timestamp: rand::random(),
                sequence: rand::random(),
            },
            pause: Pause { frames: 0, next: now },
            counters,
        })
    }

    async fn play(&mut self, frame: AudioFrame, outgoing: &Outgoing) {
        self.counters.frames_spoken.add(1);
        if frame.rate_hz != self.rate_hz {
            match encoder(frame.rate_hz, self.bitrate, self.complexity) {
                Ok(encoder) => (self.encoder, self.rate_hz) = (encoder, frame.rate_hz),
                Err(error) => return tracing::error!(%error, "the voice's frames are not heard"),
            }
        }
        let length = self.rate_hz as usize / 50;
        // An encoder's state would not survive what is not a number.
        let mut samples: Vec<f32> =
            frame.samples.iter().map(|x| if x.is_finite() { x.clamp(-1.0, 1.0) } else { 0.0 }).collect();
        // A shorter last frame is filled up; a longer one is several.
        samples.resize(samples.len().max(1).next_multiple_of(length), 0.0);
        // What follows a pause sounds when it comes; every tick it were dated back, it would be delayed.
        let mut tolerance = if self.pause.frames > 0 { 0 } else { LATE_TICKS };
        for samples in samples.chunks_exact(length) {
            self.send(samples, tolerance, outgoing).await;
            tolerance = LATE_TICKS;
        }
        self.pause = Pause { frames: 0, next: Instant::now() + PAUSE };
    }

    async fn rest(&mut self, outgoing: &Outgoing) {
        let silence = vec![0.0; self.rate_hz as usize / 50];
        self.send(&silence, FRAME_TICKS, outgoing).await;
        self.pause.frames = self.pause.frames.saturating_add(1);
        let wait = if self.pause.frames < TAIL_FRAMES { Duration::from_millis(20) } else { COMFORT };
        self.pause.next = (self.pause.next + wait).max(Instant::now());
    }

    async fn send(&mut self, samples: &[f32], tolerance: u64, outgoing: &Outgoing) {
        let length = match self.encoder.encode_float(samples, &mut self.packet) {
            Ok(length) => length,
            Err(error) => return tracing::error!(?error, "a frame was not encoded"),
        };
        let (timestamp, sequence_number, marker) = self.timeline.next(Instant::now(), tolerance);
        let header = rtp::header::Header {
            version: 2,
            marker,
            payload_type: outgoing.payload_type,
            sequence_number,
            timestamp,
            ssrc: outgoing.ssrc,
            ..Default::default()
        };
        let payload = Bytes::copy_from_slice(&self.packet[..length]);
        match outgoing.track.write_rtp(rtp::Packet { header, payload }).await {
            Ok(()) => self.counters.packets_sent.add(1),
            Err(error) => tracing::debug!(%error, "a packet was not sent"),
        }
    }
}

/// Speaks until the pipeline has dropped its end.
pub async fn speak(voice: &mut Voice, frames: &mut mpsc::Receiver<AudioFrame>, outgoing: &Outgoing) {
    loop {
        tokio::select! {
            biased;
            frame = frames.recv() => match frame {
                Some(frame) => voice.play(frame, outgoing).await,
                None => return,
            },
            () = sleep_until(voice.pause.next) => voice.rest(outgoing).await,
        }
    }
}

fn encoder(rate_hz: u32, bitrate: u32, complexity: u8) -> Result<Encoder, VoiceError> {
    let refused = |reason: String| VoiceError::Encoder { rate_hz, bitrate, reason };
    let bits = Bitrate::try_bits(bitrate).map_err(|error| refused(error.to_string()))?;
    let mut encoder = Encoder::builder(rate_hz, Channels::Mono, Application::Voip)
        .bitrate(bits)
        .complexity(complexity)
        .signal(Signal::Voice)
        .inband_fec(InbandFec::Enabled)
        .packet_loss_perc(2)
        .build()
        .map_err(|error| refused(format!("{error:?}")))?;
    // Silence then costs one or two bytes a packet.
    encoder.set_dtx(true).map_err(|error| refused(format!("{error:?}")))?;
    Ok(encoder)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timestamps_are_contiguous_in_speech_and_jump_over_pauses() {
        let started = Instant::now();
        let mut timeline =
            Timeline { started, position: 0, first_timestamp: u32::MAX - 100, sequence: 65535 };
        let at = |ms: u64| started + Duration::from_millis(ms);
        let (first, sequence, anew) = timeline.next(at(0), LATE_TICKS);
        assert_eq!((first, sequence, anew), (u32::MAX - 100, 65535, false));
        let (second, sequence, anew) = timeline.next(at(50), LATE_TICKS);
        assert_eq!((second.wrapping_sub(first), sequence, anew), (960, 0, false));
        let (third, _, anew) = timeline.next(at(1000), LATE_TICKS);
        assert_eq!((third.wrapping_sub(first), anew), (48_000, true));
        // Ahead of the clock by a frame or two, as the pipeline is.
        let (fourth, _, anew) = timeline.next(at(1000), LATE_TICKS);
        assert_eq!((fourth.wrapping_sub(third), anew), (960, false));
        let (fifth, _, anew) = timeline.next(at(1050), 0);
        assert_eq!((fifth.wrapping_sub(first), anew), (50_400, true));
    }

    #[test]
    fn a_rate_that_opus_does_not_know_is_refused_with_words() {
        let error = encoder(22_050, 32_000, 5).err().unwrap().to_string();
        assert!(error.contains("22050 Hz"), "{error}");
    }
}
