//! The token services that hosts have named, so that a request about another repository of a host gets its token before it is sent,
//! without a 401.
//!
//! What is remembered is what a host said, and nothing that was decided about it: whether the token service may receive the credential is
//! decided again for each repository and identity, by `RepositoryAccess::token_request`. It is used only for repositories under the same
//! entry of the settings and with the same credential, whatever its present secret is, and for an hour.

use std::net::SocketAddr;
use std::sync::Arc;

use countersign_core::name::Repository;
use countersign_credentials::CredentialScope;
use countersign_http::LruTtlCache;
use tokio::time::Instant;

use crate::challenge::Bearer;
use crate::limits;

/// For which repositories a realm is predicted.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct RealmKey {
    /// Host and port of the registry.
    pub(crate) authority: String,
    /// The position of the entry of the repository.
    pub(crate) entry: Option<usize>,
    /// Stable when the secret of the credential changes.
    pub(crate) credential: CredentialScope,
    /// Whether no credential is sent. An anonymous request may go to more token services than one with a credential.
    pub(crate) is_anonymous: bool,
}

/// What a host says to a request without a token.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Realm {
    realm: String,
    service: Option<String>,
    scope: ScopeShape,
    /// The address of the host that named it; `None` through a proxy.
    pub(crate) peer: Option<SocketAddr>,
}

/// How the scope of a challenge depends on the repository.
#[derive(Debug, PartialEq, Eq)]
enum ScopeShape {
    /// `repository:<path>:pull`
    Own,
    /// The same text for every repository.
    Fixed(String),
}

impl ScopeShape {
    /// `None` if the scope for another repository cannot be told from this one.
    fn of(scope: &str, path: &str) -> Option<Self> {
        if scope == own_scope(path) {
            return Some(Self::Own);
        }
        let mut parts = scope.split_ascii_whitespace().peekable();
        parts.peek()?;
        parts.all(|part| names_no_repository(part, path)).then(|| Self::Fixed(scope.to_owned()))
    }
}

fn own_scope(path: &str) -> String {
    format!("repository:{path}:pull")
}

fn names_no_repository(part: &str, path: &str) -> bool {
    let kind = part.get(.."repository".len());
    let is_of_repository = kind.is_some_and(|kind| kind.eq_ignore_ascii_case("repository"));
    !is_of_repository
        && !part.contains(['/', '%'])
        && !part.split(':').any(|piece| path.split('/').any(|of| of == piece))
}

/// Whether `text`, which is not for the scope, names the repository, so that for another one it would be another text.
fn names_repository(text: &str, path: &str) -> bool {
    let is_of_name = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    let text = text.replace("%2F", "/").replace("%2f", "/");
    text.match_indices(path).any(|(start, found)| {
        let before = text.as_bytes().get(..start).and_then(<[u8]>::last);
        let after = text.as_bytes().get(start + found.len());
        !before.is_some_and(is_of_name) && !after.is_some_and(is_of_name)
    })
}

/// The part of a realm after its host.
fn after_host(realm: &str) -> &str {
    let rest = realm.split_once("://").map_or(realm, |(_, rest)| rest);
    rest.find(['/', '?']).and_then(|at| rest.get(at..)).unwrap_or_default()
}

impl Realm {
    /// `None` if the challenge about `repository` predicts nothing about others.
    fn of(bearer: &Bearer, peer: Option<SocketAddr>, repository: &Repository) -> Option<Self> {
        let path = repository.path();
        let scope = ScopeShape::of(bearer.scope.as_deref()?, path)?;
        let service = bearer.service.as_deref().unwrap_or_default();
        if names_repository(after_host(&bearer.realm), path)
            || (service.contains('/') && names_repository(service, path))
        {
            return None;
        }
        Some(Self { realm: bearer.realm.clone(), service: bearer.service.clone(), scope, peer })
    }

    /// The challenge that is expected about `repository`.
    pub(crate) fn challenge(&self, repository: &Repository) -> Bearer {
        let scope = match &self.scope {
            ScopeShape::Own => own_scope(repository.path()),
            ScopeShape::Fixed(text) => text.clone(),
        };
        Bearer { realm: self.realm.clone(), service: self.service.clone(), scope: Some(scope) }
    }

    /// Whether the same is predicted. The address of a host may change with every connection.
    fn predicts_as(&self, other: &Self) -> bool {
        let Self { realm, service, scope, peer: _ } = self;
        (realm, service, scope) == (&other.realm, &other.service, &other.scope)
    }

