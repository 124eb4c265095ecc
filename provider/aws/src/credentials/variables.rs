//! Whether the variables of the environment can be used with which the pod gets credentials, before anything is sent.

use std::env;

use countersign_core::codec::text::Text;
use countersign_core::name::RoleArn;

use super::container;
use super::web_identity;
use crate::error::SourceProblem;
use crate::settings::AwsSettings;

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

/// What an operator may not expect: variables that are not used because others are not set, and keys that come before a role of the
/// pod. Nothing is read or sent; no text has a value that may be secret.
#[must_use]
pub fn pod_variable_warnings() -> Vec<Text> {
    warnings(|name| env::var(name).ok())
}

/// Whether the pod gets its credentials with a web identity, for which STS is called in the region of the pod. No file is read.
#[must_use]
pub fn uses_web_identity() -> bool {
    is_web_identity(|name| env::var(name).ok())
}

fn is_web_identity(variable: impl Fn(&str) -> Option<String>) -> bool {
    !has_static_keys(&variable) && web_identity::is_set(variable)
}

/// The variable that names the file of the token with which the pod requests its credentials; `None` without one. No file is read.
#[must_use]
pub fn pod_token_file() -> Option<&'static str> {
    token_file(|name| env::var(name).ok())
}

fn token_file(variable: impl Fn(&str) -> Option<String>) -> Option<&'static str> {
    if has_static_keys(&variable) {
        None
    } else if web_identity::is_set(&variable) {
        Some(TOKEN)
    } else {
        (container::is_set(&variable) && variable(container::TOKEN_FILE).is_some()).then_some(container::TOKEN_FILE)
    }
}

/// The source from which the pod gets its credentials, by the variables of the environment and by `settings`; `None` if there is none. The
/// file of the profile is not read.
#[must_use]
pub fn pod_source(settings: &AwsSettings) -> Option<Text> {
    source(|name| env::var(name).ok(), settings.profile.as_deref(), settings.instance_metadata)
}

fn source(variable: impl Fn(&str) -> Option<String>, profile: Option<&str>, instance_metadata: bool) -> Option<Text> {
    if has_static_keys(&variable) {
        return Some(Text::of("the keys of the environment"));
    }
    if web_identity::is_set(&variable) {
        // Another text is a mistake, and may be a secret.
        let role = variable(ROLE).and_then(|role| role.parse::<RoleArn>().ok());
        return role.map(|role| Text::of(format_args!("the web identity of {role}")));
    }
    if container::is_set(&variable) {
        return Some(Text::of("EKS Pod Identity"));
    }
    match (profile, instance_metadata) {
        (Some(profile), false) => Some(Text::of(format_args!("aws.profile {profile:?}"))),
        // The profile may have none.
        (Some(profile), true) => {
            Some(Text::of(format_args!("aws.profile {profile:?}, otherwise the instance metadata service")))
        }
        (None, true) => Some(Text::of("the instance metadata service")),
        (None, false) => None,
    }
}

const KEY_ID: &str = "AWS_ACCESS_KEY_ID";
const SECRET: &str = "AWS_SECRET_ACCESS_KEY";
/// What the SDK reads too.
const OTHER_SECRET: &str = "SECRET_ACCESS_KEY";
const SESSION_TOKEN: &str = "AWS_SESSION_TOKEN";
/// The beginning of access key identifiers of sessions
/// ([prefixes](https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html#identifiers-prefixes)).
const SESSION_KEY: &str = "ASIA";
const ROLE: &str = "AWS_ROLE_ARN";
const TOKEN: &str = "AWS_WEB_IDENTITY_TOKEN_FILE";

/// The variables that EKS Pod Identity and ECS set.
const CONTAINER: [&str; 2] = ["AWS_CONTAINER_CREDENTIALS_FULL_URI", "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"];

