//! Sound both ways.
use std::time::Duration;

use futures_util::future::join_all;
use tokio::time::{Instant, sleep};
use voce_core::{AudioFrame, Call, MediaTime};
use voce_testkit::caller::Caller;
use voce_transport::Config;

use crate::server::{ALONE, PATIENCE, Server, share_of, tone};

const LOUD: f32 = 0.05;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_caller_says_comes_back_with_its_energy_and_pitch() {
    let _alone = ALONE.lock().await;
    let server = Server::start(Config::default()).await;
    let caller = Caller::connect(&server.url).await.unwrap();
    let said = caller.say(&tone(1.0, 440.0)).await.unwrap();
    sleep(Duration::from_millis(500)).await;

    let recording = caller.recording();
    let seconds = recording.seconds_of_sound(LOUD);
    assert!((0.9..1.15).contains(&seconds), "{seconds} s of sound");
    let there = recording.first_sound(said.began, LOUD).unwrap() - said.began;
    println!("round trip of the first sound: {there:?}");
    assert!(there < Duration::from_millis(250), "{there:?}");

    let loud: Vec<f32> = recording
        .0
        .iter()
        .filter(|heard| heard.level() > 0.15)
        .flat_map(|heard| heard.samples.clone())
        .collect();
    let level = (loud.iter().map(|x| x * x).sum::<f32>() / loud.len() as f32).sqrt();
    assert!((0.17..0.23).contains(&level), "level {level} of 0.2");
    let middle = &loud[6000..12_000];
    assert!(share_of(middle, 440.0) > 0.9, "{}", share_of(middle, 440.0));
    caller.hang_up().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn five_callers_on_one_port_hear_only_themselves() {
    let _alone = ALONE.lock().await;
    let server = Server::start(Config::default()).await;
    let call = async |pitch: f32| {
        let caller = Caller::connect(&server.url).await.unwrap();
        caller.say(&tone(1.0, pitch)).await.unwrap();
        sleep(Duration::from_millis(400)).await;
        let heard: Vec<f32> = caller
            .recording()
            .0
            .iter()
            .filter(|heard| heard.level() > 0.15)
            .flat_map(|heard| heard.samples.clone())
            .collect();
        let share = share_of(&heard[6000..12_000], pitch);
        assert!(share > 0.9, "{pitch} Hz: {share}");
        caller.hang_up().await;
    };
    join_all([300.0, 450.0, 600.0, 800.0, 1000.0].map(call)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_frame_reaches_the_callers_ear_at_once() {
    /// Says one tone a second after the call began, then nothing, and tells when through its event's text.
    async fn beep(mut call: Call) {
        let speaker = call.speaker.hold().await;
        for _ in 0..50 {
            call.microphone.recv().await;
        }
        for round in 0..10 {
            let event = voce_core::Event::UserPartial { text: round.to_string() };
            drop(call.events.try_send(event));
            BEEPS.lock().push(Instant::now());
            let samples = (0..480).map(|n| 0.3 * (n as f32 * 0.2).sin()).collect();
            let frame = AudioFrame { at: MediaTime::default(), rate_hz: 24_000, samples };
            drop(speaker.send(frame).await);
            for _ in 0..20 {
                call.microphone.recv().await;
            }
        }
        while call.microphone.recv().await.is_some() {}
    }
    static BEEPS: parking_lot::Mutex<Vec<Instant>> = parking_lot::Mutex::new(Vec::new());

    let _alone = ALONE.lock().await;
    let server = Server::start_with(Config::default(), beep).await;
    let caller = Caller::connect(&server.url).await.unwrap();
    caller.wait_for_match("the last beep", PATIENCE, |message| message.data()["text"] == "9").await.unwrap();
    sleep(Duration::from_millis(300)).await;
    let (beeps, recording) = (BEEPS.lock().clone(), caller.recording());
    let mut delays: Vec<Duration> =
        beeps.iter().map(|beep| recording.first_sound(*beep, 0.02).unwrap() - *beep).collect();
    delays.sort();
    println!("speaker frame to caller: median {:?}, worst {:?}", delays[5], delays[9]);
    assert!(delays[5] < Duration::from_millis(30), "{delays:?}");
    caller.hang_up().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_played_at_once_is_heard_at_once() {
    let _alone = ALONE.lock().await;
    let server = Server::start(Config::default()).await;
    let caller = Caller::connect(&server.url).await.unwrap();
    let quiet = |samples: Vec<f32>| samples.iter().map(|x| x * 0.5).collect::<Vec<f32>>();
    let long = caller.play(&quiet(tone(1.5, 400.0))).await.unwrap();
    let short = caller.say(&quiet(tone(0.6, 900.0))).await.unwrap();
    let long = long.ended().await.unwrap();
    assert!(long.began <= short.began && short.ended < long.ended, "{long:?} {short:?}");
    sleep(Duration::from_millis(600)).await;

    let recording = caller.recording();
    let stopped = recording.fell_silent(long.began, LOUD, Duration::from_millis(200)).unwrap();
    let late = stopped.duration_since(long.ended);
    println!("silence at the ear after the last packet: {late:?}");
    assert!(late < Duration::from_millis(250), "{late:?}");
    let sounds = recording.sounds(LOUD, Duration::from_millis(200));
    assert_eq!(sounds.len(), 1, "{sounds:?}");
    let heard: Vec<f32> = recording
        .0
        .iter()
        .filter(|heard| heard.level() > LOUD)
        .flat_map(|heard| heard.samples.clone())
        .collect();
    let (both, alone) = (&heard[4800..9600], &heard[24_000..28_800]);
    for (part, low, high) in [(both, 0.35..0.65, 0.35..0.65), (alone, 0.9..1.1, 0.0..0.05)] {
        let shares = (share_of(part, 400.0), share_of(part, 900.0));
        assert!(low.contains(&shares.0) && high.contains(&shares.1), "{shares:?}");
    }
    caller.hang_up().await;
}
