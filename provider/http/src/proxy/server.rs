//! A proxy server and the login for it.

use std::fmt;
use std::str::FromStr;

use countersign_core::codec::excerpt::Excerpt;
use countersign_core::codec::mismatch::Mismatch;
use countersign_core::codec::mismatch::Mismatched;
use countersign_core::codec::mismatch::mismatch_error;
use http::HeaderValue;
use percent_encoding::percent_decode_str;
use url::Host;
use url::Url;

use crate::header;
use crate::origin::has_plain_host;

/// A forward proxy: its URL and login. Printed without the login.
#[derive(Clone, PartialEq, Eq)]
pub struct ProxyServer {
    tls: bool,
    host: Host<String>,
    port: u16,
    /// `Proxy-Authorization`, which is never printed.
    login: Option<HeaderValue>,
}

/// The error for a text that is not the URL of a [`ProxyServer`]. Never shows the text, which may contain a password.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ProxyServerError {
    /// Another scheme than http and https.
    Scheme {
        /// The scheme.
        found: Excerpt,
    },
    /// The text is not a URL with a host.
    Url,
    /// The URL has more than scheme, login, host and port.
    Path,
    /// The user name has a colon, or the login is not UTF-8.
    Login,
}

impl Mismatched for ProxyServerError {
    fn mismatch(&self) -> Mismatch {
        match self {
            Self::Scheme { found } => {
                Mismatch::new(format_args!("a URL with scheme {found}")).expecting("http or https")
            }
            Self::Url => Mismatch::new("no URL with a host")
                .expecting("http://host:port or https://host:port, with special characters of a user name or password percent-encoded"),
            Self::Path => {
                Mismatch::new("a URL with a path, a query or a fragment").expecting("only scheme, host and port")
            }
            Self::Login => Mismatch::new("a user name or password that cannot be sent")
                .expecting("a user name without a colon, in percent-encoded UTF-8"),
        }
    }
}

mismatch_error!(ProxyServerError);

impl ProxyServer {
    /// Replaces the login of the URL by this name and password.
    ///
    /// # Errors
    /// The name has a colon and cannot be sent.
    pub fn with_login(self, user: &str, password: &[u8]) -> Result<Self, ProxyServerError> {
        if user.contains(':') {
            return Err(ProxyServerError::Login);
        }
        let login = header::basic(user, password).ok_or(ProxyServerError::Login)?;
        Ok(Self { login: Some(login), ..self })
    }

    /// Whether a user name and password are configured.
    #[must_use]
    pub fn has_login(&self) -> bool {
        self.login.is_some()
    }

    /// Whether the connection to the proxy uses TLS.
    #[must_use]
    pub fn is_tls(&self) -> bool {
        self.tls
    }

    /// `host:port`.
    #[must_use]
    pub fn authority(&self) -> String {
        format!("{}:{}", self.host, self.port)
    }

    pub(crate) fn host(&self) -> &Host<String> {
        &self.host
    }

    /// `Proxy-Authorization`, if there is a login.
    pub(crate) fn authorization(&self) -> Option<&HeaderValue> {
        self.login.as_ref()
    }
}

impl FromStr for ProxyServer {
    type Err = ProxyServerError;

    /// Parses `[scheme://][user[:password]@]host[:port][/]`. The default scheme is http; the default port is 80 or
    /// 443, depending on the scheme.
    fn from_str(text: &str) -> Result<Self, ProxyServerError> {
        let text = text.trim();
        // URL parsers ignore further slashes, read backslashes as slashes, and remove line breaks and tabs.
        let after_scheme = text.split_once("://").map_or(text, |(_, rest)| rest);
        if after_scheme.starts_with('/') || text.contains(|c: char| c == '\\' || c.is_control()) {
            return Err(ProxyServerError::Url);
        }
        let url = match text.split_once("://") {
            Some((scheme, _)) if !["http", "https"].contains(&scheme.to_ascii_lowercase().as_str()) => {
                // Other text may be a password that looks like a scheme.
                let known = ["socks", "socks4", "socks4a", "socks5", "socks5h", "ftp"];
                return Err(match known.iter().find(|known| scheme.eq_ignore_ascii_case(known)) {
                    Some(scheme) => ProxyServerError::Scheme { found: (*scheme).into() },
                    None => ProxyServerError::Url,
                });
            }
            Some(_) => Url::parse(text),
            None => Url::parse(&format!("http://{text}")),
        };
        let url = url.map_err(|_| ProxyServerError::Url)?;
        let port = url.port_or_known_default().filter(|port| *port != 0).ok_or(ProxyServerError::Url)?;
        if !has_plain_host(&url) {
            return Err(ProxyServerError::Url);
        }
        let host = url.host().ok_or(ProxyServerError::Url)?.to_owned();
        if url.path() != "/" || url.query().is_some() || url.fragment().is_some() {
            return Err(ProxyServerError::Path);
        }
        let server = Self { tls: url.scheme() == "https", host, port, login: None };
        let decode = |text| percent_decode_str(text).decode_utf8().map_err(|_| ProxyServerError::Login);
        let user = decode(url.username())?;
        let password = decode(url.password().unwrap_or_default())?;
        if user.is_empty() && password.is_empty() {
            return Ok(server);
        }
        server.with_login(&user, password.as_bytes())
    }
}

