//! How many events of the log were lost, by level.

use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;

use tracing::Level;

/// Every level, the most severe one first.
pub const LEVELS: [Level; 5] = [Level::ERROR, Level::WARN, Level::INFO, Level::DEBUG, Level::TRACE];

/// The level as a label of metrics.
#[must_use]
pub fn level_label(level: Level) -> &'static str {
    match level {
        Level::ERROR => "error",
        Level::WARN => "warn",
        Level::INFO => "info",
        Level::DEBUG => "debug",
        Level::TRACE => "trace",
    }
}

fn position(level: Level) -> usize {
    match level {
        Level::ERROR => 0,
        Level::WARN => 1,
        Level::INFO => 2,
        Level::DEBUG => 3,
        Level::TRACE => 4,
    }
}

/// Numbers of events in the order of [`LEVELS`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct EventCounts([u64; LEVELS.len()]);

impl EventCounts {
    pub(super) fn add(&mut self, level: Level) {
        if let Some(count) = self.0.get_mut(position(level)) {
            *count = count.saturating_add(1);
        }
    }

    pub(super) fn add_all(&mut self, other: Self) {
        for (count, more) in self.0.iter_mut().zip(other.0) {
            *count = count.saturating_add(more);
        }
    }

    pub(super) fn is_zero(&self) -> bool {
        *self == Self::default()
    }

    /// Events of a level.
    #[must_use]
    pub fn of(&self, level: Level) -> u64 {
        self.0.get(position(level)).copied().unwrap_or_default()
    }
}

/// Counts the events that a log has lost since the process started.
#[derive(Debug, Default)]
pub struct LostEvents([AtomicU64; LEVELS.len()]);

/// Those of the log of the process: the log is set up before the metrics are.
static OF_PROCESS: LostEvents = LostEvents([const { AtomicU64::new(0) }; LEVELS.len()]);

impl LostEvents {
    /// The events that the log of the process has lost: see [`super::init`].
    #[must_use]
    pub fn of_process() -> &'static Self {
        &OF_PROCESS
    }

    pub(super) fn add(&self, counts: EventCounts) {
        for (total, more) in self.0.iter().zip(counts.0) {
            total.fetch_add(more, Ordering::Relaxed);
        }
    }

    /// Lost events by level.
    #[must_use]
    pub fn counts(&self) -> EventCounts {
        EventCounts(self.0.each_ref().map(|total| total.load(Ordering::Relaxed)))
    }
}
