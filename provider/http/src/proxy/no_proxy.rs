//! `NO_PROXY` with the semantics of Go's `golang.org/x/net/http/httpproxy`, which container runtimes, Gatekeeper and
//! most software in a cluster use.
//!
//! Entries are separated by commas. `example.com` matches that host and its subdomains, `.example.com` and
//! `*.example.com` match only the subdomains; an address matches itself, `10.0.0.0/8` a network; a port after a name
//! or address restricts it to that port; `*` matches every host. Names are not resolved to compare them with
//! addresses. Internationalized names match their ASCII form; IPv4-mapped addresses and networks match the IPv4 ones.

use std::net::IpAddr;

use ipnet::IpNet;
use ipnet::Ipv4Net;
use url::Host;
use url::Url;

/// The hosts that are reached directly.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct NoProxy {
    all: bool,
    entries: Vec<Entry>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Entry {
    Network(IpNet),
    Address { address: IpAddr, port: Option<u16> },
    Domain { suffix: String, itself: bool, port: Option<u16> },
}

impl NoProxy {
    pub(super) fn read(text: &str) -> Self {
        let texts: Vec<String> = text.split(',').map(|entry| entry.trim().to_lowercase()).collect();
        if texts.iter().any(|entry| entry == "*") {
            return Self { all: true, entries: Vec::new() };
        }
        Self { all: false, entries: texts.iter().filter_map(|entry| read(entry)).collect() }
    }

    /// The entries that match no host, as they are written.
    pub(super) fn useless(text: &str) -> Vec<String> {
        let entries = text.split(',').map(str::trim).filter(|entry| !entry.is_empty() && *entry != "*");
        entries
            .filter(|entry| !read(&entry.to_lowercase()).is_some_and(|entry| entry.can_match()))
            .map(str::to_owned)
            .collect()
    }

    /// Whether `url` is reached directly: the host is this machine, or an entry matches it.
    pub(super) fn excludes(&self, url: &Url) -> bool {
        let Some(host) = url.host() else { return true };
        let port = url.port_or_known_default();
        let (name, address) = match host {
            Host::Domain(name) => (Some(name.strip_suffix('.').unwrap_or(name).to_lowercase()), None),
            Host::Ipv4(address) => (None, Some(IpAddr::V4(address))),
            Host::Ipv6(address) => (None, Some(IpAddr::V6(address).to_canonical())),
        };
        let loopback = name.as_deref().is_some_and(|name| name == "localhost" || name.ends_with(".localhost"))
            || address.is_some_and(|address| address.is_loopback());
        loopback
            || self.all
            || self.entries.iter().any(|entry| match entry {
                Entry::Network(network) => address.is_some_and(|address| network.contains(&address)),
                Entry::Address { address: other, port: only } => {
                    address == Some(*other) && only.is_none_or(|only| port == Some(only))
                }
                Entry::Domain { suffix, itself, port: only } => {
                    name.as_deref().is_some_and(|name| {
                        name.ends_with(suffix.as_str()) || (*itself && suffix.strip_prefix('.') == Some(name))
                    }) && only.is_none_or(|only| port == Some(only))
                }
            })
    }
}

impl Entry {
    /// Whether there are URLs with such a host: a name has no other characters.
    fn can_match(&self) -> bool {
        match self {
            Self::Network(_) | Self::Address { .. } => true,
            Self::Domain { suffix, .. } => {
                suffix.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_'))
            }
        }
    }
}

/// Parses an entry. An entry that can match nothing is ignored, as by other implementations.
fn read(entry: &str) -> Option<Entry> {
    if let Ok(network) = entry.parse::<IpNet>() {
        return Some(Entry::Network(unmapped(network)));
    }
    let (host, port) = split_port(entry);
    let literal = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(host);
    if let Ok(address) = literal.parse::<IpAddr>() {
        return Some(Entry::Address { address: address.to_canonical(), port });
    }
    let host = host.strip_prefix('*').filter(|rest| rest.starts_with('.')).unwrap_or(host);
    let host = host.strip_suffix('.').unwrap_or(host);
    let (name, itself) = match host.strip_prefix('.') {
        Some(below) => (below, false),
        None => (host, true),
    };
    let name = ascii(name)?;
    (!name.is_empty()).then(|| Entry::Domain { suffix: format!(".{name}"), itself, port })
}

/// A name as in URLs.
fn ascii(name: &str) -> Option<String> {
    if name.is_ascii() {
        return Some(name.to_owned());
    }
    match Host::parse(name) {
        Ok(Host::Domain(name)) => Some(name),
        Ok(Host::Ipv4(_) | Host::Ipv6(_)) | Err(_) => None,
    }
}

/// Converts a network of IPv4-mapped addresses to the IPv4 network.
fn unmapped(network: IpNet) -> IpNet {
    let IpNet::V6(v6) = network else { return network };
    let length = v6.prefix_len().checked_sub(96);
    let v4 = v6.addr().to_ipv4_mapped().zip(length).and_then(|(address, length)| Ipv4Net::new(address, length).ok());
    v4.map_or(network, IpNet::V4)
}

