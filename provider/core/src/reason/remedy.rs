//! Remedies of cases.

use super::late_cause::LateCause;
use super::signer_cause::SignerCause;
use super::signer_revoked::SignerRevoked;
use crate::codec::text::Text;

/// The remedy of a case, in place of that of its code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Remedy {
    /// Of [`Code::RegistryTimeout`](super::Code::RegistryTimeout), and of [`Code::DeadlineExceeded`](super::Code::DeadlineExceeded)
    /// if a server of evidence is not reached.
    Late(LateCause),
    /// Of [`Code::SignerServiceUnchecked`](super::Code::SignerServiceUnchecked).
    SignerService(SignerCause),
    /// Of [`Code::Revoked`](super::Code::Revoked), for a signature of AWS Signer.
    SignerRevoked(SignerRevoked),
    /// Of [`Code::UntrustedIdentity`](super::Code::UntrustedIdentity): names the signer and the entry that would trust it. One
    /// sentence without a full stop.
    Identity(Text),
    /// Of the codes of registries, and of [`Code::Unsigned`](super::Code::Unsigned) if only mirrors are asked: names what is missing, the service that issues the credential, or what to do about a limit of the
    /// settings. One sentence without a full stop.
    Registry(Text),
    /// Of [`Code::TrustStoreUnusable`](super::Code::TrustStoreUnusable), for a store that is not in files: names its source. One
    /// sentence without a full stop.
    Store(Text),
}

impl Remedy {
    /// One sentence without a full stop.
    #[must_use]
    pub fn advice(&self) -> &str {
        match self {
            Self::Late(cause) => cause.advice(),
            Self::SignerService(cause) => cause.advice(),
            Self::SignerRevoked(revoked) => revoked.advice(),
            Self::Identity(text) | Self::Registry(text) | Self::Store(text) => text.as_str(),
        }
    }

    /// Heap memory that the value owns, in bytes.
    pub(super) fn heap_bytes(&self) -> usize {
        match self {
            Self::Late(_) | Self::SignerService(_) | Self::SignerRevoked(_) => 0,
            Self::Identity(text) | Self::Registry(text) | Self::Store(text) => text.heap_bytes(),
        }
    }
}
