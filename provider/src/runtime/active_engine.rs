//! The engine in use, and its exchange for another.

use std::sync::Arc;

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
    /// For the engines that follow.
    pub(super) external: ExternalServices,
}

impl ActiveEngine {
    /// New requests use `engine`. The former engine finishes its running requests, and its caches are emptied.
    pub(super) fn swap(&mut self, settings: ServerSettings, engine: Engine) {
        self.server.swap(settings, Arc::new(engine.clone()));
        engine.take_over(&self.current);
        self.current = engine;
    }
}
