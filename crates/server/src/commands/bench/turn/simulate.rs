//! Plays sound against the state machine of the product with the real detector and models, as fast as they compute: an
//! engine's answer arrives at the moment of the sound at which it would have arrived in real time, which is the moment
//! it was asked plus what it took. So an hour of calls is measured in minutes, and nothing but the reply is made up.
use std::{collections::VecDeque, time::Duration};

use anyhow::{Context, Result};
use tokio::time::Instant;
use voce_core::{AudioFrame, EndOfTurn, Event, LanguageModel, Line, MICROPHONE_RATE_HZ, MediaTime};
use voce_models::{Runtime, Store};
use voce_pipeline::{Action, Conversation, Input, Played, Rules, Ticket};
use voce_stt::Recognizer;
use voce_turn::VoiceActivityFactory;

use crate::config::Config;

const FRAME: Duration = Duration::from_millis(20);
const FRAME_SAMPLES: usize = MICROPHONE_RATE_HZ as usize / 50;

/// The models that decide.
pub struct Models {
    pub voice_activity: VoiceActivityFactory,
    pub end_of_turn: std::sync::Arc<dyn EndOfTurn>,
    pub stt: Recognizer,
    pub llm: std::sync::Arc<dyn LanguageModel>,
    /// The words, and what the language model thinks of them, take no longer than this, as on a GPU.
    pub words_within: Option<Duration>,
}

impl Models {
    pub fn load(config: &Config, store: &Store, runtime: &Runtime) -> Result<Self> {
        Ok(Self {
            voice_activity: voce_turn::build_vad_factory(&config.turn, store, runtime)?,
            end_of_turn: voce_turn::build_end_of_turn(&config.turn, store, runtime)?,
            stt: voce_stt::load(&config.stt, store, runtime)?,
            llm: voce_llm::build(&config.llm, store)?,
            words_within: None,
        })
    }
}

/// How the bot answers: what it says, and how long the first sound takes from the moment the answer is begun.
#[derive(Clone)]
pub struct Reply {
    pub text: String,
    pub first_sound: Duration,
    /// When each word of the text ends, from the first sound on.
    pub words_end: Vec<Duration>,
}

impl Reply {
    /// `text` at three words a second.
    pub fn evenly(text: &str, first_sound: Duration) -> Self {
        let count = text.split_whitespace().count() as u32;
        let words_end = (1..=count).map(|number| Duration::from_millis(333) * number).collect();
        Self { text: text.to_owned(), first_sound, words_end }
    }
}

/// What the state machine wanted, with the time of the sound at which it did.
pub type Log = Vec<(MediaTime, Action)>;

/// Where the sound in the microphone comes from.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// Someone, whatever the bot does.
    Caller,
    /// The bot itself: the sound stands still while the bot does not speak.
    Bot,
}

/// What reaches the microphone when nobody speaks.
const ROOM: f32 = 1e-4;
/// From the bot's mouth over the caller's loudspeaker and back.
const WAY_BACK: usize = 8;

/// Plays `sound` (16 kHz) to a new call. A fixed sentence (the greeting) is said as `reply` says.
pub fn play(models: &Models, rules: &Rules, sound: &[f32], source: Source, reply: &Reply) -> Result<Log> {
    let mut detector = (models.voice_activity)()?;
    let mut call = Call {
        models,
        heard: Vec::with_capacity(sound.len()),
        reply,
        before: Duration::from_millis(rules.listening.before_ms.into()),
        conversation: Conversation::new(rules.clone()),
        now: MediaTime::default(),
        kept_from: MediaTime::default(),
        due: vec![],
        voice: None,
        log: vec![],
    };
    let frames: Vec<&[f32]> = sound.chunks_exact(FRAME_SAMPLES).collect();
    let mut place = 0_usize;
    for index in 0..frames.len() + if source == Source::Bot { 3_000 / 20 } else { 0 } {
        let start = MediaTime(FRAME * index as u32);
        let samples = match source {
            Source::Caller => frames[index].to_vec(),
            // Before the bot speaks, while it is held, and after all was said there is only the room.
            Source::Bot => match call.is_sounding().then(|| place.checked_sub(WAY_BACK)).flatten() {
                Some(at) if at < frames.len() => frames[at].to_vec(),
                _ => (0..FRAME_SAMPLES).map(|n| if n % 2 == 0 { ROOM } else { -ROOM }).collect(),
            },
        };
        place += usize::from(call.is_sounding());
        call.heard.extend_from_slice(&samples);
        let frame = AudioFrame { at: start, rate_hz: MICROPHONE_RATE_HZ, samples };
        let probability = detector.speech_probability(&frame)?;
        call.frame(start, frame.end(), probability)?;
    }
    Ok(call.log)
}

struct Call<'a> {
    models: &'a Models,
    /// All that reached the microphone.
    heard: Vec<f32>,
    reply: &'a Reply,
    before: Duration,
    conversation: Conversation,
    now: MediaTime,
    kept_from: MediaTime,
    /// Answers of engines on their way.
    due: Vec<(MediaTime, Input)>,
    voice: Option<Voice>,
    log: Log,
}

