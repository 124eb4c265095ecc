//! Requests to a registry with an access token. The journals of the doubles show what was sent.

use countersign_core::name::Digest;
use countersign_core::oci::Descriptor;
use countersign_registry::Cause;
use countersign_registry::Pinned;
use countersign_registry::Registries;
use countersign_registry::RegistryEntry;
use countersign_registry::RegistryError;
use countersign_registry::RegistryErrorKind;
use countersign_registry::RegistrySettings;
use countersign_testkit::registry::RecordedRequest;
use countersign_testkit::registry::Route;

use super::*;

/// A client whose entry for the registry has tokens.
fn registries(world: &World) -> Registries {
    registries_with(world, world.tokens())
}

fn registries_with(world: &World, source: ExpiringIdentities<GoogleTokens>) -> Registries {
    let entry = RegistryEntry::new(HOST.parse().unwrap(), source);
    let entry = RegistryEntry { proxy: world.through_proxy(), roots: world.roots(), ..entry };
    let settings = RegistrySettings {
        registries: vec![entry],
        tag_lifetime: Duration::ZERO,
        connect_timeout: Duration::from_secs(5),
        request_timeout: Duration::from_secs(20),
        ..RegistrySettings::default()
    };
    Registries::new(settings, Arc::new(countersign_registry::Unobserved)).unwrap()
}

async fn pin(registries: &Registries) -> Result<Pinned, RegistryError> {
    registries.pin(&format!("{HOST}/{APP}:v1").parse().unwrap(), in_a_minute()).await
}

/// Method, path, scheme of the credential and status.
fn lines(world: &World) -> Vec<String> {
    let line = |exchange: &countersign_testkit::cloud::Exchange| {
        let credential = exchange.authorization.as_deref().unwrap_or("anonymous");
        let path = exchange.path.split("/sha256:").next().unwrap_or_default().to_owned();
        format!("{} {path} {credential} {}", exchange.method, exchange.status.unwrap_or_default())
    };
    world.registry.journal().iter().map(line).collect()
}

#[tokio::test]
async fn an_image_is_read_with_a_token_of_its_repository() {
    let world = World::start().await;
    let layer = world.registry.put_blob(APP, "application/jose+json", b"envelope");
    let registries = registries(&world);
    let _ = pin(&registries).await.unwrap();
    let digest: Digest = layer.digest.parse().unwrap();
    let descriptor = Descriptor::new(layer.media_type.parse().unwrap(), digest, layer.size);
    let found = registries.blob(&repository(HOST), &descriptor, 64 * 1024, in_a_minute()).await.unwrap();
    assert_eq!(&*found, b"envelope".as_slice());
    assert_eq!(
        lines(&world),
        [
            "GET /v2/shop-project/images/app/manifests/v1 anonymous 401",
            "GET /v2/token Basic 200",
            "GET /v2/shop-project/images/app/manifests/v1 Bearer 200",
            "GET /v2/shop-project/images/app/blobs Bearer 200",
        ]
    );
    let token = &world.registry.journal()[1];
    assert_eq!(token.parameter("scope"), Some("repository:shop-project/images/app:pull"));
    assert_eq!((world.metadata.requests().len(), world.accounts.issued()), (1, 1));
}

#[tokio::test]
async fn no_secret_reaches_a_service_that_it_is_not_for() {
    let world = World::start().await;
    world.proxy.resolve("evil.example:443", world.other.address());
    world.registry.when(Route::Referrers).redirect(307, "https://evil.example/v2/x");
    let registries = registries(&world);
    let pinned = pin(&registries).await.unwrap();
    let _ = registries.referrers(&pinned, "application/vnd.cncf.notary.signature", in_a_minute()).await;
    // The longest text of an answer is its token.
    let token = |requests: &[RecordedRequest], path: &str| {
        let request = requests.iter().find(|request| request.path.ends_with(path)).unwrap();
        let answer = String::from_utf8(request.answer_body().to_vec()).unwrap();
        answer.split('"').max_by_key(|text| text.len()).unwrap().to_owned()
    };
    let (metadata, registry) = (world.metadata.requests(), world.registry.requests());
    let (issued, access) = (token(&metadata, "/token"), token(&registry, "/v2/token"));
    assert!(issued.starts_with("ya29.") && access.len() > 20, "{issued} {access}");
    for request in [metadata, world.other.requests()].concat() {
        assert!(!request.shows(&issued) && !request.shows(&access), "{request:?}");
    }
    // The token of the account goes to the token service of the registry, and that of the service to the registry.
    for request in &registry {
        let is_exchange = request.path == "/v2/token";
        assert_eq!(request.shows(&issued), is_exchange, "{request:?}");
        assert!(!(is_exchange && request.shows(&access)), "{request:?}");
    }
}

