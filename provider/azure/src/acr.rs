//! Tokens of Azure Container Registry
//! ([authentication](https://github.com/Azure/acr/blob/main/docs/AAD-OAuth.md)): a token of Entra is exchanged for a refresh token of
//! the registry, which the registry client exchanges for access tokens of single repositories.

use std::fmt;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use countersign_cloud::Answer;
use countersign_cloud::form;
use countersign_core::codec::json;
use countersign_core::codec::text::Text;
use countersign_core::name::AcrHost;
use countersign_core::name::AcrRegistry;
use countersign_core::name::TenantId;
use countersign_credentials::AuthMethod;
use countersign_credentials::BoxFuture;
use countersign_credentials::CredentialError;
use countersign_credentials::Identity;
use countersign_credentials::IdentityFetcher;
use countersign_credentials::IdentityIssuer;
use countersign_credentials::RepositoryScope;
use countersign_credentials::Secret;
use countersign_http::AuthChallenge;
use serde::Deserialize;
use tokio::time::Instant;
use url::Url;

use crate::calls::Call;
use crate::calls::Refused;
use crate::clients::Azure;
use crate::entra::CONTAINER_REGISTRY;
use crate::entra::EntraTokenKey;
use crate::entra::authority;
use crate::error::AzureError;
use crate::error::Kind;
use crate::error::Operation;
use crate::identity::AzureIdentity;
use crate::jwt;
use crate::limits;
use crate::refusal::Refusal;

/// Fetches refresh tokens of registries for one identity.
#[derive(Clone, Debug)]
pub struct AcrTokens {
    azure: Azure,
    identity: AzureIdentity,
}

/// What one refresh token is valid for: a registry, as far as the identity has roles on it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct AcrTokenKey(AcrRegistry);

impl fmt::Display for AcrTokenKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "acr {}", self.0.host_name())
    }
}

impl AcrTokens {
    /// Tokens for this identity.
    #[must_use]
    pub fn new(azure: Azure, identity: AzureIdentity) -> Self {
        Self { azure, identity }
    }

    /// A token of Entra is kept, and replaced once if the registry refuses it or demands claims.
    async fn fetch_token(self, key: AcrTokenKey) -> Result<Identity, CredentialError> {
        // A token of Entra, the exchange, and both once more.
        let deadline = Instant::now() + 4 * self.azure.longest_call();
        let mut entra = EntraTokenKey {
            identity: self.identity.clone(),
            resource: CONTAINER_REGISTRY,
            cloud: key.0.cloud(),
            claims: None,
        };
        let token = self.azure.token(&entra, deadline).await?;
        let error = match self.exchange(&key.0, &token, deadline).await {
            Ok(identity) => return Ok(self.named(identity)),
            Err(error) => error,
        };
        // Another token changes nothing about all other refusals.
        let refusal = error.refusal();
        let other = if refusal == Some(Refusal::Permission) {
            self.azure.other_token(&entra, &token, deadline).await?
        } else if refusal == Some(Refusal::Claims) {
            entra.claims = error.claims().map(Into::into);
            Some(self.azure.token(&entra, deadline).await?)
        } else {
            None
        };
        let Some(other) = other else { return Err(error.into()) };
        Ok(self.named(self.exchange(&key.0, &other, deadline).await?))
    }

    fn named(&self, identity: Identity) -> Identity {
        identity.with_origin(format_args!("credentials.acr, for {}", self.identity))
    }

    /// The exchange at the registry itself: the realm of its challenge is not used.
    async fn exchange(
        &self,
        registry: &AcrRegistry,
        token: &Identity,
        deadline: Instant,
    ) -> Result<Identity, AzureError> {
        let host = registry.host_name();
        let failed = |kind| AzureError::new(Operation::AcrExchange, kind);
        let AuthMethod::RegistryToken(token) = token.method() else {
            return Err(failed(Kind::Answer(Text::of("the token of Entra is of another kind"))));
        };
        let url = Url::parse(&format!("https://{host}/oauth2/exchange")).map_err(|_| {
            failed(Kind::NotAllowed(Text::of(format_args!("the host {host} cannot be part of an address"))))
        })?;
        // It was checked to be visible ASCII.
        let text = String::from_utf8_lossy(token.expose());
        let mut fields = vec![("grant_type", "access_token"), ("service", host.as_str()), ("access_token", &*text)];
        fields.extend(self.tenant().map(|tenant| ("tenant", tenant.as_str())));
        let call = Call {
            operation: Operation::AcrExchange,
            url: &url,
            payload: form(&fields),
            secret: Some(token),
            authorization: None,
        };
        let deadline = deadline.min(Instant::now() + self.azure.longest_call());
        let now = self.azure.now();
        self.azure.calls().call(&call, deadline, refused, |answer| read(answer, |token| jwt::life(token, now))).await
    }

