//! Pools of connections to hosts whose names are chosen outside, bounded in hosts.
//!
//! The HTTP library bounds the idle connections of each host, and an idle connection keeps the buffer of its largest answer,
//! up to 400 KiB. Behind a pattern, or where registries need not be listed, a hostile registry has any number of names.

use std::collections::HashSet;
use std::sync::Mutex;
use std::sync::PoisonError;

/// A client that is replaced by a new one before it was used for more than so many hosts. The idle connections of the one
/// before are closed with it; requests under way have a copy and end as they would have.
pub(crate) struct Renewed<T> {
    make: Box<dyn Fn() -> Option<T> + Send + Sync>,
    most: usize,
    /// Never held across an await.
    current: Mutex<(T, HashSet<String>)>,
}

impl<T: Clone> Renewed<T> {
    /// `first` is the first client, `make` makes the next. Where none can be made the one before stays.
    pub(crate) fn new(first: T, most: usize, make: impl Fn() -> Option<T> + Send + Sync + 'static) -> Self {
        Self { make: Box::new(make), most, current: Mutex::new((first, HashSet::new())) }
    }

    /// The client for a request to this authority.
    pub(crate) fn client(&self, authority: &str) -> T {
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        let (client, hosts) = &mut *current;
        if !hosts.contains(authority) {
            if hosts.len() >= self.most {
                if let Some(next) = (self.make)() {
                    *client = next;
                }
                hosts.clear();
            }
            hosts.insert(authority.to_owned());
        }
        client.clone()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::sync::Arc;
    use std::sync::Weak;

    use super::*;

    #[test]
    fn no_client_is_used_for_more_hosts_than_it_may_be_and_the_one_before_is_gone() {
        let pools = Renewed::new(Arc::new(()), 2, || Some(Arc::new(())));
        let first = Arc::downgrade(&pools.client("a:443"));
        assert!(Weak::ptr_eq(&first, &Arc::downgrade(&pools.client("b:443"))));
        // Known hosts renew nothing, however often they are asked.
        assert!(Weak::ptr_eq(&first, &Arc::downgrade(&pools.client("a:443"))));
        assert!(first.upgrade().is_some());
        let second = Arc::downgrade(&pools.client("c:443"));
        assert!(first.upgrade().is_none());
        assert!(Weak::ptr_eq(&second, &Arc::downgrade(&pools.client("a:443"))));
        assert!(Weak::ptr_eq(&second, &Arc::downgrade(&pools.client("c:443"))));
    }

    #[test]
    fn where_no_client_can_be_made_the_one_before_stays() {
        let pools = Renewed::new(1, 1, || None);
        assert_eq!((pools.client("a:443"), pools.client("b:443")), (1, 1));
    }
}
