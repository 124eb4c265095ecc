//! All doubles of Azure as one process, for clients that are processes of their own.
//!
//! ```text
//! cargo run --package countersign-testkit --example azure -- CONFIG.json
//! ```
//!
//! `cloud/process.rs` describes input, output, and the commands of all clouds. The configuration:
//!
//! ```json
//! {
//!   "directory": "/tmp/azure",
//!   "names": ["login.microsoftonline.com", "shop.azurecr.io"],
//!   "listen": { "acr": "127.0.0.1:443" },
//!   "authority": "https://login.microsoftonline.com",
//!   "registry": "shop.azurecr.io", "blobs": "https://shop.blob.core.windows.net", "vault": "shop.vault.azure.net",
//!   "tenant": "11111111-2222-3333-4444-555555555555", "client": "aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee",
//!   "nodeClient": "99999999-8888-7777-6666-555555555555",
//!   "issuer": "https://westeurope.oic.prod-aks.azure.com/testkit/",
//!   "namespace": "gatekeeper-system", "serviceAccount": "countersign", "certificate": "signing"
//! }
//! ```
//!
//! Only `directory` is required; the values above are the others' defaults, except that each service listens on a free port, `names`
//! are `localhost` and `127.0.0.1`, and names and addresses are the servers' own ones. Services: `entra`, `acr`, `blob-store`,
//! `key-vault` (all over HTTPS), `imds` (HTTP, as the real one). The client is that of workload identity, the client of the node its
//! only managed identity; both have all roles. The vault has one version of the certificate, which is self-signed.
//!
//! Files in the directory: `ca.pem` (of the HTTPS certificate), `signing.pem` (the certificate for a trust store) and
//! `azure-identity-token` of the service account.
//!
//! | `do` | members | effect |
//! | --- | --- | --- |
//! | `push` | `repository`, `tag`, `signed` (true), `certificate`, `version` (the newest), `format` (`cose`) | stores an image, signed with the certificate; answers `digest` |
//! | `tag` | `repository`, `tag`, `digest` | another tag |
//! | `referrers` | `mode` | how the registry lists signatures: see [`Referrers`](crate::registry::Referrers) |
//! | `archive` | `repository`, `digest` | leaves a signature out of lists |
//! | `lifetime` | `of`: `entra`, `refresh`, `access`, `blob-store`; `seconds` | of tokens and addresses from now on |
//! | `revoke` | `of`: `refresh`, `access` | refuses all tokens of the registry of this kind |
//! | `rotate-key`, `retire-keys` | | the keys of Entra |
//! | `assign`, `unassign` | `role`: `acr-pull`, `certificates`, `secrets`; `client`, `scope` (registry or vault) | what a client may do |
//! | `federate`, `remove-federation` | `client`, `name` (of the service account) | federated credentials |
//! | `remove-resource`, `add-resource` | `resource` | what the tenant has |
//! | `resource-manager`, `refuse-at-exchange` | `accept`; `refuse` | policies of the registry |
//! | `add-version` | `certificate` | a new self-signed version; answers `version`, and writes `CERTIFICATE-VERSION.pem` |
//! | `enable`, `disable` | `certificate`, `version` | a version |
//! | `claims` | `claims` (a JSON text; absent: none) | the claims that the vault demands |
//! | `write-tokens` | `seconds` (3600), `audience` | writes a new token of the service account; a negative number: one that has ended |

use std::io::BufRead;
use std::io::Write;
use std::sync::Mutex;

use serde_json::Value;
use serde_json::json;

use crate::azure::acr;
use crate::azure::acr::Acr;
use crate::azure::blob_store::BlobStore;
use crate::azure::directory::Directory;
use crate::azure::directory::Role;
use crate::azure::entra::Entra;
use crate::azure::entra_error::EntraError;
use crate::azure::imds;
use crate::azure::imds::Imds;
use crate::azure::key_vault::KeyVault;
use crate::azure::key_vault_error;
use crate::cloud::process;
use crate::cloud::process::Base;
use crate::cloud::process::Command;
use crate::cloud::process::Services;
use crate::cloud::process::done;
use crate::cloud::process::text;
use crate::cloud::server::CloudServer;
use crate::cloud::service_account::ServiceAccountToken;
use crate::cloud::service_account::TokenIssuer;
use crate::notation::Signature;
use crate::pki::CertSpec;
use crate::pki::Chain;
use crate::registry::Reply;
use crate::signer::Format;
use crate::signer::SignRequest;

