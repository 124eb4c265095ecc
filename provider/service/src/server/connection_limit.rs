//! Limits unauthenticated connections; evicts the oldest when the limit is reached.
//!
//! An idle client holds a permit until its timeout: in a handshake, or on the port for probes. If others waited for
//! these permits, a few hundred idle connections would lock out Gatekeeper or the kubelet; so the oldest connection of
//! the address with the most connections is evicted. An active client needs only milliseconds, and a flood from one
//! address evicts its own connections.

use std::collections::BTreeMap;
use std::collections::HashMap;
use std::net::IpAddr;
use std::net::Ipv6Addr;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;

use tokio::sync::Notify;

/// The limit, and the connections that hold a permit.
#[derive(Debug)]
pub(super) struct ConnectionLimit {
    max: usize,
    open: Mutex<Open>,
}

#[derive(Debug, Default)]
struct Open {
    next: u64,
    by_number: BTreeMap<u64, (IpAddr, Arc<Notify>)>,
}

/// Permission for one connection, given back when dropped.
#[derive(Debug)]
pub(super) struct Permit {
    limit: Arc<ConnectionLimit>,
    number: u64,
    /// Notified when the connection is evicted.
    pub(super) evicted: Arc<Notify>,
}

impl ConnectionLimit {
    pub(super) fn new(max: usize) -> Self {
        Self { max, open: Mutex::default() }
    }

    /// A permit for a connection from `address`; at the limit the oldest one is evicted from the address that has most.
    pub(super) fn begin(self: &Arc<Self>, address: IpAddr) -> Permit {
        let evicted = Arc::new(Notify::new());
        let mut open = self.lock();
        let number = open.next;
        open.next += 1;
        open.by_number.insert(number, (source(address), Arc::clone(&evicted)));
        if open.by_number.len() > self.max
            && let Some(oldest) = open.take_oldest()
        {
            oldest.notify_one();
        }
        drop(open);
        Permit { limit: Arc::clone(self), number, evicted }
    }

    fn lock(&self) -> MutexGuard<'_, Open> {
        // The map is consistent at every point.
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Open {
    /// The oldest of those from the source that has most of them.
    fn take_oldest(&mut self) -> Option<Arc<Notify>> {
        let mut counts: HashMap<IpAddr, usize> = HashMap::new();
        for (source, _) in self.by_number.values() {
            *counts.entry(*source).or_default() += 1;
        }
        let max = counts.values().max().copied()?;
        let has_max = |source: &IpAddr| counts.get(source) == Some(&max);
        let number = self.by_number.iter().find(|(_, (source, _))| has_max(source)).map(|(number, _)| *number)?;
        self.by_number.remove(&number).map(|(_, evicted)| evicted)
    }
}

/// The source of a connection: its address; for IPv6 the /64 network, as one machine has all of its addresses.
fn source(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() >> 64 << 64)),
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.limit.lock().by_number.remove(&self.number);
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use futures_util::FutureExt as _;

    use super::*;

    const HERE: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

    #[test]
    fn evicts_the_oldest_at_the_limit_and_releases_permits_on_drop() {
        let limit = Arc::new(ConnectionLimit::new(2));
        let (first, second) = (limit.begin(HERE), limit.begin(HERE));
        assert!(first.evicted.notified().now_or_never().is_none());
        let third = limit.begin(HERE);
        assert!(first.evicted.notified().now_or_never().is_some());
        drop(second);
        drop(first);
        let fourth = limit.begin(HERE);
        assert!(third.evicted.notified().now_or_never().is_none());
        assert!(fourth.evicted.notified().now_or_never().is_none());
        assert_eq!(limit.lock().by_number.len(), 2);
    }

    #[test]
    fn evicts_from_the_source_with_most_connections_and_one_network_is_one_source() {
        let limit = Arc::new(ConnectionLimit::new(3));
        let probe = limit.begin(HERE);
        let flood = |last: u16| limit.begin(IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 0, 1, 0, 0, 0, last)));
        let flooding: Vec<Permit> = (0..100).map(flood).collect();
        assert!(probe.evicted.notified().now_or_never().is_none());
        let left = flooding.iter().filter(|permit| permit.evicted.notified().now_or_never().is_some()).count();
        assert_eq!(left, 98);
        assert_eq!(limit.lock().by_number.len(), 3);
    }
}
