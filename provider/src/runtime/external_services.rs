//! Services outside of the process that the caller of the library provides.

use crate::evidence::SignerAccess;

/// Services in place of those that the configuration describes, also after a reload. The demo has its own.
#[derive(Clone, Debug, Default)]
pub struct ExternalServices {
    /// AWS Signer.
    pub signer: Option<SignerAccess>,
}
