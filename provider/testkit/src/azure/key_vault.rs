//! Azure Key Vault: certificates, their versions, and the secrets behind them.

use std::collections::BTreeMap;
use std::ops::Deref;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::MutexGuard;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::Method;
use serde_json::Value;
use serde_json::json;
use time::OffsetDateTime;

use crate::azure::directory::AccessTokenError;
use crate::azure::directory::Caller;
use crate::azure::directory::Directory;
use crate::azure::directory::Role;
use crate::azure::key_vault_certificate::Version;
use crate::azure::key_vault_error;
use crate::cloud::clock::Clock;
use crate::cloud::server::CloudServer;
use crate::cloud::server::Failures;
use crate::cloud::setup::Setup;
use crate::pki::Chain;
use crate::registry::RecordedRequest;
use crate::registry::Reply;

pub use crate::azure::key_vault_certificate::Secret;

/// The largest number of entries of a page.
const PAGE: usize = 25;

/// A vault of one tenant: [certificates](https://learn.microsoft.com/en-us/rest/api/keyvault/certificates) and
/// [secrets](https://learn.microsoft.com/en-us/rest/api/keyvault/secrets/get-secret).
///
/// `GET /certificates/{name}[/{version}]`, `GET /certificates/{name}/versions`, `GET /secrets/{name}[/{version}]`,
/// `GET /secrets/{name}/versions`. A request without a token is
/// [challenged](https://learn.microsoft.com/en-us/azure/key-vault/general/authentication-requests-and-responses); roles are
/// [`Role::KeyVaultCertificateUser`] and [`Role::KeyVaultSecretsUser`]. Without a version the newest enabled one is the answer. The
/// secret of a disabled version is refused; its certificate is answered, or refused too with
/// [`Self::refuse_disabled_certificates`] (not verified: which the service does). Versions are listed in the order of their
/// identifiers, which is not that of their creation.
#[derive(Debug)]
pub struct KeyVault {
    server: CloudServer,
    shared: Shared,
}

#[derive(Clone, Debug)]
struct Shared {
    clock: Clock,
    directory: Directory,
    vault: Arc<Mutex<Vault>>,
}

#[derive(Debug)]
struct Vault {
    /// The scope of roles.
    name: String,
    url: String,
    authority: String,
    resource: String,
    tenant: String,
    page: usize,
    refuse_disabled_certificates: bool,
    /// The claims that tokens must have, as JSON.
    claims: Option<String>,
    /// In the order of their creation.
    certificates: BTreeMap<String, Vec<Version>>,
}

impl KeyVault {
    /// Starts an empty vault of this tenant. `authority` is the URL of Entra in challenges, without a trailing slash.
    pub async fn start(setup: &Setup, directory: &Directory, tenant: &str, authority: &str) -> Self {
        let vault = Vault {
            name: String::new(),
            url: String::new(),
            authority: authority.to_owned(),
            resource: "https://vault.azure.net".to_owned(),
            tenant: tenant.to_owned(),
            page: PAGE,
            refuse_disabled_certificates: false,
            claims: None,
            certificates: BTreeMap::new(),
        };
        let shared =
            Shared { clock: setup.clock().clone(), directory: directory.clone(), vault: Arc::new(Mutex::new(vault)) };
        let state = shared.clone();
        let server = CloudServer::start(setup, "key-vault", move |request, failures| state.answer(request, failures));
        let server = server.await;
        shared.vault().name = server.host();
        shared.vault().url = server.url();
        Self { server, shared }
    }

    /// The name that clients call, which is the scope of roles. Default: `127.0.0.1:PORT`.
    #[must_use]
    pub fn name(&self) -> String {
        self.shared.vault().name.clone()
    }

    /// Sets the name that clients call, for clients that resolve one: `shop.vault.azure.net`.
    pub fn set_name(&self, name: &str) {
        let mut vault = self.shared.vault();
        name.clone_into(&mut vault.name);
        vault.url = format!("https://{name}");
    }

    /// Sets the resource that tokens must be for: `https://vault.usgovcloudapi.net`.
    pub fn set_resource(&self, resource: &str) {
        resource.clone_into(&mut self.shared.vault().resource);
    }

    /// Sets the largest number of entries of a page.
    pub fn set_page_size(&self, entries: usize) {
        assert!(entries > 0, "a page holds at least one entry");
        self.shared.vault().page = entries;
    }

    /// Whether a disabled version of a certificate is refused, as its secret is.
    pub fn refuse_disabled_certificates(&self, refuse: bool) {
        self.shared.vault().refuse_disabled_certificates = refuse;
    }

    /// Demands tokens that were requested with these claims, a JSON object, as [continuous access
    /// evaluation](https://learn.microsoft.com/en-us/entra/identity-platform/claims-challenge) does; `None` demands none.
    pub fn demand_claims(&self, claims: Option<&str>) {
        self.shared.vault().claims = claims.map(str::to_owned);
    }

