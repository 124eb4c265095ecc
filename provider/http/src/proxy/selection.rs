//! Selects the proxy of a request.

use std::fmt;

use url::Url;

use super::choice::ProxyChoice;
use super::environment::ProxyEnvironment;
use super::internal_host::InternalHost;
use super::internal_host::internal_host;
use super::server::ProxyServer;
use crate::origin::authority;

/// A proxy rule of the settings, for one host or for a pattern.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProxyRule {
    /// The configured choice.
    pub choice: ProxyChoice,
    /// The name of the setting in messages.
    pub setting: String,
    /// Whether the rule is for exactly one host, which may have a name for private use.
    pub exact: bool,
    /// The hosts that `NO_PROXY` excludes from a proxy that the rule names.
    pub no_proxy: NoProxyScope,
}

/// The hosts that `NO_PROXY` excludes from a proxy that a rule names. It always applies to the proxies of the environment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoProxyScope {
    /// All hosts: the rule names a proxy for many of them.
    AllHosts,
    /// Only the hosts to which the host of the rule redirects: the rule names a proxy for this one.
    OtherHosts,
}

/// A proxy and the setting that configures it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SelectedProxy<'a> {
    pub(crate) server: &'a ProxyServer,
    pub(crate) source: ProxySource<'a>,
}

/// The setting that configures a proxy, for messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ProxySource<'a> {
    Variable(&'static str),
    Setting(&'a str),
}

impl fmt::Display for ProxySource<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Variable(name) => f.write_str(name),
            Self::Setting(name) => f.write_str(name),
        }
    }
}

/// The request needs a proxy, but proxies are not used for its host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ProxyRefused<'a> {
    pub(crate) internal: InternalHost,
    pub(crate) proxy: SelectedProxy<'a>,
    /// Whether an entry of `NO_PROXY` for the host has an effect.
    pub(crate) no_proxy_applies: bool,
}

