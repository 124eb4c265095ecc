//! Addresses of evidence, as certificates and CRLs name them.

use std::fmt;
use std::sync::Arc;

use countersign_core::codec::excerpt::Excerpt;
use countersign_core::codec::text::Text;
use countersign_core::name::Host;
use countersign_http::authority;
use countersign_http::has_one_reading;
use countersign_http::leads_to;
use countersign_http::limits::URL_BYTES;
use countersign_http::with_plain_host;
use url::Url;

/// Most bytes of a URL in a message.
const SHOWN: usize = 160;

/// A URL that a request can be sent to. One text for all spellings of a URL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Address {
    url: Url,
    text: Arc<str>,
    host: Arc<str>,
}

/// Why no request is sent to an address.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum AddressError {
    #[error("address {url}: found the scheme {scheme}, expected http or https")]
    Scheme { url: Excerpt, scheme: Text },
    #[error(
        "address {url}: found no URL of at most {URL_BYTES} bytes with a host and without a user name, expected one"
    )]
    Url { url: Excerpt },
}

impl Address {
    /// Parses a URL as it is in a certificate.
    ///
    /// # Errors
    /// Another scheme than http and https, or no usable URL.
    pub(super) fn parse(text: &str) -> Result<Self, AddressError> {
        let unusable = || AddressError::Url { url: Excerpt::of(text) };
        if text.len() > URL_BYTES {
            return Err(unusable());
        }
        let mut url = Url::parse(text.trim()).map_err(|_| unusable())?;
        if !["http", "https"].contains(&url.scheme()) {
            return Err(AddressError::Scheme { url: Excerpt::of(text), scheme: Text::at_most(SHOWN, url.scheme()) });
        }
        if !has_one_reading(text.trim()) || !url.username().is_empty() || url.password().is_some() {
            return Err(unusable());
        }
        url.set_fragment(None);
        let url = with_plain_host(url).ok_or_else(unusable)?;
        Ok(Self { text: url.as_str().into(), host: authority(&url).into(), url })
    }

    pub(super) fn url(&self) -> &Url {
        &self.url
    }

    /// The whole URL.
    pub(super) fn text(&self) -> &Arc<str> {
        &self.text
    }

    /// Host and port, the name of the server in limits and messages.
    pub(super) fn host(&self) -> &Arc<str> {
        &self.host
    }

    /// Whether this is one of `hosts`.
    pub(super) fn is_at(&self, hosts: &[Host]) -> bool {
        hosts.iter().any(|host| leads_to(&self.url, host))
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Text::at_most(SHOWN, &self.text).fmt(f)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn spellings_of_a_url_are_one_address() {
        for text in ["http://CRL.example/ca.crl", " http://crl.example.:80/ca.crl#x", "HTTP://crl.example/ca.crl"] {
            let address = Address::parse(text).unwrap();
            assert_eq!(
                (&**address.text(), &**address.host()),
                ("http://crl.example/ca.crl", "crl.example:80"),
                "{text}"
            );
        }
        assert_eq!(&**Address::parse("https://crl.example").unwrap().text(), "https://crl.example/");
    }

    #[test]
    fn other_schemes_and_logins_are_refused_with_the_reason() {
        let error = |text: &str| Address::parse(text).unwrap_err().to_string();
        assert_eq!(
            error("ldap:///CN=CA?certificateRevocationList"),
            "address \"ldap:///CN=CA?certificateRevocationList\": found the scheme ldap, expected http or https"
        );
        assert_eq!(
            error("ftp://a.example/x"),
            "address \"ftp://a.example/x\": found the scheme ftp, expected http or https"
        );
        for text in [
            "http://u@a.example/",
            "http://u:p@a.example/",
            "http:///",
            "http:///a.example/ca.crl",
            "http:/a.example/ca.crl",
            "http://\\a.example/ca.crl",
            "http://\t/a.example/ca.crl",
            "ca.crl",
            "",
            "http://a\"b/",
        ] {
            let error = error(text);
            assert!(
                error.ends_with("found no URL of at most 8192 bytes with a host and without a user name, expected one"),
                "{error}"
            );
        }
        let long = format!("http://a.example/{}", "x".repeat(URL_BYTES));
        assert!(matches!(Address::parse(&long), Err(AddressError::Url { .. })));
    }

    #[test]
    fn a_configured_host_without_a_port_is_at_the_port_of_the_scheme() {
        let address = Address::parse("http://crl.example/ca.crl").unwrap();
        let at = |host: &str| address.is_at(&[host.parse().unwrap()]);
        assert!(at("crl.example") && at("CRL.example:80"));
        assert!(!at("crl.example:443") && !at("other.example"));
    }
}
