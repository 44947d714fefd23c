//! Tools: they run beside the audio, the caller hears of them, and what they give arrives in the right turn.
use std::{sync::Arc, time::Duration};

use futures_util::{FutureExt, StreamExt, stream::BoxStream};
use tokio::time::{Instant, sleep};
use voce_core::{
    AudioFrame, EndReason, Event, LanguageModel, Message, ModelCard, OnInterruption, Output, Piece, Prompt,
    SpeechToText, Text, ToolOutcome, ToolPolicy, ToolStep, Transcript,
};
use voce_pipeline::Engines;
use voce_testkit::{
    fakes::Beeper,
    tools::{Does, Scripted, Toolbox, calls, policy, says},
};

use crate::harness::{Recording, engines, play};

/// Understands what is said at which time.
struct Understands {
    card: ModelCard,
    began: Instant,
    said: Vec<(u64, &'static str)>,
}

impl SpeechToText for Understands {
    fn model(&self) -> &ModelCard {
        &self.card
    }

    fn transcribe(&self, _: BoxStream<'static, AudioFrame>) -> Output<Text> {
        let now = self.began.elapsed().as_millis() as u64;
        let text = self.said.iter().rfind(|(at, _)| *at <= now).map_or("", |(_, text)| *text).to_owned();
        async move {
            sleep(Duration::from_millis(80)).await;
            Ok(Text::Final(Transcript { text, ..Transcript::default() }))
        }
        .into_stream()
        .boxed()
    }
}

/// A call in which the caller speaks for 800 ms at each of these times.
async fn talk(
    model: Arc<dyn LanguageModel>,
    tools: &Arc<Toolbox>,
    said: &[(u64, &'static str)],
    until_ms: u64,
) -> Recording {
    let loud: Vec<(u64, u64)> = said.iter().map(|(at, _)| (*at, at + 800)).collect();
    let began = Instant::now();
    let stt = Arc::new(Understands { card: ModelCard::default(), began, said: said.to_vec() });
    let engines = Engines { stt, tools: Some(tools.clone()), ..engines(model, Beeper::new(), "", 0.95) };
    play(engines, &loud, until_ms).await
}

/// Calls `weather` for a question about rain, and says what it gave; anything else it answers at once.
fn weatherman() -> Arc<Scripted> {
    Scripted::new(|prompt| match prompt.steps.last() {
        Some(ToolStep { outcome: ToolOutcome::Done, result, .. }) => vec![says(result)],
        Some(step) => vec![says(&format!("That failed: {}", step.result))],
        None if prompt.question.contains("rain") => vec![calls("weather", r#"{"city":"Bonn"}"#)],
        None => vec![says("All right.")],
    })
}

fn slow(on_interruption: OnInterruption) -> ToolPolicy {
    ToolPolicy { filler: "One moment please.".into(), on_interruption, ..policy() }
}

fn weather(on_interruption: OnInterruption, does: Does) -> Arc<Toolbox> {
    Toolbox::new([("weather", slow(on_interruption), does)])
}

const FIVE_SECONDS: Duration = Duration::from_secs(5);

fn ended(recording: &Recording) -> Vec<(u32, ToolOutcome)> {
    let events = recording.events.iter().map(|(_, event)| event);
    let ended = events.filter_map(|event| match event {
        Event::ToolEnded { turn, step, .. } => Some((turn.0, step.outcome)),
        _ => None,
    });
    ended.collect()
}

fn prompt_of(model: &Scripted, question: &str) -> Prompt {
    model.prompts().into_iter().rfind(|prompt| prompt.question == question).unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_slow_tool_is_covered_and_its_result_is_said() {
    let tools = weather(OnInterruption::Cancel, Does::Answers(FIVE_SECONDS, "It rains in Bonn."));
    let model = weatherman();
    let recording = talk(model.clone(), &tools, &[(200, "Does it rain?")], 12_000).await;
    let reports = recording.reports();
    assert_eq!(reports.len(), 1, "{:#?}", recording.events);
    assert_eq!(reports[0].heard, "One moment please. It rains in Bonn.");
    assert_eq!(reports[0].generated, "It rains in Bonn.");
    assert_eq!((reports[0].end_reason, reports[0].late_frames), (EndReason::Completed, 0));
    let filler = recording.at(|event| matches!(event, Event::BotStartedSpeaking { .. })).unwrap();
    assert!((1_800..2_400).contains(&filler), "700 ms after the call: {filler}");
    // The filler is not what the caller waits for, and the tool's time is not the model's.
    assert!(reports[0].voice_to_voice_seconds.unwrap() > 5.0, "{reports:#?}");
    assert!(reports[0].llm_seconds.unwrap() < 0.5, "{reports:#?}");
    assert_eq!(reports[0].usage.unwrap().prompt_tokens, 20);
    assert_eq!(ended(&recording), [(1, ToolOutcome::Done)]);
    assert_eq!(tools.calls()[0].arguments, r#"{"city":"Bonn"}"#);
    assert!(model.prompts().iter().all(|prompt| prompt.tools.len() == 1));
}

#[tokio::test(start_paused = true)]
async fn a_quick_tool_needs_no_filler() {
    let quick = Does::Answers(Duration::from_millis(300), "It rains in Bonn.");
    let tools = weather(OnInterruption::Cancel, quick);
    let recording = talk(weatherman(), &tools, &[(200, "Does it rain?")], 6_000).await;
    assert_eq!(recording.reports()[0].heard, "It rains in Bonn.");
}

#[tokio::test(start_paused = true)]
async fn what_was_said_before_a_call_is_heard_before_its_filler() {
    let tools = weather(OnInterruption::Cancel, Does::Answers(FIVE_SECONDS, "It rains in Bonn."));
    let model = Scripted::new(|prompt| match prompt.steps.last() {
        None => vec![says("I shall look it up for you at once"), calls("weather", "{}")],
        Some(step) => vec![says(&step.result)],
    });
    let recording = talk(model, &tools, &[(200, "Does it rain?")], 12_000).await;
    let heard = "I shall look it up for you at once One moment please. It rains in Bonn.";
    assert_eq!(recording.reports()[0].heard, heard);
    let at = |word: &str| {
        let wanted = |event: &Event| matches!(event, Event::WordHeard { text, .. } if text == word);
        recording.at(wanted).unwrap()
    };
    // The silence begins when the last word was heard, and only then is counted.
    let silence = at("One") - at("once") - 300;
    assert!((600..900).contains(&silence), "{silence}");
}

#[tokio::test(start_paused = true)]
async fn interrupting_the_wait_cancels_the_call() {
    let tools = weather(OnInterruption::Cancel, Does::Answers(FIVE_SECONDS, "It rains in Bonn."));
    let model = weatherman();
    let said = [(200, "Does it rain?"), (4_000, "Wait, stop that please.")];
    let recording = talk(model.clone(), &tools, &said, 12_000).await;
    let reports = recording.reports();
    assert_eq!(
        (reports[0].end_reason, reports[0].heard.as_str()),
        (EndReason::Interrupted, "One moment please.")
    );
    assert_eq!((reports[1].end_reason, reports[1].heard.as_str()), (EndReason::Completed, "All right."));
    assert_eq!(ended(&recording), [(1, ToolOutcome::Cancelled)]);
    assert_eq!((tools.done(), tools.running()), (0, 0));
    let history = prompt_of(&model, "Wait, stop that please.").history;
    let [Message::User(_), Message::Tool(step), Message::Assistant { cut: true, .. }] = history.as_slice()
    else {
        panic!("{history:#?}");
    };
    assert_eq!(step.outcome, ToolOutcome::Cancelled);
}

#[tokio::test(start_paused = true)]
async fn a_filler_can_be_interrupted_in_its_middle() {
    let policy = ToolPolicy {
        filler: "One moment please while I ask everybody who may know it.".into(),
        ..slow(OnInterruption::Cancel)
    };
    let tools = Toolbox::new([("weather", policy, Does::Answers(FIVE_SECONDS, "It rains."))]);
    let said = [(200, "Does it rain?"), (3_000, "Wait, stop that please.")];
    let recording = talk(weatherman(), &tools, &said, 10_000).await;
    let heard = &recording.reports()[0].heard;
    assert!(heard.starts_with("One moment") && !heard.ends_with("it."), "{heard}");
    assert_eq!(tools.done(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_call_that_is_to_be_finished_arrives_in_the_turn_that_made_it() {
    let tools = weather(OnInterruption::Finish, Does::Answers(FIVE_SECONDS, "It rains in Bonn."));
    let model = weatherman();
    let said = [(200, "Does it rain?"), (4_000, "Wait, stop that please."), (8_000, "So tell me then.")];
    let recording = talk(model.clone(), &tools, &said, 14_000).await;
    assert_eq!(ended(&recording), [(1, ToolOutcome::Done)]);
    let second = prompt_of(&model, "Wait, stop that please.");
    let Message::Tool(running) = &second.history[1] else { panic!("{second:#?}") };
    assert!(running.result.contains("still running"), "{running:?}");
    let third = prompt_of(&model, "So tell me then.");
    let Message::Tool(done) = &third.history[1] else { panic!("{third:#?}") };
    assert_eq!(done.result, "It rains in Bonn.");
    assert!(second.steps.is_empty() && third.steps.is_empty(), "no answer of a later turn has it as its own");
    let heard: Vec<&str> = recording.reports().iter().map(|report| report.heard.as_str()).collect();
    assert_eq!(heard, ["One moment please.", "All right.", "All right."]);
}

#[tokio::test(start_paused = true)]
async fn what_goes_wrong_is_told() {
    let timeout = Duration::from_secs(2);
    for (called, does, expected) in [
        ("weather", Does::Fails(Duration::from_secs(1), "the station is closed"), "station is closed"),
        ("weather", Does::Hangs, "did not answer within 2s"),
        ("weather", Does::Panics, "it panicked"),
        ("whether", Does::Hangs, "no tool \"whether\""),
    ] {
        let tools = Toolbox::new([("weather", ToolPolicy { timeout, ..policy() }, does)]);
        let model = Scripted::new(move |prompt| match prompt.steps.last() {
            Some(step) => vec![says(&step.result)],
            None => vec![calls(called, "{}")],
        });
        let recording = talk(model, &tools, &[(200, "Does it rain?")], 12_000).await;
        let report = recording.reports()[0];
        assert!(report.heard.contains(expected), "{expected}: {report:#?}");
        assert_eq!(report.end_reason, EndReason::Completed);
    }
}

#[tokio::test(start_paused = true)]
async fn arguments_that_are_none_never_reach_the_tool() {
    let tools = Toolbox::new([("weather", policy(), Does::Hangs)]);
    let model = Scripted::new(|prompt| match prompt.steps.last() {
        Some(step) => vec![says(&step.result)],
        None => vec![calls("weather", "[1]")],
    });
    let recording = talk(model, &tools, &[(200, "Does it rain?")], 14_000).await;
    assert!(recording.reports()[0].heard.contains("a JSON object"), "{:#?}", recording.reports());
    assert!(tools.calls().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_failure_is_said_even_if_the_model_is_silent() {
    let tools = Toolbox::new([("weather", policy(), Does::Fails(Duration::ZERO, "closed"))]);
    let silent = Scripted::new(|prompt| match prompt.steps.is_empty() {
        true => vec![calls("weather", "{}")],
        false => vec![],
    });
    let recording = talk(silent, &tools, &[(200, "Does it rain?")], 6_000).await;
    assert_eq!(recording.reports()[0].heard, "Sorry, that did not work.");
}

#[tokio::test(start_paused = true)]
async fn calls_run_at_once_unless_they_change_something() {
    for (has_effects, at_once) in [(false, 2), (true, 1)] {
        let second = Duration::from_secs(1);
        let policy = ToolPolicy { has_effects, ..policy() };
        let tools = Toolbox::new([
            ("here", policy.clone(), Does::Answers(second, "Rain here.")),
            ("there", policy, Does::Answers(second, "Sun there.")),
        ]);
        let model = Scripted::new(|prompt| match prompt.steps.as_slice() {
            [] => vec![calls("here", ""), calls("there", "")],
            [here, there] => vec![says(&format!("{} {}", here.result, there.result))],
            other => panic!("{other:#?}"),
        });
        let recording = talk(model, &tools, &[(200, "Does it rain?")], 9_000).await;
        assert_eq!(recording.reports()[0].heard, "Rain here. Sun there.");
        assert_eq!(tools.at_once(), at_once);
    }
}

#[tokio::test(start_paused = true)]
async fn a_model_that_calls_for_ever_is_asked_without_tools() {
    let tools = Toolbox::new([("weather", policy(), Does::Answers(Duration::ZERO, "Rain."))]);
    let model = Scripted::new(|prompt: &Prompt| match prompt.tools.is_empty() {
        true => vec![says("Enough of it.")],
        false => vec![calls("weather", "{}")],
    });
    let recording = talk(model, &tools, &[(200, "Does it rain?")], 6_000).await;
    assert_eq!(recording.reports()[0].heard, "Enough of it.");
    let calls = tools.calls();
    let names: std::collections::BTreeSet<&str> = calls.iter().map(|call| call.id.as_str()).collect();
    assert_eq!((calls.len(), names.len()), (5, 5), "five rounds, each call with a name of its own");
}

/// A call whose caller breaks off after an "and", so that the answer is begun long before the turn is over.
async fn hesitant(tools: &Arc<Toolbox>, resumes: bool) -> Recording {
    let model = Scripted::new(|prompt| match prompt.steps.last() {
        Some(step) => vec![says(&step.result)],
        None => vec![calls("weather", "{}")],
    });
    let engines = Engines { tools: Some(tools.clone()), ..engines(model, Beeper::new(), "and", 0.1) };
    let loud: &[(u64, u64)] = if resumes { &[(200, 900), (1_700, 2_400)] } else { &[(200, 900)] };
    play(engines, loud, 9_000).await
}

#[tokio::test(start_paused = true)]
async fn what_changes_something_waits_until_the_turn_is_over() {
    for has_effects in [true, false] {
        let does = Does::Answers(Duration::from_millis(300), "Rain.");
        let tools = Toolbox::new([("weather", ToolPolicy { has_effects, ..policy() }, does)]);
        let recording = hesitant(&tools, false).await;
        let over = recording.at(|event| matches!(event, Event::UserStoppedSpeaking)).unwrap();
        let begun = recording.at(|event| matches!(event, Event::ToolStarted { .. })).unwrap();
        assert!(over <= begun, "what an early answer does is not shown before");
        let heard = recording.at(|event| matches!(event, Event::WordHeard { .. })).unwrap() - over;
        // A read was done while the caller might have gone on; the rest had to wait.
        assert_eq!(heard > 450, has_effects, "{heard}");
        assert_eq!(tools.calls().len(), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn a_dropped_early_answer_has_changed_nothing() {
    for (has_effects, begun) in [(true, 1), (false, 2)] {
        let policy = ToolPolicy {
            has_effects,
            on_interruption: OnInterruption::Finish,
            ..slow(OnInterruption::Finish)
        };
        let tools = Toolbox::new([("weather", policy, Does::Answers(FIVE_SECONDS, "Rain."))]);
        let recording = hesitant(&tools, true).await;
        assert_eq!(recording.reports().len(), 1);
        assert_eq!((tools.calls().len(), tools.done()), (begun, 1), "{has_effects}");
        assert_eq!(ended(&recording), [(1, ToolOutcome::Done)]);
    }
}

#[tokio::test(start_paused = true)]
async fn no_call_outlives_the_call_but_what_is_to_be_finished_is() {
    for (on_interruption, done) in [(OnInterruption::Finish, 1), (OnInterruption::Cancel, 0)] {
        let before = tokio::runtime::Handle::current().metrics().num_alive_tasks();
        let tools = weather(on_interruption, Does::Answers(FIVE_SECONDS, "It rains."));
        let recording = talk(weatherman(), &tools, &[(200, "Does it rain?")], 3_000).await;
        assert_eq!(recording.reports()[0].end_reason, EndReason::SessionClosed);
        assert_eq!((tools.calls().len(), tools.done(), tools.running()), (1, done, 0));
        assert_eq!(tokio::runtime::Handle::current().metrics().num_alive_tasks(), before);
        assert_eq!(ended(&recording).len(), 1);
    }
}

/// A model that cancels order 5 when it is asked to.
fn clerk() -> Arc<Scripted> {
    Scripted::new(|prompt: &Prompt| match prompt.steps.last() {
        Some(step) => vec![says(match step.outcome {
            ToolOutcome::Done => "It is cancelled.",
            ToolOutcome::Refused => "Then I leave it.",
            _ => "Hm.",
        })],
        None if prompt.question.contains("Cancel") => vec![calls("cancel", r#"{"order":5}"#)],
        None => vec![says("It costs nothing.")],
    })
}

fn orders() -> Arc<Toolbox> {
    let policy = ToolPolicy {
        has_effects: true,
        confirm: Some("Shall I really cancel order {order} now?".into()),
        ..policy()
    };
    Toolbox::new([("cancel", policy, Does::Answers(Duration::from_millis(300), "cancelled"))])
}

const QUESTION: &str = "Shall I really cancel order 5 now?";

#[tokio::test(start_paused = true)]
async fn the_callers_word_decides() {
    for (answer, called, heard, outcome) in [
        ("Yes please.", 1, "It is cancelled.", Some(ToolOutcome::Done)),
        ("No, leave it.", 0, "Then I leave it.", Some(ToolOutcome::Refused)),
        ("What does that cost?", 0, "It costs nothing.", None),
    ] {
        let (tools, model) = (orders(), clerk());
        let said = [(200, "Cancel my order."), (5_000, answer), (10_000, "Thanks a lot.")];
        let recording = talk(model.clone(), &tools, &said, 15_000).await;
        let reports = recording.reports();
        assert_eq!(reports[0].heard, QUESTION, "{answer}");
        assert_eq!((reports[1].heard.as_str(), tools.calls().len()), (heard, called), "{answer}");
        assert!(tools.calls().iter().all(|call| call.arguments == r#"{"order":5}"#));
        let last = prompt_of(&model, "Thanks a lot.");
        let steps: Vec<(usize, ToolOutcome)> = (0..)
            .zip(&last.history)
            .filter_map(|(place, message)| match message {
                Message::Tool(step) => Some((place, step.outcome)),
                _ => None,
            })
            .collect();
        // It stands behind the words that decided, or behind those that it was first asked for with.
        let expected = outcome.map_or((1, ToolOutcome::Unconfirmed), |outcome| (3, outcome));
        assert_eq!(steps, [expected], "{answer}: {:#?}", last.history);
    }
}

#[tokio::test(start_paused = true)]
async fn yes_to_a_question_that_was_not_heard_is_asked_again() {
    let (tools, model) = (orders(), clerk());
    // The question sounds from about 1.9 s on; it is cut after two or three words.
    let said = [(200, "Cancel my order."), (2_300, "Yes please, do it now."), (7_000, "Yes.")];
    let recording = talk(model, &tools, &said, 12_000).await;
    let heard: Vec<&str> = recording.reports().iter().map(|report| report.heard.as_str()).collect();
    let [first, second, third] = heard.as_slice() else { panic!("{heard:#?}") };
    assert!(first.len() < QUESTION.len() / 2, "{heard:#?}");
    assert_eq!((*second, *third), (QUESTION, "It is cancelled."));
    assert_eq!(tools.calls().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_yes_to_something_else_confirms_nothing() {
    let (tools, model) = (orders(), clerk());
    // A minute of silence: the bot asks whether anybody is there.
    let recording = talk(model, &tools, &[(200, "Cancel my order."), (69_000, "Yes.")], 74_000).await;
    let heard: Vec<&str> = recording.reports().iter().map(|report| report.heard.as_str()).collect();
    assert_eq!(heard[1], "Are you still there?", "{heard:#?}");
    assert!(tools.calls().is_empty());
}

#[tokio::test(start_paused = true)]
async fn only_one_question_is_open_at_a_time() {
    let (tools, _) = (orders(), ());
    let model = Scripted::new(|prompt: &Prompt| -> Vec<Piece> {
        match (prompt.steps.len(), prompt.question.contains("Cancel")) {
            (0, true) => vec![calls("cancel", r#"{"order":5}"#), calls("cancel", r#"{"order":6}"#)],
            _ => vec![says("Done.")],
        }
    });
    let said = [(200, "Cancel my order."), (5_000, "Yes.")];
    let recording = talk(model.clone(), &tools, &said, 10_000).await;
    assert_eq!(recording.reports()[0].heard, QUESTION);
    let arguments: Vec<String> = tools.calls().into_iter().map(|call| call.arguments).collect();
    assert_eq!(arguments, [r#"{"order":5}"#]);
    let history = prompt_of(&model, "Yes.").history;
    assert!(
        matches!(&history[1], Message::Tool(step) if step.outcome == ToolOutcome::Unconfirmed),
        "{history:#?}"
    );
}
