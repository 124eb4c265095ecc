//! Whose certificate authorities are those of a host that a registry names.

/// Whose entry of the settings has the certificate authorities for a host that the response of a registry names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AuthoritiesOf {
    /// That of the registry: the host has the same name, or the same entry.
    Registry,
    /// One of its own, if there is one.
    Host,
}
