//! For whom tokens are issued.

use std::fmt;
use std::path::PathBuf;

use countersign_core::name::ClientId;
use countersign_core::name::TenantId;
use countersign_files::ShownPath;

/// For whom tokens are issued, and how this is proved.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum AzureIdentity {
    /// Workload identity: the token of the pod's service account. What is `None` is that of the environment.
    Workload {
        /// The tenant in place of `AZURE_TENANT_ID`.
        tenant: Option<TenantId>,
        /// The application or managed identity in place of `AZURE_CLIENT_ID`.
        client_id: Option<ClientId>,
    },
    /// A managed identity of the node, from the instance metadata service.
    Managed {
        /// The tenant of the registry, if it is named.
        tenant: Option<TenantId>,
        /// `None` for the only one of the node.
        client_id: Option<ClientId>,
    },
    /// An application with a secret.
    ClientSecret {
        /// Its tenant.
        tenant: TenantId,
        /// The application.
        client_id: ClientId,
        /// The file with the secret, which is read for each token.
        file: PathBuf,
    },
}

impl AzureIdentity {
    /// The tenant that it is used in, if it is named.
    #[must_use]
    pub fn tenant(&self) -> Option<&TenantId> {
        match self {
            Self::Workload { tenant, .. } | Self::Managed { tenant, .. } => tenant.as_ref(),
            Self::ClientSecret { tenant, .. } => Some(tenant),
        }
    }

    /// The memory of its texts, in bytes.
    pub(crate) fn bytes(&self) -> usize {
        let tenant = self.tenant().map_or(0, |tenant| tenant.as_str().len());
        let (client_id, file) = match self {
            Self::Workload { tenant: _, client_id } | Self::Managed { tenant: _, client_id } => (client_id.as_ref(), 0),
            Self::ClientSecret { tenant: _, client_id, file } => (Some(client_id), file.as_os_str().len()),
        };
        tenant + client_id.map_or(0, |client_id| client_id.as_str().len()) + file
    }

    /// The name with everything that distinguishes identities, for the status of their tokens. No secret: a file whose name may be one is
    /// shown without it.
    #[must_use]
    pub fn in_full(&self) -> impl fmt::Display {
        InFull(self)
    }
}

struct InFull<'a>(&'a AzureIdentity);

impl fmt::Display for InFull<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(identity) = self;
        write!(f, "{identity}")?;
        identity.tenant().iter().try_for_each(|tenant| write!(f, " of the tenant {tenant}"))?;
        match identity {
            // Whether it is there is not looked up: a file system may not respond.
            AzureIdentity::ClientSecret { file, .. } => write!(f, " with the secret of {}", ShownPath::missing(file)),
            AzureIdentity::Workload { .. } | AzureIdentity::Managed { .. } => Ok(()),
        }
    }
}

impl fmt::Display for AzureIdentity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (kind, client_id) = match self {
            Self::Workload { client_id, .. } => ("workload identity", client_id.as_ref()),
            Self::Managed { client_id, .. } => ("managed identity", client_id.as_ref()),
            Self::ClientSecret { client_id, .. } => ("application", Some(client_id)),
        };
        let whose = if matches!(self, Self::Workload { .. }) { "of the pod" } else { "of the node" };
        match client_id {
            Some(client_id) => write!(f, "the {kind} {client_id}"),
            None => write!(f, "the {kind} {whose}"),
        }
    }
}
