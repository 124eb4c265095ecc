//! Certificates: roots, intermediates, leaves, with every knob that a negative case needs.
//!
//! The defaults follow §6 of the Notary Project's certificate rules; a knob departs from them one at a time.
//! Names and dates come from [`rcgen`]; all extensions are written here, because their criticality must be settable.

mod authority;
mod chain;
mod key;
mod name;
mod spec;

pub use authority::Authority;
pub use chain::Chain;
pub use key::Key;
pub use key::KeyType;
pub use key::SignatureForm;
pub use spec::CertSpec;
pub use spec::KeyUsage;
pub use spec::eku;