    fn bytes(&self) -> usize {
        let fixed = match &self.scope {
            ScopeShape::Own => 0,
            ScopeShape::Fixed(text) => text.len(),
        };
        size_of::<Self>() + self.realm.len() + self.service.as_ref().map_or(0, String::len) + fixed
    }
}

#[derive(Clone, Debug)]
enum Known {
    Realm(Arc<Realm>),
    /// Challenges of the host differ, so that nothing is predicted.
    Varies,
}

/// Realms by host, entry and credential.
pub(crate) struct RealmMemory(LruTtlCache<RealmKey, Known>);

impl RealmMemory {
    pub(crate) fn new() -> Self {
        Self(LruTtlCache::new(limits::REALMS_BYTES))
    }

    /// Limits the memory to `most_bytes`.
    pub(crate) fn limit_to(&self, most_bytes: usize) {
        self.0.limit_to(most_bytes);
    }

    /// The realm that is expected.
    pub(crate) fn get(&self, key: &RealmKey) -> Option<Arc<Realm>> {
        match self.0.get(key, Instant::now().into_std())? {
            Known::Realm(realm) => Some(realm),
            Known::Varies => None,
        }
    }

    /// Learns from a challenge about `repository` whose realm was accepted. `refused` is the realm that was predicted for the same
    /// request in vain.
    pub(crate) fn learn(
        &self,
        key: RealmKey,
        (bearer, peer): (&Bearer, Option<SocketAddr>),
        repository: &Repository,
        refused: Option<&Arc<Realm>>,
    ) {
        let now = Instant::now();
        let former = self.0.get(&key, now.into_std()).or_else(|| Some(Known::Realm(Arc::clone(refused?))));
        let known = match (Realm::of(bearer, peer, repository), former) {
            (Some(realm), None) => Known::Realm(Arc::new(realm)),
            (Some(realm), Some(Known::Realm(former))) if former.predicts_as(&realm) => Known::Realm(Arc::new(realm)),
            (Some(_), Some(Known::Realm(_))) | (None, _) => Known::Varies,
            (Some(_), Some(Known::Varies)) => return,
        };
        let of_known = match &known {
            Known::Realm(realm) => realm.bytes(),
            Known::Varies => 0,
        };
        let [_, entry, name] = key.credential.parts();
        let of_key = key.authority.len() + entry.len() + name.len();
        let bytes = of_key + of_known + LruTtlCache::<RealmKey, Known>::ENTRY_OVERHEAD;
        self.0.put(key, known, bytes, Some((now + limits::REALM_LIFETIME).into_std()));
    }