    /// Adds a version of a certificate, which becomes the newest one. Returns its identifier.
    pub fn add_version(&self, name: &str, chain: &Chain) -> String {
        let now = self.shared.clock.now();
        let mut vault = self.shared.vault();
        let versions = vault.certificates.entry(name.to_owned()).or_default();
        let version = Version::new(name, versions.len(), chain, now);
        let id = version.id.clone();
        versions.push(version);
        id
    }

    /// Enables or disables a version.
    pub fn set_enabled(&self, name: &str, version: &str, enabled: bool) {
        self.edit(name, version, |version| version.enabled = enabled);
    }

    /// Sets `nbf` and `exp` of a version. They do not stop its use.
    pub fn set_period(&self, name: &str, version: &str, from: Option<OffsetDateTime>, until: Option<OffsetDateTime>) {
        self.edit(name, version, |version| (version.not_before, version.expires) = (from, until));
    }

    /// Sets the secret of a version. Default: [`Secret::Pem`].
    pub fn set_secret(&self, name: &str, version: &str, secret: Secret) {
        self.edit(name, version, |version| version.secret = secret);
    }

    /// Deletes a certificate with all its versions.
    pub fn delete(&self, name: &str) {
        self.shared.vault().certificates.remove(name);
    }

    /// The private keys of all versions, PKCS #8 PEM.
    pub(super) fn private_keys(&self) -> Vec<String> {
        let vault = self.shared.vault();
        vault.certificates.values().flatten().map(|version| version.chain.key_pem()).collect()
    }

    /// The chain of a version.
    pub(super) fn chain(&self, name: &str, version: Option<&str>) -> Option<Chain> {
        let vault = self.shared.vault();
        let mut versions = vault.certificates.get(name)?.iter().rev();
        versions.find(|one| version.is_none_or(|id| one.id == id)).map(|version| version.chain.clone())
    }

    fn edit(&self, name: &str, version: &str, edit: impl FnOnce(&mut Version)) {
        let mut vault = self.shared.vault();
        let versions = vault.certificates.get_mut(name).map(Vec::as_mut_slice).unwrap_or_default();
        edit(versions.iter_mut().find(|one| one.id == version).expect("a version of the vault"));
    }
}

impl Deref for KeyVault {
    type Target = CloudServer;

    fn deref(&self) -> &CloudServer {
        &self.server
    }
}

/// What a path names.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Collection {
    Certificates,
    Secrets,
}

impl Collection {
    fn singular(self) -> &'static str {
        match self {
            Self::Certificates => "certificate",
            Self::Secrets => "secret",
        }
    }

    /// The action, and the role that has it.
    fn permission(self) -> (&'static str, Role) {
        match self {
            Self::Certificates => ("Microsoft.KeyVault/vaults/certificates/read", Role::KeyVaultCertificateUser),
            Self::Secrets => ("Microsoft.KeyVault/vaults/secrets/getSecret/action", Role::KeyVaultSecretsUser),
        }
    }
}

