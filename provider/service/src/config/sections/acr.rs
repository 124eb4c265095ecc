//! `credentials.acr` of an entry of `registries`.

use std::path::PathBuf;

use countersign_core::name::ClientId;
use countersign_core::name::TenantId;

use super::braces::braces;
use super::entra_identity::ALTERNATIVES;
use super::entra_identity::CLIENT_ID;
use super::entra_identity::CLIENT_SECRET_FILE;
use super::entra_identity::EntraIdentity;
use super::entra_identity::IDENTITY;
use super::entra_identity::IdentityKeys;
use super::entra_identity::IdentityWord;
use super::entra_identity::TENANT;
use crate::config::fields::Fields;
use crate::config::schema::Description;
use crate::config::schema::Effective;
use crate::config::schema::Kind;
use crate::config::schema::Sample;
use crate::config::schema::Section as _;
use crate::config::schema::map_schema;
use crate::config::schema::names;
use crate::config::schema::section;
use crate::config::schema::with_alternatives;

section! {
    /// As written.
    pub(super) AcrKeys {
        /// For whom tokens are issued. `workload`: the workload identity of the pod (AZURE_CLIENT_ID, AZURE_TENANT_ID,
        /// AZURE_FEDERATED_TOKEN_FILE and AZURE_AUTHORITY_HOST, which its webhook sets). `managed`: a managed identity of the node, from
        /// the instance metadata service (169.254.169.254). Danger: everything on the node can use it. `clientSecret`: an application
        /// with a secret.
        identity "identity": IdentityWord = IDENTITY;
        /// The client ID of the application or managed identity, if it is not that of the environment or the only one of the node.
        client_id "clientId": Option<ClientId> = CLIENT_ID;
        /// The tenant of the identity and of the registry, if it is not that of the environment.
        tenant "tenant": Option<TenantId> = TENANT;
        /// The file with the secret of the application, read for each token. Only with `identity: clientSecret`.
        client_secret_file "clientSecretFile": Option<PathBuf> = CLIENT_SECRET_FILE;
    }
}

/// The whole map; `{}` for the workload identity of the pod.
pub(super) struct AcrKind;

impl Kind for AcrKind {
    type Value = Option<EntraIdentity>;

    fn read(&self, fields: &Fields<'_>, key: &'static str) -> Option<EntraIdentity> {
        if !fields.has(key) {
            return None;
        }
        if let Some(node) = fields.node(key).filter(|_| !fields.is_map(key)) {
            fields.mistake(node.line, &fields.path_of(key), node.value.kind(), braces(key), "");
            return None;
        }
        let fields = fields.section(key, names(AcrKeys::KEYS));
        let AcrKeys { identity, client_id, tenant, client_secret_file } = AcrKeys::read(&fields);
        IdentityKeys { identity, client_id, tenant, client_secret_file }.identity(&fields)
    }

    fn show(&self, key: &str, value: &Option<EntraIdentity>, effective: &mut Effective) {
        let Some(acr) = value else { return };
        effective.add(key, "true");
        let IdentityKeys { identity, client_id, tenant, client_secret_file } = acr.clone().into();
        AcrKeys { identity, client_id, tenant, client_secret_file }.show(key, effective);
    }

    fn describe(&self) -> Description {
        Description {
            sample: Sample::AlternativeSection(AcrKeys::KEYS),
            schema: with_alternatives(map_schema(AcrKeys::KEYS), ALTERNATIVES),
            limits: String::new(),
            is_required: false,
        }
    }
}
