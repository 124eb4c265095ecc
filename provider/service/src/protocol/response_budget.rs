//! Limits the bytes of responses that are in memory until they are written: in total, and for one response.
//!
//! A client that does not read its response keeps it in memory. Bytes count from their encoding until the last of them
//! is written to the connection, or the connection ends. Beside the fixed limits, a response takes at most as much as
//! it leaves free, so that large responses never use up the budget of small ones.

use std::fmt;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;

use prometheus::IntGauge;

/// Memory of a part of a response beside its bytes: its owner, its entry in the list, and the overhead of the
/// allocator.
const AROUND: usize = 128;

/// A limit on the bytes of responses. Shared by all responses under it.
#[derive(Debug)]
pub(crate) struct ResponseBudget {
    /// For all responses.
    total: usize,
    /// For one response.
    max: usize,
    used: Mutex<usize>,
    gauge: IntGauge,
}

/// The limit that is exceeded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BudgetExceeded {
    /// The response would exceed the limit for one response.
    TooLarge { max: usize },
    /// All responses together, with what this one needs.
    Full { found: usize, limit: usize },
}

impl fmt::Display for BudgetExceeded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLarge { max } => {
                write!(f, "response is too large: found more than {max} bytes, expected at most {max}")
            }
            Self::Full { found, limit } => write!(
                f,
                "too many bytes of responses in memory: found {found}, expected at most {limit}, half of it for one response"
            ),
        }
    }
}

impl ResponseBudget {
    /// At most `total` bytes for all, `max` of them for one. `gauge` shows what is used.
    pub(crate) fn new(total: usize, max: usize, gauge: IntGauge) -> Arc<Self> {
        Arc::new(Self { total, max, used: Mutex::new(0), gauge })
    }

    /// A response that holds nothing yet.
    pub(crate) fn begin(self: &Arc<Self>) -> ResponsePermit {
        ResponsePermit { responses: Arc::clone(self), bytes: 0 }
    }

    /// The bytes that all responses hold.
    #[cfg(test)]
    pub(crate) fn used_bytes(&self) -> usize {
        *self.used()
    }

    fn used(&self) -> MutexGuard<'_, usize> {
        // The number is consistent at every point.
        self.used.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The bytes that one response holds, released when dropped.
#[derive(Debug)]
pub(crate) struct ResponsePermit {
    responses: Arc<ResponseBudget>,
    bytes: usize,
}

impl ResponsePermit {
    /// Holds so many bytes more, in one part.
    ///
    /// # Errors
    /// The budget is exceeded; the permit is unchanged.
    pub(crate) fn grow(&mut self, bytes: usize) -> Result<(), BudgetExceeded> {
        let ResponseBudget { total, max, gauge, .. } = &*self.responses;
        let more = bytes.saturating_add(AROUND);
        let own = self.bytes.saturating_add(more);
        if own > *max {
            return Err(BudgetExceeded::TooLarge { max: *max });
        }
        let mut used = self.responses.used();
        let all = used.saturating_add(more);
        // At most as much as remains free.
        if all > *total || own > *total - all {
            return Err(BudgetExceeded::Full { found: all, limit: *total });
        }
        *used = all;
        self.bytes = own;
        gauge.add(signed(more));
        Ok(())
    }
}

impl Drop for ResponsePermit {
    fn drop(&mut self) {
        *self.responses.used() -= self.bytes;
        self.responses.gauge.sub(signed(self.bytes));
    }
}

fn signed(bytes: usize) -> i64 {
    i64::try_from(bytes).unwrap_or(i64::MAX)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn responses(total: usize, max: usize) -> Arc<ResponseBudget> {
        ResponseBudget::new(total, max, IntGauge::new("bytes", "Bytes.").unwrap())
    }

    #[test]
    fn a_response_takes_at_most_its_limit_and_half_of_the_free_budget() {
        let all = responses(4000, 1500);
        let mut first = all.begin();
        assert_eq!(first.grow(1500), Err(BudgetExceeded::TooLarge { max: 1500 }));
        assert_eq!(first.grow(1500 - AROUND), Ok(()));
        assert_eq!(first.grow(0), Err(BudgetExceeded::TooLarge { max: 1500 }));
        let mut second = all.begin();
        // Half of the 2500 that are left.
        assert_eq!(second.grow(1251 - AROUND), Err(BudgetExceeded::Full { found: 2751, limit: 4000 }));
        assert_eq!(second.grow(1250 - AROUND), Ok(()));
        let mut third = all.begin();
        assert_eq!(third.grow(625 - AROUND), Ok(()));
        assert_eq!(all.gauge.get(), 3375);
        drop(first);
        drop(second);
        assert_eq!((all.gauge.get(), all.used_bytes()), (625, 625));
        drop(third);
        assert_eq!((all.gauge.get(), all.used_bytes()), (0, 0));
    }

    #[test]
    fn messages_have_found_and_limit() {
        assert_eq!(
            BudgetExceeded::TooLarge { max: 1500 }.to_string(),
            "response is too large: found more than 1500 bytes, expected at most 1500"
        );
        assert_eq!(
            BudgetExceeded::Full { found: 2751, limit: 4000 }.to_string(),
            "too many bytes of responses in memory: found 2751, expected at most 4000, half of it for one response"
        );
    }
}
