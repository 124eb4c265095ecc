//! Docker's `config.json`, which is also what a `kubernetes.io/dockerconfigjson` secret holds.
//!
//! Only `auths` is used. Credential helpers are processes; none are started, and a file that wants them is refused
//! rather than read as if it had no credentials.

use std::collections::BTreeMap;
use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use countersign_core::codec::excerpt::Excerpt;
use countersign_core::json;
use countersign_core::name::Host;
use countersign_core::name::Repository;
use serde::Deserialize;

use crate::bounds;
use crate::login::Login;
use crate::secret::Secret;

/// The credentials of a Docker configuration, each bound to a host and perhaps to a path on it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DockerConfig {
    auths: Vec<Auth>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Auth {
    host: Host,
    /// Without slashes at its ends; empty for the whole host.
    path: String,
    login: Login,
}

/// A mistake in a Docker configuration. Never shows a credential.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DockerConfigError {
    #[error("Docker configuration has {found} bytes: want at most {}", bounds::DOCKER_CONFIG_BYTES)]
    TooLarge { found: usize },
    /// The parser's words are left out: they may quote a credential.
    #[error("Docker configuration is not a JSON object with an object auths and no member twice")]
    Json,
    #[error("Docker configuration has no auths")]
    NoAuths,
    #[error(
        "Docker configuration wants {member}, a credential helper: want credentials in auths, as no helper is ever started"
    )]
    Helper { member: &'static str },
    #[error("auths has {key:?}, which is not a registry host with an optional path")]
    Key { key: Excerpt },
    #[error("auths has {key:?} twice in different spellings")]
    Twice { key: Excerpt },
    #[error("auths of {key:?} has none of auth, username with password, identitytoken and registrytoken")]
    Empty { key: Excerpt },
    #[error("auth of {key:?} is not base64 of name:password")]
    Auth { key: Excerpt },
    #[error("a credential of {key:?} has control characters, or a colon in the user name")]
    Characters { key: Excerpt },
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Raw {
    auths: Option<BTreeMap<String, Option<RawAuth>>>,
    creds_store: Option<String>,
    cred_helpers: Option<BTreeMap<String, serde_json::Value>>,
}

#[derive(Default, Deserialize)]
struct RawAuth {
    auth: Option<String>,
    username: Option<String>,
    password: Option<String>,
    identitytoken: Option<String>,
    registrytoken: Option<String>,
}

impl DockerConfig {
    /// Reads a configuration of at most 1 MiB. Members that are not about credentials are ignored.
    ///
    /// # Errors
    /// All mistakes at once.
    pub fn parse(bytes: &[u8]) -> Result<Self, Vec<DockerConfigError>> {
        if bytes.len() > bounds::DOCKER_CONFIG_BYTES {
            return Err(vec![DockerConfigError::TooLarge { found: bytes.len() }]);
        }
        let raw: Raw =
            json::from_slice(bytes, &bounds::DOCKER_CONFIG_JSON).map_err(|_| vec![DockerConfigError::Json])?;
        let mut errors = Vec::new();
        if raw.creds_store.is_some_and(|name| !name.is_empty()) {
            errors.push(DockerConfigError::Helper { member: "credsStore" });
        }
        if raw.cred_helpers.is_some_and(|helpers| !helpers.is_empty()) {
            errors.push(DockerConfigError::Helper { member: "credHelpers" });
        }
        let mut auths: Vec<Auth> = Vec::new();
        let raw_auths = raw.auths.unwrap_or_default();
        if raw_auths.is_empty() {
            errors.push(DockerConfigError::NoAuths);
        }
        for (key, value) in raw_auths {
            match auth(&key, value.unwrap_or_default()) {
                Ok(auth) if auths.iter().any(|other| other.host == auth.host && other.path == auth.path) => {
                    errors.push(DockerConfigError::Twice { key: key.as_str().into() });
                }
                Ok(auth) => auths.push(auth),
                Err(error) => errors.push(error),
            }
        }
        if errors.is_empty() { Ok(Self { auths }) } else { Err(errors) }
    }

    /// Hosts that there are credentials for, as references name them, with the path that limits them.
    pub fn names(&self) -> impl Iterator<Item = String> + '_ {
        self.auths.iter().map(ToString::to_string)
    }

    /// The credential for `path` on `host` with the longest matching path, and its position.
    pub(crate) fn find(&self, host: &Host, path: &str) -> Option<(usize, &Login)> {
        self.auths
            .iter()
            .enumerate()
            .filter(|(_, auth)| auth.host == *host && covers(&auth.path, path))
            .max_by_key(|(_, auth)| auth.path.len())
            .map(|(position, auth)| (position, &auth.login))
    }
}

