//! A crowd of connections that nobody has vouched for: how many there may be, and which one goes when there are more.
//!
//! Whoever connects and says nothing has a place until its time is over: in a handshake, or on the port for probes. If
//! others waited for these places, a few hundred such connections would keep Gatekeeper or the kubelet out; so the oldest
//! one goes, and a client that does speak is done in milliseconds. It goes from the address that has most of them: whoever
//! opens thousands in a second pushes out its own.

use std::collections::BTreeMap;
use std::collections::HashMap;
use std::net::IpAddr;
use std::net::Ipv6Addr;
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
    by_number: BTreeMap<u64, (IpAddr, Arc<Notify>)>,
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

    /// A place for a connection from `address`, if need be that of the oldest one from where there are most.
    pub(super) fn begin(self: &Arc<Self>, address: IpAddr) -> Place {
        let leave = Arc::new(Notify::new());
        let mut open = self.lock();
        let number = open.next;
        open.next += 1;
        open.by_number.insert(number, (source(address), Arc::clone(&leave)));
        if open.by_number.len() > self.most
            && let Some(oldest) = open.take_oldest()
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

impl Open {
    /// The oldest of those from the source that has most of them.
    fn take_oldest(&mut self) -> Option<Arc<Notify>> {
        let mut counts: HashMap<IpAddr, usize> = HashMap::new();
        for (source, _) in self.by_number.values() {
            *counts.entry(*source).or_default() += 1;
        }
        let most = counts.values().max().copied()?;
        let has_most = |source: &IpAddr| counts.get(source) == Some(&most);
        let number = self.by_number.iter().find(|(_, (source, _))| has_most(source)).map(|(number, _)| *number)?;
        self.by_number.remove(&number).map(|(_, leave)| leave)
    }
}

/// What counts as one source: an address, of IPv6 the network of 64 bits, as one machine has all addresses of it.
fn source(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() >> 64 << 64)),
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.crowd.lock().by_number.remove(&self.number);
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use futures_util::FutureExt as _;

    use super::*;

    const HERE: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

    #[test]
    fn the_oldest_makes_room_and_a_place_given_back_is_free() {
        let crowd = Arc::new(Crowd::new(2));
        let (first, second) = (crowd.begin(HERE), crowd.begin(HERE));
        assert!(first.leave.notified().now_or_never().is_none());
        let third = crowd.begin(HERE);
        assert!(first.leave.notified().now_or_never().is_some());
        drop(second);
        drop(first);
        let fourth = crowd.begin(HERE);
        assert!(third.leave.notified().now_or_never().is_none());
        assert!(fourth.leave.notified().now_or_never().is_none());
        assert_eq!(crowd.lock().by_number.len(), 2);
    }

    #[test]
    fn whoever_has_most_makes_room_and_one_network_is_one_source() {
        let crowd = Arc::new(Crowd::new(3));
        let probe = crowd.begin(HERE);
        let flood = |last: u16| crowd.begin(IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 0, 1, 0, 0, 0, last)));
        let flooding: Vec<Place> = (0..100).map(flood).collect();
        assert!(probe.leave.notified().now_or_never().is_none());
        let left = flooding.iter().filter(|place| place.leave.notified().now_or_never().is_some()).count();
        assert_eq!(left, 98);
        assert_eq!(crowd.lock().by_number.len(), 3);
    }
}
