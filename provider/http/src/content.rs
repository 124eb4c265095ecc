//! The bytes of a response, counted while they are in memory.

use std::fmt;
use std::ops::Deref;

use bytes::Bytes;

use crate::limiter::Permit;

/// The body of a response. It counts in the body budget of its share until it is dropped. Drop it after the values
/// parsed from it.
pub struct Content {
    bytes: Bytes,
    held: Permit,
}

impl Content {
    /// `bytes` count as the size of `held`, also if a cache has them too.
    #[must_use]
    pub fn new(bytes: Bytes, held: Permit) -> Self {
        Self { bytes, held }
    }

    /// The bytes without a copy, for a cache that counts them itself.
    #[must_use]
    pub fn shared(&self) -> Bytes {
        self.bytes.clone()
    }

    /// The bytes, without a copy if nothing else holds them, and the permit that counts them.
    pub fn into_parts(self) -> (Vec<u8>, Permit) {
        (self.bytes.into(), self.held)
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
