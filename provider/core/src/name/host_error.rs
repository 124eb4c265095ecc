//! Errors of hosts.

/// The error for a text that is not a [`Host`](super::Host).
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HostError {
    /// The text has no form of a host.
    #[error("expected a DNS name, an IPv4 address or a bracketed IPv6 address, and an optional port")]
    Syntax,
    /// The port is not a number from 1 to 65535.
    #[error("expected a port from 1 to 65535")]
    Port,
    /// Other software reads the name as an address.
    #[error(
        "its last label is a number, which some programs read as an address; expected four decimal numbers up to \
         255 without leading zeros, or a name"
    )]
    Number,
    /// An encoded internationalized name is not canonical.
    #[error("found a label that begins with xn-- and cannot be decoded, expected a valid internationalized name")]
    Punycode,
    /// Runtimes do not recognize this spelling as Docker Hub.
    #[error("container runtimes do not use this spelling for Docker Hub; expected docker.io")]
    DockerHub,
}
