//! Callers as they are: they ask and listen, interrupt, hang up in the middle, lose the network, and some send garbage.
use std::{sync::Arc, time::Duration};

use reqwest::Client;
use serde_json::json;
use tokio::time::{Instant, sleep, sleep_until};
use voce_testkit::caller::{Caller, CallerError, Received};

use crate::{harness::microphone, tally::Tally};

/// How long an answer may take on a machine that bears less.
const PATIENCE: Duration = Duration::from_secs(60);
/// How often is looked at what has come.
const LOOK: Duration = Duration::from_millis(200);
/// Questions of one call, so that calls begin and end all the time.
const TURNS_OF_CALL: u32 = 5;
/// Longer than the server waits for somebody who has gone.
const GONE: Duration = Duration::from_secs(10);

/// One of many.
pub struct Person {
    pub url: String,
    pub http: Client,
    pub tally: Arc<Tally>,
    /// From one question to the next.
    pub every: Duration,
    pub first: Instant,
    pub ends: Instant,
    pub dice: Dice,
}

/// Chance from a seed, so that two runs do the same.
pub struct Dice(pub u64);

impl Dice {
    /// 0 to `sides` - 1.
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % sides
    }
}

/// Whether the line still stands after what was done.
#[derive(PartialEq)]
enum Line {
    Stands,
    Gone,
}

impl Person {
    /// Calls, talks, hangs up, and again, until the time is over.
    pub async fn live(mut self) {
        let questions = ["q1.wav", "filter_bf_emma.wav", "hours_am_michael.wav", "warranty_af_heart.wav"];
        let questions = questions.map(microphone);
        let mut next = self.first;
        while next < self.ends {
            sleep_until(next).await;
            let caller = match Caller::connect_by(self.http.clone(), &self.url).await {
                Ok(caller) => caller,
                Err(error) => {
                    self.tally.unasked(format!("no call: {}", kind(&error)));
                    next += self.every;
                    continue;
                }
            };
            self.tally.act("called");
            next = self.hold(caller, &questions, next).await;
        }
    }

    /// One call; returns when the next question is due.
    async fn hold(&mut self, mut caller: Caller, questions: &[Vec<f32>], mut next: Instant) -> Instant {
        for _ in 0..TURNS_OF_CALL {
            if next >= self.ends {
                break;
            }
            sleep_until(next).await;
            next += self.every;
            let question = &questions[self.dice.roll(questions.len() as u64) as usize];
            let line = match self.dice.roll(20) {
                0..=10 => self.ask(&caller, question).await,
                11..=13 => self.interrupt(&caller, question, &questions[0]).await,
                14 => self.press_stop(&caller, question).await,
                15 => self.lose_network(&mut caller, question).await,
                16 => self.talk_nonsense(&caller, question).await,
                17 => {
                    self.tally.act("hung up in the middle");
                    self.begin(&caller, question).await.ok();
                    break;
                }
                18 => {
                    self.tally.act("vanished");
                    self.begin(&caller, question).await.ok();
                    self.note_turns(&caller);
                    caller.vanish().await;
                    return next;
                }
                _ => {
                    self.tally.act("said nothing");
                    Ok(Line::Stands)
                }
            };
            self.note_turns(&caller);
            match line {
                Ok(Line::Stands) => {}
                Ok(Line::Gone) => return next,
                Err(error) => {
                    self.tally.unasked(kind(&error));
                    break;
                }
            }
        }
        self.note_turns(&caller);
        caller.hang_up().await;
        next
    }

    async fn ask(&self, caller: &Caller, question: &[f32]) -> Result<Line, CallerError> {
        self.tally.act("asked");
        let said = caller.say(question).await?;
        self.answered(caller, said.began).await
    }

    /// Says something else as soon as the answer sounds.
    async fn interrupt(&self, caller: &Caller, question: &[f32], other: &[f32]) -> Result<Line, CallerError> {
        self.tally.act("interrupted");
        self.begin(caller, question).await?;
        let said = caller.say(other).await?;
        self.answered(caller, said.began).await
    }

    async fn press_stop(&self, caller: &Caller, question: &[f32]) -> Result<Line, CallerError> {
        self.tally.act("pressed stop");
        let asked = self.begin(caller, question).await?;
        caller.interrupt().await?;
        self.answered(caller, asked).await
    }

