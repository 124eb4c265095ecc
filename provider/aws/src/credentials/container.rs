//! The endpoint of credentials on the node. Its variables are checked here: the errors of the SDK have the whole URL, which can
//! have a login or a key.

use std::env;
use std::net::IpAddr;
use std::net::Ipv4Addr;
use std::net::Ipv6Addr;

use aws_credential_types::provider::ProvideCredentials;
use aws_credential_types::provider::error::CredentialsError;
use aws_credential_types::provider::future;
use aws_smithy_runtime_api::client::dns::DnsFuture;
use aws_smithy_runtime_api::client::dns::ResolveDns;
use aws_smithy_runtime_api::client::dns::ResolveDnsError;
use url::Host;
use url::Url;

use crate::error::SourceProblem;

const RELATIVE: &str = "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI";
const FULL: &str = "AWS_CONTAINER_CREDENTIALS_FULL_URI";
const TOKEN: &str = "AWS_CONTAINER_AUTHORIZATION_TOKEN";
pub(super) const TOKEN_FILE: &str = "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE";

const PATH: &str = "a path that begins with /";
const URL: &str = "https://HOST/PATH, or http:// with localhost or an address of loopback or of the agent (169.254.170.23, \
                   169.254.170.2, fd00:ec2::23), without a login";

/// The only name of a host that may have `http://`. The SDK would resolve any name without a limit of time, once for the life of the
/// process; and what it resolves to may be another address when the token is sent.
const LOCALHOST: &str = "localhost";

/// Resolves `localhost` for the check of the SDK, without a request.
#[derive(Clone, Copy, Debug)]
pub(super) struct Loopback;

impl ResolveDns for Loopback {
    fn resolve_dns<'a>(&'a self, name: &'a str) -> DnsFuture<'a> {
        DnsFuture::ready(if name.eq_ignore_ascii_case(LOCALHOST) {
            Ok(vec![IpAddr::V4(Ipv4Addr::LOCALHOST)])
        } else {
            Err(ResolveDnsError::new("only localhost is resolved"))
        })
    }
}

/// The source of the SDK, with checked variables.
#[derive(Debug)]
pub(super) struct Container<P>(pub(super) P);

impl<P: ProvideCredentials> ProvideCredentials for Container<P> {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        future::ProvideCredentials::new(async {
            check(|name| env::var(name).ok()).map_err(CredentialsError::provider_error)?;
            self.0.provide_credentials().await.map_err(without_url)
        })
    }
}

/// An error of the SDK about the URL, such as a host without an allowed address, without the URL.
fn without_url(error: CredentialsError) -> CredentialsError {
    match error {
        CredentialsError::InvalidConfiguration(_) => {
            let (variable, expected) = if env::var_os(RELATIVE).is_some() { (RELATIVE, PATH) } else { (FULL, URL) };
            let found = "a host without such an address";
            CredentialsError::provider_error(SourceProblem::Variable { variable, found, expected })
        }
        CredentialsError::CredentialsNotLoaded(_)
        | CredentialsError::ProviderTimedOut(_)
        | CredentialsError::ProviderError(_)
        | CredentialsError::Unhandled(_)
        | _ => error,
    }
}

/// Whether the source has one of its variables. Without them the next one is used.
pub(super) fn is_set(variable: impl Fn(&str) -> Option<String>) -> bool {
    [FULL, RELATIVE].into_iter().any(|name| variable(name).is_some())
}

/// # Errors
/// A variable cannot be used.
pub(super) fn check(variable: impl Fn(&str) -> Option<String>) -> Result<(), SourceProblem> {
    let wrong = |variable, found, expected| Err(SourceProblem::Variable { variable, found, expected });
    // In the order of the SDK.
    match (variable(RELATIVE), variable(FULL)) {
        (Some(path), _) if !path.starts_with('/') || path.chars().any(|c| !c.is_ascii_graphic()) => {
            return wrong(RELATIVE, "another text", PATH);
        }
        (None, Some(url)) => {
            if let Some(found) = wrong_url(&url) {
                return wrong(FULL, found, URL);
            }
        }
        (Some(_), _) => {}
        (None, None) => return Ok(()),
    }
    let token = variable(TOKEN).filter(|_| variable(TOKEN_FILE).is_none());
    match token {
        Some(token) if token.chars().any(|c| !c.is_ascii_graphic() && c != ' ') => {
            wrong(TOKEN, "a line break or another character that no header can have", "the token")
        }
        Some(_) | None => Ok(()),
    }
}

