//! The caller's voice: 20 ms of Opus every 20 ms, what the script says or silence, as a browser sends it.
use std::{collections::VecDeque, sync::Arc, time::Duration};

use bytes::Bytes;
use ropus::{Application, Channels, Encoder};
use rtc::rtp;
use tokio::{
    sync::{mpsc, oneshot},
    time::{Instant, MissedTickBehavior, interval},
};
use voce_core::AudioFrame;
use webrtc::media_stream::track_local::{TrackLocal, static_rtp::TrackLocalStaticRTP};

use super::{SPOKEN_RATE_HZ, Said};

const FRAME: usize = SPOKEN_RATE_HZ as usize / 50;
const FRAME_TICKS: u32 = 960;
/// Frames of silence that are really encoded; then one packet is sent again and again, so that hundreds of waiting
/// callers cost little.
const ENCODED_SILENCE: u32 = 10;

/// What is to be heard of the caller.
pub enum Speech {
    /// Something to say, over whatever else is being said.
    Utterance(Utterance),
    /// From now on these frames alone, sent as they come: who delivers them keeps the time.
    Live(mpsc::Receiver<AudioFrame>),
}

/// Something to say.
pub struct Utterance {
    pub samples: Vec<f32>,
    pub began: oneshot::Sender<Instant>,
    pub done: oneshot::Sender<Said>,
}

struct Speaking {
    samples: VecDeque<f32>,
    began: Instant,
    done: oneshot::Sender<Said>,
}

/// The stream of packets.
struct Stream {
    track: Arc<TrackLocalStaticRTP>,
    ssrc: u32,
    sequence: u32,
    encoder: Encoder,
    buffer: Vec<u8>,
}

/// Speaks until dropped.
pub async fn speak(track: Arc<TrackLocalStaticRTP>, ssrc: u32, mut said: mpsc::Receiver<Speech>) {
    let mut stream = Stream::new(track, ssrc);
    let mut silence = Bytes::new();
    let mut silent = 0;
    let mut speaking: Vec<Speaking> = Vec::new();
    let mut ticks = interval(Duration::from_millis(20));
    // A late packet is followed by the next at once: the stream keeps real time.
    ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
    loop {
        ticks.tick().await;
        while let Ok(speech) = said.try_recv() {
            match speech {
                Speech::Utterance(Utterance { samples, began, done }) => {
                    let now = Instant::now();
                    // Whoever asked may have stopped waiting, here and below.
                    let _ = began.send(now);
                    speaking.push(Speaking { samples: samples.into(), began: now, done });
                }
                Speech::Live(frames) => return stream.live(frames).await,
            }
        }
        let payload = if !speaking.is_empty() {
            silent = 0;
            stream.encode(&mixed(&mut speaking))
        } else {
            if silent < ENCODED_SILENCE {
                silent += 1;
                silence = stream.encode(&[0.0; FRAME]);
            }
            silence.clone()
        };
        if !stream.send(payload).await {
            return;
        }
        let ended = Instant::now();
        for Speaking { began, done, .. } in speaking.extract_if(.., |each| each.samples.is_empty()) {
            let _ = done.send(Said { began, ended });
        }
    }
}

impl Stream {
    fn new(track: Arc<TrackLocalStaticRTP>, ssrc: u32) -> Self {
        let encoder = Encoder::builder(SPOKEN_RATE_HZ, Channels::Mono, Application::Voip)
            .complexity(3)
            .build()
            .expect("16 kHz mono is an Opus rate");
        Self { track, ssrc, sequence: 0, encoder, buffer: vec![0; 1500] }
    }

    /// Sends frames as they come, until no more will.
    async fn live(mut self, mut frames: mpsc::Receiver<AudioFrame>) {
        while let Some(AudioFrame { mut samples, .. }) = frames.recv().await {
            // An encoder's state would not survive what is not a number.
            samples.iter_mut().filter(|sample| !sample.is_finite()).for_each(|sample| *sample = 0.0);
            samples.resize(FRAME, 0.0);
            let payload = self.encode(&samples);
            if !self.send(payload).await {
                return;
            }
        }
    }

    fn encode(&mut self, frame: &[f32]) -> Bytes {
        let length = self.encoder.encode_float(frame, &mut self.buffer);
        let length = length.expect("20 ms at the encoder's own rate");
        Bytes::copy_from_slice(&self.buffer[..length])
    }

    /// Sends the next packet; false once nobody takes packets any more.
    async fn send(&mut self, payload: Bytes) -> bool {
        let header = rtp::header::Header {
            version: 2,
            payload_type: super::link::PAYLOAD_TYPE,
            sequence_number: self.sequence as u16,
            timestamp: self.sequence.wrapping_mul(FRAME_TICKS),
            ssrc: self.ssrc,
            ..Default::default()
        };
        self.sequence = self.sequence.wrapping_add(1);
        self.track.write_rtp(rtp::Packet { header, payload }).await.is_ok()
    }
}

/// The next frame of all that is being said.
fn mixed(speaking: &mut [Speaking]) -> [f32; FRAME] {
    let mut frame = [0.0; FRAME];
    for Speaking { samples, .. } in speaking {
        let length = samples.len().min(FRAME);
        for (mixed, sample) in frame.iter_mut().zip(samples.drain(..length)) {
            *mixed += sample;
        }
    }
    frame
}
