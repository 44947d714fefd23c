//! The caller's voice: RTP packets to frames of 20 ms at 16 kHz, at the pace of real time whatever the network or
//! the browser does, because turn-taking counts samples and not seconds.
use std::{collections::VecDeque, sync::Arc, time::Duration};

use bytes::Bytes;
use ropus::{Channels, DecodeMode, Decoder};
use tokio::{
    sync::mpsc,
    time::{Instant, MissedTickBehavior, interval},
};
use voce_core::{AudioFrame, MICROPHONE_RATE_HZ, MediaTime};
use webrtc::media_stream::track_remote::{TrackRemote, TrackRemoteEvent};

use crate::{
    counters::Counters,
    reorder::{Next, Reorder},
};

/// Samples of one frame: 20 ms.
const FRAME: usize = MICROPHONE_RATE_HZ as usize / 50;
/// The longest Opus packet is 120 ms.
const LONGEST_PACKET: usize = FRAME * 6;
/// Without a packet for this long the caller counts as silent. Longer than networks usually stall, shorter than the
/// pause that ends a turn.
const SILENT_AFTER: Duration = Duration::from_millis(100);
/// Lost packets that are filled by guessing; Opus fades to silence over about this long.
const CONCEALED: u16 = 5;
/// Frames in the channel to the pipeline. Few, since only frames that still wait on our side can be dropped.
pub const CHANNEL_FRAMES: usize = 8;
/// Frames that may wait for a busy pipeline on our side; together 2.56 s, so that a busy machine loses no word.
const WAITING_FRAMES: usize = 120;

/// Turns packets into frames. Pure: time is given.
pub struct Ear {
    decoder: Decoder,
    reorder: Reorder,
    pcm: Vec<f32>,
    samples: Vec<f32>,
    produced: u64,
    // When sound last arrived and how many samples there were then: silence is counted from here.
    heard: (Instant, u64),
    frames: VecDeque<AudioFrame>,
    counters: Arc<Counters>,
}

impl Ear {
    /// An ear that begins to count time at `now`.
    pub fn new(now: Instant, counters: Arc<Counters>) -> Result<Self, ropus::DecoderInitError> {
        Ok(Self {
            // Opus decodes at this rate directly, whatever the sender used.
            decoder: Decoder::new(MICROPHONE_RATE_HZ, Channels::Mono)?,
            reorder: Reorder::default(),
            pcm: vec![0.0; LONGEST_PACKET],
            samples: Vec::with_capacity(LONGEST_PACKET + FRAME),
            produced: 0,
            heard: (now, 0),
            frames: VecDeque::new(),
            counters,
        })
    }

    /// Takes an RTP packet's payload.
    pub fn packet(&mut self, sequence: u16, payload: Bytes, now: Instant) {
        self.counters.packets_received.add(1);
        self.reorder.push(sequence, payload, now);
        self.decode_ready(now);
        self.heard = (now, self.produced);
    }

    /// The next packet belongs to another stream, whose numbers say nothing about the last one's.
    pub fn new_stream(&mut self) {
        self.reorder.begin_anew();
    }

    /// Call every 20 ms or so: gives up on lost packets and fills silence.
    pub fn tick(&mut self, now: Instant) {
        self.decode_ready(now);
        let quiet = now.duration_since(self.heard.0);
        if quiet < SILENT_AFTER {
            return;
        }
        let due = self.heard.1 + (quiet.as_secs_f64() * f64::from(MICROPHONE_RATE_HZ)) as u64;
        let missing = due.saturating_sub(self.produced) as usize / FRAME * FRAME;
        if missing > 0 {
            self.counters.silence_frames.add((missing / FRAME) as u64);
            self.samples.resize(self.samples.len() + missing, 0.0);
            self.produced += missing as u64;
            self.cut();
        }
    }

    /// The oldest frame that waits.
    pub fn pop(&mut self) -> Option<AudioFrame> {
        self.frames.pop_front()
    }

    /// Whether a frame waits.
    pub fn has_frames(&self) -> bool {
        !self.frames.is_empty()
    }

