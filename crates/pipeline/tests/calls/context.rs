//! Long calls: what the language model is shown of them, what is summarised and when, and what is remembered.
use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use futures_util::{FutureExt, StreamExt, future::BoxFuture, stream, stream::BoxStream};
use tokio::time::{Instant, sleep};
use voce_core::{
    AudioFrame, EngineError, LanguageModel, Memory, Message, ModelCard, Output, Piece, Prompt, SpeechToText,
    Text, Transcript,
};
use voce_pipeline::{Engines, Rules, Summarise};
use voce_testkit::fakes::{Attentive, Beeper, Reply};

use crate::harness::{engines, play_by};

/// Milliseconds of a turn: the caller speaks for 600 of them.
const TURN_MS: u64 = 4_000;
const CONTEXT: usize = 1_200;
const ANSWER: usize = 40;

fn turns(count: u64) -> Vec<(u64, u64)> {
    (0..count).map(|turn| (turn * TURN_MS + 200, turn * TURN_MS + 800)).collect()
}

/// Says a text of its own in every turn.
struct Lines {
    card: ModelCard,
    began: Instant,
    lines: fn(u64) -> String,
}

impl Lines {
    fn new(lines: fn(u64) -> String) -> Arc<Self> {
        Arc::new(Self { card: ModelCard::default(), began: Instant::now(), lines })
    }
}

impl SpeechToText for Lines {
    fn model(&self) -> &ModelCard {
        &self.card
    }

    fn transcribe(&self, speech: BoxStream<'static, AudioFrame>) -> Output<Text> {
        let turn = self.began.elapsed().as_millis() as u64 / TURN_MS + 1;
        let text = (self.lines)(turn);
        async move {
            speech.for_each(|_| async {}).await;
            sleep(Duration::from_millis(80)).await;
            Ok(Text::Final(Transcript { text, ..Transcript::default() }))
        }
        .into_stream()
        .boxed()
    }
}

/// Answers "Yes, I see.", and writes into notes the sentence of the record and of the notes before that has a code.
struct Notes {
    card: ModelCard,
    takes: Duration,
    prompts: Mutex<Vec<Prompt>>,
    begun: AtomicUsize,
    done: Arc<AtomicUsize>,
}

impl Notes {
    fn new(takes: Duration) -> Arc<Self> {
        Arc::new(Self {
            card: ModelCard::default(),
            takes,
            prompts: Mutex::default(),
            begun: AtomicUsize::default(),
            done: Arc::default(),
        })
    }

    /// Prompts of answers and of notes.
    fn prompts(&self) -> (Vec<Prompt>, Vec<Prompt>) {
        let prompts = self.prompts.lock().unwrap().clone();
        prompts.into_iter().partition(|prompt| prompt.answer_tokens.is_none())
    }
}

impl LanguageModel for Notes {
    fn model(&self) -> &ModelCard {
        &self.card
    }

    fn generate(&self, prompt: Prompt) -> Output<Piece> {
        let is_notes = prompt.answer_tokens.is_some();
        let known = format!("{}\n{}", prompt.summary, prompt.question);
        self.prompts.lock().unwrap().push(prompt);
        if !is_notes {
            return stream::iter([Ok(Piece::Text("Yes, I see.".into()))]).boxed();
        }
        self.begun.fetch_add(1, Ordering::SeqCst);
        let (takes, done) = (self.takes, self.done.clone());
        async move {
            sleep(takes).await;
            done.fetch_add(1, Ordering::SeqCst);
            let code = known.lines().find(|line| line.contains("code")).unwrap_or("Nothing yet.");
            Ok(Piece::Text(code.replace("Caller: ", "")))
        }
        .into_stream()
        .boxed()
    }

    fn context_tokens(&self) -> usize {
        CONTEXT
    }

    fn answer_tokens(&self) -> usize {
        ANSWER
    }

    fn can_summarise(&self) -> bool {
        true
    }
}

fn said(turn: u64) -> String {
    match turn {
        1 => "My code is 4711.".into(),
        _ => format!("What about number {turn}, {}?", "and so on".repeat(20)),
    }
}

fn quarter(text: &str) -> usize {
    text.len().div_ceil(4)
}

