//! Hosts of Azure Container Registry
//! ([names](https://learn.microsoft.com/azure/container-registry/container-registry-get-started-portal), [dedicated data
//! endpoints](https://learn.microsoft.com/azure/container-registry/container-registry-dedicated-data-endpoints)). Tokens of Microsoft
//! Entra are exchanged at no other hosts, so the whole name must fit: a token that was sent to another registry could be used by it
//! ([CVE-2025-27403](https://nvd.nist.gov/vuln/detail/CVE-2025-27403)).

use super::cloud::AzureCloud;
use crate::name::Host;
use crate::name::HostName;

/// A host of Azure Container Registry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AcrHost {
    /// A registry.
    Registry(AcrRegistry),
    /// The store of a registry's blobs in a region, to which it redirects. It has no API and receives no credential.
    Data(AcrRegistry),
}

/// A registry.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct AcrRegistry {
    label: String,
    cloud: AzureCloud,
}

/// The length of a registry's name.
const NAME: std::ops::RangeInclusive<usize> = 5..=50;

/// Most characters of the hash that a name has with the option "domain name label scope": a label of the DNS has 63.
const HASH_BYTES: usize = 63;

impl AcrHost {
    /// The registry at `host`; `None` if it is not one of Azure. Another port than 443 is not. Further domains of a registry are not
    /// known here.
    #[must_use]
    pub fn of(host: &Host) -> Option<Self> {
        let HostName::Dns(name) = host.name() else { return None };
        if host.port() != 443 {
            return None;
        }
        AzureCloud::ALL.into_iter().find_map(|cloud| {
            let labels = name.strip_suffix(cloud.registry_suffix())?.strip_suffix('.')?;
            let registry = |label: &str| is_registry(label).then(|| AcrRegistry { label: label.to_owned(), cloud });
            match labels.split('.').collect::<Vec<_>>()[..] {
                [label] => registry(label).map(Self::Registry),
                [label, region, "data"] if is_region(region) => registry(label).map(Self::Data),
                _ => None,
            }
        })
    }
}

/// `NAME`, or `NAME-HASH`.
fn is_registry(label: &str) -> bool {
    let is_text = |text: &str| text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit());
    let (name, hash) = label.split_once('-').map_or((label, None), |(name, hash)| (name, Some(hash)));
    NAME.contains(&name.len())
        && is_text(name)
        && hash.is_none_or(|hash| (1..=HASH_BYTES).contains(&hash.len()) && is_text(hash))
}

/// The name of a region: `westeurope`, `eastus2`.
fn is_region(text: &str) -> bool {
    text.starts_with(|first: char| first.is_ascii_lowercase())
        && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
}

impl AcrRegistry {
    /// The host name of the registry, in lower case, without a port.
    #[must_use]
    pub fn host_name(&self) -> String {
        format!("{}.{}", self.label, self.cloud.registry_suffix())
    }

    /// The cloud.
    #[must_use]
    pub fn cloud(&self) -> AzureCloud {
        self.cloud
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn of(host: &str) -> Option<AcrHost> {
        AcrHost::of(&host.parse().unwrap())
    }

    #[test]
    fn every_form_of_a_host_has_its_registry_and_cloud() {
        for (host, name, cloud) in [
            ("shop1.azurecr.io", "shop1.azurecr.io", AzureCloud::Public),
            ("Shop1.AzureCR.io:443", "shop1.azurecr.io", AzureCloud::Public),
            ("shop1.azurecr.us", "shop1.azurecr.us", AzureCloud::UsGovernment),
            ("shop1.azurecr.cn", "shop1.azurecr.cn", AzureCloud::China),
            ("shop1-e7ggejfuhzhgedc8.azurecr.io", "shop1-e7ggejfuhzhgedc8.azurecr.io", AzureCloud::Public),
            ("12345.azurecr.io", "12345.azurecr.io", AzureCloud::Public),
        ] {
            let Some(AcrHost::Registry(registry)) = of(host) else { panic!("{host}") };
            assert_eq!((registry.host_name().as_str(), registry.cloud()), (name, cloud), "{host}");
        }
        for (host, name) in [
            ("shop1.westeurope.data.azurecr.io", "shop1.azurecr.io"),
            ("shop1-e7gg.eastus2.data.azurecr.io", "shop1-e7gg.azurecr.io"),
            ("shop1.chinaeast2.data.azurecr.cn", "shop1.azurecr.cn"),
            ("shop1.usgovvirginia.data.azurecr.us", "shop1.azurecr.us"),
        ] {
            let Some(AcrHost::Data(registry)) = of(host) else { panic!("{host}") };
            assert_eq!(registry.host_name(), name, "{host}");
        }
        let longest = format!("{}.azurecr.io", "a".repeat(50));
        assert!(of(&longest).is_some());
    }

    #[test]
    fn a_host_that_only_looks_like_azure_is_none_of_its_registries() {
        for host in [
            "azurecr.io",
            "shop.azurecr.io",
            "shop1.azurecr.io.evil.example",
            "shop1.azurecr.io:8443",
            "shop1azurecr.io",
            "shop1.evil-azurecr.io",
            "shop1.azurecr.evil.io",
            "shop1.azurecr.com",
            "shop1.azurecr.de",
            "evil.shop1.azurecr.io",
            "shop1.data.azurecr.io",
            "shop1.westeurope.date.azurecr.io",
            "shop1.west-europe.data.azurecr.io",
            "shop1.2europe.data.azurecr.io",
            "evil.shop1.westeurope.data.azurecr.io",
            "shop1-a-b.azurecr.io",
            "shop-e7ggejfuhzhgedc8.azurecr.io",
            "xn--bcher-kva.azurecr.io",
            "xn--bcher-kva.azurecr.io.evil.example",
            "docker.io",
            "mcr.microsoft.com",
            "127.0.0.1",
            &format!("{}.azurecr.io", "a".repeat(51)),
        ] {
            assert_eq!(of(host), None, "{host}");
        }
    }
}
