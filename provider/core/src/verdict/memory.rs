//! Memory of values.

use crate::reason::Reason;

/// The memory that an allocation of `bytes` takes with common allocators: a header of one pointer, rounded up to 16 bytes.
pub(super) fn allocated(bytes: usize) -> usize {
    match bytes {
        0 => 0,
        bytes => (bytes + size_of::<usize>()).next_multiple_of(16).max(32),
    }
}

/// The memory that the allocations of a reason take.
pub(super) fn of_reason(reason: &Reason) -> usize {
    reason.allocations().map(allocated).sum()
}