impl fmt::Display for ProxyServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}", if self.tls { "https" } else { "http" }, self.authority())
    }
}

impl fmt::Debug for ProxyServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ProxyServer({self})")
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    /// The printed form, and the decoded header without `Basic `.
    fn read(text: &str) -> Result<(String, Option<String>), ProxyServerError> {
        use base64::Engine as _;
        let server: ProxyServer = text.parse()?;
        let header = server.authorization().map(|value| {
            let encoded = value.to_str().unwrap().strip_prefix("Basic ").unwrap().to_owned();
            String::from_utf8(base64::engine::general_purpose::STANDARD.decode(encoded).unwrap()).unwrap()
        });
        Ok((server.to_string(), header))
    }

    #[test]
    fn reads_urls_with_and_without_scheme_port_and_login() {
        for (text, shown, login) in [
            ("http://proxy.example:3128", "http://proxy.example:3128", None),
            ("https://proxy.example:3129/", "https://proxy.example:3129", None),
            ("HTTP://Proxy.Example", "http://proxy.example:80", None),
            ("https://proxy.example", "https://proxy.example:443", None),
            ("proxy.example:3128", "http://proxy.example:3128", None),
            (" 10.0.0.1:3128 ", "http://10.0.0.1:3128", None),
            ("http://[2001:db8::1]:3128", "http://[2001:db8::1]:3128", None),
            ("http://alice:s3cret@proxy.example:3128", "http://proxy.example:3128", Some("alice:s3cret")),
            ("alice:s3cret@proxy.example:3128", "http://proxy.example:3128", Some("alice:s3cret")),
            (
                "http://corp%5Calice:p%40ss%3Aw%2Frd@proxy.example:3128",
                "http://proxy.example:3128",
                Some("corp\\alice:p@ss:w/rd"),
            ),
            ("http://alice@proxy.example:3128", "http://proxy.example:3128", Some("alice:")),
            ("http://:@proxy.example:3128", "http://proxy.example:3128", None),
        ] {
            assert_eq!(read(text), Ok((shown.to_owned(), login.map(str::to_owned))), "{text}");
        }
    }

    #[test]
    fn refuses_other_schemes_paths_and_what_is_no_url() {
        let scheme = |found: &str| ProxyServerError::Scheme { found: found.into() };
        for (text, error) in [
            ("socks5://proxy.example:1080", scheme("socks5")),
            ("SOCKS5H://proxy.example:1080", scheme("socks5h")),
            ("s3cret://proxy.example:1080", ProxyServerError::Url),
            ("", ProxyServerError::Url),
            ("http://", ProxyServerError::Url),
            ("http:///a", ProxyServerError::Url),
            ("http:////a", ProxyServerError::Url),
            ("/a", ProxyServerError::Url),
            ("//a", ProxyServerError::Url),
            ("http://\\a", ProxyServerError::Url),
            ("http://\t/a", ProxyServerError::Url),
            ("http://proxy.example:0", ProxyServerError::Url),
            ("http://proxy.example:99999", ProxyServerError::Url),
            ("http://a b:3128", ProxyServerError::Url),
            ("http://a\"b:3128", ProxyServerError::Url),
            ("http://alice:pa/ss@proxy.example", ProxyServerError::Url),
            ("http://alice:pa#ss@proxy.example", ProxyServerError::Url),
            ("http://proxy.example:3128/proxy.pac", ProxyServerError::Path),
            ("http://proxy.example:3128?x", ProxyServerError::Path),
            ("http://a%3Ab:c@proxy.example:3128", ProxyServerError::Login),
            ("http://%ff:c@proxy.example:3128", ProxyServerError::Login),
        ] {
            assert_eq!(read(text), Err(error), "{text}");
        }
    }

    #[test]
    fn is_printed_without_its_login() {
        let server: ProxyServer = "http://alice:s3cret@proxy.example:3128".parse().unwrap();
        assert_eq!(format!("{server} {server:?}"), "http://proxy.example:3128 ProxyServer(http://proxy.example:3128)");
        let other = server.clone().with_login("bob", b"x").unwrap();
        assert_ne!(server, other);
        assert!(!format!("{other:?}").contains("bob"));
    }
}
