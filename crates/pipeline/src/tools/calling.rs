//! The language model's side of its calls: which tool, may it run now, what covers the wait.
use std::sync::Arc;

use futures_util::future::join_all;
use parking_lot::Mutex;
use serde_json::{Map, Value};
use tokio::sync::mpsc;
use tracing::Span;
use voce_core::{Event, Line, ToolCall, ToolDefinition, ToolOutcome, ToolStep};

use super::{Desk, Job, News, desk, question};
use crate::{AssistantConfig, Turn, spans};

/// Calls that one request to the model may make; more are not made.
const MOST_CALLS: usize = 16;
/// How a tool is called that is not there, in traces and metrics: models invent names without end.
const UNKNOWN: &str = "unknown";

/// What one answer may call with.
#[derive(Clone, Default)]
pub struct Hands {
    /// Where calls are made, where there is anything to call.
    pub desk: Option<Desk>,
    /// The number of the answer.
    pub answer: u64,
    /// A call that the caller has just said yes to.
    pub approved: Option<ToolCall>,
}

/// The calls of one answer.
pub struct Calling {
    hands: Hands,
    turn: Turn,
    /// The way to the voice, past what the model writes.
    filler: mpsc::Sender<Line>,
    /// Fillers that were said.
    said: Mutex<Vec<String>>,
    rounds: usize,
    failed: String,
}

/// What came of one request's calls.
pub struct Round {
    /// The calls that are over, in order.
    pub steps: Vec<ToolStep>,
    /// What the caller is to be asked first: the answer ends with the question.
    pub question: Option<(ToolCall, String)>,
}

/// What is to be done about a call.
enum Plan {
    Run(Box<ToolDefinition>, ToolCall),
    Ask(ToolCall, String),
    Answered(ToolStep),
}

impl Calling {
    /// For the answer of `turn`; `filler` leads to the voice.
    pub fn new(hands: Hands, filler: mpsc::Sender<Line>, config: &AssistantConfig, turn: Turn) -> Self {
        let (rounds, failed) = (config.tool_rounds, config.tool_failed.clone());
        Self { hands, turn, filler, said: Mutex::default(), rounds, failed }
    }

    /// What the model may call after so many rounds.
    pub fn definitions(&self, rounds: usize) -> Arc<[ToolDefinition]> {
        match &self.hands.desk {
            Some(desk) if rounds < self.rounds => desk.definitions(),
            _ => Arc::default(),
        }
    }

    /// Said where the model says nothing of a tool that failed.
    pub fn apology(&self) -> &str {
        &self.failed
    }

    /// Makes the call that the caller has said yes to.
    pub async fn approved(&mut self, llm: &Span) -> Option<ToolStep> {
        let call = self.hands.approved.take()?;
        let desk = self.hands.desk.clone()?;
        let tool = desk.definitions().iter().find(|tool| tool.name == call.name).cloned();
        match tool {
            Some(tool) => Some(self.run(&desk, tool, call, true, llm).await),
            None => Some(self.reject(call, "There is no such tool any more.", llm)),
        }
    }

    /// Makes the calls of one request: at once where none has effects, else one after the other.
    pub async fn round(&self, mut calls: Vec<ToolCall>, before: &[ToolStep], llm: &Span) -> Round {
        let Some(desk) = &self.hands.desk else { return Round { steps: vec![], question: None } };
        calls.truncate(MOST_CALLS);
        name_apart(&mut calls, before);
        let definitions = desk.definitions();
        let mut steps = vec![];
        let mut plans: Vec<Plan> = calls.into_iter().map(|call| self.plan(call, &definitions, llm)).collect();
        let asks = plans.iter().position(|plan| matches!(plan, Plan::Ask(..)));
        let after = asks.map_or_else(Vec::new, |at| plans.split_off(at));
        let has_effects = |plan: &Plan| matches!(plan, Plan::Run(tool, _) if tool.policy.has_effects);
        if plans.iter().any(has_effects) {
            for plan in plans {
                steps.push(self.carry_out(desk, plan, llm).await);
            }
        } else {
            steps = join_all(plans.into_iter().map(|plan| self.carry_out(desk, plan, llm))).await;
        }
        let mut after = after.into_iter();
        let Some(Plan::Ask(call, question)) = after.next() else { return Round { steps, question: None } };
        for plan in after {
            // Nothing else happens until the caller has answered.
            self.put_off(desk, plan).await;
        }
        Round { steps, question: Some((call, question)) }
    }

    /// The caller has been asked for sure: their next words decide.
    pub async fn asked(&self, call: ToolCall, question: String, llm: &Span) {
        let step = ToolStep { call: call.clone(), result: String::new(), outcome: ToolOutcome::Unconfirmed };
        desk::record(&spans::tool(llm, &call.name, &call, true, false), &step, 0.0);
        self.turn.released().await;
        if let Some(desk) = &self.hands.desk {
            desk.tell(self.hands.answer, News::Asked { turn: self.turn.id(), call, question }).await;
        }
    }