    fn decode_ready(&mut self, now: Instant) {
        while let Some(next) = self.reorder.pop(now) {
            match next {
                // Padding that browsers send to probe the network.
                Next::Packet(payload) if payload.is_empty() => {}
                Next::Packet(payload) => self.decode(&payload, LONGEST_PACKET, DecodeMode::Normal),
                Next::Lost { count, following } => self.conceal(count, &following),
            }
        }
        self.counters.packets_lost.set(self.reorder.lost);
        self.counters.packets_late.set(self.reorder.late);
        self.cut();
    }

    fn conceal(&mut self, count: u16, following: &[u8]) {
        for _ in 1..count.min(CONCEALED) {
            self.decode(&[], FRAME, DecodeMode::Normal);
        }
        // The packet behind the gap may hold a copy of the last one before it. Without one, Opus guesses.
        self.decode(following, FRAME, DecodeMode::Fec);
    }

    fn decode(&mut self, payload: &[u8], room: usize, mode: DecodeMode) {
        match self.decoder.decode_float(payload, &mut self.pcm[..room], mode) {
            Ok(length) => {
                self.samples.extend_from_slice(&self.pcm[..length]);
                self.produced += length as u64;
            }
            // The tick fills its place with silence if nothing else follows.
            Err(error) => {
                self.counters.undecodable.add(1);
                tracing::debug!(?error, "undecodable packet");
            }
        }
    }

    /// Cuts whole frames off the samples, dropping the oldest where too many wait.
    fn cut(&mut self) {
        let whole = self.samples.len() / FRAME * FRAME;
        if whole == 0 {
            return;
        }
        let start = self.produced - self.samples.len() as u64;
        for (index, frame) in self.samples[..whole].chunks_exact(FRAME).enumerate() {
            if self.frames.len() == WAITING_FRAMES {
                self.frames.pop_front();
                self.counters.frames_dropped.add(1);
            }
            self.frames.push_back(AudioFrame {
                at: MediaTime::of_samples(start + (index * FRAME) as u64, MICROPHONE_RATE_HZ),
                rate_hz: MICROPHONE_RATE_HZ,
                samples: frame.to_vec(),
            });
        }
        self.samples.drain(..whole);
    }
}

/// Listens to the caller until the pipeline no longer does.
pub async fn listen(
    ear: &mut Ear,
    tracks: &mut mpsc::Receiver<Arc<dyn TrackRemote>>,
    frames: &mpsc::Sender<AudioFrame>,
) {
    let mut track: Option<Arc<dyn TrackRemote>> = None;
    let mut ticks = interval(Duration::from_millis(20));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
    loop {
        tokio::select! {
            event = next_event(track.as_deref()) => match event {
                Some(TrackRemoteEvent::OnRtpPacket(packet)) => {
                    ear.packet(packet.header.sequence_number, packet.payload, Instant::now());
                }
                Some(_) => {}
                None => track = None,
            },
            // A closed queue means that the connection is ending: the silence goes on until it has.
            Some(newer) = tracks.recv() => {
                ear.new_stream();
                track = Some(newer);
            }
            _ = ticks.tick() => ear.tick(Instant::now()),
            room = frames.reserve(), if ear.has_frames() => match (room, ear.pop()) {
                (Ok(room), Some(frame)) => room.send(frame),
                (Ok(_), None) => {}
                (Err(_), _) => return,
            },
        }
    }
}

async fn next_event(track: Option<&dyn TrackRemote>) -> Option<TrackRemoteEvent> {
    match track {
        Some(track) => track.poll().await,
        None => std::future::pending().await,
    }
}

#[cfg(test)]
mod tests {
    use ropus::{Application, Encoder};

    use super::*;

    fn ear(now: Instant) -> (Ear, Arc<Counters>) {
        let counters = Arc::new(Counters::default());
        (Ear::new(now, counters.clone()).unwrap(), counters)
    }

