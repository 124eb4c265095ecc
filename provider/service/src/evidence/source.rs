//! The interface through which the engine gets evidence.

use countersign_core::evidence::EvidenceResponse;
use countersign_core::evidence::Requests;
use futures_util::future::BoxFuture;
use tokio::time::Instant;

/// Gets evidence from outside.
pub trait EvidenceSource: Send + Sync {
    /// One response for each request, in their order; evidence that is not available by `deadline` is
    /// [`EvidenceResponse::NotAvailable`].
    fn fetch<'a>(&'a self, requests: &'a Requests, deadline: Instant) -> BoxFuture<'a, Vec<EvidenceResponse>>;

    /// The source comes into use, in place of the one that was in use before: limits and background work follow its
    /// settings from now on.
    fn take_over(&self) {}
}
