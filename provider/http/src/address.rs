//! Address policy: which addresses requests may reach. Users and responses choose hosts. Without a limit, requests
//! could reach cloud metadata services and servers on loopback.

use std::fmt;
use std::net::IpAddr;
use std::net::Ipv4Addr;
use std::net::Ipv6Addr;

use url::Host;
use url::Url;

/// The kind of network of an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Network {
    /// Reachable from the internet.
    Public,
    /// RFC 1918, shared (RFC 6598) and unique local addresses: internal servers, private endpoints of clouds. Also
    /// addresses for protocols and benchmarks (RFC 6890), which internal networks use.
    Private,
    /// This machine.
    Loopback,
    /// Link-local addresses and metadata services, including those at a unique local or public address.
    LinkLocal,
    /// Unspecified, multicast, broadcast and reserved addresses, at which no server can be.
    Unusable,
}

/// Metadata services outside the link-local blocks: of Alibaba Cloud, Azure's wire server, and of Oracle's, Google's and
/// Scaleway's clouds. Those of EC2 over IPv6 (metadata, Pod Identity, DNS, time) have a block of their own.
const METADATA: [IpAddr; 6] = [
    IpAddr::V4(Ipv4Addr::new(100, 100, 100, 200)),
    IpAddr::V4(Ipv4Addr::new(168, 63, 129, 16)),
    IpAddr::V4(Ipv4Addr::new(192, 0, 0, 192)),
    IpAddr::V6(Ipv6Addr::new(0xfd00, 0xc1, 0, 0, 0, 0, 0xa9fe, 0xa9fe)),
    IpAddr::V6(Ipv6Addr::new(0xfd20, 0xce, 0, 0, 0, 0, 0, 0x254)),
    IpAddr::V6(Ipv6Addr::new(0xfd00, 0x42, 0, 0, 0, 0, 0, 0x42)),
];

impl Network {
    /// The kind of `address`. An IPv4 address inside an IPv6 address (mapped, translated, tunnelled) is classified as
    /// the IPv4 address.
    #[must_use]
    pub fn of(address: IpAddr) -> Self {
        let address = match address {
            IpAddr::V4(_) => address,
            IpAddr::V6(v6) => inner_v4(v6).map_or(address, IpAddr::V4),
        };
        if METADATA.contains(&address) {
            return Self::LinkLocal;
        }
        match address {
            IpAddr::V4(v4) => Self::of_v4(v4),
            IpAddr::V6(v6) => Self::of_v6(v6),
        }
    }

    /// The text for messages.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Public => "public",
            Self::Private => "private",
            Self::Loopback => "loopback",
            Self::LinkLocal => "link-local or metadata",
            Self::Unusable => "reserved",
        }
    }

    fn of_v4(address: Ipv4Addr) -> Self {
        let [a, b, c, _] = address.octets();
        if address.is_loopback() {
            Self::Loopback
        } else if address.is_link_local() {
            Self::LinkLocal
        } else if a == 0 || a >= 224 {
            Self::Unusable
        } else if address.is_private()
            || (a == 100 && (64..128).contains(&b))
            || [a, b, c] == [192, 0, 0]
            || (a == 198 && matches!(b, 18 | 19))
        {
            Self::Private
        } else {
            Self::Public
        }
    }

    fn of_v6(address: Ipv6Addr) -> Self {
        if address.is_loopback() {
            Self::Loopback
        } else if address.is_unicast_link_local() || address.segments().starts_with(&[0xfd00, 0xec2]) {
            Self::LinkLocal
        } else if address.is_unspecified() || address.is_multicast() {
            Self::Unusable
        } else if address.is_unique_local() || address.segments()[0] & 0xffc0 == 0xfec0 {
            Self::Private
        } else {
            Self::Public
        }
    }
}

fn inner_v4(address: Ipv6Addr) -> Option<Ipv4Addr> {
    if let Some(mapped) = address.to_ipv4_mapped() {
        return Some(mapped);
    }
    let v4 = |high: u16, low: u16| Ipv4Addr::from_bits((u32::from(high) << 16) | u32::from(low));
    match address.segments() {
        // NAT64, RFC 6052 and RFC 8215, and the IPv4-translated form of RFC 7915.
        [0x64, 0xff9b, 0, 0, 0, 0, high, low] => Some(v4(high, low)),
        [0x64, 0xff9b, 1, .., high, low] => Some(v4(high, low)),
        [0, 0, 0, 0, 0xffff, 0, high, low] => Some(v4(high, low)),
        // 6to4, ISATAP, and Teredo, which has the client's address inverted.
        [0x2002, high, low, ..] => Some(v4(high, low)),
        [_, _, _, _, 0 | 0x200, 0x5efe, high, low] => Some(v4(high, low)),
        [0x2001, 0, _, _, _, _, high, low] => Some(v4(!high, !low)),
        // The deprecated IPv4-compatible form, without :: and ::1.
        [0, 0, 0, 0, 0, 0, high, low] if high != 0 => Some(v4(high, low)),
        _ => None,
    }
}

/// Which networks a request may reach. Each policy has connections of its own, so that a pooled connection cannot evade
/// it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AddressPolicy {
    /// All addresses, for hosts that an operator has configured.
    Any,
    /// Public, private and loopback addresses.
    WithLoopback,
    /// Public and private addresses.
    WithPrivate,
    /// Public addresses.
    PublicOnly,
}

