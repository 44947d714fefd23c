//! Who speaks when, and what is remembered. Pure: inputs in, actions out, no clock, no channels, no tasks.
//!
//! Time is counted in microphone frames, so every wait and deadline below can be played through in a test.
//! `caller.rs` holds what concerns the caller's turns, `buttons.rs` what they do by hand, `bot.rs` the bot's turns,
//! `overlaps.rs` both at once, `calls.rs` the calls of tools.
mod bot;
mod buttons;
mod caller;
mod calls;
mod history;
mod known;
mod overlaps;

use std::{sync::Arc, time::Duration};

use voce_core::{EndReason, Event, MediaTime, Prompt, ToolCall, TurnId};

use crate::{
    AssistantConfig, ContextConfig, Decision, Endpointing, InterruptionConfig, ListeningConfig, Meaning,
    News, PatienceConfig, Phrase, Played, overlap::Voice,
};
use calls::Asked;
use history::History;
pub use history::{Called, Exchange};
pub use known::Known;

/// All that can be set about a conversation.
#[derive(Clone, Debug, Default)]
pub struct Rules {
    /// Who the assistant is and what it says.
    pub assistant: Arc<AssistantConfig>,
    /// When speech begins and ends.
    pub listening: ListeningConfig,
    /// When speech stops the bot.
    pub interruption: InterruptionConfig,
    /// How long anything may take.
    pub patience: PatienceConfig,
    /// What the language model is shown of a long call.
    pub context: ContextConfig,
}

/// Names a question put to an engine, so that an answer that comes too late is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ticket(pub u64);

/// What happened.
#[derive(Clone, Debug, PartialEq)]
pub enum Input {
    /// A frame of the microphone and the probability of speech at its end. The only clock there is.
    Frame {
        /// Position of its first sample.
        start: MediaTime,
        /// Position after its last sample.
        end: MediaTime,
        /// 0 to 1.
        probability: f32,
    },
    /// The caller pressed a button.
    Control(voce_core::Control),
    /// The end-of-turn model's answer, 0 to 1; none if it failed.
    Verdict(Ticket, Option<f32>),
    /// What the recogniser makes of the sound so far; may change.
    Guess(Ticket, String),
    /// What the recogniser heard; may be empty.
    Words(Ticket, String),
    /// How likely the words are whole, 0 to 1; none where the language model cannot tell.
    Weighed(Ticket, Option<f32>),
    /// The recogniser failed.
    NotUnderstood(Ticket, String),
    /// The caller hears the bot.
    Played(Played),
    /// A tool is called, or was.
    Tool(News),
    /// The bot is done, or a stage failed.
    ReplyEnded(Result<(), String>),
    /// The call is over.
    HungUp,
}

/// How a turn came about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OpenedBy {
    /// The caller spoke.
    Speech,
    /// The caller pressed the button.
    PushToTalk,
    /// The call began.
    Greeting,
    /// The caller said nothing for long.
    Idle,
}

impl OpenedBy {
    /// The word used in traces.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Speech => "speech",
            Self::PushToTalk => "push_to_talk",
            Self::Greeting => "greeting",
            Self::Idle => "idle",
        }
    }
}

/// What is to be done.
#[derive(Clone, Debug, PartialEq)]
pub enum Action {
    /// Keep the caller's sound from a little before here on.
    Listen(MediaTime),
    /// The kept sound is not needed any more.
    Forget,
    /// A turn begins.
    Open(TurnId, OpenedBy, MediaTime),
    /// Ask the end-of-turn model about the kept sound.
    Judge(Ticket),
    /// Transcribe the kept sound; the text of an unfinished utterance is only a guess.
    Transcribe(Ticket),
    /// Ask the language model whether these words are whole.
    Weigh(Ticket, String),
    /// Look up, and let the language model read, what the caller seems to be asking.
    Prepare(Prompt),
    /// Answer a question. Its sound waits for [`Action::Release`] if it is early.
    Reply {
        /// The turn.
        turn: TurnId,
        /// The question and all that belongs to it.
        prompt: Prompt,
        /// Whether the caller may yet go on.
        early: bool,
        /// A call that the caller has said yes to; it is made first.
        approved: Option<ToolCall>,
    },
    /// The early answer may be heard.
    Release(TurnId),
    /// The answer was never heard and is not wanted any more.
    Drop(TurnId),
    /// Say a fixed sentence instead of whatever is being said.
    Say(TurnId, String),
    /// Say a fixed sentence before the answer that is being prepared.
    Fill(TurnId, String),
    /// Fall silent, or quieter, and keep the place.
    Hold,
    /// Go on, from the beginning of the word at hand if the stop was long.
    Continue,
    /// Stop whatever is being said, now.
    StopReply,
    /// A pause of the caller was judged.
    Decided(TurnId, Decision),
    /// Someone spoke into the bot's speech.
    Overlapped(TurnId, Overlap),
    /// Tell the observers.
    Publish(Event),
    /// A turn is over; the last field is what was heard of the answer.
    Close(TurnId, EndReason, String),
    /// End the call.
    HangUp,
}

