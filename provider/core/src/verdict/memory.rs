//! What values occupy.

/// What an allocation of so many bytes takes, as common allocators round: to 16 bytes, with a word of their own.
pub(super) fn allocated(bytes: usize) -> usize {
    match bytes {
        0 => 0,
        bytes => (bytes + size_of::<usize>()).next_multiple_of(16).max(32),
    }
}
