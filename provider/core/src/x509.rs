//! X.509 certificates and the chains of the Notary Project's
//! [certificate requirements](https://github.com/notaryproject/specifications/blob/d4b62b949228911bd5e62da4f5f8dd38682d293a/specs/signature-specification.md#certificate-requirements).
//!
//! A code signing chain is an ordered list that is checked link by link. No path is built, no trust store is consulted
//! (see [`crate::policy`]) and no validity period is checked. DER that affects a decision is parsed strictly. Other
//! extensions are ignored, even if critical, as the specification requires.
//!
//! CRLs ([`Crl`]) and OCSP responses ([`ocsp::OcspAnswer`]) are verified when they are read.
//!
//! The path of a timestamping authority is built ([`TimestampingChain`]), as a timestamp token lists certificates
//! without order and without a root; RFC 5280 applies to it.

mod certificate;
mod chain;
mod code_signing;
mod crl;
mod distribution_point;
mod extension;
mod layout;
mod name;
pub mod ocsp;
mod parse;
mod reason_set;
mod revocation_reason;
mod signed_extension;
mod summary;
mod timestamping;
mod timestamping_chain;

pub use certificate::Certificate;
pub use chain::Chain;
pub use chain::ChainError;
pub use code_signing::ProfileError;
pub use crl::Crl;
pub use crl::CrlEntry;
pub use crl::CrlError;
pub use crl::CrlNumber;
pub use crl::CrlScope;
pub use crl::ScopeMismatch;
pub use distribution_point::DistributionPoint;
pub use extension::BasicConstraints;
pub use extension::ExtendedKeyUsage;
pub use extension::KeyUsage;
pub use extension::KeyUse;
pub use extension::RevocationAddresses;
pub(crate) use layout::time as read_time;
pub use name::Attribute;
pub use name::DistinguishedName;
pub use parse::CertificateError;
pub use reason_set::ReasonSet;
pub use revocation_reason::RevocationReason;
pub use summary::CertificateSummary;
pub use timestamping_chain::TimestampingChain;
pub use timestamping_chain::TimestampingChainError;
