//! Sessions of TLS servers: a connection that resumes one costs the server no signature and this process no check of certificates, and one
//! round trip less before TLS 1.3. The group of keys that a server has chosen is kept too, as a wrong first guess costs a round trip.
//!
//! They are kept by name and port: rustls asks for them by name only, and offers what one server has sent to another one behind the
//! same name. rustls resumes a session only under the verifier and with the client certificate with which it began, so that another
//! configuration of trusted authorities never takes it over.

use std::collections::VecDeque;
use std::fmt;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::OnceLock;
use std::sync::PoisonError;

use lru::LruCache;
use rustls::ClientConfig;
use rustls::NamedGroup;
use rustls::client::ClientSessionStore;
use rustls::client::Resumption;
use rustls::client::Tls12ClientSessionValue;
use rustls::client::Tls13ClientSessionValue;
use rustls_pki_types::ServerName;
use tokio::time::Instant;
use tokio_rustls::TlsConnector;

use crate::limits;

/// The last sessions of the servers that were connected to last. Clones share them.
#[derive(Clone)]
pub(crate) struct Sessions(Arc<Mutex<LruCache<ServerKey, Server>>>);

/// A server, as the settings or a redirect name it. Hosts of the settings share the table with others: a session that is lost costs a
/// whole handshake.
type ServerKey = (ServerName<'static>, u16);

#[derive(Default)]
struct Server {
    group: Option<NamedGroup>,
    tls12: Option<Kept<Tls12ClientSessionValue>>,
    /// Each is used once. The last ones, the newest one last.
    tls13: VecDeque<Kept<Tls13ClientSessionValue>>,
}

/// A session, and when the certificates of its server were checked.
struct Kept<T> {
    since: Instant,
    session: T,
}

/// TLS connections under one configuration, which resume sessions.
#[derive(Clone)]
pub(crate) struct TlsClient {
    /// Without sessions.
    config: Arc<ClientConfig>,
    sessions: Sessions,
}

/// One handshake with a server. If it does not succeed, the sessions of the server are forgotten.
struct Handshake {
    config: Arc<ClientConfig>,
    store: Arc<OfServer>,
    succeeded: bool,
}

/// The sessions of the servers at one port, for one handshake.
struct OfServer {
    sessions: Sessions,
    port: u16,
    offered: OnceLock<Offered>,
}

/// The server to which a session was offered, and [`Kept::since`] of that session.
struct Offered {
    name: ServerName<'static>,
    since: Instant,
}

impl<T> Kept<T> {
    fn is_usable(&self) -> bool {
        self.since.elapsed() < limits::SESSION_LIFETIME
    }
}

impl Sessions {
    pub(crate) fn new() -> Self {
        let servers = NonZeroUsize::new(limits::SESSION_SERVERS).unwrap_or(NonZeroUsize::MIN);
        Self(Arc::new(Mutex::new(LruCache::new(servers))))
    }

    fn lock(&self) -> MutexGuard<'_, LruCache<ServerKey, Server>> {
        // No operation can panic while the map is inconsistent.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn forget(&self, server: &ServerKey) {
        self.lock().pop(server);
    }
}

impl TlsClient {
    /// Connections under `config`, which must have no sessions of its own.
    pub(crate) fn new(config: Arc<ClientConfig>, sessions: Sessions) -> Self {
        Self { config, sessions }
    }

    /// The configuration, without sessions.
    pub(crate) fn config(&self) -> &ClientConfig {
        &self.config
    }

    /// A connection to a server at `port` by `connect`, which offers a session of the server if there is one. If the server refuses it,
    /// which is `is_refusal` of the error, it is connected to once more without a session: some servers refuse one that another server
    /// behind the same name and port has begun, in place of ignoring it.
    ///
    /// # Errors
    /// Those of `connect`.
    pub(crate) async fn connect<T, E, F>(
        &self,
        port: u16,
        is_refusal: fn(&E) -> bool,
        connect: impl Fn(TlsConnector) -> F,
    ) -> Result<T, E>
    where
        F: Future<Output = Result<T, E>>,
    {
        let handshake = Handshake::new(self, port);
        match connect(handshake.connector()).await {
            Ok(connected) => {
                handshake.succeeded();
                return Ok(connected);
            }
            Err(error) if handshake.has_offered() && is_refusal(&error) => {}
            Err(error) => return Err(error),
        }
        drop(handshake);
        connect(TlsConnector::from(Arc::clone(&self.config))).await
    }
}