fn split_port(entry: &str) -> (&str, Option<u16>) {
    match entry.rsplit_once(':') {
        // An earlier colon belongs to an IPv6 address, which has a port only after a bracket.
        Some((host, "")) if !host.contains(':') || host.ends_with(']') => (host, None),
        Some((host, port)) if !host.contains(':') || host.ends_with(']') => match port.parse() {
            Ok(port) => (host, Some(port)),
            Err(_) => (entry, None),
        },
        Some(_) | None => (entry, None),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(no_proxy: &str, direct: &[&str], by_proxy: &[&str]) {
        let list = NoProxy::read(no_proxy);
        let excludes = |host: &&&str| list.excludes(&Url::parse(&format!("https://{host}/")).unwrap());
        assert_eq!(direct.iter().filter(excludes).collect::<Vec<_>>(), direct.iter().collect::<Vec<_>>(), "{no_proxy}");
        assert_eq!(by_proxy.iter().filter(excludes).collect::<Vec<_>>(), Vec::<&&str>::new(), "{no_proxy}");
    }

    #[test]
    fn a_name_is_for_itself_and_all_below_it() {
        check("example.com", &["example.com", "a.example.com", "A.B.EXAMPLE.com:8443"], &["badexample.com", "com"]);
        check(" Example.COM ,", &["example.com", "example.com."], &["example.org"]);
    }

    #[test]
    fn an_internationalized_name_is_for_its_ascii_form() {
        for list in
            ["b\u{fc}cher.example", "B\u{dc}CHER\u{3002}example", "xn--BCHER-kva.example", "b\u{fc}cher.example:443"]
        {
            check(list, &["xn--bcher-kva.example", "r.xn--bcher-kva.example"], &["bcher.example", "example"]);
        }
        check(".b\u{fc}cher.example", &["r.XN--bcher-kva.example"], &["xn--bcher-kva.example"]);
        check("*.b\u{fc}cher.example:5000", &["r.xn--bcher-kva.example:5000"], &["r.xn--bcher-kva.example"]);
    }

    #[test]
    fn a_leading_dot_or_star_is_for_those_below_only() {
        for list in [".example.com", "*.example.com"] {
            check(list, &["a.example.com", "a.b.example.com"], &["example.com", "badexample.com"]);
        }
    }

    #[test]
    fn a_port_narrows_an_entry() {
        check("example.com:8443", &["example.com:8443", "a.example.com:8443"], &["example.com", "a.example.com:443"]);
        check("example.com:443", &["example.com"], &["example.com:444"]);
        check("example.com:", &["example.com", "example.com:5000"], &["example.org"]);
        check("10.0.0.1:5000,[2001:db8::1]:5000", &["10.0.0.1:5000", "[2001:db8::1]:5000"], &["10.0.0.1"]);
    }

    #[test]
    fn addresses_and_networks_are_compared_as_such() {
        check("10.0.0.0/8", &["10.1.2.3", "[::ffff:10.1.2.3]"], &["11.0.0.1", "10.example.com"]);
        check("10.1.2.3/8,fd00::/8", &["10.9.9.9", "[fd12::1]"], &["[fe00::1]"]);
        check(
            "192.168.1.1,2001:db8::1,[2001:db8::2]",
            &["192.168.1.1:5000", "[2001:db8::1]", "[2001:db8:0::2]"],
            &["192.168.1.2"],
        );
        // An IPv4-mapped network equals the IPv4 network; a wider one does not.
        check("::ffff:10.1.0.0/112", &["10.1.2.3", "[::ffff:10.1.2.3]:5000"], &["10.2.0.1", "[fd12::1]"]);
        check("::ffff:0:0/96", &["10.1.2.3"], &["[fd12::1]"]);
        check("::fffe:0:0/95", &[], &["10.1.2.3"]);
        // Names are not resolved.
        check("127.0.0.0/8,93.184.216.0/24", &[], &["example.com"]);
    }

    #[test]
    fn a_star_is_for_everything_and_this_machine_needs_no_entry() {
        check("*", &["example.com", "10.0.0.1", "[2001:db8::1]"], &[]);
        check("a.example, * ", &["example.com"], &[]);
        check(
            "",
            &["localhost", "localhost:5000", "a.localhost", "127.0.0.1", "127.9.9.9", "[::1]", "[::ffff:7f00:1]"],
            &["example.com", "localhost.example.com", "10.0.0.1"],
        );
    }

    #[test]
    fn ignores_entries_that_match_nothing() {
        for list in ["", ",", " , ", ".", "*.", ":80", "10.0.0.0/99", "a..b:"] {
            check(list, &[], &["example.com", "a.example.com", "10.0.0.1"]);
        }
    }
}
