//! No evidence: there are no fetchers yet.

use countersign_core::evidence::EvidenceRequest;
use countersign_core::evidence::EvidenceResponse;
use countersign_core::evidence::NotAvailable;
use countersign_core::evidence::Requests;
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use tokio::time::Instant;

use super::EvidenceSource;

/// Answers every request with [`EvidenceResponse::NotAvailable`].
#[derive(Clone, Copy, Debug)]
pub struct Unavailable;

impl EvidenceSource for Unavailable {
    fn fetch<'a>(&'a self, requests: &'a Requests, _: Instant) -> BoxFuture<'a, Vec<EvidenceResponse>> {
        let response = |request: &EvidenceRequest| {
            EvidenceResponse::NotAvailable(NotAvailable::new(match request {
                EvidenceRequest::Ocsp(_) | EvidenceRequest::Crl(_) => "this version cannot ask for its status",
                EvidenceRequest::SignerStatus(_) => "this version cannot ask the service",
            }))
        };
        std::future::ready(requests.iter().map(response).collect()).boxed()
    }
}
