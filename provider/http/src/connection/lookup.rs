//! Name resolution. The system's resolver runs on threads and cannot be interrupted. A name whose server does not
//! respond blocks its thread for many seconds, and documents are parsed on threads of the same pool.

use std::net::SocketAddr;
use std::net::ToSocketAddrs as _;
use std::pin::Pin;
use std::sync::Arc;
use std::task::Context;
use std::task::Poll;
use std::time::Duration;

use hyper_util::client::legacy::connect::dns::Name;
use tokio::task::spawn_blocking;
use tokio::time::Instant;
use tower_service::Service;

use super::current_request::current_reception;
use super::current_request::current_share;
use crate::address::AddressPolicy;
use crate::address::AddressRefused;
use crate::answer::Missing;
use crate::answer::Reception;
use crate::limiter::Limiter;
use crate::limits;
use crate::resource::LimitReached;
use crate::share::Class;
use crate::share::Share;
use crate::single_flight::FlightError;
use crate::single_flight::SingleFlight;

/// Limits concurrent lookups for each share, with single flight for each name. Clones share the state.
#[derive(Clone)]
pub(crate) struct Lookups {
    limiter: Limiter,
    running: Arc<SingleFlight<(Share, String), Result<Addresses, LookupError>>>,
    /// The longest time that a caller waits for a lookup.
    timeout: Duration,
    resolve: Resolve,
}

/// Finds the addresses of a name, and blocks its thread until then.
type Resolve = Arc<dyn Fn(&str) -> std::io::Result<Addresses> + Send + Sync>;

type Addresses = Arc<[SocketAddr]>;

/// The error of a lookup.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum LookupError {
    #[error("{detail}")]
    Failed { detail: String },
    #[error("the name was not resolved in time")]
    Timeout,
    #[error("{0}")]
    Limit(LimitReached),
    #[error("{0}")]
    Refused(AddressRefused),
}

impl Lookups {
    /// Creates lookups under `limiter`. `timeout` is the longest time that a caller waits for a lookup.
    pub(crate) fn new(limiter: Limiter, timeout: Duration) -> Self {
        Self { limiter, running: Arc::default(), timeout, resolve: Arc::new(of_system) }
    }

    /// The same lookups by another resolver.
    #[cfg(test)]
    pub(crate) fn by(self, resolve: impl Fn(&str) -> std::io::Result<Addresses> + Send + Sync + 'static) -> Self {
        Self { resolve: Arc::new(resolve), ..self }
    }

    /// The same lookups for callers that wait for another time.
    pub(crate) fn with_timeout(&self, timeout: Duration) -> Self {
        Self { timeout, ..self.clone() }
    }

    /// Acquires all permits of `share`.
    #[cfg(test)]
    pub(super) fn use_up(&self, share: &Share) -> Vec<crate::limiter::Permit> {
        std::iter::from_fn(|| self.limiter.try_acquire(share, 1).ok()).collect()
    }

    /// The addresses of `name`, on behalf of `share`.
    async fn addresses(&self, share: Share, name: String) -> Result<Addresses, LookupError> {
        let deadline = Instant::now() + self.timeout;
        // Leaves the same time for the lookup itself.
        let permit_by = Instant::now() + self.timeout / 2;
        let (limiter, resolve) = (self.limiter.clone(), Arc::clone(&self.resolve));
        let lookup = |(share, name): (Share, String)| async move {
            let permit = limiter.acquire(&share, permit_by).await.map_err(LookupError::Limit)?;
            let found = spawn_blocking(move || {
                // Released when the thread has finished, whether or not a caller still waits.
                let _permit = permit;
                resolve(&name)
            });
            let failed = |detail: &dyn std::fmt::Display| LookupError::Failed { detail: detail.to_string() };
            found.await.map_err(|error| failed(&error))?.map_err(|error: std::io::Error| failed(&error))
        };
        let key = (share, name);
        match self.running.join_or_start(key.clone(), deadline, |_| lookup(key)).await {
            Ok(found) => found,
            Err(FlightError::Deadline { .. }) => Err(LookupError::Timeout),
            Err(FlightError::Panicked) => {
                Err(LookupError::Failed { detail: "internal error: the lookup panicked".to_owned() })
            }
        }
    }
}

