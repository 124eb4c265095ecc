//! Whether the variables of the environment can be used with which the pod gets credentials, before anything is sent.

use std::env;

use countersign_core::codec::text::Text;

use super::container;
use super::web_identity;
use crate::error::SourceProblem;

/// Checks the variables of the source that would be used, in the order of the sources: one that comes before another makes that one's
/// variables insignificant. Nothing is read or sent.
///
/// # Errors
/// What is wrong and what to do, without values that may be secret. Credentials cannot be fetched then.
pub fn check_pod_variables() -> Result<(), Text> {
    check(|name| env::var(name).ok()).map_err(|problem| Text::of(format_args!("{problem}; {}", problem.remedy())))
}

fn check(variable: impl Fn(&str) -> Option<String>) -> Result<(), SourceProblem> {
    if has_static_keys(&variable) {
        return Ok(());
    }
    if web_identity::is_set(&variable) {
        return web_identity::check(&variable);
    }
    container::check(&variable)
}

/// Whether the SDK uses the keys of the environment: blank ones count as absent.
fn has_static_keys(variable: impl Fn(&str) -> Option<String>) -> bool {
    let has = |name| variable(name).is_some_and(|value| !value.trim().is_empty());
    has("AWS_ACCESS_KEY_ID") && (has("AWS_SECRET_ACCESS_KEY") || has("SECRET_ACCESS_KEY"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_source_that_is_used_must_have_usable_variables() {
        let of = |variables: &[(&str, &str)]| {
            let value =
                |name: &str| variables.iter().find(|(other, _)| *other == name).map(|(_, value)| (*value).to_owned());
            match check(value) {
                Ok(()) => "usable",
                Err(SourceProblem::Role(_)) => "role",
                Err(SourceProblem::Variable { variable, .. }) => variable,
                Err(other) => panic!("{other}"),
            }
        };
        let (id, secret) = (("AWS_ACCESS_KEY_ID", "AKIA"), ("AWS_SECRET_ACCESS_KEY", "hunter2"));
        let (role, file) = (("AWS_ROLE_ARN", "pull"), ("AWS_WEB_IDENTITY_TOKEN_FILE", "/token"));
        let uri = ("AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://agent.example/");
        let good_role = ("AWS_ROLE_ARN", "arn:aws:iam::111122223333:role/pull");
        for (variables, expected) in [
            (&[][..], "usable"),
            (&[role, file], "role"),
            (&[role, file, uri], "role"),
            (&[good_role, file, uri], "usable"),
            (&[role, uri], uri.0),
            (&[file, uri], uri.0),
            (&[role, file, uri, id, secret], "usable"),
            (&[role, file, id, ("SECRET_ACCESS_KEY", "hunter2")], "usable"),
            (&[role, file, id], "role"),
            (&[role, file, secret], "role"),
            (&[role, file, id, ("AWS_SECRET_ACCESS_KEY", " ")], "role"),
            (&[role, file, ("AWS_ACCESS_KEY_ID", ""), secret], "role"),
        ] {
            assert_eq!(of(variables), expected, "{variables:?}");
        }
    }
}