fn warnings(variable: impl Fn(&str) -> Option<String>) -> Vec<Text> {
    let has = |name: &str| variable(name).is_some_and(|value| !value.trim().is_empty());
    // In the order of the SDK.
    let secret = [SECRET, OTHER_SECRET].into_iter().find(|name| has(name));
    let half = |set: &str, other: &str, effect: &str| {
        Text::of(format_args!("the environment has {set} and not {other}, so that {effect}"))
    };
    let mut found = Vec::new();
    if has_static_keys(&variable) {
        let other = if web_identity::is_set(&variable) {
            Some(format!("the web identity ({ROLE} and {TOKEN})"))
        } else {
            CONTAINER.into_iter().find(|name| has(name)).map(|name| format!("EKS Pod Identity ({name})"))
        };
        found.extend(other.map(|other| {
            let secret = secret.unwrap_or(SECRET);
            Text::of(format_args!(
                "the environment has {KEY_ID} and {secret}, which come before {other}: the role of the pod is not used; remove them if \
                 it is to be used"
            ))
        }));
        let is_of_session = variable(KEY_ID).is_some_and(|id| id.starts_with(SESSION_KEY));
        if is_of_session && !has(SESSION_TOKEN) {
            found.push(Text::of(format_args!(
                "the environment has {KEY_ID} of a session ({SESSION_KEY}...) and not {SESSION_TOKEN}, so that AWS refuses the keys; set \
                 {SESSION_TOKEN} too"
            )));
        }
        return found;
    }
    match (has(KEY_ID), secret) {
        (true, None) => found.push(half(KEY_ID, SECRET, "the keys are not used; set both, or none of them")),
        (false, Some(secret)) => found.push(half(secret, KEY_ID, "the keys are not used; set both, or none of them")),
        (true, Some(_)) | (false, None) => {}
    }
    let web_identity = "the web identity is not used; the webhook of EKS sets both in pods that start after their service account has \
                        the annotation eks.amazonaws.com/role-arn";
    match (variable(ROLE).is_some(), variable(TOKEN).is_some()) {
        (true, false) => found.push(half(ROLE, TOKEN, web_identity)),
        (false, true) => found.push(half(TOKEN, ROLE, web_identity)),
        (true, true) | (false, false) => {}
    }
    found
}

