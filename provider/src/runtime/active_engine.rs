//! The engine in use, and its exchange for another.

use std::sync::Arc;

use super::aws::AwsServices;
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
    /// The clients of AWS that `current` uses.
    pub(super) aws: AwsServices,
    /// For the engines that follow.
    pub(super) external: ExternalServices,
}

/// The engine that follows, and what it uses.
pub(super) struct Successor {
    pub(super) engine: Engine,
    pub(super) aws: AwsServices,
}

impl ActiveEngine {
    /// New requests use the engine of `successor`. The former engine finishes its running requests, and its caches are emptied.
    pub(super) fn swap(&mut self, settings: ServerSettings, successor: Successor) {
        let Successor { engine, aws } = successor;
        self.server.swap(settings, Arc::new(engine.clone()));
        engine.take_over(&self.current);
        self.current = engine;
        self.aws = aws;
        self.aws.request_tokens();
    }
}
