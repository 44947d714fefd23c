//! Packets back into the order they were sent in. Pure: time is given, nothing is decoded.
use std::{
    collections::{BTreeMap, VecDeque},
    time::Duration,
};

use bytes::Bytes;
use tokio::time::Instant;

/// How long a missing packet is waited for. The order of packets rarely changes by more on a working network, and
/// every caller's word waits as long behind a lost one.
const HOLD: Duration = Duration::from_millis(60);
/// Packets that may wait behind a missing one.
const HELD: usize = 16;
/// A jump beyond this many packets is a new stream, not loss.
const JUMP: i16 = 250;
/// So many late packets in a row are no late packets: the sender counts anew.
const LATE_IN_A_ROW: u32 = 20;

/// What to decode next.
#[derive(Debug, PartialEq)]
pub enum Next {
    /// A packet, in order.
    Packet(Bytes),
    /// `count` packets never came. `following` is the packet after them, which may carry a copy of the last
    /// (Opus in-band FEC); it comes again as the next item.
    Lost {
        /// How many.
        count: u16,
        /// The payload after the gap.
        following: Bytes,
    },
}

/// Restores the order of one stream.
#[derive(Debug, Default)]
pub struct Reorder {
    next: Option<u16>,
    held: BTreeMap<u16, (Bytes, Instant)>,
    ready: VecDeque<Next>,
    late_in_a_row: u32,
    /// Packets that never came in time.
    pub lost: u64,
    /// Packets that came after their turn, or twice.
    pub late: u64,
}

impl Reorder {
    /// Takes a packet as it arrives.
    pub fn push(&mut self, sequence: u16, payload: Bytes, now: Instant) {
        let next = *self.next.get_or_insert(sequence);
        let ahead = sequence.wrapping_sub(next) as i16;
        if !(-JUMP..=JUMP).contains(&ahead) || self.late_in_a_row == LATE_IN_A_ROW {
            self.begin_anew();
            self.next = Some(sequence);
        } else if ahead < 0 || self.held.contains_key(&sequence) {
            self.late += 1;
            self.late_in_a_row += 1;
            return;
        }
        self.late_in_a_row = 0;
        self.held.insert(sequence, (payload, now));
        self.release_in_order();
        if self.held.len() > HELD {
            self.give_up();
        }
    }

    /// The next packet is the first of a new stream.
    pub fn begin_anew(&mut self) {
        self.held.clear();
        self.next = None;
        self.late_in_a_row = 0;
    }

    /// What can be decoded now; call until it returns `None`.
    pub fn pop(&mut self, now: Instant) -> Option<Next> {
        if self.ready.is_empty() && self.held.values().any(|(_, since)| now.duration_since(*since) >= HOLD) {
            self.give_up();
        }
        self.ready.pop_front()
    }

    fn release_in_order(&mut self) {
        while let Some(next) = self.next
            && let Some((payload, _)) = self.held.remove(&next)
        {
            self.ready.push_back(Next::Packet(payload));
            self.next = Some(next.wrapping_add(1));
        }
    }

    /// Stops waiting for the packets before the earliest held one.
    fn give_up(&mut self) {
        let Some(next) = self.next else { return };
        let Some(first) = self.held.keys().copied().min_by_key(|sequence| sequence.wrapping_sub(next)) else {
            return;
        };
        let count = first.wrapping_sub(next);
        self.lost += u64::from(count);
        self.ready.push_back(Next::Lost { count, following: self.held[&first].0.clone() });
        self.next = Some(first);
        self.release_in_order();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn payload(sequence: u16) -> Bytes {
        Bytes::copy_from_slice(&sequence.to_be_bytes())
    }

    fn drain(reorder: &mut Reorder, now: Instant) -> Vec<Next> {
        std::iter::from_fn(|| reorder.pop(now)).collect()
    }

    fn packets(sequences: &[u16]) -> Vec<Next> {
        sequences.iter().map(|sequence| Next::Packet(payload(*sequence))).collect()
    }

    #[test]
    fn swapped_packets_come_out_in_order_across_the_wrap() {
        let (mut reorder, now) = (Reorder::default(), Instant::now());
        for sequence in [65534, 0, 65535, 1] {
            reorder.push(sequence, payload(sequence), now);
        }
        assert_eq!(drain(&mut reorder, now), packets(&[65534, 65535, 0, 1]));
        assert_eq!((reorder.lost, reorder.late), (0, 0));
    }

    #[test]
    fn a_missing_packet_is_given_up_after_a_while() {
        let (mut reorder, now) = (Reorder::default(), Instant::now());
        for sequence in [10, 13, 14] {
            reorder.push(sequence, payload(sequence), now);
        }
        assert_eq!(drain(&mut reorder, now), packets(&[10]));
        let later = now + HOLD;
        let mut expected = vec![Next::Lost { count: 2, following: payload(13) }];
        expected.extend(packets(&[13, 14]));
        assert_eq!(drain(&mut reorder, later), expected);
        reorder.push(12, payload(12), later);
        assert_eq!(drain(&mut reorder, later), []);
        assert_eq!((reorder.lost, reorder.late), (2, 1));
    }

    #[test]
    fn a_stream_that_begins_again_a_little_lower_is_heard_again() {
        let (mut reorder, now) = (Reorder::default(), Instant::now());
        for sequence in (100..110).chain(0..30) {
            reorder.push(sequence, payload(sequence), now);
        }
        assert_eq!(drain(&mut reorder, now).len(), 20);
        reorder.begin_anew();
        reorder.push(3, payload(3), now);
        assert_eq!(drain(&mut reorder, now), packets(&[3]));
    }

    #[test]
    fn a_jump_starts_anew_and_what_waits_is_bounded() {
        let (mut reorder, now) = (Reorder::default(), Instant::now());
        reorder.push(1, payload(1), now);
        reorder.push(30000, payload(30000), now);
        assert_eq!(drain(&mut reorder, now), packets(&[1, 30000]));
        for sequence in 30002..30100 {
            reorder.push(sequence, payload(sequence), now);
        }
        assert!(reorder.held.len() <= HELD);
        assert_eq!(drain(&mut reorder, now).len(), 99);
    }
}
