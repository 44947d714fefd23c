//! A panic as a line of the log. Its message stands at debug only: it may quote what somebody said.
use std::{
    backtrace::{Backtrace, BacktraceStatus},
    panic,
};

/// From now on. The line belongs to the turn in which it happened.
pub(crate) fn log_them() {
    panic::set_hook(Box::new(|defect| {
        let place = defect.location().map(ToString::to_string).unwrap_or_default();
        let thread = std::thread::current();
        let thread = thread.name().unwrap_or("unnamed");
        tracing::error!(
            place,
            thread,
            "a defect: the code at this place panicked; its message is at debug level"
        );
        let message = defect.payload_as_str().unwrap_or("no message");
        tracing::debug!(place, message, "a defect");
        let backtrace = Backtrace::capture();
        if backtrace.status() == BacktraceStatus::Captured {
            tracing::error!("{backtrace}");
        }
    }));
}
