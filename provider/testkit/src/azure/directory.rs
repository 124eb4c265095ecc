//! Tenants, applications, resources and roles, and the access tokens for them.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::time::Duration;

use serde_json::Value;
use serde_json::json;
use time::OffsetDateTime;

use crate::cloud::jwt::Jwt;
use crate::cloud::jwt::JwtKey;
use crate::cloud::service_account::ServiceAccountToken;
use crate::cloud::service_account::TokenIssuer;
use crate::hash::sha256_hex;

/// The resources that a new directory has: Container Registry, Resource Manager and Key Vault of the public cloud.
pub const RESOURCES: [&str; 3] =
    ["https://containerregistry.azure.net", "https://management.azure.com", "https://vault.azure.net"];

/// Numbers of the cached keys that sign access tokens. Each rotation uses the next one, then the first one again.
const KEYS: [usize; 2] = [2001, 2002];

/// The directory of one test. Clones are the same one.
#[derive(Clone)]
pub struct Directory(Arc<Mutex<Table>>);

/// What an application may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// `AcrPull`: pull from a registry, or from a repository of it.
    AcrPull,
    /// `Key Vault Certificate User`: read certificates of a vault.
    KeyVaultCertificateUser,
    /// `Key Vault Secrets User`: read secrets of a vault, private keys of certificates included.
    KeyVaultSecretsUser,
}

/// A federated identity credential: whose tokens are accepted as the application.
#[derive(Clone, Debug)]
struct FederatedCredential {
    issuer: TokenIssuer,
    subject: String,
}

#[derive(Clone, Debug)]
struct Application {
    tenant: String,
    client: String,
    federated: Vec<FederatedCredential>,
    secrets: Vec<ClientSecret>,
}

/// A secret of an application.
#[derive(Clone)]
struct ClientSecret {
    value: String,
    end: OffsetDateTime,
}

impl fmt::Debug for ClientSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ClientSecret(until {})", self.end)
    }
}

/// Why a secret is not accepted as that of an application.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SecretError {
    Unknown,
    Expired,
}

struct Table {
    tenants: Vec<String>,
    applications: Vec<Application>,
    resources: BTreeSet<String>,
    /// Client, role, and the name of the registry, repository or vault.
    roles: BTreeSet<(String, Role, String)>,
    lifetime: Duration,
    /// The keys whose tokens are accepted. The last one signs.
    keys: Vec<JwtKey>,
    rotations: usize,
    issued: Vec<String>,
}

/// The content of a valid access token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Caller {
    pub(crate) tenant: String,
    pub(crate) client: String,
    /// The claims that a service has demanded, as Entra received them.
    pub(crate) claims: Option<String>,
}

/// Why an access token is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum AccessTokenError {
    /// No JWT, or not signed by a key of the directory.
    Invalid,
    /// For another resource: this one.
    Audience(String),
    Expired,
}

/// Why a token of a service account is not accepted as an application.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum FederationError {
    Malformed,
    Issuer(String),
    Subject(String),
    Audience(String),
    Signature,
    /// Seconds since 1970.
    Time {
        start: i64,
        end: i64,
    },
}

impl Directory {
    /// A directory with one tenant, without applications. Tokens last 24 hours, as those of managed identities.
    #[must_use]
    pub fn new(tenant: &str) -> Self {
        Self(Arc::new(Mutex::new(Table {
            tenants: vec![tenant.to_owned()],
            applications: Vec::new(),
            resources: RESOURCES.map(str::to_owned).into(),
            roles: BTreeSet::new(),
            lifetime: Duration::from_secs(24 * 3600),
            keys: vec![JwtKey::cached("entra-0", KEYS[0])],
            rotations: 0,
            issued: Vec::new(),
        })))
    }

    /// Adds a tenant.
    pub fn add_tenant(&self, tenant: &str) {
        self.table().tenants.push(tenant.to_owned());
    }

    /// Adds an application or a managed identity.
    pub fn add_application(&self, tenant: &str, client: &str) {
        let (tenant, client) = (tenant.to_owned(), client.to_owned());
        let application = Application { tenant, client, federated: Vec::new(), secrets: Vec::new() };
        self.table().applications.push(application);
    }

    /// Accepts tokens of a service account as this application.
    pub fn federate(&self, client: &str, issuer: &TokenIssuer, namespace: &str, name: &str) {
        let credential = FederatedCredential { issuer: issuer.clone(), subject: TokenIssuer::subject(namespace, name) };
        let mut table = self.table();
        let application = table.applications.iter_mut().find(|application| application.client == client);
        application.expect("an application of the directory").federated.push(credential);
    }

    /// Adds a secret of an application, which is accepted until `end`.
    pub fn add_secret(&self, client: &str, secret: &str, end: OffsetDateTime) {
        let mut table = self.table();
        let application = table.applications.iter_mut().find(|application| application.client == client);
        let secret = ClientSecret { value: secret.to_owned(), end };
        application.expect("an application of the directory").secrets.push(secret);
    }

