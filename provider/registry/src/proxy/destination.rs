//! Destinations that are inside by their name alone: a proxy is not asked for them.
//!
//! Addresses that are not public, `localhost`, names of a cluster's own DNS and of metadata services. A proxy outside
//! does not know them, and one inside might reach what no registry may lead us to.

use std::net::IpAddr;

use countersign_http::Network;

/// In which way a destination is inside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Inside {
    /// This machine.
    Loopback,
    /// A private, shared or unique local address.
    Private,
    /// A link-local address, or that of a metadata service.
    LinkLocal,
    /// An address at which nothing can be.
    Reserved,
    /// A name of the cluster's own DNS, or one without a domain.
    Cluster,
    /// A name of a metadata service.
    Metadata,
    /// A name below a domain for private use (`internal`, `local`, `home.arpa`): a proxy may know it.
    PrivateName,
}

impl Inside {
    /// Whether a proxy is asked for it after all where an operator has configured exactly that host.
    #[must_use]
    pub fn may_be_meant(self) -> bool {
        match self {
            Self::PrivateName => true,
            Self::Loopback | Self::Private | Self::LinkLocal | Self::Reserved | Self::Cluster | Self::Metadata => false,
        }
    }

    /// For messages: what the host is.
    #[must_use]
    pub fn text(self) -> &'static str {
        match self {
            Self::Loopback => "a name or address of this machine",
            Self::Private => "a private address",
            Self::LinkLocal => "a link-local or metadata address",
            Self::Reserved => "a reserved address",
            Self::Cluster => "a name inside the cluster",
            Self::Metadata => "a metadata service",
            Self::PrivateName => "a name for private use",
        }
    }
}

/// Names of metadata services. Those of other clouds have no name, or one below `.internal`.
const METADATA: [&str; 5] = [
    "metadata.google.internal",
    "metadata.goog",
    "metadata.azure.internal",
    "instance-data.ec2.internal",
    "metadata.tencentyun.com",
];

/// Whether `host` (with or without a port, an IPv6 address in brackets) is inside by its name alone. Nothing is resolved.
#[must_use]
pub fn inside(host: &str) -> Option<Inside> {
    let host = without_port(host).to_ascii_lowercase();
    let host = host.strip_suffix('.').unwrap_or(&host);
    let literal = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(host);
    if let Ok(address) = literal.parse::<IpAddr>() {
        return of_address(address);
    }
    let labels: Vec<&str> = host.split('.').collect();
    match labels.as_slice() {
        ["localhost"] | [.., "localhost"] | ["localhost", "localdomain"] => Some(Inside::Loopback),
        [_] => Some(Inside::Cluster),
        _ if METADATA.contains(&host) => Some(Inside::Metadata),
        // The API server's name, as pods write it.
        ["kubernetes", "default"] => Some(Inside::Cluster),
        // A Service, and a pod of one: below whatever domain the cluster has.
        [_, _, "svc", ..] | [_, _, _, "svc", ..] | [_, _, "pod", "cluster", "local"] => Some(Inside::Cluster),
        [.., "svc"] | [.., "cluster", "local"] => Some(Inside::Cluster),
        [.., "internal" | "local" | "localdomain"] | [.., "home", "arpa"] => Some(Inside::PrivateName),
        _ => None,
    }
}

fn of_address(address: IpAddr) -> Option<Inside> {
    match Network::of(address) {
        Network::Public => None,
        Network::Private => Some(Inside::Private),
        Network::Loopback => Some(Inside::Loopback),
        Network::LinkLocal => Some(Inside::LinkLocal),
        Network::Unusable => Some(Inside::Reserved),
    }
}

fn without_port(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port))
            if port.bytes().all(|b| b.is_ascii_digit()) && (name.ends_with(']') || !name.contains(':')) =>
        {
            name
        }
        Some(_) | None => host,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knows_what_is_inside_by_its_name() {
        for (host, expected) in [
            ("localhost", Inside::Loopback),
            ("LOCALHOST:5000", Inside::Loopback),
            ("localhost.", Inside::Loopback),
            ("a.localhost", Inside::Loopback),
            ("localhost.localdomain", Inside::Loopback),
            ("127.9.9.9:443", Inside::Loopback),
            ("[::1]:5000", Inside::Loopback),
            ("::1", Inside::Loopback),
            ("10.0.0.5:5000", Inside::Private),
            ("192.168.0.1", Inside::Private),
            ("100.64.1.1", Inside::Private),
            ("[fd12::1]", Inside::Private),
            ("[64:ff9b::a00:1]", Inside::Private),
            ("169.254.170.23", Inside::LinkLocal),
            ("[fe80::1]", Inside::LinkLocal),
            ("100.100.100.200", Inside::LinkLocal),
            ("[fd00:ec2::23]", Inside::LinkLocal),
            ("0.0.0.0", Inside::Reserved),
            ("224.0.0.1", Inside::Reserved),
            ("registry", Inside::Cluster),
            ("registry:5000", Inside::Cluster),
            ("kubernetes.default", Inside::Cluster),
            ("registry.tools.svc", Inside::Cluster),
            ("registry.tools.SVC.cluster.local:5000", Inside::Cluster),
            ("registry-0.registry.tools.svc.corp.example", Inside::Cluster),
            ("10-0-0-1.tools.pod.cluster.local", Inside::Cluster),
            ("x.cluster.local", Inside::Cluster),
            ("metadata.google.internal", Inside::Metadata),
            ("metadata.google.internal.", Inside::Metadata),
            ("instance-data.ec2.internal", Inside::Metadata),
            ("r.corp.internal", Inside::PrivateName),
            ("r.local", Inside::PrivateName),
            ("r.home.arpa", Inside::PrivateName),
        ] {
            assert_eq!(inside(host), Some(expected), "{host}");
        }
    }

    #[test]
    fn public_names_and_addresses_are_outside() {
        for host in [
            "ghcr.io",
            "registry-1.docker.io:443",
            "93.184.216.34",
            "[2606:4700::1111]:443",
            "svc.example.com",
            "a.svc.example.com",
            "localhost.example.com",
            "internal.example.com",
            "kubernetes.default.example",
        ] {
            assert_eq!(inside(host), None, "{host}");
        }
    }
}
