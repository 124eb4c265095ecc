//! For whom tokens of Microsoft Entra are issued: the keys that `credentials.acr` and `trust.stores[].keyVault` both have.

use std::fmt;
use std::path::PathBuf;

use countersign_core::name::ClientId;
use countersign_core::name::TenantId;

use crate::config::fields::Fields;
use crate::config::schema::Choice;
use crate::config::schema::File;
use crate::config::schema::Parsed;

/// For whom tokens of Microsoft Entra are issued.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum EntraIdentity {
    /// The workload identity of the pod. What is `None` is that of the environment.
    Workload {
        /// In place of `AZURE_TENANT_ID`.
        tenant: Option<TenantId>,
        /// In place of `AZURE_CLIENT_ID`.
        client_id: Option<ClientId>,
    },
    /// A managed identity of the node.
    Managed {
        /// The tenant of the registry.
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
        /// The file with the secret.
        file: PathBuf,
    },
}

/// The values of `identity`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum IdentityWord {
    Workload,
    Managed,
    ClientSecret,
}

/// `identity`.
pub(super) const IDENTITY: Choice<IdentityWord> = Choice {
    words: &[
        ("workload", IdentityWord::Workload),
        ("managed", IdentityWord::Managed),
        ("clientSecret", IdentityWord::ClientSecret),
    ],
    default: IdentityWord::Workload,
    wanted: "workload, managed or clientSecret",
};

/// `clientId`.
pub(super) const CLIENT_ID: Parsed<ClientId> = Parsed {
    parse: |text| text.parse::<ClientId>().ok(),
    wanted: "the client ID of an application or managed identity, a GUID",
    example: "aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee",
    pattern: r"^[0-9A-Fa-f]{8}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{12}$",
    max_bytes: 36,
};

/// `tenant`.
pub(super) const TENANT: Parsed<TenantId> = Parsed {
    parse: |text| text.parse::<TenantId>().ok(),
    wanted: "the GUID of a tenant, or a domain of it",
    example: "11111111-2222-3333-4444-555555555555",
    pattern: r"^([0-9A-Fa-f]{8}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{12}|([A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?\.)+[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?)$",
    max_bytes: 253,
};

/// `clientSecretFile`.
pub(super) const CLIENT_SECRET_FILE: File = File::alternative("registry-login/client-secret");

/// The alternatives of these keys in a JSON Schema: the secret only with the application and its tenant.
pub(super) const ALTERNATIVES: &[(&[&str], &[&str])] =
    &[(&["clientId", "tenant", "clientSecretFile"], &[]), (&[], &["clientSecretFile"])];

/// The four keys as written.
#[derive(Clone, Debug)]
pub(super) struct IdentityKeys {
    pub(super) identity: IdentityWord,
    pub(super) client_id: Option<ClientId>,
    pub(super) tenant: Option<TenantId>,
    pub(super) client_secret_file: Option<PathBuf>,
}

impl IdentityKeys {
    /// The identity, or `None` and the mistakes in the map of `fields`, from which the keys were read.
    pub(super) fn identity(self, fields: &Fields<'_>) -> Option<EntraIdentity> {
        let Self { identity, client_id, tenant, client_secret_file } = self;
        if identity != IdentityWord::ClientSecret && fields.has("clientSecretFile") {
            fields.conflict("clientSecretFile", "a file", "`identity: clientSecret` beside it");
        }
        match identity {
            IdentityWord::Workload => Some(EntraIdentity::Workload { tenant, client_id }),
            IdentityWord::Managed => Some(EntraIdentity::Managed { tenant, client_id }),
            IdentityWord::ClientSecret => {
                let beside = |key: &'static str, wanted: &str, example: &str| {
                    if !fields.has(key) {
                        fields.missing(key, wanted, example);
                    }
                };
                beside("clientId", "the application whose secret is used", CLIENT_ID.example);
                beside("tenant", "the tenant of the application", TENANT.example);
                beside("clientSecretFile", "the file with its secret", CLIENT_SECRET_FILE.example);
                let (client_id, tenant) = client_id.zip(tenant)?;
                Some(EntraIdentity::ClientSecret { tenant, client_id, file: client_secret_file? })
            }
        }
    }
}

impl From<EntraIdentity> for IdentityKeys {
    fn from(identity: EntraIdentity) -> Self {
        match identity {
            EntraIdentity::Workload { tenant, client_id } => {
                Self { identity: IdentityWord::Workload, client_id, tenant, client_secret_file: None }
            }
            EntraIdentity::Managed { tenant, client_id } => {
                Self { identity: IdentityWord::Managed, client_id, tenant, client_secret_file: None }
            }
            EntraIdentity::ClientSecret { tenant, client_id, file } => Self {
                identity: IdentityWord::ClientSecret,
                client_id: Some(client_id),
                tenant: Some(tenant),
                client_secret_file: Some(file),
            },
        }
    }
}

impl EntraIdentity {
    /// Whose tokens these are, for messages.
    #[must_use]
    pub fn name(&self) -> String {
        let (kind, client_id, whose) = match self {
            Self::Workload { client_id, .. } => ("workload identity", client_id.as_ref(), "of the pod"),
            Self::Managed { client_id, .. } => ("managed identity", client_id.as_ref(), "of the node"),
            Self::ClientSecret { client_id, .. } => ("application", Some(client_id), ""),
        };
        match client_id {
            Some(client_id) => format!("the {kind} {client_id}"),
            None => format!("the {kind} {whose}"),
        }
    }

    /// The tenant, if it is written.
    #[must_use]
    pub fn tenant(&self) -> Option<&TenantId> {
        match self {
            Self::Workload { tenant, .. } | Self::Managed { tenant, .. } => tenant.as_ref(),
            Self::ClientSecret { tenant, .. } => Some(tenant),
        }
    }

    /// The file with the secret of the application, if there is one.
    #[must_use]
    pub fn secret_file(&self) -> Option<&PathBuf> {
        match self {
            Self::Workload { .. } | Self::Managed { .. } => None,
            Self::ClientSecret { file, .. } => Some(file),
        }
    }
}

impl fmt::Display for EntraIdentity {
    /// For whom tokens are issued, with everything that distinguishes identities: a key, which is not shown to anybody.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name())?;
        self.tenant().iter().try_for_each(|tenant| write!(f, " of the tenant {tenant}"))?;
        self.secret_file().iter().try_for_each(|file| write!(f, " with {}", file.display()))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn identities_with_other_files_have_other_texts() {
        let with = |file: &str| {
            let (tenant, client_id) = ("72f988bf-86f1-41af-91ab-2d7cd011db47", "00000000-0000-0000-0000-0000000000a1");
            let (tenant, client_id) = (tenant.parse().unwrap(), client_id.parse().unwrap());
            EntraIdentity::ClientSecret { tenant, client_id, file: file.into() }.to_string()
        };
        assert_ne!(with("secrets/client-1"), with("secrets/client-2"));
    }
}