    /// Removes all federated credentials of an application.
    pub fn remove_federation(&self, client: &str) {
        for application in self.table().applications.iter_mut().filter(|application| application.client == client) {
            application.federated.clear();
        }
    }

    /// Adds a resource: `https://vault.usgovcloudapi.net`.
    pub fn add_resource(&self, resource: &str) {
        self.table().resources.insert(resource.to_owned());
    }

    /// Removes a resource, as if the tenant did not use the service.
    pub fn remove_resource(&self, resource: &str) {
        self.table().resources.remove(resource);
    }

    /// Assigns a role. `scope` is the name of a registry, of a repository (`REGISTRY/NAME`), or of a vault.
    pub fn assign(&self, client: &str, role: Role, scope: &str) {
        self.table().roles.insert((client.to_owned(), role, scope.to_owned()));
    }

    /// Removes a role.
    pub fn unassign(&self, client: &str, role: Role, scope: &str) {
        self.table().roles.remove(&(client.to_owned(), role, scope.to_owned()));
    }

    /// Sets how long new access tokens last.
    pub fn set_lifetime(&self, lifetime: Duration) {
        self.table().lifetime = lifetime;
    }

    /// Signs new tokens with another key. Tokens of the former key stay valid until [`Self::retire_keys`].
    pub fn rotate_key(&self) {
        let mut table = self.table();
        table.rotations += 1;
        let rotations = table.rotations;
        table.keys.push(JwtKey::cached(&format!("entra-{rotations}"), KEYS[rotations % KEYS.len()]));
    }

    /// Refuses tokens of former keys from now on.
    pub fn retire_keys(&self) {
        let mut table = self.table();
        let last = table.keys.len() - 1;
        table.keys.drain(..last);
    }

    /// The number of access tokens issued so far.
    #[must_use]
    pub fn issued(&self) -> usize {
        self.table().issued.len()
    }

    /// The texts of all access tokens issued so far.
    pub(crate) fn access_tokens(&self) -> Vec<String> {
        self.table().issued.clone()
    }

    /// The public keys of [`Self::rotate_key`], as a JSON Web Key Set.
    pub(crate) fn public_keys(&self) -> Value {
        json!({ "keys": self.table().keys.iter().map(JwtKey::public).collect::<Vec<_>>() })
    }

    pub(crate) fn has_tenant(&self, tenant: &str) -> bool {
        self.table().tenants.iter().any(|known| known == tenant)
    }

    pub(crate) fn has_application(&self, tenant: &str, client: &str) -> bool {
        self.table().application(client).is_some_and(|application| application.tenant == tenant)
    }

    pub(crate) fn has_resource(&self, resource: &str) -> bool {
        // With and without a trailing slash it is the same one.
        self.table().resources.contains(resource.trim_end_matches('/'))
    }

    /// The tenant of an application.
    pub(crate) fn tenant_of(&self, client: &str) -> Option<String> {
        self.table().application(client).map(|application| application.tenant.clone())
    }

    pub(crate) fn is_assigned(&self, client: &str, role: Role, scope: &str) -> bool {
        self.table().roles.contains(&(client.to_owned(), role, scope.to_owned()))
    }

    /// Checks a client assertion in the order: issuer, subject, audience, signature, time.
    pub(crate) fn check_assertion(
        &self,
        client: &str,
        assertion: &str,
        now: OffsetDateTime,
    ) -> Result<(), FederationError> {
        let token = Jwt::parse(assertion).map_err(|_| FederationError::Malformed)?;
        let text = |name: &str| token.text(name).ok_or(FederationError::Malformed);
        let (issuer, subject) = (text("iss")?, text("sub")?);
        let table = self.table();
        let federated = table.application(client).map(|application| application.federated.clone()).unwrap_or_default();
        let of_issuer: Vec<_> = federated.iter().filter(|credential| credential.issuer.url() == issuer).collect();
        if of_issuer.is_empty() {
            return Err(FederationError::Issuer(issuer.to_owned()));
        }
        let credential = of_issuer.into_iter().find(|credential| credential.subject == subject);
        let credential = credential.ok_or_else(|| FederationError::Subject(subject.to_owned()))?;
        check_token(&credential.issuer, &token, now)
    }

    /// Checks a secret of an application.
    pub(crate) fn check_secret(&self, client: &str, secret: &str, now: OffsetDateTime) -> Result<(), SecretError> {
        let table = self.table();
        let secrets = table.application(client).map(|application| application.secrets.clone()).unwrap_or_default();
        match secrets.iter().find(|known| known.value == secret) {
            Some(known) if now < known.end => Ok(()),
            Some(_) => Err(SecretError::Expired),
            None => Err(SecretError::Unknown),
        }
    }

