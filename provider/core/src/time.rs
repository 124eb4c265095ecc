//! Points in time as values. There is no clock: `now` is always an argument.

use std::fmt;
use std::time::Duration;

use ::time::Date;
use ::time::Month;
use ::time::OffsetDateTime;
use ::time::UtcOffset;
use ::time::format_description::well_known::Rfc3339;

/// A point in time, in UTC, to the nanosecond, in the years 1 to 9999.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UnixTime(OffsetDateTime);

/// A text or number that is not a point in time as [RFC 3339](https://www.rfc-editor.org/rfc/rfc3339#section-5.6) or
/// as whole seconds of the years 1 to 9999.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "not a point in time: expected RFC 3339 (2026-01-31T12:00:00Z) or whole seconds between the years 1 and \
         9999"
)]
pub struct TimeError;

/// Seconds since 1970 of 0001-01-01T00:00:00Z.
const FIRST: i64 = -62_135_596_800;
/// Seconds since 1970 of 9999-12-31T23:59:59Z.
const LAST: i64 = 253_402_300_799;

impl UnixTime {
    /// 1970-01-01T00:00:00Z.
    pub const EPOCH: Self = Self(OffsetDateTime::UNIX_EPOCH);

    /// The time `seconds` after 1970-01-01T00:00:00Z.
    ///
    /// # Errors
    /// Outside the years 1 to 9999.
    pub fn from_seconds(seconds: i64) -> Result<Self, TimeError> {
        if !(FIRST..=LAST).contains(&seconds) {
            return Err(TimeError);
        }
        OffsetDateTime::from_unix_timestamp(seconds).map(Self).map_err(|_| TimeError)
    }

    /// The time in UTC with this year, and with this month, day, hour, minute and second.
    ///
    /// # Errors
    /// There is no such day or time of day, or the year is 0 or above 9999.
    pub(crate) fn from_utc(year: u16, [month, day, hour, minute, second]: [u8; 5]) -> Result<Self, TimeError> {
        let month = Month::try_from(month).map_err(|_| TimeError)?;
        let date = Date::from_calendar_date(year.into(), month, day).map_err(|_| TimeError)?;
        let time = date.with_hms(hour, minute, second).map_err(|_| TimeError)?;
        Self::try_from(time.assume_utc())
    }

    /// Parses `2026-01-31T12:00:00Z`, with an optional fraction after a dot and `Z` or `±hh:mm`; `t` and `z` may be
    /// lower case. No leap second, no year 0.
    ///
    /// # Errors
    /// The text or number is not of this form.
    pub fn from_rfc3339(text: &str) -> Result<Self, TimeError> {
        let b = text.as_bytes();
        // Checks the form first: the library is used for the arithmetic only, as its parser may be lenient.
        let digits = |from: usize, to: usize| b.get(from..to).is_some_and(|s| s.iter().all(u8::is_ascii_digit));
        let is = |at: usize, set: &[u8]| b.get(at).is_some_and(|c| set.contains(c));
        let head = digits(0, 4)
            && is(4, b"-")
            && digits(5, 7)
            && is(7, b"-")
            && digits(8, 10)
            && is(10, b"Tt")
            && digits(11, 13)
            && is(13, b":")
            && digits(14, 16)
            && is(16, b":")
            && digits(17, 19);
        if !head || text.len() > 64 || text.starts_with("0000") || text.get(17..19) == Some("60") {
            return Err(TimeError);
        }
        let rest = text.get(19..).ok_or(TimeError)?;
        let zone = match rest.strip_prefix('.') {
            Some(fraction) => {
                let zone = fraction.trim_start_matches(|c: char| c.is_ascii_digit());
                if zone.len() == fraction.len() {
                    return Err(TimeError);
                }
                zone
            }
            None => rest,
        };
        let zone_fits = match zone.as_bytes() {
            [b'Z' | b'z'] => true,
            [b'+' | b'-', h1, h2, b':', m1, m2] => {
                let number =
                    |a: u8, c: u8| (a.is_ascii_digit() && c.is_ascii_digit()).then(|| (a - b'0') * 10 + (c - b'0'));
                number(*h1, *h2).is_some_and(|h| h < 24) && number(*m1, *m2).is_some_and(|m| m < 60)
            }
            _ => false,
        };
        if !zone_fits {
            return Err(TimeError);
        }
        let parsed = OffsetDateTime::parse(&text.to_ascii_uppercase(), &Rfc3339).map_err(|_| TimeError)?;
        Self::from_seconds(parsed.unix_timestamp())?;
        Ok(Self(parsed.to_offset(UtcOffset::UTC)))
    }

    /// Whole seconds since 1970, rounded down.
    #[must_use]
    pub fn seconds(self) -> i64 {
        self.0.unix_timestamp()
    }

    /// The nanoseconds after [`Self::seconds`], below 1,000,000,000.
    #[must_use]
    pub fn subsecond_nanoseconds(self) -> u32 {
        self.0.nanosecond()
    }

    /// This time plus `duration`, or the last representable one.
    #[must_use]
    pub fn saturating_add(self, duration: Duration) -> Self {
        let whole = i64::try_from(duration.as_secs()).unwrap_or(i64::MAX);
        Self::from_seconds(self.seconds().saturating_add(whole).min(LAST)).unwrap_or(self)
    }

