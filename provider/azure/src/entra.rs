//! Tokens of Microsoft Entra ([client
//! credentials](https://learn.microsoft.com/entra/identity-platform/v2-oauth2-client-creds-grant-flow)).

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use countersign_cloud::AccessToken;
use countersign_cloud::Answer;
use countersign_cloud::form;
use countersign_core::codec::json;
use countersign_core::codec::text::Text;
use countersign_core::name::AzureCloud;
use countersign_core::name::ClientId;
use countersign_core::name::TenantId;
use countersign_credentials::AuthMethod;
use countersign_credentials::BoxFuture;
use countersign_credentials::CredentialError;
use countersign_credentials::Identity;
use countersign_credentials::IdentityIssuer;
use countersign_credentials::Secret;
use serde::Deserialize;
use tokio::time::Instant;
use url::Url;

use crate::calls::Call;
use crate::calls::Calls;
use crate::calls::Refused;
use crate::error::AzureError;
use crate::error::Kind;
use crate::error::Operation;
use crate::identity::AzureIdentity;
use crate::instance_metadata;
use crate::limits;
use crate::refusal::Refusal;
use crate::secret_file::SecretFile;
use crate::settings::AzureSettings;

/// Requests tokens.
#[derive(Clone, Debug)]
pub(crate) struct EntraTokens {
    pub(crate) settings: Arc<AzureSettings>,
    pub(crate) calls: Arc<Calls>,
}

/// What a token is for, and for whom.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct EntraTokenKey {
    pub(crate) identity: AzureIdentity,
    /// The service that the token is for, and the cloud whose authority issues it.
    pub(crate) resource: &'static str,
    pub(crate) cloud: AzureCloud,
    /// The claims that the service has demanded.
    pub(crate) claims: Option<Box<str>>,
}

/// The service of registries, in every cloud.
pub(crate) const CONTAINER_REGISTRY: &str = "https://containerregistry.azure.net";

/// The type of a client assertion ([RFC 7523 §2.2](https://www.rfc-editor.org/rfc/rfc7523#section-2.2)).
const ASSERTION: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

impl fmt::Display for EntraTokenKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { identity, resource, cloud, claims } = self;
        write!(f, "entra {} ({cloud}) for {}", resource.trim_start_matches("https://"), identity.in_full())?;
        if claims.is_some() { f.write_str(", with demanded claims") } else { Ok(()) }
    }
}

impl IdentityIssuer for EntraTokens {
    type Key = EntraTokenKey;

    fn key_bytes(EntraTokenKey { identity, resource: _, cloud: _, claims }: &EntraTokenKey) -> usize {
        identity.bytes() + claims.as_ref().map_or(0, |claims| claims.len())
    }

    fn fetch(&self, key: &EntraTokenKey) -> BoxFuture<'static, Result<Identity, CredentialError>> {
        let (this, key) = (self.clone(), key.clone());
        Box::pin(async move {
            let token = match &key.identity {
                AzureIdentity::Workload { tenant, client_id } => this.workload(&key, tenant, client_id).await,
                AzureIdentity::Managed { client_id, .. } => this.managed(&key, client_id.as_ref()).await,
                AzureIdentity::ClientSecret { tenant, client_id, file } => {
                    let secret = SecretFile::ClientSecret.read(file).await;
                    this.with_secret(&key, tenant, client_id, secret.map_err(Kind::SecretFile)).await
                }
            };
            Ok(token?)
        })
    }
}

impl EntraTokens {
    fn deadline(&self) -> Instant {
        Instant::now() + 2 * self.settings.attempt_timeout + Duration::from_secs(1)
    }

    /// A token for the service account of the pod.
    async fn workload(
        &self,
        key: &EntraTokenKey,
        tenant: &Option<TenantId>,
        client_id: &Option<ClientId>,
    ) -> Result<Identity, AzureError> {
        let environment = &self.settings.workload;
        let missing = |variable| self.not_sent(Kind::NoVariable(variable));
        let tenant = tenant.as_ref().or(environment.tenant_id.as_ref());
        let client_id = client_id.as_ref().or(environment.client_id.as_ref());
        let file = environment.token_file.as_ref().ok_or_else(|| missing("AZURE_FEDERATED_TOKEN_FILE"))?;
        let tenant = tenant.ok_or_else(|| missing("AZURE_TENANT_ID"))?;
        let client_id = client_id.ok_or_else(|| missing("AZURE_CLIENT_ID"))?;
        let assertion = SecretFile::FederatedToken.read(file).await;
        let assertion = assertion.map_err(|error| self.not_sent(Kind::SecretFile(error)))?;
        let proof = [("client_assertion_type", ASSERTION), ("client_assertion", text(&assertion))];
        self.request(key, tenant, client_id, &proof, &assertion).await
    }

    /// A token for an application with its secret.
    async fn with_secret(
        &self,
        key: &EntraTokenKey,
        tenant: &TenantId,
        client_id: &ClientId,
        secret: Result<Secret, Kind>,
    ) -> Result<Identity, AzureError> {
        let secret = secret.map_err(|kind| self.not_sent(kind))?;
        self.request(key, tenant, client_id, &[("client_secret", text(&secret))], &secret).await
    }

    async fn request(
        &self,
        key: &EntraTokenKey,
        tenant: &TenantId,
        client_id: &ClientId,
        proof: &[(&str, &str)],
        secret: &Secret,
    ) -> Result<Identity, AzureError> {
        let mut url = authority(&self.settings, key.cloud).map_err(|why| self.not_sent(Kind::NotAllowed(why)))?;
        url.set_path(&format!("/{tenant}/oauth2/v2.0/token"));
        let scope = format!("{}/.default", key.resource);
        let mut fields =
            vec![("grant_type", "client_credentials"), ("client_id", client_id.as_str()), ("scope", scope.as_str())];
        fields.extend_from_slice(proof);
        fields.extend(key.claims.iter().map(|claims| ("claims", &**claims)));
        let call = Call {
            operation: Operation::EntraToken,
            url: &url,
            payload: form(&fields),
            secret: Some(secret),
            authorization: None,
        };
        self.calls.call(&call, self.deadline(), refused, read).await
    }