/// Runs all doubles until the end of `input`, on a runtime of its own.
///
/// # Errors
/// The configuration is wrong, or a file cannot be written.
pub fn run(config: &Value, input: impl BufRead, output: impl Write + Send + 'static) -> Result<(), String> {
    process::run::<Azure>(config, input, output)
}

/// All services.
struct Azure {
    base: Base,
    directory: Directory,
    entra: Entra,
    imds: Imds,
    acr: Acr,
    blobs: BlobStore,
    vault: KeyVault,
    tenant: String,
    client: String,
    node_client: String,
    certificate: String,
    issuer: TokenIssuer,
    namespace: String,
    service_account: String,
    /// The tokens of the service account that were written.
    account_tokens: Mutex<Vec<String>>,
}

impl Services for Azure {
    async fn start(config: &Value) -> Result<Self, String> {
        let base = Base::new(config, "Azure doubles")?;
        let tenant = text(config, "tenant", "11111111-2222-3333-4444-555555555555")?;
        let client = text(config, "client", "aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee")?;
        let node_client = text(config, "nodeClient", "99999999-8888-7777-6666-555555555555")?;
        let issuer = TokenIssuer::new(text(config, "issuer", "https://westeurope.oic.prod-aks.azure.com/testkit/")?);
        let namespace = text(config, "namespace", "gatekeeper-system")?;
        let service_account = text(config, "serviceAccount", "countersign")?;
        let certificate = text(config, "certificate", "signing")?;

        let directory = Directory::new(tenant);
        directory.add_application(tenant, client);
        directory.add_application(tenant, node_client);
        directory.federate(client, &issuer, namespace, service_account);
        let entra = Entra::start(&base.on("entra")?, &directory).await;
        if let Some(url) = config["authority"].as_str() {
            entra.set_url(url);
        }
        let imds = Imds::start(&base.on("imds")?.plain(), &directory).await;
        imds.add_user_assigned(node_client);
        let blobs = BlobStore::start(&base.on("blob-store")?).await;
        if let Some(url) = config["blobs"].as_str() {
            blobs.set_base(url);
        }
        let acr = Acr::start(&base.on("acr")?, &directory, &blobs, tenant).await;
        let authority = entra.authority_host();
        let vault = KeyVault::start(&base.on("key-vault")?, &directory, tenant, authority.trim_end_matches('/')).await;
        if let Some(name) = config["registry"].as_str() {
            acr.set_name(name);
        }
        if let Some(name) = config["vault"].as_str() {
            vault.set_name(name);
        }
        for client in [client, node_client] {
            directory.assign(client, Role::AcrPull, &acr.name());
            directory.assign(client, Role::KeyVaultCertificateUser, &vault.name());
            directory.assign(client, Role::KeyVaultSecretsUser, &vault.name());
        }
        let azure = Self {
            base,
            directory,
            entra,
            imds,
            acr,
            blobs,
            vault,
            tenant: tenant.to_owned(),
            client: client.to_owned(),
            node_client: node_client.to_owned(),
            certificate: certificate.to_owned(),
            issuer,
            namespace: namespace.to_owned(),
            service_account: service_account.to_owned(),
            account_tokens: Mutex::default(),
        };
        let chain = signing_chain(certificate, 0);
        azure.vault.add_version(certificate, &chain);
        azure.base.write("signing.pem", &chain.pem())?;
        azure.write_token(3600, ServiceAccountToken::ENTRA)?;
        Ok(azure)
    }

    fn base(&self) -> &Base {
        &self.base
    }

