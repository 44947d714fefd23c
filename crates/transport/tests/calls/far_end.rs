//! A call over WebRTC, held through the same end as one within the process.
use std::{sync::Arc, time::Duration};

use parking_lot::Mutex;
use tokio::{
    task::JoinSet,
    time::{Instant, interval, sleep, timeout},
};
use voce_core::{AudioFrame, Call, Control, Event, FarEnd, MediaTime, TurnId, TurnReport};
use voce_testkit::caller::{Caller, CallerError};
use voce_transport::Config;

use crate::server::{ALONE, PATIENCE, Server, share_of, tone};

fn frame(samples: &[f32]) -> AudioFrame {
    AudioFrame { at: MediaTime::default(), rate_hz: 16_000, samples: samples.to_vec() }
}

/// Plays back what it hears; the button that stops the bot ends the turn.
async fn echo(mut call: Call) {
    let turn = TurnId(4);
    drop(call.events.try_send(Event::UserSaid { turn, text: "hello".into() }));
    let speaker = call.speaker.hold().await;
    loop {
        tokio::select! {
            Some(control) = call.controls.recv() => {
                assert_eq!(control, Control::Interrupt);
                drop(call.events.try_send(Event::TurnEnded(TurnReport { turn, ..TurnReport::default() })));
            }
            heard = call.microphone.recv() => {
                let Some(heard) = heard else { return };
                if speaker.send(heard).await.is_err() {
                    return;
                }
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sound_buttons_and_events_pass_and_dropping_the_microphone_hangs_up() {
    let _alone = ALONE.lock().await;
    let server = Server::start_with(Config::default(), echo).await;
    let caller = Caller::connect(&server.url).await.unwrap();
    let id = caller.id().to_owned();
    let (FarEnd { microphone, controls, mut speaker, mut events }, line) = caller.into_far_end();
    let mut tasks = JoinSet::new();
    tasks.spawn(async move { drop(line.await.inspect_err(|error| panic!("{error}"))) });
    let heard = Arc::new(Mutex::new(vec![]));
    let ear = heard.clone();
    tasks.spawn(async move {
        while let Some(frame) = speaker.recv().await {
            assert_eq!(frame.rate_hz, 24_000);
            ear.lock().extend(frame.samples);
        }
    });
    let said = events.recv().await.unwrap();
    assert_eq!(said, Event::UserSaid { turn: TurnId(4), text: "hello".into() });
    let mut ticks = interval(Duration::from_millis(20));
    for samples in tone(1.0, 440.0).chunks_exact(320) {
        ticks.tick().await;
        microphone.send(frame(samples)).await.unwrap();
    }
    controls.send(Control::Interrupt).await.unwrap();
    let report = timeout(PATIENCE, events.recv()).await.unwrap();
    assert!(matches!(report, Some(Event::TurnEnded(TurnReport { turn: TurnId(4), .. }))), "{report:?}");
    sleep(Duration::from_millis(300)).await;
    let hung_up = Instant::now();
    drop(microphone);
    assert!(server.end_of(&id).await >= hung_up);
    while tasks.join_next().await.transpose().unwrap().is_some() {}
    let loud: Vec<f32> = heard.lock().iter().copied().skip_while(|sample| sample.abs() < 0.15).collect();
    assert!(loud.len() > 18_000, "{} samples", loud.len());
    let share = share_of(&loud[6_000..12_000], 440.0);
    assert!(share > 0.9, "{share}");
}

/// Hangs up as soon as it hears something.
async fn hang_up(mut call: Call) {
    drop(call.microphone.recv().await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_far_end_ends_with_the_server_and_takes_no_other_sound() {
    let _alone = ALONE.lock().await;
    let server = Server::start_with(Config::default(), hang_up).await;
    let (far, line) = Caller::connect(&server.url).await.unwrap().into_far_end();
    let FarEnd { microphone, controls: _controls, speaker: _speaker, mut events } = far;
    microphone.send(frame(&[0.0; 320])).await.unwrap();
    timeout(PATIENCE, line).await.unwrap().unwrap();
    assert_eq!(timeout(PATIENCE, events.recv()).await.unwrap(), None);

    let (far, line) = Caller::connect(&server.url).await.unwrap().into_far_end();
    far.microphone.send(AudioFrame { rate_hz: 24_000, ..frame(&[0.0; 480]) }).await.unwrap();
    let refused = timeout(PATIENCE, line).await.unwrap();
    assert!(matches!(refused, Err(CallerError::Frame { samples: 480, rate_hz: 24_000 })), "{refused:?}");
}
