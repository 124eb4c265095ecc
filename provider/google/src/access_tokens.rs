//! Access tokens as passwords of Artifact Registry
//! ([authentication](https://cloud.google.com/artifact-registry/docs/docker/authentication#token)). The registry client exchanges
//! them for tokens of single repositories, at the token service of the registry.

use std::fmt;

use countersign_cloud::AccessToken;
use countersign_core::codec::text::Text;
use countersign_core::name::GoogleRegistryHost;
use countersign_credentials::AuthMethod;
use countersign_credentials::BoxFuture;
use countersign_credentials::CredentialError;
use countersign_credentials::Identity;
use countersign_credentials::IdentityFetcher;
use countersign_credentials::IdentityIssuer;
use countersign_credentials::RepositoryScope;
use tokio::time::Instant;

use crate::clients::Google;
use crate::error::GoogleError;
use crate::error::Kind;
use crate::error::Operation;

/// Fetches access tokens of the service account of the pod.
#[derive(Clone, Debug)]
pub struct GoogleTokens {
    google: Google,
}

/// What one access token is valid for: all registries of Google, as far as the account has roles on their repositories.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct GoogleTokenKey;

impl fmt::Display for GoogleTokenKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("google")
    }
}

/// The user of an access token.
const USER: &str = "oauth2accesstoken";

impl GoogleTokens {
    /// Tokens of this client.
    #[must_use]
    pub fn new(google: Google) -> Self {
        Self { google }
    }

    async fn fetch_token(self) -> Result<Identity, CredentialError> {
        let AccessToken { token, life } = self.google.access_token().await?;
        let method = AuthMethod::Basic { user: USER.to_owned(), password: token };
        let identity = Identity::new(method, Some(Instant::now() + life)).map_err(|problem| {
            let server = self.google.settings().metadata_server.to_string();
            GoogleError::new(Operation::MetadataToken, &server, Kind::Answer(Text::of(problem)))
        })?;
        Ok(identity.with_origin("credentials.google, for the service account of the pod"))
    }
}

impl IdentityIssuer for GoogleTokens {
    type Key = GoogleTokenKey;

    fn key_bytes(GoogleTokenKey: &GoogleTokenKey) -> usize {
        0
    }

    fn fetch(&self, _: &GoogleTokenKey) -> BoxFuture<'static, Result<Identity, CredentialError>> {
        Box::pin(self.clone().fetch_token())
    }
}

impl IdentityFetcher for GoogleTokens {
    /// No token for another host than those of Google: see [`GoogleRegistryHost`].
    fn key(&self, scope: RepositoryScope<'_>) -> Result<GoogleTokenKey, CredentialError> {
        if GoogleRegistryHost::of(scope.host()).is_some() {
            return Ok(GoogleTokenKey);
        }
        Err(CredentialError::Unusable(Text::of(format_args!(
            "credentials.google: found the host {}, expected one of Artifact Registry (LOCATION-docker.pkg.dev, gcr.io, us.gcr.io, \
             eu.gcr.io, asia.gcr.io); no token of Google Cloud is sent to another host",
            scope.host().canonical()
        ))))
    }
}
