//! Why a question about an image has no answer. Facts with both sides of a mismatch; what kind of failure it is says
//! [`RegistryErrorKind`].

mod cause;
mod kind;
mod refusal;
mod remedy;

pub use cause::Cause;
pub use cause::CredentialKind;
pub use cause::Fallback;
pub use cause::NoList;
pub use cause::RegistryError;
pub use kind::RegistryErrorKind;
pub use refusal::LinkRefusal;
pub use refusal::RealmRefusal;