impl Shared {
    fn vault(&self) -> MutexGuard<'_, Vault> {
        self.vault.lock().expect("the lock is not poisoned")
    }

    fn answer(&self, request: &RecordedRequest, failures: &Failures) -> Result<Reply, Reply> {
        let vault = self.vault();
        let caller = self.authenticate(request, &vault)?;
        let version = request.query_values("api-version").pop().unwrap_or_default();
        if !(version.starts_with("7.") || version.starts_with("20")) {
            return Err(key_vault_error::bad_parameter("api-version must be specified"));
        }
        if request.method != Method::GET {
            return Err(Reply::status(405));
        }
        let mut parts = request.path.trim_matches('/').split('/');
        let collection = match parts.next() {
            Some("certificates") => Collection::Certificates,
            Some("secrets") => Collection::Secrets,
            _ => return Err(Reply::status(404)),
        };
        let (Some(name), version, None) = (parts.next(), parts.next(), parts.next()) else {
            return Err(key_vault_error::bad_parameter("the path is not supported"));
        };
        let (action, role) = collection.permission();
        if !self.directory.is_assigned(&caller.client, role, &vault.name) {
            return Err(key_vault_error::forbidden(&caller.client, &caller.tenant, action, &vault.name));
        }
        let missing = || key_vault_error::not_found(collection.singular(), name);
        let versions = vault.certificates.get(name).filter(|versions| !versions.is_empty()).ok_or_else(missing)?;
        let body = match version {
            Some("versions") => vault.list(collection, name, versions, request)?,
            _ => vault.get(collection, name, versions, version)?,
        };
        failures.next()?;
        Ok(Reply::status(200).header("content-type", "application/json; charset=utf-8").body(body.to_string()))
    }

    /// Checks the access token.
    fn authenticate(&self, request: &RecordedRequest, vault: &Vault) -> Result<Caller, Reply> {
        let Vault { authority, tenant, resource, .. } = vault;
        let challenge = format!(r#"Bearer authorization="{authority}/{tenant}", resource="{resource}""#);
        let refused = |message: &str| key_vault_error::unauthorized(message, &challenge);
        let Some(token) = request.authorization().and_then(|value| value.strip_prefix("Bearer ")) else {
            return Err(refused("AKV10000: Request is missing a Bearer or PoP token."));
        };
        let invalid = |message: &str| {
            let challenge = format!(r#"{challenge}, error="invalid_token", error_description="{message}""#);
            key_vault_error::unauthorized(message, &challenge)
        };
        let caller = self.directory.check(token, &[resource.as_str()], self.clock.now()).map_err(|why| match why {
            // Not verified: the texts for an invalid and for an ended token.
            AccessTokenError::Invalid => invalid("[BearerReadAccessTokenFailed] Error validating token: IDX10511"),
            AccessTokenError::Expired => invalid("[TokenExpired] Error validating token: 'IDX10223'."),
            AccessTokenError::Audience(found) => {
                invalid(&format!("AKV10022: Invalid audience. Expected {resource}, found: {found}."))
            }
        })?;
        if caller.tenant != *tenant {
            let found = &caller.tenant;
            let message = format!(
                "AKV10032: Invalid issuer. Expected one of https://sts.windows.net/{tenant}/, found \
                 https://sts.windows.net/{found}/."
            );
            return Err(invalid(&message));
        }
        if let Some(claims) = &vault.claims
            && !has_claims(caller.claims.as_deref(), claims)
        {
            let encoded = STANDARD.encode(claims);
            let challenge = format!(r#"{challenge}, error="insufficient_claims", claims="{encoded}""#);
            return Err(key_vault_error::unauthorized("AKV10045: Claims challenge.", &challenge));
        }
        Ok(caller)
    }
}

/// Whether the claims of a request for a token have all members of `access_token` that are demanded. Clients add other ones.
fn has_claims(requested: Option<&str>, demanded: &str) -> bool {
    let of_token = |text: &str| serde_json::from_str::<Value>(text).unwrap_or_default()["access_token"].take();
    let requested = of_token(requested.unwrap_or_default());
    let demanded = of_token(demanded);
    demanded.as_object().is_some_and(|members| members.iter().all(|(name, value)| requested.get(name) == Some(value)))
}

impl Vault {
    fn get(
        &self,
        collection: Collection,
        name: &str,
        versions: &[Version],
        version: Option<&str>,
    ) -> Result<Value, Reply> {
        let found = match version.filter(|version| !version.is_empty()) {
            Some(id) => versions.iter().find(|version| version.id == id),
            None => versions.iter().rev().find(|version| version.enabled).or(versions.last()),
        };
        let kind = collection.singular();
        let found = found.ok_or_else(|| key_vault_error::not_found(kind, name))?;
        let refuses = collection == Collection::Secrets || self.refuse_disabled_certificates;
        if refuses && !found.enabled {
            return Err(key_vault_error::disabled(kind));
        }
        Ok(match collection {
            Collection::Certificates => found.bundle(&self.url, name),
            Collection::Secrets => found.secret(&self.url, name),
        })
    }

    fn list(
        &self,
        collection: Collection,
        name: &str,
        versions: &[Version],
        request: &RecordedRequest,
    ) -> Result<Value, Reply> {
        let wanted = match request.query_values("maxresults").pop() {
            None => PAGE,
            Some(text) => {
                let number = text.parse().ok().filter(|number| (1..=PAGE).contains(number));
                number.ok_or_else(|| key_vault_error::bad_parameter("maxresults must be from 1 to 25"))?
            }
        };
        let mut versions: Vec<&Version> = versions.iter().collect();
        versions.sort_by(|one, other| one.id.cmp(&other.id));
        let first: usize = request.query_values("$skiptoken").pop().and_then(|text| text.parse().ok()).unwrap_or(0);
        let page: Vec<Value> = versions
            .iter()
            .skip(first)
            .take(wanted.min(self.page))
            .map(|version| {
                let mut item = version.item(&self.url, name);
                if collection == Collection::Secrets {
                    item["id"] = format!("{}/secrets/{name}/{}", self.url, version.id).into();
                }
                item
            })
            .collect();
        let next = first + page.len();
        let next = (next < versions.len()).then(|| {
            let api = request.query_values("api-version").pop().unwrap_or_default();
            let path = &request.path;
            format!("{}{path}?api-version={api}&$skiptoken={next}&maxresults={wanted}", self.url)
        });
        Ok(json!({ "value": page, "nextLink": next }))
    }
}
