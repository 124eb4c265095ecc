//! How much of a large set of mutations is tried. Every run tries each byte with one of the changes, and a part of the random
//! mutations, and enlarges documents less; `COUNTERSIGN_SWEEPS=full`, as in `.ci/run --all`, tries all of them.

#[allow(clippy::disallowed_methods, reason = "the caller of the tests decides")]
fn is_full() -> bool {
    std::env::var_os("COUNTERSIGN_SWEEPS").is_some_and(|value| value == "full")
}

/// Of `all` changes of a byte, those that are tried at `position`: one of them, another one at each position.
pub fn changes<const N: usize>(position: usize, all: [u8; N]) -> Vec<u8> {
    if is_full() { all.to_vec() } else { vec![all[position % N]] }
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
