//! Access to a repository: the destination of its requests, their credential, and the token services that may receive
//! it.

use std::net::SocketAddr;
use std::sync::Arc;

use countersign_core::name::EcrHost;
use countersign_core::name::Host;
use countersign_core::name::Repository;
use countersign_credentials::CredentialError;
use countersign_credentials::Identity;
use countersign_credentials::IdentitySource;
use countersign_credentials::RepositoryScope;
use countersign_http::FetchError;
use countersign_http::Scheme;
use countersign_http::Share;
use countersign_http::authority;
use countersign_http::has_one_reading;
use countersign_http::leads_to;
use countersign_http::limits::URL_BYTES;
use countersign_http::with_plain_host;
use tokio::time::Instant;
use url::Url;

use crate::challenge::Bearer;
use crate::entries::check_port;
use crate::entries::divides;
use crate::entries::entry_for;
use crate::entries::share;
use crate::error::Cause;
use crate::error::CredentialKind;
use crate::error::CredentialOrigin;
use crate::error::RealmRefusal;
use crate::fallback_tag::FallbackTag;
use crate::routes::HostRoute;
use crate::routes::Routes;
use crate::settings::Unlisted;
use crate::token_request::TokenRequest;

/// How requests about a repository are sent under the settings.
#[derive(Clone, Debug)]
pub(crate) struct RepositoryAccess {
    pub(crate) repository: Repository,
    base: Url,
    pub(crate) route: HostRoute,
    pub(crate) identity: Identity,
    pub(crate) origin: CredentialOrigin,
    /// The source of `identity`; `None` without an entry.
    source: Option<Arc<dyn IdentitySource>>,
    pub(crate) share: Share,
    scheme: Scheme,
    realm_hosts: Vec<Host>,
    /// The paths of requests about the repository, if the host has an entry for some of its repositories only.
    within: Option<String>,
    pub(crate) fallback_tag: FallbackTag,
}

impl RepositoryAccess {
    /// Selects the route and the identity for `repository`.
    ///
    /// # Errors
    /// The settings refuse the host, there is no identity by `deadline`, or its name cannot be part of a URL.
    pub(crate) async fn of(
        routes: &Routes,
        unlisted: Unlisted,
        repository: &Repository,
        deadline: Instant,
    ) -> Result<Self, Cause> {
        let unusable = || {
            Cause::Fetch(FetchError::Unreachable {
                host: repository.host().to_string(),
                detail: "its name cannot be the host of a URL".to_owned(),
            })
        };
        let host = repository.host();
        check_port(routes.entries(), host)?;
        let entry = entry_for(routes.entries(), repository);
        if entry.is_none() && unlisted == Unlisted::Refuse {
            return Err(Cause::HostRefused { host: host.to_string() });
        }
        let scheme = entry.map_or(Scheme::Https, |(_, entry)| entry.scheme);
        let base = Url::parse(&format!("{}://{}/", scheme.as_str(), host.authority())).map_err(|_| unusable())?;
        let route = routes.to_registry(repository, &base);
        let source = entry.map(|(_, entry)| Arc::clone(&entry.identities));
        let identity = match &source {
            Some(source) => {
                let identity = source.identity(RepositoryScope::new(repository), deadline).await;
                identity.map_err(|error| Cause::of_credential(host.to_string(), error))?
            }
            None => Identity::anonymous(),
        };
        let origin = CredentialOrigin::of(entry.map(|(_, entry)| &entry.rule), &identity);
        let mut realm_hosts = entry.map(|(_, entry)| entry.realm_hosts.clone()).unwrap_or_default();
        if host.is_docker_hub() {
            realm_hosts.extend("auth.docker.io".parse());
        }
        let share = share(routes.entries(), repository);
        let fallback_tag = entry.map_or(FallbackTag::WhenNeeded, |(_, entry)| entry.fallback_tag);
        let within = divides(routes.entries(), host).then(|| format!("/v2/{}/", repository.path()));
        let repository = repository.clone();
        Ok(Self { repository, base, route, identity, origin, source, share, scheme, realm_hosts, within, fallback_tag })
    }

