//! Which servers are believed, and why one is not.

mod authorities;
mod failure;
mod verifier;

pub use authorities::Authorities;
pub use authorities::AuthoritiesError;
pub use failure::Names;
pub use failure::TlsFailure;
pub use failure::Vouchers;
pub use failure::of as tls_failure;
pub use verifier::Verifier;
