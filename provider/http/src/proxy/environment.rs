//! The proxies of the environment: `HTTPS_PROXY`, `HTTP_PROXY` and `NO_PROXY`, in upper case, otherwise in lower
//! case.

use countersign_core::codec::excerpt::Excerpt;
use url::Url;

use super::internal_host::InternalHost;
use super::internal_host::internal_host;
use super::no_proxy::NoProxy;
use super::server::ProxyServer;
use super::server::ProxyServerError;

/// The proxies of the environment, read once.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ProxyEnvironment {
    https: Option<(&'static str, ProxyServer)>,
    http: Option<(&'static str, ProxyServer)>,
    no_proxy: NoProxy,
    warnings: Vec<ProxyVariableWarning>,
}

/// A variable that has not the effect that its value suggests.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProxyVariableWarning {
    /// Set, but not used.
    #[error("{name} is set, and is not used, as in Go; set HTTPS_PROXY and HTTP_PROXY")]
    NotUsed {
        /// `ALL_PROXY` or `all_proxy`.
        name: &'static str,
    },
    /// An entry of `NO_PROXY` that matches no host.
    #[error(
        "{name}: found {entry:?}, which matches no host, expected names, addresses and networks such as \
         example.com, .example.com, 10.0.0.1, 10.0.0.0/8 or *, separated by commas"
    )]
    Entry {
        /// `NO_PROXY` or `no_proxy`.
        name: &'static str,
        /// The entry as written, without what is before its last `@`.
        entry: Excerpt,
    },
}

/// A variable whose value is not the URL of a proxy. Never shows the value.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the environment variable {name} has {error}")]
pub struct ProxyVariableError {
    /// The variable.
    pub name: &'static str,
    /// The mistake.
    pub error: ProxyServerError,
}

impl ProxyEnvironment {
    /// Reads the variables. An empty one counts as unset.
    ///
    /// # Errors
    /// All variables with mistakes.
    pub fn read(variable: impl Fn(&str) -> Option<String>) -> Result<Self, Vec<ProxyVariableError>> {
        let first = |names: [&'static str; 2]| {
            names
                .into_iter()
                .find_map(|name| variable(name).filter(|value| !value.trim().is_empty()).map(|value| (name, value)))
        };
        let server = |names| match first(names) {
            None => Ok(None),
            Some((name, value)) => match value.parse() {
                Ok(server) => Ok(Some((name, server))),
                Err(error) => Err(ProxyVariableError { name, error }),
            },
        };
        let mut warnings: Vec<_> = first(["ALL_PROXY", "all_proxy"])
            .map(|(name, _)| ProxyVariableWarning::NotUsed { name })
            .into_iter()
            .collect();
        let no_proxy = first(["NO_PROXY", "no_proxy"]).map(|(name, value)| {
            let shown = |entry: &str| Excerpt::of(entry.rsplit('@').next().unwrap_or(entry));
            let useless = NoProxy::useless(&value).into_iter();
            warnings.extend(useless.map(|entry| ProxyVariableWarning::Entry { name, entry: shown(&entry) }));
            NoProxy::read(&value)
        });
        let no_proxy = no_proxy.unwrap_or_default();
        match (server(["HTTPS_PROXY", "https_proxy"]), server(["HTTP_PROXY", "http_proxy"])) {
            (Ok(https), Ok(http)) => Ok(Self { https, http, no_proxy, warnings }),
            (https, http) => Err(https.err().into_iter().chain(http.err()).collect()),
        }
    }

    /// The hosts that `NO_PROXY` excludes, without the proxies, whose variables may have mistakes.
    #[must_use]
    pub fn only_exclusions(variable: impl Fn(&str) -> Option<String>) -> Self {
        let only = |name: &str| if ["NO_PROXY", "no_proxy"].contains(&name) { variable(name) } else { None };
        // There are no other variables that could have a mistake.
        Self::read(only).unwrap_or_default()
    }

    /// The variables that name a proxy, with the proxy.
    pub fn servers(&self) -> impl Iterator<Item = (&'static str, &ProxyServer)> {
        self.https.iter().chain(&self.http).map(|(name, server)| (*name, server))
    }

