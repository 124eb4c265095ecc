//! Verifies Notary Project signatures
//! ([specifications](https://github.com/notaryproject/specifications/tree/d4b62b949228911bd5e62da4f5f8dd38682d293a)),
//! in two phases: [`open`] runs the checks that need no evidence, [`judge`] the others, with [`crate::evidence`].
//!
//! Each check has a file; only `integrity` verifies signatures. No check can be forgotten, as [`Checks`] has a field
//! for each and is destructured completely. [`examine`] and [`describe`] explain the results of the same checks.

mod authenticity;
mod aws_signer;
mod binding;
mod envelope;
mod evidence_fact;
mod examination;
mod expiry;
mod explain;
mod facts;
mod input;
mod integrity;
mod outcome;
mod phases;
mod plugin;
mod revocation;
mod signer;
mod timestamp;
mod verified;

pub use envelope::Attributes;
pub use envelope::Envelope;
pub use envelope::EnvelopeError;
pub use envelope::EnvelopeFormat;
pub use envelope::ExtendedAttribute;
pub use envelope::PAYLOAD_TYPE;
pub use envelope::Sign1Error;
pub use envelope::SigningScheme;
pub use evidence_fact::EvidenceFact;
pub use evidence_fact::EvidenceKind;
pub use evidence_fact::EvidenceStatus;
pub use explain::Enforcement;
pub use explain::Examined;
pub use explain::Explanation;
pub use explain::Finding;
pub use explain::FindingResult;
pub use explain::describe;
pub use explain::examine;
pub use facts::AttributeFacts;
pub use facts::Facts;
pub use facts::TimestampContents;
pub use facts::TimestampFacts;
pub use input::Failure;
pub use input::VerificationInput;
pub use outcome::Check;
pub use outcome::CheckOutcome;
pub use outcome::Checks;
pub use phases::Opened;
pub use phases::judge;
pub use phases::open;
pub use signer::AwsSigner;
pub use signer::Signer;
pub use verified::VerifiedSignature;
pub use verified::loggable;

pub use crate::policy::Anchor;
pub use crate::x509::CertificateSummary;