/// What came of speech into the bot's speech.
#[derive(Clone, Debug, PartialEq)]
pub struct Overlap {
    /// What it was.
    pub meaning: Meaning,
    /// Its words.
    pub text: String,
    /// Where it began.
    pub began: MediaTime,
    /// How long it lasted.
    pub speech: Duration,
    /// How long the bot was held for it, if it was.
    pub held: Option<Duration>,
    /// From its beginning to the moment the bot was told to fall silent, if it was. The ear hears what is on its way
    /// to it a little longer.
    pub stopped_after: Option<Duration>,
}

/// Who has the floor.
#[derive(Clone, Debug, PartialEq)]
enum Floor {
    Nobody {
        since: MediaTime,
    },
    /// Until the turn is over and its words are known.
    Caller {
        turn: TurnId,
        early: Option<Early>,
    },
    /// From the end of the question: the bot thinks, then speaks.
    Bot(Speaking),
}

/// An answer begun before the turn was over.
#[derive(Clone, Debug, PartialEq)]
struct Early {
    question: String,
    /// How it ended already, if it did.
    ended: Option<Result<(), String>>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
struct Speaking {
    turn: TurnId,
    /// A fixed sentence, or an answer.
    phrase: Option<Phrase>,
    since: MediaTime,
    /// When the caller last heard something new.
    progress: MediaTime,
    /// True once the caller hears something.
    audible: bool,
    /// True when this is the apology for a failure, which is not followed by another.
    failed: bool,
    /// Since when the bot is silent because someone speaks.
    held: Option<MediaTime>,
    /// Where the question began and ended, as long as the caller may go on with it.
    question: Option<(MediaTime, MediaTime)>,
}

/// Sound that is, or may become, a turn of the caller.
#[derive(Clone, Debug)]
struct Speech {
    began: MediaTime,
    judging: Option<Ticket>,
    weighing: Option<Ticket>,
    hearing: Option<Hearing>,
    /// When a transcription was last begun.
    asked: MediaTime,
    /// How long the last one took.
    took: Duration,
    /// What the caller seemed to be saying.
    guess: String,
    /// Whether the bot was let go on although this sound did not end.
    passed: bool,
    /// Whether that was said: one sound is spoken of once.
    told: bool,
    /// Whether it began while the bot spoke, or so soon after that it may be its echo.
    over_bot: Option<OverBot>,
    /// The words up to the pause at hand.
    text: Option<String>,
    /// Since when the turn is over.
    ended: Option<MediaTime>,
}

/// How the bot's voice may be in the caller's sound.
#[derive(Clone, Copy, Debug, PartialEq)]
enum OverBot {
    During,
    JustAfter,
}

/// A transcription under way.
#[derive(Clone, Copy, Debug)]
struct Hearing {
    ticket: Ticket,
    /// Whether the sound was complete, as far as is known.
    whole: bool,
}

impl Speech {
    fn new(began: MediaTime) -> Self {
        Self {
            began,
            judging: None,
            weighing: None,
            hearing: None,
            asked: began,
            took: Duration::ZERO,
            guess: String::new(),
            passed: false,
            told: false,
            over_bot: None,
            text: None,
            ended: None,
        }
    }
}

/// One call's conversation.
pub struct Conversation {
    rules: Rules,
    now: MediaTime,
    endpointing: Endpointing,
    floor: Floor,
    speech: Option<Speech>,
    history: History,
    known: Known,
    heard: String,
    voice: Voice,
    turns: u32,
    tickets: u64,
    greeted: bool,
    /// Times in a row that there was speech without words.
    misheard: u32,
    /// Whether the caller was asked if they are there.
    prompted: bool,
    /// Turn of the last filler, and how many there were.
    filled: (TurnId, usize),
    /// When the bot last spoke.
    bot_ended: Option<MediaTime>,
    /// A call that the caller was asked about.
    asked: Option<Asked>,
    /// The one that the question of this turn has decided.
    decided: Option<(TurnId, Asked)>,
    /// How much speaks for a loudspeaker or a noisy place: above [`overlaps::DISTRUST`] the bot is not held by sound
    /// alone.
    distrust: u32,
    actions: Vec<Action>,
}

impl Conversation {
    /// Nobody has said anything yet.
    pub fn new(rules: Rules) -> Self {
        Self {
            now: MediaTime::default(),
            endpointing: Endpointing::new(rules.listening.clone()),
            floor: Floor::Nobody { since: MediaTime::default() },
            speech: None,
            history: History::default(),
            known: Known::default(),
            heard: String::new(),
            voice: Voice::default(),
            turns: 0,
            tickets: 0,
            greeted: false,
            misheard: 0,
            prompted: false,
            filled: (TurnId(0), 0),
            bot_ended: None,
            asked: None,
            decided: None,
            distrust: 0,
            actions: vec![],
            rules,
        }
    }

