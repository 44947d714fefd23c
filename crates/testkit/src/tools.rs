//! Tools and a model that calls them, without either: what they do is stated.
use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use futures_util::{FutureExt, StreamExt, future::BoxFuture, stream};
use tokio::time::sleep;
use voce_core::{
    EngineError, LanguageModel, ModelCard, Output, Piece, Prompt, ToolCall, ToolDefinition, ToolPolicy,
    Tools, Usage,
};

/// What a tool does.
#[derive(Clone)]
pub enum Does {
    /// Answers after a while.
    Answers(Duration, &'static str),
    /// Fails after a while.
    Fails(Duration, &'static str),
    /// Hangs.
    Hangs,
    /// Has a defect.
    Panics,
}

/// Some tools, which remember who called them.
#[derive(Default)]
pub struct Toolbox {
    tools: Vec<(ToolDefinition, Does)>,
    calls: Mutex<Vec<ToolCall>>,
    running: Arc<Running>,
}

#[derive(Default)]
struct Running {
    now: AtomicUsize,
    most: AtomicUsize,
    done: AtomicUsize,
}

/// A call at work.
struct Call(Arc<Running>);

impl Drop for Call {
    fn drop(&mut self) {
        self.0.now.fetch_sub(1, Ordering::SeqCst);
    }
}

/// How a tool without any wishes is called: no effects, no filler, cancelled when interrupted, 10 s.
pub fn policy() -> ToolPolicy {
    ToolPolicy {
        timeout: Duration::from_secs(10),
        filler: String::new(),
        filler_after: Duration::from_millis(700),
        on_interruption: voce_core::OnInterruption::Cancel,
        has_effects: false,
        confirm: None,
    }
}

impl Toolbox {
    /// Tools by name.
    pub fn new<'a>(tools: impl IntoIterator<Item = (&'a str, ToolPolicy, Does)>) -> Arc<Self> {
        let tools = tools.into_iter().map(|(name, policy, does)| {
            let parameters = serde_json::json!({"type": "object"});
            let (name, description) = (name.to_owned(), format!("Does {name}."));
            (ToolDefinition { name, description, parameters, policy }, does)
        });
        Arc::new(Self { tools: tools.collect(), ..Self::default() })
    }

    /// Every call that began, in order.
    pub fn calls(&self) -> Vec<ToolCall> {
        self.calls.lock().expect("nobody panics while holding it").clone()
    }

    /// Calls that run now.
    pub fn running(&self) -> usize {
        self.running.now.load(Ordering::SeqCst)
    }

    /// Calls that ran at the same time, at most.
    pub fn at_once(&self) -> usize {
        self.running.most.load(Ordering::SeqCst)
    }

    /// Calls that came to their end.
    pub fn done(&self) -> usize {
        self.running.done.load(Ordering::SeqCst)
    }
}

impl Tools for Toolbox {
    fn definitions(&self) -> Arc<[ToolDefinition]> {
        self.tools.iter().map(|(definition, _)| definition.clone()).collect()
    }

    fn call(&self, call: ToolCall) -> BoxFuture<'static, Result<String, EngineError>> {
        let does = self.tools.iter().find(|(tool, _)| tool.name == call.name).map(|(_, does)| does.clone());
        self.calls.lock().expect("nobody panics while holding it").push(call);
        let running = self.running.clone();
        async move {
            let now = running.now.fetch_add(1, Ordering::SeqCst) + 1;
            running.most.fetch_max(now, Ordering::SeqCst);
            let call = Call(running);
            let result = match does {
                Some(Does::Answers(after, text)) => {
                    sleep(after).await;
                    Ok(text.to_owned())
                }
                Some(Does::Fails(after, reason)) => {
                    sleep(after).await;
                    Err(EngineError::run("toolbox", reason))
                }
                Some(Does::Hangs) => std::future::pending().await,
                Some(Does::Panics) => panic!("tool bug"),
                None => Err(EngineError::run("toolbox", "there is no such tool")),
            };
            call.0.done.fetch_add(1, Ordering::SeqCst);
            result
        }
        .boxed()
    }
}

/// What a scripted model does with a prompt.
type Script = Box<dyn Fn(&Prompt) -> Vec<Piece> + Send + Sync>;

/// A model that writes what a script says, a piece every 20 ms, and keeps what it was asked.
pub struct Scripted {
    card: ModelCard,
    script: Script,
    prompts: Mutex<Vec<Prompt>>,
}

impl Scripted {
    /// Writes `script` of the prompt, words by word, then the bill.
    pub fn new(script: impl Fn(&Prompt) -> Vec<Piece> + Send + Sync + 'static) -> Arc<Self> {
        let card = ModelCard { provider: "fake".into(), name: "scripted".into(), device: "cpu".into() };
        Arc::new(Self { card, script: Box::new(script), prompts: Mutex::default() })
    }

    /// All prompts so far, those of answers that were begun early included.
    pub fn prompts(&self) -> Vec<Prompt> {
        self.prompts.lock().expect("nobody panics while holding it").clone()
    }
}

/// Words of an answer.
pub fn says(text: &str) -> Piece {
    Piece::Text(text.to_owned())
}

/// A call without a name of its own.
pub fn calls(tool: &str, arguments: &str) -> Piece {
    Piece::Call(ToolCall { id: String::new(), name: tool.into(), arguments: arguments.into() })
}

impl LanguageModel for Scripted {
    fn model(&self) -> &ModelCard {
        &self.card
    }

    fn generate(&self, prompt: Prompt) -> Output<Piece> {
        let pieces = (self.script)(&prompt).into_iter().flat_map(|piece| match piece {
            Piece::Text(text) => {
                text.split_inclusive(' ').map(|word| Piece::Text(word.to_owned())).collect::<Vec<_>>()
            }
            other => vec![other],
        });
        let pieces: Vec<Piece> = pieces.collect();
        self.prompts.lock().expect("nobody panics while holding it").push(prompt);
        let completion_tokens = pieces.len() as u32;
        let usage = Usage { prompt_tokens: 10, completion_tokens, cached_tokens: 0 };
        stream::iter(pieces)
            .then(|piece| async move {
                sleep(Duration::from_millis(20)).await;
                Ok(piece)
            })
            .chain(stream::iter([Ok(Piece::Usage(usage))]))
            .boxed()
    }
}
