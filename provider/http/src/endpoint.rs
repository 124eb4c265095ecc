//! Endpoints of services that an operator writes.

use std::fmt;
use std::str::FromStr;

use countersign_core::codec::excerpt::Excerpt;
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

    fn from_str(text: &str) -> Result<Self, EndpointError> {
        let refused = || EndpointError { found: Excerpt::at_most(256, &without_login(text)) };
        let url = Url::parse(text).map_err(|_| refused())?;
        let url = with_plain_host(url).ok_or_else(refused)?;
        let is_loopback = match url.host() {
            Some(url::Host::Ipv4(address)) => address.is_loopback(),
            Some(url::Host::Ipv6(address)) => address.is_loopback(),
            Some(url::Host::Domain(name)) => name == "localhost",
            None => false,
        };
        let has_scheme = url.scheme() == "https" || (url.scheme() == "http" && is_loopback);
        let is_bare = url.username().is_empty()
            && url.password().is_none()
            && url.path() == "/"
            && url.query().is_none()
            && url.fragment().is_none();
        if has_scheme && is_bare { Ok(Self(url)) } else { Err(refused()) }
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
        ] {
            let expected = format!(
                "endpoint: found {found:?}, expected https://HOST or https://HOST:PORT; http:// only for loopback addresses"
            );
            assert_eq!(text.parse::<Endpoint>().unwrap_err().to_string(), expected);
        }
    }
}
