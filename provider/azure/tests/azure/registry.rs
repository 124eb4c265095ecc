//! Requests to a registry with its tokens. The journals of the doubles show what was sent.

use countersign_core::name::Digest;
use countersign_core::oci::Descriptor;
use countersign_credentials::Credential;
use countersign_registry::Cause;
use countersign_registry::Pinned;
use countersign_registry::Registries;
use countersign_registry::RegistryEntry;
use countersign_registry::RegistryError;
use countersign_registry::RegistryErrorKind;
use countersign_registry::RegistrySettings;
use countersign_testkit::registry::RecordedRequest;

use super::*;

/// A client whose entry for the registry has tokens.
fn registries(world: &World) -> Registries {
    registries_with(world, world.tokens(workload()))
}

fn registries_with(world: &World, source: ExpiringIdentities<AcrTokens>) -> Registries {
    let reached = |entry| RegistryEntry { proxy: world.through_proxy(), roots: world.roots(), ..entry };
    let entry = RegistryEntry::new(HOST.parse().unwrap(), source);
    let store = RegistryEntry::new(STORE.parse().unwrap(), Credential::Anonymous);
    let settings = RegistrySettings {
        registries: vec![reached(entry), reached(store)],
        tag_lifetime: Duration::ZERO,
        connect_timeout: Duration::from_secs(5),
        request_timeout: Duration::from_secs(20),
        ..RegistrySettings::default()
    };
    Registries::new(settings, Arc::new(countersign_registry::Unobserved)).unwrap()
}

async fn pin(registries: &Registries) -> Result<Pinned, RegistryError> {
    registries.pin(&format!("{HOST}/app:v1").parse().unwrap(), in_a_minute()).await
}

/// Method, path, scheme of the credential and status.
fn lines(world: &World) -> Vec<String> {
    let line = |exchange: &countersign_testkit::cloud::Exchange| {
        let credential = exchange.authorization.as_deref().unwrap_or("anonymous");
        let path = exchange.path.split("/sha256:").next().unwrap_or_default().to_owned();
        format!("{} {path} {credential} {}", exchange.method, exchange.status.unwrap_or_default())
    };
    world.acr.journal().iter().map(line).collect()
}

#[tokio::test]
async fn an_image_is_read_with_a_token_of_its_repository_and_the_store_gets_none() {
    let world = World::start().await;
    let layer = world.acr.put_blob("app", "application/jose+json", b"envelope");
    let registries = registries(&world);
    let _ = pin(&registries).await.unwrap();
    let digest: Digest = layer.digest.parse().unwrap();
    let descriptor = Descriptor::new(layer.media_type.parse().unwrap(), digest, layer.size);
    let found = registries.blob(&repository(HOST), &descriptor, 64 * 1024, in_a_minute()).await.unwrap();
    assert_eq!(&*found, b"envelope".as_slice());
    assert_eq!(
        lines(&world),
        [
            "POST /oauth2/exchange anonymous 200",
            "GET /v2/app/manifests/v1 anonymous 401",
            "POST /oauth2/token anonymous 200",
            "GET /v2/app/manifests/v1 Bearer 200",
            "GET /v2/app/blobs Bearer 307",
        ]
    );
    let token = &world.acr.journal()[2];
    assert_eq!(token.parameter("scope"), Some("repository:app:pull"));
    let [read] = &world.blobs.journal()[..] else { panic!("{:?}", world.blobs.journal()) };
    assert_eq!((read.host.as_str(), read.status, read.authorization.as_deref()), (STORE, Some(200), None));
}