    fn servers(&self) -> Vec<(&'static str, &CloudServer)> {
        let servers: [&CloudServer; 5] = [&self.entra, &self.imds, &self.acr, &self.blobs, &self.vault];
        servers.into_iter().map(|server| (server.service(), server)).collect()
    }

    fn describe(&self) -> Value {
        json!({
            "authorityHost": self.entra.authority_host(),
            "tenant": self.tenant,
            "client": self.client,
            "nodeClient": self.node_client,
            "registry": self.acr.name(),
            "vault": self.vault.name(),
            "certificate": self.certificate,
        })
    }

    fn failure(&self, service: &str, status: u16) -> Reply {
        let now = self.base.clock().now();
        match (service, status) {
            ("entra", 429) => EntraError::throttled().reply(now),
            ("entra", 503) => EntraError::unavailable().reply(now),
            ("entra", 400) => {
                let subject = TokenIssuer::subject(&self.namespace, &self.service_account);
                EntraError::no_matching_credential(self.issuer.url(), &subject).reply(now)
            }
            ("imds", status) => imds::failure(status),
            ("acr", 429) => acr::throttled(None),
            ("key-vault", 429) => key_vault_error::throttled(None),
            ("key-vault", 500) => key_vault_error::internal(),
            (_, status) => Reply::status(status),
        }
    }

    fn command(&self, command: &Command<'_>) -> Option<Result<Value, String>> {
        let result = match command.name() {
            "push" => return Some(self.push(command)),
            "add-version" => return Some(self.add_version(command)),
            "tag" | "referrers" | "archive" => self.registry(command),
            "lifetime" | "revoke" => self.tokens(command),
            "rotate-key" => done(|| self.directory.rotate_key()),
            "retire-keys" => done(|| self.directory.retire_keys()),
            "assign" | "unassign" => self.role(command),
            "federate" => command.text("name").map(|name| {
                let client = command.text_or("client", &self.client);
                self.directory.federate(client, &self.issuer, &self.namespace, name);
            }),
            "remove-federation" => done(|| self.directory.remove_federation(command.text_or("client", &self.client))),
            "add-resource" => command.text("resource").map(|resource| self.directory.add_resource(resource)),
            "remove-resource" => command.text("resource").map(|resource| self.directory.remove_resource(resource)),
            "resource-manager" => command.flag("accept").map(|accept| self.acr.accept_resource_manager_tokens(accept)),
            "refuse-at-exchange" => command.flag("refuse").map(|refuse| self.acr.refuse_at_exchange(refuse)),
            "enable" | "disable" => command.text("version").map(|version| {
                let certificate = command.text_or("certificate", &self.certificate);
                self.vault.set_enabled(certificate, version, command.name() == "enable");
            }),
            "claims" => done(|| self.vault.demand_claims(command.0["claims"].as_str())),
            "write-tokens" => self.write_token(
                command.0["seconds"].as_i64().unwrap_or(3600),
                command.text_or("audience", ServiceAccountToken::ENTRA),
            ),
            _ => return None,
        };
        Some(result.map(|()| json!("done")))
    }

    fn secrets(&self) -> Vec<(&'static str, String)> {
        let account_tokens = self.account_tokens.lock().expect("the lock is not poisoned").clone();
        let of = |kind: &'static str, values: Vec<String>| values.into_iter().map(move |value| (kind, value));
        of("azure-identity-token", account_tokens)
            .chain(of("entra-access-token", self.directory.access_tokens()))
            .chain(self.acr.tokens().into_iter().map(|(kind, token)| {
                (if kind == "refresh_token" { "acr-refresh-token" } else { "acr-access-token" }, token)
            }))
            .chain(of("blob-signature", self.blobs.signatures()))
            .chain(of("private-key", self.vault.private_keys()))
            .collect()
    }
}

/// A self-signed certificate, as the walk-throughs of Azure make it.
fn signing_chain(name: &str, number: usize) -> Chain {
    Chain::self_signed(CertSpec::leaf().subject(&[
        ("C", "US"),
        ("ST", "WA"),
        ("O", "notation"),
        ("CN", &format!("{name}-{number}")),
    ]))
}