fn tokens(prompt: &Prompt) -> usize {
    let history = prompt.history.iter().map(|message| match message {
        Message::User(text) | Message::Assistant { text, .. } => quarter(text) + 5,
        Message::Tool(step) => quarter(&step.result),
    });
    let passages = prompt.passages.iter().map(|passage| quarter(&passage.text));
    [&prompt.system, &prompt.summary, &prompt.memory, &prompt.question]
        .map(|text| quarter(text))
        .iter()
        .sum::<usize>()
        + history.sum::<usize>()
        + passages.sum::<usize>()
}

fn talking(llm: Arc<dyn LanguageModel>, lines: fn(u64) -> String) -> Engines {
    Engines { stt: Lines::new(lines), ..engines(llm, Beeper::new(), "", 0.9) }
}

fn with_history(messages: usize) -> Rules {
    let mut rules = Rules::default();
    Arc::make_mut(&mut rules.assistant).history_messages = messages;
    rules
}

#[tokio::test(start_paused = true)]
async fn sixty_turns_never_exceed_the_context_and_the_first_is_not_forgotten() {
    let llm = Notes::new(Duration::from_millis(200));
    let recording =
        play_by(talking(llm.clone(), said), with_history(40), None, &turns(60), 60 * TURN_MS).await;
    assert_eq!(recording.reports().len(), 60);
    let (answers, notes) = llm.prompts();
    for prompt in &answers {
        assert!(tokens(prompt) + ANSWER <= CONTEXT, "{} tokens: {prompt:#?}", tokens(prompt));
    }
    let last = answers.last().unwrap();
    assert!(last.question.contains("number 60,"), "{last:#?}");
    assert!(last.summary.contains("4711"), "{last:#?}");
    assert!(!format!("{:?}", last.history).contains("4711"), "it left the window: {last:#?}");
    assert!(format!("{:?}", last.history).contains("number 59,"), "{last:#?}");
    assert!((5..40).contains(&notes.len()), "{} summaries for 60 turns", notes.len());
    // As long as no summary comes, the beginning of the prompt stays.
    let firsts: Vec<String> = answers.iter().map(|prompt| format!("{:?}", prompt.history.first())).collect();
    let changes = firsts.windows(2).filter(|pair| pair[0] != pair[1]).count();
    assert!(
        changes <= notes.len() + 2,
        "the history began anew {changes} times, with {} summaries",
        notes.len()
    );
}

#[tokio::test(start_paused = true)]
async fn without_summaries_old_turns_leave_several_at_once() {
    let llm = Notes::new(Duration::ZERO);
    let mut rules = with_history(200);
    rules.context.summarise = Summarise::Never;
    play_by(talking(llm.clone(), said), rules, None, &turns(30), 30 * TURN_MS).await;
    let (answers, notes) = llm.prompts();
    assert!(notes.is_empty());
    for prompt in &answers {
        assert!(tokens(prompt) + ANSWER <= CONTEXT, "{} tokens: {prompt:#?}", tokens(prompt));
    }
    let last = format!("{:?}", answers.last().unwrap().history);
    assert!(last.contains("number 29,") && !last.contains("number 15,"), "{last}");
    let firsts: Vec<String> = answers.iter().map(|prompt| format!("{:?}", prompt.history.first())).collect();
    let changes = firsts.windows(2).filter(|pair| pair[0] != pair[1]).count();
    assert!((3..=12).contains(&changes), "about twenty turns left, in {changes} steps");
}

#[tokio::test(start_paused = true)]
async fn a_summary_gives_way_to_the_caller_and_is_begun_anew() {
    let llm = Notes::new(Duration::from_secs(6));
    // Six turns without a pause that is long enough, then a long one, then one more.
    let mut loud = turns(6);
    loud.push((11 * TURN_MS + 200, 11 * TURN_MS + 800));
    let recording = play_by(talking(llm.clone(), said), with_history(6), None, &loud, 12 * TURN_MS).await;
    assert_eq!(recording.reports().len(), 7);
    let (answers, _) = llm.prompts();
    let (last, before) = answers.split_last().unwrap();
    let (begun, done) = (llm.begun.load(Ordering::SeqCst), llm.done.load(Ordering::SeqCst));
    assert!(begun > 1 && done == 1, "{begun} begun, {done} came to their end");
    assert!(before.iter().all(|prompt| prompt.summary.is_empty()));
    assert!(answers.iter().all(|prompt| prompt.history.len() <= 6));
    // Those that were not shown any more by then are in it, too.
    assert!(last.summary.contains("4711"), "{last:#?}");
    let reports = recording.reports();
    // There was nothing to summarise before the first.
    let usual = reports[0].voice_to_voice_seconds.unwrap();
    for report in reports {
        let waited = report.voice_to_voice_seconds.unwrap();
        assert!(waited < usual + 0.1, "a summary delayed turn {:?}: {waited}, not {usual}", report.turn);
    }
}

