//! Durations and sizes as an operator writes them: one grammar for the parser, the JSON Schema, the messages and the
//! documents. Both are decimal numbers with units, as in Go and in Kubernetes.

use std::time::Duration;

/// The units of durations, in milliseconds. No unit is a prefix of a later one.
const TIMES: [(&str, u64); 4] = [("ms", 1), ("s", 1000), ("m", 60_000), ("h", 3_600_000)];

/// The units of sizes, in bytes.
const SIZES: [(&str, u64); 7] =
    [("", 1), ("k", 1000), ("M", 1_000_000), ("G", 1_000_000_000), ("Ki", 1 << 10), ("Mi", 1 << 20), ("Gi", 1 << 30)];

/// The grammar of [`duration`] as a regular expression of the JSON Schema.
pub(super) const DURATION_PATTERN: &str = r"^((0|[1-9][0-9]*)((\.0+)?ms|(\.[0-9]{1,3}0*)?s|(\.[0-9]+)?[mh]))+$";

/// The grammar of [`size`] as a regular expression of the JSON Schema.
pub(super) const SIZE_PATTERN: &str = r"^(0|[1-9][0-9]*)((\.0+)?|(\.[0-9]+)?(k|M|G|Ki|Mi|Gi))$";

/// A duration: numbers with the units `h`, `m`, `s` and `ms`, without spaces, whose sum counts: `1h30m`, `1.8s`. `None`
/// for other texts, for parts of a millisecond, and above `u64::MAX` milliseconds.
pub(super) fn duration(text: &str) -> Option<Duration> {
    let (mut rest, mut millis) = (text, 0_u64);
    loop {
        let (number, behind) = split_number(rest);
        let (unit, value) = TIMES.into_iter().find(|(unit, _)| behind.starts_with(unit))?;
        millis = millis.checked_add(product(number, value)?)?;
        rest = behind.strip_prefix(unit)?;
        if rest.is_empty() {
            return Some(Duration::from_millis(millis));
        }
    }
}

/// A number of bytes: alone, or with one of the units `Ki`, `Mi`, `Gi` (powers of 1024), `k`, `M` and `G` (powers of
/// 1000): `32Mi`, `1.5Gi`, `1048576`. `None` for other texts, for parts of a byte, and above `u64::MAX`.
pub(super) fn size(text: &str) -> Option<u64> {
    let (number, unit) = split_number(text);
    let (_, value) = SIZES.into_iter().find(|(name, _)| *name == unit)?;
    product(number, value)
}

/// Splits behind the digits and points at the start.
fn split_number(text: &str) -> (&str, &str) {
    text.split_at(text.bytes().take_while(|byte| byte.is_ascii_digit() || *byte == b'.').count())
}

/// A decimal number times `unit`, if that is a whole number.
fn product(number: &str, unit: u64) -> Option<u64> {
    let (whole, fraction) = match number.split_once('.') {
        Some((_, "")) => return None,
        Some(parts) => parts,
        None => (number, ""),
    };
    let has_leading_zero = whole.len() > 1 && whole.starts_with('0');
    if whole.is_empty() || has_leading_zero || fraction.contains('.') {
        return None;
    }
    let fraction = fraction.trim_end_matches('0');
    let scale = 10_u128.checked_pow(u32::try_from(fraction.len()).ok()?)?;
    let digits: u128 = format!("{whole}{fraction}").parse().ok()?;
    let all = digits.checked_mul(u128::from(unit))?;
    all.is_multiple_of(scale).then(|| u64::try_from(all / scale).ok()).flatten()
}

/// A duration in its largest whole unit, or in seconds with a fraction: `24h`, `5m`, `1.8s`, `800ms`. Parts of a
/// millisecond are left out.
#[must_use]
pub fn written_duration(duration: Duration) -> String {
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

/// A size in its largest binary unit that gives a whole number: `16Mi`, `1000`.
pub(super) fn written_size(bytes: usize) -> String {
    let units = [("Gi", 1_usize << 30), ("Mi", 1 << 20), ("Ki", 1 << 10)];
    match units.into_iter().find(|(_, unit)| bytes > 0 && bytes.is_multiple_of(*unit)) {
        Some((name, unit)) => format!("{}{name}", bytes / unit),
        None => bytes.to_string(),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_sums_of_numbers_with_units() {
        for (text, millis) in [
            ("0s", 0),
            ("0h", 0),
            ("300ms", 300),
            ("1.8s", 1800),
            ("1.800s", 1800),
            ("10s", 10_000),
            ("5m", 300_000),
            ("1h30m", 5_400_000),
            ("30m1h", 5_400_000),
            ("1.5h", 5_400_000),
            ("1m0.001s", 60_001),
            ("90s", 90_000),
        ] {
            assert_eq!(duration(text), Some(Duration::from_millis(millis)), "{text}");
        }
    }

    #[test]
    fn refuses_what_is_no_duration() {
        for text in [
            "",
            "0",
            "10",
            "s",
            "10 s",
            " 10s",
            "10s ",
            "-1s",
            "+1s",
            "1.s",
            ".5s",
            "1..5s",
            "1.2.3s",
            "01s",
            "1_0s",
            "5min",
            "1day",
            "1d",
            "10sec",
            "1s 800ms",
            "1us",
            "0.0001s",
            "0.5ms0.5ms",
            "1S",
            "1M",
            "soon",
            "1e3s",
            "\u{661}s",
            "99999999999999999999h",
            "9999999999999999999h",
            "1s1",
        ] {
            assert_eq!(duration(text), None, "{text}");
        }
    }

    #[test]
    fn sizes_are_bytes_with_binary_and_decimal_units() {
        for (text, bytes) in [
            ("0", 0),
            ("0Mi", 0),
            ("1048576", 1_048_576),
            ("1Ki", 1024),
            ("32Mi", 33_554_432),
            ("1.5Gi", 1_610_612_736),
            ("0.5Ki", 512),
            ("4k", 4000),
            ("4M", 4_000_000),
            ("1G", 1_000_000_000),
            ("18446744073709551615", u64::MAX),
        ] {
            assert_eq!(size(text), Some(bytes), "{text}");
        }
    }

    #[test]
    fn refuses_what_is_no_size() {
        for text in [
            "",
            "Mi",
            "32 Mi",
            "32MB",
            "32MiB",
            "32mi",
            "32K",
            "32m",
            "-1",
            "+1",
            "1.5",
            "0.1Ki",
            "01",
            "1,5Gi",
            "1e3",
            "0x10",
            "1_000",
            "32Mi ",
            "1Ki1",
            "18446744073709551616",
            "17179869184Gi",
            "1.Mi",
            ".5Mi",
        ] {
            assert_eq!(size(text), None, "{text}");
        }
    }

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
            let found = Duration::from_millis(millis);
            assert_eq!(written_duration(found), text);
            assert_eq!(duration(text), Some(found), "{text}");
        }
    }

    #[test]
    fn sizes_are_written_briefly_and_parsed_to_the_same_value() {
        for (bytes, text) in [
            (0, "0"),
            (1, "1"),
            (1000, "1000"),
            (1024, "1Ki"),
            (1_048_576, "1Mi"),
            (1_049_600, "1025Ki"),
            (1 << 32, "4Gi"),
        ] {
            assert_eq!(written_size(bytes), text);
            assert_eq!(size(text), Some(bytes as u64), "{text}");
        }
    }
}
