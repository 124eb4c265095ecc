//! Section `log`.

use crate::config::schema::Choice;
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
    }
}
