//! Forward proxies: which there are, and which requests go by one.
//!
//! Only what is asked on behalf of a host in the settings may go by a proxy: its own requests, and those to the token
//! services and blob stores that it leads to. Everything else is asked directly, unless it gets a way of its own here: a
//! client without [`Route`] knows no proxy. So instance metadata, Pod Identity and the API server, whatever asks them one
//! day, are never asked by one; nor are unlisted registries, whose addresses must be checked here. What configured hosts
//! for evidence (OCSP, CRL) will need is [`Proxies::route`] with a [`ProxyChoice`] of their own.
//!
//! A proxy resolves names in our place, so the address guard sees nothing: where we connect to is then limited by the
//! proxy's own rules. What can be told from the name alone is refused before the proxy is asked, see [`destination`].

mod destination;
mod environment;
mod no_proxy;
mod server;
mod tunnel;

use std::fmt;

use url::Url;

pub use destination::Inside;
pub use destination::inside;
pub use environment::ProxyEnvironment;
pub use environment::ProxyVariableError;
pub use server::ProxyServer;
pub use server::ProxyServerError;
pub(crate) use tunnel::Forwarder;
pub(crate) use tunnel::TunnelError;

use crate::host::HostPattern;
use crate::origin::authority;
use crate::settings::Roots;

/// By which proxy a registry is asked, and what it leads to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum ProxyChoice {
    /// As the variables `HTTPS_PROXY`, `HTTP_PROXY` and `NO_PROXY` say.
    #[default]
    Environment,
    /// By none.
    Direct,
    /// By this one, whatever the variables say. Where the registry leads to, `NO_PROXY` still holds.
    Server {
        server: ProxyServer,
        /// Authorities of the proxy's own certificate, if it is reached by TLS.
        roots: Roots,
    },
}

/// A proxy and where it is configured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Proxy<'a> {
    pub(crate) server: &'a ProxyServer,
    pub(crate) roots: &'a Roots,
    pub(crate) source: ProxySource<'a>,
}

/// Where a proxy is configured; in messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ProxySource<'a> {
    Variable(&'static str),
    Entry(&'a HostPattern),
}

impl fmt::Display for ProxySource<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Variable(name) => f.write_str(name),
            Self::Entry(pattern) => write!(f, "the entry {pattern} of registries"),
        }
    }
}

/// How a request goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Route<'a> {
    Direct,
    By(Proxy<'a>),
}

/// A destination that no proxy may be asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct NotByProxy<'a> {
    pub(crate) inside: Inside,
    pub(crate) proxy: Proxy<'a>,
}

/// Whose request is routed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Asker<'a> {
    pub(crate) choice: &'a ProxyChoice,
    pub(crate) pattern: &'a HostPattern,
    /// Whether the URL is the registry's own, and not what it leads to.
    pub(crate) own: bool,
}

/// The environment's proxies, and the rules for all.
#[derive(Clone, Debug, Default)]
pub(crate) struct Proxies {
    pub(crate) environment: ProxyEnvironment,
}