impl fmt::Display for Auth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let slash = if self.path.is_empty() { "" } else { "/" };
        write!(f, "{}{slash}{}", self.host, self.path)
    }
}

/// Whether `prefix` is `path` or a parent of it.
fn covers(prefix: &str, path: &str) -> bool {
    prefix.is_empty() || path.strip_prefix(prefix).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

fn auth(key: &str, raw: RawAuth) -> Result<Auth, DockerConfigError> {
    let (host, path) = place(key).ok_or_else(|| DockerConfigError::Key { key: key.into() })?;
    let filled = |text: Option<String>| text.filter(|text| !text.is_empty());
    let login = if let Some(token) = filled(raw.registrytoken) {
        Login::Bearer(Secret::new(token))
    } else if let Some(token) = filled(raw.identitytoken) {
        Login::IdentityToken(Secret::new(token))
    } else if let Some(auth) = filled(raw.auth) {
        let bad = || DockerConfigError::Auth { key: key.into() };
        let text = String::from_utf8(STANDARD.decode(auth.trim_end()).map_err(|_| bad())?).map_err(|_| bad())?;
        let (user, password) = text.split_once(':').ok_or_else(bad)?;
        Login::Basic { user: user.to_owned(), password: Secret::new(password.to_owned()) }
    } else {
        match (filled(raw.username), filled(raw.password)) {
            (Some(user), Some(password)) => Login::Basic { user, password: Secret::new(password) },
            (Some(_), None) | (None, Some(_)) | (None, None) => {
                return Err(DockerConfigError::Empty { key: key.into() });
            }
        }
    };
    if !login.is_sendable() {
        return Err(DockerConfigError::Characters { key: key.into() });
    }
    Ok(Auth { host, path, login })
}

/// Host and path of a key such as `ghcr.io`, `ghcr.io/team` or `https://index.docker.io/v1/`: the version of the API
/// is no path of repositories.
fn place(key: &str) -> Option<(Host, String)> {
    let rest = key.strip_prefix("https://").or_else(|| key.strip_prefix("http://")).unwrap_or(key);
    let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
    let path = path.trim_end_matches('/');
    let path = match path.split_once('/') {
        Some(("v1" | "v2", rest)) => rest,
        Some(_) => path,
        None if matches!(path, "v1" | "v2") => "",
        None => path,
    };
    if !path.is_empty() {
        format!("host.invalid/{path}").parse::<Repository>().ok()?;
    }
    Some((host.parse().ok()?, path.to_owned()))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn basic(user: &str, password: &str) -> Login {
        Login::Basic { user: user.to_owned(), password: Secret::new(password.to_owned()) }
    }

    fn find(config: &DockerConfig, host: &str, path: &str) -> Option<Login> {
        config.find(&host.parse().unwrap(), path).map(|(_, login)| login.clone())
    }

    fn errors(text: &str) -> Vec<DockerConfigError> {
        DockerConfig::parse(text.as_bytes()).unwrap_err()
    }

    #[test]
    fn reads_every_form_of_credential() {
        let config = DockerConfig::parse(
            br#"{"auths":{
                "https://index.docker.io/v1/":{"auth":"YWxpY2U6cGE6c3M="},
                "ghcr.io":{"username":"bob","password":"b"},
                "a.example:5000":{"auth":"eDp5","identitytoken":"refresh"},
                "http://b.example/v2/":{"registrytoken":"bearer"}
            },"HttpHeaders":{},"credsStore":"","credHelpers":{}}"#,
        )
        .unwrap();
        assert_eq!(find(&config, "docker.io", "library/nginx"), Some(basic("alice", "pa:ss")));
        assert_eq!(find(&config, "ghcr.io", "a/b"), Some(basic("bob", "b")));
        assert_eq!(find(&config, "a.example:5000", "a"), Some(Login::IdentityToken(Secret::new("refresh".to_owned()))));
        assert_eq!(find(&config, "b.example", "a"), Some(Login::Bearer(Secret::new("bearer".to_owned()))));
        assert_eq!(config.names().count(), 4);
    }

    #[test]
    fn a_credential_is_for_its_host_only() {
        let config = DockerConfig::parse(br#"{"auths":{"ghcr.io":{"auth":"eDp5"}}}"#).unwrap();
        for host in ["ghcr.io.evil.example", "evilghcr.io", "a.ghcr.io", "ghcr.io:5000"] {
            assert_eq!(find(&config, host, "a"), None, "{host}");
        }
    }

    #[test]
    fn the_longest_path_wins_and_ends_at_a_slash() {
        let config = DockerConfig::parse(
            br#"{"auths":{"r.example/team":{"auth":"dDp0"},"r.example/team/app":{"auth":"YTph"},"r.example":{"auth":"aDpo"}}}"#,
        )
        .unwrap();
        assert_eq!(find(&config, "r.example", "team/app"), Some(basic("a", "a")));
        assert_eq!(find(&config, "r.example", "team/app/x"), Some(basic("a", "a")));
        assert_eq!(find(&config, "r.example", "team/apple"), Some(basic("t", "t")));
        assert_eq!(find(&config, "r.example", "teammate"), Some(basic("h", "h")));
    }

    #[test]
    fn names_every_mistake_at_once() {
        let key = Excerpt::of;
        assert_eq!(
            errors(
                r#"{"credsStore":"desktop","credHelpers":{"x":"y"},"auths":{
                    "*.a.example":{"auth":"eDp5"},
                    "b.example":{},
                    "c.example":{"auth":"!"},
                    "d.example":{"auth":"eHk="},
                    "e.example":{"auth":"eDp5"},
                    "f.example":{"username":"a:b","password":"c"},
                    "g.example":{"registrytoken":"a\nb"},
                    "h.example":null,
                    "https://e.example/v2/":{"auth":"eDp5"},
                    "i.example/A B":{"auth":"eDp5"}
                }}"#
            ),
            [
                DockerConfigError::Helper { member: "credsStore" },
                DockerConfigError::Helper { member: "credHelpers" },
                DockerConfigError::Key { key: key("*.a.example") },
                DockerConfigError::Empty { key: key("b.example") },
                DockerConfigError::Auth { key: key("c.example") },
                DockerConfigError::Auth { key: key("d.example") },
                DockerConfigError::Characters { key: key("f.example") },
                DockerConfigError::Characters { key: key("g.example") },
                DockerConfigError::Empty { key: key("h.example") },
                DockerConfigError::Twice { key: key("https://e.example/v2/") },
                DockerConfigError::Key { key: key("i.example/A B") },
            ]
        );
    }

    #[test]
    fn refuses_other_documents() {
        for text in ["", "[]", r#"{"auths":[]}"#, r#"{"auths":{"a.b":{"auth":"eDp5"},"a.b":{"auth":"eDp5"}}}"#] {
            assert_eq!(errors(text), [DockerConfigError::Json], "{text}");
        }
        assert_eq!(errors("{}"), [DockerConfigError::NoAuths]);
        let found = bounds::DOCKER_CONFIG_BYTES + 1;
        assert_eq!(errors(&" ".repeat(found)), [DockerConfigError::TooLarge { found }]);
    }

    #[test]
    fn is_printed_without_its_secrets() {
        let config = DockerConfig::parse(br#"{"auths":{"ghcr.io":{"username":"bob","password":"hunter2"}}}"#).unwrap();
        assert!(!format!("{config:?}").contains("hunter2"));
    }
}
