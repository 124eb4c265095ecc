//! `trust.stores[].keyVault`: trust stores with certificates of Azure Key Vault.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use countersign_core::name::ClientId;
use countersign_core::name::TenantId;
use countersign_core::name::VaultHost;

use super::HOUR;
use super::MINUTE;
use super::entra_identity::ALTERNATIVES;
use super::entra_identity::CLIENT_ID;
use super::entra_identity::CLIENT_SECRET_FILE;
use super::entra_identity::EntraIdentity;
use super::entra_identity::IDENTITY;
use super::entra_identity::IdentityKeys;
use super::entra_identity::IdentityWord;
use super::entra_identity::TENANT;
use super::seconds;
use super::vault_certificates::VaultEntries;
use super::vault_certificates::VaultEntry;
use crate::config::fields::Fields;
use crate::config::schema::Description;
use crate::config::schema::Effective;
use crate::config::schema::Flag;
use crate::config::schema::Kind;
use crate::config::schema::Parsed;
use crate::config::schema::Required;
use crate::config::schema::Sample;
use crate::config::schema::Section as _;
use crate::config::schema::Time;
use crate::config::schema::map_schema;
use crate::config::schema::names;
use crate::config::schema::section;
use crate::config::schema::with_alternatives;

/// Certificates of one vault.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyVaultSource {
    /// The vault. No token is sent to another host.
    pub vault: VaultHost,
    /// Not empty.
    pub certificates: Vec<VaultEntry>,
    /// Whether the chain is read of the secret behind each certificate.
    pub secret: bool,
    /// How often everything is read again.
    pub refresh_interval: Duration,
    /// Who reads.
    pub identity: EntraIdentity,
}

impl fmt::Display for KeyVaultSource {
    /// The vault and the names of its certificates, for messages.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.vault)?;
        (0..).zip(&self.certificates).try_for_each(|(number, certificate)| {
            write!(f, "{} {}", if number == 0 { "" } else { "," }, certificate.name)
        })
    }
}

section! {
    /// `keyVault`, as written.
    pub(super) KeyVaultKeys {
        /// The host of the vault, also with a private endpoint. No token is sent to another host.
        vault "vault": Option<VaultHost> = Required(Parsed {
            parse: |text| text.parse::<VaultHost>().ok(),
            wanted: "NAME.vault.azure.net (NAME.vault.usgovcloudapi.net, NAME.vault.azure.cn)",
            example: "shop.vault.azure.net",
            pattern: r"^[A-Za-z][A-Za-z0-9-]{1,22}[A-Za-z0-9]\.[vV][aA][uU][lL][tT]\.[A-Za-z]+\.[A-Za-z]+$",
            max_bytes: 64,
        });
        /// The certificates of the store.
        certificates "certificates": Vec<VaultEntry> = VaultEntries;
        /// Reads the whole chain of each certificate, which is in the secret of the same name, and not the certificate alone. Its content
        /// type must be application/x-pem-file. The authorities of the chain are trusted then, for all signers that the trusted identities of a
        /// statement allow. Danger: the identity needs a role that reads secrets, such as Key Vault Secrets User, with which it can read a
        /// signing key that is exportable. Countersign keeps certificates only.
        secret "secret": bool = Flag(false);
        /// How often the certificates are read again. Danger: a disabled version is trusted this much longer.
        refresh_interval "refreshInterval": Duration = Time::of(HOUR, MINUTE, seconds(24 * HOUR.as_secs()));
        /// Who reads, as for credentials.acr. `workload`: the workload identity of the pod. `managed`: a managed identity of the node.
        /// `clientSecret`: an application with a secret.
        identity "identity": IdentityWord = IDENTITY;
        /// The client ID of the application or managed identity, if it is not that of the environment or the only one of the node.
        client_id "clientId": Option<ClientId> = CLIENT_ID;
        /// The tenant of the identity and of the vault, if it is not that of the environment.
        tenant "tenant": Option<TenantId> = TENANT;
        /// The file with the secret of the application, read for each token. Only with `identity: clientSecret`.
        client_secret_file "clientSecretFile": Option<PathBuf> = CLIENT_SECRET_FILE;
    }
}

/// `keyVault` of an element.
pub(super) struct KeyVaultKind;

impl Kind for KeyVaultKind {
    type Value = Option<KeyVaultSource>;

    fn read(&self, fields: &Fields<'_>, key: &'static str) -> Option<KeyVaultSource> {
        if !fields.has(key) {
            return None;
        }
        let fields = fields.section(key, names(KeyVaultKeys::KEYS));
        let KeyVaultKeys {
            vault,
            certificates,
            secret,
            refresh_interval,
            identity,
            client_id,
            tenant,
            client_secret_file,
        } = KeyVaultKeys::read(&fields);
        let identity = IdentityKeys { identity, client_id, tenant, client_secret_file }.identity(&fields);
        if certificates.is_empty() {
            return None;
        }
        Some(KeyVaultSource { vault: vault?, certificates, secret, refresh_interval, identity: identity? })
    }

    fn show(&self, key: &str, value: &Option<KeyVaultSource>, effective: &mut Effective) {
        let Some(KeyVaultSource { vault, certificates, secret, refresh_interval, identity }) = value.clone() else {
            return;
        };
        let vault = Some(vault);
        let IdentityKeys { identity, client_id, tenant, client_secret_file } = identity.into();
        let keys = KeyVaultKeys {
            vault,
            certificates,
            secret,
            refresh_interval,
            identity,
            client_id,
            tenant,
            client_secret_file,
        };
        keys.show(key, effective);
    }

    fn describe(&self) -> Description {
        Description {
            sample: Sample::AlternativeSection(KeyVaultKeys::KEYS),
            schema: with_alternatives(map_schema(KeyVaultKeys::KEYS), ALTERNATIVES),
            limits: String::new(),
            is_required: false,
        }
    }
}
