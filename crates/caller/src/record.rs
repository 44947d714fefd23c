//! What a caller heard and was told, with the moments of arrival.
use std::time::Duration;

use parking_lot::Mutex;
use serde_json::Value;
use tokio::{sync::watch, time::Instant};

use super::{HEARD_RATE_HZ, far_end::Ear};

/// Packets of sound that are kept, and messages; when there are more, the older half is forgotten. 20 minutes of sound
/// without a pause.
const MOST_PACKETS: usize = 60_000;
const MOST_MESSAGES: usize = 60_000;

/// A message from the server.
#[derive(Clone, Debug)]
pub struct Received {
    /// When it came.
    pub at: Instant,
    /// The message as JSON; a string where it was none.
    pub message: Value,
}

impl Received {
    /// The message's type, or nothing.
    pub fn kind(&self) -> &str {
        self.message["type"].as_str().unwrap_or_default()
    }

    /// What it carries.
    pub fn data(&self) -> &Value {
        &self.message["data"]
    }
}

/// A packet of sound.
#[derive(Clone, Debug)]
pub struct Heard {
    /// When it came.
    pub at: Instant,
    /// Its place in the stream by RTP time, samples at 24 kHz from the first packet.
    pub position: u64,
    /// The sound, 24 kHz.
    pub samples: Vec<f32>,
}

impl Heard {
    /// Root of the mean square of the samples.
    pub fn level(&self) -> f32 {
        let power: f32 = self.samples.iter().map(|x| x * x).sum();
        (power / self.samples.len().max(1) as f32).sqrt()
    }
}

/// A stretch of sound: louder than a level, with no pause inside as long as the gap that was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sound {
    /// Its first loud packet came.
    pub began: Instant,
    /// Its last loud packet came.
    pub ended: Instant,
    /// True once the silence after it is as long as the gap; until then it may go on.
    pub over: bool,
}

/// Everything heard.
#[derive(Clone, Debug, Default)]
pub struct Recording(pub Vec<Heard>);

impl Recording {
    /// The sound as it would be played: by RTP time, silence where nothing was sent. 24 kHz.
    pub fn samples(&self) -> Vec<f32> {
        let mut samples = Vec::new();
        for heard in &self.0 {
            let start = heard.position as usize;
            let end = start + heard.samples.len();
            if samples.len() < end {
                samples.resize(end, 0.0);
            }
            samples[start..end].copy_from_slice(&heard.samples);
        }
        samples
    }

    /// When sound louder than `level` first came after `since`.
    pub fn first_sound(&self, since: Instant, level: f32) -> Option<Instant> {
        self.0.iter().find(|heard| heard.at > since && heard.level() > level).map(|heard| heard.at)
    }

    /// When sound louder than `level` last came.
    pub fn last_sound(&self, level: f32) -> Option<Instant> {
        self.0.iter().rev().find(|heard| heard.level() > level).map(|heard| heard.at)
    }

    /// The stretches of sound louder than `level` between silences of at least `gap`, in order.
    pub fn sounds(&self, level: f32, gap: Duration) -> Vec<Sound> {
        let mut sounds: Vec<Sound> = Vec::new();
        for heard in &self.0 {
            let loud = heard.level() > level;
            match sounds.last_mut() {
                Some(sound) if heard.at - sound.ended >= gap => sound.over = true,
                Some(sound) if loud => sound.ended = heard.at,
                _ => {}
            }
            if loud && sounds.last().is_none_or(|sound| sound.over) {
                sounds.push(Sound { began: heard.at, ended: heard.at, over: false });
            }
        }
        sounds
    }

    /// When the sound that was there at `since`, or the first after it, stopped: its last packet louder than `level`
    /// before a silence of at least `gap`. None while that silence is not there yet.
    pub fn fell_silent(&self, since: Instant, level: f32, gap: Duration) -> Option<Instant> {
        let sound = self.sounds(level, gap).into_iter().find(|sound| sound.ended > since)?;
        sound.over.then_some(sound.ended)
    }

    /// Seconds of sound louder than `level`.
    pub fn seconds_of_sound(&self, level: f32) -> f64 {
        let loud = self.0.iter().filter(|heard| heard.level() > level);
        loud.map(|heard| heard.samples.len() as f64 / f64::from(HEARD_RATE_HZ)).sum()
    }
}

/// Where the caller's tasks note things down.
#[derive(Debug)]
pub struct Record {
    heard: Mutex<Recording>,
    messages: Mutex<Vec<Received>>,
    /// Where all of it goes instead, once this is the far end of a call.
    ear: Mutex<Option<Ear>>,
    changes: watch::Sender<u64>,
    ended: watch::Sender<Option<Instant>>,
}

