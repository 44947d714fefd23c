//! Turn-taking as a caller hears it: the whole pipeline with the real models and real sound, in real time. The
//! language model alone is a fake, since what it says and when is part of each scenario.
mod caller;
mod models;

use std::{sync::Arc, time::Duration};

use tokio::time::sleep;
use voce_core::{Control, EndReason, Event, Message, TurnReport};
use voce_pipeline::{AssistantConfig, ListeningConfig, PatienceConfig, Phrase, Rules, Strategy};
use voce_testkit::fakes::{Attentive, Reply};

use caller::{Caller, Record};

/// What the bot says, by a word of the question.
const WARRANTY: &str = "The warranty for the water pump is two years. It begins on the day of delivery.";
const HOURS: &str = "On Saturday the shop is open from nine to four.";
const FILTER: &str = "Clean the filter once a month.";
const SOLAR: &str = "Yes, it runs with any solar panel of this size.";
/// Within this time the bot is silent after the caller begins to speak into it. The bench measures it precisely; here
/// other tests keep the machine busy.
const STOPS_WITHIN: Duration = Duration::from_millis(400);

fn answers() -> Arc<Attentive> {
    Attentive::new([
        ("solar", Reply::Text(SOLAR.into())),
        ("warranty", Reply::Text(WARRANTY.into())),
        ("hours", Reply::Text(HOURS.into())),
        ("filter", Reply::Text(FILTER.into())),
    ])
}

fn ms(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}

/// A clip without the silence around it.
fn clip(name: &str) -> Vec<f32> {
    let samples = voce_testkit::speech(name);
    let first = samples.iter().position(|sample| sample.abs() > 0.01).unwrap();
    let last = samples.iter().rposition(|sample| sample.abs() > 0.01).unwrap();
    samples[first..=last].to_vec()
}

fn started(event: &Event) -> bool {
    matches!(event, Event::BotStartedSpeaking { .. })
}

fn interrupted(event: &Event) -> bool {
    matches!(event, Event::Interrupted { .. })
}

/// Asks `question` and waits for the sound of the answer. Returns when it came.
async fn ask(caller: &Caller, question: &str) -> Duration {
    let (_, ended) = caller.says(&clip(question)).await;
    caller.sound(ended).await
}

/// Speaks into the bot and waits until it has stopped. Returns when the caller began.
async fn interrupt(caller: &Caller, words: &str) -> Duration {
    let began = caller.say(&clip(words));
    caller.event("the interruption", began, interrupted).await;
    began
}

/// The bot fell silent soon after the caller began to speak into it.
fn assert_stopped(record: &Record, spoken_into: Duration, until: Duration) {
    // The first frame of the next answer may come just before the event that tells of it.
    let last = record.audible().filter(|at| *at + ms(100) < until).last().unwrap();
    assert!(
        last < spoken_into + STOPS_WITHIN,
        "sound until {last:?}, caller from {spoken_into:?}:\n{record:?}"
    );
}

