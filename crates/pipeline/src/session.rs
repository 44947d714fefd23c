//! One call: the only loop that owns state. Everything that can happen is listed in one `select!`.
//!
//! It does what the conversation says and tells it what happened; it decides nothing itself.
use std::{sync::Arc, time::Duration};

use futures_util::{FutureExt, future::BoxFuture};
use tokio::{sync::mpsc, time::Instant};
use tokio_util::sync::CancellationToken;
use tracing::Span;
use voce_core::{Call, EngineError, Event, Prompt, Recorder, Speaker, ToolCall, TurnId, Wait};

use crate::{
    Action, Conversation, Desk, Engines, Gate, Hands, Heard, Input, Keeper, Moment, Mouth, News, OpenedBy,
    Played, Rules, Running, Ticket, Told, TraceId, Transcription, Turn,
    books::{Books, Clock},
    context::{Background, Context, remember},
    gate, lines, listen, prepare, reply, say, spans, understand,
    utterance::Utterance,
};

/// What all calls have in common beside the engines.
#[derive(Clone)]
pub struct Settings {
    /// Who the assistant is and how it takes turns.
    pub rules: Rules,
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
    let Call { id, user, microphone, mut controls, speaker, events, recorder } = call;
    let mut listening = listen(microphone, &engines)?;
    let mut conversation = Conversation::new(settings.rules.clone());
    let memory = user.clone().and_then(|user| Some((engines.memory.clone()?, user)));
    let mut recalling = memory.clone().map(|(memory, user)| memory.recall(user));
    let (desk, mut told) = engines.tools.clone().map(Desk::new).unzip();
    let mut session = Session::new((id, user), engines, settings, speaker, events, recorder);
    session.desk = desk;
    while !session.over {
        let input = tokio::select! {
            biased;
            () = stop.cancelled() => Input::HungUp,
            Some(control) = controls.recv() => Input::Control(control),
            (ticket, verdict) = answer(&mut session.judging) => {
                session.judging = None;
                let verdict = verdict.inspect_err(|error| tracing::warn!(%error, "no end-of-turn verdict"));
                session.judge_waited = verdict.as_ref().ok().map(|(_, waited)| *waited);
                Input::Verdict(ticket, verdict.ok().map(|(probability, _)| probability))
            }
            (ticket, whole) = answer(&mut session.weighing) => {
                session.weighing = None;
                let whole = whole.inspect_err(|error| tracing::warn!(%error, "the words were not weighed"));
                Input::Weighed(ticket, whole.ok().flatten())
            }
            heard = next(&mut session.hearing) => session.heard(heard),
            told = news(&mut told) => match session.told(told) {
                Some(news) => Input::Tool(news),
                None => continue,
            },
            progress = next(&mut session.filler) => match progress {
                Some(Ok(played)) => Input::Played(played),
                ended => { session.filler_ended(ended); continue }
            },
            progress = next(&mut session.answer) => match progress {
                Some(Ok(played)) => Input::Played(played),
                Some(Err(error)) => Input::ReplyEnded(Err(error.to_string())),
                None => Input::ReplyEnded(Ok(())),
            },
            moment = listening.next() => match moment {
                Some(Ok(moment)) => session.moment(moment),
                Some(Err(error)) => {
                    tracing::error!(%error, "listening failed; the call ends");
                    Input::HungUp
                }
                None => Input::HungUp,
            },
            _ = next(&mut session.preparing) => { session.preparing = None; continue }
            recalled = once(&mut recalling) => {
                recalling = None;
                match recalled {
                    Ok(memory) => conversation.recalled(memory),
                    Err(error) => tracing::warn!(%error, "it is not known what is remembered of this caller"),
                }
                continue
            }
            (up_to, summary) = session.background.next() => {
                conversation.summarised(up_to, summary);
                continue
            }
        };
        if matches!(input, Input::ReplyEnded(_)) {
            session.answer = None;
        }
        session.over = matches!(input, Input::HungUp);
        for action in conversation.handle(input) {
            session.act(action, &mut conversation).await;
        }
        session.background.mind(&conversation);
    }
    let context = session.context.clone();
    // Calls that are still to be finished tell nobody any more.
    drop(told);
    let desk = session.desk.take();
    session.stop().await;
    listening.stop().await;
    // Those who watch the call have seen its end by now.
    drop(controls);
    if let Some(desk) = desk {
        desk.close().await;
    }
    if let Some((memory, user)) = memory {
        remember(&*memory, &context, &user, conversation.history(), conversation.known()).await;
    }
    Ok(())
}