    fn plan(&self, call: ToolCall, definitions: &[ToolDefinition], llm: &Span) -> Plan {
        let Some(tool) = definitions.iter().find(|tool| tool.name == call.name) else {
            let names: Vec<&str> = definitions.iter().map(|tool| tool.name.as_str()).collect();
            let reason = format!("There is no tool {:?}. There are: {}.", call.name, names.join(", "));
            return Plan::Answered(self.reject(call, &reason, llm));
        };
        let arguments: Map<String, Value> = match serde_json::from_str(&call.arguments) {
            Ok(arguments) => arguments,
            Err(error) => {
                let reason = format!(
                    "The arguments were not understood: {error}. Expected is a JSON object by the schema."
                );
                return Plan::Answered(self.reject(call, &reason, llm));
            }
        };
        match &tool.policy.confirm {
            Some(template) => Plan::Ask(call, question(template, &arguments)),
            None => Plan::Run(Box::new(tool.clone()), call),
        }
    }

    async fn carry_out(&self, desk: &Desk, plan: Plan, llm: &Span) -> ToolStep {
        match plan {
            Plan::Run(tool, call) => self.run(desk, *tool, call, false, llm).await,
            Plan::Answered(step) => step,
            Plan::Ask(call, _) => ToolStep { call, outcome: ToolOutcome::Unconfirmed, ..ToolStep::default() },
        }
    }

    async fn run(
        &self,
        desk: &Desk,
        tool: ToolDefinition,
        call: ToolCall,
        confirmed: bool,
        llm: &Span,
    ) -> ToolStep {
        if tool.policy.has_effects {
            // Nobody may want this answer yet.
            self.turn.released().await;
        }
        let (filler, after) = (tool.policy.filler.clone(), tool.policy.filler_after);
        let (answer, turn, llm) = (self.hands.answer, self.turn.clone(), llm.clone());
        let mut pending = desk.begin(Job { answer, turn, llm, tool, call, confirmed }).await;
        self.turn.quiet().expect();
        let silence = async {
            self.turn.released().await;
            self.turn.quiet().lasts(after).await;
        };
        tokio::select! {
            biased;
            step = pending.step() => return step,
            () = silence, if !filler.is_empty() => {}
        }
        if self.fill(filler) {
            pending.filled();
        }
        let step = pending.step().await;
        // The silence goes on until the model has read this.
        self.turn.quiet().expect();
        step
    }

    /// Covers the silence, unless the same was said before.
    fn fill(&self, text: String) -> bool {
        let mut said = self.said.lock();
        if said.contains(&text) {
            return false;
        }
        said.push(text.clone());
        let line = Line { index: 0, text, begins_sentence: true, ends_sentence: true };
        self.turn.quiet().fill(&line);
        // There is room: nothing else waits to be spoken.
        self.filler.try_send(line).is_ok()
    }

    /// A call that cannot be made, as the model and the observers see it.
    fn reject(&self, call: ToolCall, reason: &str, llm: &Span) -> ToolStep {
        let turn = self.turn.id();
        let step = ToolStep { call: call.clone(), result: reason.to_owned(), outcome: ToolOutcome::Failed };
        desk::record(&spans::tool(llm, UNKNOWN, &call, false, false), &step, 0.0);
        self.turn.publish(Event::ToolStarted { turn, call });
        self.turn.publish(Event::ToolEnded { turn, step: step.clone(), seconds: 0.0 });
        step
    }

    async fn put_off(&self, desk: &Desk, plan: Plan) {
        let (Plan::Run(_, call) | Plan::Ask(call, _)) = plan else { return };
        let result =
            "It was not called: the caller was being asked about another call. Call it again if need be.";
        let step = ToolStep { call, result: result.into(), outcome: ToolOutcome::Unconfirmed };
        let news = News::Ended { turn: self.turn.id(), step, has_effects: false };
        desk.tell(self.hands.answer, news).await;
    }
}

/// Gives every call a name of its own within its answer; servers leave it out or count anew in every request.
fn name_apart(calls: &mut [ToolCall], before: &[ToolStep]) {
    let mut taken: Vec<String> = before.iter().map(|step| step.call.id.clone()).collect();
    for call in calls {
        if call.arguments.trim().is_empty() {
            call.arguments = "{}".into();
        }
        if call.id.is_empty() || taken.contains(&call.id) {
            let stem = if call.id.is_empty() { "call".to_owned() } else { call.id.clone() };
            call.id = format!("{stem}-{}", taken.len() + 1);
        }
        taken.push(call.id.clone());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_call_has_a_name_of_its_own() {
        let call = |id: &str| ToolCall { id: id.into(), ..ToolCall::default() };
        let mut calls = vec![call(""), call("a"), call("a"), call("")];
        name_apart(&mut calls, &[ToolStep { call: call("a"), ..ToolStep::default() }]);
        let ids: Vec<&str> = calls.iter().map(|call| call.id.as_str()).collect();
        assert_eq!(ids, ["call-2", "a-3", "a-4", "call-5"]);
        assert!(calls.iter().all(|call| call.arguments == "{}"));
    }
}
