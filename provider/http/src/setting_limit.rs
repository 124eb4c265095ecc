//! A limit that a setting sets to the requests under it, below those of the process.

use std::fmt;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

/// The limit of a setting for which a request waits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SettingLimit {
    /// The setting, in messages.
    pub setting: Arc<str>,
    /// What it limits.
    pub reached: SettingReached,
}

/// What a setting limits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SettingReached {
    /// The number of requests in a second.
    PerSecond {
        /// The limit.
        limit: NonZeroU32,
        /// The time until the turn of the request.
        wait: Duration,
    },
    /// The number of requests at a time, all of which are in progress.
    AtOnce {
        /// The limit.
        limit: usize,
    },
}

impl fmt::Display for SettingLimit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let setting = &self.setting;
        match self.reached {
            SettingReached::PerSecond { limit, wait } => {
                let wait = wait.as_secs_f64().max(0.1);
                write!(f, "{setting} ({limit}) requires a wait of {wait:.1} s")
            }
            SettingReached::AtOnce { limit } => {
                write!(f, "{setting}: found {limit} requests in progress, expected at most {limit}")
            }
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn the_message_names_the_setting_its_number_and_the_wait() {
        let text = |name: &str, reached| SettingLimit { setting: name.into(), reached }.to_string();
        let (limit, wait) = (NonZeroU32::new(2).unwrap(), Duration::from_millis(450));
        assert_eq!(
            text("requestsPerSecond of x", SettingReached::PerSecond { limit, wait }),
            "requestsPerSecond of x (2) requires a wait of 0.5 s"
        );
        assert_eq!(
            text("requestsPerSecond of x", SettingReached::PerSecond { limit, wait: Duration::ZERO }),
            "requestsPerSecond of x (2) requires a wait of 0.1 s"
        );
        assert_eq!(
            text("maxRequests of x", SettingReached::AtOnce { limit: 3 }),
            "maxRequests of x: found 3 requests in progress, expected at most 3"
        );
    }
}
