//! What was made of bodies, counted as long as it is in memory.

use std::ops::Deref;
use std::ops::DerefMut;

use crate::limiter::Permit;

/// Something made of bodies that counts in the body budget of its share until it is dropped.
#[derive(Debug)]
pub struct Budgeted<T> {
    value: T,
    held: Permit,
}

impl<T> Budgeted<T> {
    /// `value` counts as much as `held`.
    #[must_use]
    pub fn new(value: T, held: Permit) -> Self {
        Self { value, held }
    }

    /// Counts as `bytes` from now on, because part of it was dropped. More than before is not counted.
    pub fn shrink_to(&mut self, bytes: usize) {
        let less = bytes.min(self.held.amount());
        // Less than before always fits.
        let _ = self.held.resize(less);
    }
}

impl<T> Deref for Budgeted<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.value
    }
}

impl<T> DerefMut for Budgeted<T> {
    fn deref_mut(&mut self) -> &mut T {
        &mut self.value
    }
}
