//! A caller who acts in real time on what they hear: the far end of a call with the real models in memory.
use std::{
    collections::VecDeque,
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::{
    sync::watch,
    task::JoinSet,
    time::{Instant, sleep, sleep_until, timeout, timeout_at},
};
use tokio_util::sync::CancellationToken;
use voce_core::{
    AudioFrame, Control, Event, FarEnd, LanguageModel, MICROPHONE_RATE_HZ, MediaTime, TurnReport, in_memory,
};
use voce_pipeline::{Rules, Settings};

use super::models;

const FRAME: Duration = Duration::from_millis(20);
const FRAME_SAMPLES: usize = MICROPHONE_RATE_HZ as usize / 50;
/// Nothing that a caller waits for takes so long, however busy the machine.
const PATIENCE: Duration = Duration::from_secs(45);
/// Bot frames softer than this are silence.
const AUDIBLE: f32 = 0.004;
/// How late and how loud the bot's voice comes back from a loudspeaker: 150 ms, -15 dB.
const ECHO_DELAY: Duration = Duration::from_millis(150);
const ECHO_GAIN: f32 = 0.18;

/// What the caller saw and heard, with the time since the call began.
#[derive(Default)]
pub struct Record {
    pub events: Vec<(Duration, Event)>,
    pub frames: Vec<(Duration, AudioFrame)>,
    over: bool,
}

impl Record {
    /// When the first of the events of this kind came, from `since` on.
    pub fn event(&self, since: Duration, wanted: impl Fn(&Event) -> bool) -> Option<Duration> {
        self.events.iter().find(|(at, event)| *at >= since && wanted(event)).map(|(at, _)| *at)
    }

    /// How many events of this kind there were.
    pub fn count(&self, wanted: impl Fn(&Event) -> bool) -> usize {
        self.events.iter().filter(|(_, event)| wanted(event)).count()
    }

    /// The turns that are over.
    pub fn turns(&self) -> Vec<TurnReport> {
        let report = |(_, event): &(Duration, Event)| match event {
            Event::TurnEnded(report) => Some(report.clone()),
            _ => None,
        };
        self.events.iter().filter_map(report).collect()
    }

    /// When the bot was first audible from `since` on.
    pub fn sound(&self, since: Duration) -> Option<Duration> {
        self.audible().find(|at| *at >= since)
    }

    /// When each frame of the bot arrived that is no silence.
    pub fn audible(&self) -> impl Iterator<Item = Duration> {
        let loud = |frame: &AudioFrame| frame.samples.iter().any(|sample| sample.abs() > AUDIBLE);
        self.frames.iter().filter(move |(_, frame)| loud(frame)).map(|(at, _)| *at)
    }

    /// The bot's sound from `from` to `to` without the waiting in between.
    pub fn voice(&self, from: Duration, to: Duration) -> Vec<f32> {
        let frames = self.frames.iter().filter(|(at, _)| (from..to).contains(at));
        frames.flat_map(|(_, frame)| frame.samples.iter().copied()).collect()
    }
}

impl fmt::Debug for Record {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, event) in &self.events {
            if !matches!(event, Event::Generated { .. } | Event::Retrieved { .. }) {
                writeln!(out, "{:7.3} {event:?}", at.as_secs_f64())?;
            }
        }
        let mut audible = self.audible().peekable();
        while let Some(from) = audible.next() {
            let mut to = from;
            while let Some(next) = audible.next_if(|next| *next - to < Duration::from_millis(100)) {
                to = next;
            }
            writeln!(out, "sound from {:.3} to {:.3}", from.as_secs_f64(), to.as_secs_f64())?;
        }
        Ok(())
    }
}

/// What the microphone hears next.
#[derive(Default)]
struct Microphone {
    speech: VecDeque<f32>,
    /// Frames of the bot on their way back, and when they arrive, where there is a loudspeaker.
    echo: Option<VecDeque<(Duration, Vec<f32>)>>,
    muted: bool,
}

#[derive(Default)]
struct Shared {
    record: Mutex<Record>,
    microphone: Mutex<Microphone>,
}

impl Shared {
    fn record(&self) -> MutexGuard<'_, Record> {
        self.record.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn microphone(&self) -> MutexGuard<'_, Microphone> {
        self.microphone.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One call.
pub struct Caller {
    shared: Arc<Shared>,
    controls: tokio::sync::mpsc::Sender<Control>,
    changed: watch::Receiver<u64>,
    began: Instant,
    stop: CancellationToken,
    tasks: JoinSet<()>,
}

impl Caller {
    /// Begins a call in which `llm` answers. None where the models are missing.
    pub async fn dial(llm: Arc<dyn LanguageModel>, rules: Rules) -> Option<Self> {
        let engines = tokio::task::spawn_blocking(move || models::engines(llm)).await.unwrap()?;
        let (call, far) = in_memory(uuid::Uuid::now_v7().to_string());
        let FarEnd { microphone, controls, mut speaker, mut events } = far;
        let settings = Settings { rules, trace_id: |_| None };
        let (shared, stop, began) = (Arc::new(Shared::default()), CancellationToken::new(), Instant::now());
        let (change, changed) = watch::channel(0);
        let mut tasks = JoinSet::new();
        let (ending, told, hang_up) = (shared.clone(), change.clone(), stop.clone());
        tasks.spawn(async move {
            voce_pipeline::run(call, engines, settings, hang_up).await.unwrap();
            ending.record().over = true;
            told.send_modify(|count| *count += 1);
        });
        let (watching, told) = (shared.clone(), change.clone());
        tasks.spawn(async move {
            while let Some(event) = events.recv().await {
                watching.record().events.push((began.elapsed(), event));
                told.send_modify(|count| *count += 1);
            }
        });
        let hearing = shared.clone();
        tasks.spawn(async move {
            while let Some(frame) = speaker.recv().await {
                if let Some(echo) = &mut hearing.microphone().echo {
                    let back =
                        voce_audio::resample(&frame.samples, frame.rate_hz, MICROPHONE_RATE_HZ).unwrap();
                    echo.push_back((began.elapsed() + ECHO_DELAY, back));
                }
                hearing.record().frames.push((began.elapsed(), frame));
                change.send_modify(|count| *count += 1);
            }
        });
        tasks.spawn(speak(shared.clone(), microphone, began));
        Some(Self { shared, controls, changed, began, stop, tasks })
    }