    /// Issues an access token of version 1.0: the audience is the resource.
    pub(crate) fn issue(&self, client: &str, resource: &str, claims: Option<&str>, now: OffsetDateTime) -> AccessToken {
        let mut table = self.table();
        let tenant = table.application(client).expect("an application of the directory").tenant.clone();
        let expires_at = (now + table.lifetime).unix_timestamp();
        let object = sha256_hex(client.as_bytes());
        let mut content = json!({
            "aud": resource,
            "iss": format!("https://sts.windows.net/{tenant}/"),
            "iat": now.unix_timestamp(),
            "nbf": now.unix_timestamp(),
            "exp": expires_at,
            "appid": client,
            "idtyp": "app",
            "oid": format!("{}-{}-{}-{}-{}", &object[..8], &object[8..12], &object[12..16], &object[16..20], &object[20..32]),
            "tid": tenant,
            "uti": table.issued.len().to_string(),
            "ver": "1.0",
        });
        if let Some(claims) = claims {
            content["testkit_claims"] = claims.into();
        }
        let text = table.keys.last().expect("there is always one").sign(&content);
        table.issued.push(text.clone());
        AccessToken { text, expires_at, lifetime: table.lifetime }
    }

    /// Checks an access token for any of these resources.
    pub(crate) fn check(
        &self,
        token: &str,
        resources: &[&str],
        now: OffsetDateTime,
    ) -> Result<Caller, AccessTokenError> {
        let token = Jwt::parse(token).map_err(|_| AccessTokenError::Invalid)?;
        if !self.table().keys.iter().any(|key| key.verify(&token).is_ok()) {
            return Err(AccessTokenError::Invalid);
        }
        let text = |name: &str| token.text(name).unwrap_or_default();
        let audience = text("aud").trim_end_matches('/');
        if !resources.contains(&audience) {
            return Err(AccessTokenError::Audience(audience.to_owned()));
        }
        if !token.is_valid_at(now) {
            return Err(AccessTokenError::Expired);
        }
        let claims = token.text("testkit_claims").map(str::to_owned);
        Ok(Caller { tenant: text("tid").to_owned(), client: text("appid").to_owned(), claims })
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        self.0.lock().expect("the lock is not poisoned")
    }
}

/// An access token that was issued.
pub(crate) struct AccessToken {
    pub(crate) text: String,
    /// Seconds since 1970.
    pub(crate) expires_at: i64,
    pub(crate) lifetime: Duration,
}

impl Table {
    fn application(&self, client: &str) -> Option<&Application> {
        self.applications.iter().find(|application| application.client == client)
    }
}

/// The last checks of a client assertion: audience, signature, time.
fn check_token(issuer: &TokenIssuer, token: &Jwt<'_>, now: OffsetDateTime) -> Result<(), FederationError> {
    let audiences = match &token.claims["aud"] {
        Value::Array(audiences) => audiences.iter().filter_map(Value::as_str).collect(),
        Value::String(audience) => vec![audience.as_str()],
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_) => return Err(FederationError::Malformed),
    };
    if audiences != [ServiceAccountToken::ENTRA] {
        return Err(FederationError::Audience(audiences.join(",")));
    }
    issuer.key().verify(token).map_err(|_| FederationError::Signature)?;
    let number = |name: &str| token.claims[name].as_i64().ok_or(FederationError::Malformed);
    let (start, end) = (number("nbf")?, number("exp")?);
    if token.is_valid_at(now) { Ok(()) } else { Err(FederationError::Time { start, end }) }
}

impl fmt::Debug for Directory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Directory({} access tokens issued)", self.issued())
    }
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;

    const NOW: OffsetDateTime = datetime!(2026-05-06 07:08:09 UTC);
    const VAULT: &str = "https://vault.azure.net";

    #[test]
    fn an_access_token_is_for_one_resource_until_its_end() {
        let directory = Directory::new("tenant");
        directory.add_application("tenant", "client");
        directory.set_lifetime(Duration::from_secs(60));
        let token = directory.issue("client", "https://vault.azure.net/", None, NOW);
        let at = |seconds| directory.check(&token.text, &[VAULT], NOW + time::Duration::seconds(seconds));
        let caller = Caller { tenant: "tenant".to_owned(), client: "client".to_owned(), claims: None };
        assert_eq!(at(59), Ok(caller));
        assert_eq!(at(60), Err(AccessTokenError::Expired));
        assert_eq!(
            directory.check(&token.text, &["https://management.azure.com"], NOW),
            Err(AccessTokenError::Audience(VAULT.to_owned()))
        );
        assert_eq!(directory.check("a.b.c", &[VAULT], NOW), Err(AccessTokenError::Invalid));
    }

    #[test]
    fn tokens_of_a_former_key_are_accepted_until_it_is_retired() {
        let directory = Directory::new("tenant");
        directory.add_application("tenant", "client");
        let check = |token: &AccessToken| directory.check(&token.text, &[VAULT], NOW).is_ok();
        let first = directory.issue("client", VAULT, None, NOW);
        directory.rotate_key();
        let second = directory.issue("client", VAULT, None, NOW);
        assert_eq!((check(&first), check(&second)), (true, true));
        assert_eq!(directory.public_keys()["keys"].as_array().map(Vec::len), Some(2));
        directory.retire_keys();
        assert_eq!((check(&first), check(&second)), (false, true));
    }
}