/// What is wrong with the URL.
fn wrong_url(text: &str) -> Option<&'static str> {
    let Ok(url) = Url::parse(text) else { return Some("a text that is no URL") };
    if !url.username().is_empty() || url.password().is_some() || text.contains('@') {
        return Some("a URL with a login");
    }
    if text.chars().any(|c| !c.is_ascii_graphic()) {
        return Some("a text that is no URL");
    }
    let address = match (url.scheme(), url.host()) {
        ("https", Some(_)) => return None,
        ("http", Some(Host::Domain(LOCALHOST))) => return None,
        ("http", Some(Host::Domain(_))) => return Some("http:// with the name of another host"),
        ("http", Some(Host::Ipv4(address))) => IpAddr::V4(address),
        ("http", Some(Host::Ipv6(address))) => IpAddr::V6(address),
        _ => return Some("a URL with another scheme"),
    };
    (!address.is_loopback() && !AGENTS.contains(&address)).then_some("another address")
}

/// The addresses of the agents of ECS and EKS.
const AGENTS: [IpAddr; 3] = [
    IpAddr::V4(Ipv4Addr::new(169, 254, 170, 2)),
    IpAddr::V4(Ipv4Addr::new(169, 254, 170, 23)),
    IpAddr::V6(Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x23)),
];

#[cfg(test)]
mod tests {
    use super::*;

    /// The name of the variable that cannot be used, and what is wrong.
    fn of(variables: &[(&str, &str)]) -> Option<(&'static str, &'static str)> {
        let value =
            |name: &str| variables.iter().find(|(other, _)| *other == name).map(|(_, value)| (*value).to_owned());
        match check(value) {
            Ok(()) => None,
            Err(SourceProblem::Variable { variable, found, .. }) => Some((variable, found)),
            Err(other) => panic!("{other}"),
        }
    }

    #[test]
    fn the_urls_of_eks_and_ecs_can_be_used() {
        for url in [
            "http://169.254.170.23/v1/credentials",
            "http://169.254.170.2/v2/credentials/0a1b",
            "http://[fd00:ec2::23]/v1/credentials",
            "http://127.0.0.1:8080/v1?x=y",
            "http://[::1]/v1",
            "http://localhost:8080/v1",
            "http://LocalHost/v1",
            "https://agent.example/v1",
        ] {
            assert_eq!(of(&[(FULL, url)]), None, "{url}");
        }
        assert_eq!(of(&[(RELATIVE, "/v2/credentials/0a1b")]), None);
        assert_eq!(of(&[(RELATIVE, "/v2/credentials/0a1b"), (FULL, "nothing")]), None);
        assert_eq!(of(&[]), None);
    }

    #[test]
    fn another_url_is_refused_by_its_variable() {
        for (url, found) in [
            ("", "a text that is no URL"),
            ("169.254.170.23/v1", "a text that is no URL"),
            ("http://user:hunter2@169.254.170.23/v1", "a URL with a login"),
            ("http://user:hunter2@10.0.0.1/v1", "a URL with a login"),
            ("https://user@agent.example/v1", "a URL with a login"),
            ("https://@agent.example/v1", "a URL with a login"),
            ("http://169.254.170.23/v1\n", "a text that is no URL"),
            ("ftp://127.0.0.1/", "a URL with another scheme"),
            ("file:///etc/passwd", "a URL with another scheme"),
            ("http://agent.example/v1", "http:// with the name of another host"),
            ("http://localhost.example/v1", "http:// with the name of another host"),
            ("http://localhost./v1", "http:// with the name of another host"),
            ("http://10.0.0.1/v1", "another address"),
            ("http://169.254.169.254/v1", "another address"),
            ("http://[fe80::1]/v1", "another address"),
        ] {
            assert_eq!(of(&[(FULL, url)]), Some((FULL, found)), "{url:?}");
        }
        for path in ["", "v1/credentials", "@evil.example/x", "http://evil.example/x", "/v1\n"] {
            assert_eq!(of(&[(RELATIVE, path)]), Some((RELATIVE, "another text")), "{path:?}");
        }
    }

    #[test]
    fn a_token_that_no_header_can_have_is_refused_by_its_variable() {
        let uri = (FULL, "http://169.254.170.23/v1/credentials");
        let wrong = Some((TOKEN, "a line break or another character that no header can have"));
        assert_eq!(of(&[uri, (TOKEN, "hunter2\n")]), wrong);
        assert_eq!(of(&[uri, (TOKEN, "hunter2\r\nX: y")]), wrong);
        assert_eq!(of(&[uri, (TOKEN, "hunter2")]), None);
        // The file takes precedence.
        assert_eq!(of(&[uri, (TOKEN, "hunter2\n"), (TOKEN_FILE, "/token")]), None);
        assert_eq!(of(&[(TOKEN, "hunter2\n")]), None);
    }
}
