//! The web identity token (IRSA), with a checked role: STS would refuse another text at each call.

use std::env;

use aws_credential_types::provider::ProvideCredentials;
use aws_credential_types::provider::error::CredentialsError;
use aws_credential_types::provider::future;
use countersign_core::name::RoleArn;

use crate::error::SourceProblem;
use crate::error::TokenFile;

/// The role, which EKS writes from the annotation of the service account.
const ROLE: &str = "AWS_ROLE_ARN";

/// The source of the SDK, with a checked variable.
#[derive(Debug)]
pub(super) struct WebIdentity<P>(pub(super) P);

impl<P: ProvideCredentials> ProvideCredentials for WebIdentity<P> {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        future::ProvideCredentials::new(async {
            check(|name| env::var(name).ok()).map_err(CredentialsError::provider_error)?;
            self.0.provide_credentials().await
        })
    }
}

/// Whether the source has its variables. Without them the next one is used.
pub(super) fn is_set(variable: impl Fn(&str) -> Option<String>) -> bool {
    [TokenFile::WebIdentity.named_by(), ROLE].into_iter().all(|name| variable(name).is_some())
}

/// # Errors
/// The source has its variables, and the role is not the ARN of a role.
pub(super) fn check(variable: impl Fn(&str) -> Option<String>) -> Result<(), SourceProblem> {
    let Some(role) = variable(ROLE).filter(|_| is_set(&variable)) else { return Ok(()) };
    role.parse::<RoleArn>().map(drop).map_err(|part| SourceProblem::Role(part.within(&role)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_role_must_be_the_arn_of_a_role() {
        let of = |variables: &[(&str, &str)]| {
            check(|name| variables.iter().find(|(other, _)| *other == name).map(|(_, value)| (*value).to_owned()))
        };
        let file = ("AWS_WEB_IDENTITY_TOKEN_FILE", "/token");
        for role in ["arn:aws:iam::111122223333:role/pull", "arn:aws-cn:iam::111122223333:role/path/pull"] {
            assert_eq!(of(&[file, (ROLE, role)]), Ok(()), "{role}");
        }
        // Without one of them, the source is not used.
        assert_eq!(of(&[(ROLE, "pull")]), Ok(()));
        assert_eq!(of(&[file]), Ok(()));
        let form = "arn:aws:iam::ACCOUNT:role/NAME, with the partition of the account and twelve digits";
        let digits = "arn:aws:iam::11112222333:role/pull";
        let blank = "arn:aws:iam::111122223333:role/pull ";
        for (role, expected) in [
            ("", format!("found \"\", expected {form}")),
            ("pull", format!("found \"pull\", expected {form}")),
            (digits, format!("found the account \"11112222333\" in {digits:?}, expected twelve digits")),
            (
                blank,
                format!(
                    "found the name of the role \"pull \" in {blank:?}, expected 1 to 64 letters, digits or characters of _+=,.@-"
                ),
            ),
        ] {
            let expected = format!("the environment variable AWS_ROLE_ARN: {expected}");
            assert_eq!(of(&[file, (ROLE, role)]).map_err(|problem| problem.to_string()), Err(expected));
        }
    }
}
