//! The programs that were started, so that none of them outlives us.
use std::{sync::Arc, thread::sleep, time::Duration};

use nix::{
    sys::signal::{Signal, killpg},
    unistd::Pid,
};
use parking_lot::Mutex;

/// Programs that were told to end are looked at so often, with this pause.
const LOOKS: u32 = 25;
const PAUSE: Duration = Duration::from_millis(20);

/// All of them: process groups by their number.
#[derive(Default)]
pub struct Children(Mutex<State>);

#[derive(Default)]
struct State {
    is_over: bool,
    groups: Vec<Pid>,
}

/// One that was started; dropping it ends it.
pub struct Child {
    group: Pid,
    all: Arc<Children>,
}

impl Children {
    /// A program that leads a group of its own.
    pub fn add(self: &Arc<Self>, id: u32) -> Child {
        let group = Pid::from_raw(i32::try_from(id).unwrap_or_default());
        let mut state = self.0.lock();
        state.groups.push(group);
        if state.is_over {
            end(group, Signal::SIGKILL);
        }
        Child { group, all: Arc::clone(self) }
    }

    /// Ends all, and those that come. Waits half a second at most for those that clean up.
    pub fn end(&self) {
        let groups = {
            let mut state = self.0.lock();
            state.is_over = true;
            state.groups.clone()
        };
        groups.iter().for_each(|group| end(*group, Signal::SIGTERM));
        // Whoever waits for them reaps them meanwhile.
        for _ in 0..LOOKS {
            if !groups.iter().any(|group| is_there(*group)) {
                return;
            }
            sleep(PAUSE);
        }
        groups.iter().for_each(|group| end(*group, Signal::SIGKILL));
    }
}

impl Child {
    /// Tells it to end.
    pub fn terminate(&self) {
        end(self.group, Signal::SIGTERM);
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        // The program itself may be gone; what it started may not be.
        end(self.group, Signal::SIGKILL);
        self.all.0.lock().groups.retain(|group| *group != self.group);
    }
}

fn end(group: Pid, signal: Signal) {
    // 0 would be our own group. One that is gone is no trouble.
    if group.as_raw() > 1 {
        killpg(group, signal).ok();
    }
}

fn is_there(group: Pid) -> bool {
    group.as_raw() > 1 && killpg(group, None).is_ok()
}
