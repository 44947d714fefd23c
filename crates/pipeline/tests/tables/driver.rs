//! Plays a conversation through on paper: frames go in every 20 ms, engines answer after stated times, and what the
//! state machine wants done becomes a log with a line an action.
use std::{collections::VecDeque, fmt::Write, time::Duration};

use voce_core::{Control, Event, Line, MediaTime, Message};
use voce_pipeline::{Action, Conversation, Input, Played, Rules, Ticket};

const FRAME_MS: u64 = 20;
const JUDGE_MS: u64 = 20;
const WORD_MS: u64 = 300;

/// Sound from the caller's side.
#[derive(Clone, Debug)]
pub struct Sound {
    pub from_ms: u64,
    pub to_ms: u64,
    /// What the recogniser makes of it.
    pub words: String,
    /// What the end-of-turn model says after it.
    pub complete: f32,
}

/// How the engines behave.
#[derive(Clone, Debug)]
pub struct Engines {
    pub transcribe_ms: u64,
    pub hears: Hears,
    /// From here on the recogniser does not answer.
    pub deaf_from_ms: u64,
    /// First sound of an answer after it was begun.
    pub answer_ms: u64,
    pub answer: Answer,
    pub end_of_turn_fails: bool,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Hears {
    Words,
    Fails,
    Never,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Answer {
    Words(&'static str),
    /// These words, then nothing more, ever.
    BreaksOff(&'static str),
    Nothing,
    Fails,
    Never,
}

impl Default for Engines {
    fn default() -> Self {
        Self {
            transcribe_ms: 80,
            hears: Hears::Words,
            deaf_from_ms: u64::MAX,
            answer_ms: 400,
            answer: Answer::Words("It lasts two years."),
            end_of_turn_fails: false,
        }
    }
}

/// What one table row says goes in.
#[derive(Clone, Debug, Default)]
pub struct Script {
    pub rules: Rules,
    pub engines: Engines,
    pub sounds: Vec<Sound>,
    pub controls: Vec<(u64, Control)>,
    pub hang_up_ms: Option<u64>,
    pub until_ms: u64,
}

/// An answer or a sentence on its way to the ear.
struct Voice {
    words: VecDeque<String>,
    first_at: u64,
    /// When the word at hand ends.
    ends_at: Option<u64>,
    open: bool,
    held: bool,
    then: Then,
}

#[derive(Clone, Copy, PartialEq)]
enum Then {
    Done,
    Fail,
    Hang,
}

/// What came out.
#[derive(Default)]
pub struct Outcome {
    pub log: Vec<String>,
    pub times: Vec<u64>,
    pub prompts: Vec<Vec<Message>>,
    /// What was heard of each closed turn, by the words that sounded.
    pub heard: Vec<String>,
}

pub struct Driver {
    script: Script,
    pub conversation: Conversation,
    now: u64,
    kept_from: u64,
    judging: Option<(u64, Ticket)>,
    hearing: Option<(u64, Ticket, String)>,
    voice: Option<Voice>,
    filler: Option<Voice>,
    pub out: Outcome,
    /// Words that sounded since the last turn was closed.
    sounded: Vec<String>,
    over: bool,
}

impl Driver {
    pub fn new(script: Script) -> Self {
        let conversation = Conversation::new(script.rules.clone());
        Self {
            script,
            conversation,
            now: 0,
            kept_from: 0,
            judging: None,
            hearing: None,
            voice: None,
            filler: None,
            out: Outcome::default(),
            sounded: vec![],
            over: false,
        }
    }

    /// Plays to the end and returns the log.
    pub fn run(mut self) -> Self {
        while self.now < self.script.until_ms && !self.over {
            self.step();
        }
        self
    }

    pub fn is_over(&self) -> bool {
        self.over
    }

    /// One frame, and all that is due by its end.
    pub fn step(&mut self) {
        let (start, end) = (self.now, self.now + FRAME_MS);
        self.now = end;
        let controls: Vec<Control> = self
            .script
            .controls
            .iter()
            .filter(|(at, _)| (start..end).contains(at))
            .map(|(_, c)| *c)
            .collect();
        for control in controls {
            self.take(Input::Control(control));
        }
        if self.script.hang_up_ms.is_some_and(|at| (start..end).contains(&at)) {
            self.take(Input::HungUp);
            self.over = true;
            return;
        }
        if let Some((_, ticket)) = self.judging.take_if(|(at, _)| *at <= end) {
            let complete = self.script.sounds.iter().rfind(|sound| sound.from_ms < end).map(|s| s.complete);
            self.take(Input::Verdict(ticket, complete.filter(|_| !self.script.engines.end_of_turn_fails)));
        }
        if let Some((_, ticket, words)) = self.hearing.take_if(|(at, ..)| *at <= end) {
            match self.script.engines.hears {
                Hears::Words if self.now >= self.script.engines.deaf_from_ms => {}
                Hears::Words => self.take(Input::Words(ticket, words)),
                Hears::Fails => self.take(Input::NotUnderstood(ticket, "stt: broken".into())),
                Hears::Never => {}
            }
        }
        self.play(true);
        self.play(false);
        let loud = self.script.sounds.iter().any(|sound| sound.from_ms <= start && end <= sound.to_ms);
        let probability = if loud { 0.9 } else { 0.02 };
        self.take(Input::Frame { start: at(start), end: at(end), probability });
    }

    /// Lets the filler, or the answer, sound until now.
    fn play(&mut self, filler: bool) {
        let now = self.now;
        let speaker_is_free = filler || self.filler.is_none();
        let slot = if filler { &mut self.filler } else { &mut self.voice };
        let Some(voice) = slot else { return };
        if !voice.open || voice.held || !speaker_is_free {
            return;
        }
        let mut inputs = vec![];
        match voice.ends_at {
            None if now < voice.first_at => return,
            None if !voice.words.is_empty() => {
                inputs.push(Input::Played(Played::Started));
                let text = voice.words.iter().cloned().collect::<Vec<_>>().join(" ");
                let line = Line { index: 0, text, begins_sentence: true, ends_sentence: true };
                inputs.push(Input::Played(Played::Line(line)));
                voice.ends_at = Some(now + WORD_MS);
            }
            Some(ends) if now >= ends => {
                inputs.extend(voice.words.pop_front().map(|word| Input::Played(Played::Word(word))));
                voice.ends_at = Some(now + WORD_MS);
            }
            _ => {}
        }
        if voice.words.is_empty() && now >= voice.first_at {
            let outcome = match voice.then {
                Then::Done => Some(Ok(())),
                Then::Fail => Some(Err("stage llm: broken".to_owned())),
                Then::Hang => None,
            };
            if let Some(outcome) = outcome {
                *slot = None;
                if !filler {
                    inputs.push(Input::ReplyEnded(outcome));
                }
            }
        }
        for input in inputs {
            self.take(input);
        }
    }

    fn take(&mut self, input: Input) {
        if let Input::Played(Played::Word(word)) = &input {
            self.sounded.push(word.clone());
        }
        for action in self.conversation.handle(input) {
            self.act(action);
        }
    }

    fn act(&mut self, action: Action) {
        let mut line = String::new();
        match action {
            Action::Listen(from) => self.kept_from = from.0.as_millis() as u64,
            Action::Forget | Action::Publish(Event::UserStartedSpeaking | Event::LineStarted { .. }) => {}
            Action::Open(turn, by, _) => drop(write!(line, "open {} {}", turn.0, by.as_str())),
            Action::Judge(ticket) => self.judging = Some((self.now + JUDGE_MS, ticket)),
            Action::Weigh(ticket, _) => self.take(Input::Weighed(ticket, None)),
            Action::Transcribe(ticket) => {
                let words: Vec<&str> = self
                    .script
                    .sounds
                    .iter()
                    .filter(|sound| sound.to_ms > self.kept_from && sound.from_ms < self.now)
                    .map(|sound| sound.words.as_str())
                    .collect();
                let words = words.join(" ").trim().to_owned();
                self.hearing = Some((self.now + self.script.engines.transcribe_ms, ticket, words));
            }
            Action::Prepare(prompt) => drop(write!(line, "prepare {}", prompt.question)),
            Action::Reply { prompt, early, .. } => {
                let how = if early { "early" } else { "reply" };
                write!(line, "{how} {}", prompt.question).ok();
                self.out.prompts.push(prompt.history);
                let (words, then) = match &self.script.engines.answer {
                    Answer::Words(words) => (*words, Then::Done),
                    Answer::BreaksOff(words) => (*words, Then::Hang),
                    Answer::Nothing => ("", Then::Done),
                    Answer::Fails => ("", Then::Fail),
                    Answer::Never => ("", Then::Hang),
                };
                let first_at = self.now + self.script.engines.answer_ms;
                (self.voice, self.filler) = (Some(voice(words, first_at, !early, then)), None);
            }
            Action::Release(_) => {
                line.push_str("release");
                if let Some(voice) = &mut self.voice {
                    voice.open = true;
                }
            }
            Action::Drop(_) => {
                line.push_str("drop");
                (self.voice, self.filler) = (None, None);
            }
            Action::Say(_, text) => {
                write!(line, "say {text}").ok();
                (self.voice, self.filler) = (Some(voice(&text, self.now + 100, true, Then::Done)), None);
            }
            Action::Fill(_, text) => {
                write!(line, "fill {text}").ok();
                self.filler = Some(voice(&text, self.now + 100, true, Then::Done));
            }
            Action::Hold => {
                line.push_str("hold");
                self.each_voice(|voice| voice.held = true);
            }
            Action::Continue => {
                line.push_str("continue");
                let now = self.now;
                self.each_voice(|voice| {
                    voice.held = false;
                    // The word at hand is said again.
                    voice.ends_at = voice.ends_at.map(|_| now + WORD_MS);
                });
            }
            Action::StopReply => {
                line.push_str("stop");
                (self.voice, self.filler) = (None, None);
            }
            Action::Decided(_, decision) => {
                write!(line, "{} {}", decision.outcome.as_str(), decision.hint.as_str()).ok();
            }
            Action::Overlapped(_, overlap) => drop(write!(line, "overlap {}", overlap.meaning.as_str())),
            Action::Publish(Event::ReplyFailed { reason, .. }) => drop(write!(line, "failed: {reason}")),
            Action::Publish(Event::BotStartedSpeaking { .. }) => line.push_str("sound"),
            Action::Publish(Event::TurnReopened { .. }) => line.push_str("reopened"),
            Action::Publish(_) => {}
            Action::Close(turn, reason, heard) => {
                write!(line, "close {} {} \"{heard}\"", turn.0, reason.as_str()).ok();
                self.out.heard.push(std::mem::take(&mut self.sounded).join(" "));
            }
            Action::HangUp => {
                line.push_str("hang up");
                self.over = true;
            }
        }
        if !line.is_empty() {
            self.out.log.push(line);
            self.out.times.push(self.now);
        }
    }

    fn each_voice(&mut self, change: impl Fn(&mut Voice)) {
        [&mut self.voice, &mut self.filler].into_iter().flatten().for_each(change);
    }
}

fn voice(words: &str, first_at: u64, open: bool, then: Then) -> Voice {
    let words = words.split_whitespace().map(str::to_owned).collect();
    Voice { words, first_at, ends_at: None, open, held: false, then }
}

fn at(ms: u64) -> MediaTime {
    MediaTime(Duration::from_millis(ms))
}