impl Handshake {
    fn new(client: &TlsClient, port: u16) -> Self {
        let store = Arc::new(OfServer { sessions: client.sessions.clone(), port, offered: OnceLock::new() });
        Self { config: Arc::clone(&client.config), store, succeeded: false }
    }

    fn connector(&self) -> TlsConnector {
        let mut config = ClientConfig::clone(&self.config);
        config.resumption = Resumption::store(Arc::clone(&self.store) as Arc<dyn ClientSessionStore>);
        TlsConnector::from(Arc::new(config))
    }

    /// Keeps the sessions of the server.
    fn succeeded(mut self) {
        self.succeeded = true;
    }

    fn has_offered(&self) -> bool {
        self.store.offered.get().is_some()
    }
}

impl Drop for Handshake {
    fn drop(&mut self) {
        if let (false, Some(offered)) = (self.succeeded, self.store.offered.get()) {
            self.store.sessions.forget(&(offered.name.clone(), self.store.port));
        }
    }
}

impl OfServer {
    fn server(&self, name: &ServerName<'_>) -> ServerKey {
        (name.to_owned(), self.port)
    }

    fn update(&self, name: ServerName<'static>, change: impl FnOnce(&mut Server)) {
        change(self.sessions.lock().get_or_insert_mut((name, self.port), Server::default));
    }

    fn offers(&self, name: &ServerName<'_>, since: Instant) {
        // A handshake has one server.
        let _ = self.offered.set(Offered { name: name.to_owned(), since });
    }

    /// A session that the server has sent. If it may have resumed the one that it was offered, no certificates were checked since.
    fn kept<T>(&self, session: T) -> Kept<T> {
        Kept { since: self.offered.get().map_or_else(Instant::now, |offered| offered.since), session }
    }
}

impl ClientSessionStore for OfServer {
    fn set_kx_hint(&self, name: ServerName<'static>, group: NamedGroup) {
        self.update(name, |server| server.group = Some(group));
    }

    fn kx_hint(&self, name: &ServerName<'_>) -> Option<NamedGroup> {
        self.sessions.lock().get(&self.server(name))?.group
    }

    fn set_tls12_session(&self, name: ServerName<'static>, session: Tls12ClientSessionValue) {
        let kept = self.kept(session);
        self.update(name, |server| {
            server.tls13.clear();
            server.tls12 = Some(kept);
        });
    }

    fn tls12_session(&self, name: &ServerName<'_>) -> Option<Tls12ClientSessionValue> {
        let mut servers = self.sessions.lock();
        let kept = servers.get(&self.server(name))?.tls12.as_ref().filter(|kept| kept.is_usable())?;
        self.offers(name, kept.since);
        Some(kept.session.clone())
    }

    fn remove_tls12_session(&self, name: &ServerName<'static>) {
        if let Some(server) = self.sessions.lock().get_mut(&self.server(name)) {
            server.tls12 = None;
        }
    }

    fn insert_tls13_ticket(&self, name: ServerName<'static>, session: Tls13ClientSessionValue) {
        let kept = self.kept(session);
        self.update(name, |server| {
            server.tls12 = None;
            while server.tls13.len() >= limits::SESSIONS_PER_SERVER {
                server.tls13.pop_front();
            }
            server.tls13.push_back(kept);
        });
    }

    fn take_tls13_ticket(&self, name: &ServerName<'static>) -> Option<Tls13ClientSessionValue> {
        let newest = self.sessions.lock().get_mut(&self.server(name))?.tls13.pop_back()?;
        if !newest.is_usable() {
            return None;
        }
        self.offers(name, newest.since);
        Some(newest.session)
    }
}

impl fmt::Debug for OfServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Without the sessions, which are secret.
        f.debug_struct("Sessions").finish_non_exhaustive()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
