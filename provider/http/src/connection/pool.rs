//! A connection pool whose idle connections can be closed.

use std::sync::Mutex;
use std::sync::PoisonError;

/// A client that can be replaced by an identical one. The library closes the idle connections of a client only when
/// its last clone is dropped. Requests in progress have a clone and are not affected.
pub(crate) struct Pool<T> {
    make: Box<dyn Fn() -> T + Send + Sync>,
    /// The lock is never held across an await.
    current: Mutex<T>,
}

impl<T: Clone> Pool<T> {
    pub(crate) fn new(make: impl Fn() -> T + Send + Sync + 'static) -> Self {
        let current = Mutex::new(make());
        Self { make: Box::new(make), current }
    }

    pub(crate) fn client(&self) -> T {
        self.current.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// An identical client without connections. Its own is closed after its last request.
    pub(crate) fn apart(&self) -> T {
        (self.make)()
    }

    /// Closes idle connections.
    pub(crate) fn close_idle(&self) {
        let before =
            std::mem::replace(&mut *self.current.lock().unwrap_or_else(PoisonError::into_inner), (self.make)());
        drop(before);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::Weak;

    use super::*;

    #[test]
    fn the_former_client_is_dropped_after_its_requests() {
        let pool = Pool::new(|| Arc::new(()));
        let under_way = pool.client();
        let first = Arc::downgrade(&under_way);
        assert!(Weak::ptr_eq(&first, &Arc::downgrade(&pool.client())));
        assert!(!Weak::ptr_eq(&first, &Arc::downgrade(&pool.apart())));
        pool.close_idle();
        assert!(first.upgrade().is_some());
        assert!(!Weak::ptr_eq(&first, &Arc::downgrade(&pool.client())));
        drop(under_way);
        assert!(first.upgrade().is_none());
    }
}