/// What runs for a call, and what is known about it.
struct Session {
    id: String,
    user: Option<String>,
    engines: Engines,
    settings: Settings,
    speaker: Speaker,
    events: mpsc::Sender<Event>,
    recorder: Option<Arc<dyn Recorder>>,
    clock: Clock,
    books: Books,
    utterance: Utterance,
    /// The verdict, and what it waited for the model.
    judging: Option<Asked<(f32, Duration)>>,
    judge_waited: Option<Duration>,
    weighing: Option<Asked<Option<f32>>>,
    hearing: Option<Running<Heard>>,
    /// Which question the recogniser is answering, since when, about how many samples.
    asked: (Ticket, Instant, usize),
    /// Since when, and about how many samples, the recogniser failed last.
    failed: Option<(Instant, usize)>,
    /// The last words, until it is known whether they count.
    words: Option<Transcription>,
    preparing: Option<Running<()>>,
    answer: Option<Running<Played>>,
    filler: Option<Running<Played>>,
    /// The gate of the answer, and of the filler before it.
    gates: Vec<Keeper>,
    early: Option<Early>,
    context: Arc<Context>,
    background: Background,
    /// Where tools are called, where there are any.
    desk: Option<Desk>,
    /// Answers so far, and up to which of them they are over.
    answers: u64,
    answers_over: u64,
    over: bool,
}

/// An answer of which it is not known whether it is wanted.
struct Early {
    span: Span,
    began: Instant,
}

impl Session {
    fn new(
        (id, user): (String, Option<String>),
        engines: Engines,
        settings: Settings,
        speaker: Speaker,
        events: mpsc::Sender<Event>,
        recorder: Option<Arc<dyn Recorder>>,
    ) -> Self {
        let rules = &settings.rules.listening;
        let before = Duration::from_millis(rules.before_ms.into());
        let longest = Duration::from_secs(rules.longest_turn_seconds.into());
        let (llm, tools) = (engines.llm.clone(), engines.tools.clone());
        let context = Arc::new(Context::new(llm, tools, settings.rules.context.clone()));
        let background = Background::new(context.clone(), settings.rules.assistant.history_messages);
        Self {
            id,
            user,
            engines,
            speaker,
            events,
            recorder,
            clock: Clock::start(),
            books: Books::default(),
            utterance: Utterance::new(before, longest),
            judging: None,
            judge_waited: None,
            weighing: None,
            hearing: None,
            asked: (Ticket(0), Instant::now(), 0),
            failed: None,
            words: None,
            preparing: None,
            answer: None,
            filler: None,
            gates: vec![],
            early: None,
            context,
            background,
            desk: None,
            answers: 0,
            answers_over: 0,
            over: false,
            settings,
        }
    }

    fn moment(&mut self, Moment { frame, speech }: Moment) -> Input {
        self.clock.frame(frame.end());
        if let Some(recorder) = &self.recorder {
            recorder.caller(&frame);
        }
        self.utterance.push(&frame);
        Input::Frame { start: frame.at, end: frame.end(), probability: speech }
    }

    fn heard(&mut self, heard: Option<Result<Heard, crate::FlowError>>) -> Input {
        let ticket = self.asked.0;
        let reason = match heard {
            Some(Ok(Heard::Partial(text))) => return Input::Guess(ticket, text),
            Some(Ok(Heard::Final(done))) => {
                self.hearing = None;
                let text = done.transcript.text.clone();
                (self.words, self.failed) = (Some(done), None);
                return Input::Words(ticket, text);
            }
            Some(Err(error)) => error.to_string(),
            None => "the recogniser ended without a word".to_owned(),
        };
        self.hearing = None;
        self.failed = Some((self.asked.1, self.asked.2));
        Input::NotUnderstood(ticket, reason)
    }

    /// What a call has to say, unless it belongs to an answer that is over.
    fn told(&self, Told { answer, news }: Told) -> Option<News> {
        match &news {
            News::Started { finishes: false, .. } | News::Asked { .. } if answer <= self.answers_over => None,
            _ => Some(news),
        }
    }

    fn filler_ended(&mut self, ended: Option<Result<Played, crate::FlowError>>) {
        self.filler = None;
        if let Some(Err(error)) = ended {
            tracing::warn!(%error, "the filler was not said");
        }
    }