impl Azure {
    /// Stores an image, signed unless `signed` is false.
    fn push(&self, command: &Command<'_>) -> Result<Value, String> {
        let repository = command.text("repository")?;
        let image = self.acr.push_image(repository, command.text("tag")?);
        if command.0["signed"] == json!(false) {
            return Ok(json!({ "digest": image.digest }));
        }
        let certificate = command.text_or("certificate", &self.certificate);
        let chain = self.vault.chain(certificate, command.0["version"].as_str());
        let chain = chain.ok_or("version: expected a version of the certificate")?;
        let format = match command.text_or("format", "cose") {
            "cose" => Format::Cose,
            "jws" => Format::Jws,
            other => return Err(format!("format: found {other:?}, expected cose or jws")),
        };
        let signature = Signature::new(&SignRequest::new(&chain, &image), format);
        let signature = signature.attach(&self.acr, repository, &image);
        Ok(json!({ "digest": image.digest, "signature": signature.digest }))
    }

    fn add_version(&self, command: &Command<'_>) -> Result<Value, String> {
        let certificate = command.text_or("certificate", &self.certificate);
        let chain = signing_chain(certificate, usize::from(self.vault.chain(certificate, None).is_some()));
        let version = self.vault.add_version(certificate, &chain);
        self.base.write(&format!("{certificate}-{version}.pem"), &chain.pem())?;
        Ok(json!({ "version": version }))
    }

    fn registry(&self, command: &Command<'_>) -> Result<(), String> {
        match command.name() {
            "tag" => {
                self.acr.tag(command.text("repository")?, command.text("tag")?, command.text("digest")?);
            }
            "archive" => self.acr.archive(command.text("repository")?, command.text("digest")?),
            _ => self.acr.referrers(command.referrers()?),
        }
        Ok(())
    }

    fn tokens(&self, command: &Command<'_>) -> Result<(), String> {
        let of = command.text("of")?;
        if command.name() == "revoke" {
            return match of {
                "refresh" => done(|| self.acr.revoke_refresh_tokens()),
                "access" => done(|| self.acr.revoke_access_tokens()),
                other => Err(format!("of: found {other:?}, expected refresh or access")),
            };
        }
        let lifetime = command.seconds()?;
        match of {
            "entra" => self.directory.set_lifetime(lifetime),
            "refresh" => self.acr.set_refresh_lifetime(lifetime),
            "access" => self.acr.set_access_lifetime(lifetime),
            "blob-store" => self.blobs.set_lifetime(lifetime),
            other => return Err(format!("of: found {other:?}, expected entra, refresh, access or blob-store")),
        }
        Ok(())
    }

    fn role(&self, command: &Command<'_>) -> Result<(), String> {
        let (role, scope) = match command.text("role")? {
            "acr-pull" => (Role::AcrPull, self.acr.name()),
            "certificates" => (Role::KeyVaultCertificateUser, self.vault.name()),
            "secrets" => (Role::KeyVaultSecretsUser, self.vault.name()),
            other => return Err(format!("role: found {other:?}, expected acr-pull, certificates or secrets")),
        };
        let (client, scope) = (command.text_or("client", &self.client), command.text_or("scope", &scope));
        match command.name() {
            "assign" => self.directory.assign(client, role, scope),
            _ => self.directory.unassign(client, role, scope),
        }
        Ok(())
    }

    /// Writes a new token of the service account, which lasts this many seconds.
    fn write_token(&self, seconds: i64, audience: &str) -> Result<(), String> {
        let now = self.base.clock().now();
        let end = now + time::Duration::seconds(seconds);
        // One that has ended has begun before.
        let start = now.min(end - time::Duration::SECOND);
        let content = ServiceAccountToken::new(&self.namespace, &self.service_account, start).expires_at(end);
        let token = self.issuer.token(&content.audience(audience));
        self.base.write("azure-identity-token", &token)?;
        self.account_tokens.lock().expect("the lock is not poisoned").push(token);
        Ok(())
    }
}
