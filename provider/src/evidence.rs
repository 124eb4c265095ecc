//! Fetches the evidence that judgements ask for. Core says what is needed and judges what came back; this module gets it.
//!
//! A fetcher for OCSP responses, for CRLs or for AWS Signer is a file here, and is asked by the implementation of
//! [`EvidenceSource`] that the engine is given.

mod source;
mod unavailable;

pub use source::EvidenceSource;
pub use unavailable::Unavailable;
