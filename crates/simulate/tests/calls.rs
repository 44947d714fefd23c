//! Callers against the real pipeline with fake engines, under a paused clock.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]
use std::sync::Arc;

use futures_util::{StreamExt, stream};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use voce_core::{
    AudioFrame, EndReason, EngineError, LanguageModel, Line, ModelCard, Output, Speech, SpokenWord,
    TextToSpeech, VoiceActivity, in_memory,
};
use voce_pipeline::{AssistantConfig, Engines, Rules, Settings};
use voce_simulate::{Actor, CallOutcome, CallRecord, Plan, Scenario, Utterances, Voices, hold};
use voce_testkit::fakes::{Attentive, Beeper, Hears, Opinion, Reply, SlowTalker};

const ANSWER: &str = "one two three four five six seven eight nine ten.";

/// Takes what is louder than a caller's noise for speech.
struct Loud;

impl VoiceActivity for Loud {
    fn speech_probability(&mut self, frame: &AudioFrame) -> Result<f32, EngineError> {
        Ok(f32::from(frame.samples.iter().any(|sample| sample.abs() > 0.02)))
    }
}

/// A caller's voice: 300 ms of a tone for each word.
struct Tone(ModelCard);

impl TextToSpeech for Tone {
    fn model(&self) -> &ModelCard {
        &self.0
    }

    fn rate_hz(&self) -> u32 {
        16_000
    }

    fn speak(&self, line: Line) -> Output<Speech> {
        let words = line.text.split_whitespace().enumerate().map(|(at, text)| {
            let start_seconds = at as f64 * 0.3;
            SpokenWord { text: text.into(), start_seconds, end_seconds: start_seconds + 0.3 }
        });
        let words: Vec<SpokenWord> = words.collect();
        let samples = (0..words.len() * 4_800).map(|at| 0.1 * (at as f32 * 0.2).sin()).collect();
        stream::iter([Ok(Speech { samples, rate_hz: 16_000, words, phonemes: vec![] })]).boxed()
    }
}

struct Tones;

impl Voices for Tones {
    fn voice(&self, name: &str, _: f32) -> Result<Arc<dyn TextToSpeech>, EngineError> {
        match name {
            "nobody" => Err(EngineError::load("tone", "there is no voice nobody")),
            _ => Ok(Arc::new(Tone(ModelCard::default()))),
        }
    }
}

/// How the assistant is.
struct Assistant {
    hears: &'static str,
    llm: Arc<dyn LanguageModel>,
    greeting: &'static str,
    end_of_turn: f32,
}

impl Assistant {
    fn answering(llm: Arc<dyn LanguageModel>) -> Self {
        Self { hears: "Wait, what is the warranty?", llm, greeting: "", end_of_turn: 0.9 }
    }
}

fn scenario(yaml: &str) -> Scenario {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("a.yaml");
    std::fs::write(&file, format!("name: a test\n{yaml}")).unwrap();
    Scenario::load(&file).unwrap()
}

async fn held(
    assistant: Assistant,
    scenario: &Scenario,
    player: Option<Arc<dyn LanguageModel>>,
) -> CallOutcome {
    let utterances = Arc::new(Utterances::new(Arc::new(Tones)));
    let greets = !assistant.greeting.is_empty();
    let plan = Plan::draw(scenario, 1, 1, &utterances, greets).await.unwrap();
    let (call, far) = in_memory(plan.id.clone());
    let engines = Engines {
        voice_activity: Arc::new(|| Ok(Box::new(Loud))),
        end_of_turn: Opinion::new(assistant.end_of_turn),
        stt: Hears::new(assistant.hears),
        knowledge: None,
        llm: assistant.llm,
        tts: Beeper::new(),
        tools: None,
        memory: None,
    };
    let persona = AssistantConfig { greeting: assistant.greeting.into(), ..AssistantConfig::default() };
    let rules = Rules { assistant: Arc::new(persona), ..Rules::default() };
    let mut session = JoinSet::new();
    let settings = Settings { rules, trace_id: |_| None };
    session.spawn(voce_pipeline::run(call, engines, settings, CancellationToken::new()));
    let actor = player.map(|llm| Actor { llm, utterances: utterances.clone() });
    let record = hold(far, scenario, &plan, actor.as_ref()).await;
    session.join_next().await.unwrap().unwrap().unwrap();
    CallOutcome::of(scenario, &plan, record, None).await
}

