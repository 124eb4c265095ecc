//! The end of the use of evidence, for people. `inspect` and `check --online` print the same text.

use countersign_core::evidence::EndOfUse;
use countersign_core::evidence::UsableUntil;

/// `until` the time, and what ends the use.
pub(super) fn usable(UsableUntil { at, by }: &UsableUntil) -> String {
    let by = match by {
        EndOfUse::NextUpdate => "its nextUpdate",
        EndOfUse::MaxAge => "by evidence.ocspMaxAge",
        EndOfUse::ResponderCertificate => "the end of the certificate of its responder",
        EndOfUse::MaxLifetime => "by evidence.maxLifetime",
        EndOfUse::SignerGoodLifetime => "by aws.signer.goodLifetime",
        EndOfUse::SignerRevokedLifetime => "by aws.signer.revokedLifetime",
    };
    format!("until {at}, {by}")
}
