//! The address of a listener, as an operator writes it: `:6001`, `0.0.0.0:6001`, `[::1]:6001`, `localhost:8888`.

use std::fmt;
use std::net::IpAddr;
use std::net::Ipv6Addr;
use std::net::SocketAddr;
use std::str::FromStr;

/// The grammar of [`ListenAddress`] as a regular expression of the JSON Schema, which accepts some invalid IPv6 addresses.
pub(super) const PATTERN: &str = concat!(
    r"^(\[[0-9A-Fa-f:.]+(%[0-9]+)?\]|",
    r"((25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])\.){3}(25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])|",
    r"(([A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?\.)*",
    r"([0-9]*[A-Za-z]([A-Za-z0-9-]*[A-Za-z0-9])?|[0-9]+-[A-Za-z0-9-]*[A-Za-z0-9]))?):",
    r"0*([0-9]{1,4}|[1-5][0-9]{4}|6[0-4][0-9]{3}|65[0-4][0-9]{2}|655[0-2][0-9]|6553[0-5])$",
);

/// An address and a port to listen on. Names are resolved when the listener is opened, not here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ListenAddress {
    /// `[::]` means all addresses of both families, `0.0.0.0` for those of IPv4 only.
    Address(SocketAddr),
    /// All addresses that a name resolves to. Lower-case.
    Name { name: String, port: u16 },
}

/// The text is not a [`ListenAddress`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "not an address to listen on: expected an IP address or a host name with a port, or a port alone, such as \
         :6001"
)]
pub struct ListenAddressError;

impl ListenAddress {
    /// All addresses of both families.
    #[must_use]
    pub fn any(port: u16) -> Self {
        Self::Address(SocketAddr::from((Ipv6Addr::UNSPECIFIED, port)))
    }

    /// 0 lets the system choose.
    #[must_use]
    pub fn port(&self) -> u16 {
        match self {
            Self::Address(address) => address.port(),
            Self::Name { port, .. } => *port,
        }
    }

    /// Whether the two cannot both be listened on: the same port, and one has the other's addresses. Names are not
    /// resolved here, so two spellings of one address may not be detected; opening the second listener then fails.
    #[must_use]
    pub fn overlaps(&self, other: &Self) -> bool {
        let all = |address: &SocketAddr| address.ip() == IpAddr::V6(Ipv6Addr::UNSPECIFIED);
        let all_v4 = |address: &SocketAddr| address.is_ipv4() && address.ip().is_unspecified();
        self.port() == other.port()
            && self.port() != 0
            && match (self, other) {
                (Self::Name { name, .. }, Self::Name { name: other, .. }) => name == other,
                (Self::Address(address), Self::Name { .. }) | (Self::Name { .. }, Self::Address(address)) => {
                    address.ip().is_unspecified()
                }
                (Self::Address(one), Self::Address(other)) => {
                    one.ip() == other.ip()
                        || all(one)
                        || all(other)
                        || (all_v4(one) && other.is_ipv4())
                        || (all_v4(other) && one.is_ipv4())
                }
            }
    }
}

impl FromStr for ListenAddress {
    type Err = ListenAddressError;

    fn from_str(text: &str) -> Result<Self, ListenAddressError> {
        if let Ok(address) = text.parse::<SocketAddr>() {
            return Ok(address.into());
        }
        let (name, port) = text.rsplit_once(':').ok_or(ListenAddressError)?;
        // `parse` also takes a sign.
        if !port.bytes().all(|b| b.is_ascii_digit()) {
            return Err(ListenAddressError);
        }
        let port = port.parse().map_err(|_| ListenAddressError)?;
        if name.is_empty() {
            return Ok(Self::any(port));
        }
        let name = name.to_ascii_lowercase();
        // Resolvers read a name that ends in a number as an address in an old notation.
        let numeric = name.rsplit('.').next().is_some_and(|label| label.bytes().all(|b| b.is_ascii_digit()));
        if numeric || !super::is_dns_name(&name) {
            return Err(ListenAddressError);
        }
        Ok(Self::Name { name, port })
    }
}

impl From<SocketAddr> for ListenAddress {
    /// An IPv4 address inside an IPv6 one is the IPv4 address.
    fn from(address: SocketAddr) -> Self {
        match address.ip().to_canonical() {
            v4 @ IpAddr::V4(_) => Self::Address(SocketAddr::new(v4, address.port())),
            // Keeps the scope of a link-local address.
            IpAddr::V6(_) => Self::Address(address),
        }
    }
}

impl fmt::Display for ListenAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Address(address) => address.fmt(f),
            Self::Name { name, port } => write!(f, "{name}:{port}"),
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<String, ListenAddressError> {
        text.parse().map(|address: ListenAddress| address.to_string())
    }

    #[test]
    fn accepts_addresses_names_and_a_port_alone() {
        for (text, expected) in [
            (":6001", "[::]:6001"),
            ("[::]:6001", "[::]:6001"),
            ("0.0.0.0:6001", "0.0.0.0:6001"),
            ("[::1]:6001", "[::1]:6001"),
            ("[FE80:0::1%2]:6001", "[fe80::1%2]:6001"),
            ("[::ffff:10.0.0.1]:6001", "10.0.0.1:6001"),
            ("localhost:8888", "localhost:8888"),
            ("LocalHost:08888", "localhost:8888"),
            ("pod-0.service.example:0", "pod-0.service.example:0"),
        ] {
            assert_eq!(read(text).as_deref(), Ok(expected), "{text}");
        }
    }

    #[test]
    fn refuses_invalid_listen_addresses() {
        for text in [
            "",
            ":",
            "6001",
            "localhost",
            "localhost:",
            "localhost:65536",
            "localhost:+1",
            "[::1]",
            "::1:6001",
            "::",
            "127.1:6001",
            "10.0.0.256:6001",
            "2130706433:6001",
            "a b:1",
            "-a:1",
            "a_b:1",
            "*:6001",
            "http://a:1",
            "a:1/",
        ] {
            assert_eq!(read(text), Err(ListenAddressError), "{text}");
        }
    }

    #[test]
    fn detects_conflicting_listen_addresses() {
        let overlaps = |one: &str, other: &str| {
            let (one, other): (ListenAddress, ListenAddress) = (one.parse().unwrap(), other.parse().unwrap());
            assert_eq!(one.overlaps(&other), other.overlaps(&one));
            one.overlaps(&other)
        };
        for (one, other) in [
            (":1", ":1"),
            (":1", "0.0.0.0:1"),
            (":1", "127.0.0.1:1"),
            (":1", "[::1]:1"),
            (":1", "localhost:1"),
            ("0.0.0.0:1", "127.0.0.1:1"),
            ("0.0.0.0:1", "localhost:1"),
            ("localhost:1", "LOCALHOST:1"),
            ("[::1]:1", "[0::1]:1"),
        ] {
            assert!(overlaps(one, other), "{one} {other}");
        }
        for (one, other) in
            [(":1", ":2"), (":0", ":0"), ("0.0.0.0:1", "[::1]:1"), ("127.0.0.1:1", "127.0.0.2:1"), ("a:1", "b:1")]
        {
            assert!(!overlaps(one, other), "{one} {other}");
        }
    }
}
