//! The rounds of evidence of a judgement.

use std::sync::Arc;

use countersign_core::evidence::Evidence;
use countersign_core::evidence::Requests;
use tokio::time::Instant;

use crate::evidence::EvidenceSource;

/// The evidence of one judgement, which grows in rounds. Core requests more in at most [`Evidence::ROUNDS`] rounds.
pub(super) struct Rounds<'s> {
    source: &'s dyn EvidenceSource,
    deadline: Instant,
    evidence: Arc<Evidence>,
}

impl<'s> Rounds<'s> {
    pub(super) fn new(source: &'s dyn EvidenceSource, deadline: Instant) -> Self {
        Self { source, deadline, evidence: Arc::new(Evidence::none()) }
    }

    /// Gets the requested evidence; returns all evidence after that.
    pub(super) async fn fetch(&mut self, requests: &Requests) -> Arc<Evidence> {
        // A pause of a server of evidence is not one of the registry. Responses that are late name their servers.
        let responses = countersign_http::apart(self.source.fetch(requests, self.deadline)).await;
        Arc::make_mut(&mut self.evidence).add_round(requests, responses);
        Arc::clone(&self.evidence)
    }
}
