//! The engine in use, and its exchange for another.

use std::sync::Arc;

use super::clouds::CloudServices;
use super::external_services::ExternalServices;
use crate::engine::Engine;
use crate::evidence::Fetcher;
use crate::server::ReloadHandle;
use crate::server::ServerSettings;

/// The engine of the newest configuration.
pub(super) struct ActiveEngine {
    pub(super) server: ReloadHandle,
    pub(super) current: Engine,
    /// What evidence is in memory, for the engines that follow.
    pub(super) evidence: Fetcher,
    /// The clients of clouds that `current` uses.
    pub(super) clouds: CloudServices,
    /// For the engines that follow.
    pub(super) external: ExternalServices,
}

/// The engine that follows, and what it uses.
pub(super) struct Successor {
    pub(super) engine: Engine,
    pub(super) clouds: CloudServices,
}

impl ActiveEngine {
    /// New requests use the engine of `successor`. The former engine finishes its running requests, and its caches are emptied.
    pub(super) fn swap(&mut self, settings: ServerSettings, successor: Successor) {
        let Successor { engine, clouds } = successor;
        self.server.swap(settings, Arc::new(engine.clone()));
        engine.take_over(&self.current);
        self.current = engine;
        self.clouds = clouds;
        self.clouds.request_tokens();
    }
}