    async fn act(&mut self, action: Action, conversation: &mut Conversation) {
        match action {
            Action::Listen(began) => self.utterance.keep(began),
            Action::Forget => self.utterance.forget(),
            Action::Open(id, by, began) => {
                let events = self.events.clone();
                let caller = spans::Caller {
                    session: &self.id,
                    user: self.user.as_deref(),
                    variant: &self.settings.rules.assistant.variant,
                };
                let began_at = self.clock.instant(began);
                let turn = Turn::open(&caller, id, by.as_str(), began_at, events);
                let listens = matches!(by, OpenedBy::Speech | OpenedBy::PushToTalk);
                self.books.open(turn, began, listens, &self.clock);
            }
            Action::Judge(ticket) => self.judge(ticket),
            Action::Transcribe(ticket) => {
                let sound = self.utterance.sound();
                self.asked = (ticket, Instant::now(), sound.len());
                // What reads ahead must not take the cores from what is needed now.
                self.preparing = None;
                self.hearing = Some(understand(sound, &self.engines, Span::none()));
            }
            Action::Weigh(ticket, text) => self.weighing = Some((ticket, self.engines.llm.wholeness(text))),
            Action::Prepare(prompt) => {
                self.preparing = Some(prepare(
                    prompt,
                    &self.engines,
                    &self.settings.rules.assistant,
                    self.context.clone(),
                ));
            }
            Action::Reply { turn, prompt, early, approved } => {
                self.reply(turn, prompt, early, approved).await;
            }
            Action::Release(turn) => self.release(turn),
            Action::Drop(turn) => self.drop_answer(turn).await,
            Action::Say(turn, text) => self.say(turn, text).await,
            Action::Fill(turn, text) => self.fill(turn, text),
            Action::Hold => self.set_gates(match self.settings.rules.interruption.hold_gain {
                gain if gain > 0.0 => Gate::Ducked(gain.min(1.0)),
                _ => Gate::Held,
            }),
            Action::Continue => self.set_gates(Gate::Open),
            Action::StopReply => self.stop_answer().await,
            Action::Decided(turn, decision) => {
                let rules = &self.settings.rules.listening;
                let soft_end = Duration::from_millis(rules.soft_end_ms.into());
                let model = self.engines.end_of_turn.model();
                let waited = self.judge_waited.take();
                self.books.decided(turn, decision, model, rules.end_threshold, soft_end, waited);
            }
            Action::Overlapped(turn, overlap) => self.books.overlapped(turn, &overlap, &self.clock),
            Action::Publish(event) => self.publish(event),
            Action::Close(id, reason, heard) => {
                let Some(turn) = self.books.close(id) else { return };
                let (generated, spoken) = turn.answer();
                conversation.note_answer(id, generated, spoken);
                let report = turn.close(reason, heard, self.settings.trace_id);
                lines::turn_ended(&turn, &report, &self.engines);
                self.events.try_send(Event::TurnEnded(report)).ok();
            }
            Action::HangUp => self.over = true,
        }
    }

    fn publish(&mut self, event: Event) {
        match &event {
            Event::ReplyFailed { turn, reason } => {
                lines::reply_failed(self.books.turn(*turn), *turn, reason);
                self.books.turn(*turn).inspect(|turn| turn.failed(reason));
                let hung = self.hearing.take().map(|_| (self.asked.1, self.asked.2));
                if let Some((began, sound)) = hung.or(self.failed.take()) {
                    let model = self.engines.stt.model();
                    self.books.not_transcribed(*turn, reason, sound, began, model);
                }
            }
            Event::UserSaid { turn, text } => {
                self.books.turn(*turn).inspect(|turn| turn.note(|report| report.question.clone_from(text)));
                if let Some(words) = self.words.take() {
                    self.books.transcribed(*turn, &words, self.engines.stt.model());
                }
            }
            _ => {}
        }
        // An observer that lags must never slow the call.
        self.events.try_send(event).ok();
    }

    fn judge(&mut self, ticket: Ticket) {
        let (model, sound) = (self.engines.end_of_turn.clone(), self.utterance.sound());
        let (mut wait, asked) = (Wait::of("end_of_turn"), Instant::now());
        let answer = tokio::task::spawn_blocking(move || {
            let probability = wait.during(asked, || model.probability(&sound))?;
            Ok((probability, wait.total()))
        });
        let answer = async move {
            answer
                .await
                .unwrap_or_else(|_| Err(EngineError::run("end of turn", "it panicked; the log says where")))
        };
        self.judging = Some((ticket, answer.boxed()));
    }

