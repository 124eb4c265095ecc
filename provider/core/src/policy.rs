//! Whom an operator trusts: trust policy documents and trust stores, by the Notary Project's
//! [trust store and trust policy specification](https://github.com/notaryproject/specifications/blob/d4b62b949228911bd5e62da4f5f8dd38682d293a/specs/trust-store-trust-policy.md).
//!
//! Documents and files are read once, completely and strictly, into types that cannot say "verify nobody in
//! particular"; every mistake is reported, not only the first. Where the files come from is the caller's affair.

mod anchor;
mod by_scope;
mod distinguished_name;
mod document;
mod entries;
mod identity;
mod level;
mod mistakes;
mod reader;
mod statement;
mod store;

pub use anchor::Anchor;
pub use anchor::AnchoredChain;
pub use anchor::TrustedChain;
pub use anchor::TrustedLink;
pub use by_scope::ByScope;
pub use by_scope::Claim;
pub use by_scope::DeclaredScopes;
pub use distinguished_name::NameError;
pub use document::BrokenStatement;
pub use document::PolicyEntry;
pub use document::PolicyError;
pub use document::PolicyProblem;
pub use document::TrustPolicy;
pub use identity::Identities;
pub use identity::Identity;
pub use identity::IdentityError;
pub use identity::IdentityMismatch;
pub use identity::TrustedIdentity;
pub use level::Action;
pub use level::Level;
pub use level::RevocationAction;
pub use statement::Mode;
pub use statement::NotationRequirement;
pub use statement::Scopes;
pub use statement::Statement;
pub use statement::VerifyTimestamp;
pub use store::Store;
pub use store::StoreError;
pub use store::StoreKind;
pub use store::StoreName;
pub use store::StoreNameError;
pub use store::StoreProblem;
pub use store::StoreRef;
