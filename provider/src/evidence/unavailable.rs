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
        let answer = |request: &EvidenceRequest| {
            Answer::NotAvailable(NotAvailable::new(match request {
                EvidenceRequest::Ocsp(_) | EvidenceRequest::Crl(_) => "this version cannot ask for its status",
                EvidenceRequest::SignerStatus(_) => "this version cannot ask the service",
            }))
        };
        std::future::ready(requests.iter().map(answer).collect()).boxed()
    }
}
