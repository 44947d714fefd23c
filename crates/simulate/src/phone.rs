//! A caller's phone: speaks into a call at the pace of time, and notes what happens in it.
use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::{
    sync::{mpsc, watch},
    task::JoinSet,
    time::{Instant, sleep_until, timeout, timeout_at},
};
use voce_core::{AudioFrame, Control, Event, FarEnd, MICROPHONE_RATE_HZ, MediaTime};

use crate::utterances::Sound;

const FRAME: Duration = Duration::from_millis(20);
const FRAME_SAMPLES: usize = MICROPHONE_RATE_HZ as usize / 50;
/// How long the assistant may take to close the books after the caller has hung up.
const GOODBYE: Duration = Duration::from_secs(10);

/// Something that happened, and how long after the call began.
#[derive(Clone, Debug)]
pub struct Seen {
    /// Since the call began.
    pub at: Duration,
    /// What.
    pub event: Event,
}

/// Why something did not come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Silence {
    /// The caller lost patience.
    TooLong,
    /// The call is over.
    HungUp,
}

/// What the microphone hears next.
struct Microphone {
    speech: Sound,
    said: usize,
    background: Sound,
    place: usize,
    is_hung_up: bool,
}

struct Shared {
    microphone: Mutex<Microphone>,
    seen: Mutex<Vec<Seen>>,
    is_over: Mutex<bool>,
}

/// One call from the caller's side. Its tasks end with it.
pub struct Phone {
    shared: Arc<Shared>,
    changed: watch::Receiver<()>,
    began: Instant,
    tasks: JoinSet<()>,
    /// Held so that the call does not take its end for a hang-up.
    _controls: mpsc::Sender<Control>,
}

impl Phone {
    /// Begins to listen and to deliver what sounds behind the caller.
    pub fn pick_up(far: FarEnd, background: Sound) -> Self {
        let FarEnd { microphone, controls, mut speaker, mut events } = far;
        let silence = Microphone { speech: Arc::new([]), said: 0, background, place: 0, is_hung_up: false };
        let shared = Arc::new(Shared {
            microphone: Mutex::new(silence),
            seen: Mutex::default(),
            is_over: Mutex::default(),
        });
        let (change, changed) = watch::channel(());
        let began = Instant::now();
        let mut tasks = JoinSet::new();
        let (watching, told) = (shared.clone(), change.clone());
        tasks.spawn(async move {
            while let Some(event) = events.recv().await {
                // Nobody asks for these, and they are many.
                if !matches!(
                    event,
                    Event::Generated { .. } | Event::UserPartial { .. } | Event::Retrieved { .. }
                ) {
                    lock(&watching.seen).push(Seen { at: began.elapsed(), event });
                    told.send_replace(());
                }
            }
            *lock(&watching.is_over) = true;
            told.send_replace(());
        });
        // The bot's sound has to be taken for the call to go on; what was heard of it stands in the events.
        tasks.spawn(async move { while speaker.recv().await.is_some() {} });
        tasks.spawn(speak(shared.clone(), microphone, change, began));
        Self { shared, changed, began, tasks, _controls: controls }
    }

    /// Since the call began.
    pub fn now(&self) -> Duration {
        self.began.elapsed()
    }

    /// Says something to its end. Returns how many events there were by then.
    pub async fn say(&self, sound: &Sound) -> usize {
        {
            let mut microphone = self.shared.microphone();
            (microphone.speech, microphone.said) = (sound.clone(), 0);
        }
        let mut changed = self.changed.clone();
        while !self.shared.microphone().is_silent() && !*lock(&self.shared.is_over) {
            if changed.changed().await.is_err() {
                break;
            }
        }
        lock(&self.shared.seen).len()
    }

    /// Waits until something is found in what happened, for `patience` at most.
    pub async fn until<T>(
        &self,
        patience: Duration,
        found: impl Fn(&[Seen], Duration) -> Option<T>,
    ) -> Result<T, Silence> {
        let mut changed = self.changed.clone();
        let end = Instant::now() + patience;
        loop {
            changed.borrow_and_update();
            // Before the look: what came before the end is to be seen.
            let is_over = *lock(&self.shared.is_over);
            if let Some(found) = found(&lock(&self.shared.seen), self.now()) {
                return Ok(found);
            }
            if is_over {
                return Err(Silence::HungUp);
            }
            match timeout_at(end, changed.changed()).await {
                Ok(Ok(())) => {}
                Ok(Err(_)) => return Err(Silence::HungUp),
                Err(_) => return Err(Silence::TooLong),
            }
        }
    }

    /// Looks at what happened so far.
    pub fn look<T>(&self, at: impl FnOnce(&[Seen]) -> T) -> T {
        at(&lock(&self.shared.seen))
    }

    /// Whether the assistant has ended the call.
    pub fn is_over(&self) -> bool {
        *lock(&self.shared.is_over)
    }

    /// Ends the call and hands out all that happened in it.
    pub async fn hang_up(mut self) -> Vec<Seen> {
        self.shared.microphone().is_hung_up = true;
        let ended = async { while self.tasks.join_next().await.is_some() {} };
        // An assistant that does not end loses its caller all the same: the tasks end with `self`.
        timeout(GOODBYE, ended).await.ok();
        std::mem::take(&mut lock(&self.shared.seen))
    }
}

/// Delivers what the microphone hears, at the speed of time, until somebody hangs up.
async fn speak(
    shared: Arc<Shared>,
    microphone: mpsc::Sender<AudioFrame>,
    change: watch::Sender<()>,
    began: Instant,
) {
    for count in 0_u32.. {
        // A frame is complete, and can be sent, when its last sample was spoken.
        sleep_until(began + FRAME * (count + 1)).await;
        let samples = match &mut *shared.microphone() {
            microphone if microphone.is_hung_up => return,
            microphone => microphone.next_frame(),
        };
        let at = MediaTime(FRAME * count);
        if microphone.send(AudioFrame { at, rate_hz: MICROPHONE_RATE_HZ, samples }).await.is_err() {
            return;
        }
        // The person at the phone counts in frames, too.
        change.send_replace(());
    }
}

impl Microphone {
    fn is_silent(&self) -> bool {
        self.said >= self.speech.len()
    }

    fn next_frame(&mut self) -> Vec<f32> {
        let speech = self.speech.iter().skip(self.said).copied().chain(std::iter::repeat(0.0));
        let behind = self.background.iter().cycle().skip(self.place).copied().chain(std::iter::repeat(0.0));
        let frame = speech.zip(behind).take(FRAME_SAMPLES).map(|(speech, behind)| speech + behind).collect();
        self.said = (self.said + FRAME_SAMPLES).min(self.speech.len());
        self.place = (self.place + FRAME_SAMPLES).checked_rem(self.background.len()).unwrap_or_default();
        frame
    }
}

impl Shared {
    fn microphone(&self) -> MutexGuard<'_, Microphone> {
        lock(&self.microphone)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
