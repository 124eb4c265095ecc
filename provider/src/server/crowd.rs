//! A crowd of connections that nobody has vouched for: how many there may be, and which one goes when there are more.
//!
//! Whoever connects and says nothing has a place until its time is over: in a handshake, or on the port for probes. If
//! others waited for these places, a few hundred such connections would keep Gatekeeper or the kubelet out; so the oldest
//! one goes, and a client that does speak is done in milliseconds.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;

use tokio::sync::Notify;

/// All of them.
#[derive(Debug)]
pub(super) struct Crowd {
    most: usize,
    open: Mutex<Open>,
}

#[derive(Debug, Default)]
struct Open {
    next: u64,
    by_number: BTreeMap<u64, Arc<Notify>>,
}

/// A place in the crowd, given back when dropped.
#[derive(Debug)]
pub(super) struct Place {
    crowd: Arc<Crowd>,
    number: u64,
    /// Told when the connection shall be given up.
    pub(super) leave: Arc<Notify>,
}

impl Crowd {
    pub(super) fn new(most: usize) -> Self {
        Self { most, open: Mutex::default() }
    }

    /// A place, if need be that of the oldest.
    pub(super) fn begin(self: &Arc<Self>) -> Place {
        let leave = Arc::new(Notify::new());
        let mut open = self.lock();
        let number = open.next;
        open.next += 1;
        open.by_number.insert(number, Arc::clone(&leave));
        if open.by_number.len() > self.most
            && let Some((_, oldest)) = open.by_number.pop_first()
        {
            oldest.notify_one();
        }
        drop(open);
        Place { crowd: Arc::clone(self), number, leave }
    }

    fn lock(&self) -> MutexGuard<'_, Open> {
        // The map is whole at every point.
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.crowd.lock().by_number.remove(&self.number);
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;

    use super::*;

    #[test]
    fn the_oldest_makes_room_and_a_place_given_back_is_free() {
        let crowd = Arc::new(Crowd::new(2));
        let (first, second) = (crowd.begin(), crowd.begin());
        assert!(first.leave.notified().now_or_never().is_none());
        let third = crowd.begin();
        assert!(first.leave.notified().now_or_never().is_some());
        drop(second);
        drop(first);
        let fourth = crowd.begin();
        assert!(third.leave.notified().now_or_never().is_none());
        assert!(fourth.leave.notified().now_or_never().is_none());
        assert_eq!(crowd.lock().by_number.len(), 2);
    }
}
