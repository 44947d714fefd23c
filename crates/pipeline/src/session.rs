//! One call: the only loop that owns state. Everything that can happen is listed in one `select!`.
use std::{collections::HashMap, sync::Arc};

use tokio_util::sync::CancellationToken;
use voce_core::{Call, EngineError, Event, TurnId};

use crate::{
    Action, AssistantConfig, Conversation, Ears, Engines, FlowError, Heard, Input, ListeningConfig, Played,
    Running, TraceId, Turn, listen, reply, say,
};

/// What all calls have in common beside the engines.
#[derive(Clone)]
pub struct Settings {
    /// Who the assistant is.
    pub assistant: Arc<AssistantConfig>,
    /// When speech begins and ends.
    pub listening: ListeningConfig,
    /// Names a turn's trace in its report.
    pub trace_id: TraceId,
}

/// Runs one call to its end. Interrupting, answering and failing all happen in this loop.
///
/// Fails only if the call cannot begin; whatever happens within it is said to the caller and to the log.
pub async fn run(
    call: Call,
    engines: Engines,
    settings: Settings,
    stop: CancellationToken,
) -> Result<(), EngineError> {
    let Call { id, microphone, controls: _controls, speaker, events } = call;
    let ears = Ears { rules: settings.listening.clone(), session: id, events: events.clone() };
    let mut listening = listen(microphone, ears, &engines)?;
    let mut conversation = Conversation::new((*settings.assistant).clone());
    let mut turns: HashMap<TurnId, Turn> = HashMap::new();
    let mut speaking: Option<Running<Played>> = None;
    let mut over = false;
    while !over {
        let input = tokio::select! {
            biased;
            () = stop.cancelled() => Input::HungUp,
            heard = listening.next() => match heard {
                Some(Ok(heard)) => understood(heard, &mut turns),
                Some(Err(error)) => {
                    tracing::error!(%error, "listening failed; the call ends");
                    Input::HungUp
                }
                None => Input::HungUp,
            },
            progress = next(&mut speaking) => match progress {
                Some(Ok(played)) => Input::Played(played),
                Some(Err(error)) => Input::ReplyEnded(Err(error.to_string())),
                None => Input::ReplyEnded(Ok(())),
            },
        };
        if matches!(input, Input::ReplyEnded(_)) {
            speaking = None;
        }
        over = matches!(input, Input::HungUp);
        for action in conversation.handle(input) {
            match action {
                Action::Reply(turn, prompt) => {
                    let Some(turn) = turns.get(&turn) else { continue };
                    turn.note(|report| report.question.clone_from(&prompt.question));
                    let next = reply(prompt, &engines, &settings.assistant, speaker.clone(), turn.clone());
                    replace(&mut speaking, Some(next)).await;
                }
                Action::Say(turn, text) => {
                    let Some(turn) = turns.get(&turn) else { continue };
                    replace(&mut speaking, Some(say(text, &engines, speaker.clone(), turn.clone()))).await;
                }
                Action::StopReply => replace(&mut speaking, None).await,
                Action::Publish(event) => {
                    if let Event::ReplyFailed { turn, reason } = &event {
                        tracing::warn!(turn = turn.0, reason, "reply failed");
                        turns.get(turn).inspect(|turn| turn.failed(reason));
                    }
                    // An observer that lags must never slow the call.
                    events.try_send(event).ok();
                }
                Action::Close(turn, reason, heard) => {
                    let Some(turn) = turns.remove(&turn) else { continue };
                    events.try_send(Event::TurnEnded(turn.close(reason, heard, settings.trace_id))).ok();
                }
            }
        }
    }
    listening.stop().await;
    Ok(())
}

/// Puts `next` in the place of what is being said, once that is gone entirely.
async fn replace(speaking: &mut Option<Running<Played>>, next: Option<Running<Played>>) {
    if let Some(before) = std::mem::replace(speaking, next) {
        before.stop().await;
    }
}

/// Waits for the current reply, or for ever while the bot is silent.
async fn next(speaking: &mut Option<Running<Played>>) -> Option<Result<Played, FlowError>> {
    match speaking {
        Some(running) => running.next().await,
        None => std::future::pending().await,
    }
}

/// Keeps the turn's books at hand and passes on what was heard.
fn understood(heard: Heard, turns: &mut HashMap<TurnId, Turn>) -> Input {
    match heard {
        Heard::Started(turn) => {
            let id = turn.id();
            turns.insert(id, turn);
            Input::Started(id)
        }
        Heard::Partial(text) => Input::Partial(text),
        Heard::Ended => Input::Ended,
        Heard::Said(turn, transcript) => Input::Said(turn.id(), transcript.text),
        Heard::Failed(turn, error) => Input::NotUnderstood(turn.id(), error.to_string()),
    }
}
