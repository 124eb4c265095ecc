//! Where the engine gets evidence.

use countersign_core::evidence::Answer;
use countersign_core::evidence::Requests;
use futures_util::future::BoxFuture;
use tokio::time::Instant;

/// Gets evidence from outside.
pub trait EvidenceSource: Send + Sync {
    /// One answer for each request, in their order; what cannot be had by `deadline` is [`Answer::NotAvailable`].
    fn fetch<'a>(&'a self, requests: &'a Requests, deadline: Instant) -> BoxFuture<'a, Vec<Answer>>;
}
