//! A limit that a setting sets to the requests under it, below those of the process.

use std::fmt;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use crate::in_progress::Silence;

/// The limit of a setting for which a request waits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SettingLimit {
    /// The setting, in messages.
    pub setting: Arc<str>,
    /// What it limits.
    pub reached: SettingReached,
}

/// What a setting limits.
#[derive(Clone, Debug, PartialEq, Eq)]
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
        /// That none of these requests has had a response for long: the cause is then their host, and not the number.
        silence: Option<Silence>,
    },
}

impl SettingLimit {
    /// Whether the host of the requests in progress is the cause, as it does not respond.
    #[must_use]
    pub fn is_of_silence(&self) -> bool {
        match &self.reached {
            SettingReached::AtOnce { silence, .. } => silence.is_some(),
            SettingReached::PerSecond { .. } => false,
        }
    }
}

impl fmt::Display for SettingLimit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let setting = &self.setting;
        match &self.reached {
            SettingReached::PerSecond { limit, wait } => {
                let wait = wait.as_secs_f64().max(0.1);
                write!(f, "{setting} ({limit}) requires a wait of {wait:.1} s")
            }
            SettingReached::AtOnce { limit, silence: Some(silence) } => {
                write!(f, "{silence}, for which other requests wait ({setting}: {limit} at a time)")
            }
            SettingReached::AtOnce { limit, silence: None } => {
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
            text("maxRequests of x", SettingReached::AtOnce { limit: 3, silence: None }),
            "maxRequests of x: found 3 requests in progress, expected at most 3"
        );
        let silence = Some(Silence { host: "r.example".into(), time: Duration::from_millis(1800) });
        assert_eq!(
            text("maxRequests of x", SettingReached::AtOnce { limit: 3, silence }),
            "found no complete response of r.example for 1.8 s, for which other requests wait (maxRequests of x: 3 at a time)"
        );
    }
}