    /// This time plus `duration`, exactly; `None` after the year 9999.
    #[must_use]
    pub fn checked_add(self, duration: Duration) -> Option<Self> {
        Self::try_from(self.0.checked_add(duration.try_into().ok()?)?).ok()
    }

    /// The time from `earlier` to this one, exactly; zero if that is later.
    #[must_use]
    pub fn saturating_duration_since(self, earlier: Self) -> Duration {
        (self.0 - earlier.0).try_into().unwrap_or_default()
    }

    /// This time minus `duration`, exactly; `None` before the year 1.
    #[must_use]
    pub fn checked_sub(self, duration: Duration) -> Option<Self> {
        Self::try_from(self.0.checked_sub(duration.try_into().ok()?)?).ok()
    }
}

impl TryFrom<OffsetDateTime> for UnixTime {
    type Error = TimeError;

    fn try_from(value: OffsetDateTime) -> Result<Self, TimeError> {
        Self::from_seconds(value.unix_timestamp())?;
        Ok(Self(value.to_offset(UtcOffset::UTC)))
    }
}

impl fmt::Display for UnixTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Formatting fails only outside the years 0 to 9999, which the constructors exclude.
        f.write_str(&self.0.format(&Rfc3339).map_err(|_| fmt::Error)?)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn reads_offsets_fractions_and_lower_case_letters() {
        for (text, seconds) in [
            ("1970-01-01T00:00:00Z", 0),
            ("1970-01-01t00:00:00z", 0),
            ("1970-01-01T08:00:01+08:00", 1),
            ("1970-01-01T00:00:00.999Z", 0),
            ("2022-07-29T23:59:00Z", 1_659_139_140),
        ] {
            assert_eq!(UnixTime::from_rfc3339(text).unwrap().seconds(), seconds, "{text}");
        }
    }

    #[test]
    fn nanoseconds_count_from_the_second_before_also_before_1970() {
        for (text, expected) in [
            ("1970-01-01T00:00:00Z", (0, 0)),
            ("2022-07-29T23:59:00.7Z", (1_659_139_140, 700_000_000)),
            ("1969-12-31T23:59:59.000000001Z", (-1, 1)),
            ("9999-12-31T23:59:59.999999999Z", (LAST, 999_999_999)),
        ] {
            let time = UnixTime::from_rfc3339(text).unwrap();
            assert_eq!((time.seconds(), time.subsecond_nanoseconds()), expected, "{text}");
        }
    }

    #[test]
    fn the_time_between_two_times_is_exact_and_never_negative() {
        let at = |text| UnixTime::from_rfc3339(text).unwrap();
        let (first, later) = (at("2026-11-21T12:00:00.750Z"), at("2026-11-21T12:00:02Z"));
        assert_eq!(later.saturating_duration_since(first), Duration::from_millis(1250));
        assert_eq!(first.saturating_duration_since(later), Duration::ZERO);
        let all = at("9999-12-31T23:59:59Z").saturating_duration_since(at("0001-01-01T00:00:00Z"));
        assert_eq!(all.as_secs(), (LAST - FIRST).unsigned_abs());
    }

    #[test]
    fn refuses_what_rfc_3339_does_not_have() {
        for text in [
            "",
            "1970-01-01",
            "1970-01-01 00:00:00Z",
            "1970-01-01T0:00:00Z",
            "1970-01-01T00:00:00",
            "1970-01-01T00:00:00,5Z",
            "1970-01-01T00:00:00.Z",
            "1970-01-01T00:00:00+24:00",
            "1970-01-01T00:00:00+0100",
            "1970-01-01T00:00:60Z",
            "1970-02-30T00:00:00Z",
            "0000-01-01T00:00:00Z",
            "1970-01-01T00:00:00Z ",
            "٢٠٢٢-07-29T23:59:00Z",
        ] {
            assert_eq!(UnixTime::from_rfc3339(text), Err(TimeError), "{text}");
        }
    }

    #[test]
    fn prints_what_it_reads() {
        let time = UnixTime::from_rfc3339("2024-06-18T06:29:37+02:00").unwrap();
        assert_eq!(time.to_string(), "2024-06-18T04:29:37Z");
    }

    #[test]
    fn adds_and_subtracts_exactly_within_the_calendar() {
        let time = UnixTime::from_rfc3339("2025-01-21T09:17:46.641Z").unwrap();
        let half = Duration::from_millis(500);
        assert_eq!(time.checked_add(half).unwrap().to_string(), "2025-01-21T09:17:47.141Z");
        assert_eq!(time.checked_sub(half).unwrap().to_string(), "2025-01-21T09:17:46.141Z");
        for far in [Duration::from_secs(1 << 40), Duration::MAX] {
            assert_eq!((time.checked_add(far), time.checked_sub(far)), (None, None));
        }
        let (first, last) = (UnixTime::from_seconds(FIRST).unwrap(), UnixTime::from_seconds(LAST).unwrap());
        assert_eq!(last.checked_add(Duration::from_secs(1)), None);
        assert_eq!(first.checked_sub(Duration::from_nanos(1)), None);
    }

    #[test]
    fn refuses_seconds_outside_the_calendar() {
        assert_eq!(UnixTime::from_seconds(LAST + 1), Err(TimeError));
        assert_eq!(UnixTime::from_seconds(i64::MIN), Err(TimeError));
    }
}