/// The addresses of a name by the resolver of the system.
fn of_system(name: &str) -> std::io::Result<Addresses> {
    Ok((name, 0).to_socket_addrs()?.take(limits::ADDRESSES).collect())
}

/// Resolves names and keeps the addresses that a policy permits. The connection uses one of them, without resolving
/// the name again.
#[derive(Clone)]
pub(crate) struct Resolver {
    policy: AddressPolicy,
    lookups: Lookups,
    share: Option<Share>,
    reception: Reception,
}

impl Resolver {
    /// Creates a resolver for the current request.
    pub(crate) fn new(policy: AddressPolicy, lookups: &Lookups) -> Self {
        Self { policy, lookups: lookups.clone(), share: current_share(), reception: current_reception() }
    }
}

impl Service<Name> for Resolver {
    type Response = std::vec::IntoIter<SocketAddr>;
    type Error = LookupError;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, LookupError>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), LookupError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, name: Name) -> Self::Future {
        let Self { policy, lookups, share, reception } = self.clone();
        Box::pin(async move {
            let name = name.as_str().to_owned();
            // A request without a share gets the smallest share.
            let share = share.unwrap_or_else(|| Share::new(&name, Class::Unlisted));
            reception.connecting(Missing::Address);
            let addresses = lookups.addresses(share, name).await?;
            reception.connecting(Missing::Connection);
            permitted(policy, &addresses).map_err(LookupError::Refused)
        })
    }
}

fn permitted(policy: AddressPolicy, all: &[SocketAddr]) -> Result<std::vec::IntoIter<SocketAddr>, AddressRefused> {
    let refused = all.iter().map(SocketAddr::ip).find(|address| !policy.permits(*address));
    let kept: Vec<SocketAddr> = all.iter().copied().filter(|address| policy.permits(address.ip())).collect();
    match refused {
        Some(address) if kept.is_empty() => Err(AddressRefused { address }),
        Some(_) | None => Ok(kept.into_iter()),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::resource::LOOKUPS;
    use crate::resource::Unobserved;
    use crate::share::Scope;

    fn lookups(timeout: Duration) -> Lookups {
        Lookups::new(Limiter::new(LOOKUPS, limits::LOOKUPS, Arc::new(Unobserved)), timeout)
    }

    #[test]
    fn only_permitted_addresses_of_a_name_are_kept() {
        let permitted_address: SocketAddr = "93.184.216.34:0".parse().unwrap();
        let refused_address: SocketAddr = "127.0.0.1:0".parse().unwrap();
        assert_eq!(
            permitted(AddressPolicy::WithPrivate, &[refused_address, permitted_address]).unwrap().collect::<Vec<_>>(),
            [permitted_address]
        );
        assert_eq!(
            permitted(AddressPolicy::WithPrivate, &[refused_address]).err(),
            Some(AddressRefused { address: refused_address.ip() })
        );
        assert_eq!(permitted(AddressPolicy::WithPrivate, &[]).unwrap().count(), 0);
    }

    #[tokio::test]
    async fn a_name_is_resolved_and_its_addresses_are_checked_against_the_policy() {
        let lookups = lookups(Duration::from_secs(60));
        let resolve = async |policy| {
            let name: Name = "localhost".parse().unwrap();
            Resolver::new(policy, &lookups).call(name).await.map(|found| found.count() > 0)
        };
        assert_eq!(resolve(AddressPolicy::Any).await, Ok(true));
        let refused = resolve(AddressPolicy::WithPrivate).await.unwrap_err();
        assert!(matches!(refused, LookupError::Refused(AddressRefused { address }) if address.is_loopback()));
    }

    #[tokio::test(start_paused = true)]
    async fn slow_name_resolution_of_one_host_does_not_delay_others() {
        let lookups = lookups(Duration::from_secs(1));
        let slow = Share::new("slow", Class::Unlisted);
        let held = lookups.use_up(&slow);
        let limit = limits::LOOKUPS.unlisted_host;
        assert_eq!(held.len(), limit);
        let reached = LimitReached {
            resource: LOOKUPS,
            scope: Scope::Host("slow".into()),
            at: None,
            found: limit,
            limit,
            reduced: None,
        };
        assert_eq!(lookups.addresses(slow, "localhost".to_owned()).await, Err(LookupError::Limit(reached)));
        let good = Share::new("good", Class::Listed);
        assert!(lookups.limiter.try_acquire(&good, 1).is_ok());
    }
}
