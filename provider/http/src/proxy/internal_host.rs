//! Hosts that are internal by name, for which proxies are not used.
//!
//! These are addresses that are not public, `localhost`, and the names of a cluster's own DNS and of metadata
//! services. An external proxy cannot resolve them, and an internal one might reach hosts to which responses must not
//! lead.

use std::net::IpAddr;

use crate::address::Network;

/// The kind of internal host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InternalHost {
    /// This machine.
    Loopback,
    /// A private, shared or unique local address.
    Private,
    /// A link-local address, or that of a metadata service.
    LinkLocal,
    /// An address that no server can have.
    Reserved,
    /// A name of the cluster's DNS, or a name without a domain.
    Cluster,
    /// A name of a metadata service.
    Metadata,
    /// A name below a domain for private use (`internal`, `local`, `home.arpa`), which a proxy may resolve.
    PrivateName,
}

impl InternalHost {
    /// Whether a proxy is used for it if an operator has configured exactly that host.
    #[must_use]
    pub fn may_be_meant(self) -> bool {
        match self {
            Self::PrivateName => true,
            Self::Loopback | Self::Private | Self::LinkLocal | Self::Reserved | Self::Cluster | Self::Metadata => false,
        }
    }

    /// The description of the host for messages.
    #[must_use]
    pub fn as_str(self) -> &'static str {
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

/// Names of metadata services. Those of other clouds have no name or a name below `.internal`.
const METADATA: [&str; 5] = [
    "metadata.google.internal",
    "metadata.goog",
    "metadata.azure.internal",
    "instance-data.ec2.internal",
    "metadata.tencentyun.com",
];

/// The kind, if `host` (with or without a port, an IPv6 address in brackets) is internal by name. Nothing is
/// resolved.
#[must_use]
pub fn internal_host(host: &str) -> Option<InternalHost> {
    let host = without_port(host).to_ascii_lowercase();
    let host = host.strip_suffix('.').unwrap_or(&host);
    let literal = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(host);
    if let Ok(address) = literal.parse::<IpAddr>() {
        return of_address(address);
    }
    let labels: Vec<&str> = host.split('.').collect();
    match labels.as_slice() {
        ["localhost"] | [.., "localhost"] | ["localhost", "localdomain"] => Some(InternalHost::Loopback),
        [_] => Some(InternalHost::Cluster),
        _ if METADATA.contains(&host) => Some(InternalHost::Metadata),
        // The name of the API server in pods.
        ["kubernetes", "default"] => Some(InternalHost::Cluster),
        // A Service, and a pod of one, below any cluster domain.
        [_, _, "svc", ..] | [_, _, _, "svc", ..] | [_, _, "pod", "cluster", "local"] => Some(InternalHost::Cluster),
        [.., "svc"] | [.., "cluster", "local"] => Some(InternalHost::Cluster),
        [.., "internal" | "local" | "localdomain"] | [.., "home", "arpa"] => Some(InternalHost::PrivateName),
        _ => None,
    }
}

fn of_address(address: IpAddr) -> Option<InternalHost> {
    match Network::of(address) {
        Network::Public => None,
        Network::Private => Some(InternalHost::Private),
        Network::Loopback => Some(InternalHost::Loopback),
        Network::LinkLocal => Some(InternalHost::LinkLocal),
        Network::Unusable => Some(InternalHost::Reserved),
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
    fn classifies_internal_hosts_by_name() {
        for (host, expected) in [
            ("localhost", InternalHost::Loopback),
            ("LOCALHOST:5000", InternalHost::Loopback),
            ("localhost.", InternalHost::Loopback),
            ("a.localhost", InternalHost::Loopback),
            ("localhost.localdomain", InternalHost::Loopback),
            ("127.9.9.9:443", InternalHost::Loopback),
            ("[::1]:5000", InternalHost::Loopback),
            ("::1", InternalHost::Loopback),
            ("10.0.0.5:5000", InternalHost::Private),
            ("192.168.0.1", InternalHost::Private),
            ("100.64.1.1", InternalHost::Private),
            ("[fd12::1]", InternalHost::Private),
            ("[64:ff9b::a00:1]", InternalHost::Private),
            ("169.254.170.23", InternalHost::LinkLocal),
            ("[fe80::1]", InternalHost::LinkLocal),
            ("100.100.100.200", InternalHost::LinkLocal),
            ("[fd00:ec2::23]", InternalHost::LinkLocal),
            ("0.0.0.0", InternalHost::Reserved),
            ("224.0.0.1", InternalHost::Reserved),
            ("registry", InternalHost::Cluster),
            ("registry:5000", InternalHost::Cluster),
            ("kubernetes.default", InternalHost::Cluster),
            ("registry.tools.svc", InternalHost::Cluster),
            ("registry.tools.SVC.cluster.local:5000", InternalHost::Cluster),
            ("registry-0.registry.tools.svc.corp.example", InternalHost::Cluster),
            ("10-0-0-1.tools.pod.cluster.local", InternalHost::Cluster),
            ("x.cluster.local", InternalHost::Cluster),
            ("metadata.google.internal", InternalHost::Metadata),
            ("metadata.google.internal.", InternalHost::Metadata),
            ("instance-data.ec2.internal", InternalHost::Metadata),
            ("r.corp.internal", InternalHost::PrivateName),
            ("r.local", InternalHost::PrivateName),
            ("r.home.arpa", InternalHost::PrivateName),
        ] {
            assert_eq!(internal_host(host), Some(expected), "{host}");
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
            assert_eq!(internal_host(host), None, "{host}");
        }
    }
}
