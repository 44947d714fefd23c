//! Calls over a real WebRTC connection.
use std::time::Duration;

use serde_json::Value;
use tokio::time::sleep;
use voce_testkit::caller::{Caller, Heard};

use crate::{
    harness::{EMBEDDED, Place, microphone},
    serving::Server,
};

/// Louder than this is the bot; the rest is comfort noise of the codec.
const LOUD: f32 = 0.01;
const PATIENCE: Duration = Duration::from_secs(30);

/// The report of the turn that ended after `since`.
pub async fn report_after(caller: &Caller, since: tokio::time::Instant) -> Value {
    let is_report = |message: &voce_testkit::caller::Received| {
        message.at > since && message.kind() == "server-message" && message.data()["type"] == "turn"
    };
    let message = caller.wait_for_match("the turn's report", PATIENCE, is_report).await.unwrap();
    message.data()["report"].clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn speaking_into_an_answer_stops_its_sound_and_what_was_not_heard_is_forgotten() {
    if voce_testkit::models(EMBEDDED).is_none() {
        return;
    }
    let place = Place::with_demo_knowledge();
    let server = Server::start(&place, &[]);
    let caller = Caller::connect(&server.url).await.unwrap();
    let question = microphone("warranty_af_heart.wav");
    // The interruption begins with its first loud sample, so that the time counts from speech.
    let interruption = microphone("filter_bf_emma.wav");
    let onset = interruption.iter().position(|sample| sample.abs() > 0.05).unwrap();
    let mut stopped_after = vec![];
    for _ in 0..3 {
        let asked = caller.say(&question).await.unwrap();
        let speaking = caller.wait_for_after("bot-started-speaking", asked.began, PATIENCE).await.unwrap();
        sleep(Duration::from_millis(500)).await;
        let cut = caller.say(&interruption[onset..]).await.unwrap();
        let report = report_after(&caller, speaking.at).await;
        assert_eq!(report["end_reason"], "interrupted", "{report:#}");
        let (heard, generated) = (report["heard"].as_str().unwrap(), report["generated"].as_str().unwrap());
        assert!(heard.len() < generated.len(), "{report:#}");
        // The answer to the interruption comes later; what sounded before it was the old answer.
        let next = caller.wait_for_after("bot-started-speaking", cut.began, PATIENCE).await.unwrap();
        // Its first sound and the word of it come by two ways, either first.
        let is_old = |packet: &Heard| packet.at + Duration::from_millis(100) < next.at;
        let old: Vec<_> = caller.recording().0.into_iter().filter(is_old).collect();
        let last = old.iter().rev().find(|packet| packet.level() > LOUD).expect("the answer sounded").at;
        stopped_after.push(last.saturating_duration_since(cut.began).as_millis());
        report_after(&caller, next.at).await;
    }
    caller.hang_up().await;
    stopped_after.sort_unstable();
    println!("sound stopped after {stopped_after:?} ms");
    assert!(stopped_after[1] <= 200, "the sound stopped after {stopped_after:?} ms");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_goes_on_when_the_traces_have_nowhere_to_go() {
    if voce_testkit::models(EMBEDDED).is_none() {
        return;
    }
    let place = Place::with_demo_knowledge();
    let relay = crate::traces::Relay::start().await;
    let sink = format!("telemetry.sinks=[{{url=\"{}\", experiment=\"voce-test-relay\"}}]", relay.url);
    let server = Server::start(&place, &["--set", "telemetry.enabled=true", "--set", &sink]);
    let caller = Caller::connect(&server.url).await.unwrap();
    let question = microphone("warranty_af_heart.wav");
    for turn in 0..3 {
        let asked = caller.say(&question).await.unwrap();
        if turn == 1 {
            relay.kill();
        }
        let report = report_after(&caller, asked.began).await;
        assert_eq!(report["end_reason"], "completed", "{report:#}");
        assert!(report["heard"].as_str().unwrap().to_lowercase().contains("year"), "{report:#}");
        // The exporter needs its delay to notice.
        sleep(Duration::from_millis(1_500)).await;
    }
    caller.hang_up().await;
    let said = server.said();
    let about = |line: &&String| line.contains("WARN") && line.to_lowercase().contains("trace");
    assert_eq!(said.iter().filter(about).count(), 1, "it is said once: {said:#?}");
}