/// An answer was heard from its first to its last word.
fn assert_heard(turn: &TurnReport, answer: &str, record: &Record) {
    assert_eq!((turn.end_reason, turn.heard.as_str()), (EndReason::Completed, answer), "{record:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_caller_who_pauses_in_mid_sentence_gets_one_answer_to_the_whole_question() {
    let Some(caller) = Caller::dial(answers(), Rules::default()).await else { return };
    caller.says(&clip("pump_first")).await;
    sleep(ms(700)).await;
    let (_, ended) = caller.says(&clip("pump_then")).await;
    let turns = caller.turns(1).await;
    sleep(ms(500)).await;
    let record = caller.hang_up().await;
    assert_heard(&turns[0], SOLAR, &record);
    let question = turns[0].question.to_lowercase();
    assert!(question.contains("pump") && question.contains("solar panel"), "{record:?}");
    assert_eq!((record.turns().len(), record.count(started)), (1, 1), "{record:?}");
    assert!(record.sound(Duration::ZERO).unwrap() > ended, "sound into the question:\n{record:?}");
    let went_on = |event: &Event| {
        matches!(event, Event::EndOfTurn { outcome: "resumed", .. } | Event::TurnReopened { .. })
    };
    assert!(record.count(went_on) > 0, "{record:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_moment_of_an_answer_can_be_interrupted() {
    let Some(caller) = Caller::dial(answers(), Rules::default()).await else { return };
    ask(&caller, "q1").await;
    let began = interrupt(&caller, "filter_bf_emma").await;
    let turns = caller.turns(2).await;
    let record = caller.hang_up().await;
    assert_eq!(turns[0].end_reason, EndReason::Interrupted, "{record:?}");
    assert!(WARRANTY.starts_with(&turns[0].heard) && turns[0].heard.len() < 20, "{record:?}");
    // The event of the first answer may come after its sound.
    let second = record.event(began + STOPS_WITHIN, started).unwrap();
    assert_stopped(&record, began, second);
    assert!(turns[1].question.to_lowercase().contains("clean the filter"), "{record:?}");
    assert_heard(&turns[1], FILTER, &record);
}

#[tokio::test(flavor = "multi_thread")]
async fn words_into_the_last_moment_of_an_answer_are_not_lost() {
    let Some(caller) = Caller::dial(answers(), Rules::default()).await else { return };
    let first = ask(&caller, "filter_bf_emma").await;
    // Heard once, it is known how long the answer is.
    caller.turns(1).await;
    let last = caller.record().audible().last().unwrap();
    sleep(ms(1_000)).await;
    let again = ask(&caller, "filter_bf_emma").await;
    sleep((last - first).saturating_sub(ms(150)).saturating_sub(caller.now() - again)).await;
    let began = caller.say(&clip("hours_am_michael"));
    let turns = caller.turns(3).await;
    let record = caller.hang_up().await;
    assert!(turns[1].heard.starts_with("Clean the filter once a"), "{record:?}");
    assert!(turns[2].question.to_lowercase().contains("opening hours on saturday"), "{record:?}");
    assert_heard(&turns[2], HOURS, &record);
    let third = record.event(began, started).unwrap();
    assert_stopped(&record, began, third);
    assert_eq!((record.turns().len(), record.count(started)), (3, 3), "{record:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn two_interruptions_in_a_row_are_both_obeyed_and_only_the_last_question_is_answered_in_full() {
    let llm = answers();
    let Some(caller) = Caller::dial(llm.clone(), Rules::default()).await else { return };
    ask(&caller, "q1").await;
    caller
        .until("a few words", |record| {
            (record.count(|e| matches!(e, Event::WordHeard { .. })) >= 4).then_some(())
        })
        .await;
    let began = caller.say(&clip("hours_am_michael"));
    let second = caller.event("the second answer", began, started).await;
    sleep(ms(500)).await;
    let again = caller.say(&clip("filter_bf_emma"));
    let third = caller.event("the third answer", again, started).await;
    let turns = caller.turns(3).await;
    let record = caller.hang_up().await;
    assert_stopped(&record, began, second);
    assert_stopped(&record, again, third);
    let reasons: Vec<EndReason> = turns.iter().map(|turn| turn.end_reason).collect();
    assert_eq!(reasons, [EndReason::Interrupted, EndReason::Interrupted, EndReason::Completed], "{record:?}");
    assert_heard(&turns[2], FILTER, &record);
    // What the language model is told last: what was heard, and that it was cut. Not what was written.
    let history = llm.prompts().pop().unwrap().history;
    let heard = |turn: &TurnReport| Message::Assistant { text: turn.heard.clone(), cut: true };
    let told: Vec<&Message> =
        history.iter().filter(|message| matches!(message, Message::Assistant { .. })).collect();
    let expected: Vec<Message> = turns[..2].iter().filter(|turn| !turn.heard.is_empty()).map(heard).collect();
    assert_eq!(told, expected.iter().collect::<Vec<_>>(), "{record:?}");
    for (turn, answer) in turns[..2].iter().zip([WARRANTY, HOURS]) {
        assert!(answer.starts_with(&turn.heard) && turn.heard.len() < answer.len(), "{record:?}");
    }
}

/// Makes two sounds beside the answer about the warranty and hears it to its end. Returns what became of them.
async fn speak_beside(sounds: [&str; 2]) -> Option<Vec<&'static str>> {
    let caller = Caller::dial(answers(), Rules::default()).await?;
    let first = ask(&caller, "q1").await;
    for sound in sounds {
        sleep(ms(900)).await;
        caller.says(&clip(sound)).await;
        // The bot is not held any more.
        let held = |record: &Record| record.count(|event| matches!(event, Event::BotHeld { .. }));
        let decided = |record: &Record| record.count(|event| matches!(event, Event::BotContinued { .. }));
        sleep(ms(200)).await;
        caller.until("a decision", |record| (decided(record) >= held(record)).then_some(())).await;
    }
    let turns = caller.turns(1).await;
    let ended = caller.now();
    sleep(ms(1_000)).await;
    let record = caller.hang_up().await;
    assert_heard(&turns[0], WARRANTY, &record);
    assert_eq!((record.turns().len(), record.count(started)), (1, 1), "{record:?}");
    let voice = record.voice(first, ended);
    let words = tokio::task::spawn_blocking(move || models::words_in(&voice)).await.unwrap();
    for part in ["warranty", "two years", "begins on the day", "delivery"] {
        assert!(words.contains(part), "the sound says {words:?}:\n{record:?}");
    }
    let why = |(_, event): &(Duration, Event)| match event {
        Event::BotContinued { why, .. } => Some(*why),
        _ => None,
    };
    let why: Vec<&str> = record.events.iter().filter_map(why).collect();
    assert_eq!(turns[0].overlaps as usize, why.len(), "{record:?}");
    Some(why)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_caller_who_nods_hears_the_answer_to_its_end() {
    let Some(why) = speak_beside(["i_see", "yeah"]).await else { return };
    assert_eq!(why, ["backchannel", "backchannel"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_caller_who_coughs_hears_the_answer_to_its_end() {
    // The detector takes the cough for nothing and the throat that is cleared for speech.
    let Some(why) = speak_beside(["cough", "throat"]).await else { return };
    assert!(!why.is_empty() && why.iter().all(|why| *why == "noise"), "{why:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_bot_does_not_interrupt_itself_through_a_loudspeaker() {
    let Some(caller) = Caller::dial(answers(), Rules::default()).await else { return };
    caller.put_on_loudspeaker();
    ask(&caller, "q1").await;
    let turns = caller.turns(1).await;
    sleep(ms(2_000)).await;
    let record = caller.hang_up().await;
    assert_heard(&turns[0], WARRANTY, &record);
    assert_eq!((record.count(interrupted), record.count(started)), (0, 1), "{record:?}");
    assert!(record.turns().iter().all(|turn| turn.turn.0 == 1 || turn.heard.is_empty()), "{record:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_microphone_muted_in_mid_speech_ends_the_turn_within_the_ceiling() {
    let rules = Rules::default();
    let ceiling = ms(rules.listening.ceiling_ms.into());
    let Some(caller) = Caller::dial(answers(), rules).await else { return };
    let words = clip("q1");
    // "What is the warranty per"
    caller.says(&words[..16_000 * 12 / 10]).await;
    caller.mute();
    let muted = caller.now();
    let over =
        caller.event("the end of the turn", muted, |event| matches!(event, Event::UserStoppedSpeaking)).await;
    let sound = caller.sound(muted).await;
    let turns = caller.turns(1).await;
    let record = caller.hang_up().await;
    assert!(over < muted + ceiling + ms(500), "{record:?}");
    assert!(sound < muted + ceiling + ms(5_000), "{record:?}");
    assert!(!turns[0].heard.is_empty(), "{record:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn sound_without_words_is_asked_about_twice_and_then_left_alone() {
    let llm = answers();
    let Some(caller) = Caller::dial(llm.clone(), Rules::default()).await else { return };
    for turn in 1..=3 {
        caller.says(&clip("wordless")).await;
        caller.turns(turn).await;
        sleep(ms(700)).await;
    }
    sleep(ms(1_000)).await;
    let record = caller.hang_up().await;
    let heard: Vec<String> = record.turns().into_iter().map(|turn| turn.heard).collect();
    let ask_again = AssistantConfig::default().ask_again;
    assert_eq!(heard, [ask_again.as_str(), &ask_again, ""], "{record:?}");
    assert_eq!(record.count(started), 2, "{record:?}");
    assert!(llm.prompts().is_empty(), "nobody asked anything:\n{record:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_language_model_that_hangs_is_apologised_for_and_the_next_question_is_answered() {
    let patience = PatienceConfig { answer_seconds: 2.0, ..PatienceConfig::default() };
    let apology = AssistantConfig::default().apology;
    models::rehearse(&apology).await;
    let llm = Attentive::new([("warranty", Reply::Never), ("filter", Reply::Text(FILTER.into()))]);
    let Some(caller) = Caller::dial(llm, Rules { patience, ..Rules::default() }).await else { return };
    let (_, ended) = caller.says(&clip("q1")).await;
    let sound = caller.sound(ended).await;
    caller.turns(1).await;
    sleep(ms(700)).await;
    caller.says(&clip("filter_bf_emma")).await;
    let turns = caller.turns(2).await;
    let record = caller.hang_up().await;
    assert!(sound > ended + ms(2_000) && sound < ended + ms(10_000), "{record:?}");
    assert_eq!((turns[0].end_reason, &turns[0].heard), (EndReason::Failed, &apology), "{record:?}");
    assert_eq!(record.count(|event| matches!(event, Event::ReplyFailed { .. })), 1, "{record:?}");
    assert_heard(&turns[1], FILTER, &record);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_caller_who_says_nothing_is_asked_then_bidden_good_bye() {
    let patience = PatienceConfig { idle_seconds: 1.5, goodbye_seconds: 2.0, ..PatienceConfig::default() };
    let assistant = AssistantConfig::default();
    let Some(caller) = Caller::dial(answers(), Rules { patience, ..Rules::default() }).await else { return };
    let sound = caller.sound(Duration::ZERO).await;
    caller.is_hung_up_on().await;
    let record = caller.hang_up().await;
    assert!(sound > ms(1_500), "{record:?}");
    let turns = record.turns();
    let heard: Vec<&str> = turns.iter().map(|turn| turn.heard.as_str()).collect();
    assert_eq!(heard, [assistant.idle.as_str(), assistant.goodbye.as_str()], "{record:?}");
    let asked =
        record.event(Duration::ZERO, |event| matches!(event, Event::BotStoppedSpeaking { .. })).unwrap();
    let goodbye = record.sound(asked + ms(200)).unwrap();
    assert!(goodbye > asked + ms(1_900), "{record:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_turn_of_a_minute_is_one_turn_and_answered() {
    let Some(caller) = Caller::dial(answers(), Rules::default()).await else { return };
    // A breath between the sentences, shorter than anyone would take for the end.
    let breath = vec![0.0; 16_000 / 10];
    let (mut sound, mut spoken_words) = (vec![], 0);
    for (name, words) in [
        ("q9", 20),
        ("q4", 14),
        ("q1", 9),
        ("filter_bf_emma", 7),
        ("q9", 20),
        ("q4", 14),
        ("hours_am_michael", 7),
    ]
    .iter()
    .cycle()
    {
        sound.extend(clip(name));
        spoken_words += words;
        if sound.len() >= 60 * 16_000 {
            break;
        }
        sound.extend(&breath);
    }
    caller.says(&sound).await;
    let turns = caller.turns(1).await;
    sleep(ms(500)).await;
    let record = caller.hang_up().await;
    assert_eq!((record.turns().len(), record.count(started)), (1, 1), "{record:?}");
    let words = turns[0].question.split_whitespace().count();
    assert!(
        words * 100 >= spoken_words * 80 && words * 100 <= spoken_words * 115,
        "{words} of {spoken_words}:\n{record:?}"
    );
    assert!(turns[0].speech_seconds.is_some_and(|seconds| seconds > 58.0), "{record:?}");
    assert_heard(&turns[0], WARRANTY, &record);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_greeting_that_may_not_be_interrupted_is_not_and_words_into_it_are_answered() {
    let greeting = "Hello, this is the pump shop. How can I help you with your water pump today?";
    let assistant = AssistantConfig {
        greeting: greeting.into(),
        uninterruptible: vec![Phrase::Greeting],
        ..AssistantConfig::default()
    };
    let rules = Rules { assistant: Arc::new(assistant), ..Rules::default() };
    let Some(caller) = Caller::dial(answers(), rules).await else { return };
    caller.sound(Duration::ZERO).await;
    sleep(ms(300)).await;
    caller.says(&clip("filter_bf_emma")).await;
    let turns = caller.turns(2).await;
    let record = caller.hang_up().await;
    assert_heard(&turns[0], greeting, &record);
    let disturbed = |event: &Event| matches!(event, Event::BotHeld { .. } | Event::Interrupted { .. });
    assert_eq!(record.count(disturbed), 0, "{record:?}");
    assert!(turns[1].question.to_lowercase().contains("clean the filter"), "{record:?}");
    assert_heard(&turns[1], FILTER, &record);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_holds_the_button_may_pause_as_long_as_they_like() {
    let listening = ListeningConfig { strategy: Strategy::PushToTalk, ..ListeningConfig::default() };
    let Some(caller) = Caller::dial(answers(), Rules { listening, ..Rules::default() }).await else { return };
    caller.touch(Control::Press).await;
    caller.says(&clip("pump_first")).await;
    sleep(ms(3_500)).await;
    caller.says(&clip("pump_then")).await;
    let released = caller.touch(Control::Release).await;
    let turns = caller.turns(1).await;
    let record = caller.hang_up().await;
    let ended = |event: &Event| matches!(event, Event::EndOfTurn { outcome: "released", .. });
    let over = record.event(Duration::ZERO, ended).unwrap();
    assert!(over >= released.saturating_sub(ms(20)) && over < released + ms(500), "{record:?}");
    assert!(record.sound(Duration::ZERO).unwrap() > released, "{record:?}");
    assert_eq!((record.turns().len(), record.count(started)), (1, 1), "{record:?}");
    assert!(turns[0].question.to_lowercase().contains("solar panel"), "{record:?}");
    assert_heard(&turns[0], SOLAR, &record);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_answer_is_covered_once_not_twice_in_a_row() {
    let patience = PatienceConfig { filler_ms: 400, ..PatienceConfig::default() };
    let llm = Attentive::new([
        ("hours", Reply::Late(ms(3_000), HOURS.into())),
        ("filter", Reply::Late(ms(3_000), FILTER.into())),
    ]);
    let filler = &AssistantConfig::default().fillers[0];
    models::rehearse(filler).await;
    let Some(caller) = Caller::dial(llm, Rules { patience, ..Rules::default() }).await else { return };
    caller.says(&clip("hours_am_michael")).await;
    caller.turns(1).await;
    sleep(ms(700)).await;
    caller.says(&clip("filter_bf_emma")).await;
    let turns = caller.turns(2).await;
    let record = caller.hang_up().await;
    assert_heard(&turns[0], &format!("{filler} {HOURS}"), &record);
    assert_heard(&turns[1], FILTER, &record);
}

#[tokio::test(flavor = "multi_thread")]
async fn after_an_interruption_the_language_model_is_told_what_was_heard_and_that_it_was_cut() {
    let llm = answers();
    let Some(caller) = Caller::dial(llm.clone(), Rules::default()).await else { return };
    ask(&caller, "q1").await;
    let word = |event: &Event| matches!(event, Event::WordHeard { text, .. } if text == "water");
    caller.event("the word water", Duration::ZERO, word).await;
    let began = interrupt(&caller, "filter_bf_emma").await;
    caller.event("the next answer", began, started).await;
    let record = caller.hang_up().await;
    let turns = record.turns();
    assert!(
        turns[0].heard.starts_with("The warranty for the water") && turns[0].heard.len() < 40,
        "{record:?}"
    );
    assert!(turns[0].generated.len() > turns[0].heard.len(), "{record:?}");
    let expected = [
        Message::User(turns[0].question.clone()),
        Message::Assistant { text: turns[0].heard.clone(), cut: true },
    ];
    assert_eq!(llm.prompts().pop().unwrap().history, expected, "{record:?}");
}
