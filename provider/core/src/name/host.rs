//! Registry hosts: one grammar, and one definition of which spellings name the same server.
//!
//! The behaviour of container runtimes is taken from the [reference
//! grammar](https://github.com/distribution/reference/blob/v0.6.0/regexp.go) that containerd, CRI-O, Docker and the
//! kubelet share, from containerd's resolver and from Go's `net` and `net/http`, which all of them use to pull
//! images. `provider/tests/data/references.json` holds the test cases.
//!
//! - **Names** are DNS names in either case: Go compares and resolves them without case. Labels are letters, digits and
//!   inner hyphens. No underscore and no dot at the end: the grammar has neither.
//! - **IPv4 addresses** are four decimal numbers without leading zeros, as Go reads them. Other names whose last
//!   label is a number (`127.1`, `0x7f.1`, `010.0.0.5`, `2130706433`) are refused: WHATWG URL parsers and C libraries
//!   read them as addresses, and Go resolves them by DNS.
//! - **IPv6 addresses** are written in brackets and are compared by value. An IPv4-mapped address equals that IPv4
//!   address, as Go connects to it. Dots and zones inside the brackets are refused, as the grammar has neither.
//! - **Ports** are numbers: Go ignores leading zeros. The default is 443, the port of https. 0 and numbers above
//!   65535 are refused, as Go connects to neither.
//! - **Docker Hub** is `docker.io`, for which runtimes send requests to `registry-1.docker.io`, and
//!   `index.docker.io`, which runtimes rewrite to `docker.io`. They compare these two letter by letter, so other
//!   spellings of them (`Docker.io`, `docker.io:443`) name other servers and are refused. The names of Docker Hub's
//!   registry servers are equal to `docker.io`.
//! - **Internationalized names** are written in their ASCII form. Labels that begin with `xn--` and cannot be decoded
//!   are refused: Go resolves them unchanged, and URL parsers refuse them.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::fmt;
use std::hash::Hash;
use std::hash::Hasher;
use std::net::Ipv4Addr;
use std::net::Ipv6Addr;
use std::str::FromStr;

use super::dns::is_dns_name;
use super::host_error::HostError;

/// The default port of a registry host.
const HTTPS: u16 = 443;

/// The name that runtimes recognize as Docker Hub: compared byte by byte, without a port.
const DOCKER_HUB: &str = "docker.io";
const DOCKER_HUB_INDEX: &str = "index.docker.io";

/// The host to which runtimes send requests for Docker Hub.
const DOCKER_HUB_REGISTRY: &str = "registry-1.docker.io";

/// Host names of Docker Hub's registry. Runtimes that use one of them get the same images.
const DOCKER_HUB_REGISTRIES: [&str; 3] = [DOCKER_HUB_REGISTRY, "registry.docker.io", "registry.hub.docker.com"];

/// A registry's host and port. Compared, ordered and hashed by the server that it names; printed as written.
///
/// Two hosts are equal exactly if container runtimes connect to the same name or address and port for them. Names are
/// not resolved, so a name and its address are different hosts.
#[derive(Clone)]
pub struct Host {
    name: HostName,
    port: Option<u16>,
    written: String,
}

/// The name of a [`Host`] without its port.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum HostName {
    /// Docker Hub, under any of its names.
    DockerHub,
    /// A DNS name in lower case, without a dot at the end.
    Dns(String),
    /// An IPv4 address.
    V4(Ipv4Addr),
    /// Never an IPv4-mapped address.
    V6(Ipv6Addr),
}

impl Host {
    /// Docker Hub, as `docker.io`.
    #[must_use]
    pub fn docker_hub() -> Self {
        Self { name: HostName::DockerHub, port: None, written: DOCKER_HUB.to_owned() }
    }

    /// The host without its port.
    #[must_use]
    pub fn name(&self) -> &HostName {
        &self.name
    }

    /// The port, 443 by default.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port.unwrap_or(HTTPS)
    }

    /// The port if one is written. The default port of plain HTTP differs from that of https.
    #[must_use]
    pub fn written_port(&self) -> Option<u16> {
        self.port
    }

    /// The text as it was written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.written
    }

    /// Whether it is Docker Hub.
    #[must_use]
    pub fn is_docker_hub(&self) -> bool {
        self.name == HostName::DockerHub
    }

    /// Host and port for a URL: `registry-1.docker.io` for Docker Hub, a port only if one is written.
    #[must_use]
    pub fn authority(&self) -> String {
        match self.port {
            Some(port) => format!("{}:{port}", self.name),
            None => self.name.to_string(),
        }
    }

    /// The canonical text of the server: `docker.io` for Docker Hub; port 443 is never written.
    #[must_use]
    pub fn canonical(&self) -> Cow<'_, str> {
        match (&self.name, self.port()) {
            (HostName::DockerHub, _) => DOCKER_HUB.into(),
            (HostName::Dns(name), HTTPS) => name.into(),
            (name @ (HostName::V4(_) | HostName::V6(_)), HTTPS) => name.to_string().into(),
            (name, port) => format!("{name}:{port}").into(),
        }
    }

    /// Whether a text before the first slash of an image reference is read as a host rather than as a part of a
    /// repository on Docker Hub: it has a dot, a colon or an upper-case letter, or is `localhost`.
    #[must_use]
    pub fn is_host_part(part: &str) -> bool {
        part.contains(['.', ':', '[']) || part == "localhost" || part.bytes().any(|b| b.is_ascii_uppercase())
    }

    /// Whether runtimes add `library/` to a repository of one part. They decide by the host as written.
    pub(super) fn adds_library(&self) -> bool {
        matches!(self.written.as_str(), DOCKER_HUB | DOCKER_HUB_INDEX)
    }

    /// What equality, order and hash compare.
    fn network_location(&self) -> (&HostName, u16) {
        (&self.name, self.port())
    }
}