#[tokio::test]
async fn no_secret_reaches_a_service_that_it_is_not_for() {
    let world = World::start().await;
    let layer = world.acr.put_blob("app", "application/jose+json", b"envelope");
    let registries = registries(&world);
    let _ = pin(&registries).await.unwrap();
    let descriptor = Descriptor::new(layer.media_type.parse().unwrap(), layer.digest.parse().unwrap(), layer.size);
    let _ = registries.blob(&repository(HOST), &descriptor, 64 * 1024, in_a_minute()).await.unwrap();
    let issued = |requests: &[RecordedRequest], path: &str, member: &str| {
        let request = requests.iter().find(|request| request.path.ends_with(path)).unwrap();
        let answer: serde_json::Value = serde_json::from_slice(&request.answer_body()).unwrap();
        answer[member].as_str().unwrap().to_owned()
    };
    let (entra, acr) = (world.entra.requests(), world.acr.requests());
    let assertion = std::fs::read_to_string(world.folder.path().join("token")).unwrap();
    let token = issued(&entra, "/oauth2/v2.0/token", "access_token");
    let refresh = issued(&acr, "/oauth2/exchange", "refresh_token");
    let access = issued(&acr, "/oauth2/token", "access_token");
    // Which requests have which secrets.
    let shown = |request: &RecordedRequest| {
        let secrets = [("assertion", &assertion), ("entra", &token), ("refresh", &refresh), ("access", &access)];
        let names: Vec<_> = secrets.iter().filter(|(_, secret)| request.shows(secret)).map(|(name, _)| *name).collect();
        format!("{} {}", request.path.split("/sha256:").next().unwrap_or_default(), names.join(" "))
    };
    assert_eq!(entra.iter().map(shown).collect::<Vec<_>>(), [format!("/{TENANT}/oauth2/v2.0/token assertion")]);
    assert_eq!(
        acr.iter().map(shown).collect::<Vec<_>>(),
        [
            "/oauth2/exchange entra",
            "/v2/app/manifests/v1 ",
            "/oauth2/token refresh",
            "/v2/app/manifests/v1 access",
            "/v2/app/blobs access",
        ]
    );
    assert_eq!(
        world.blobs.requests().iter().map(shown).filter(|line| !line.ends_with(' ')).collect::<Vec<_>>(),
        [""; 0]
    );
    assert_eq!(world.imds.requests().len(), 0);
}

#[tokio::test]
async fn a_refused_refresh_token_is_dropped_and_the_exchange_is_done_once_more() {
    let world = World::start().await;
    let registries = registries(&world);
    let _ = pin(&registries).await.unwrap();
    world.acr.revoke_refresh_tokens();
    world.acr.revoke_access_tokens();
    world.advance(HOUR / 2).await;
    let _ = pin(&registries).await.unwrap();
    assert_eq!(world.acr.exchanges(), 2);
}

#[tokio::test]
async fn without_a_role_one_exchange_is_done_and_the_image_is_denied() {
    let world = World::start().await;
    world.directory.unassign(CLIENT, Role::AcrPull, HOST);
    let registries = registries(&world);
    for _ in 0..3 {
        let error = pin(&registries).await.unwrap_err();
        assert_eq!(error.kind(), RegistryErrorKind::Denied, "{error}");
        assert!(error.to_string().contains("credentials.acr, for the workload identity of the pod"), "{error}");
    }
    assert_eq!(world.acr.exchanges(), 1);
}

#[tokio::test]
async fn no_token_is_sent_to_the_realm_of_another_host() {
    for realm in [
        "evil.example",
        "shops.azurecr.io.evil.example",
        "other.azurecr.io",
        "shops.azurecr.io:8443",
        "shops.azurecr.io@evil.example",
    ] {
        let world = World::start().await;
        for name in ["evil.example:443", "other.azurecr.io:443", "shops.azurecr.io:8443"] {
            world.proxy.resolve(name, world.blobs.address());
        }
        let source = world.tokens(workload());
        identity(&source).await.unwrap();
        let before = lines(&world).len();
        // From now on its challenges name another realm.
        world.acr.set_name(realm);
        let registries = registries_with(&world, source);
        let error = pin(&registries).await.unwrap_err();
        assert!(matches!(error.cause, Cause::Realm(_)), "{realm}: {error:?}");
        assert_eq!(world.blobs.requests().len(), 0, "{realm}");
        assert_eq!(lines(&world)[before..], ["GET /v2/app/manifests/v1 anonymous 401"], "{realm}");
    }
}

#[tokio::test]
async fn an_access_token_is_used_for_the_life_that_it_states() {
    let world = World::start().await;
    let registries = registries(&world);
    let tokens = || world.acr.journal().iter().filter(|exchange| exchange.path == "/oauth2/token").count();
    for minutes in [0, 10, 50] {
        world.advance(Duration::from_secs(60 * minutes)).await;
        let _ = pin(&registries).await.unwrap();
        assert_eq!(tokens(), 1, "{minutes}");
    }
    // 75 minutes after its issue it has ended.
    world.advance(Duration::from_secs(60 * 20)).await;
    let _ = pin(&registries).await.unwrap();
    assert_eq!(tokens(), 2);
    // One that the registry refuses before is replaced.
    world.acr.revoke_access_tokens();
    let _ = pin(&registries).await.unwrap();
    assert_eq!(tokens(), 3);
}