    /// The tenant of the registry, if it is known.
    fn tenant(&self) -> Option<&TenantId> {
        match &self.identity {
            AzureIdentity::Workload { tenant, .. } => {
                tenant.as_ref().or(self.azure.settings().workload.tenant_id.as_ref())
            }
            AzureIdentity::Managed { tenant, .. } => tenant.as_ref(),
            AzureIdentity::ClientSecret { tenant, .. } => Some(tenant),
        }
    }
}

impl IdentityIssuer for AcrTokens {
    type Key = AcrTokenKey;

    fn key_bytes(AcrTokenKey(registry): &AcrTokenKey) -> usize {
        registry.host_name().len()
    }

    fn fetch(&self, key: &AcrTokenKey) -> BoxFuture<'static, Result<Identity, CredentialError>> {
        Box::pin(self.clone().fetch_token(key.clone()))
    }
}

impl IdentityFetcher for AcrTokens {
    /// No token for another host than those of Azure: see [`AcrHost`].
    fn key(&self, scope: RepositoryScope<'_>) -> Result<AcrTokenKey, CredentialError> {
        let Some(AcrHost::Registry(registry)) = AcrHost::of(scope.host()) else {
            return Err(CredentialError::Unusable(Text::of(format_args!(
                "credentials.acr: found the host {}, expected one of Azure Container Registry (NAME.azurecr.io, NAME.azurecr.us, \
                 NAME.azurecr.cn); no token of Azure is sent to another host",
                scope.host().canonical()
            ))));
        };
        if !matches!(self.identity, AzureIdentity::Managed { .. }) {
            authority(self.azure.settings(), registry.cloud()).map_err(CredentialError::Unusable)?;
        }
        Ok(AcrTokenKey(registry))
    }
}

#[derive(Deserialize)]
struct Exchanged {
    refresh_token: Option<String>,
}

/// The refresh token in an answer, until its end. The parser's message is omitted, as it may contain the token.
fn read(answer: &Answer, life: impl Fn(&str) -> Result<Duration, &'static str>) -> Result<Identity, Text> {
    let exchanged: Exchanged =
        json::from_slice(&answer.body, &limits::JSON).map_err(|_| Text::of("it is not the expected JSON object"))?;
    let token = exchanged.refresh_token.filter(|token| !token.is_empty());
    let token = token.ok_or("found no refresh_token, expected one")?;
    if token.len() > limits::TOKEN_BYTES {
        return Err(Text::of("refresh_token has more than 16 KiB"));
    }
    let life = life(&token).map_err(|problem| Text::of(format_args!("refresh_token {problem}")))?;
    Identity::new(AuthMethod::IdentityToken(Secret::new(token)), Some(Instant::now() + life)).map_err(Text::of)
}

#[derive(Deserialize)]
struct RefusedBody {
    errors: Option<Vec<RefusedError>>,
}

#[derive(Deserialize)]
struct RefusedError {
    code: Option<String>,
    message: Option<String>,
}

/// The refusal of the registry.
fn refused(answer: &Answer) -> Refused {
    let claims = demanded_claims(answer);
    let refusal = Refusal::of_registry(answer.status, claims.is_some());
    let body = json::from_slice::<RefusedBody>(&answer.body, &limits::JSON).ok();
    let first = body.and_then(|body| body.errors).and_then(|errors| errors.into_iter().next());
    match first {
        Some(RefusedError { code: Some(code), message }) => {
            Refused { code: Text::at_most(64, code), message, refusal, claims }
        }
        Some(RefusedError { code: None, .. }) | None => Refused { claims, ..Refused::without_code(refusal) },
    }
}

/// The claims of a challenge with the error `insufficient_claims` ([claims
/// challenge](https://learn.microsoft.com/entra/identity-platform/claims-challenge)), a JSON object in base64.
pub(crate) fn demanded_claims(answer: &Answer) -> Option<Box<str>> {
    let challenge = AuthChallenge::of(&answer.headers)
        .filter_map(Result::ok)
        .find(|challenge| challenge.is("bearer") && challenge.parameter("error") == Ok(Some("insufficient_claims")))?;
    let encoded = challenge.parameter("claims").ok().flatten()?.trim_end_matches('=');
    let decoded = URL_SAFE_NO_PAD.decode(encoded).or_else(|_| STANDARD.decode(encoded)).ok()?;
    let text = String::from_utf8(decoded).ok().filter(|text| text.len() <= limits::CLAIMS_BYTES)?;
    let is_object = json::from_str::<serde_json::Map<String, serde_json::Value>>(&text, &limits::JSON).is_ok();
    is_object.then(|| text.into())
}
