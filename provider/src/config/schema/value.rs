//! Values as an operator writes them.

use std::time::Duration;

/// A duration in its largest whole unit, or in seconds with a fraction: `24h`, `5m`, `1.8s`, `800ms`.
pub(in crate::config) fn written(duration: Duration) -> String {
    let seconds = duration.as_secs();
    match (seconds, duration.subsec_millis()) {
        (0, 0) => "0s".to_owned(),
        (0, millis) => format!("{millis}ms"),
        (seconds, 0) if seconds % 3600 == 0 => format!("{}h", seconds / 3600),
        (seconds, 0) if seconds % 60 == 0 => format!("{}m", seconds / 60),
        (seconds, 0) => format!("{seconds}s"),
        (seconds, millis) => format!("{}s", format!("{seconds}.{millis:03}").trim_end_matches('0')),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_written_briefly_and_parsed_to_the_same_value() {
        for (millis, text) in [
            (0, "0s"),
            (1, "1ms"),
            (800, "800ms"),
            (1000, "1s"),
            (1800, "1.8s"),
            (1050, "1.05s"),
            (60_000, "1m"),
            (90_000, "90s"),
            (86_400_000, "24h"),
        ] {
            let duration = Duration::from_millis(millis);
            assert_eq!(written(duration), text);
            assert_eq!(humantime::parse_duration(text).unwrap(), duration, "{text}");
        }
    }
}
