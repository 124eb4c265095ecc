//! Certificates: roots, intermediates, leaves, with all settings that negative cases need.
//!
//! The defaults follow the certificate requirements of the Notary Project (signature specification); each setting changes one of them.
//! Names and dates come from [`rcgen`]; all extensions are written here, because their criticality must be settable.

mod authority;
mod chain;
mod extension;
mod issue;
mod key;
mod name;
mod rsa;
mod spec;

pub use authority::Authority;
pub use chain::Chain;
pub use extension::KeyUsage;
pub use extension::eku;
pub use key::Key;
pub use key::KeyType;
pub use key::SignatureForm;
pub use spec::CertSpec;
