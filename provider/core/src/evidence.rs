//! What a judgement needs from outside, and what came back. Data only: nothing is fetched here and nothing is judged.
//!
//! [`EvidenceRequest`] says what is asked for: an OCSP response, a CRL, the revocation status of AWS Signer. A request is
//! made only about a [`TrustedChain`](crate::policy::TrustedChain), so that nothing unverified leads to a URL.
//! [`Evidence`] holds the answers, in at most [`Evidence::ROUNDS`] rounds.
//!
//! A timestamp is in the envelope and needs nothing from outside but the revocation status of its own chain.

mod collected;
mod request;
mod response;

pub use collected::Evidence;
pub use collected::Progress;
pub use request::CrlKind;
pub use request::CrlRequest;
pub use request::EvidenceRequest;
pub use request::OcspRequest;
pub use request::Requests;
pub use request::SignerStatusRequest;
pub use response::EvidenceResponse;
pub use response::NotAvailable;
pub use response::Received;
pub use response::TooLarge;

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