/// Selects the proxy for `url` under `rule`; `None` for a direct request. `own` is true if the rule is for its host, and
/// not for the host that redirects to it.
///
/// # Errors
/// The request would need a proxy for an internal host.
pub(crate) fn select<'a>(
    environment: &'a ProxyEnvironment,
    rule: &'a ProxyRule,
    own: bool,
    url: &Url,
) -> Result<Option<SelectedProxy<'a>>, ProxyRefused<'a>> {
    let no_proxy_applies = match (&rule.choice, rule.no_proxy) {
        (ProxyChoice::Server { .. }, NoProxyScope::OtherHosts) => !own,
        (ProxyChoice::Server { .. }, NoProxyScope::AllHosts) | (ProxyChoice::Environment | ProxyChoice::Direct, _) => {
            true
        }
    };
    let proxy = match &rule.choice {
        ProxyChoice::Direct => None,
        ProxyChoice::Server { .. } if no_proxy_applies && environment.excludes(url) => None,
        ProxyChoice::Server { server, roots: _ } => {
            Some(SelectedProxy { server, source: ProxySource::Setting(&rule.setting) })
        }
        ProxyChoice::Environment => environment
            .proxy_for(url)
            .map(|(name, server)| SelectedProxy { server, source: ProxySource::Variable(name) }),
    };
    let Some(proxy) = proxy else {
        return Ok(None);
    };
    match internal_host(&authority(url)) {
        Some(internal) if !(own && rule.exact && internal.may_be_meant()) => {
            Err(ProxyRefused { internal, proxy, no_proxy_applies })
        }
        Some(_) | None => Ok(Some(proxy)),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::tls::Roots;

    const PROXY: &str = "http://proxy.example:3128";

    fn environment(no_proxy: &str) -> ProxyEnvironment {
        let variable = |name: &str| match name {
            "HTTPS_PROXY" | "http_proxy" => Some(PROXY.to_owned()),
            "NO_PROXY" => Some(no_proxy.to_owned()),
            _ => None,
        };
        ProxyEnvironment::read(variable).unwrap()
    }

    fn server() -> ProxyChoice {
        ProxyChoice::Server { server: "http://own.example:8080".parse().unwrap(), roots: Roots::System }
    }

    /// `direct`, the source of the proxy, or the reason for a refusal.
    fn route(no_proxy: &str, choice: &ProxyChoice, pattern: &str, own: bool, url: &str) -> String {
        let rule = ProxyRule {
            choice: choice.clone(),
            setting: format!("the entry {pattern}"),
            exact: !pattern.contains('*'),
            no_proxy: NoProxyScope::OtherHosts,
        };
        match select(&environment(no_proxy), &rule, own, &Url::parse(url).unwrap()) {
            Ok(None) => "direct".to_owned(),
            Ok(Some(proxy)) => proxy.source.to_string(),
            Err(ProxyRefused { internal, .. }) => format!("{internal:?}"),
        }
    }

    #[test]
    fn the_proxy_of_the_environment_depends_on_the_scheme_and_no_proxy() {
        let env = |no_proxy: &str, url: &str| route(no_proxy, &ProxyChoice::Environment, "r.example", true, url);
        assert_eq!(env("", "https://r.example/"), "HTTPS_PROXY");
        assert_eq!(env("", "http://r.example/"), "http_proxy");
        assert_eq!(env(".example", "https://r.example/"), "direct");
        assert_eq!(env("*", "https://r.example/"), "direct");
    }

    #[test]
    fn the_choice_of_a_rule_takes_precedence_over_the_environment() {
        let own =
            |choice: &ProxyChoice, own, url: &str| route("r.example,store.example", choice, "r.example", own, url);
        assert_eq!(own(&ProxyChoice::Direct, true, "https://r.example/"), "direct");
        assert_eq!(own(&ProxyChoice::Direct, false, "https://other.example/"), "direct");
        assert_eq!(own(&server(), true, "https://r.example/"), "the entry r.example");
        assert_eq!(own(&server(), false, "https://other.example/"), "the entry r.example");
        assert_eq!(own(&server(), false, "https://store.example/"), "direct");
    }

    #[test]
    fn no_proxy_excludes_the_hosts_of_a_rule_for_all_hosts() {
        let selected = |choice: &ProxyChoice, own, no_proxy: &str, host: &str| {
            let rule = ProxyRule {
                choice: choice.clone(),
                setting: "all".to_owned(),
                exact: true,
                no_proxy: NoProxyScope::AllHosts,
            };
            match select(&environment(no_proxy), &rule, own, &Url::parse(&format!("http://{host}/")).unwrap()) {
                Ok(None) => "direct".to_owned(),
                Ok(Some(proxy)) => proxy.source.to_string(),
                Err(ProxyRefused { internal, no_proxy_applies, .. }) => format!("{internal:?} {no_proxy_applies}"),
            }
        };
        for own in [true, false] {
            assert_eq!(selected(&server(), own, "", "ocsp.example"), "all");
            assert_eq!(selected(&server(), own, "ocsp.example", "ocsp.example"), "direct");
            assert_eq!(selected(&server(), own, "10.0.0.0/8", "10.0.0.5"), "direct");
            assert_eq!(selected(&server(), own, "", "10.0.0.5"), "Private true");
            assert_eq!(selected(&server(), own, ".svc", "ocsp.pki.svc"), "direct");
            assert_eq!(selected(&server(), own, "", "ocsp.pki.svc"), "Cluster true");
            assert_eq!(selected(&server(), own, "", "127.0.0.1"), "direct");
            assert_eq!(selected(&ProxyChoice::Direct, own, "", "10.0.0.5"), "direct");
        }
    }

    #[test]
    fn a_refusal_states_whether_no_proxy_has_an_effect() {
        let refused = |choice: &ProxyChoice, own| {
            let rule = ProxyRule {
                choice: choice.clone(),
                setting: "one".to_owned(),
                exact: false,
                no_proxy: NoProxyScope::OtherHosts,
            };
            let url = Url::parse("https://r.tools.svc/").unwrap();
            select(&environment(""), &rule, own, &url).map(drop).map_err(|refused| refused.no_proxy_applies)
        };
        assert_eq!(refused(&server(), true), Err(false));
        assert_eq!(refused(&server(), false), Err(true));
        assert_eq!(refused(&ProxyChoice::Environment, true), Err(true));
    }

    #[test]
    fn proxies_are_not_used_for_internal_hosts() {
        let selected = |choice: &ProxyChoice, own, url: &str| route("", choice, "r.example", own, url);
        for choice in [ProxyChoice::Environment, server()] {
            for own in [true, false] {
                for (host, expected) in [
                    ("10.0.0.1", "Private"),
                    ("[fd00::1]", "Private"),
                    ("169.254.169.254", "LinkLocal"),
                    ("[fd00:ec2::254]", "LinkLocal"),
                    ("[::ffff:169.254.169.254]", "LinkLocal"),
                    ("0.0.0.0", "Reserved"),
                    ("kubernetes", "Cluster"),
                    ("kubernetes.default.svc", "Cluster"),
                    ("registry.a.svc.cluster.local", "Cluster"),
                    ("metadata.google.internal", "Metadata"),
                ] {
                    assert_eq!(
                        selected(&choice, own, &format!("https://{host}/")),
                        expected,
                        "{host} {own} {choice:?}"
                    );
                }
            }
        }
        // Proxies are not used for this machine: the address policy decides.
        for host in ["localhost", "127.0.0.1", "[::1]", "a.localhost"] {
            let url = format!("https://{host}/");
            assert_eq!(selected(&ProxyChoice::Environment, true, &url), "direct", "{host}");
            assert_eq!(selected(&ProxyChoice::Environment, false, &url), "direct", "{host}");
            assert_eq!(selected(&server(), false, &url), "direct", "{host}");
            assert_eq!(selected(&server(), true, &url), "Loopback", "{host}");
        }
    }

    #[test]
    fn a_name_for_private_use_goes_through_a_proxy_only_if_a_rule_names_it() {
        let selected = |pattern: &str, own, host: &str| route("", &server(), pattern, own, &format!("https://{host}/"));
        assert_eq!(selected("r.corp.internal", true, "r.corp.internal"), "the entry r.corp.internal");
        assert_eq!(selected("*.corp.internal", true, "r.corp.internal"), "PrivateName");
        assert_eq!(selected("r.corp.internal", false, "store.corp.internal"), "PrivateName");
    }
}
