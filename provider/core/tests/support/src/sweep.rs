//! How much of a large set of mutations is tried. Every run tries every second byte with one of the changes, a part of the
//! random mutations and of the enlarged documents, and enlarges them less; `COUNTERSIGN_SWEEPS=full`, as in
//! `.ci/run --all`, tries all of them.

#[allow(clippy::disallowed_methods, reason = "the caller of the tests decides")]
pub(crate) fn is_full() -> bool {
    std::env::var_os("COUNTERSIGN_SWEEPS").is_some_and(|value| value == "full")
}

/// The positions in `bytes` at which it is changed: every second one, or all.
pub fn positions(bytes: &[u8]) -> impl Iterator<Item = usize> + use<> {
    (0..bytes.len()).step_by(if is_full() { 1 } else { 2 })
}

/// Of `all` changes of a byte, those that are tried at `position`: one of them, another one at each position.
pub fn changes<const N: usize>(position: usize, all: [u8; N]) -> Vec<u8> {
    // Half of the position, as only every second one may be tried.
    if is_full() { all.to_vec() } else { vec![all[position / 2 % N]] }
}

/// Selects every fifth of the names that it is called with, or all of them.
pub fn some() -> impl FnMut(&str) -> bool {
    let (step, mut count) = (if is_full() { 1 } else { 5 }, 0_usize);
    move |_| {
        count += 1;
        (count - 1).is_multiple_of(step)
    }
}

/// The size of enlarged documents: a `part` that still shows the factor, or the largest that is read.
#[must_use]
pub fn size(part: usize, largest: usize) -> usize {
    if is_full() { largest } else { part }
}

/// The number of random mutations.
#[must_use]
pub fn rounds(full: usize) -> usize {
    if is_full() { full } else { full / 8 }
}