impl PartialEq for Host {
    fn eq(&self, other: &Self) -> bool {
        self.network_location() == other.network_location()
    }
}

impl Eq for Host {}

impl PartialOrd for Host {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Host {
    fn cmp(&self, other: &Self) -> Ordering {
        self.network_location().cmp(&other.network_location())
    }
}

impl Hash for Host {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.network_location().hash(state);
    }
}

impl fmt::Display for Host {
    /// Prints the text as it was written.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.written)
    }
}

impl fmt::Debug for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.written)
    }
}

impl fmt::Display for HostName {
    /// Prints the name as in a URL.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::DockerHub => f.write_str(DOCKER_HUB_REGISTRY),
            Self::Dns(name) => f.write_str(name),
            Self::V4(address) => address.fmt(f),
            Self::V6(address) => write!(f, "[{address}]"),
        }
    }
}

impl FromStr for Host {
    type Err = HostError;

    /// Parses `host`, `host:port`, `[v6]` or `[v6]:port`; see the documentation of the module.
    fn from_str(text: &str) -> Result<Self, HostError> {
        let (address, port) = match text.strip_prefix('[') {
            Some(rest) => {
                let (address, rest) = rest.split_once(']').ok_or(HostError::Syntax)?;
                let port = if rest.is_empty() { None } else { Some(rest.strip_prefix(':').ok_or(HostError::Syntax)?) };
                (Some(v6(address)?), port)
            }
            None => (None, text.split_once(':').map(|(_, port)| port)),
        };
        let port = port.map(self::port).transpose()?;
        let name = match address {
            Some(address) => address,
            None => self::name(text.split_once(':').map_or(text, |(name, _)| name))?,
        };
        let name = match name {
            HostName::Dns(dns) => docker_hub(dns, port, text)?,
            HostName::DockerHub | HostName::V4(_) | HostName::V6(_) => name,
        };
        let port = if name == HostName::DockerHub { None } else { port };
        Ok(Self { name, port, written: text.to_owned() })
    }
}

/// Maps the names of Docker Hub to [`HostName::DockerHub`], and other names to [`HostName::Dns`].
fn docker_hub(dns: String, port: Option<u16>, text: &str) -> Result<HostName, HostError> {
    if port.is_some_and(|port| port != HTTPS) {
        return Ok(HostName::Dns(dns));
    }
    if [DOCKER_HUB, DOCKER_HUB_INDEX].contains(&text) || DOCKER_HUB_REGISTRIES.contains(&dns.as_str()) {
        return Ok(HostName::DockerHub);
    }
    if [DOCKER_HUB, DOCKER_HUB_INDEX].contains(&dns.as_str()) {
        return Err(HostError::DockerHub);
    }
    Ok(HostName::Dns(dns))
}

fn port(digits: &str) -> Result<u16, HostError> {
    if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return Err(HostError::Syntax);
    }
    let number = digits.trim_start_matches('0').parse().map_err(|_| HostError::Port)?;
    Ok(number)
}

fn v6(text: &str) -> Result<HostName, HostError> {
    if !text.bytes().all(|b| b.is_ascii_hexdigit() || b == b':') {
        return Err(HostError::Syntax);
    }
    let address: Ipv6Addr = text.parse().map_err(|_| HostError::Syntax)?;
    Ok(address.to_ipv4_mapped().map_or(HostName::V6(address), HostName::V4))
}

fn name(text: &str) -> Result<HostName, HostError> {
    if !is_dns_name(text) {
        return Err(HostError::Syntax);
    }
    if text.rsplit('.').next().is_some_and(is_number) {
        return text.parse().map(HostName::V4).map_err(|_| HostError::Number);
    }
    let name = text.to_ascii_lowercase();
    // The rules for internationalized names change or refuse only names with such a label. URL parsers call the same
    // function.
    let international = name.split('.').any(|label| label.starts_with("xn--"));
    let read = || idna::domain_to_ascii_cow(name.as_bytes(), idna::AsciiDenyList::URL);
    if international && !read().is_ok_and(|read| read == name) {
        return Err(HostError::Punycode);
    }
    Ok(HostName::Dns(name))
}

/// Whether a host that ends in this label is read as an IPv4 address by [URL parsers](https://url.spec.whatwg.org/#ends-in-a-number-checker).
fn is_number(label: &str) -> bool {
    match label.strip_prefix("0x").or_else(|| label.strip_prefix("0X")) {
        Some(hex) => hex.bytes().all(|b| b.is_ascii_hexdigit()),
        None => label.bytes().all(|b| b.is_ascii_digit()),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
