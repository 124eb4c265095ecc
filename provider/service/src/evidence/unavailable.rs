//! The evidence source without fetchers.

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
            EvidenceResponse::NotAvailable(match request {
                EvidenceRequest::Ocsp(_) | EvidenceRequest::Crl(_) => NotAvailable::revocation_not_requested(),
                EvidenceRequest::SignerStatus(_) => NotAvailable::signer_service_not_called(),
            })
        };
        std::future::ready(requests.iter().map(response).collect()).boxed()
    }
}
