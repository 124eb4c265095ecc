//! What a token is for, and where to get it.

use countersign_credentials::CredentialRevision;
use countersign_credentials::Identity;
use countersign_http::Share;
use url::Url;

use crate::routes::HostRoute;

/// What a token is for, and where to get it. The realm was checked when this was made.
#[derive(Clone, Debug)]
pub(crate) struct TokenRequest {
    /// The registry, the only server that the token is sent to.
    pub(crate) registry: String,
    /// The share on whose behalf the token is requested.
    pub(crate) share: Share,
    pub(crate) realm: Url,
    pub(crate) route: HostRoute,
    pub(crate) service: Option<String>,
    pub(crate) scope: String,
    pub(crate) identity: Identity,
}

/// The key of a token. It includes the revision of the credential, so that a token is not used after its credential has
/// changed: an operator may have changed it to end the access that it gave, and a token may be valid for a day.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct TokenKey {
    registry: String,
    realm: String,
    service: Option<String>,
    scope: String,
    credential: CredentialRevision,
}

impl TokenKey {
    /// What its texts occupy, in bytes.
    pub(crate) fn bytes(&self) -> usize {
        let Self { registry, realm, service, scope, credential } = self;
        let service = service.as_ref().map_or(0, String::len);
        registry.len() + realm.len() + service + scope.len() + credential.bytes()
    }
}

impl TokenRequest {
    /// What it occupies, in bytes.
    pub(crate) fn bytes(&self) -> usize {
        size_of::<Self>() + self.key().bytes() + self.identity.bytes()
    }

    pub(crate) fn key(&self) -> TokenKey {
        TokenKey {
            registry: self.registry.clone(),
            realm: self.realm.to_string(),
            service: self.service.clone(),
            scope: self.scope.clone(),
            credential: self.identity.revision().clone(),
        }
    }
}