    /// `/v2/<repository>/<kind>/<what>` on the registry. Names and digests have no character that a path must escape.
    pub(crate) fn url(&self, kind: &str, what: &str) -> Url {
        let mut url = self.base.clone();
        url.set_path(&format!("/v2/{}/{kind}/{what}", self.repository.path()));
        url
    }

    /// The beginning of the paths on the registry that may get the credential; `None` for all of them. With an entry for some
    /// repositories of the host, the credential of one repository is not sent with requests about another one.
    pub(crate) fn within(&self) -> Option<&str> {
        self.within.as_deref()
    }

    pub(crate) fn authority(&self) -> String {
        authority(&self.base)
    }

    pub(crate) fn base(&self) -> &Url {
        &self.base
    }

    pub(crate) fn credential_kind(&self) -> CredentialKind {
        CredentialKind::of(&self.identity)
    }

    /// Whether the registry is a private one of Amazon ECR, which requires
    /// [Basic authentication](https://docs.aws.amazon.com/AmazonECR/latest/userguide/registry_auth.html#registry_auth_http) for
    /// every request.
    pub(crate) fn is_private_ecr(&self) -> bool {
        matches!(EcrHost::of(self.repository.host()), Some(EcrHost::Private(_)))
    }

    /// The same access with another identity, after the registry or its token service refused this one; `None` if there is no
    /// other one.
    ///
    /// # Errors
    /// Another one is not available by `deadline`.
    pub(crate) async fn with_replaced_identity(&self, deadline: Instant) -> Result<Option<Self>, CredentialError> {
        let Some(source) = &self.source else { return Ok(None) };
        let other = source.replacement(RepositoryScope::new(&self.repository), &self.identity, deadline).await?;
        Ok(other.map(|identity| {
            let origin = CredentialOrigin::of(self.origin.entry.as_ref(), &identity);
            Self { identity, origin, ..self.clone() }
        }))
    }

    /// The token request for a challenge from the address `peer`.
    ///
    /// The registry chooses the realm. It must therefore be https, unless the registry itself uses plain HTTP. The
    /// credential is sent there only if it has the host and port of the registry, or those of a configured host. A
    /// token service that the settings do not name must not have a loopback, link-local or private address, unless
    /// the registry has one too and the settings name the registry. A credential is never replaced by an anonymous
    /// token.
    ///
    /// # Errors
    /// The realm is refused.
    pub(crate) fn token_request(
        &self,
        routes: &Routes,
        bearer: Bearer,
        peer: Option<SocketAddr>,
    ) -> Result<TokenRequest, RealmRefusal> {
        let realm = self.realm(&bearer.realm)?;
        let own =
            realm.host() == self.base.host() && realm.port_or_known_default() == self.base.port_or_known_default();
        let named = self.realm_hosts.iter().any(|host| leads_to(&realm, host));
        if !self.identity.is_anonymous() && !own && !named {
            return Err(RealmRefusal::Host { host: authority(&realm) });
        }
        let route = routes.to_realm((&self.base, self.route), &realm, own, named, peer);
        Ok(TokenRequest {
            registry: self.authority(),
            share: self.share.clone(),
            realm,
            route,
            entry: self.route.entry,
            service: bearer.service,
            scope: bearer.scope.unwrap_or_else(|| format!("repository:{}:pull", self.repository.path())),
            identity: self.identity.clone(),
        })
    }