    async fn reply(&mut self, id: TurnId, prompt: Prompt, early: bool, approved: Option<ToolCall>) {
        self.stop_answer().await;
        let Some(turn) = self.books.turn(id).cloned() else { return };
        self.preparing = None;
        turn.begin_answer(early);
        turn.note(|report| report.question.clone_from(&prompt.question));
        let span = match early {
            true => spans::speculation(turn.span(), &prompt.question),
            false => turn.span().clone(),
        };
        self.early = early.then(|| Early { span: span.clone(), began: Instant::now() });
        let mouth = self.mouth(turn, span, if early { Gate::Closed } else { Gate::Open });
        self.answers += 1;
        let hands = Hands { desk: self.desk.clone(), answer: self.answers, approved };
        let (assistant, context) = (&self.settings.rules.assistant, self.context.clone());
        self.answer = Some(reply(prompt, &self.engines, assistant, context, hands, mouth));
    }

    async fn say(&mut self, id: TurnId, text: String) {
        self.stop_answer().await;
        let Some(turn) = self.books.turn(id).cloned() else { return };
        let span = turn.span().clone();
        let mouth = self.mouth(turn, span, Gate::Open);
        self.answer = Some(say(text, &self.engines, true, mouth));
    }

    fn fill(&mut self, id: TurnId, text: String) {
        let Some(turn) = self.books.turn(id).cloned() else { return };
        let span = spans::filler(turn.span(), &text);
        let mouth = self.mouth(turn, span, Gate::Open);
        self.filler = Some(say(text, &self.engines, false, mouth));
    }

    fn mouth(&mut self, turn: Turn, span: Span, state: Gate) -> Mouth {
        let (keeper, gate) = gate(state);
        self.gates.push(keeper);
        Mouth { speaker: self.speaker.clone(), recorder: self.recorder.clone(), gate, turn, span }
    }

    fn set_gates(&self, state: Gate) {
        self.gates.iter().for_each(|gate| gate.set(state));
    }

    /// The early answer is wanted.
    fn release(&mut self, id: TurnId) {
        if let Some(Early { span, began }) = self.early.take() {
            span.record("outcome", "used");
            span.record("seconds", began.elapsed().as_secs_f64());
        }
        self.books.turn(id).inspect(|turn| turn.release());
        self.set_gates(Gate::Open);
    }

    /// The answer, of which nothing was heard, is not wanted: the caller went on.
    async fn drop_answer(&mut self, id: TurnId) {
        let early = self.early.take();
        let running = self.answer.is_some() || self.filler.is_some();
        self.stop_answer().await;
        self.books.reopen(id, &self.clock);
        let Some(turn) = self.books.turn(id) else { return };
        if let Some(Early { span, began }) = early {
            span.record("outcome", "dropped");
            span.record("reason", "resumed");
            span.record("seconds", began.elapsed().as_secs_f64());
            span.record("characters", turn.answer().0.chars().count());
            turn.drop_answer(began.elapsed());
        } else if running {
            turn.drop_answer(turn.since_speech().unwrap_or_default());
        }
    }

    /// Stops whatever is being said or prepared, and waits until it is gone entirely.
    async fn stop_answer(&mut self) {
        self.answers_over = self.answers;
        self.gates.clear();
        for running in [self.answer.take(), self.filler.take()].into_iter().flatten() {
            running.stop().await;
        }
    }

    async fn stop(mut self) {
        self.stop_answer().await;
        if let Some(hearing) = self.hearing.take() {
            hearing.stop().await;
        }
        if let Some(preparing) = self.preparing.take() {
            preparing.stop().await;
        }
    }
}

/// Waits for what runs, or for ever while nothing does.
async fn next<T: Send + 'static>(running: &mut Option<Running<T>>) -> Option<Result<T, crate::FlowError>> {
    match running {
        Some(running) => running.next().await,
        None => std::future::pending().await,
    }
}

/// Waits for what was asked once, or for ever.
async fn once<T>(asked: &mut Option<BoxFuture<'static, T>>) -> T {
    match asked {
        Some(asked) => asked.await,
        None => std::future::pending().await,
    }
}

/// Waits for news of tools, or for ever where there are none.
async fn news(told: &mut Option<mpsc::Receiver<Told>>) -> Told {
    match told {
        Some(told) => match told.recv().await {
            Some(told) => told,
            None => std::future::pending().await,
        },
        None => std::future::pending().await,
    }
}

/// A model's answer on its way.
type Asked<T> = (Ticket, BoxFuture<'static, Result<T, EngineError>>);

/// Waits for a model's answer, or for ever while it was not asked.
async fn answer<T>(asked: &mut Option<Asked<T>>) -> (Ticket, Result<T, EngineError>) {
    match asked {
        Some((ticket, answer)) => (*ticket, answer.await),
        None => std::future::pending().await,
    }
}
