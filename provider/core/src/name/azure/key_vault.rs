//! Hosts of Azure Key Vault ([names and
//! clouds](https://learn.microsoft.com/azure/key-vault/general/about-keys-secrets-certificates#dns-suffixes-for-object-identifiers)).
//! Tokens are sent to no other hosts, so the whole name must fit.

use std::fmt;
use std::str::FromStr;

use super::cloud::AzureCloud;
use crate::codec::excerpt::Excerpt;

/// The host of a key vault: `NAME.vault.azure.net`. A private endpoint has the same name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct VaultHost {
    name: String,
    cloud: AzureCloud,
}

/// A text that is not the host of a key vault.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "key vault: found {found:?}, expected a host such as NAME.vault.azure.net (NAME.vault.usgovcloudapi.net, NAME.vault.azure.cn)"
)]
pub struct VaultHostError {
    found: Excerpt,
}

impl VaultHost {
    /// The name of the vault.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The cloud.
    #[must_use]
    pub fn cloud(&self) -> AzureCloud {
        self.cloud
    }

    /// Whether the resource of a challenge is that of this vault: its host must be the end of the vault's host
    /// ([verification of the challenge](https://devblogs.microsoft.com/azure-sdk/guidance-for-applications-using-the-key-vault-libraries/)).
    #[must_use]
    pub fn is_of_resource(&self, resource: &str) -> bool {
        resource.strip_prefix("https://").map(|host| host.trim_end_matches('/')) == Some(self.cloud.vault_suffix())
    }
}

/// 3 to 24 letters, digits and single hyphens, which begin with a letter and end with a letter or digit.
fn is_name(name: &str) -> bool {
    (3..=24).contains(&name.len())
        && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
        && name.starts_with(|first: char| first.is_ascii_lowercase())
        && !name.ends_with('-')
        && !name.contains("--")
}

impl FromStr for VaultHost {
    type Err = VaultHostError;

    fn from_str(text: &str) -> Result<Self, VaultHostError> {
        let host = text.to_ascii_lowercase();
        let found = AzureCloud::ALL.into_iter().find_map(|cloud| {
            let name = host.strip_suffix(cloud.vault_suffix())?.strip_suffix('.')?;
            is_name(name).then(|| Self { name: name.to_owned(), cloud })
        });
        found.ok_or_else(|| VaultHostError { found: Excerpt::at_most(256, text) })
    }
}

impl fmt::Display for VaultHost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.name, self.cloud.vault_suffix())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_vault_has_its_name_and_cloud() {
        for (host, shown, cloud) in [
            ("signing.vault.azure.net", "signing.vault.azure.net", AzureCloud::Public),
            ("Signing-1.Vault.Azure.Net", "signing-1.vault.azure.net", AzureCloud::Public),
            ("abc.vault.usgovcloudapi.net", "abc.vault.usgovcloudapi.net", AzureCloud::UsGovernment),
            ("abc.vault.azure.cn", "abc.vault.azure.cn", AzureCloud::China),
        ] {
            let vault: VaultHost = host.parse().unwrap();
            assert_eq!((vault.to_string().as_str(), vault.cloud()), (shown, cloud), "{host}");
        }
    }

    #[test]
    fn a_host_that_only_looks_like_a_vault_is_none() {
        for host in [
            "",
            "vault.azure.net",
            "ab.vault.azure.net",
            "signing.vault.azure.net.evil.example",
            "signing.vault.azure.net:8443",
            "signing.vault.azure.net/",
            "https://signing.vault.azure.net",
            "signingvault.azure.net",
            "evil.signing.vault.azure.net",
            "1signing.vault.azure.net",
            "signing-.vault.azure.net",
            "sig--ning.vault.azure.net",
            "sig_ning.vault.azure.net",
            "signing.managedhsm.azure.net",
            "signing.evil-vault.azure.net",
            "user@signing.vault.azure.net",
            &format!("{}.vault.azure.net", "a".repeat(25)),
        ] {
            let error = VaultHostError { found: Excerpt::at_most(256, host) };
            assert_eq!(host.parse::<VaultHost>(), Err(error), "{host}");
        }
    }

    #[test]
    fn the_resource_of_a_challenge_is_that_of_the_cloud() {
        let vault: VaultHost = "signing.vault.azure.net".parse().unwrap();
        for (resource, expected) in [
            ("https://vault.azure.net", true),
            ("https://vault.azure.net/", true),
            ("http://vault.azure.net", false),
            ("https://vault.azure.cn", false),
            ("https://management.azure.com", false),
            ("https://azure.net", false),
            ("https://vault.azure.net.evil.example", false),
            ("", false),
        ] {
            assert_eq!(vault.is_of_resource(resource), expected, "{resource}");
        }
    }
}