    fn realm(&self, text: &str) -> Result<Url, RealmRefusal> {
        let mut realm = Url::parse(text).map_err(|_| RealmRefusal::Url)?;
        realm.set_fragment(None);
        let has_login = !realm.username().is_empty() || realm.password().is_some();
        if text.len() > URL_BYTES || has_login || !has_one_reading(text) {
            return Err(RealmRefusal::Url);
        }
        let realm = with_plain_host(realm).ok_or(RealmRefusal::Url)?;
        match (realm.scheme(), self.scheme) {
            ("https", _) | ("http", Scheme::Http) => Ok(realm),
            (found, Scheme::Http | Scheme::Https) => Err(RealmRefusal::Scheme { found: found.into() }),
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use countersign_credentials::Credential;
    use countersign_credentials::Secret;
    use countersign_http::AddressPolicy;
    use countersign_http::LimitObserver;
    use countersign_http::SharedLimits;
    use futures_util::FutureExt as _;

    use super::*;
    use crate::Observer;
    use crate::RegistryEntry;
    use crate::RegistrySettings;
    use crate::Unobserved;
    use crate::limits;
    use crate::transport::Transport;

    fn routes(patterns: &[&str], realm_hosts: &[&str]) -> Routes {
        let entry = |text: &&str| RegistryEntry {
            realm_hosts: realm_hosts.iter().map(|host| host.parse().unwrap()).collect(),
            ..RegistryEntry::new(text.parse().unwrap(), Credential::Anonymous)
        };
        let settings =
            RegistrySettings { registries: patterns.iter().map(entry).collect(), ..RegistrySettings::default() };
        routes_of(&settings)
    }

    fn routes_of(settings: &RegistrySettings) -> Routes {
        let observer: Arc<dyn LimitObserver> = Arc::new(Unobserved);
        let limits = SharedLimits::new(settings.request_limits(), limits::BODIES, &crate::resources::NAMED, &observer);
        let observer: Arc<dyn Observer> = Arc::new(Unobserved);
        Transport::new(settings, &limits, &observer, None).unwrap().routes
    }

    /// Access to a repository whose identity is available immediately.
    fn access(routes: &Routes, unlisted: Unlisted, repository: &Repository) -> RepositoryAccess {
        RepositoryAccess::of(routes, unlisted, repository, Instant::now()).now_or_never().unwrap().unwrap()
    }

    /// The address policy of a realm in a response of `registry` from an address.
    fn policy(routes: &Routes, registry: &str, realm: &str, from: &str) -> AddressPolicy {
        let access = access(routes, Unlisted::Anonymous, &format!("{registry}/app").parse().unwrap());
        let bearer = Bearer { realm: format!("https://{realm}/token"), service: None, scope: None };
        let from = SocketAddr::new(from.parse().unwrap(), 443);
        access.token_request(routes, bearer, Some(from)).unwrap().route.route.addresses
    }

    #[test]
    fn the_origin_of_a_credential_names_the_entry_as_it_is_written() {
        let routes = routes(&["R.example:0443", "*.below.example"], &[]);
        let origin = |host: &str| {
            let repository = format!("{host}/app").parse().unwrap();
            access(&routes, Unlisted::Anonymous, &repository).origin.to_string()
        };
        assert_eq!(origin("r.example"), "registries[0] \"R.example:0443\" applies, with no credentials");
        assert_eq!(origin("a.below.example"), "registries[1] \"*.below.example\" applies, with no credentials");
        assert_eq!(origin("other.example"), "no entry of registries applies, and unlistedRegistries is anonymous");
    }

    #[test]
    fn token_services_of_an_unlisted_registry_must_have_public_addresses() {
        let routes = routes(&["listed.example", "*.below.example"], &["named.example"]);
        for from in ["93.184.216.34", "10.0.0.1", "fd00::1"] {
            for realm in ["other.example", "listed.example", "x.below.example", "named.example", "r.example:444"] {
                assert_eq!(policy(&routes, "r.example", realm, from), AddressPolicy::PublicOnly, "{realm} {from}");
            }
            assert_eq!(policy(&routes, "r.example", "r.example", from), AddressPolicy::WithPrivate);
            assert_eq!(policy(&routes, "docker.io", "auth.docker.io", from), AddressPolicy::WithPrivate);
        }
    }

    #[test]
    fn token_services_of_a_listed_registry_may_have_private_addresses() {
        let routes = routes(&["listed.example", "other.example", "*.below.example"], &["named.example"]);
        let policy = |realm, from| policy(&routes, "listed.example", realm, from);
        assert_eq!(policy("listed.example", "10.0.0.1"), AddressPolicy::Any);
        assert_eq!(policy("named.example", "93.184.216.34"), AddressPolicy::Any);
        assert_eq!(policy("other.example", "93.184.216.34"), AddressPolicy::Any);
        assert_eq!(policy("x.below.example", "93.184.216.34"), AddressPolicy::PublicOnly);
        assert_eq!(policy("x.example", "93.184.216.34"), AddressPolicy::PublicOnly);
        assert_eq!(policy("x.example", "10.0.0.1"), AddressPolicy::WithPrivate);
    }

    #[test]
    fn a_realm_on_the_registry_itself_may_spell_its_host_differently() {
        let credential = || Credential::basic("a", Secret::new("b")).unwrap();
        let entry = |text: &str| RegistryEntry {
            realm_hosts: vec!["named.example".parse().unwrap()],
            ..RegistryEntry::new(text.parse().unwrap(), credential())
        };
        let settings = RegistrySettings {
            registries: vec![entry("10.0.0.5:5000"), entry("r.example")],
            ..RegistrySettings::default()
        };
        let routes = routes_of(&settings);
        let realm = |registry: &str, realm: &str| {
            let repository = format!("{registry}/app").parse().unwrap();
            let access = access(&routes, Unlisted::Refuse, &repository);
            let bearer = Bearer { realm: realm.to_owned(), service: None, scope: None };
            access.token_request(&routes, bearer, None).map(|request| request.realm.to_string())
        };
        for (registry, written, expected) in [
            ("10.0.0.5:5000", "https://[::ffff:a00:5]:05000/token", "https://10.0.0.5:5000/token"),
            ("[::ffff:a00:5]:5000", "https://[::FFFF:10.0.0.5]:5000/token", "https://10.0.0.5:5000/token"),
            ("r.example", "https://R.example.:0443/token", "https://r.example/token"),
            ("r.example", "https://Named.example./token", "https://named.example/token"),
        ] {
            assert_eq!(realm(registry, written), Ok(expected.to_owned()), "{registry} {written}");
        }
        let elsewhere = |host: &str| Err(RealmRefusal::Host { host: host.to_owned() });
        assert_eq!(realm("10.0.0.5:5000", "https://[::ffff:a00:6]:5000/token"), elsewhere("10.0.0.6:5000"));
        assert_eq!(realm("10.0.0.5:5000", "https://[::a00:5]:5000/token"), elsewhere("[::a00:5]:5000"));
        assert_eq!(realm("r.example", "https://r.example.:444/token"), elsewhere("r.example:444"));
        assert_eq!(realm("r.example", "https://r.example../token"), Err(RealmRefusal::Url));
        for other in [
            "https:///r.example/token",
            "https:r.example/token",
            "https://r.example\\token",
            " https://r.example/token",
        ] {
            assert_eq!(realm("r.example", other), Err(RealmRefusal::Url), "{other}");
        }
    }

    #[test]
    fn requests_for_each_reference_are_sent_to_its_registry() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/data/references.json");
        let rows: serde_json::Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
        let routes = routes(&[], &[]);
        let mut checked = 0;
        for row in rows.as_array().unwrap() {
            let Some(expected) = row["place"].as_str() else { continue };
            let image: countersign_core::name::ImageRef = row["image"].as_str().unwrap().parse().unwrap();
            let access = access(&routes, Unlisted::Anonymous, image.repository());
            let expected = expected
                .strip_prefix("docker.io/")
                .map_or(expected.to_owned(), |path| format!("registry-1.docker.io/{path}"));
            let (host, path) = expected.split_once('/').unwrap();
            let expected = format!("https://{host}/v2/{path}/manifests/latest");
            assert_eq!(access.url("manifests", "latest").as_str(), expected, "{image}");
            assert_eq!(access.authority(), host, "the host in messages and limits of {image}");
            checked += 1;
        }
        assert!(checked > 70, "{checked}");
    }
}
