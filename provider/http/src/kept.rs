//! What was made of answers, counted as long as it is there.

use std::ops::Deref;
use std::ops::DerefMut;

use crate::limiter::Permit;

/// Something made of answers that counts against the limit on memory of the host that was asked until it is dropped.
#[derive(Debug)]
pub struct Kept<T> {
    value: T,
    held: Permit,
}

impl<T> Kept<T> {
    pub fn new(value: T, held: Permit) -> Self {
        Self { value, held }
    }

    /// Counts for `bytes` from now on, because some of it is gone. More than before is not counted.
    pub fn shrink_to(&mut self, bytes: usize) {
        let less = bytes.min(self.held.amount());
        // Less than before always fits.
        let _ = self.held.resize(less);
    }
}

impl<T> Deref for Kept<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.value
    }
}

impl<T> DerefMut for Kept<T> {
    fn deref_mut(&mut self) -> &mut T {
        &mut self.value
    }
}
