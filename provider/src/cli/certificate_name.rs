//! Names of certificates, as the command line takes them.

use std::net::IpAddr;

/// A DNS name or an IP address. Names are compared in lower case.
///
/// # Errors
/// Anything else, wildcards included: the server has names of its own.
pub(super) fn name(text: &str) -> Result<String, String> {
    if let Ok(address) = text.parse::<IpAddr>() {
        return Ok(address.to_string());
    }
    dns_name(text).map_err(|_| format!("found {text:?}, expected a DNS name or an IP address"))
}

/// As [`name`], for DNS names alone.
///
/// # Errors
/// Anything else.
pub(super) fn dns_name(text: &str) -> Result<String, String> {
    let name = text.to_ascii_lowercase();
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
    };
    if name.len() <= 253 && name.split('.').all(label) {
        Ok(name)
    } else {
        Err(format!("found {text:?}, expected a DNS name of letters, digits and inner hyphens, separated by dots"))
    }
}
