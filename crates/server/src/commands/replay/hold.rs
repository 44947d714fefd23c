//! A call held again: each stretch of the caller's speech when the last answer is over, or into it as it was then.
use std::{collections::HashMap, time::Duration};

use anyhow::{Result, bail};
use tokio::{
    sync::{mpsc, oneshot},
    task::JoinSet,
    time::{Instant, sleep_until, timeout_at},
};
use voce_core::{AudioFrame, Control, Event, FarEnd, MICROPHONE_RATE_HZ, MediaTime, TurnId, TurnReport};

const FRAME: Duration = Duration::from_millis(20);
const FRAME_SAMPLES: usize = MICROPHONE_RATE_HZ as usize / 50;
/// A call in which nothing happens for so long goes on to the next question.
const PATIENCE: Duration = Duration::from_secs(60);
/// Between an answer and the next question: shorter than callers take, long enough to see that a pause was none.
const BREATH: Duration = Duration::from_millis(600);
/// At the start of a call: an assistant that greets has begun by then.
const GREETED: Duration = Duration::from_millis(1_500);

/// What the caller says, and when.
pub struct Cue {
    /// 16 kHz, mono.
    pub samples: Vec<f32>,
    /// So long after the first sound of the answer before; none: after its end.
    pub into_answer: Option<Duration>,
    /// Whether the caller holds the button meanwhile.
    pub by_button: bool,
}

/// What became of it.
#[derive(Default)]
pub struct Held {
    /// The turns of each cue.
    pub turns: Vec<Vec<TurnReport>>,
    /// Turns that nobody asked for: greetings, questions whether someone is there.
    pub unasked: usize,
    /// The call was over before everything was said.
    pub is_cut: bool,
    /// All that was heard of the bot, without its pauses, and its rate.
    pub answer: Vec<f32>,
    pub answer_rate_hz: u32,
}

/// Says something, and tells when it was said.
struct Utterance {
    samples: Vec<f32>,
    said: oneshot::Sender<()>,
}

/// Holds the call. What is heard of the bot is kept only if `keeps_answer`.
pub async fn hold(far: FarEnd, cues: Vec<Cue>, keeps_answer: bool) -> Result<Held> {
    let FarEnd { microphone, controls, speaker, events } = far;
    let (to_say, utterances) = mpsc::channel(1);
    let mut tasks = JoinSet::new();
    tasks.spawn(async move {
        deliver(microphone, utterances).await;
        (vec![], 0)
    });
    tasks.spawn(listen(speaker, keeps_answer));
    let mut ear = Ear::new(events, cues.len());
    for (index, cue) in cues.into_iter().enumerate() {
        match index {
            0 => ear.wait_for_greeting().await,
            _ => ear.wait_for_moment(cue.into_answer).await,
        }
        if ear.is_over {
            break;
        }
        ear.turns.push(vec![]);
        ear.bot_began = None;
        let (said, is_said) = oneshot::channel();
        if cue.by_button {
            controls.send(Control::Press).await.ok();
        }
        if to_say.send(Utterance { samples: cue.samples, said }).await.is_err() {
            break;
        }
        ear.note_until(is_said).await;
        ear.last_sign = Instant::now();
        if cue.by_button {
            controls.send(Control::Release).await.ok();
        }
    }
    ear.wait_for_moment(None).await;
    let mut held = ear.finish();
    // Without a microphone the call ends, and with it the bot's sound.
    drop((to_say, controls));
    while let Some(ended) = tasks.join_next().await {
        let (answer, rate_hz) = ended?;
        held.answer.extend(answer);
        held.answer_rate_hz = held.answer_rate_hz.max(rate_hz);
    }
    if held.turns.is_empty() {
        bail!("the call ended before anything was said");
    }
    Ok(held)
}

/// Delivers what is to be said, and silence otherwise, at the pace of a microphone.
async fn deliver(microphone: mpsc::Sender<AudioFrame>, mut utterances: mpsc::Receiver<Utterance>) {
    let start = Instant::now();
    let mut speaking: Option<(std::vec::IntoIter<f32>, oneshot::Sender<()>)> = None;
    for count in 0u32.. {
        if speaking.is_none() {
            match utterances.try_recv() {
                Ok(Utterance { samples, said }) => speaking = Some((samples.into_iter(), said)),
                Err(mpsc::error::TryRecvError::Disconnected) => return,
                Err(mpsc::error::TryRecvError::Empty) => {}
            }
        }
        let mut samples: Vec<f32> = match &mut speaking {
            Some((sound, _)) => sound.by_ref().take(FRAME_SAMPLES).collect(),
            None => vec![],
        };
        samples.resize(FRAME_SAMPLES, 0.0);
        // A frame is complete, and can be sent, when its last sample was spoken.
        sleep_until(start + FRAME * (count + 1)).await;
        let at = MediaTime(FRAME * count);
        if microphone.send(AudioFrame { at, rate_hz: MICROPHONE_RATE_HZ, samples }).await.is_err() {
            return;
        }
        if let Some((_, said)) = speaking.take_if(|(sound, _)| sound.len() == 0) {
            // Whoever waited may have given up.
            said.send(()).ok();
        }
    }
}

