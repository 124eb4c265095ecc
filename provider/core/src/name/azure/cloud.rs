//! The clouds of Azure. Each has names, identities and a directory of its own: a token of one is not valid in another.

use std::fmt;

/// A cloud ([names of the clouds](https://learn.microsoft.com/azure/azure-government/compare-azure-government-global-azure),
/// [of China](https://learn.microsoft.com/azure/china/resources-developer-guide)).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum AzureCloud {
    /// The public cloud.
    Public,
    /// Azure Government of the United States.
    UsGovernment,
    /// Azure operated by 21Vianet.
    China,
}

impl AzureCloud {
    /// Every cloud.
    pub const ALL: [Self; 3] = [Self::Public, Self::UsGovernment, Self::China];

    /// The cloud of this name in the configuration.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|cloud| cloud.as_str() == name)
    }

    /// The name in the configuration and in messages.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Public => "public",
            Self::UsGovernment => "us-government",
            Self::China => "china",
        }
    }

    /// The cloud whose authority is `host`, under any of its names
    /// ([aliases](https://github.com/AzureAD/microsoft-authentication-library-for-dotnet/blob/02628611e5f0e424f3ea9e586f0a90f967757f8c/src/client/Microsoft.Identity.Client/Instance/Discovery/KnownMetadataProvider.cs)).
    /// `None` for a host that is not known, and for those of clouds that have none of these registries: the sovereign clouds of France,
    /// Germany and Singapore, and `login-us.microsoftonline.com`, which MSAL counts as a cloud of its own.
    #[must_use]
    pub fn of_authority(host: &str) -> Option<Self> {
        let has_alias = |cloud: &Self| match cloud {
            Self::Public => ["login.windows.net", "login.microsoft.com", "sts.windows.net"].contains(&host),
            Self::UsGovernment => host == "login.usgovcloudapi.net",
            Self::China => host == "login.partner.microsoftonline.cn",
        };
        Self::ALL.into_iter().find(|cloud| cloud.authority_host() == host || has_alias(cloud))
    }

    /// What follows the name of a registry and a dot.
    #[must_use]
    pub fn registry_suffix(self) -> &'static str {
        match self {
            Self::Public => "azurecr.io",
            Self::UsGovernment => "azurecr.us",
            Self::China => "azurecr.cn",
        }
    }

    /// What follows the name of a key vault and a dot.
    #[must_use]
    pub fn vault_suffix(self) -> &'static str {
        match self {
            Self::Public => "vault.azure.net",
            Self::UsGovernment => "vault.usgovcloudapi.net",
            Self::China => "vault.azure.cn",
        }
    }

    /// The host of Microsoft Entra that issues tokens: the `loginEndpoint` that
    /// [Azure Resource Manager](https://github.com/Azure/azure-sdk-for-go/blob/07f4586165214f1b94b56991abbafca2d989830d/sdk/azcore/cloud/cloud.go)
    /// names for the cloud, which the webhook of workload identity sets too. MSAL prefers `login.partner.microsoftonline.cn` in China, another
    /// name of the same authority.
    #[must_use]
    pub fn authority_host(self) -> &'static str {
        match self {
            Self::Public => "login.microsoftonline.com",
            Self::UsGovernment => "login.microsoftonline.us",
            Self::China => "login.chinacloudapi.cn",
        }
    }
}

impl fmt::Display for AzureCloud {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// All that MSAL knows of the three clouds.
    const AUTHORITIES: [(&str, AzureCloud); 8] = [
        ("login.microsoftonline.com", AzureCloud::Public),
        ("login.windows.net", AzureCloud::Public),
        ("login.microsoft.com", AzureCloud::Public),
        ("sts.windows.net", AzureCloud::Public),
        ("login.microsoftonline.us", AzureCloud::UsGovernment),
        ("login.usgovcloudapi.net", AzureCloud::UsGovernment),
        ("login.partner.microsoftonline.cn", AzureCloud::China),
        ("login.chinacloudapi.cn", AzureCloud::China),
    ];

    #[test]
    fn an_authority_belongs_to_one_cloud_under_each_of_its_names() {
        for (host, cloud) in AUTHORITIES {
            assert_eq!(AzureCloud::of_authority(host), Some(cloud), "{host}");
        }
        for cloud in AzureCloud::ALL {
            assert!(AUTHORITIES.contains(&(cloud.authority_host(), cloud)), "{cloud}");
        }
        for other in [
            "",
            "login.example",
            "x.login.microsoftonline.com",
            "microsoftonline.com",
            "login-us.microsoftonline.com",
            "login.microsoftonline.de",
            "login.sovcloud-identity.fr",
        ] {
            assert_eq!(AzureCloud::of_authority(other), None, "{other}");
        }
    }

    #[test]
    fn a_cloud_is_found_by_its_name_only() {
        for cloud in AzureCloud::ALL {
            assert_eq!(AzureCloud::named(cloud.as_str()), Some(cloud));
        }
        for other in ["", "Public", "usgovernment", "germany"] {
            assert_eq!(AzureCloud::named(other), None, "{other}");
        }
    }
}
