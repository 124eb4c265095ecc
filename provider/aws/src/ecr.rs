//! Tokens for Amazon ECR
//! ([GetAuthorizationToken](https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_GetAuthorizationToken.html)).

use std::fmt;
use std::time::SystemTime;

use aws_config::SdkConfig;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use countersign_core::codec::text::Text;
use countersign_core::name::AwsRegion;
use countersign_core::name::EcrHost;
use countersign_core::name::RegionError;
use countersign_credentials::AuthMethod;
use countersign_credentials::BoxFuture;
use countersign_credentials::CredentialError;
use countersign_credentials::Identity;
use countersign_credentials::IdentityFetcher;
use countersign_credentials::IdentityIssuer;
use countersign_credentials::RepositoryScope;
use countersign_credentials::Secret;
use tokio::time::Instant;

use crate::caught::caught;
use crate::clients::Aws;
use crate::ecr_api;
use crate::ecr_api::EcrService;
use crate::ecr_api::Issued;
use crate::error::AwsError;
use crate::error::Configured;
use crate::error::Kind;
use crate::error::Operation;
use crate::naming::naming_request;
use crate::observer::observed;
use crate::settings::EcrApi;
use crate::settings::EcrRole;
use crate::settings::NamedEndpoint;

/// Fetches tokens: with the credentials of the pod or of a role, from the API of the registry's region or from another.
#[derive(Clone, Debug)]
pub struct EcrTokens {
    aws: Aws,
    role: Option<EcrRole>,
    api: Option<EcrApi>,
}

/// What one token is valid for: all registries of a region, as far as the role has permissions; or Amazon ECR Public.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum EcrTokenKey {
    /// The private registries of a region.
    Region(AwsRegion),
    /// Amazon ECR Public.
    Public,
}

/// The region of the API of Amazon ECR Public
/// ([registry authentication](https://docs.aws.amazon.com/AmazonECR/latest/public/public-registry-auth.html)).
const PUBLIC_REGION: &str = "us-east-1";

impl EcrTokens {
    /// Tokens with these settings.
    #[must_use]
    pub fn new(aws: Aws, role: Option<EcrRole>, api: Option<EcrApi>) -> Self {
        Self { aws, role, api }
    }

    async fn fetch_token(self, key: EcrTokenKey) -> Result<Identity, CredentialError> {
        let registry = key.region().map_err(unusable)?;
        let region = self.api.as_ref().and_then(|api| api.region.clone()).unwrap_or(registry);
        let usable = async {
            let issued = self.issue(&key, &region).await?;
            identity(key.operation(), issued, self.aws.now())
        };
        let identity = naming_request(key.operation(), usable).await.map_err(|error| {
            let error = error.under(key.operation(), || self.configured(&key));
            let failed = CredentialError::of_call(error.result(), error.missing(), &error);
            failed.with_permission(error.missing_permission()).with_subject(error.local_subject())
        })?;
        Ok(match &self.role {
            Some(role) => identity.with_origin(format_args!("credentials.ecr, for the role {}", role.arn)),
            None => identity.with_origin("credentials.ecr, for the role of the pod"),
        })
    }

    async fn issue(&self, key: &EcrTokenKey, region: &AwsRegion) -> Result<Issued, AwsError> {
        // Of an API of the operator; the partition of the registry is that of the key.
        self.aws.check_partition(key.operation(), region)?;
        if let Some(role) = self.role.as_ref().filter(|role| role.arn.partition() != region.partition()) {
            return Err(AwsError::new(key.operation(), Kind::other_partition(role.arn.partition(), region)));
        }
        self.aws.load_credentials().await?;
        let credentials = self.aws.credentials(self.role.as_ref(), region).await;
        // Fetched here, so that a failure of the role is not one of the registry.
        let used = credentials.get().await?;
        let config = self.aws.config(region, &credentials);
        match self.send(key, region, &config).await {
            Err(error) if credentials.refused(&used, &error) => {
                credentials.get().await?;
                self.send(key, region, &config).await
            }
            result => result,
        }
    }

    async fn send(&self, key: &EcrTokenKey, region: &AwsRegion, config: &SdkConfig) -> Result<Issued, AwsError> {
        let service = match key {
            EcrTokenKey::Region(_) => EcrService::Private,
            EcrTokenKey::Public => EcrService::Public,
        };
        // The endpoint of the settings, otherwise that of the environment.
        let of_environment = self.of_environment(key).map(|named| &named.endpoint);
        let endpoint = self.api.as_ref().map(|api| &api.endpoint).or(of_environment);
        let call = ecr_api::issue(service, config, region, endpoint);
        observed(self.aws.observer(), key.operation(), caught(key.operation(), call).await)
    }