async fn listen(mut speaker: mpsc::Receiver<AudioFrame>, keeps: bool) -> (Vec<f32>, u32) {
    // Of a bot that was never heard, any rate will do.
    let (mut heard, mut rate_hz) = (vec![], MICROPHONE_RATE_HZ);
    while let Some(frame) = speaker.recv().await {
        if keeps {
            rate_hz = frame.rate_hz;
            heard.extend(frame.samples);
        }
    }
    (heard, rate_hz)
}

/// Follows the call's events, and knows whose turn is whose.
struct Ear {
    events: mpsc::Receiver<Event>,
    /// Turns of each cue that was spoken.
    turns: Vec<Vec<TurnReport>>,
    /// Turns under way, and the cue that opened each.
    open: HashMap<TurnId, usize>,
    /// The caller speaks, or their words are not known yet.
    is_speaking: bool,
    /// The turn in which the bot is heard just now.
    bot: Option<TurnId>,
    /// When the answer to the last cue was first heard.
    bot_began: Option<Instant>,
    /// When something happened last.
    last_sign: Instant,
    unasked: usize,
    is_over: bool,
    wanted: usize,
}

impl Ear {
    fn new(events: mpsc::Receiver<Event>, wanted: usize) -> Self {
        Self {
            events,
            turns: vec![],
            open: HashMap::new(),
            is_speaking: false,
            bot: None,
            bot_began: None,
            last_sign: Instant::now(),
            unasked: 0,
            is_over: false,
            wanted,
        }
    }

    fn note(&mut self, event: Option<Event>) {
        let Some(event) = event else {
            self.is_over = true;
            return;
        };
        self.last_sign = Instant::now();
        match event {
            Event::UserStartedSpeaking => self.is_speaking = true,
            Event::UserSaid { turn, .. } => {
                self.is_speaking = false;
                if let Some(cue) = self.turns.len().checked_sub(1) {
                    // A turn that is reopened stays whose it was.
                    self.open.entry(turn).or_insert(cue);
                }
            }
            Event::BotStartedSpeaking { turn } => {
                self.bot = Some(turn);
                if self.is_of_last(turn) {
                    self.bot_began.get_or_insert(self.last_sign);
                }
            }
            Event::BotStoppedSpeaking { turn } => drop(self.bot.take_if(|bot| *bot == turn)),
            Event::TurnEnded(report) => {
                self.bot.take_if(|bot| *bot == report.turn);
                match self.open.remove(&report.turn) {
                    Some(cue) => self.turns[cue].push(report),
                    None => self.unasked += 1,
                }
            }
            _ => {}
        }
    }

    fn is_of_last(&self, turn: TurnId) -> bool {
        self.open.get(&turn).is_some_and(|cue| cue + 1 == self.turns.len())
    }

    /// Whether no turn is under way.
    fn is_quiet(&self) -> bool {
        !self.is_speaking && self.open.is_empty() && self.bot.is_none()
    }

    /// Whether the last cue has its turn, and no other is under way.
    fn is_answered(&self) -> bool {
        self.is_quiet() && self.turns.last().is_some_and(|turns| !turns.is_empty())
    }

    /// Takes events until something else happens.
    async fn note_until(&mut self, mut done: oneshot::Receiver<()>) {
        while !self.is_over {
            tokio::select! {
                _ = &mut done => return,
                event = self.events.recv() => self.note(event),
            }
        }
    }

    /// Takes an event, if one comes in time.
    async fn note_one(&mut self, until: Instant) -> bool {
        match timeout_at(until, self.events.recv()).await {
            Ok(event) => {
                self.note(event);
                true
            }
            Err(_) => false,
        }
    }

    /// Waits until the assistant has greeted, if it does.
    async fn wait_for_greeting(&mut self) {
        while !self.is_over {
            let patience = if self.is_quiet() { GREETED } else { PATIENCE };
            if !self.note_one(self.last_sign + patience).await {
                return;
            }
        }
    }

    /// Waits until the caller speaks next: so long into the answer, or a breath after its end. Gives up on an answer that
    /// does not come.
    async fn wait_for_moment(&mut self, into_answer: Option<Duration>) {
        while !self.is_over {
            let due = into_answer.zip(self.bot_began).map(|(offset, began)| began + offset);
            let (until, is_moment) = match due {
                Some(due) if !self.is_answered() => (due, true),
                _ if self.is_answered() => (self.last_sign + BREATH, true),
                _ => (self.last_sign + PATIENCE, false),
            };
            if !self.note_one(until).await {
                if !is_moment {
                    tracing::warn!("nothing happened for {PATIENCE:?}; the call goes on without an answer");
                    self.open.clear();
                    (self.is_speaking, self.bot) = (false, None);
                }
                return;
            }
        }
    }

