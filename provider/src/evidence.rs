//! Fetches the evidence that judgements need. Core requests and judges it; this module fetches it.
//!
//! A fetcher for OCSP responses, for CRLs or for AWS Signer is a file here, and is called by the implementation of
//! [`EvidenceSource`] that `runtime` passes to the engine.

mod source;
mod unavailable;

pub use source::EvidenceSource;
pub use unavailable::Unavailable;
