//! Identifiers of a directory of Microsoft Entra. They become parts of addresses and forms, so only their characters are allowed.

use std::fmt;
use std::str::FromStr;

use crate::codec::excerpt::Excerpt;
use crate::name::is_dns_name;

/// A tenant: its GUID, or a domain of it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TenantId(String);

/// An application, or a managed identity: its client ID, a GUID.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ClientId(String);

/// A text that is no identifier.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("found {found:?}, expected {expected}")]
pub struct DirectoryIdError {
    found: Excerpt,
    expected: &'static str,
}

/// The groups of a GUID and their lengths.
const GUID: [usize; 5] = [8, 4, 4, 4, 12];

fn is_guid(text: &str) -> bool {
    let groups: Vec<_> = text.split('-').collect();
    groups.len() == GUID.len()
        && groups
            .iter()
            .zip(GUID)
            .all(|(group, length)| group.len() == length && group.bytes().all(|byte| byte.is_ascii_hexdigit()))
}

impl TenantId {
    /// The text, in lower case.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl ClientId {
    /// The text, in lower case.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for TenantId {
    type Err = DirectoryIdError;

    fn from_str(text: &str) -> Result<Self, DirectoryIdError> {
        if is_guid(text) || (text.contains('.') && is_dns_name(text)) {
            return Ok(Self(text.to_ascii_lowercase()));
        }
        let expected = "the GUID of a tenant, or a domain of it";
        Err(DirectoryIdError { found: Excerpt::at_most(256, text), expected })
    }
}

impl FromStr for ClientId {
    type Err = DirectoryIdError;

    fn from_str(text: &str) -> Result<Self, DirectoryIdError> {
        if is_guid(text) {
            return Ok(Self(text.to_ascii_lowercase()));
        }
        let expected = "the client ID of an application or managed identity, a GUID";
        Err(DirectoryIdError { found: Excerpt::at_most(256, text), expected })
    }
}

impl fmt::Display for TenantId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for ClientId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "11111111-2222-3333-4444-5555AAAABBBB";

    #[test]
    fn a_tenant_is_a_guid_or_a_domain_and_a_client_a_guid() {
        let tenant = |text: &str| text.parse::<TenantId>().map(|id| id.to_string());
        assert_eq!(tenant(ID), Ok("11111111-2222-3333-4444-5555aaaabbbb".to_owned()));
        assert_eq!(tenant("Contoso.onmicrosoft.com"), Ok("contoso.onmicrosoft.com".to_owned()));
        assert_eq!(
            ID.parse::<ClientId>().map(|id| id.to_string()),
            Ok("11111111-2222-3333-4444-5555aaaabbbb".to_owned())
        );
        for text in ["", "common", "a/b", "a.b/../c", "a.b?c", "11111111-2222-3333-4444-5555aaaabbb", "11111111"] {
            let error = |expected| DirectoryIdError { found: Excerpt::at_most(256, text), expected };
            assert_eq!(tenant(text), Err(error("the GUID of a tenant, or a domain of it")), "{text}");
            let expected = "the client ID of an application or managed identity, a GUID";
            assert_eq!(text.parse::<ClientId>(), Err(error(expected)), "{text}");
        }
        assert!("a.example".parse::<ClientId>().is_err());
    }
}
