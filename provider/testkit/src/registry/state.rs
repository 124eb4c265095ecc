//! State of a registry.

use std::sync::Arc;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::atomic::AtomicBool;

use rustls::ServerConfig;

use crate::registry::auth::Authentication;
use crate::registry::auth::TokenService;
use crate::registry::fault::Faults;
use crate::registry::request_log::RequestLog;
use crate::registry::store::Store;

/// State shared by the handle and all connections. Locks are held briefly and never across an await.
#[derive(Debug)]
pub(crate) struct State {
    store: Mutex<Store>,
    authentication: Mutex<Authentication>,
    tokens: Mutex<Option<TokenService>>,
    pub(crate) faults: Arc<Faults>,
    pub(crate) log: RequestLog,
    pub(crate) client_certificates_required: Arc<AtomicBool>,
    /// For new connections; `None` over plain HTTP.
    tls: Mutex<Option<Arc<ServerConfig>>>,
    /// Without a trailing slash.
    pub(crate) url: String,
}

impl State {
    pub(crate) fn new(url: String) -> Self {
        Self {
            store: Mutex::new(Store::new()),
            authentication: Mutex::new(Authentication::NotRequired),
            tokens: Mutex::new(None),
            faults: Arc::default(),
            log: RequestLog::new(),
            client_certificates_required: Arc::default(),
            tls: Mutex::new(None),
            url,
        }
    }

    pub(crate) fn tls(&self) -> MutexGuard<'_, Option<Arc<ServerConfig>>> {
        self.tls.lock().expect("the lock is not poisoned")
    }

    pub(crate) fn store(&self) -> MutexGuard<'_, Store> {
        self.store.lock().expect("the lock is not poisoned")
    }

    pub(crate) fn authentication(&self) -> MutexGuard<'_, Authentication> {
        self.authentication.lock().expect("the lock is not poisoned")
    }

    pub(crate) fn tokens(&self) -> MutexGuard<'_, Option<TokenService>> {
        self.tokens.lock().expect("the lock is not poisoned")
    }
}
