//! Policies: the policy model, the trust policy documents of the Notary Project that are converted into it, and trust
//! stores ([trust store and trust policy
//! specification](https://github.com/notaryproject/specifications/blob/d4b62b949228911bd5e62da4f5f8dd38682d293a/specs/trust-store-trust-policy.md)).
//!
//! A [`Policy`] is an ordered list of rules. A [`Rule`] selects images and holds what they require, as a union by
//! signature scheme ([`Requirement`]). The table in `precedence` defines which of several rules applies to an image.
//!
//! Documents and files are parsed completely and strictly. Every mistake is reported, not only the first. The caller
//! provides the bytes.

mod anchor;
mod distinguished_name;
mod identity;
mod identity_error;
mod identity_mismatch;
mod level;
mod notation_requirement;
mod precedence;
mod rule;
mod signature_scheme;
mod signer_root;
mod store;
mod store_name;
mod trust_policy;

pub use anchor::Anchor;
pub use anchor::AnchoredChain;
pub use anchor::TrustedChain;
pub use anchor::TrustedLink;
pub use anchor::TsaChain;
pub use distinguished_name::NameError;
pub use identity::Identities;
pub use identity::Identity;
pub use identity::TrustedIdentity;
pub use identity_error::IdentityError;
pub use identity_mismatch::IdentityMismatch;
pub use level::Action;
pub use level::Level;
pub use level::RevocationAction;
pub use notation_requirement::NotationRequirement;
pub use notation_requirement::VerifyTimestamp;
pub use precedence::Claim;
pub use precedence::Policy;
pub use rule::Decision;
pub use rule::DeclaredImages;
pub use rule::ImageSelector;
pub use rule::Requirement;
pub use rule::Rule;
pub use signature_scheme::SignatureScheme;
pub use signer_root::RootsInUse;
pub use signer_root::SignerRoot;
pub use store::Store;
pub use store::StoreError;
pub use store::StoreProblem;
pub use store_name::StoreKind;
pub use store_name::StoreName;
pub use store_name::StoreNameError;
pub use store_name::StoreRef;
pub use trust_policy::BrokenStatement;
pub use trust_policy::PolicyError;
pub use trust_policy::PolicyProblem;
pub use trust_policy::Statement;
pub use trust_policy::TrustPolicy;
