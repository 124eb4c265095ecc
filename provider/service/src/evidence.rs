//! Fetches the evidence that judgements need. Core requests and judges it; this module fetches it.
//!
//! [`Fetcher`] is the source of OCSP responses and CRLs. It sends requests for what core requests and nothing else, so
//! only for certificates of trusted chains. It keeps what core has verified, and refreshes it in the background. A fetcher
//! of another kind of evidence is a file here, and is called by [`Fetcher`].

mod address;
mod aws_signer;
mod client;
mod failures;
mod fetched;
mod fetcher;
mod grace;
mod kept;
mod late_cause;
pub mod memory;
mod request_error;
mod settings;
mod source;
mod survey;
mod target;
mod trail;
mod unavailable;

pub use aws_signer::SignerAccess;
pub use aws_signer::SignerClient;
pub use aws_signer::SignerFailure;
pub use aws_signer::SignerService;
pub use fetcher::Fetcher;
pub(crate) use late_cause::late_cause;
pub use settings::FetchSettings;
pub use source::EvidenceSource;
pub use survey::Survey;
pub use survey::TriedAddress;
pub use survey::TryingSource;
pub use survey::UntriedCertificate;
pub use unavailable::Unavailable;
