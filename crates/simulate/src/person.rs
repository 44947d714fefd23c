//! The caller: says what the plan says, listens, interrupts at the moment asked for, and hangs up.
use std::{sync::Arc, time::Duration};

use voce_core::{FarEnd, LanguageModel, TurnId};

use crate::{
    CallRecord, Exchange, Plan, Scenario, Utterances,
    attention::{self, Chance},
    persona,
    phone::{Phone, Silence},
    plan::{Nod, Utterance},
    scenario::{Persona, When},
};

/// Who plays a persona, and speaks for it.
#[derive(Clone)]
pub struct Actor {
    /// Finds the words.
    pub llm: Arc<dyn LanguageModel>,
    /// Says them.
    pub utterances: Arc<Utterances>,
}

/// Holds one call to its end. `actor` is needed where the scenario has a persona.
pub async fn hold(far: FarEnd, scenario: &Scenario, plan: &Plan, actor: Option<&Actor>) -> CallRecord {
    let phone = Phone::pick_up(far, plan.background.clone());
    let mut person = Person { phone: &phone, patience: plan.patience, exchanges: vec![], trouble: None };
    person.script(plan).await;
    if let Some(persona) = &scenario.persona {
        person.play(persona, scenario, plan, actor).await;
    }
    let Person { exchanges, mut trouble, .. } = person;
    let seconds = phone.now().as_secs_f64();
    let hung_up_on = phone.is_over();
    let seen = phone.hang_up().await;
    if hung_up_on && trouble.is_none() {
        trouble = Some("the assistant ended the call".into());
    }
    let exchanges = exchanges.into_iter().map(|(turn, mut exchange)| {
        exchange.turn = turn.and_then(|turn| attention::report(&seen, turn)).cloned();
        exchange.tools = turn.map(|turn| attention::tools(&seen, Some(turn))).unwrap_or_default();
        exchange
    });
    CallRecord {
        call: plan.call,
        id: plan.id.clone(),
        voice: plan.voice.clone(),
        exchanges: exchanges.collect(),
        turns: attention::reports(&seen).cloned().collect(),
        tools: attention::tools(&seen, None),
        trouble,
        seconds,
    }
}

struct Person<'a> {
    phone: &'a Phone,
    patience: Duration,
    /// With the turn that answers each: its figures come when it is over.
    exchanges: Vec<(Option<TurnId>, Exchange)>,
    trouble: Option<String>,
}

