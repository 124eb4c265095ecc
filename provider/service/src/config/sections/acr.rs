//! `credentials.acr` of an entry of `registries`.

use std::fmt;
use std::path::PathBuf;

use countersign_core::name::ClientId;
use countersign_core::name::TenantId;

use crate::config::fields::Fields;
use crate::config::schema::Choice;
use crate::config::schema::Description;
use crate::config::schema::Effective;
use crate::config::schema::File;
use crate::config::schema::Kind;
use crate::config::schema::Parsed;
use crate::config::schema::Sample;
use crate::config::schema::Section as _;
use crate::config::schema::map_schema;
use crate::config::schema::names;
use crate::config::schema::section;
use crate::config::schema::with_alternatives;

/// For whom tokens of Azure Container Registry are issued.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Acr {
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
pub(super) enum AcrIdentity {
    Workload,
    Managed,
    ClientSecret,
}

section! {
    /// As written.
    pub(super) AcrKeys {
        /// For whom tokens are issued. `workload`: the workload identity of the pod (AZURE_CLIENT_ID, AZURE_TENANT_ID,
        /// AZURE_FEDERATED_TOKEN_FILE and AZURE_AUTHORITY_HOST, which its webhook sets). `managed`: a managed identity of the node, from
        /// the instance metadata service (169.254.169.254). Danger: everything on the node can use it. `clientSecret`: an application
        /// with a secret.
        identity "identity": AcrIdentity = Choice {
            words: &[
                ("workload", AcrIdentity::Workload),
                ("managed", AcrIdentity::Managed),
                ("clientSecret", AcrIdentity::ClientSecret),
            ],
            default: AcrIdentity::Workload,
            wanted: "workload, managed or clientSecret",
        };
        /// The client ID of the application or managed identity, if it is not that of the environment or the only one of the node.
        client_id "clientId": Option<ClientId> = Parsed {
            parse: |text| text.parse::<ClientId>().ok(),
            wanted: "the client ID of an application or managed identity, a GUID",
            example: "aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee",
            pattern: r"^[0-9A-Fa-f]{8}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{12}$",
            max_bytes: 36,
        };
        /// The tenant of the identity and of the registry, if it is not that of the environment.
        tenant "tenant": Option<TenantId> = Parsed {
            parse: |text| text.parse::<TenantId>().ok(),
            wanted: "the GUID of a tenant, or a domain of it",
            example: "11111111-2222-3333-4444-555555555555",
            pattern: r"^([0-9A-Fa-f]{8}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{12}|([A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?\.)+[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?)$",
            max_bytes: 253,
        };
        /// The file with the secret of the application, read for each token. Only with `identity: clientSecret`.
        client_secret_file "clientSecretFile": Option<PathBuf> = File::alternative("registry-login/client-secret");
    }
}

impl Acr {
    /// Whose tokens these are, for messages.
    #[must_use]
    pub fn identity_name(&self) -> String {
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

impl fmt::Display for Acr {
    /// For whom tokens are issued.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "acr as {}", self.identity_name())?;
        self.tenant().iter().try_for_each(|tenant| write!(f, " of the tenant {tenant}"))?;
        self.secret_file().iter().try_for_each(|file| write!(f, " with {}", file.display()))
    }
}

/// The whole map; `{}` for the workload identity of the pod.
pub(super) struct AcrKind;

impl Kind for AcrKind {
    type Value = Option<Acr>;

    fn read(&self, fields: &Fields<'_>, key: &'static str) -> Option<Acr> {
        if !fields.has(key) {
            return None;
        }
        let fields = fields.section(key, names(AcrKeys::KEYS));
        let AcrKeys { identity, client_id, tenant, client_secret_file } = AcrKeys::read(&fields);
        if identity != AcrIdentity::ClientSecret && fields.has("clientSecretFile") {
            fields.conflict("clientSecretFile", "a file", "`identity: clientSecret` beside it");
        }
        match identity {
            AcrIdentity::Workload => Some(Acr::Workload { tenant, client_id }),
            AcrIdentity::Managed => Some(Acr::Managed { tenant, client_id }),
            AcrIdentity::ClientSecret => {
                let beside = |key: &'static str, wanted: &str, example: &str| {
                    if !fields.has(key) {
                        fields.missing(key, wanted, example);
                    }
                };
                beside("clientId", "the application whose secret is used", "aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee");
                beside("tenant", "the tenant of the application", "11111111-2222-3333-4444-555555555555");
                beside("clientSecretFile", "the file with its secret", "registry-login/client-secret");
                let (client_id, tenant) = client_id.zip(tenant)?;
                Some(Acr::ClientSecret { tenant, client_id, file: client_secret_file? })
            }
        }
    }

    fn show(&self, key: &str, value: &Option<Acr>, effective: &mut Effective) {
        let Some(acr) = value else { return };
        effective.add(key, "true");
        let keys = match acr.clone() {
            Acr::Workload { tenant, client_id } => {
                AcrKeys { identity: AcrIdentity::Workload, client_id, tenant, client_secret_file: None }
            }
            Acr::Managed { tenant, client_id } => {
                AcrKeys { identity: AcrIdentity::Managed, client_id, tenant, client_secret_file: None }
            }
            Acr::ClientSecret { tenant, client_id, file } => AcrKeys {
                identity: AcrIdentity::ClientSecret,
                client_id: Some(client_id),
                tenant: Some(tenant),
                client_secret_file: Some(file),
            },
        };
        keys.show(key, effective);
    }

    fn describe(&self) -> Description {
        Description {
            sample: Sample::AlternativeSection(AcrKeys::KEYS),
            schema: with_alternatives(
                map_schema(AcrKeys::KEYS),
                &[(&["clientId", "tenant", "clientSecretFile"], &[]), (&[], &["clientSecretFile"])],
            ),
            limits: String::new(),
            is_required: false,
        }
    }
}
