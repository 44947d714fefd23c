//! An echo where the pipeline would be: what the microphone brings goes back to the speaker at 24 kHz.
use std::{sync::Arc, time::Duration};

use parking_lot::Mutex;
use tokio::{sync::mpsc, task::JoinSet, time::Instant};
use voce_core::{AudioFrame, Call, Event, TurnId};
use voce_transport::{Config, Doorkeeper, Transport, router};

/// One test at a time: they measure time, files and memory of the whole process.
pub static ALONE: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());

pub const PATIENCE: Duration = Duration::from_secs(10);

/// A server that runs until it is dropped.
pub struct Server {
    pub url: String,
    pub transport: Transport,
    /// When calls ended, by name.
    pub ended: Arc<Mutex<Vec<(String, Instant)>>>,
    _tasks: JoinSet<()>,
}

impl Server {
    pub async fn start(config: Config) -> Self {
        Self::start_with(config, echo).await
    }

    /// A server whose calls are run by `session`.
    pub async fn start_with<F>(config: Config, session: fn(Call) -> F) -> Self
    where
        F: Future<Output = ()> + Send + 'static,
    {
        Self::start_as(config, vec![], session).await
    }

    /// A server with doorkeepers.
    pub async fn start_behind(config: Config, doorkeepers: Vec<Arc<dyn Doorkeeper>>) -> Self {
        Self::start_as(config, doorkeepers, echo).await
    }

    async fn start_as<F>(
        config: Config,
        doorkeepers: Vec<Arc<dyn Doorkeeper>>,
        session: fn(Call) -> F,
    ) -> Self
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (transport, calls) = Transport::bind(config, address.ip(), doorkeepers).await.unwrap();
        let ended = Arc::new(Mutex::new(Vec::new()));
        let mut tasks = JoinSet::new();
        let routes = router(transport.clone());
        tasks.spawn(async move { axum::serve(listener, routes).await.unwrap() });
        tasks.spawn(take(calls, session, ended.clone()));
        Self { url: format!("http://{address}"), transport, ended, _tasks: tasks }
    }

    /// When the call ended, once it has.
    pub async fn end_of(&self, id: &str) -> Instant {
        let deadline = Instant::now() + PATIENCE;
        while Instant::now() < deadline {
            if let Some((_, at)) = self.ended.lock().iter().find(|(name, _)| name == id) {
                return *at;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        panic!("call {id} never ended")
    }
}

async fn take<F>(
    mut calls: mpsc::Receiver<Call>,
    session: fn(Call) -> F,
    ended: Arc<Mutex<Vec<(String, Instant)>>>,
) where
    F: Future<Output = ()> + Send + 'static,
{
    let mut sessions = JoinSet::new();
    loop {
        tokio::select! {
            Some(_) = sessions.join_next() => {}
            call = calls.recv() => {
                let Some(call) = call else { return };
                let ended = ended.clone();
                sessions.spawn(async move {
                    let id = call.id.clone();
                    session(call).await;
                    ended.lock().push((id, Instant::now()));
                });
            }
        }
    }
}

async fn echo(mut call: Call) {
    drop(call.events.try_send(Event::UserStartedSpeaking));
    drop(call.events.try_send(Event::Generated { turn: TurnId(1), text: "echo".into() }));
    let speaker = call.speaker.hold().await;
    while let Some(frame) = call.microphone.recv().await {
        if speaker.send(upsampled(frame)).await.is_err() {
            return;
        }
    }
}

/// 16 to 24 kHz by straight lines.
fn upsampled(frame: AudioFrame) -> AudioFrame {
    let last = frame.samples.len() - 1;
    let at = |index: usize| {
        let position = index as f32 * 2.0 / 3.0;
        let (left, share) = (position as usize, position.fract());
        frame.samples[left] * (1.0 - share) + frame.samples[(left + 1).min(last)] * share
    };
    let samples = (0..frame.samples.len() * 3 / 2).map(at).collect();
    AudioFrame { at: frame.at, rate_hz: 24_000, samples }
}

/// A tone at 16 kHz, root mean square 0.2.
pub fn tone(seconds: f32, hz: f32) -> Vec<f32> {
    let step = hz * std::f32::consts::TAU / 16_000.0;
    (0..(seconds * 16_000.0) as usize)
        .map(|n| 0.2 * std::f32::consts::SQRT_2 * (n as f32 * step).sin())
        .collect()
}

/// The strength of `hz` in `samples` (24 kHz): its share of the power, 0 to 1.
pub fn share_of(samples: &[f32], hz: f32) -> f32 {
    let step = hz * std::f32::consts::TAU / 24_000.0;
    let (mut sine, mut cosine, mut power) = (0.0, 0.0, 0.0);
    for (n, x) in samples.iter().enumerate() {
        sine += x * (n as f32 * step).sin();
        cosine += x * (n as f32 * step).cos();
        power += x * x;
    }
    2.0 * (sine * sine + cosine * cosine) / (samples.len() as f32 * power)
}