impl Person<'_> {
    /// Says all lines of the plan, or those up to the first that gets no answer.
    async fn script(&mut self, plan: &Plan) {
        if plan.listens_first {
            let greeted = |seen: &[_], _| attention::reports(seen).next().map(|_| ());
            if let Err(silence) = self.phone.until(self.patience, greeted).await {
                self.trouble = Some(self.no("greeting", silence));
                return;
            }
        }
        let mut into = None;
        for (index, line) in plan.lines.iter().enumerate() {
            let next = plan.lines.get(index + 1).and_then(|next| next.into);
            match self.exchange(line, into, next).await {
                Ok(spoken_into) => into = spoken_into,
                Err(trouble) => {
                    self.trouble = Some(trouble);
                    return;
                }
            }
        }
    }

    /// Lets the model find what to say until it has what it wants.
    async fn play(&mut self, persona: &Persona, scenario: &Scenario, plan: &Plan, actor: Option<&Actor>) {
        let Some(actor) = actor else {
            self.trouble = Some("nobody plays the persona: there is no language model for it".into());
            return;
        };
        while self.trouble.is_none() && self.exchanges.len() < persona.most_turns as usize {
            let text = match persona::next_words(&*actor.llm, persona, &self.told()).await {
                Ok(Some(text)) => text,
                Ok(None) => return,
                Err(error) => {
                    self.trouble = Some(format!("the persona found no words: {error}"));
                    return;
                }
            };
            let spoken = actor.utterances.say(&plan.voice, scenario.speed as f32, &text, None).await;
            self.trouble = match spoken {
                Ok(sound) => self.exchange(&Utterance::simple(text, sound), None, None).await.err(),
                Err(error) => Some(error.to_string()),
            };
        }
    }

    /// What was said so far, and what was heard.
    fn told(&self) -> Vec<(String, String)> {
        self.phone.look(|seen| {
            let told = self.exchanges.iter().map(|(turn, exchange)| {
                let report = turn.and_then(|turn| attention::report(seen, turn));
                (exchange.said.clone(), report.map_or_else(String::new, |report| report.heard.clone()))
            });
            told.collect()
        })
    }

    /// Says one thing and attends to what comes of it. `next` is when the answer will be spoken into. Returns the turn
    /// whose answer goes on, for that; fails if there is nothing to go on with.
    async fn exchange(
        &mut self,
        line: &Utterance,
        into: Option<TurnId>,
        next: Option<When>,
    ) -> Result<Option<TurnId>, String> {
        if into.is_none() {
            self.rest(line.wait).await;
        }
        let from = self.phone.say(&line.sound).await;
        let interrupts = line.into.is_some();
        let mut exchange = Exchange { said: line.text.clone(), interrupts, ..Exchange::default() };
        let nodded_in = match &line.nod {
            Some(nod) => self.nod(nod, from, &mut exchange).await,
            None => None,
        };
        let outcome = match (next, nodded_in) {
            (Some(when), _) => self.moment(from, when).await.map(|chance| match chance {
                Chance::Now(turn) => (turn, Some(turn)),
                Chance::Missed(turn) => {
                    exchange.trouble =
                        Some("the answer was over before the caller could interrupt it".into());
                    (turn, None)
                }
            }),
            (None, Some(turn)) => self.end_of(turn).await.map(|()| (turn, None)),
            (None, None) => self.answer(from, into).await.map(|turn| (turn, None)),
        };
        match outcome {
            Ok((turn, goes_on)) => {
                self.exchanges.push((Some(turn), exchange));
                Ok(goes_on)
            }
            Err(trouble) => {
                exchange.trouble = Some(trouble.clone());
                self.exchanges.push((None, exchange));
                Err(trouble)
            }
        }
    }

    /// Waits until the assistant is done, and `wait` more.
    async fn rest(&self, wait: Duration) {
        let quiet = |seen: &[_], _| attention::is_quiet(seen).then_some(());
        // One that never ends is spoken into.
        self.phone.until(self.patience, quiet).await.ok();
        self.phone.until::<()>(wait, |_, _| None).await.ok();
    }

    /// Says a nod into the answer. Returns the turn of the answer.
    async fn nod(&self, nod: &Nod, from: usize, exchange: &mut Exchange) -> Option<TurnId> {
        match self.moment(from, nod.when).await {
            Ok(Chance::Now(turn)) => {
                self.phone.say(&nod.sound).await;
                exchange.backchannel = Some(nod.text.clone());
                Some(turn)
            }
            Ok(Chance::Missed(turn)) => {
                exchange.trouble = Some("the answer was over before the caller could nod".into());
                Some(turn)
            }
            Err(_) => None,
        }
    }

    async fn moment(&self, from: usize, when: When) -> Result<Chance, String> {
        let chance =
            self.phone.until(self.patience, |seen, now| attention::chance(seen, from, when, now)).await;
        chance.map_err(|silence| self.no("answer", silence))
    }

    async fn end_of(&self, turn: TurnId) -> Result<(), String> {
        let over = |seen: &[_], _| attention::report(seen, turn).map(|_| ());
        self.phone.until(self.patience, over).await.map_err(|silence| self.no("end of the answer", silence))
    }

    async fn answer(&self, from: usize, into: Option<TurnId>) -> Result<TurnId, String> {
        let answered = |seen: &[_], now| match attention::answer(seen, from, into) {
            Some(turn) => Some(Some(turn)),
            None => into.is_some_and(|into| attention::ignored(seen, into, now)).then_some(None),
        };
        match self.phone.until(self.patience, answered).await {
            Ok(Some(turn)) => Ok(turn),
            Ok(None) => Err("the assistant spoke on: it did not take the words for an interruption".into()),
            Err(silence) => Err(self.no("answer", silence)),
        }
    }

    fn no(&self, what: &str, silence: Silence) -> String {
        match silence {
            Silence::TooLong => format!("no {what} within {} s", self.patience.as_secs_f64()),
            Silence::HungUp => format!("no {what}: the assistant ended the call"),
        }
    }
}