    /// What happened so far.
    pub fn record(&self) -> MutexGuard<'_, Record> {
        self.shared.record()
    }

    /// The time since the call began.
    pub fn now(&self) -> Duration {
        self.began.elapsed()
    }

    /// Begins to say something and returns when: now.
    pub fn say(&self, sound: &[f32]) -> Duration {
        let at = self.now();
        self.shared.microphone().speech.extend(sound);
        at
    }

    /// Says something to its end. Returns when it began and ended.
    pub async fn says(&self, sound: &[f32]) -> (Duration, Duration) {
        let began = self.say(sound);
        while !self.shared.microphone().speech.is_empty() {
            sleep(FRAME / 2).await;
        }
        (began, self.now())
    }

    /// Lets the bot's voice come back through the microphone from now on.
    pub fn put_on_loudspeaker(&self) {
        self.shared.microphone().echo = Some(VecDeque::new());
    }

    /// From now on the microphone delivers zeros.
    pub fn mute(&self) {
        let mut microphone = self.shared.microphone();
        (microphone.muted, microphone.speech) = (true, VecDeque::new());
    }

    /// Presses or releases a button.
    pub async fn touch(&self, control: Control) -> Duration {
        self.controls.send(control).await.unwrap();
        self.now()
    }

    /// Waits until something is found in the record.
    pub async fn until<T>(&self, what: &str, found: impl Fn(&Record) -> Option<T>) -> T {
        let mut changed = self.changed.clone();
        let patience = Instant::now() + PATIENCE;
        loop {
            changed.borrow_and_update();
            if let Some(found) = found(&self.record()) {
                return found;
            }
            if !matches!(timeout_at(patience, changed.changed()).await, Ok(Ok(()))) {
                panic!("{what} did not come:\n{:?}", self.record());
            }
        }
    }

    /// Waits until `count` turns are over.
    pub async fn turns(&self, count: usize) -> Vec<TurnReport> {
        let what = format!("the end of turn {count}");
        self.until(&what, |record| Some(record.turns()).filter(|turns| turns.len() >= count)).await
    }

    /// Waits for the bot's sound.
    pub async fn sound(&self, since: Duration) -> Duration {
        self.until("sound", |record| record.sound(since)).await
    }

    /// Waits for an event.
    pub async fn event(&self, what: &str, since: Duration, wanted: impl Fn(&Event) -> bool) -> Duration {
        self.until(what, |record| record.event(since, &wanted)).await
    }

    /// Waits until the bot hangs up.
    pub async fn is_hung_up_on(&self) -> Duration {
        self.until("the end of the call", |record| record.over.then_some(())).await;
        self.now()
    }

    /// Ends the call and hands out what happened.
    pub async fn hang_up(mut self) -> Record {
        self.stop.cancel();
        let ended = async {
            while let Some(task) = self.tasks.join_next().await {
                task.unwrap()
            }
        };
        timeout(PATIENCE, ended).await.expect("the call ends when the caller hangs up");
        std::mem::take(&mut self.shared.record())
    }
}

/// Delivers what the microphone hears, at the speed of time, until nobody listens any more.
async fn speak(shared: Arc<Shared>, to: tokio::sync::mpsc::Sender<AudioFrame>, began: Instant) {
    let mut noise = 1_u32;
    for count in 0_u32.. {
        // A frame is complete, and can be sent, when its last sample was spoken.
        sleep_until(began + FRAME * (count + 1)).await;
        let samples = shared.microphone().next_frame(began.elapsed(), &mut noise);
        let at = MediaTime(FRAME * count);
        if to.send(AudioFrame { at, rate_hz: MICROPHONE_RATE_HZ, samples }).await.is_err() {
            return;
        }
    }
}

impl Microphone {
    /// Speech, echo and the noise of a quiet room.
    fn next_frame(&mut self, now: Duration, noise: &mut u32) -> Vec<f32> {
        if self.muted {
            return vec![0.0; FRAME_SAMPLES];
        }
        let echo = self.echo.as_mut().filter(|echo| echo.front().is_some_and(|(due, _)| *due <= now));
        let mut back = echo.and_then(VecDeque::pop_front).unwrap_or_default().1.into_iter();
        let mut next = || {
            *noise = noise.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let room = (*noise >> 8) as f32 / 8_388_608.0 - 1.0;
            let speech = self.speech.pop_front().unwrap_or_default();
            speech + ECHO_GAIN * back.next().unwrap_or_default() + 0.000_5 * room
        };
        (0..FRAME_SAMPLES).map(|_| next()).collect()
    }
}