    /// Variables that have not the effect that their values suggest.
    #[must_use]
    pub fn warnings(&self) -> &[ProxyVariableWarning] {
        &self.warnings
    }

    /// The proxy of requests to `host` and the variable that names it; `None` for direct requests.
    #[must_use]
    pub fn server_for(&self, host: &str, plain_http: bool) -> Option<(&'static str, &ProxyServer)> {
        self.proxy_for(&Url::parse(&url_of(host, plain_http)).ok()?)
    }

    /// The reason if a request to `host` would be refused because it would need a proxy for an internal host, with
    /// the variable that names the proxy.
    #[must_use]
    pub fn refuses(&self, host: &str, plain_http: bool) -> Option<(InternalHost, &'static str)> {
        let url = Url::parse(&url_of(host, plain_http)).ok()?;
        let (name, _) = self.of(&url)?;
        self.refuses_any_proxy(host, plain_http).map(|internal| (internal, name))
    }

    /// The reason if a request to `host` through any proxy would be refused: it is an internal host, which `NO_PROXY` does not
    /// exclude.
    #[must_use]
    pub fn refuses_any_proxy(&self, host: &str, plain_http: bool) -> Option<InternalHost> {
        let url = Url::parse(&url_of(host, plain_http)).ok()?;
        let internal = internal_host(host).filter(|internal| !internal.may_be_meant())?;
        (!self.excludes(&url)).then_some(internal)
    }

    /// Whether requests to `url` use no proxy, because of `NO_PROXY` or because the host is this machine.
    pub(crate) fn excludes(&self, url: &Url) -> bool {
        self.no_proxy.excludes(url)
    }

    /// The proxy for `url` and the variable that names it, unless `url` is excluded.
    pub(crate) fn proxy_for(&self, url: &Url) -> Option<(&'static str, &ProxyServer)> {
        self.of(url).filter(|_| !self.excludes(url))
    }

    fn of(&self, url: &Url) -> Option<(&'static str, &ProxyServer)> {
        let (name, server) = match url.scheme() {
            "https" => self.https.as_ref(),
            "http" => self.http.as_ref(),
            _ => None,
        }?;
        Some((name, server))
    }
}

