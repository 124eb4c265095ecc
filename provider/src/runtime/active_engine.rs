//! The engine that answers requests, and its exchange for another.

use std::sync::Arc;

use crate::engine::Engine;
use crate::server::ReloadHandle;
use crate::server::ServerSettings;

/// The engine of the newest configuration.
pub(super) struct ActiveEngine {
    pub(super) server: ReloadHandle,
    pub(super) current: Engine,
}

impl ActiveEngine {
    /// Requests that come from now on are answered by `engine`. The former engine serves those under way, and its caches are
    /// emptied.
    pub(super) fn swap(&mut self, settings: ServerSettings, engine: Engine) {
        self.server.swap(settings, Arc::new(engine.clone()));
        engine.take_over(&self.current);
        self.current = engine;
    }
}
