//! Token requests.

use countersign_credentials::CredentialRevision;
use countersign_credentials::Identity;
use countersign_http::Share;
use url::Url;

use crate::routes::HostRoute;

/// A request for a token. The realm was checked on creation.
#[derive(Clone, Debug)]
pub(crate) struct TokenRequest {
    /// The registry, the only server that the token is sent to.
    pub(crate) registry: String,
    /// The share on whose behalf the token is requested.
    pub(crate) share: Share,
    pub(crate) realm: Url,
    pub(crate) route: HostRoute,
    /// The position of the entry of the repository, which may differ from that of the route.
    pub(crate) entry: Option<usize>,
    pub(crate) service: Option<String>,
    pub(crate) scope: String,
    pub(crate) identity: Identity,
}

/// The key of a token. It includes the revision of the credential, so that a token is not used after its credential
/// has changed: an operator may change it to revoke access, and a token may be valid for a day.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct TokenKey {
    registry: String,
    /// The entry of the settings: no repository uses a token that was requested under another one.
    entry: Option<usize>,
    realm: String,
    service: Option<String>,
    scope: String,
    credential: CredentialRevision,
}

impl TokenKey {
    /// The memory of the texts, in bytes.
    pub(crate) fn bytes(&self) -> usize {
        let Self { registry, entry: _, realm, service, scope, credential } = self;
        let service = service.as_ref().map_or(0, String::len);
        registry.len() + realm.len() + service + scope.len() + credential.bytes()
    }
}

impl TokenRequest {
    /// The memory of the value, in bytes.
    pub(crate) fn bytes(&self) -> usize {
        size_of::<Self>() + self.key().bytes() + self.identity.bytes()
    }

    pub(crate) fn key(&self) -> TokenKey {
        TokenKey {
            registry: self.registry.clone(),
            entry: self.entry,
            realm: self.realm.to_string(),
            service: self.service.clone(),
            scope: self.scope.clone(),
            credential: self.identity.revision().clone(),
        }
    }
}
