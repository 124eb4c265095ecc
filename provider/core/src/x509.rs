//! X.509 certificates and the chains of the Notary Project's
//! [certificate requirements](https://github.com/notaryproject/specifications/blob/d4b62b949228911bd5e62da4f5f8dd38682d293a/specs/signature-specification.md#certificate-requirements).
//!
//! A chain is an ordered list that is checked link by link. No path is built, no trust store is consulted (see
//! [`crate::policy`]) and no validity period is checked. DER that affects a decision is parsed strictly. Other
//! extensions are ignored, even if critical, as the specification requires.
//!
//! To add a profile, such as that of timestamping authorities, add a file next to `x509/code_signing.rs` and a
//! constructor like [`Chain::code_signing`] in `x509/chain.rs`.

mod certificate;
mod chain;
mod code_signing;
mod extension;
mod layout;
mod name;
mod parse;
mod summary;

pub use certificate::Certificate;
pub use chain::Chain;
pub use chain::ChainError;
pub use code_signing::ProfileError;
pub use extension::BasicConstraints;
pub use extension::DistributionPoint;
pub use extension::ExtendedKeyUsage;
pub use extension::KeyUsage;
pub use extension::KeyUse;
pub use extension::RevocationAddresses;
pub use name::Attribute;
pub use name::DistinguishedName;
pub use parse::CertificateError;
pub use summary::CertificateSummary;
