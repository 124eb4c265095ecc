//! Errors of registry requests, with the found and the expected values. [`RegistryErrorKind`] classifies them.

mod authorities_of;
mod cause;
mod credential_kind;
mod credential_origin;
mod ecr_refusal;
mod kind;
mod page;
mod refusal;
mod registry_error;
mod remedy;
mod role_refusal;

pub use authorities_of::AuthoritiesOf;
pub use cause::Cause;
pub use cause::Fallback;
pub use cause::LocationFailure;
pub use cause::NoList;
pub use credential_kind::CredentialKind;
pub use credential_origin::CredentialOrigin;
pub use ecr_refusal::EcrRefusal;
pub use kind::RegistryErrorKind;
pub use refusal::LinkRefusal;
pub use refusal::RealmRefusal;
pub use registry_error::RegistryError;
pub use role_refusal::RoleRefusal;
