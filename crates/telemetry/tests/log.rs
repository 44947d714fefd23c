//! A sink that is away is said once, and so is its return. A program of its own: it installs a global log.
#![allow(clippy::unwrap_used, reason = "helpers of tests are tests too")]
mod support;

use std::{
    fmt::Write,
    sync::{Arc, Mutex},
    time::Duration,
};

use support::{Collector, Mood, SPANS, to, turn};
use tracing::{Event, Level, Subscriber, field::Visit};
use tracing_subscriber::{Layer, layer::Context, layer::SubscriberExt, util::SubscriberInitExt};

#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<(Level, String)>>>);

impl<S: Subscriber> Layer<S> for Lines {
    fn on_event(&self, event: &Event<'_>, _context: Context<'_, S>) {
        struct Text(String);
        impl Visit for Text {
            fn record_debug(&mut self, field: &tracing::field::Field, value: &dyn std::fmt::Debug) {
                let _ = write!(self.0, "{}={value:?} ", field.name());
            }
        }
        let mut text = Text(String::new());
        event.record(&mut text);
        if event.metadata().target().starts_with("voce_telemetry") && *event.metadata().level() <= Level::INFO
        {
            self.0.lock().unwrap().push((*event.metadata().level(), text.0));
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn absence_and_return_are_said_once_each_and_a_refused_span_is_named() {
    let collector = Collector::start(Mood::Unavailable).await;
    let (layer, guard) = voce_telemetry::layer(&to(&collector.url)).unwrap();
    let lines = Lines::default();
    tracing_subscriber::registry().with(layer).with(lines.clone()).init();
    for number in 1..=5 {
        turn("call", number, "Hello.");
        guard.flush(Duration::from_secs(5));
    }
    tokio::time::sleep(Duration::from_millis(1_200)).await;
    assert!(collector.requests() > 5);
    collector.set(Mood::Refuse("playout"));
    collector.wait_for(5 * (SPANS - 1)).await;
    assert!(guard.flush(Duration::from_secs(5)));
    let lines = lines.0.lock().unwrap().clone();
    let of = |level: Level, text: &str| {
        lines.iter().filter(|(of, line)| *of == level && line.contains(text)).count()
    };
    assert_eq!(of(Level::WARN, "cannot be delivered"), 1, "{lines:#?}");
    assert_eq!(of(Level::INFO, "delivered again"), 1, "{lines:#?}");
    assert!(of(Level::WARN, "span=\"playout\"") >= 1, "{lines:#?}");
    assert!(lines.iter().all(|(_, line)| !line.contains("warranty")), "{lines:#?}");
}