impl AddressPolicy {
    /// All policies. The position is the index of the connections.
    pub(crate) const ALL: [Self; 4] = [Self::Any, Self::WithLoopback, Self::WithPrivate, Self::PublicOnly];

    pub(crate) fn position(self) -> usize {
        match self {
            Self::Any => 0,
            Self::WithLoopback => 1,
            Self::WithPrivate => 2,
            Self::PublicOnly => 3,
        }
    }

    /// Whether a request may reach `address`.
    #[must_use]
    pub fn permits(self, address: IpAddr) -> bool {
        match Network::of(address) {
            Network::Public => true,
            Network::Private => self != Self::PublicOnly,
            Network::Loopback => matches!(self, Self::Any | Self::WithLoopback),
            Network::LinkLocal | Network::Unusable => self == Self::Any,
        }
    }

    /// Checks an IP address in the URL itself, which is not resolved.
    ///
    /// # Errors
    /// The address is not permitted.
    pub(crate) fn check_literal(self, url: &Url) -> Result<(), AddressRefused> {
        let address = match url.host() {
            Some(Host::Ipv4(address)) => IpAddr::V4(address),
            Some(Host::Ipv6(address)) => IpAddr::V6(address),
            Some(Host::Domain(_)) | None => return Ok(()),
        };
        if self.permits(address) { Ok(()) } else { Err(AddressRefused { address }) }
    }
}

/// A host has an address that the policy does not permit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct AddressRefused {
    pub(crate) address: IpAddr,
}

impl fmt::Display for AddressRefused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "address {} is refused", self.address)
    }
}

impl std::error::Error for AddressRefused {}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn network(text: &str) -> Network {
        Network::of(text.parse().unwrap())
    }

    #[test]
    fn classifies_networks() {
        for (text, expected) in [
            ("93.184.216.34", Network::Public),
            ("2606:4700::1111", Network::Public),
            ("10.1.2.3", Network::Private),
            ("172.16.0.1", Network::Private),
            ("192.168.1.1", Network::Private),
            ("100.64.0.1", Network::Private),
            ("fc00::1", Network::Private),
            ("192.0.0.8", Network::Private),
            ("198.19.255.1", Network::Private),
            ("198.20.0.1", Network::Public),
            ("127.0.0.1", Network::Loopback),
            ("127.255.0.9", Network::Loopback),
            ("::1", Network::Loopback),
            ("169.254.169.254", Network::LinkLocal),
            ("fe80::1", Network::LinkLocal),
            ("fd00:ec2::254", Network::LinkLocal),
            ("fd00:ec2::23", Network::LinkLocal),
            ("fd20:ce::254", Network::LinkLocal),
            ("fd00:c1::a9fe:a9fe", Network::LinkLocal),
            ("fd00:42::42", Network::LinkLocal),
            ("192.0.0.192", Network::LinkLocal),
            ("100.100.100.200", Network::LinkLocal),
            ("168.63.129.16", Network::LinkLocal),
            ("0.0.0.0", Network::Unusable),
            ("255.255.255.255", Network::Unusable),
            ("224.0.0.1", Network::Unusable),
            ("::", Network::Unusable),
            ("ff02::1", Network::Unusable),
        ] {
            assert_eq!(network(text), expected, "{text}");
        }
    }

    #[test]
    fn an_ipv4_address_inside_an_ipv6_address_is_the_same_address() {
        for text in [
            "::ffff:169.254.169.254",
            "::ffff:0:169.254.169.254",
            "64:ff9b::a9fe:a9fe",
            "64:ff9b:1::a9fe:a9fe",
            "2002:a9fe:a9fe::1",
            "2001:db8::5efe:169.254.169.254",
            "2001:0:1:2:3:4:5601:5601",
            "::169.254.169.254",
        ] {
            assert_eq!(network(text), Network::LinkLocal, "{text}");
        }
        assert_eq!(network("::ffff:127.0.0.1"), Network::Loopback);
        assert_eq!(network("64:ff9b::a01:203"), Network::Private);
    }

    #[test]
    fn each_policy_permits_its_networks_and_no_others() {
        let addresses = ["93.184.216.34", "10.1.2.3", "127.0.0.1", "169.254.169.254", "0.0.0.0"];
        for (policy, expected) in [
            (AddressPolicy::Any, [true, true, true, true, true]),
            (AddressPolicy::WithLoopback, [true, true, true, false, false]),
            (AddressPolicy::WithPrivate, [true, true, false, false, false]),
            (AddressPolicy::PublicOnly, [true, false, false, false, false]),
        ] {
            assert_eq!(addresses.map(|text| policy.permits(text.parse().unwrap())), expected, "{policy:?}");
        }
    }

    #[test]
    fn numbers_that_are_addresses_are_checked_as_such() {
        for text in ["http://2130706433/", "http://0x7f.1/", "http://[::ffff:7f00:1]/", "http://127.1/"] {
            assert!(AddressPolicy::WithPrivate.check_literal(&Url::parse(text).unwrap()).is_err(), "{text}");
        }
        assert_eq!(AddressPolicy::WithPrivate.check_literal(&Url::parse("https://registry.example/").unwrap()), Ok(()));
    }
}