    fn configured(&self, key: &EcrTokenKey) -> Configured {
        let of_environment = self.of_environment(key).map(NamedEndpoint::setting);
        let endpoint = self.api.as_ref().map(|_| Text::of("credentials.ecr.endpoint")).or(of_environment);
        Configured { endpoint, role: self.role.as_ref().map(|role| Text::of(&role.arn)) }
    }

    fn of_environment(&self, key: &EcrTokenKey) -> Option<&NamedEndpoint> {
        let endpoints = &self.aws.settings().endpoints;
        match key {
            EcrTokenKey::Region(_) => endpoints.ecr.as_ref(),
            EcrTokenKey::Public => endpoints.ecr_public.as_ref(),
        }
    }
}

impl IdentityIssuer for EcrTokens {
    type Key = EcrTokenKey;

    fn key_bytes(key: &EcrTokenKey) -> usize {
        match key {
            EcrTokenKey::Region(region) => region.as_str().len(),
            EcrTokenKey::Public => 0,
        }
    }

    fn fetch(&self, key: &EcrTokenKey) -> BoxFuture<'static, Result<Identity, CredentialError>> {
        Box::pin(self.clone().fetch_token(key.clone()))
    }
}

impl IdentityFetcher for EcrTokens {
    /// No token for another host than those of Amazon: see [`EcrHost`].
    fn key(&self, scope: RepositoryScope<'_>) -> Result<EcrTokenKey, CredentialError> {
        let key = match EcrHost::of(scope.host()) {
            Some(EcrHost::Private(registry)) => EcrTokenKey::Region(registry.region().clone()),
            Some(EcrHost::Public) => EcrTokenKey::Public,
            None => {
                return Err(unusable(format_args!(
                    "credentials.ecr: found the host {}, expected one of Amazon ECR (ACCOUNT.dkr.ecr.REGION.amazonaws.com, \
                     public.ecr.aws); no token of AWS is sent to another host",
                    scope.host().canonical()
                )));
            }
        };
        let region = key.region().map_err(unusable)?;
        self.aws.check_partition(key.operation(), &region).map_err(unusable)?;
        Ok(key)
    }
}

impl EcrTokenKey {
    /// The region of the API that issues such a token.
    fn region(&self) -> Result<AwsRegion, RegionError> {
        match self {
            Self::Region(region) => Ok(region.clone()),
            Self::Public => PUBLIC_REGION.parse(),
        }
    }

    /// The call that issues such a token.
    fn operation(&self) -> Operation {
        match self {
            Self::Region(_) => Operation::EcrToken,
            Self::Public => Operation::EcrPublicToken,
        }
    }
}

impl fmt::Display for EcrTokenKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Region(region) => write!(f, "ecr {region}"),
            Self::Public => f.write_str("ecr public"),
        }
    }
}

/// The identity in a token, base64 of `AWS:` and a password, until it ends.
#[allow(clippy::disallowed_methods, reason = "the user name and the password are in the token")]
fn identity(operation: Operation, issued: Issued, now: SystemTime) -> Result<Identity, AwsError> {
    let unusable = |text: &str| AwsError::new(operation, Kind::Answer(Text::of(text)));
    let token = issued.token.ok_or_else(|| unusable("found no authorizationToken, expected one"))?;
    let expires = issued.expires.ok_or_else(|| unusable("found no expiresAt, expected one"))?;
    let decoded =
        STANDARD.decode(token.expose().trim_ascii()).map_err(|_| unusable("authorizationToken is not base64"))?;
    let text = String::from_utf8(decoded).map_err(|_| unusable("authorizationToken is not text"))?;
    let (user, password) =
        text.split_once(':').ok_or_else(|| unusable("authorizationToken has no colon, expected USER:PASSWORD"))?;
    let end = SystemTime::try_from(expires).map_err(|_| unusable("expiresAt is not a time"))?;
    let life = end.duration_since(now).unwrap_or_default();
    if life.is_zero() {
        return Err(unusable("found a token that has ended already, expected a valid one"));
    }
    let method = AuthMethod::Basic { user: user.to_owned(), password: Secret::new(password) };
    Identity::new(method, Some(Instant::now() + life)).map_err(|error| unusable(&error.to_string()))
}

fn unusable(why: impl fmt::Display) -> CredentialError {
    CredentialError::Unusable(Text::of(why))
}