fn failures(outcome: &CallOutcome) -> Vec<String> {
    outcome.failures().map(ToString::to_string).collect()
}

fn heard(record: &CallRecord, exchange: usize) -> usize {
    record.exchanges[exchange].heard().split_whitespace().count()
}

#[tokio::test(start_paused = true)]
async fn an_answer_is_interrupted_when_so_many_words_or_seconds_were_heard() {
    for (when, words) in [("after_words: 3", 3..=6), ("after_seconds: 1.6", 5..=8)] {
        let yaml = format!("turns:\n- say: what is it\n  interrupt: {{ say: wait a moment please, {when} }}");
        let outcome = held(Assistant::answering(SlowTalker::new(ANSWER)), &scenario(&yaml), None).await;
        assert_eq!(failures(&outcome), Vec::<String>::new(), "{}", outcome.record.transcript());
        let reasons: Vec<EndReason> = outcome.record.turns.iter().map(|turn| turn.end_reason).collect();
        assert_eq!(reasons, [EndReason::Interrupted, EndReason::Completed]);
        assert!(words.contains(&heard(&outcome.record, 0)), "{when}: {}", outcome.record.transcript());
        assert_eq!(heard(&outcome.record, 1), 10);
        assert!(outcome.record.exchanges[1].interrupts);
    }
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_is_over_too_soon_cannot_be_interrupted() {
    let yaml = "turns:\n- say: what is it\n  interrupt: { say: wait a moment please, after_words: 50 }";
    let outcome = held(Assistant::answering(SlowTalker::new(ANSWER)), &scenario(yaml), None).await;
    let failures = failures(&outcome);
    assert_eq!(failures.len(), 1, "{failures:?}");
    assert!(
        failures[0].contains("expected interrupted") && failures[0].contains("was over before"),
        "{failures:?}"
    );
    assert_eq!(heard(&outcome.record, 1), 10, "what was to be said is said all the same");
}

#[tokio::test(start_paused = true)]
async fn a_nod_is_said_into_the_answer_which_goes_on() {
    let yaml = "turns:\n- say: what is it\n  backchannel: { say: uh-huh, after_words: 2 }\n- say: what else\nexpect: { turns: 2, interrupted: 0 }";
    let assistant = Assistant { hears: "uh huh", ..Assistant::answering(SlowTalker::new(ANSWER)) };
    let outcome = held(assistant, &scenario(yaml), None).await;
    assert_eq!(failures(&outcome), Vec::<String>::new(), "{}", outcome.record.transcript());
    let first = &outcome.record.exchanges[0];
    assert_eq!((first.backchannel.as_deref(), heard(&outcome.record, 0)), (Some("uh-huh"), 10));
    assert_eq!(first.turn.as_ref().unwrap().overlaps, 1);
}

#[tokio::test(start_paused = true)]
async fn a_break_in_mid_sentence_is_as_long_as_asked_for_and_one_turn() {
    let said = |pause: &str| format!("turns:\n- say: what is it now\n{pause}");
    let mut lengths = vec![];
    for pause in ["", "  pause: { after_words: 2, seconds: 0.5 }"] {
        let assistant = Assistant { end_of_turn: 0.1, ..Assistant::answering(SlowTalker::new(ANSWER)) };
        let outcome = held(assistant, &scenario(&said(pause)), None).await;
        assert_eq!(failures(&outcome), Vec::<String>::new());
        assert_eq!(outcome.record.turns.len(), 1, "{}", outcome.record.transcript());
        lengths.push(outcome.record.turns[0].speech_seconds.unwrap());
    }
    let longer = lengths[1] - lengths[0];
    assert!((0.45..0.75).contains(&longer), "{lengths:?}");
}

#[tokio::test(start_paused = true)]
async fn a_caller_loses_patience_and_hangs_up() {
    let yaml = "patience_seconds: 5\nturns: [{ say: what is it }, { say: what else }]";
    let silent = Attentive::new([("warranty", Reply::Never)]);
    let outcome = held(Assistant::answering(silent), &scenario(yaml), None).await;
    let failures = failures(&outcome);
    assert!(failures[0].contains("answered: expected an answer; no answer within 5 s"), "{failures:?}");
    assert!(failures[1].contains("1 more turns"), "{failures:?}");
    assert_eq!(outcome.record.turns[0].end_reason, EndReason::SessionClosed);
}

#[tokio::test(start_paused = true)]
async fn a_greeting_is_heard_before_anything_is_said() {
    let assistant =
        Assistant { greeting: "Hello there, caller.", ..Assistant::answering(SlowTalker::new(ANSWER)) };
    let outcome =
        held(assistant, &scenario("turns: [{ say: what is it }]\nexpect: { turns: 1 }"), None).await;
    assert_eq!(failures(&outcome), Vec::<String>::new(), "{}", outcome.record.transcript());
    assert_eq!(outcome.record.turns[0].heard, "Hello there, caller.");
    assert_eq!(outcome.record.turns.len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_persona_says_what_its_model_finds_until_it_hangs_up() {
    let player = Attentive::new([
        ("speak first", Reply::Text("\"What is the warranty?\"".into())),
        ("one two", Reply::Text("HANG UP".into())),
    ]);
    let yaml = "persona: { who: a gardener, goal: To know the warranty. }\nexpect: { most_turns: 3, contains: three }";
    let scenario = scenario(yaml);
    let outcome = held(Assistant::answering(SlowTalker::new(ANSWER)), &scenario, Some(player.clone())).await;
    assert_eq!(failures(&outcome), Vec::<String>::new(), "{}", outcome.record.transcript());
    let said: Vec<&str> = outcome.record.exchanges.iter().map(|exchange| exchange.said.as_str()).collect();
    assert_eq!(said, ["What is the warranty?"]);
    assert_eq!(player.prompts()[1].question, ANSWER);
    let alone = held(Assistant::answering(SlowTalker::new(ANSWER)), &scenario, None).await;
    assert!(failures(&alone)[0].contains("nobody plays the persona"), "{:?}", failures(&alone));
}

#[tokio::test]
async fn the_same_seed_draws_the_same_call() {
    let yaml = "voices: [a, b, c]\nnoise: { kind: babble, snr_db: 10 }\nturns: [{ say: [one, two, three, four, five, six] }]";
    let (scenario, utterances) = (scenario(yaml), Utterances::new(Arc::new(Tones)));
    let mut drawn = vec![];
    for seed in [1, 1, 2, 3, 4] {
        let mut calls = vec![];
        for call in 1..=3 {
            let plan = Plan::draw(&scenario, call, seed, &utterances, false).await.unwrap();
            assert!(plan.background.iter().any(|sample| sample.abs() > 0.01), "the noise is heard");
            calls.push((plan.voice, plan.lines[0].text.clone(), plan.background));
        }
        let mut voices: Vec<String> = calls.iter().map(|(voice, ..)| voice.clone()).collect();
        voices.sort();
        assert_eq!(voices, ["a", "b", "c"], "three calls have all voices");
        drawn.push(calls);
    }
    assert!(drawn[0] == drawn[1]);
    assert!(drawn[1..].windows(2).all(|pair| pair[0] != pair[1]));
}

#[tokio::test]
async fn a_voice_that_is_not_there_is_named() {
    let scenario = scenario("voices: nobody\nturns: [{ say: x }]");
    let error = Plan::draw(&scenario, 1, 1, &Utterances::new(Arc::new(Tones)), false).await.unwrap_err();
    assert!(error.to_string().contains("nobody"), "{error}");
}
