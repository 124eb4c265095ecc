//! The error of every call.

use std::fmt;

use countersign_core::name::Repository;

use super::cause::Cause;
use super::credential_kind::CredentialKind;
use super::kind::RegistryErrorKind;
use crate::observer::Stage;

/// The error of a call about an image.
///
/// Contains no URL with its query, no token and no password. Text of a registry is an
/// [`Excerpt`](countersign_core::codec::excerpt::Excerpt), and host names from responses are DNS names.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}: {cause}", Failed(self))]
pub struct RegistryError {
    /// The repository of the image.
    pub repository: Repository,
    /// The purpose of the request.
    pub stage: Stage,
    /// The cause of an error.
    pub cause: Cause,
}

/// What failed, as the beginning of a message.
struct Failed<'a>(&'a RegistryError);

impl fmt::Display for Failed<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let RegistryError { repository, stage, cause } = self.0;
        let other = |f: &mut fmt::Formatter<'_>| write!(f, "cannot get the {} of {repository}", stage.as_str());
        let Cause::Denied { status, credential, ecr, role, .. } = cause else { return other(f) };
        let is_page = cause.is_page();
        let pulled = Pulled { repository, stage: *stage };
        // Some registries answer 401 to a credential without a permission, and 403 to one that has ended.
        let lacks_permission = match (ecr, role) {
            (Some(refusal), _) => refusal.is_permission(),
            (None, Some(refusal)) => refusal.is_permission(),
            // A page may be of a firewall, which has not looked at the credential.
            (None, None) => *status == 403 && !is_page,
        };
        match (credential, lacks_permission, stage) {
            // Of a redirect: the registry has granted what the other host refuses.
            (CredentialKind::Withheld, _, _) => other(f),
            (CredentialKind::NotRequested, _, _) => write!(f, "pulling {pulled} was refused"),
            (CredentialKind::Anonymous, _, _) => write!(f, "pulling {pulled} without credentials was refused"),
            (
                CredentialKind::Basic | CredentialKind::Issued | CredentialKind::IdentityToken | CredentialKind::Bearer,
                true,
                _,
            ) => write!(f, "there is no permission to pull {pulled}"),
            (
                CredentialKind::Basic | CredentialKind::Issued | CredentialKind::IdentityToken | CredentialKind::Bearer,
                false,
                Stage::Token,
            ) if !is_page => write!(f, "the credential for pulling {pulled} was refused"),
            // Registries answer so to a wrong credential, and to one without a permission.
            (
                CredentialKind::Basic | CredentialKind::Issued | CredentialKind::IdentityToken | CredentialKind::Bearer,
                false,
                Stage::Token | Stage::Manifest | Stage::Referrers | Stage::ReferrerManifest | Stage::Blob,
            ) => write!(f, "pulling {pulled} was refused"),
        }
    }
}

/// What a request is for: of a token, the image.
struct Pulled<'a> {
    repository: &'a Repository,
    stage: Stage,
}

impl fmt::Display for Pulled<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { repository, stage } = self;
        match stage {
            Stage::Token => repository.fmt(f),
            Stage::Manifest | Stage::Referrers | Stage::ReferrerManifest | Stage::Blob => {
                write!(f, "the {} of {repository}", stage.as_str())
            }
        }
    }
}

impl RegistryError {
    /// The kind of failure, a closed set for reason codes.
    #[must_use]
    pub fn kind(&self) -> RegistryErrorKind {
        self.cause.kind()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use countersign_http::FetchError;
    use countersign_http::HostPause;

    use super::*;
    use crate::error_body::RegistryErrorBody;

    fn denied(stage: Stage, status: u16, credential: CredentialKind) -> String {
        let cause = Cause::denied("auth.example".to_owned(), status, credential, RegistryErrorBody::default());
        RegistryError { repository: "r.example/app".parse().unwrap(), stage, cause }.to_string()
    }

    #[test]
    fn a_refusal_begins_with_what_was_refused() {
        for (stage, status, credential, expected) in [
            (
                Stage::Token,
                401,
                CredentialKind::Basic,
                "the credential for pulling r.example/app was refused: auth.example responds with status 401 to the configured user name and \
                 password",
            ),
            (
                Stage::Token,
                400,
                CredentialKind::IdentityToken,
                "the credential for pulling r.example/app was refused: auth.example responds with status 400 to the configured identity token",
            ),
            (
                Stage::Token,
                403,
                CredentialKind::Basic,
                "there is no permission to pull r.example/app: auth.example responds with status 403 to the configured user name and password",
            ),
            (
                Stage::Manifest,
                403,
                CredentialKind::Issued,
                "there is no permission to pull the manifest of r.example/app: auth.example responds with status 403 to the issued token",
            ),
            (
                Stage::Manifest,
                401,
                CredentialKind::Bearer,
                "pulling the manifest of r.example/app was refused: auth.example responds with status 401 to the configured bearer token",
            ),
            (
                Stage::Token,
                401,
                CredentialKind::Anonymous,
                "pulling r.example/app without credentials was refused: auth.example responds with status 401 to a request without \
                 credentials, as none are configured for it",
            ),
            (
                Stage::Manifest,
                403,
                CredentialKind::NotRequested,
                "pulling the manifest of r.example/app was refused: auth.example responds with status 403 to a request without credentials, \
                 as it did not ask for the configured ones",
            ),
            (
                Stage::Blob,
                403,
                CredentialKind::Withheld,
                "cannot get the blob of r.example/app: auth.example responds with status 403 to a request without credentials, as redirects \
                 to other hosts carry none",
            ),
        ] {
            assert_eq!(denied(stage, status, credential), expected);
        }
        let of_cloud = |host: &str, status, body: &[u8]| {
            let body = RegistryErrorBody::parse(body, 160, 160, &[]);
            let cause = Cause::denied(host.to_owned(), status, CredentialKind::Issued, body);
            let cause = cause.for_stage(Stage::Token);
            let repository = format!("{host}/app").parse().unwrap();
            let text = RegistryError { repository, stage: Stage::Token, cause }.to_string();
            text.split_once(": ").unwrap().0.to_owned()
        };
        // A role is missing, and a token has ended.
        assert_eq!(of_cloud("shops.azurecr.io", 401, b""), "there is no permission to pull shops.azurecr.io/app");
        let ecr = "111122223333.dkr.ecr.eu-central-1.amazonaws.com";
        let ended = br#"{"errors":[{"code":"DENIED","message":"Your authorization token has expired."}]}"#;
        assert_eq!(of_cloud(ecr, 403, ended), format!("the credential for pulling {ecr}/app was refused"));
        // A page may be that of a firewall.
        let page = b"<html>blocked</html>";
        assert_eq!(of_cloud("shops.azurecr.io", 403, page), "pulling shops.azurecr.io/app was refused");
        assert_eq!(of_cloud(ecr, 403, page), format!("pulling {ecr}/app was refused"));
        assert_eq!(of_cloud("shops.azurecr.io", 401, page), "there is no permission to pull shops.azurecr.io/app");
        // An outage is no refusal.
        let pause = HostPause { host: "auth.example".to_owned(), wait: std::time::Duration::from_secs(2) };
        let cause = Cause::Fetch(FetchError::Throttled(pause));
        let error = RegistryError { repository: "r.example/app".parse().unwrap(), stage: Stage::Token, cause };
        assert!(error.to_string().starts_with("cannot get the token of r.example/app: "), "{error}");
    }
}
