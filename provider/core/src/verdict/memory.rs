//! Memory of values.

/// The memory that an allocation of `bytes` takes with common allocators: a header of one pointer, rounded up to 16 bytes.
pub(super) fn allocated(bytes: usize) -> usize {
    match bytes {
        0 => 0,
        bytes => (bytes + size_of::<usize>()).next_multiple_of(16).max(32),
    }
}
