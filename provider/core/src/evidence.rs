//! Evidence: requests for external data that a judgement needs, and their responses. Data only: nothing is fetched
//! and nothing is judged here.
//!
//! An [`EvidenceRequest`] is for an OCSP response, a CRL, or the revocation status at AWS Signer. Requests are only
//! made about a [`TrustedChain`](crate::policy::TrustedChain) and its [links](crate::policy::TrustedLink), so that
//! unverified data never causes a request.
//! [`Evidence`] holds the responses, of at most [`Evidence::ROUNDS`] rounds.
//!
//! A fetcher sends a request ([`OcspRequest::encode`]; a CRL is only downloaded), and reads each response with
//! [`OcspRequest::read`] or [`CrlRequest::read`], which verify it: if a response is not usable, it goes on to the next
//! address.
//!
//! A timestamp is in the envelope. It needs evidence only for the revocation status of its chain.

mod collected;
mod request;
mod response;
mod settings;
mod signer_status;
mod usable_until;

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
pub use response::Sourced;
pub use settings::EvidenceSettings;
pub use signer_status::RevokedEntities;
pub use signer_status::RevokedEntity;
pub use signer_status::SignerStatus;
pub use signer_status::TooManyEntities;
pub use usable_until::EndOfUse;
pub use usable_until::UsableUntil;

pub use crate::reason::LateCause;
pub use crate::reason::SignerCause;

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
