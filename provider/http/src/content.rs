//! Bytes of answers, counted as long as they are there.

use std::fmt;
use std::ops::Deref;

use bytes::Bytes;

use crate::limiter::Permit;

/// A document from a registry. It counts against the limit on memory of the host that was asked until it is dropped: not
/// before what was parsed from it is.
pub struct Content {
    bytes: Bytes,
    _held: Permit,
}

impl Content {
    pub fn new(bytes: Bytes, held: Permit) -> Self {
        Self { bytes, _held: held }
    }
}

impl Deref for Content {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.bytes
    }
}

impl fmt::Debug for Content {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Content({} bytes)", self.bytes.len())
    }
}
