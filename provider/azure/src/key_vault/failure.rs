//! What failed at a vault, which decides what to do.

use countersign_cloud::CallError as _;
use countersign_core::codec::text::Text;
use countersign_credentials::CallResult;

use crate::error::AzureError;
use crate::refusal::Refusal;

/// Why a vault has given no usable answer, although there was a token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum VaultFailure {
    /// No connection, or it was interrupted.
    Unreachable,
    /// No complete answer in time.
    Late,
    /// It refuses because of the number of calls.
    Throttled,
    /// It reports a failure of its own.
    Failed,
    /// The role that reads is missing.
    Role,
    /// Its firewall does not serve the network of the pod.
    Network,
    /// It does not accept the token.
    Token,
    /// It has no such certificate or version.
    Absent,
    /// It refuses in another way.
    Refused,
    /// The answer is not that of a vault of this cloud, or has not the expected content.
    OtherAnswer,
    /// Nothing was sent.
    NotSent {
        /// The setting to correct.
        subject: Text,
    },
}

impl VaultFailure {
    /// That of `error`.
    pub(super) fn of(error: &AzureError) -> Self {
        if let Some(subject) = error.local_subject() {
            return Self::NotSent { subject };
        }
        match error.refusal() {
            Some(refusal) => Self::of_refusal(refusal),
            None => match error.result() {
                CallResult::Unreachable => Self::Unreachable,
                CallResult::Timeout => Self::Late,
                CallResult::Throttled => Self::Throttled,
                CallResult::Failed => Self::Failed,
                CallResult::Invalid => Self::OtherAnswer,
                CallResult::Credentials | CallResult::Refused | CallResult::NotAllowed => Self::Refused,
            },
        }
    }

    fn of_refusal(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Throttled => Self::Throttled,
            Refusal::Failure => Self::Failed,
            Refusal::VaultPermission | Refusal::VaultSecretPermission => Self::Role,
            Refusal::VaultNetwork => Self::Network,
            Refusal::VaultToken | Refusal::Claims => Self::Token,
            Refusal::VaultNotFound => Self::Absent,
            Refusal::VaultResource | Refusal::Foreign => Self::OtherAnswer,
            Refusal::VaultDisabled
            | Refusal::Unclassified
            | Refusal::Tenant
            | Refusal::Application
            | Refusal::FederatedIssuer
            | Refusal::FederatedAudience
            | Refusal::FederatedSubject
            | Refusal::Federated
            | Refusal::AssertionTime
            | Refusal::Assertion
            | Refusal::Secret
            | Refusal::SecretExpired
            | Refusal::Resource
            | Refusal::ConditionalAccess
            | Refusal::ManagedIdentity
            | Refusal::Permission
            | Refusal::Network => Self::Refused,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Kind;
    use crate::error::Operation;

    #[test]
    fn each_refusal_of_a_vault_has_its_failure() {
        let refused = |status: u16, inner: &str, of_secret: bool| {
            let refusal = Refusal::of_vault(status, inner, false, of_secret);
            let (code, message) = (Text::of(inner), Text::default());
            let kind = Kind::Refused { status, code, message, refusal, claims: None };
            VaultFailure::of(&AzureError::new(Operation::KeyVaultCertificate, kind))
        };
        for (status, inner, of_secret, expected) in [
            (401, "", false, VaultFailure::Token),
            (403, "ForbiddenByRbac", false, VaultFailure::Role),
            (403, "ForbiddenByRbac", true, VaultFailure::Role),
            (403, "ForbiddenByFirewall", false, VaultFailure::Network),
            (404, "", false, VaultFailure::Absent),
            (429, "", false, VaultFailure::Throttled),
            (503, "", false, VaultFailure::Failed),
            (400, "", false, VaultFailure::Refused),
        ] {
            assert_eq!(refused(status, inner, of_secret), expected, "{status} {inner}");
        }
        let of = |kind| VaultFailure::of(&AzureError::new(Operation::KeyVaultCertificate, kind));
        assert_eq!(of(Kind::Answer("no JSON".into())), VaultFailure::OtherAnswer);
        let subject = "the setting that the message names".into();
        assert_eq!(of(Kind::NotAllowed("a".into())), VaultFailure::NotSent { subject });
    }
}