fn url_of(host: &str, plain_http: bool) -> String {
    let scheme = if plain_http { "http" } else { "https" };
    format!("{scheme}://{host}/")
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn read(variables: &[(&str, &str)]) -> Result<ProxyEnvironment, Vec<ProxyVariableError>> {
        ProxyEnvironment::read(|name| {
            variables.iter().find(|(other, _)| *other == name).map(|(_, value)| (*value).to_owned())
        })
    }

    fn servers(variables: &[(&str, &str)]) -> Vec<String> {
        read(variables).unwrap().servers().map(|(name, server)| format!("{name}={server}")).collect()
    }

    #[test]
    fn upper_case_takes_precedence_and_empty_is_unset() {
        assert!(servers(&[]).is_empty());
        assert_eq!(
            servers(&[("HTTPS_PROXY", "a.example:1"), ("https_proxy", "b.example:1")]),
            ["HTTPS_PROXY=http://a.example:1"]
        );
        assert_eq!(
            servers(&[("HTTPS_PROXY", " "), ("https_proxy", "b.example:1"), ("http_proxy", "c.example:1")]),
            ["https_proxy=http://b.example:1", "http_proxy=http://c.example:1"]
        );
        // As in Go, there is no such variable.
        assert!(servers(&[("ALL_PROXY", "a.example:1"), ("all_proxy", "a.example:1")]).is_empty());
    }

    #[test]
    fn the_exclusions_are_read_whatever_the_other_variables_have() {
        let variables = [("HTTP_PROXY", "socks5://a:1"), ("NO_PROXY", "10.0.0.0/8")];
        let variable =
            |name: &str| variables.iter().find(|(other, _)| *other == name).map(|(_, value)| (*value).to_owned());
        assert!(ProxyEnvironment::read(variable).is_err());
        let environment = ProxyEnvironment::only_exclusions(variable);
        assert_eq!(environment.servers().count(), 0);
        assert_eq!(environment.refuses_any_proxy("10.0.0.5", true), None);
        assert_eq!(environment.refuses_any_proxy("192.168.0.5", true), Some(InternalHost::Private));
        assert_eq!(environment.refuses_any_proxy("127.0.0.1:8080", true), None);
        assert_eq!(environment.refuses_any_proxy("ocsp.example", true), None);
    }

    #[test]
    fn a_proxy_is_for_the_scheme_of_its_variable() {
        let environment = read(&[("HTTPS_PROXY", "a.example:1"), ("NO_PROXY", "r.example")]).unwrap();
        let by = |url: &str| environment.proxy_for(&Url::parse(url).unwrap()).map(|(name, _)| name);
        assert_eq!(by("https://x.example/"), Some("HTTPS_PROXY"));
        assert_eq!(by("http://x.example/"), None);
        assert_eq!(by("https://r.example/"), None);
        assert_eq!(by("https://localhost/"), None);
    }

    #[test]
    fn names_each_variable_with_a_mistake_and_shows_no_value() {
        let errors =
            read(&[("https_proxy", "socks5://u:s3cret@a:1"), ("HTTP_PROXY", "http://u:s3cr/et@a:1")]).unwrap_err();
        let texts: Vec<_> = errors.iter().map(ToString::to_string).collect();
        assert_eq!(
            texts,
            [
                "the environment variable https_proxy has a URL with scheme \"socks5\", expected http or https",
                "the environment variable HTTP_PROXY has no URL with a host, expected http://host:port or \
                 https://host:port, with special characters of a user name or password percent-encoded"
            ]
        );
    }

    #[test]
    fn variables_without_effect_have_a_warning() {
        let warnings = |variables: &[(&str, &str)]| {
            let environment = read(variables).unwrap();
            environment.warnings().iter().map(ToString::to_string).collect::<Vec<_>>()
        };
        assert_eq!(warnings(&[("ALL_PROXY", " "), ("NO_PROXY", "*, , a.example,")]), [""; 0]);
        let unused = "is set, and is not used, as in Go; set HTTPS_PROXY and HTTP_PROXY";
        assert_eq!(warnings(&[("ALL_PROXY", "http://u:s3cret@a:1")]), [format!("ALL_PROXY {unused}")]);
        assert_eq!(warnings(&[("all_proxy", "socks5://a")]), [format!("all_proxy {unused}")]);
        let useless = |name: &str, entry: &str| {
            format!(
                "{name}: found {:?}, which matches no host, expected names, addresses and networks such as \
                 example.com, .example.com, 10.0.0.1, 10.0.0.0/8 or *, separated by commas",
                Excerpt::of(entry)
            )
        };
        for entry in [
            "http://a.example",
            "10.0.0.0/33",
            "a.example b.example",
            "a.example/x",
            "10.0.*",
            "a.*.example",
            "*a.example",
            "a.example:x",
            "[::1",
            "\u{ff0f}",
        ] {
            assert_eq!(
                warnings(&[("NO_PROXY", &format!("b.example,{entry}"))]),
                [useless("NO_PROXY", entry)],
                "{entry}"
            );
        }
        assert_eq!(warnings(&[("no_proxy", "u:s3cret@a.example/")]), [useless("no_proxy", "a.example/")]);
        for entry in [
            "a.example",
            ".a.example",
            "*.a.example",
            "A.EXAMPLE.",
            "a.example:443",
            "a.example:",
            "10.0.0.1",
            "10.0.0.0/8",
            "::1",
            "[::1]:5",
            "fd00::/8",
            "b\u{fc}cher.example",
            "a_b",
            "localhost",
            "svc",
        ] {
            assert_eq!(warnings(&[("NO_PROXY", entry)]), [""; 0], "{entry}");
        }
    }

    #[test]
    fn the_proxy_of_a_host_is_that_of_its_scheme() {
        let environment = read(&[("HTTPS_PROXY", "u:s3cret@a.example:1"), ("NO_PROXY", "r.example")]).unwrap();
        let of = |host: &str, plain: bool| {
            environment.server_for(host, plain).map(|(name, server)| format!("{name} {server}"))
        };
        assert_eq!(of("x.example:5000", false).as_deref(), Some("HTTPS_PROXY http://a.example:1"));
        assert_eq!((of("x.example", true), of("r.example", false)), (None, None));
    }
}
