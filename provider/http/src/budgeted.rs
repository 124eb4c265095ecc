//! Values parsed from bodies, counted while they are in memory.

use std::ops::Deref;
use std::ops::DerefMut;

use crate::limiter::Permit;
use crate::resource::LimitReached;

/// A value parsed from bodies, which counts in the body budget of its share until it is dropped.
#[derive(Debug)]
pub struct Budgeted<T> {
    value: T,
    held: Permit,
}

impl<T> Budgeted<T> {
    /// `value` counts as the size of `held`.
    #[must_use]
    pub fn new(value: T, held: Permit) -> Self {
        Self { value, held }
    }

    /// Sets the counted size to `bytes`, after the value has become larger.
    ///
    /// # Errors
    /// The budget of the share does not allow it; the counted size is as before.
    pub fn resize(&mut self, bytes: usize) -> Result<(), LimitReached> {
        self.held.resize(bytes)
    }

    /// Reduces the counted size to `bytes`, after part of the value was dropped. Never increases it.
    pub fn shrink_to(&mut self, bytes: usize) {
        let less = bytes.min(self.held.amount());
        // Shrinking always succeeds.
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
