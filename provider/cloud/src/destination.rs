//! Where requests are sent.

use std::net::IpAddr;
use std::net::Ipv4Addr;

use url::Url;

/// The address of the instance metadata service, in every cloud.
pub const INSTANCE_METADATA: IpAddr = IpAddr::V4(Ipv4Addr::new(169, 254, 169, 254));

/// Where a request is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Destination {
    /// A service that answers on the node: its address may be link-local or loopback, and no proxy is used.
    Node,
    /// A service of the cloud. Its address may be private, as that of a private endpoint is.
    Service,
}

impl Destination {
    /// Where an address is that the settings may have replaced: the node for the instance metadata service, and for an endpoint on
    /// loopback, which an operator wrote.
    #[must_use]
    pub fn of(url: &Url) -> Self {
        let address = match url.host() {
            Some(url::Host::Ipv4(address)) => Some(IpAddr::V4(address)),
            Some(url::Host::Ipv6(address)) => Some(IpAddr::V6(address)),
            Some(url::Host::Domain(_)) | None => None,
        };
        let is_local = url.host_str() == Some("localhost")
            || address.is_some_and(|address| address.is_loopback() || address == INSTANCE_METADATA);
        if is_local { Self::Node } else { Self::Service }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn only_loopback_and_the_metadata_service_are_on_the_node() {
        for (url, destination) in [
            ("http://169.254.169.254/metadata", Destination::Node),
            ("http://127.0.0.1:4566/", Destination::Node),
            ("http://[::1]:4566/", Destination::Node),
            ("http://localhost:4566/", Destination::Node),
            ("https://login.microsoftonline.com/", Destination::Service),
            ("https://localhost.example/", Destination::Service),
            ("https://10.0.0.5/", Destination::Service),
            ("https://169.254.169.253/", Destination::Service),
        ] {
            assert_eq!(Destination::of(&Url::parse(url).unwrap()), destination, "{url}");
        }
    }
}