    /// What was said, generated, spoken and heard so far, a turn each.
    pub fn history(&self) -> &[Exchange] {
        self.history.exchanges()
    }

    /// Adds to a closed turn what the language model wrote and what was turned into sound of it.
    pub fn note_answer(&mut self, turn: TurnId, generated: String, spoken: String) {
        self.history.note(turn, generated, spoken);
    }

    /// Takes what happened, gives what is to be done, in order.
    pub fn handle(&mut self, input: Input) -> Vec<Action> {
        match input {
            Input::Frame { start, end, probability } => self.frame(start, end, probability),
            Input::Control(control) => self.control(control),
            Input::Verdict(ticket, probability) => self.verdict(ticket, probability),
            Input::Guess(ticket, text) => self.guessed(ticket, text),
            Input::Words(ticket, text) => self.understood(ticket, text),
            Input::Weighed(ticket, whole) => self.weighed(ticket, whole),
            Input::NotUnderstood(ticket, reason) => self.not_understood(ticket, reason),
            Input::Played(played) => self.played(played),
            Input::Tool(news) => self.tool(news),
            Input::ReplyEnded(outcome) => self.reply_ended(outcome),
            Input::HungUp => self.hung_up(),
        }
        std::mem::take(&mut self.actions)
    }

    fn frame(&mut self, start: MediaTime, end: MediaTime, probability: f32) {
        self.now = end;
        if let Some(change) = self.endpointing.frame(start, end, probability) {
            self.changed(change);
        }
        self.watch_caller();
        self.watch_overlap();
        self.watch_bot();
    }

    fn act(&mut self, action: Action) {
        if let Action::Drop(turn) = &action {
            self.answer_dropped(*turn);
        }
        self.actions.push(action);
    }

    fn publish(&mut self, event: Event) {
        self.actions.push(Action::Publish(event));
    }

    fn ticket(&mut self) -> Ticket {
        self.tickets += 1;
        Ticket(self.tickets)
    }

    fn open(&mut self, by: OpenedBy, began: MediaTime) -> TurnId {
        self.turns += 1;
        let turn = TurnId(self.turns);
        self.act(Action::Open(turn, by, began));
        turn
    }

    /// Closes `turn`: only what the caller actually heard enters the history.
    fn close(&mut self, turn: TurnId, reason: EndReason) -> String {
        let heard = std::mem::take(&mut self.heard);
        self.history.close(turn, heard.clone(), reason != EndReason::Completed);
        self.act(Action::Close(turn, reason, heard.clone()));
        heard
    }

    fn nobody(&mut self) {
        self.floor = Floor::Nobody { since: self.now };
    }

    fn hung_up(&mut self) {
        let turn = match self.floor {
            Floor::Nobody { .. } => return,
            Floor::Caller { turn, .. } | Floor::Bot(Speaking { turn, .. }) => turn,
        };
        self.act(Action::StopReply);
        self.close(turn, EndReason::SessionClosed);
        self.nobody();
    }
}

fn seconds(value: f32) -> Duration {
    Duration::try_from_secs_f32(value).unwrap_or(Duration::MAX)
}

fn millis(value: u32) -> Duration {
    Duration::from_millis(value.into())
}