impl Proxies {
    /// How `url` is asked. An `asker` of none is a registry that is not in the settings.
    ///
    /// # Errors
    /// A proxy would have to be asked for a destination inside.
    pub(crate) fn route<'a>(&'a self, asker: Option<Asker<'a>>, url: &Url) -> Result<Route<'a>, NotByProxy<'a>> {
        let Some(Asker { choice, pattern, own }) = asker else {
            return Ok(Route::Direct);
        };
        let proxy = match choice {
            ProxyChoice::Direct => None,
            ProxyChoice::Server { .. } if !own && self.environment.excludes(url) => None,
            ProxyChoice::Server { server, roots } => Some(Proxy { server, roots, source: ProxySource::Entry(pattern) }),
            ProxyChoice::Environment => self.environment.proxy_for(url),
        };
        let Some(proxy) = proxy else {
            return Ok(Route::Direct);
        };
        match inside(&authority(url)) {
            Some(inside) if !(own && pattern.is_exact() && inside.may_be_meant()) => Err(NotByProxy { inside, proxy }),
            Some(_) | None => Ok(Route::By(proxy)),
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    const PROXY: &str = "http://proxy.example:3128";

    fn proxies(no_proxy: &str) -> Proxies {
        let variable = |name: &str| match name {
            "HTTPS_PROXY" | "http_proxy" => Some(PROXY.to_owned()),
            "NO_PROXY" => Some(no_proxy.to_owned()),
            _ => None,
        };
        Proxies { environment: ProxyEnvironment::read(variable).unwrap() }
    }

    fn server() -> ProxyChoice {
        ProxyChoice::Server { server: "http://own.example:8080".parse().unwrap(), roots: Roots::System }
    }

    /// `direct`, the source of the proxy, or why it is refused.
    fn route(no_proxy: &str, choice: &ProxyChoice, pattern: &str, own: bool, url: &str) -> String {
        let pattern = pattern.parse().unwrap();
        let proxies = proxies(no_proxy);
        match proxies.route(Some(Asker { choice, pattern: &pattern, own }), &Url::parse(url).unwrap()) {
            Ok(Route::Direct) => "direct".to_owned(),
            Ok(Route::By(proxy)) => proxy.source.to_string(),
            Err(NotByProxy { inside, .. }) => format!("{inside:?}"),
        }
    }

    #[test]
    fn an_unlisted_registry_is_asked_by_no_proxy() {
        let url = Url::parse("https://r.example/").unwrap();
        assert_eq!(proxies("").route(None, &url), Ok(Route::Direct));
    }

    #[test]
    fn the_environments_proxy_is_chosen_by_scheme_and_no_proxy() {
        let env = |no_proxy: &str, url: &str| route(no_proxy, &ProxyChoice::Environment, "r.example", true, url);
        assert_eq!(env("", "https://r.example/"), "HTTPS_PROXY");
        assert_eq!(env("", "http://r.example/"), "http_proxy");
        assert_eq!(env(".example", "https://r.example/"), "direct");
        assert_eq!(env("*", "https://r.example/"), "direct");
    }

    #[test]
    fn an_entrys_own_choice_goes_before_the_environment() {
        let own =
            |choice: &ProxyChoice, own, url: &str| route("r.example,store.example", choice, "r.example", own, url);
        assert_eq!(own(&ProxyChoice::Direct, true, "https://r.example/"), "direct");
        assert_eq!(own(&ProxyChoice::Direct, false, "https://other.example/"), "direct");
        assert_eq!(own(&server(), true, "https://r.example/"), "the entry r.example of registries");
        assert_eq!(own(&server(), false, "https://other.example/"), "the entry r.example of registries");
        assert_eq!(own(&server(), false, "https://store.example/"), "direct");
    }

    #[test]
    fn no_proxy_is_asked_for_what_is_inside() {
        let by = |choice: &ProxyChoice, own, url: &str| route("", choice, "r.example", own, url);
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
                    assert_eq!(by(&choice, own, &format!("https://{host}/")), expected, "{host} {own} {choice:?}");
                }
            }
        }
        // Proxies are not asked for this machine either: where a registry leads there, the guard decides.
        for host in ["localhost", "127.0.0.1", "[::1]", "a.localhost"] {
            let url = format!("https://{host}/");
            assert_eq!(by(&ProxyChoice::Environment, true, &url), "direct", "{host}");
            assert_eq!(by(&ProxyChoice::Environment, false, &url), "direct", "{host}");
            assert_eq!(by(&server(), false, &url), "direct", "{host}");
            assert_eq!(by(&server(), true, &url), "Loopback", "{host}");
        }
    }

    #[test]
    fn a_name_for_private_use_goes_by_proxy_only_where_an_entry_names_it() {
        let by = |pattern: &str, own, host: &str| route("", &server(), pattern, own, &format!("https://{host}/"));
        assert_eq!(by("r.corp.internal", true, "r.corp.internal"), "the entry r.corp.internal of registries");
        assert_eq!(by("*.corp.internal", true, "r.corp.internal"), "PrivateName");
        assert_eq!(by("r.corp.internal", false, "store.corp.internal"), "PrivateName");
    }
}
