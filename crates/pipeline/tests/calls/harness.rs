//! A call with fakes in virtual time, for all tests of the pipeline.
use std::{sync::Arc, time::Duration};

use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;
use voce_core::{AudioFrame, Event, LanguageModel, MICROPHONE_RATE_HZ, MediaTime, in_memory};
use voce_pipeline::{Engines, Rules, Settings, run};
use voce_testkit::fakes::{Beeper, Echo, Hears, Loudness, Opinion};

/// What a played call left behind.
#[derive(Default)]
pub struct Recording {
    pub events: Vec<(u128, Event)>,
    /// When each 20 ms frame of the bot reached the far end, milliseconds.
    pub frames_at: Vec<u128>,
    /// Those frames.
    pub frames: Vec<(u128, Vec<f32>)>,
}

impl Recording {
    pub fn at(&self, wanted: impl Fn(&Event) -> bool) -> Option<u128> {
        self.events.iter().find(|(_, event)| wanted(event)).map(|(at, _)| *at)
    }

    pub fn at_after(&self, since: u128, wanted: impl Fn(&Event) -> bool) -> Option<u128> {
        self.events.iter().find(|(at, event)| *at > since && wanted(event)).map(|(at, _)| *at)
    }

    pub fn reports(&self) -> Vec<&voce_core::TurnReport> {
        let events = self.events.iter().map(|(_, event)| event);
        events
            .filter_map(|event| if let Event::TurnEnded(report) = event { Some(report) } else { None })
            .collect()
    }
}

pub fn engines(llm: Arc<dyn LanguageModel>, tts: Arc<Beeper>, hears: &str, opinion: f32) -> Engines {
    Engines {
        voice_activity: Arc::new(|| Ok(Box::new(Loudness))),
        end_of_turn: Opinion::new(opinion),
        stt: Hears::new(hears),
        knowledge: Some(Echo::new()),
        llm,
        tts,
        tools: None,
        memory: None,
    }
}

/// Runs a call whose microphone is loud during the given spans of milliseconds.
pub async fn play(engines: Engines, loud: &[(u64, u64)], until_ms: u64) -> Recording {
    play_by(engines, Rules::default(), None, loud, until_ms).await
}

/// The same by other rules, for a caller who is known.
pub async fn play_by(
    engines: Engines,
    mut rules: Rules,
    user: Option<&str>,
    loud: &[(u64, u64)],
    until_ms: u64,
) -> Recording {
    // Without it a span first made where nobody listens may stay unheard in the tests that do, which run beside.
    static EVERYWHERE: std::sync::Once = std::sync::Once::new();
    EVERYWHERE.call_once(|| {
        tracing::subscriber::set_global_default(tracing_subscriber::registry()).ok();
    });
    let (mut call, mut far) = in_memory("test");
    call.user = user.map(str::to_owned);
    // The tests state times; what the defaults are tuned to must not change them.
    let listening = &mut rules.listening;
    (listening.soft_end_ms, listening.confirm_ms, listening.words_ms) = (120, 200, 400);
    (listening.patience_ms, listening.open_factor, listening.sure_threshold) = (900, 1.6, 0.9);
    let settings = Settings { rules, trace_id: |_| None };
    let stop = CancellationToken::new();
    let mut tasks = tokio::task::JoinSet::new();
    let hang_up = stop.clone();
    tasks.spawn(async move {
        run(call, engines, settings, stop).await.unwrap();
        Recording::default()
    });
    let start = Instant::now();
    tasks.spawn(async move {
        let mut recording = Recording::default();
        while let Some(frame) = far.speaker.recv().await {
            let at = start.elapsed().as_millis();
            recording.frames_at.push(at);
            recording.frames.push((at, frame.samples));
        }
        recording
    });
    tasks.spawn(async move {
        let mut events = vec![];
        while let Some(event) = far.events.recv().await {
            events.push((start.elapsed().as_millis(), event));
        }
        Recording { events, ..Recording::default() }
    });
    for at in (0..until_ms).step_by(20) {
        sleep_until(start + Duration::from_millis(at)).await;
        let level = if loud.iter().any(|(from, to)| (*from..*to).contains(&at)) { 1.0 } else { 0.0 };
        let at = MediaTime(Duration::from_millis(at));
        let frame = AudioFrame { at, rate_hz: MICROPHONE_RATE_HZ, samples: vec![level; 320] };
        far.microphone.send(frame).await.unwrap();
    }
    hang_up.cancel();
    let mut recording = Recording::default();
    while let Some(part) = tasks.join_next().await {
        let part = part.unwrap();
        recording.events.extend(part.events);
        recording.frames_at.extend(part.frames_at);
        recording.frames.extend(part.frames);
    }
    recording
}
