//! The engine in use, and its exchange for another.

use std::sync::Arc;
use std::sync::Mutex;
use std::sync::PoisonError;

use super::clouds::CloudServices;
use super::external_services::ExternalServices;
use crate::engine::Engine;
use crate::evidence::Fetcher;
use crate::server::ReloadHandle;
use crate::server::ServerSettings;

/// The engine of the newest configuration.
pub(super) struct ActiveEngine {
    pub(super) server: ReloadHandle,
    pub(super) current: SharedEngine,
    /// What evidence is in memory, for the engines that follow.
    pub(super) evidence: Fetcher,
    /// The clients of clouds that `current` uses.
    pub(super) clouds: CloudServices,
    /// For the engines that follow.
    pub(super) external: ExternalServices,
}

/// The engine in use, for the task that polls the trust policy. Clones share it.
#[derive(Clone)]
pub(super) struct SharedEngine(Arc<Mutex<Engine>>);

impl SharedEngine {
    pub(super) fn new(engine: Engine) -> Self {
        Self(Arc::new(Mutex::new(engine)))
    }

    /// The engine in use.
    pub(super) fn get(&self) -> Engine {
        // No operation can panic while it is locked.
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn replace(&self, engine: Engine) -> Engine {
        std::mem::replace(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner), engine)
    }
}

/// The engine that follows, and what it uses.
pub(super) struct Successor {
    pub(super) engine: Engine,
    pub(super) clouds: CloudServices,
}

impl ActiveEngine {
    /// New requests use the engine of `successor`. The former engine finishes its running requests, and its caches are emptied; what it has
    /// verified lately is verified again. Within a runtime.
    pub(super) fn swap(&mut self, settings: ServerSettings, successor: Successor) {
        let Successor { engine, clouds } = successor;
        self.server.swap(settings, Arc::new(engine.clone()));
        let former = self.current.replace(engine.clone());
        let lately = former.verified_lately();
        engine.take_over(&former);
        engine.keep_connections();
        engine.verify_early(lately);
        self.clouds = clouds;
        self.clouds.request_tokens();
    }
}
