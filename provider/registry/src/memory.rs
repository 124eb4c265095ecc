//! A budget for bodies under way. The limits per body and per number of requests multiply to more than a small
//! container has, and hostile registries would use it.

use tokio::sync::Semaphore;
use tokio::sync::SemaphorePermit;

use crate::error::Cause;

/// Counted in KiB, as a semaphore's places are taken 32 bits at a time.
const UNIT: usize = 1024;

/// What all bodies that are being read may take together.
pub(crate) struct Memory(Semaphore);

/// What one body has taken; given back when dropped.
pub(crate) struct Held<'a> {
    memory: &'a Memory,
    permit: Option<SemaphorePermit<'a>>,
}

impl Memory {
    pub(crate) fn new(bytes: usize) -> Self {
        Self(Semaphore::new((bytes / UNIT).min(Semaphore::MAX_PERMITS)))
    }

    pub(crate) fn hold(&self) -> Held<'_> {
        Held { memory: self, permit: None }
    }
}

impl Held<'_> {
    /// Holds `bytes` in all. Taken as they arrive, so that announcing a large body costs others nothing; and never
    /// waited for, as bodies that wait for each other would wait for ever.
    ///
    /// # Errors
    /// The budget is used up.
    pub(crate) fn grow_to(&mut self, bytes: usize) -> Result<(), Cause> {
        let held = self.permit.as_ref().map_or(0, SemaphorePermit::num_permits);
        let more = bytes.div_ceil(UNIT).saturating_sub(held);
        if more == 0 {
            return Ok(());
        }
        let more = u32::try_from(more).map_err(|_| Cause::Crowded)?;
        let permit = self.memory.0.try_acquire_many(more).map_err(|_| Cause::Crowded)?;
        match self.permit.as_mut() {
            Some(held) => held.merge(permit),
            None => self.permit = Some(permit),
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bodies_share_the_budget_and_give_it_back() {
        let memory = Memory::new(4 * UNIT);
        let mut first = memory.hold();
        let mut second = memory.hold();
        assert_eq!(first.grow_to(1), Ok(()));
        assert_eq!(first.grow_to(3 * UNIT), Ok(()));
        assert_eq!(second.grow_to(UNIT), Ok(()));
        assert_eq!(second.grow_to(UNIT + 1), Err(Cause::Crowded));
        drop(first);
        assert_eq!(second.grow_to(4 * UNIT), Ok(()));
        assert_eq!(second.grow_to(4 * UNIT + 1), Err(Cause::Crowded));
    }
}
