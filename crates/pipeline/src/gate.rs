//! What a reply's sound may do: it waits, sounds, or is held while someone speaks into it.
use tokio::sync::watch;

/// The state of a gate.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Gate {
    /// The turn may not be over: the first sample waits.
    Closed,
    /// Sound flows.
    Open,
    /// Silence; the sound goes on later, from the beginning of the word at hand.
    Held,
    /// Sound flows with this gain, 0 to 1.
    Ducked(f32),
}

/// The side that decides. Dropping it leaves the gate as it is.
pub struct Keeper(watch::Sender<Gate>);

/// The side that obeys.
#[derive(Clone)]
pub struct Gateway(watch::Receiver<Gate>);

/// A gate in the given state.
pub fn gate(state: Gate) -> (Keeper, Gateway) {
    let (sender, receiver) = watch::channel(state);
    (Keeper(sender), Gateway(receiver))
}

impl Keeper {
    /// Sets the state.
    pub fn set(&self, state: Gate) {
        self.0.send_replace(state);
    }
}

impl Gateway {
    /// The state now.
    pub fn state(&mut self) -> Gate {
        *self.0.borrow_and_update()
    }

    /// Waits for another state; for ever once nobody decides any more.
    pub async fn changed(&mut self) {
        if self.0.changed().await.is_err() {
            std::future::pending::<()>().await;
        }
    }

    /// Waits until sound may flow and returns how loudly.
    pub async fn pass(&mut self) -> f32 {
        loop {
            match self.state() {
                Gate::Open => return 1.0,
                Gate::Ducked(gain) => return gain,
                Gate::Closed | Gate::Held => self.changed().await,
            }
        }
    }
}