    /// Forgets `realm`, unless another one was learned meanwhile.
    pub(crate) fn forget(&self, key: &RealmKey, realm: &Arc<Realm>) {
        self.0.remove_if(key, |known| matches!(known, Known::Realm(known) if Arc::ptr_eq(known, realm)));
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn key() -> RealmKey {
        RealmKey {
            authority: "r.example".to_owned(),
            entry: Some(0),
            credential: CredentialScope::anonymous(),
            is_anonymous: true,
        }
    }

    fn bearer(realm: &str, scope: Option<&str>) -> Bearer {
        Bearer { realm: realm.to_owned(), service: Some("s".to_owned()), scope: scope.map(str::to_owned) }
    }

    /// The scope that is predicted for `team/b` after a challenge about `team/a`.
    fn predicted(scope: Option<&str>) -> Option<String> {
        let memory = RealmMemory::new();
        memory.learn(key(), (&bearer("https://t/", scope), None), &"r.example/team/a".parse().unwrap(), None);
        memory.get(&key())?.challenge(&"r.example/team/b".parse().unwrap()).scope
    }

    #[tokio::test]
    async fn only_the_own_repository_or_none_in_a_scope_predicts_another_one() {
        assert_eq!(predicted(Some("repository:team/a:pull")).as_deref(), Some("repository:team/b:pull"));
        for fixed in ["aws", "registry:catalog:*", "aws read"] {
            assert_eq!(predicted(Some(fixed)).as_deref(), Some(fixed));
        }
        for other in [
            "",
            " ",
            "repository:team/a:pull,push",
            "repository:team/a:*",
            "repository:team/a:pull ",
            "repository:team/a:pull repository:team/c:pull",
            "repository:team/A:pull",
            "Repository:team/a:pull",
            "repository(plugin):team/a:pull",
            "repository:*:pull",
            "repository",
            "aws repository:team/a:pull",
            "team/a",
            "team/a:pull",
            "team%2Fa:pull",
            "a:pull",
            "project:team:read",
        ] {
            assert_eq!(predicted(Some(other)), None, "{other:?}");
        }
        assert_eq!(predicted(None), None);
        // The name of the repository under another kind.
        assert_eq!(ScopeShape::of("app:pull", "app"), None);
    }

    #[tokio::test]
    async fn a_realm_or_service_that_names_the_repository_predicts_nothing() {
        let predicts = |realm: &str, service: &str, path: &str| {
            let bearer = Bearer {
                realm: realm.to_owned(),
                service: Some(service.to_owned()),
                scope: Some(format!("repository:{path}:pull")),
            };
            Realm::of(&bearer, None, &format!("r.example/{path}").parse().unwrap()).is_some()
        };
        for realm in [
            "https://t/team/a/token",
            "https://t/token?for=team/a",
            "https://t?for=team/a",
            "https://t/token?for=team%2Fa&x",
            "https://t/token?for=team%2fa",
        ] {
            assert!(!predicts(realm, "s", "team/a"), "{realm}");
        }
        assert!(!predicts("https://t/token", "r.example/team/a", "team/a"));
        assert!(!predicts("https://t/v2/app/token", "s", "app"));
        for realm in ["https://t/token?for=team/ab", "https://t/token?for=my-team/a", "https://team/a-token"] {
            assert!(predicts(realm, "r.example", "team/a"), "{realm}");
        }
        // The host of a realm and a service without a path are names of servers.
        assert!(predicts("https://app.example/token", "app", "app"));
    }

    #[tokio::test]
    async fn a_host_with_several_realms_or_scopes_predicts_nothing() {
        let own = "repository:team/a:pull";
        for other in [bearer("https://u/", Some(own)), bearer("https://t/", Some("aws")), bearer("https://t/", None)] {
            let memory = RealmMemory::new();
            let repository = "r.example/team/a".parse().unwrap();
            for seen in [&bearer("https://t/", Some(own)), &other, &bearer("https://t/", Some(own))] {
                memory.learn(key(), (seen, None), &repository, None);
            }
            assert_eq!(memory.get(&key()), None, "{other:?}");
        }
    }

    #[tokio::test]
    async fn another_realm_than_the_one_predicted_in_vain_predicts_nothing() {
        let memory = RealmMemory::new();
        let repository = "r.example/team/a".parse().unwrap();
        memory.learn(key(), (&bearer("https://t/", Some("aws")), None), &repository, None);
        let realm = memory.get(&key()).unwrap();
        memory.forget(&key(), &realm);
        assert_eq!(memory.get(&key()), None);
        memory.learn(key(), (&bearer("https://t/", Some("aws")), None), &repository, Some(&realm));
        assert_eq!(memory.get(&key()), Some(Arc::clone(&realm)));
        memory.forget(&key(), &memory.get(&key()).unwrap());
        memory.learn(key(), (&bearer("https://u/", Some("aws")), None), &repository, Some(&realm));
        assert_eq!(memory.get(&key()), None);
    }

    #[tokio::test]
    async fn an_address_alone_is_replaced() {
        let memory = RealmMemory::new();
        let repository = "r.example/team/a".parse().unwrap();
        for peer in ["10.0.0.1:443", "10.0.0.2:443"] {
            let peer = Some(peer.parse().unwrap());
            memory.learn(key(), (&bearer("https://t/", Some("aws")), peer), &repository, None);
            assert_eq!(memory.get(&key()).unwrap().peer, peer);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_realm_is_expected_for_an_hour() {
        let memory = RealmMemory::new();
        memory.learn(key(), (&bearer("https://t/", Some("aws")), None), &"r.example/a".parse().unwrap(), None);
        tokio::time::advance(limits::REALM_LIFETIME - std::time::Duration::from_secs(1)).await;
        assert!(memory.get(&key()).is_some());
        tokio::time::advance(std::time::Duration::from_secs(1)).await;
        assert_eq!(memory.get(&key()), None);
    }

    #[tokio::test]
    async fn the_number_of_realms_is_limited() {
        let memory = RealmMemory::new();
        for host in 0..2000 {
            let key = RealmKey { authority: format!("r{host}.example"), ..key() };
            memory.learn(key, (&bearer("https://t/", Some("aws")), None), &"r.example/a".parse().unwrap(), None);
        }
        let (count, bytes) = memory.0.size();
        assert!((100..=1000).contains(&count), "{count}");
        assert!(bytes <= limits::REALMS_BYTES);
    }
}