    /// Is away for a while in mid-question. Some come back on the same connection, some with a new one, some never.
    async fn lose_network(&mut self, caller: &mut Caller, question: &[f32]) -> Result<Line, CallerError> {
        let playing = caller.play(question).await?;
        sleep(Duration::from_millis(1_500)).await;
        caller.unplug();
        playing.ended().await?;
        match self.dice.roll(3) {
            0 => {
                self.tally.act("lost the network for 2 s");
                sleep(Duration::from_secs(2)).await;
                caller.plug_in();
                Ok(Line::Stands)
            }
            1 => {
                self.tally.act("came back by a new connection");
                sleep(Duration::from_secs(2)).await;
                // The old socket stays dead, as after a change from one network to another.
                caller.reconnect().await?;
                Ok(Line::Stands)
            }
            _ => {
                self.tally.act("lost the network for good");
                sleep(GONE).await;
                Ok(Line::Gone)
            }
        }
    }

    /// Sends what no client sends, to the call and to the server.
    async fn talk_nonsense(&self, caller: &Caller, question: &[f32]) -> Result<Line, CallerError> {
        self.tally.act("sent garbage");
        for text in ["", "{", "[]", "\u{0}\u{7f}", r#"{"label":"rtvi-ai","type":7}"#, &"x".repeat(30_000)] {
            caller.tell_raw(text).await?;
        }
        caller.tell("client-message", json!({ "t": "dance", "d": [[[[[]]]]] })).await?;
        for (path, body) in [
            ("/api/offer", "v=0".to_owned()),
            ("/api/offer", json!({ "sdp": "v=0\r\n", "type": "offer" }).to_string()),
            ("/api/offer", json!({ "sdp": "x".repeat(200_000), "type": "offer" }).to_string()),
            ("/api/turns/..%2f..%2fetc/feedback", "{}".to_owned()),
            ("/start", "\u{0}".to_owned()),
            ("/nothing", String::new()),
        ] {
            let url = format!("{}{path}", self.url);
            match self.http.post(&url).body(body).send().await {
                Ok(answer) if answer.status().is_server_error() => {
                    self.tally.unasked(format!("{} for garbage at {path}", answer.status()));
                }
                Ok(_) => {}
                // A body that is too long may be cut off.
                Err(error) if error.is_connect() => self.tally.unasked("no connection for garbage"),
                Err(_) => {}
            }
        }
        self.ask(caller, question).await
    }

    /// Asks and waits for the first sound of the answer, or for a turn that ends without one; returns when it was asked.
    async fn begin(&self, caller: &Caller, question: &[f32]) -> Result<Instant, CallerError> {
        let said = caller.say(question).await?;
        let until = Instant::now() + PATIENCE;
        while Instant::now() < until {
            let came = caller.messages();
            let mut came = came.iter().rev().take_while(|message| message.at > said.began);
            if came.any(|message| message.kind() == "bot-started-speaking" || ends_a_turn(message)) {
                // A moment of it, so that there is something to interrupt.
                sleep(Duration::from_millis(300)).await;
                return Ok(said.began);
            }
            sleep(LOOK).await;
        }
        self.tally.late();
        Ok(said.began)
    }

    /// Waits for the report of a turn that ended after `since`.
    async fn answered(&self, caller: &Caller, since: Instant) -> Result<Line, CallerError> {
        let until = Instant::now() + PATIENCE;
        while Instant::now() < until {
            let came = caller.messages();
            let mut came = came.iter().rev().take_while(|message| message.at > since);
            if came.any(ends_a_turn) {
                return Ok(Line::Stands);
            }
            sleep(LOOK).await;
        }
        self.tally.late();
        Ok(Line::Stands)
    }

    fn note_turns(&self, caller: &Caller) {
        for message in caller.messages() {
            if ends_a_turn(&message) {
                self.tally.turn(&message.data()["report"]);
            }
        }
    }
}

/// Whether it is the report of a turn that is over.
pub fn ends_a_turn(message: &Received) -> bool {
    message.kind() == "server-message" && message.data()["type"] == "turn"
}

/// An error without what differs from one time to the next.
fn kind(error: &CallerError) -> String {
    match error {
        CallerError::Refused { status, .. } => format!("refused with {status}"),
        CallerError::Late { what, .. } => format!("no {what} in time"),
        other => other.to_string().chars().take(80).collect(),
    }
}
