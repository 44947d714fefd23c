//! Values that somebody else knows, read when metrics are asked for.
use std::{collections::HashMap, sync::Arc};

use opentelemetry::{
    KeyValue,
    metrics::{AsyncInstrument, Meter},
};
use parking_lot::Mutex;

/// Reads the values: calls what it is given once for each, with the value's labels.
pub(super) type Source = Box<dyn Fn(&mut dyn FnMut(f64, &[KeyValue])) + Send + Sync>;

/// All sources of one metric: the SDK wants one callback, several parts of voce have something to say.
type Sources = Arc<Mutex<Vec<Source>>>;

/// Metrics that are read and not recorded.
pub(super) struct Gauges {
    meter: Meter,
    known: Mutex<HashMap<&'static str, Sources>>,
}

/// What is said of such a metric.
pub(super) struct Words {
    pub(super) name: &'static str,
    pub(super) unit: &'static str,
    pub(super) description: &'static str,
    /// Whether it only ever grows.
    pub(super) is_counter: bool,
}

impl Gauges {
    pub(super) fn new(meter: Meter) -> Self {
        Self { meter, known: Mutex::default() }
    }

    /// One more source of a metric. The words of the first one stand.
    pub(super) fn add(&self, words: Words, source: Source) {
        let mut known = self.known.lock();
        if let Some(sources) = known.get(words.name) {
            sources.lock().push(source);
            return;
        }
        let sources: Sources = Arc::new(Mutex::new(vec![source]));
        known.insert(words.name, sources.clone());
        let observe = move |instrument: &dyn AsyncInstrument<f64>| {
            for source in sources.lock().iter() {
                source(&mut |value, labels| instrument.observe(value, labels));
            }
        };
        if words.is_counter {
            let counter = self.meter.f64_observable_counter(words.name).with_unit(words.unit);
            counter.with_description(words.description).with_callback(observe).build();
        } else {
            let gauge = self.meter.f64_observable_gauge(words.name).with_unit(words.unit);
            gauge.with_description(words.description).with_callback(observe).build();
        }
    }

    /// A source of one value without labels; `None` is left out.
    pub(super) fn one(&self, words: Words, value: impl Fn() -> Option<f64> + Send + Sync + 'static) {
        self.add(
            words,
            Box::new(move |observe| {
                if let Some(value) = value() {
                    observe(value, &[]);
                }
            }),
        );
    }
}
