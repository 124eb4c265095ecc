//! Why a text is not a host.

/// Why a text is not a [`Host`](super::Host).
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HostError {
    /// No form that a host has.
    #[error("expected a DNS name, an IPv4 address or a bracketed IPv6 address, and an optional port")]
    Syntax,
    /// A port that is none.
    #[error("expected a port from 1 to 65535")]
    Port,
    /// A name that other software reads as an address.
    #[error(
        "its last label is a number, which some programs read as an address; expected four decimal numbers up to \
         255 without leading zeros, or a name"
    )]
    Number,
    /// An encoded internationalized name that is not canonical.
    #[error("found a label that begins with xn-- and cannot be decoded, expected a valid internationalized name")]
    Punycode,
    /// A spelling of Docker Hub that runtimes do not pull alike.
    #[error("container runtimes do not use this spelling for Docker Hub; expected docker.io")]
    DockerHub,
}
