//! The log of a test, captured.

use std::io;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::Once;

use serde_json::Value as Json;
use tracing::Event;
use tracing::Metadata;
use tracing::Subscriber;
use tracing::level_filters::LevelFilter;
use tracing::span;
use tracing::subscriber::Interest;

/// What a subscriber writes. Clones share it.
#[derive(Clone, Debug, Default)]
pub struct Lines(Arc<Mutex<Vec<u8>>>);

impl io::Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        io::Write::write(&mut *self.0.lock().expect("no writer panics"), bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Lines {
    /// All that was written until now.
    ///
    /// # Panics
    /// It is not UTF-8.
    #[must_use]
    pub fn text(&self) -> String {
        String::from_utf8(self.0.lock().expect("no writer panics").clone()).expect("a log is UTF-8")
    }

    /// The events in lines of JSON.
    ///
    /// # Panics
    /// A line is not JSON.
    #[must_use]
    pub fn events(&self) -> Vec<Json> {
        self.text().lines().map(|line| serde_json::from_str(line).expect("a line is JSON")).collect()
    }

    /// Those of them with this message.
    #[must_use]
    pub fn events_with(&self, message: &str) -> Vec<Json> {
        self.events().into_iter().filter(|event| event["message"] == message).collect()
    }
}

/// What the subscriber writes of `act`.
///
/// # Panics
/// The process has a subscriber for all threads already.
pub fn capture<S: Subscriber + Send + Sync + 'static>(
    subscriber: impl FnOnce(Lines) -> S,
    act: impl FnOnce(),
) -> Lines {
    keep_events_undecided();
    let lines = Lines::default();
    tracing::subscriber::with_default(subscriber(lines.clone()), act);
    lines
}

/// The subscriber of threads without another. Tests run side by side, and `tracing` keeps for the whole process whether
/// an event is of interest: without this one, a thread that has no subscriber could disable an event for the others.
struct Undecided;

impl Subscriber for Undecided {
    fn register_callsite(&self, _: &'static Metadata<'static>) -> Interest {
        Interest::sometimes()
    }

    fn enabled(&self, _: &Metadata<'_>) -> bool {
        false
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        Some(LevelFilter::TRACE)
    }

    fn new_span(&self, _: &span::Attributes<'_>) -> span::Id {
        span::Id::from_u64(1)
    }

    fn record(&self, _: &span::Id, _: &span::Record<'_>) {}
    fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}
    fn event(&self, _: &Event<'_>) {}
    fn enter(&self, _: &span::Id) {}
    fn exit(&self, _: &span::Id) {}
}

fn keep_events_undecided() {
    static INSTALLED: Once = Once::new();
    INSTALLED
        .call_once(|| tracing::subscriber::set_global_default(Undecided).expect("no other subscriber for all threads"));
}