#[tokio::test(start_paused = true)]
async fn a_summary_that_fails_costs_nothing_but_itself() {
    struct Fails(Arc<Notes>);
    impl LanguageModel for Fails {
        fn model(&self) -> &ModelCard {
            self.0.model()
        }
        fn generate(&self, prompt: Prompt) -> Output<Piece> {
            match prompt.answer_tokens {
                None => self.0.generate(prompt),
                Some(_) => stream::iter([Err(EngineError::run("notes", "no"))]).boxed(),
            }
        }
        fn can_summarise(&self) -> bool {
            true
        }
    }
    let notes = Notes::new(Duration::ZERO);
    let llm = Arc::new(Fails(notes.clone()));
    let recording = play_by(talking(llm, said), with_history(4), None, &turns(8), 8 * TURN_MS).await;
    assert_eq!(recording.reports().len(), 8);
    let (answers, _) = notes.prompts();
    assert!(answers.iter().all(|prompt| prompt.summary.is_empty() && prompt.history.len() <= 4));
}

/// Keeps what it is told of one user.
#[derive(Default)]
struct Paper(Arc<Mutex<Vec<(String, String)>>>);

impl Memory for Paper {
    fn recall(&self, user: String) -> BoxFuture<'static, Result<String, EngineError>> {
        let known = self.0.clone();
        let of = move || {
            let known = known.lock().unwrap();
            known.iter().rev().find(|(one, _)| *one == user).map(|(_, text)| text.clone()).unwrap_or_default()
        };
        std::future::ready(Ok(of())).boxed()
    }

    fn remember(&self, user: String, text: String) -> BoxFuture<'static, Result<(), EngineError>> {
        self.0.lock().unwrap().push((user, text));
        std::future::ready(Ok(())).boxed()
    }
}

#[tokio::test(start_paused = true)]
async fn a_caller_is_remembered_in_the_next_call_and_nobody_else_is() {
    let paper = Arc::new(Paper::default());
    let llm = Attentive::new([("", Reply::Text("Yes.".into()))]);
    let talk = async |user: Option<&str>, said: fn(u64) -> String| {
        let engines = Engines { memory: Some(paper.clone()), ..talking(llm.clone(), said) };
        play_by(engines, Rules::default(), user, &turns(1), TURN_MS).await;
        llm.prompts().last().unwrap().memory.clone()
    };
    let before = tokio::runtime::Handle::current().metrics().num_alive_tasks();
    assert_eq!(talk(Some("ann"), |_| "My name is Ann. Is it open?".into()).await, "");
    assert_eq!(talk(None, |_| "My name is Nobody.".into()).await, "");
    assert_eq!(talk(Some("bob"), |_| "Is it open?".into()).await, "");
    assert_eq!(talk(Some("ann"), |_| "I own a pump.".into()).await, "My name is Ann.");
    let written = paper.0.lock().unwrap().clone();
    let ann = |text: &str| ("ann".to_owned(), text.to_owned());
    assert_eq!(written, [ann("My name is Ann."), ann("My name is Ann.\nI own a pump.")]);
    assert_eq!(tokio::runtime::Handle::current().metrics().num_alive_tasks(), before);
}

#[tokio::test(start_paused = true)]
async fn a_model_that_can_writes_the_memory_and_a_slow_one_is_not_waited_for() {
    for (takes, remembered) in [(Duration::from_secs(2), 1), (Duration::from_secs(60), 0)] {
        let paper = Arc::new(Paper::default());
        let llm = Notes::new(takes);
        let engines = Engines { memory: Some(paper.clone()), ..talking(llm.clone(), said) };
        let began = Instant::now();
        play_by(engines, Rules::default(), Some("ann"), &turns(1), TURN_MS).await;
        assert!(began.elapsed() < Duration::from_millis(TURN_MS) + Duration::from_secs(11));
        assert_eq!(paper.0.lock().unwrap().len(), remembered, "after {takes:?}");
        assert_eq!(llm.begun.load(Ordering::SeqCst), 1);
    }
}
