//! The time that doubles use, set by the test.

use std::fmt;
use std::sync::Arc;
use std::sync::Mutex;
use std::time::Duration;

use time::OffsetDateTime;
use time::UtcOffset;
use time::macros::format_description;

/// A clock that the test sets. Clones are the same clock.
#[derive(Clone)]
pub struct Clock(Arc<Mutex<Source>>);

#[derive(Clone, Copy)]
enum Source {
    Fixed(OffsetDateTime),
    /// The clock of the system, plus this.
    System(time::Duration),
}

impl Clock {
    /// A clock that stands still.
    #[must_use]
    pub fn at(now: OffsetDateTime) -> Self {
        Self(Arc::new(Mutex::new(Source::Fixed(now))))
    }

    /// The clock of the system, for clients that are processes of their own.
    #[must_use]
    pub fn system() -> Self {
        Self(Arc::new(Mutex::new(Source::System(time::Duration::ZERO))))
    }

    /// The time in UTC.
    #[must_use]
    pub fn now(&self) -> OffsetDateTime {
        match *self.0.lock().expect("the lock is not poisoned") {
            Source::Fixed(now) => now.to_offset(UtcOffset::UTC),
            Source::System(offset) => OffsetDateTime::now_utc() + offset,
        }
    }

    /// The time as the header `Date` has it.
    #[must_use]
    pub fn http_date(&self) -> String {
        let form =
            format_description!("[weekday repr:short], [day] [month repr:short] [year] [hour]:[minute]:[second] GMT");
        self.now().format(form).expect("every part is in a date with time")
    }

    /// Stops the clock at this time.
    pub fn set(&self, now: OffsetDateTime) {
        *self.0.lock().expect("the lock is not poisoned") = Source::Fixed(now);
    }

    /// Moves the clock forward.
    pub fn advance(&self, by: Duration) {
        let by = time::Duration::try_from(by).expect("less than 292 billion years");
        match &mut *self.0.lock().expect("the lock is not poisoned") {
            Source::Fixed(now) => *now += by,
            Source::System(offset) => *offset += by,
        }
    }
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Clock({})", self.now())
    }
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;

    #[test]
    fn a_clock_stands_still_until_it_is_moved() {
        let clock = Clock::at(datetime!(2026-01-02 03:04:05 +1));
        let same = clock.clone();
        clock.advance(Duration::from_secs(55));
        assert_eq!(same.now(), datetime!(2026-01-02 02:05:00 UTC));
        assert_eq!(same.http_date(), "Fri, 02 Jan 2026 02:05:00 GMT");
        clock.set(datetime!(2027-01-01 00:00 UTC));
        assert_eq!(same.now(), datetime!(2027-01-01 00:00 UTC));
    }
}