#[tokio::test]
async fn a_refused_access_token_is_dropped_and_another_one_is_fetched_once() {
    let world = World::start().await;
    let registries = registries(&world);
    let _ = pin(&registries).await.unwrap();
    world.registry.revoke_all();
    world.accounts.revoke_all();
    world.metadata.renew();
    world.advance(MINUTE).await;
    let _ = pin(&registries).await.unwrap();
    assert_eq!((world.metadata.requests().len(), world.accounts.issued()), (2, 2));
}

#[tokio::test]
async fn a_token_that_expired_is_not_sent() {
    let world = World::start().await;
    let registries = registries(&world);
    let _ = pin(&registries).await.unwrap();
    world.advance(61 * MINUTE).await;
    let before = lines(&world).len();
    let _ = pin(&registries).await.unwrap();
    assert_eq!(
        lines(&world)[before..],
        [
            "HEAD /v2/shop-project/images/app/manifests/v1 anonymous 401",
            "GET /v2/token Basic 200",
            "HEAD /v2/shop-project/images/app/manifests/v1 Bearer 200",
        ]
    );
    assert_eq!(world.accounts.issued(), 2);
}

#[tokio::test]
async fn without_a_role_one_token_is_fetched_and_the_image_is_denied() {
    let world = World::start().await;
    world.accounts.revoke_grant(ACCOUNT, "shop-project/images");
    let registries = registries(&world);
    for _ in 0..3 {
        let error = pin(&registries).await.unwrap_err();
        assert_eq!(error.kind(), RegistryErrorKind::Denied, "{error}");
        assert!(error.to_string().contains("credentials.google, for the service account of the pod"), "{error}");
        assert!(error.to_string().contains("roles/artifactregistry.reader"), "{error}");
    }
    assert_eq!(world.metadata.requests().len(), 1);
}

#[tokio::test]
async fn no_token_is_sent_to_the_realm_of_another_host() {
    for realm in [
        "evil.example",
        "europe-west1-docker.pkg.dev.evil.example",
        "europe-west4-docker.pkg.dev",
        "gcr.io",
        "europe-west1-docker.pkg.dev:8443",
        "europe-west1-docker.pkg.dev@evil.example",
    ] {
        let world = World::start().await;
        for name in
            ["evil.example:443", "europe-west4-docker.pkg.dev:443", "gcr.io:443", "europe-west1-docker.pkg.dev:8443"]
        {
            world.proxy.resolve(name, world.other.address());
        }
        world.registry.set_name(realm);
        let registries = registries(&world);
        let error = pin(&registries).await.unwrap_err();
        assert!(matches!(error.cause, Cause::Realm(_)), "{realm}: {error:?}");
        assert_eq!(world.other.requests().len(), 0, "{realm}");
        assert_eq!(lines(&world), ["GET /v2/shop-project/images/app/manifests/v1 anonymous 401"], "{realm}");
    }
}

#[tokio::test]
async fn a_redirect_to_another_host_has_no_token() {
    let world = World::start().await;
    world.proxy.resolve("evil.example:443", world.other.address());
    let registries = registries(&world);
    world.registry.when_path("/v2/token").redirect(307, "https://evil.example/v2/token");
    let error = pin(&registries).await.unwrap_err();
    assert!(error.to_string().contains("redirect"), "{error}");
    assert!(world.other.requests().iter().all(|request| request.authorization().is_none()), "{error}");
}