impl Default for Record {
    fn default() -> Self {
        Self {
            heard: Mutex::default(),
            messages: Mutex::default(),
            ear: Mutex::default(),
            changes: watch::Sender::new(0),
            ended: watch::Sender::new(None),
        }
    }
}

impl Record {
    pub fn hear(&self, heard: Heard) {
        match &mut *self.ear.lock() {
            Some(ear) => ear.hear(heard),
            None => keep(&mut self.heard.lock().0, heard, MOST_PACKETS),
        }
    }

    pub fn receive(&self, data: &[u8]) {
        let text = String::from_utf8_lossy(data);
        let message = serde_json::from_str(&text).unwrap_or_else(|_| Value::String(text.into_owned()));
        match &mut *self.ear.lock() {
            Some(ear) => ear.receive(&message),
            None => {
                let received = Received { at: Instant::now(), message };
                keep(&mut self.messages.lock(), received, MOST_MESSAGES);
            }
        }
        self.changes.send_modify(|count| *count = count.wrapping_add(1));
    }

    /// From now on everything goes there, what came already first.
    pub fn pass_on(&self, mut ear: Ear) {
        let mut place = self.ear.lock();
        std::mem::take(&mut *self.heard.lock()).0.into_iter().for_each(|heard| ear.hear(heard));
        std::mem::take(&mut *self.messages.lock()).iter().for_each(|received| ear.receive(&received.message));
        // A call that is over already has nothing more to say.
        *place = self.ended.borrow().is_none().then_some(ear);
    }

    pub fn end(&self) {
        self.ended.send_modify(|ended| *ended = ended.or(Some(Instant::now())));
        *self.ear.lock() = None;
    }

    pub fn recording(&self) -> Recording {
        self.heard.lock().clone()
    }

    pub fn messages(&self) -> Vec<Received> {
        self.messages.lock().clone()
    }

    pub fn changes(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }

    pub async fn ended(&self) -> Instant {
        let mut ended = self.ended.subscribe();
        let ended = ended.wait_for(Option::is_some).await.expect("the record holds the sender");
        ended.expect("waited for it")
    }
}

fn keep<T>(kept: &mut Vec<T>, new: T, most: usize) {
    if kept.len() >= most {
        kept.drain(..most / 2);
    }
    kept.push(new);
}

#[cfg(test)]
mod tests {
    use super::*;

    const GAP: Duration = Duration::from_millis(100);

    /// A recording in packets of 20 ms: `#` is loud, `.` is silent, a space is a packet that never came.
    fn recording(start: Instant, packets: &str) -> Recording {
        let packet = |(index, kind): (usize, char)| {
            let samples = vec![if kind == '#' { 0.5 } else { 0.0 }; 480];
            Heard { at: start + millis(index * 20), position: index as u64 * 480, samples }
        };
        Recording(packets.chars().enumerate().filter(|(_, kind)| *kind != ' ').map(packet).collect())
    }

    fn millis(count: usize) -> Duration {
        Duration::from_millis(count as u64)
    }

    #[test]
    fn sounds_are_told_apart_by_silence_of_the_asked_length() {
        let start = Instant::now();
        let sound = |began: usize, ended: usize, over| Sound {
            began: start + millis(began),
            ended: start + millis(ended),
            over,
        };
        for (packets, expected) in [
            ("", vec![]),
            ("....", vec![]),
            ("##..##", vec![sound(0, 100, false)]),
            ("##......##", vec![sound(0, 20, true), sound(160, 180, false)]),
            ("##      ##", vec![sound(0, 20, true), sound(160, 180, false)]),
            (".#......", vec![sound(20, 20, true)]),
            ("###...", vec![sound(0, 40, false)]),
        ] {
            assert_eq!(recording(start, packets).sounds(0.1, GAP), expected, "{packets}");
        }
    }

    #[test]
    fn a_call_without_end_keeps_its_last_part() {
        let mut kept = vec![];
        (0..25).for_each(|new| keep(&mut kept, new, 10));
        assert_eq!(kept, (15..25).collect::<Vec<_>>());
    }

    #[test]
    fn the_end_of_a_sound_is_known_once_it_is_quiet_for_long_enough() {
        let start = Instant::now();
        let heard = recording(start, "###.##......##......");
        let stop = |since: usize| heard.fell_silent(start + millis(since), 0.1, GAP);
        assert_eq!(stop(0), Some(start + millis(100)));
        assert_eq!(stop(150), Some(start + millis(260)));
        assert_eq!(stop(270), None, "nothing sounds after that");
        assert_eq!(recording(start, "###...").fell_silent(start, 0.1, GAP), None, "it may go on");
    }
}
