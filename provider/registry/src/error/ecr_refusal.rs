//! What a registry of Amazon ECR refuses, and what to do.

use std::fmt;

use countersign_core::name::EcrHost;
use countersign_core::name::Host;

use super::credential_kind::CredentialKind;
use crate::error_body::RegistryErrorBody;
use crate::observer::Stage;

/// A refusal by Amazon ECR, as far as its response tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EcrRefusal {
    /// The request had no credential.
    Anonymous,
    /// The token has ended, was revoked, or is that of another region.
    Token,
    /// The principal of the token lacks this IAM action.
    Permission {
        /// The name of the action.
        action: &'static str,
    },
}

impl EcrRefusal {
    /// Whether the credential is accepted, and has no permission.
    pub(super) fn is_permission(self) -> bool {
        match self {
            Self::Permission { .. } => true,
            Self::Anonymous | Self::Token => false,
        }
    }

    /// What `host` refuses with `status`, if it is a private registry of Amazon ECR or Amazon ECR Public.
    ///
    /// A response to HEAD has no text. Its 403 counts as a missing permission, as a token is replaced before it ends.
    pub(super) fn of(
        host: &str,
        status: u16,
        stage: Stage,
        credential: CredentialKind,
        error: &RegistryErrorBody,
    ) -> Option<Self> {
        let host = EcrHost::of(&host.parse::<Host>().ok()?)?;
        let action = action(&host, stage);
        match (credential, status) {
            (CredentialKind::Withheld | CredentialKind::NotRequested, _) => None,
            (CredentialKind::Anonymous, 400) => Some(Self::Token),
            (CredentialKind::Anonymous, _) => matches!(host, EcrHost::Private(_)).then_some(Self::Anonymous),
            (_, 403) if !names_token(error) => action.map(|action| Self::Permission { action }),
            (_, _) => Some(Self::Token),
        }
    }
}

/// Whether the text is about the token, as in `Your authorization token has expired. Reauthenticate and try again.`
fn names_token(error: &RegistryErrorBody) -> bool {
    error.excerpt().is_some_and(|text| text.escaped().to_ascii_lowercase().contains("authorization token"))
}

/// The IAM action that a request needs
/// ([actions](https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonelasticcontainerregistry.html)).
fn action(host: &EcrHost, stage: Stage) -> Option<&'static str> {
    match (host, stage) {
        // Everyone may read public images.
        (EcrHost::Public, _) | (EcrHost::Private(_), Stage::Token) => None,
        (EcrHost::Private(_), Stage::Manifest | Stage::Referrers | Stage::ReferrerManifest) => {
            Some("ecr:BatchGetImage")
        }
        (EcrHost::Private(_), Stage::Blob) => Some("ecr:GetDownloadUrlForLayer"),
    }
}

impl fmt::Display for EcrRefusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Anonymous => f.write_str("set `credentials.ecr` in its entry of registries"),
            Self::Token => f.write_str(
                "check that the credential is a token for the region of this registry, and the clock of the node",
            ),
            Self::Permission { action } => write!(
                f,
                "allow {action} on the repository to the role that the token was issued for, and in the policy of the \
                 repository if it is in another account"
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PRIVATE: &str = "111122223333.dkr.ecr.eu-central-1.amazonaws.com";

    fn error(message: &str) -> RegistryErrorBody {
        RegistryErrorBody::parse(
            format!(r#"{{"errors":[{{"code":"DENIED","message":"{message}"}}]}}"#).as_bytes(),
            160,
            160,
            &[],
        )
    }

    #[test]
    fn a_missing_permission_has_the_action_of_the_request() {
        let of = |stage| EcrRefusal::of(PRIVATE, 403, stage, CredentialKind::Issued, &error("User is not authorized"));
        let images = Some(EcrRefusal::Permission { action: "ecr:BatchGetImage" });
        let layers = Some(EcrRefusal::Permission { action: "ecr:GetDownloadUrlForLayer" });
        assert_eq!(
            Stage::ALL.iter().map(|stage| of(*stage)).collect::<Vec<_>>(),
            [None, images, images, images, layers]
        );
    }

    #[test]
    fn a_token_is_refused_with_any_status_and_only_amazon_refuses_so() {
        let ended = error("Your authorization token has expired. Reauthenticate and try again.");
        let (invalid, none) = (error("Your Authorization Token is invalid."), RegistryErrorBody::default());
        let of = |host, status, credential, error: &RegistryErrorBody| {
            EcrRefusal::of(host, status, Stage::Manifest, credential, error)
        };
        for credential in [CredentialKind::Issued, CredentialKind::Basic] {
            assert_eq!(of(PRIVATE, 403, credential, &ended), Some(EcrRefusal::Token));
            assert_eq!(of(PRIVATE, 400, credential, &invalid), Some(EcrRefusal::Token));
            assert_eq!(of(PRIVATE, 401, credential, &none), Some(EcrRefusal::Token));
            assert_eq!(of("public.ecr.aws", 400, credential, &invalid), Some(EcrRefusal::Token));
            assert_eq!(of("public.ecr.aws", 403, credential, &none), None);
            assert_eq!(of("registry.example", 403, credential, &ended), None);
        }
        assert_eq!(of(PRIVATE, 401, CredentialKind::Anonymous, &none), Some(EcrRefusal::Anonymous));
        assert_eq!(of("public.ecr.aws", 401, CredentialKind::Anonymous, &none), None);
        assert_eq!(of("public.ecr.aws", 400, CredentialKind::Anonymous, &invalid), Some(EcrRefusal::Token));
        assert_eq!(of(PRIVATE, 403, CredentialKind::Withheld, &none), None);
    }
}