    /// A token for an identity of the node.
    async fn managed(&self, key: &EntraTokenKey, client_id: Option<&ClientId>) -> Result<Identity, AzureError> {
        let url = instance_metadata::url(&self.settings, key.resource, client_id);
        let payload = instance_metadata::payload();
        let call =
            Call { operation: Operation::ManagedIdentityToken, url: &url, payload, secret: None, authorization: None };
        self.calls.call(&call, self.deadline(), instance_metadata::refused, read).await
    }

    /// The error of a request that is not sent.
    fn not_sent(&self, kind: Kind) -> AzureError {
        let error = AzureError::new(Operation::EntraToken, kind);
        self.calls.not_sent(&error);
        error
    }
}

/// Secrets of files are printable.
fn text(secret: &Secret) -> &str {
    std::str::from_utf8(secret.expose()).unwrap_or_default()
}

/// The authority of a cloud: that of the settings, of the environment, or the public one of the cloud.
///
/// # Errors
/// The settings or the environment name the authority of another cloud.
pub(crate) fn authority(settings: &AzureSettings, cloud: AzureCloud) -> Result<Url, Text> {
    let (key, authority) = match (&settings.authority, &settings.workload.authority_host) {
        (Some(authority), _) => ("azure.authorityHost", authority),
        (None, Some(authority)) => ("AZURE_AUTHORITY_HOST", authority),
        (None, None) => return Url::parse(&format!("https://{}/", cloud.authority_host())).map_err(Text::of),
    };
    let known = authority.url().host_str().and_then(AzureCloud::of_authority);
    match known.filter(|known| *known != cloud) {
        Some(other) => Err(Text::of(format_args!(
            "{key}: found {authority}, the authority of the cloud {other}, expected that of the cloud {cloud}; no token \
             of one cloud is valid in another"
        ))),
        None => Ok(authority.url().clone()),
    }
}

/// The token in an answer.
fn read(answer: &Answer) -> Result<Identity, Text> {
    let AccessToken { token, life } = AccessToken::read(&answer.body)?;
    // A token that is sent unchanged.
    Identity::new(AuthMethod::RegistryToken(token), Some(Instant::now() + life)).map_err(Text::of)
}

#[derive(Deserialize)]
struct RefusedBody {
    error: Option<String>,
    error_description: Option<String>,
    error_codes: Option<Vec<u64>>,
}

/// The refusal of Entra.
fn refused(answer: &Answer) -> Refused {
    let body = json::from_slice::<RefusedBody>(&answer.body, &limits::JSON).ok();
    let is_of_entra = |body: &RefusedBody| body.error.is_some() || body.error_codes.is_some();
    let Some(RefusedBody { error, error_description, error_codes }) = body.filter(is_of_entra) else {
        return Refused::without_code(Refusal::of_entra(answer.status, None));
    };
    let code = error_codes.unwrap_or_default().first().copied();
    let shown = code.map_or_else(|| error.unwrap_or_default(), |code| format!("AADSTS{code}"));
    let description = error_description.unwrap_or_default();
    // What follows identifies the request.
    let description = description.split("Trace ID:").next().unwrap_or_default().trim();
    let message = description.strip_prefix(&format!("{shown}:")).unwrap_or(description).trim().to_owned();
    Refused {
        code: Text::at_most(64, shown),
        message: Some(message),
        refusal: Refusal::of_entra(answer.status, code),
        claims: None,
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn tokens_of_other_tenants_and_with_other_secrets_have_other_names() {
        let name = |tenant: &str, file: &str| {
            let identity = AzureIdentity::ClientSecret {
                tenant: tenant.parse().unwrap(),
                client_id: "00000000-0000-0000-0000-0000000000a1".parse().unwrap(),
                file: file.into(),
            };
            let cloud = AzureCloud::Public;
            EntraTokenKey { identity, resource: CONTAINER_REGISTRY, cloud, claims: None }.to_string()
        };
        let expected = |tenant: &str, file: &str| {
            format!(
                "entra containerregistry.azure.net (public) for the application 00000000-0000-0000-0000-0000000000a1 of the tenant {tenant} with \
                 the secret of {file}"
            )
        };
        let (one, other) = ("11111111-2222-3333-4444-555555555555", "99999999-2222-3333-4444-555555555555");
        // The status of tokens is kept by this name, so that the failure of one would be hidden by the success of the other.
        for (tenant, file) in
            [(one, "/run/shop/client-secret"), (other, "/run/shop/client-secret"), (one, "/run/tools/client-secret")]
        {
            assert_eq!(name(tenant, file), expected(tenant, file));
        }
        // What may be the secret itself is not shown.
        let hidden = "/run/shop/[12 characters, not shown as they may be a secret: expected the path of a file]";
        assert_eq!(name(one, "/run/shop/aB3~hunter2x"), expected(one, hidden));
    }

    #[test]
    fn the_name_of_another_identity_has_no_file() {
        let name = |identity: AzureIdentity| identity.in_full().to_string();
        let tenant = "11111111-2222-3333-4444-555555555555".parse().ok();
        assert_eq!(name(AzureIdentity::Workload { tenant: None, client_id: None }), "the workload identity of the pod");
        assert_eq!(
            name(AzureIdentity::Managed { tenant, client_id: None }),
            "the managed identity of the node of the tenant 11111111-2222-3333-4444-555555555555"
        );
    }
}