    fn tone_packets(count: usize) -> Vec<Bytes> {
        let mut encoder = Encoder::builder(48_000, Channels::Mono, Application::Voip).build().unwrap();
        let mut buffer = vec![0; 1500];
        (0..count)
            .map(|packet| {
                let pcm: Vec<f32> = (0..960)
                    .map(|n| 0.5 * ((packet * 960 + n) as f32 * 440.0 * std::f32::consts::TAU / 48e3).sin())
                    .collect();
                let length = encoder.encode_float(&pcm, &mut buffer).unwrap();
                Bytes::copy_from_slice(&buffer[..length])
            })
            .collect()
    }

    fn frames(ear: &mut Ear) -> Vec<AudioFrame> {
        std::iter::from_fn(|| ear.pop()).collect()
    }

    fn level(frame: &AudioFrame) -> f32 {
        (frame.samples.iter().map(|x| x * x).sum::<f32>() / frame.samples.len() as f32).sqrt()
    }

    #[test]
    fn packets_become_frames_of_20_ms_with_media_time() {
        let start = Instant::now();
        let (mut ear, _) = ear(start);
        for (index, packet) in tone_packets(10).into_iter().enumerate() {
            ear.packet(index as u16, packet, start + Duration::from_millis(20) * index as u32);
        }
        let frames = frames(&mut ear);
        assert_eq!(frames.len(), 10);
        assert!(frames.iter().all(|frame| frame.samples.len() == 320 && frame.rate_hz == 16_000));
        assert_eq!(frames[9].at.0, Duration::from_millis(180));
        assert!((0.3..0.4).contains(&level(&frames[9])), "{}", level(&frames[9]));
    }

    #[test]
    fn a_lost_packet_is_concealed_so_that_media_time_goes_on() {
        let start = Instant::now();
        let (mut ear, counters) = ear(start);
        let packets = tone_packets(20);
        for (index, packet) in packets.into_iter().enumerate().filter(|(index, _)| *index != 10) {
            let now = start + Duration::from_millis(20) * index as u32;
            ear.packet(index as u16, packet, now);
            ear.tick(now);
        }
        let frames = frames(&mut ear);
        assert_eq!(frames.len(), 20);
        assert!(level(&frames[10]) > 0.1, "{}", level(&frames[10]));
        assert_eq!(counters.packets_lost.get(), 1);
    }

    #[test]
    fn silence_fills_in_when_packets_stop() {
        let start = Instant::now();
        let (mut ear, counters) = ear(start);
        for tick in 0..=50 {
            ear.tick(start + Duration::from_millis(20) * tick);
        }
        let silent = frames(&mut ear);
        assert_eq!(silent.len(), 50);
        assert!(silent.iter().all(|frame| level(frame) == 0.0));
        assert_eq!(counters.silence_frames.get(), 50);

        let end = start + Duration::from_secs(1);
        ear.packet(7, tone_packets(1).remove(0), end);
        ear.tick(end + Duration::from_millis(80));
        assert_eq!(frames(&mut ear).len(), 1, "a short stall is waited for");
        ear.tick(end + Duration::from_millis(100));
        assert_eq!(frames(&mut ear).len(), 5, "then all that was missed is made up for");
    }

    #[test]
    fn frames_that_nobody_takes_are_dropped_oldest_first() {
        let start = Instant::now();
        let (mut ear, counters) = ear(start);
        ear.tick(start + Duration::from_secs(10));
        let frames = frames(&mut ear);
        assert_eq!(frames.len(), WAITING_FRAMES);
        assert_eq!(frames.last().unwrap().end().0, Duration::from_secs(10));
        assert_eq!(counters.frames_dropped.get(), 500 - WAITING_FRAMES as u64);
    }

    #[test]
    fn garbage_is_counted_and_survived() {
        let start = Instant::now();
        let (mut ear, counters) = ear(start);
        for sequence in 0..200u16 {
            let payload: Vec<u8> = (0..sequence).map(|n| ((n * 37) ^ (sequence * 11)) as u8).collect();
            ear.packet(sequence, payload.into(), start);
        }
        assert!(counters.undecodable.get() > 0);
    }
}
