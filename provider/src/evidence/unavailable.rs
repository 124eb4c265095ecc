//! No evidence: there are no fetchers yet.

use countersign_core::evidence::Answer;
use countersign_core::evidence::EvidenceRequest;
use countersign_core::evidence::NotAvailable;
use countersign_core::evidence::Requests;
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use tokio::time::Instant;

use super::EvidenceSource;

/// Answers every request with [`Answer::NotAvailable`].
#[derive(Clone, Copy, Debug)]
pub struct Unavailable;

impl EvidenceSource for Unavailable {
    fn fetch<'a>(&'a self, requests: &'a Requests, _: Instant) -> BoxFuture<'a, Vec<Answer>> {
        let answer = |_: &EvidenceRequest| Answer::NotAvailable(NotAvailable::new("it is not supported yet"));
        std::future::ready(requests.iter().map(answer).collect()).boxed()
    }
}
