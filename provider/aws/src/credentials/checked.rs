//! Sources whose credentials are checked before they are used: the SDK panics if a request cannot carry them.

use aws_credential_types::Credentials;
use aws_credential_types::provider::ProvideCredentials;
use aws_credential_types::provider::error::CredentialsError;
use aws_credential_types::provider::future;

use crate::error::Origin;
use crate::error::Part;
use crate::error::SourceProblem;
use crate::naming;

/// Most characters of an access key identifier
/// ([AccessKey](https://docs.aws.amazon.com/IAM/latest/APIReference/API_AccessKey.html)).
const KEY_ID_BYTES: usize = 128;

/// Most characters of a secret, which has 40.
const SECRET_BYTES: usize = 1024;

/// Most characters of a session token. It has no stated limit, and up to some kilobytes; it is sent in a header.
const TOKEN_BYTES: usize = 16 * 1024;

/// A source with checked credentials, which notes where they come from.
#[derive(Debug)]
pub(super) struct Checked<P> {
    pub(super) origin: Origin,
    pub(super) source: P,
}

impl<P: ProvideCredentials> ProvideCredentials for Checked<P> {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        future::ProvideCredentials::new(async {
            let credentials = self.source.provide_credentials().await?;
            check(self.origin, &credentials).map_err(CredentialsError::provider_error)?;
            naming::note_origin(self.origin);
            Ok(credentials)
        })
    }
}

/// # Errors
/// A request cannot carry the credentials.
pub(super) fn check(origin: Origin, credentials: &Credentials) -> Result<(), SourceProblem> {
    let (id, secret, token) =
        (credentials.access_key_id(), credentials.secret_access_key(), credentials.session_token());
    wrong_part(id, secret, token).map_or(Ok(()), |(part, found)| Err(SourceProblem::Credential { origin, part, found }))
}

/// The first part that a request cannot carry, and what is wrong with it.
pub(super) fn wrong_part(id: &str, secret: &str, token: Option<&str>) -> Option<(Part, &'static str)> {
    let word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    let visible = |byte: u8| byte.is_ascii_graphic();
    let of_id = wrong(id, KEY_ID_BYTES, word).map(|found| (Part::KeyId, found));
    let of_secret = || wrong(secret, SECRET_BYTES, visible).map(|found| (Part::Secret, found));
    let of_token = || wrong(token?, TOKEN_BYTES, visible).map(|found| (Part::SessionToken, found));
    of_id.or_else(of_secret).or_else(of_token)
}

/// What is wrong with a text of at most this size, whose bytes must be `allowed`.
fn wrong(text: &str, most: usize, allowed: impl Fn(u8) -> bool) -> Option<&'static str> {
    if text.is_empty() {
        return Some("nothing");
    }
    if text.len() > most {
        return Some("more characters than AWS issues");
    }
    let byte = text.bytes().find(|byte| !allowed(*byte))?;
    Some(match byte {
        b'\n' | b'\r' => "a line break",
        b' ' | b'\t' => "a space",
        _ => "another character",
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn of(id: &str, secret: &str, token: Option<&str>) -> Option<(Part, &'static str)> {
        let credentials = Credentials::new(id, secret, token.map(str::to_owned), None, "test");
        match check(Origin::Environment, &credentials) {
            Ok(()) => None,
            Err(SourceProblem::Credential { origin: Origin::Environment, part, found }) => Some((part, found)),
            Err(other) => panic!("{other}"),
        }
    }

    #[test]
    fn credentials_as_aws_issues_them_are_usable() {
        assert_eq!(of("AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", None), None);
        assert_eq!(of("ASIA_1", "s", Some("IQoJb3JpZ2luX2VjE==/+")), None);
        assert_eq!(of(&"A".repeat(128), &"s".repeat(1024), Some(&"t".repeat(16 * 1024))), None);
    }

    #[test]
    fn each_part_that_a_request_cannot_carry_is_named() {
        for (id, found) in [
            ("", "nothing"),
            ("AKIA\n", "a line break"),
            ("AK\r\nX-Header: x", "a line break"),
            (" AKIA", "a space"),
            ("AKIA\t", "a space"),
            ("AKIA/20260506", "another character"),
            ("AKIA,Signature=x", "another character"),
            ("AKIÄ", "another character"),
            ("AKIA\0", "another character"),
        ] {
            assert_eq!(of(id, "secret", None), Some((Part::KeyId, found)), "{id:?}");
        }
        assert_eq!(of(&"A".repeat(129), "s", None), Some((Part::KeyId, "more characters than AWS issues")));
        for (text, found) in [
            ("", "nothing"),
            ("s\n", "a line break"),
            ("a b", "a space"),
            ("sé", "another character"),
            ("s\x7f", "another character"),
        ] {
            assert_eq!(of("AKIA", text, None), Some((Part::Secret, found)), "{text:?}");
            assert_eq!(of("AKIA", "secret", Some(text)), Some((Part::SessionToken, found)), "{text:?}");
        }
        let long = "more characters than AWS issues";
        assert_eq!(of("AKIA", &"s".repeat(1025), None), Some((Part::Secret, long)));
        assert_eq!(of("AKIA", "s", Some(&"t".repeat(16 * 1024 + 1))), Some((Part::SessionToken, long)));
    }

    #[test]
    fn the_message_names_the_variable_or_the_source_and_no_value() {
        let text = |origin| {
            let credentials = Credentials::new("AKIAHUNTER\n", "hunter2", None, None, "test");
            check(origin, &credentials).unwrap_err().to_string()
        };
        let expected = "found a line break, expected 1 to 128 letters, digits or underscores";
        for (origin, name) in [
            (Origin::Environment, "the environment variable AWS_ACCESS_KEY_ID"),
            (Origin::Sts, "the access key identifier in the answer of STS"),
            (Origin::Container, "the access key identifier in the answer of the agent on the node"),
            (Origin::Profile, "the access key identifier of aws.profile"),
            (Origin::InstanceMetadata, "the access key identifier in the answer of the instance metadata service"),
            (Origin::Other, "the access key identifier"),
        ] {
            assert_eq!(text(origin), format!("{name}: {expected}"));
        }
    }
}
