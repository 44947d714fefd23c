//! The caller's voice: 20 ms of Opus every 20 ms, what the script says or silence, as a browser sends it.
use std::{collections::VecDeque, sync::Arc, time::Duration};

use bytes::Bytes;
use ropus::{Application, Channels, Encoder};
use rtc::rtp;
use tokio::{
    sync::{mpsc, oneshot},
    time::{Instant, MissedTickBehavior, interval},
};
use webrtc::media_stream::track_local::{TrackLocal, static_rtp::TrackLocalStaticRTP};

use super::{SPOKEN_RATE_HZ, Said};

const FRAME: usize = SPOKEN_RATE_HZ as usize / 50;
const FRAME_TICKS: u32 = 960;
/// Frames of silence that are really encoded; then one packet is sent again and again, so that hundreds of waiting
/// callers cost little.
const ENCODED_SILENCE: u32 = 10;

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

/// Speaks until dropped.
pub async fn speak(track: Arc<TrackLocalStaticRTP>, ssrc: u32, mut said: mpsc::Receiver<Utterance>) {
    let mut encoder = Encoder::builder(SPOKEN_RATE_HZ, Channels::Mono, Application::Voip)
        .complexity(3)
        .build()
        .expect("16 kHz mono is an Opus rate");
    let mut buffer = vec![0; 1500];
    let mut silence = Bytes::new();
    let mut silent = 0;
    let mut speaking: Vec<Speaking> = Vec::new();
    let mut ticks = interval(Duration::from_millis(20));
    // A late packet is followed by the next at once: the stream keeps real time.
    ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
    for sequence in 0u32.. {
        ticks.tick().await;
        while let Ok(Utterance { samples, began, done }) = said.try_recv() {
            let now = Instant::now();
            // Whoever asked may have stopped waiting, here and below.
            let _ = began.send(now);
            speaking.push(Speaking { samples: samples.into(), began: now, done });
        }
        let payload = if !speaking.is_empty() {
            silent = 0;
            encode(&mut encoder, &mixed(&mut speaking), &mut buffer)
        } else {
            if silent < ENCODED_SILENCE {
                silent += 1;
                silence = encode(&mut encoder, &[0.0; FRAME], &mut buffer);
            }
            silence.clone()
        };
        let header = rtp::header::Header {
            version: 2,
            payload_type: super::link::PAYLOAD_TYPE,
            sequence_number: sequence as u16,
            timestamp: sequence.wrapping_mul(FRAME_TICKS),
            ssrc,
            ..Default::default()
        };
        if track.write_rtp(rtp::Packet { header, payload }).await.is_err() {
            return;
        }
        let ended = Instant::now();
        for Speaking { began, done, .. } in speaking.extract_if(.., |each| each.samples.is_empty()) {
            let _ = done.send(Said { began, ended });
        }
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

fn encode(encoder: &mut Encoder, frame: &[f32], buffer: &mut [u8]) -> Bytes {
    let length = encoder.encode_float(frame, buffer).expect("20 ms at the encoder's own rate");
    Bytes::copy_from_slice(&buffer[..length])
}
