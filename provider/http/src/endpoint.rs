//! Endpoints of services that an operator writes.

use std::fmt;
use std::str::FromStr;

use countersign_core::codec::excerpt::Excerpt;
use countersign_core::name::Host;
use url::Url;

use crate::origin::with_plain_host;

/// The endpoint of a service as an operator writes it: a URL without path, query and login. It is used as written.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Endpoint(Url);

/// A text that is not an endpoint.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("endpoint: found {found:?}, expected https://HOST or https://HOST:PORT; http:// only for loopback addresses")]
pub struct EndpointError {
    found: Excerpt,
}

impl Endpoint {
    /// Scheme, host and port.
    #[must_use]
    pub fn url(&self) -> &Url {
        &self.0
    }
}

impl FromStr for Endpoint {
    type Err = EndpointError;

    /// The host is one that [`Host`] reads, so that the text has one meaning: no login, no blanks, no dot at the end, no other
    /// spelling of an address, and a port from 1 to 65535 if one is written.
    fn from_str(text: &str) -> Result<Self, EndpointError> {
        Self::parse(text).ok_or_else(|| EndpointError { found: Excerpt::at_most(256, &without_login(text)) })
    }
}

impl Endpoint {
    fn parse(text: &str) -> Option<Self> {
        let (scheme, rest) = text.split_once("://")?;
        let is_https = scheme.eq_ignore_ascii_case("https");
        if !is_https && !scheme.eq_ignore_ascii_case("http") {
            return None;
        }
        let host: Host = rest.strip_suffix('/').unwrap_or(rest).parse().ok()?;
        let scheme = if is_https { "https" } else { "http" };
        let url = with_plain_host(Url::parse(&format!("{scheme}://{}", host.authority())).ok()?)?;
        let is_loopback = match url.host()? {
            url::Host::Ipv4(address) => address.is_loopback(),
            url::Host::Ipv6(address) => address.is_loopback(),
            url::Host::Domain(name) => name == "localhost",
        };
        (is_https || is_loopback).then_some(Self(url))
    }
}

/// The text of a URL, without a login.
fn without_login(text: &str) -> String {
    let Some((before, host)) = text.rsplit_once('@') else { return text.to_owned() };
    let scheme = before.split_once("://").map_or_else(String::new, |(scheme, _)| format!("{scheme}://"));
    format!("{scheme}[login]@{host}")
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.as_str().trim_end_matches('/'))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn an_endpoint_is_an_address_without_a_path() {
        for (text, shown) in [
            (
                "https://vpce-1.data-signer.eu-central-1.vpce.amazonaws.com",
                "https://vpce-1.data-signer.eu-central-1.vpce.amazonaws.com",
            ),
            ("https://SIGNER.example:8443/", "https://signer.example:8443"),
            ("http://127.0.0.1:4566", "http://127.0.0.1:4566"),
            ("http://[::1]:4566", "http://[::1]:4566"),
            ("http://localhost:4566", "http://localhost:4566"),
            ("HTTPS://signer.example:443", "https://signer.example"),
            ("https://[fd00:0::1]:8443", "https://[fd00::1]:8443"),
            ("https://10.0.0.5", "https://10.0.0.5"),
        ] {
            assert_eq!(text.parse::<Endpoint>().unwrap().to_string(), shown);
        }
        for text in [
            "",
            "signer.example",
            "http://signer.example",
            "http://10.0.0.1",
            "https://signer.example/path",
            "https://signer.example?x",
            "https://signer.example#x",
            "ftp://signer.example",
            "https:h",
            "https:/h",
            "https:///h",
            "https://",
            "https:///",
            "https://h//",
            "https://h\\",
            " https://h",
            "https://h ",
            "https://h\n",
            "https:// h",
            "https://h.",
            "https://h..example",
            "https://.h",
            "https://h:",
            "https://h:0",
            "https://h:65536",
            "https://h:x",
            "https://:443",
            "https://h_1.example",
            "https://-h",
            "https://b\u{fc}cher.example",
            "https://%68",
            "https://0x7f.1",
            "http://127.1",
            "http://2130706433",
            "https://[::1",
            "https://[::1%251]",
            "https://*.example",
            "http:h",
            "http://localhost.example",
            "http://128.0.0.1",
        ] {
            let expected = EndpointError { found: Excerpt::at_most(256, text) };
            assert_eq!(text.parse::<Endpoint>(), Err(expected), "{text}");
        }
    }

    #[test]
    fn a_login_is_not_in_the_message() {
        for (text, found) in [
            ("https://u:hunter2@signer.example", "https://[login]@signer.example"),
            ("https://u:hunt@er2@signer.example", "https://[login]@signer.example"),
            ("u:hunter2@signer.example", "[login]@signer.example"),
            ("https://@signer.example/x", "https://[login]@signer.example/x"),
            ("https://@h", "https://[login]@h"),
            ("https://:@h", "https://[login]@h"),
            ("https://h@", "https://[login]@"),
        ] {
            let expected = format!(
                "endpoint: found {found:?}, expected https://HOST or https://HOST:PORT; http:// only for loopback addresses"
            );
            assert_eq!(text.parse::<Endpoint>().unwrap_err().to_string(), expected);
        }
    }
}
