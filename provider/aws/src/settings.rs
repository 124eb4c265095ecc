//! The operator's settings.

use std::collections::BTreeMap;
use std::time::Duration;

use countersign_core::codec::excerpt::Excerpt;
use countersign_core::name::AwsRegion;
use countersign_core::name::Partition;
use countersign_http::ProxyChoice;
use countersign_http::ProxyEnvironment;
use countersign_http::Roots;
use url::Url;

/// See the section `aws` of the configuration, which documents each of them.
#[derive(Clone, Debug)]
pub struct AwsSettings {
    /// The region of the pod: the configured one, otherwise that of the environment.
    pub region: Option<AwsRegion>,
    /// The partitions whose services may be called.
    pub partitions: Vec<Partition>,
    /// Whether endpoints with FIPS 140 cryptography are used.
    pub fips: bool,
    /// Whether endpoints with IPv6 are used.
    pub dual_stack: bool,
    /// Whether the instance metadata service is asked for credentials.
    pub instance_metadata: bool,
    /// The profile of the shared configuration files; `None` if they are not read.
    pub profile: Option<String>,
    /// For one connection.
    pub connect_timeout: Duration,
    /// For one attempt of a call.
    pub attempt_timeout: Duration,
    /// The certificate authorities that are trusted for AWS.
    pub roots: Roots,
    /// The proxy.
    pub proxy: ProxyChoice,
    /// The proxies of the environment.
    pub proxies: ProxyEnvironment,
    /// AWS Signer.
    pub signer: SignerSettings,
}

/// The settings of AWS Signer.
#[derive(Clone, Debug, Default)]
pub struct SignerSettings {
    /// The region whose service is called, for each partition that has one.
    pub regions: BTreeMap<Partition, AwsRegion>,
    /// The endpoint in place of that of the region.
    pub endpoint: Option<Endpoint>,
}

/// A role in another account.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct EcrRole {
    /// Its ARN.
    pub arn: String,
    /// The external identifier that its trust policy requires, if it does.
    pub external_id: Option<String>,
}

/// The API in place of that of the registry's region.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct EcrApi {
    /// Its endpoint.
    pub endpoint: Endpoint,
    /// The region that requests to it are signed for; `None` for that of the registry.
    pub region: Option<AwsRegion>,
}

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

impl std::str::FromStr for Endpoint {
    type Err = EndpointError;

    fn from_str(text: &str) -> Result<Self, EndpointError> {
        let refused = || EndpointError { found: Excerpt::at_most(256, text) };
        let url = Url::parse(text).map_err(|_| refused())?;
        let url = countersign_http::with_plain_host(url).ok_or_else(refused)?;
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

impl std::fmt::Display for Endpoint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
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
            "https://u:p@signer.example",
            "ftp://signer.example",
        ] {
            let expected = EndpointError { found: Excerpt::at_most(256, text) };
            assert_eq!(text.parse::<Endpoint>(), Err(expected), "{text}");
        }
    }
}
