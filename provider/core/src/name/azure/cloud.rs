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
    /// ([aliases](https://github.com/AzureAD/microsoft-authentication-library-for-dotnet/blob/main/src/client/Microsoft.Identity.Client/Instance/Discovery/KnownMetadataProvider.cs)).
    /// `None` for a host that is not known.
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

    /// The host of Microsoft Entra that issues tokens
    /// ([national clouds](https://learn.microsoft.com/entra/identity-platform/authentication-national-cloud)).
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

    #[test]
    fn an_authority_belongs_to_one_cloud_under_each_of_its_names() {
        for cloud in AzureCloud::ALL {
            assert_eq!(AzureCloud::of_authority(cloud.authority_host()), Some(cloud));
        }
        assert_eq!(AzureCloud::of_authority("login.windows.net"), Some(AzureCloud::Public));
        assert_eq!(AzureCloud::of_authority("login.usgovcloudapi.net"), Some(AzureCloud::UsGovernment));
        assert_eq!(AzureCloud::of_authority("login.partner.microsoftonline.cn"), Some(AzureCloud::China));
        for other in ["", "login.example", "x.login.microsoftonline.com", "microsoftonline.com"] {
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