    fn finish(self) -> Held {
        let is_cut = self.turns.len() < self.wanted;
        Held { turns: self.turns, unasked: self.unasked, is_cut, ..Held::default() }
    }
}

#[cfg(test)]
mod tests {
    use voce_core::{Call, EndReason, in_memory};

    use super::*;

    /// An assistant that hears loud frames, answers half a second later for two seconds, and stops when spoken into.
    async fn assistant(mut call: Call, greets: bool) {
        let tell = |event| call.events.try_send(event).unwrap();
        let report =
            |turn, end_reason| TurnReport { turn: TurnId(turn), end_reason, ..TurnReport::default() };
        if greets {
            tell(Event::BotStartedSpeaking { turn: TurnId(99) });
            tell(Event::TurnEnded(report(99, EndReason::Completed)));
        }
        let (mut turn, mut loud, mut quiet, mut is_answering) = (0, 0, 0, false);
        while let Some(frame) = call.microphone.recv().await {
            if frame.samples[0] > 0.0 {
                if std::mem::take(&mut is_answering) {
                    tell(Event::TurnEnded(report(turn, EndReason::Interrupted)));
                }
                if loud == 0 {
                    turn += 1;
                    tell(Event::UserStartedSpeaking);
                }
                (loud, quiet) = (loud + 1, 0);
            } else if loud > 0 {
                quiet += 1;
                match quiet {
                    10 => tell(Event::UserSaid { turn: TurnId(turn), text: loud.to_string() }),
                    25 => {
                        tell(Event::BotStartedSpeaking { turn: TurnId(turn) });
                        (is_answering, loud) = (true, 0);
                        quiet = 0;
                    }
                    _ => {}
                }
            } else if is_answering {
                quiet += 1;
                if quiet == 100 {
                    is_answering = false;
                    tell(Event::TurnEnded(report(turn, EndReason::Completed)));
                }
            }
        }
    }

    fn cue(seconds: f32, into_answer: Option<f32>) -> Cue {
        let into_answer = into_answer.map(Duration::from_secs_f32);
        Cue { samples: vec![0.5; (seconds * 16_000.0) as usize], into_answer, by_button: false }
    }

    async fn held(cues: Vec<Cue>, greets: bool) -> (Held, Duration) {
        let (call, far) = in_memory("call");
        let began = Instant::now();
        let mut tasks = JoinSet::new();
        tasks.spawn(assistant(call, greets));
        let held = hold(far, cues, false).await.unwrap();
        tasks.join_next().await.unwrap().unwrap();
        (held, began.elapsed())
    }

    #[tokio::test(start_paused = true)]
    async fn each_question_waits_for_the_end_of_the_answer() {
        let (held, took) = held(vec![cue(1.0, None), cue(1.0, None)], true).await;
        let ends: Vec<Vec<(u32, EndReason)>> = held
            .turns
            .iter()
            .map(|turns| turns.iter().map(|turn| (turn.turn.0, turn.end_reason)).collect())
            .collect();
        assert_eq!(ends, [[(1, EndReason::Completed)], [(2, EndReason::Completed)]]);
        assert_eq!((held.unasked, held.is_cut), (1, false));
        // 1.5 s for a greeting; twice 1 s of speech, 0.5 s of thought, 2 s of answer and a breath.
        assert!(took.abs_diff(Duration::from_millis(9_700)) < Duration::from_millis(200), "{took:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn an_interruption_comes_at_its_moment_or_after_a_shorter_answer() {
        let (call, took) = held(vec![cue(1.0, None), cue(1.0, Some(0.8))], false).await;
        assert_eq!(call.turns[0][0].end_reason, EndReason::Interrupted);
        assert_eq!(call.turns[1][0].end_reason, EndReason::Completed);
        assert!(took.abs_diff(Duration::from_millis(7_900)) < Duration::from_millis(200), "{took:?}");
        let (call, _) = held(vec![cue(1.0, None), cue(1.0, Some(5.0))], false).await;
        assert_eq!(call.turns[0][0].end_reason, EndReason::Completed);
        assert_eq!(call.turns[1].len(), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn silence_has_no_turn_and_the_call_goes_on() {
        let silence = Cue { samples: vec![0.0; 16_000], ..cue(0.0, None) };
        let (held, _) = held(vec![silence, cue(1.0, None)], false).await;
        assert_eq!((held.turns[0].len(), held.turns[1].len(), held.is_cut), (0, 1, false));
    }

    #[tokio::test(start_paused = true)]
    async fn a_bot_that_hangs_up_leaves_the_rest_unsaid() {
        let (mut call, far) = in_memory("call");
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            while call.microphone.recv().await.is_some_and(|frame| frame.samples[0] == 0.0) {}
            call.events.send(Event::UserSaid { turn: TurnId(1), text: "bye".into() }).await.unwrap();
            drop(call);
        });
        let held = hold(far, vec![cue(0.1, None), cue(0.1, None)], false).await.unwrap();
        assert!(held.is_cut);
        assert_eq!(held.turns.len(), 1);
    }
}