/// The bot's answer on its way to the ear.
struct Voice {
    begun: MediaTime,
    first_sound: Duration,
    words: VecDeque<(Duration, String)>,
    /// What has sounded.
    position: Duration,
    started: bool,
    open: bool,
    held: bool,
}

impl Call<'_> {
    fn frame(&mut self, start: MediaTime, end: MediaTime, probability: f32) -> Result<()> {
        self.now = end;
        self.due.sort_by_key(|(at, _)| *at);
        while self.due.first().is_some_and(|(at, _)| *at <= end) {
            let (_, input) = self.due.remove(0);
            self.take(input)?;
        }
        self.speak()?;
        self.take(Input::Frame { start, end, probability })
    }

    fn is_sounding(&self) -> bool {
        self.voice.as_ref().is_some_and(|voice| voice.started && !voice.held)
    }

    fn speak(&mut self) -> Result<()> {
        let Some(voice) = &mut self.voice else { return Ok(()) };
        if !voice.open || voice.held || self.now.since(voice.begun) < voice.first_sound {
            return Ok(());
        }
        let mut inputs = vec![];
        if !std::mem::replace(&mut voice.started, true) {
            let text = self.reply.text.clone();
            inputs.push(Input::Played(Played::Started));
            let line = Line { index: 0, text, begins_sentence: true, ends_sentence: true };
            inputs.push(Input::Played(Played::Line(line)));
        }
        voice.position += FRAME;
        while let Some((_, word)) = voice.words.pop_front_if(|(end, _)| *end <= voice.position) {
            inputs.push(Input::Played(Played::Word(word)));
        }
        if voice.words.is_empty() {
            self.voice = None;
            inputs.push(Input::ReplyEnded(Ok(())));
        }
        inputs.into_iter().try_for_each(|input| self.take(input))
    }

    fn take(&mut self, input: Input) -> Result<()> {
        for action in self.conversation.handle(input) {
            self.act(&action)?;
            self.log.push((self.now, action));
        }
        Ok(())
    }

    fn act(&mut self, action: &Action) -> Result<()> {
        match action {
            Action::Listen(from) => self.kept_from = *from,
            Action::Judge(ticket) => self.judge(*ticket)?,
            Action::Weigh(ticket, text) => self.weigh(*ticket, text)?,
            Action::Transcribe(ticket) => self.transcribe(*ticket)?,
            Action::Reply { early, .. } => self.voice = Some(self.begin(!early)),
            Action::Say(..) => self.voice = Some(self.begin(true)),
            Action::Release(_) => self.voice.iter_mut().for_each(|voice| voice.open = true),
            Action::Drop(_) | Action::StopReply => self.voice = None,
            Action::Hold => self.voice.iter_mut().for_each(|voice| voice.held = true),
            Action::Continue => self.voice.iter_mut().for_each(|voice| voice.held = false),
            _ => {}
        }
        Ok(())
    }

    fn begin(&self, open: bool) -> Voice {
        let words = self.reply.text.split_whitespace().map(str::to_owned);
        Voice {
            begun: self.now,
            first_sound: self.reply.first_sound,
            words: self.reply.words_end.iter().copied().zip(words).collect(),
            position: Duration::ZERO,
            started: false,
            open,
            held: false,
        }
    }

    fn kept(&self) -> &[f32] {
        let place = |time: Duration| (time.as_secs_f64() * f64::from(MICROPHONE_RATE_HZ)) as usize;
        let until = place(self.now.0).min(self.heard.len());
        &self.heard[place(self.kept_from.0.saturating_sub(self.before)).min(until)..until]
    }

    fn judge(&mut self, ticket: Ticket) -> Result<()> {
        let asked = Instant::now();
        let probability = self.models.end_of_turn.probability(self.kept())?;
        self.answer(asked, Input::Verdict(ticket, Some(probability)));
        Ok(())
    }

    fn transcribe(&mut self, ticket: Ticket) -> Result<()> {
        let asked = Instant::now();
        let heard = self.models.stt.transcribe_samples(self.kept()).context("transcribing")?;
        self.answer(asked, Input::Words(ticket, heard.text));
        Ok(())
    }

    fn weigh(&mut self, ticket: Ticket, text: &str) -> Result<()> {
        let asked = Instant::now();
        let runtime = tokio::runtime::Handle::current();
        let whole = runtime.block_on(self.models.llm.wholeness(text.to_owned()))?;
        self.answer(asked, Input::Weighed(ticket, whole));
        Ok(())
    }

    fn answer(&mut self, asked: Instant, input: Input) {
        let took = match (&input, self.models.words_within) {
            (Input::Words(..) | Input::Weighed(..), Some(within)) => asked.elapsed().min(within),
            _ => asked.elapsed(),
        };
        self.due.push((MediaTime(self.now.0 + took), input));
    }
}

/// Whether the observers are told that the bot sounds.
pub fn sounds(action: &Action) -> bool {
    matches!(action, Action::Publish(Event::BotStartedSpeaking { .. }))
}