/// Whether the SDK uses the keys of the environment: blank ones count as absent.
fn has_static_keys(variable: impl Fn(&str) -> Option<String>) -> bool {
    let has = |name| variable(name).is_some_and(|value| !value.trim().is_empty());
    has(KEY_ID) && (has(SECRET) || has(OTHER_SECRET))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_source_is_the_first_one_with_its_variables() {
        let of = |variables: &[(&str, &str)], profile: Option<&str>, metadata: bool| {
            let value =
                |name: &str| variables.iter().find(|(other, _)| *other == name).map(|(_, value)| (*value).to_owned());
            source(value, profile, metadata).map(|text| text.to_string())
        };
        let (id, secret) = ((KEY_ID, "AKIA"), (SECRET, "hunter2"));
        let (role, file) = ((ROLE, "arn:aws:iam::111122223333:role/pull"), (TOKEN, "/token"));
        let uri = ("AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://169.254.170.23/v1/credentials");
        for (variables, expected) in [
            (&[id, secret, role, file, uri][..], Some("the keys of the environment")),
            (&[id, role, file, uri], Some("the web identity of arn:aws:iam::111122223333:role/pull")),
            (&[(ROLE, "hunter2"), file], None),
            (&[role, uri], Some("EKS Pod Identity")),
            (&[role], Some("aws.profile \"ci\", otherwise the instance metadata service")),
        ] {
            assert_eq!(of(variables, Some("ci"), true).as_deref(), expected, "{variables:?}");
            let value =
                |name: &str| variables.iter().find(|(other, _)| *other == name).map(|(_, value)| (*value).to_owned());
            let is_used = variables.contains(&file) && !variables.contains(&secret);
            assert_eq!(is_web_identity(value), is_used, "{variables:?}");
        }
        assert_eq!(of(&[], Some("ci"), false).as_deref(), Some("aws.profile \"ci\""));
        assert_eq!(of(&[], None, true).as_deref(), Some("the instance metadata service"));
        assert_eq!(of(&[], None, false), None);
    }

    #[test]
    fn the_file_of_the_token_is_that_of_the_source_in_use() {
        let of = |variables: &[(&str, &str)]| {
            token_file(|name| variables.iter().find(|(other, _)| *other == name).map(|(_, value)| (*value).to_owned()))
        };
        let (id, secret) = ((KEY_ID, "AKIA"), (SECRET, "hunter2"));
        let (role, file) = ((ROLE, "arn:aws:iam::111122223333:role/pull"), (TOKEN, "/token"));
        let uri = ("AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://169.254.170.23/v1/credentials");
        let of_agent = (container::TOKEN_FILE, "/agent");
        for (variables, expected) in [
            (&[id, secret, role, file, uri, of_agent][..], None),
            (&[role, file, uri, of_agent], Some("AWS_WEB_IDENTITY_TOKEN_FILE")),
            (&[file, uri, of_agent], Some("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE")),
            (&[uri], None),
            (&[of_agent], None),
            (&[], None),
        ] {
            assert_eq!(of(variables), expected, "{variables:?}");
        }
    }

    #[test]
    fn variables_that_are_not_used_are_named() {
        let of = |variables: &[(&str, &str)]| {
            let value =
                |name: &str| variables.iter().find(|(other, _)| *other == name).map(|(_, value)| (*value).to_owned());
            warnings(value).iter().map(Text::to_string).collect::<Vec<_>>()
        };
        let (id, secret) = ((KEY_ID, "AKIA"), (SECRET, "hunter2"));
        let (role, file) = ((ROLE, "arn:aws:iam::111122223333:role/pull"), (TOKEN, "/token"));
        let uri = ("AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://169.254.170.23/v1/credentials");
        let keys = "so that the keys are not used; set both, or none of them";
        let no_secret = format!("the environment has AWS_ACCESS_KEY_ID and not AWS_SECRET_ACCESS_KEY, {keys}");
        let no_token = "the environment has AWS_ACCESS_KEY_ID of a session (ASIA...) and not AWS_SESSION_TOKEN, so that AWS refuses the \
                        keys; set AWS_SESSION_TOKEN too"
            .to_owned();
        let no_id = format!("the environment has AWS_SECRET_ACCESS_KEY and not AWS_ACCESS_KEY_ID, {keys}");
        let other = (OTHER_SECRET, "hunter2");
        let other_alone = format!("the environment has SECRET_ACCESS_KEY and not AWS_ACCESS_KEY_ID, {keys}");
        let unused = "so that the web identity is not used; the webhook of EKS sets both in pods that start after their service account \
                      has the annotation eks.amazonaws.com/role-arn";
        let no_file = format!("the environment has AWS_ROLE_ARN and not AWS_WEB_IDENTITY_TOKEN_FILE, {unused}");
        let no_role = format!("the environment has AWS_WEB_IDENTITY_TOKEN_FILE and not AWS_ROLE_ARN, {unused}");
        let before = |other: &str| {
            format!(
                "the environment has AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, which come before {other}: the role of the pod is not \
                 used; remove them if it is to be used"
            )
        };
        let web_identity = before("the web identity (AWS_ROLE_ARN and AWS_WEB_IDENTITY_TOKEN_FILE)");
        let pod_identity = before("EKS Pod Identity (AWS_CONTAINER_CREDENTIALS_FULL_URI)");
        for (variables, expected) in [
            (&[][..], vec![]),
            (&[id, secret], vec![]),
            (&[("AWS_ACCESS_KEY_ID", "ASIA1"), secret, ("AWS_SESSION_TOKEN", "hunter2")], vec![]),
            (&[("AWS_ACCESS_KEY_ID", "ASIA1"), secret], vec![no_token.clone()]),
            (&[("AWS_ACCESS_KEY_ID", "ASIA1"), secret, ("AWS_SESSION_TOKEN", " ")], vec![no_token]),
            (&[role, file], vec![]),
            (&[uri], vec![]),
            (&[id], vec![no_secret.clone()]),
            (&[id, (SECRET, " ")], vec![no_secret.clone()]),
            (&[id, ("SECRET_ACCESS_KEY", "hunter2")], vec![]),
            (&[other], vec![other_alone]),
            (&[secret, other], vec![no_id.clone()]),
            (&[secret], vec![no_id]),
            (&[role], vec![no_file.clone()]),
            (&[file], vec![no_role]),
            (&[id, role], vec![no_secret, no_file]),
            (&[id, secret, role], vec![]),
            (&[id, secret, role, file], vec![web_identity]),
            (&[id, other, uri], vec![pod_identity.replace("AWS_SECRET_ACCESS_KEY", "SECRET_ACCESS_KEY")]),
            (&[id, secret, uri], vec![pod_identity]),
        ] {
            assert_eq!(of(variables), expected, "{variables:?}");
        }
    }

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
