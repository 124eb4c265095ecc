//! How many connections are open. Each has buffers, whether or not it is in use.

use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering;

/// Counts the connections to one kind of hosts. Clones are the same counter.
#[derive(Clone, Debug)]
pub struct Open {
    count: Arc<AtomicUsize>,
    most: Arc<AtomicUsize>,
}

/// One connection, until it is dropped.
#[derive(Debug)]
pub struct Counted(Arc<AtomicUsize>);

impl Open {
    /// Those not in use are to be closed when there are more than `most`.
    pub fn new(most: usize) -> Self {
        Self { count: Arc::default(), most: Arc::new(AtomicUsize::new(most)) }
    }

    pub fn one_more(&self) -> Counted {
        self.count.fetch_add(1, Ordering::Relaxed);
        Counted(Arc::clone(&self.count))
    }

    /// Another number from now on.
    pub fn set_most(&self, most: usize) {
        self.most.store(most, Ordering::Relaxed);
    }

    pub fn is_over(&self) -> bool {
        self.count.load(Ordering::Relaxed) > self.most.load(Ordering::Relaxed)
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_those_that_are_there() {
        let open = Open::new(1);
        let first = open.one_more();
        assert!(!open.is_over());
        let second = open.one_more();
        assert!(open.is_over());
        drop(first);
        assert!(!open.is_over());
        drop(second);
        assert_eq!(open.count.load(Ordering::Relaxed), 0);
    }
}
