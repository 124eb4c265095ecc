//! Section `log`.

use std::time::Duration;

use super::HOUR;
use super::seconds;
use crate::config::schema::Choice;
use crate::config::schema::Nested;
use crate::config::schema::Time;
use crate::config::schema::section;

/// `log.level`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogLevel {
    Error,
    Warn,
    Info,
    Debug,
    Trace,
}

/// `log.format`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    Json,
    Text,
}

section! {
    /// Section `log`.
    pub Log {
        /// error, warn, info, debug or trace.
        level "level": LogLevel = Choice {
            words: &[
                ("error", LogLevel::Error),
                ("warn", LogLevel::Warn),
                ("info", LogLevel::Info),
                ("debug", LogLevel::Debug),
                ("trace", LogLevel::Trace),
            ],
            default: LogLevel::Info,
            wanted: "error, warn, info, debug or trace",
        };
        /// json or text: an event as one JSON object on a line, or for people as a line with its fields.
        format "format" [Restart]: LogFormat = Choice {
            words: &[("json", LogFormat::Json), ("text", LogFormat::Text)],
            default: LogFormat::Json,
            wanted: "json or text",
        };
        /// Events about verdicts that repeat: the pods of one image cause the same event over and over.
        cached_verdicts "cachedVerdicts": CachedVerdictEvents = Nested::<CachedVerdictEvents>::NEW;
    }
}

section! {
    /// Section `log.cachedVerdicts`.
    pub CachedVerdictEvents {
        /// The shortest time between two events about the same image at the same endpoint, with the same digest, verdict and
        /// statement, if it was verified without warnings, from the cache, or was skipped. The next event has the number of those
        /// left out as `repeated`. Rejections, images without a decision and warnings are always logged, and metrics count
        /// all verdicts. With 0s every event is logged.
        every "every": Duration = Time::of(Duration::ZERO, Duration::ZERO, seconds(24 * HOUR.as_secs()));
    }
}
