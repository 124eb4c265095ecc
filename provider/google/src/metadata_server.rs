//! The address of the metadata server.

use std::fmt;
use std::net::IpAddr;
use std::net::Ipv4Addr;
use std::net::Ipv6Addr;
use std::net::SocketAddr;
use std::str::FromStr;

use countersign_core::codec::excerpt::Excerpt;
use url::Url;

/// The address of the metadata server: `169.254.169.254` unless another one is written. It is a number and no name, so that no
/// answer of the DNS can lead to another server ([addresses](https://cloud.google.com/compute/docs/metadata/querying-metadata)).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct MetadataServer(SocketAddr);

/// A text that is not the address of a metadata server.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "metadata server: found {found:?}, expected HOST or HOST:PORT, where HOST is metadata.google.internal, 169.254.169.254, or another \
     loopback or link-local address; tokens are requested over plain HTTP, on the node only"
)]
pub struct MetadataServerError {
    found: Excerpt,
}

/// The address for IPv6.
const V6: Ipv6Addr = Ipv6Addr::new(0xfd20, 0xce, 0, 0, 0, 0, 0, 0x254);

const V4: Ipv4Addr = Ipv4Addr::new(169, 254, 169, 254);

const PORT: u16 = 80;

impl MetadataServer {
    /// The address of a path.
    pub(crate) fn url(self, path: &str) -> Url {
        let mut url = Url::parse(&format!("http://{}/", self.0)).expect("an address with a port is part of a URL");
        url.set_path(path);
        url
    }
}

impl Default for MetadataServer {
    fn default() -> Self {
        Self(SocketAddr::new(IpAddr::V4(V4), PORT))
    }
}

impl FromStr for MetadataServer {
    type Err = MetadataServerError;

    /// As the client libraries of Google read `GCE_METADATA_HOST`, for addresses of the node only.
    fn from_str(text: &str) -> Result<Self, MetadataServerError> {
        parse(text).map(Self).ok_or_else(|| MetadataServerError { found: Excerpt::at_most(256, text) })
    }
}

fn parse(text: &str) -> Option<SocketAddr> {
    let (host, port) = match text.rsplit_once(':') {
        // A colon in brackets is part of the address.
        Some((host, port)) if !port.contains(']') => (host, Some(port)),
        Some(_) | None => (text, None),
    };
    let port = match port {
        Some(port) if port.bytes().all(|byte| byte.is_ascii_digit()) => port.parse().ok().filter(|port| *port != 0)?,
        Some(_) => return None,
        None => PORT,
    };
    let name = host.to_ascii_lowercase();
    let address = match name.strip_suffix('.').unwrap_or(&name) {
        "metadata.google.internal" | "metadata" => IpAddr::V4(V4),
        "localhost" => IpAddr::V4(Ipv4Addr::LOCALHOST),
        _ => match host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            Some(address) => IpAddr::V6(address.parse().ok()?),
            None => IpAddr::V4(host.parse().ok()?),
        },
    };
    let is_of_node = match address {
        IpAddr::V4(address) => address.is_loopback() || address.is_link_local(),
        IpAddr::V6(address) => address.is_loopback() || address == V6,
    };
    is_of_node.then_some(SocketAddr::new(address, port))
}

impl fmt::Display for MetadataServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.port() == PORT && self.0.is_ipv4() { self.0.ip().fmt(f) } else { self.0.fmt(f) }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn an_address_of_the_node_is_read_and_names_of_the_server_are_its_number() {
        for (text, url) in [
            ("169.254.169.254", "http://169.254.169.254/p"),
            ("169.254.169.254:80", "http://169.254.169.254/p"),
            ("metadata.google.internal", "http://169.254.169.254/p"),
            ("Metadata.Google.Internal.:80", "http://169.254.169.254/p"),
            ("metadata", "http://169.254.169.254/p"),
            ("169.254.169.252:988", "http://169.254.169.252:988/p"),
            ("127.0.0.1:988", "http://127.0.0.1:988/p"),
            ("localhost:8080", "http://127.0.0.1:8080/p"),
            ("[::1]:8080", "http://[::1]:8080/p"),
            ("[fd20:ce::254]", "http://[fd20:ce::254]/p"),
        ] {
            let server: MetadataServer = text.parse().unwrap();
            assert_eq!(server.url("/p").as_str(), url, "{text}");
            assert_eq!(server.to_string().parse(), Ok(server), "{text}");
        }
        assert_eq!(MetadataServer::default(), "metadata.google.internal".parse().unwrap());
    }

    #[test]
    fn every_other_address_is_refused() {
        for text in [
            "",
            ":80",
            "metadata.google.internal.evil.example",
            "evil.example",
            "10.0.0.5",
            "8.8.8.8:80",
            "[fd20:ce::255]",
            "[2001:db8::1]:80",
            "fd20:ce::254",
            "::1",
            "127.0.0.1:0",
            "127.0.0.1:65536",
            "127.0.0.1:+80",
            "127.0.0.1:",
            "127.1",
            "0x7f.0.0.1",
            "2130706433",
            "http://169.254.169.254",
            "169.254.169.254/path",
            "user@169.254.169.254",
            "169.254.169.254 ",
        ] {
            let error = text.parse::<MetadataServer>().unwrap_err().to_string();
            assert!(
                error.starts_with(&format!("metadata server: found \"{text}\", expected HOST or HOST:PORT")),
                "{error}"
            );
        }
    }
}
