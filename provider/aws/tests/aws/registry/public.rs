//! Amazon ECR Public: a token of its own, for everyone or for a token of its API; it refuses tokens with 400 and no challenge.

use countersign_testkit::aws::ecr_public_registry::EcrPublicRegistry;
use countersign_testkit::registry::Registry;

use super::*;

const HOST: &str = "public.ecr.aws";

struct Public {
    tokens: Issued,
    api: EcrApi,
    registry: EcrPublicRegistry,
    setup: Setup,
    registries: Registries,
    _proxy: Proxy,
}

impl Public {
    async fn start(is_anonymous: bool) -> Self {
        let root = Authority::root(CertSpec::root());
        let setup = setup().region("us-east-1");
        let tls = setup.clone().tls(&root.issue(CertSpec::tls_server(&[HOST, STORE])));
        let (tokens, proxy) = (Issued::new(), Proxy::start().await);
        let api = EcrApi::start_public(&setup, &tokens).await;
        let blobs = BlobStore::start(&tls).await;
        let registry = EcrPublicRegistry::start(&tls, &tokens, &blobs).await;
        registry.set_realm(&format!("https://{HOST}/token/"));
        registry.push_image("team/app", "v1");
        proxy.resolve(&format!("{HOST}:443"), registry.address());
        let client = Client::through(&proxy, &root);
        let registries = if is_anonymous {
            client.with(RegistryEntry::new(HOST.parse().unwrap(), Credential::Anonymous))
        } else {
            client.of(HOST, &api, &setup, "us-east-1", FallbackTag::WhenNeeded)
        };
        Self { tokens, api, registry, setup, registries, _proxy: proxy }
    }

    async fn pin(&self) -> Result<Pinned, RegistryError> {
        self.registries.pin(&format!("{HOST}/team/app:v1").parse().unwrap(), in_a_minute()).await
    }

    /// The requests since the last call.
    fn journal(&self) -> Vec<String> {
        let found = lines(&self.registry.journal());
        Registry::clear_requests(&self.registry);
        found
    }
}

#[tokio::test]
async fn an_ended_token_is_replaced_once_without_a_challenge() {
    for (is_anonymous, scheme) in [(true, "anonymous"), (false, "Basic")] {
        let public = Public::start(is_anonymous).await;
        public.registry.set_lifetime(Duration::from_secs(20));
        let pinned = public.pin().await.unwrap();
        let exchange = format!("GET token {scheme} 200");
        assert_eq!(public.journal(), ["GET manifests anonymous 401", &exchange, "GET manifests Bearer 200"]);
        // By the clock of the service.
        public.setup.clock().advance(Duration::from_secs(20));
        public.registries.referrers(&pinned, SIGNATURE, in_a_minute()).await.map(drop).unwrap();
        assert_eq!(public.journal(), ["GET referrers Bearer 400", &exchange, "GET referrers Bearer 200"]);
        public.setup.clock().advance(Duration::from_secs(20));
        let _ = public.pin().await.unwrap();
        assert_eq!(public.journal(), ["HEAD manifests Bearer 400", &exchange, "HEAD manifests Bearer 200"]);
        assert_eq!(public.api.count(), usize::from(!is_anonymous));
    }
}

#[tokio::test]
async fn a_registry_that_refuses_every_token_is_asked_twice() {
    let public = Public::start(true).await;
    let pinned = public.pin().await.unwrap();
    public.journal();
    public.registry.set_lifetime(Duration::ZERO);
    public.setup.clock().advance(Duration::from_secs(13 * 3600));
    let error = public.registries.referrers(&pinned, SIGNATURE, in_a_minute()).await.unwrap_err();
    assert_eq!(error.kind(), RegistryErrorKind::Denied);
    let refused = ["GET referrers Bearer 400", "GET token anonymous 200", "GET referrers Bearer 400"];
    // The fallback tag is requested with the token that the exchange returned.
    let tag = ["GET manifests Bearer 400", "GET token anonymous 200", "GET manifests Bearer 400"];
    assert_eq!(public.journal(), [refused, tag].concat());
}

#[tokio::test]
async fn a_token_of_the_api_that_the_token_service_refuses_is_replaced_once() {
    let public = Public::start(false).await;
    let pinned = public.pin().await.unwrap();
    public.journal();
    public.tokens.revoke_all();
    public.setup.clock().advance(Duration::from_secs(60));
    public.registry.set_lifetime(Duration::from_secs(3600));
    // The cached token of the registry ends, by the clock of the client.
    advance(Duration::from_secs(60)).await;
    public.registries.referrers(&pinned, SIGNATURE, in_a_minute()).await.map(drop).unwrap();
    assert_eq!(public.journal(), ["GET token Basic 400", "GET token Basic 200", "GET referrers Bearer 200"]);
    assert_eq!(public.api.count(), 2);
}
