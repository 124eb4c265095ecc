//! Names of certificates, as the command line takes them.

use std::net::IpAddr;

use countersign_core::name::is_dns_name;

/// A DNS name or an IP address. Names are compared in lower case.
///
/// # Errors
/// Anything else, including wildcards, which a server certificate must not have.
pub(super) fn name(text: &str) -> Result<String, String> {
    if let Ok(address) = text.parse::<IpAddr>() {
        return Ok(address.to_string());
    }
    dns_name(text).map_err(|_| format!("found {text:?}, expected a DNS name or an IP address"))
}

/// The name of a namespace: one label of a DNS name.
///
/// # Errors
/// Anything else.
pub(super) fn namespace(text: &str) -> Result<String, String> {
    let is_label = !text.contains('.') && !text.bytes().any(|byte| byte.is_ascii_uppercase());
    dns_name(text).ok().filter(|_| is_label).ok_or_else(|| {
        format!("found {text:?}, expected the name of a namespace: lower-case letters, digits and inner hyphens")
    })
}

/// As [`name`], for DNS names alone.
///
/// # Errors
/// Anything else.
pub(super) fn dns_name(text: &str) -> Result<String, String> {
    let name = text.to_ascii_lowercase();
    if is_dns_name(&name) {
        Ok(name)
    } else {
        Err(format!("found {text:?}, expected a DNS name of letters, digits and inner hyphens, separated by dots"))
    }
}
