//! Counts open connections. Each has buffers, even if idle.

use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering;

/// The connections to one kind of hosts. Clones share the counter.
#[derive(Clone, Debug)]
pub(crate) struct OpenConnections {
    count: Arc<AtomicUsize>,
    limit: Arc<AtomicUsize>,
}

/// One connection, until it is dropped.
#[derive(Debug)]
pub(crate) struct OpenConnection(Arc<AtomicUsize>);

impl OpenConnections {
    /// Creates a counter. Idle connections should be closed if more than `limit` are open.
    pub(crate) fn new(limit: usize) -> Self {
        Self { count: Arc::default(), limit: Arc::new(AtomicUsize::new(limit)) }
    }

    pub(crate) fn open(&self) -> OpenConnection {
        self.count.fetch_add(1, Ordering::Relaxed);
        OpenConnection(Arc::clone(&self.count))
    }

    pub(crate) fn set_limit(&self, limit: usize) {
        self.limit.store(limit, Ordering::Relaxed);
    }

    pub(crate) fn is_over_limit(&self) -> bool {
        self.count.load(Ordering::Relaxed) > self.limit.load(Ordering::Relaxed)
    }
}

impl Drop for OpenConnection {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_open_connections() {
        let connections = OpenConnections::new(1);
        let first = connections.open();
        assert!(!connections.is_over_limit());
        let second = connections.open();
        assert!(connections.is_over_limit());
        drop(first);
        assert!(!connections.is_over_limit());
        drop(second);
        assert_eq!(connections.count.load(Ordering::Relaxed), 0);
    }
}
