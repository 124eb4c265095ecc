//! X.509 certificates and the chains of the Notary Project's
//! [certificate requirements](https://github.com/notaryproject/specifications/blob/d4b62b949228911bd5e62da4f5f8dd38682d293a/specs/signature-specification.md#certificate-requirements).
//!
//! A chain is an ordered list that is checked link by link; no path is built, no trust store is asked
//! ([`crate::policy`] does that) and no time is looked at. DER is read strictly wherever its bytes decide something;
//! extensions that decide nothing here are passed over, critical ones too, as the specification wants it.
//!
//! A profile beside [`Chain::code_signing`], such as that of time stamp authorities, is a file beside
//! `x509/code_signing.rs` and a constructor in `x509/chain.rs`.

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
