//! Sessions of TLS servers: a connection that resumes one costs the server no signature and this process no check of certificates, and one
//! round trip less before TLS 1.3. The group of keys that a server has chosen is kept too, as a wrong first guess costs a round trip.
//!
//! rustls resumes a session only under the verifier and with the client certificate with which it began, so that another
//! configuration of trusted authorities never takes it over.

use std::collections::VecDeque;
use std::fmt;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;

use lru::LruCache;
use rustls::NamedGroup;
use rustls::client::ClientSessionStore;
use rustls::client::Resumption;
use rustls::client::Tls12ClientSessionValue;
use rustls::client::Tls13ClientSessionValue;
use rustls_pki_types::ServerName;
use tokio::time::Instant;

use crate::limits;

/// The last sessions of the servers that were connected to last. Clones share them.
#[derive(Clone)]
pub(crate) struct Sessions(Arc<Store>);

/// By name of the server. Hosts of the settings share it with others: a session that is lost costs a whole handshake.
struct Store(Mutex<LruCache<ServerName<'static>, Server>>);

#[derive(Default)]
struct Server {
    group: Option<NamedGroup>,
    tls12: Option<Kept<Tls12ClientSessionValue>>,
    /// Each is used once. The last ones, the newest one last.
    tls13: VecDeque<Kept<Tls13ClientSessionValue>>,
}

/// A session, and when it was received.
struct Kept<T> {
    since: Instant,
    session: T,
}

impl<T> Kept<T> {
    fn new(session: T) -> Self {
        Self { since: Instant::now(), session }
    }

    fn is_usable(&self) -> bool {
        self.since.elapsed() < limits::SESSION_LIFETIME
    }
}

impl Sessions {
    pub(crate) fn new() -> Self {
        let servers = NonZeroUsize::new(limits::SESSION_SERVERS).unwrap_or(NonZeroUsize::MIN);
        Self(Arc::new(Store(Mutex::new(LruCache::new(servers)))))
    }

    /// How connections resume these sessions.
    pub(crate) fn resumption(&self) -> Resumption {
        Resumption::store(Arc::clone(&self.0) as Arc<dyn ClientSessionStore>)
    }
}

impl Store {
    fn lock(&self) -> MutexGuard<'_, LruCache<ServerName<'static>, Server>> {
        // No operation can panic while the map is inconsistent.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn update(&self, name: ServerName<'static>, change: impl FnOnce(&mut Server)) {
        change(self.lock().get_or_insert_mut(name, Server::default));
    }
}

impl ClientSessionStore for Store {
    fn set_kx_hint(&self, name: ServerName<'static>, group: NamedGroup) {
        self.update(name, |server| server.group = Some(group));
    }

    fn kx_hint(&self, name: &ServerName<'_>) -> Option<NamedGroup> {
        self.lock().get(&name.to_owned())?.group
    }

    fn set_tls12_session(&self, name: ServerName<'static>, session: Tls12ClientSessionValue) {
        self.update(name, |server| {
            server.tls13.clear();
            server.tls12 = Some(Kept::new(session));
        });
    }

    fn tls12_session(&self, name: &ServerName<'_>) -> Option<Tls12ClientSessionValue> {
        let mut servers = self.lock();
        let kept = servers.get(&name.to_owned())?.tls12.as_ref().filter(|kept| kept.is_usable())?;
        Some(kept.session.clone())
    }

    fn remove_tls12_session(&self, name: &ServerName<'static>) {
        if let Some(server) = self.lock().get_mut(name) {
            server.tls12 = None;
        }
    }

    fn insert_tls13_ticket(&self, name: ServerName<'static>, session: Tls13ClientSessionValue) {
        self.update(name, |server| {
            server.tls12 = None;
            while server.tls13.len() >= limits::SESSIONS_PER_SERVER {
                server.tls13.pop_front();
            }
            server.tls13.push_back(Kept::new(session));
        });
    }

    fn take_tls13_ticket(&self, name: &ServerName<'static>) -> Option<Tls13ClientSessionValue> {
        let mut servers = self.lock();
        let newest = servers.get_mut(name)?.tls13.pop_back()?;
        newest.is_usable().then_some(newest.session)
    }
}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Without the sessions, which are secret.
        f.debug_struct("Sessions").finish_non_exhaustive()
    }
}
