//! Requests to registries of Amazon ECR with tokens of its API: challenges, blobs of another host, lists of signatures, limits, and
//! tokens that are refused. The journals of the doubles show what was sent.

mod public;
mod refused_tokens;

use std::sync::Arc;

use countersign_aws::EcrApi as Override;
use countersign_aws::EcrTokens;
use countersign_core::name::Repository;
use countersign_core::oci::Descriptor;
use countersign_credentials::Credential;
use countersign_credentials::ExpiringIdentities;
use countersign_http::FetchError;
use countersign_registry::Cause;
use countersign_registry::FallbackTag;
use countersign_registry::Pinned;
use countersign_registry::Registries;
use countersign_registry::RegistryEntry;
use countersign_registry::RegistryError;
use countersign_registry::RegistryErrorKind;
use countersign_registry::RegistrySettings;
use countersign_testkit::IMAGE_INDEX;
use countersign_testkit::IMAGE_MANIFEST;
use countersign_testkit::aws::Exchange;
use countersign_testkit::aws::blob_store::BlobStore;
use countersign_testkit::aws::ecr_api::EcrApi;
use countersign_testkit::aws::ecr_registry::EcrRegistry;
use countersign_testkit::aws::ecr_registry::throttled;
use countersign_testkit::aws::ecr_tokens::EcrTokens as Issued;
use countersign_testkit::proxy::Proxy;
use countersign_testkit::registry::Referrers;
use countersign_testkit::registry::Reply;
use countersign_testkit::registry::Route;

use super::ecr::advance;
use super::*;

const HOST: &str = "111122223333.dkr.ecr.eu-central-1.amazonaws.com";
const STORE: &str = "prod-eu-central-1-starport-layer-bucket.s3.eu-central-1.amazonaws.com";
const SIGNATURE: &str = "application/vnd.cncf.notary.signature";
const LIMIT: usize = 64 * 1024;

/// A registry with `app:v1`, its API and its store, and a client. Names lead to the doubles through the proxy.
struct Ecr {
    setup: Setup,
    tokens: Issued,
    api: EcrApi,
    registry: EcrRegistry,
    blobs: BlobStore,
    client: Client,
    registries: Registries,
    /// Resolves the names.
    _proxy: Proxy,
}

/// The parts of a client's settings.
struct Client {
    proxy: ProxyChoice,
    roots: Roots,
}

impl Client {
    fn through(proxy: &Proxy, root: &Authority) -> Self {
        let server = proxy.url().parse().unwrap();
        let roots = Roots::Only(RootCertificates::parse("ca.pem", root.pem().as_bytes()).unwrap());
        Self { proxy: ProxyChoice::Server { server, roots: Roots::System }, roots }
    }

    /// A client with tokens of `api`, which signs for the region of `setup`.
    fn of(&self, host: &str, api: &EcrApi, setup: &Setup, region: &str, fallback_tag: FallbackTag) -> Registries {
        let api = Override { endpoint: api.url().parse().unwrap(), region: Some(super::region(region)) };
        let source = ExpiringIdentities::new(EcrTokens::new(aws(setup, settings()), None, Some(api)));
        self.with(RegistryEntry { fallback_tag, ..RegistryEntry::new(host.parse().unwrap(), source) })
    }

    /// A client with this entry.
    fn with(&self, entry: RegistryEntry) -> Registries {
        let store = RegistryEntry::new(STORE.parse().unwrap(), Credential::Anonymous);
        let reached = |entry| RegistryEntry { proxy: self.proxy.clone(), roots: self.roots.clone(), ..entry };
        let settings = RegistrySettings {
            registries: vec![reached(entry), reached(store)],
            tag_lifetime: Duration::ZERO,
            connect_timeout: Duration::from_secs(5),
            request_timeout: Duration::from_secs(20),
            ..RegistrySettings::default()
        };
        Registries::new(settings, Arc::new(countersign_registry::Unobserved)).unwrap()
    }
}

impl Ecr {
    async fn start() -> Self {
        Self::start_with(REGION, FallbackTag::WhenNeeded).await
    }

    /// With the API of another region, or with merged lists.
    async fn start_with(region_of_api: &str, fallback_tag: FallbackTag) -> Self {
        let root = Authority::root(CertSpec::root());
        let setup = setup();
        let tls = setup.clone().tls(&root.issue(CertSpec::tls_server(&[HOST, STORE])));
        let (tokens, proxy) = (Issued::new(), Proxy::start().await);
        let api = EcrApi::start(&setup.clone().region(region_of_api), &tokens).await;
        let blobs = BlobStore::start(&tls).await;
        blobs.set_base(&format!("https://{STORE}"));
        let registry = EcrRegistry::start(&tls, &tokens, &blobs).await;
        registry.push_image("app", "v1");
        proxy.resolve(&format!("{HOST}:443"), registry.address());
        proxy.resolve(&format!("{STORE}:443"), blobs.address());
        let client = Client::through(&proxy, &root);
        let registries = client.of(HOST, &api, &setup, region_of_api, fallback_tag);
        Self { setup, tokens, api, registry, blobs, client, registries, _proxy: proxy }
    }

    async fn pin(&self) -> Result<Pinned, RegistryError> {
        self.registries.pin(&format!("{HOST}/app:v1").parse().unwrap(), in_a_minute()).await
    }

    /// The digests of the listed signatures, and whether the list is complete.
    async fn signatures(&self, pinned: &Pinned) -> Result<(Vec<String>, bool), RegistryError> {
        let found = self.registries.referrers(pinned, SIGNATURE, in_a_minute()).await?;
        Ok((found.entries.iter().map(|entry| entry.digest.to_string()).collect(), found.incomplete.is_none()))
    }

    /// Lists a signature of `app:v1`.
    fn sign(&self, pinned: &Pinned, seed: &str) -> countersign_testkit::Descriptor {
        let artifact_type = Some(SIGNATURE.to_owned());
        let entry = countersign_testkit::Descriptor { artifact_type, ..countersign_testkit::Descriptor::sample(seed) };
        self.registry.list_referrer("app", pinned.descriptor().digest.as_str(), entry.clone());
        entry
    }

    /// The requests to the registry, and how often the API was called.
    fn journal(&self) -> (Vec<String>, usize) {
        (lines(&self.registry.journal()), self.api.count())
    }
}

/// Method, kind of content, scheme of the credential and status of requests to a registry.
fn lines(journal: &[Exchange]) -> Vec<String> {
    let line = |exchange: &Exchange| {
        let kind = exchange.path.split('/').nth_back(1).unwrap_or_default();
        let credential = exchange.authorization.as_deref().unwrap_or("anonymous");
        format!("{} {kind} {credential} {}", exchange.method, exchange.status.unwrap_or_default())
    };
    journal.iter().map(line).collect()
}

fn repository() -> Repository {
    format!("{HOST}/app").parse().unwrap()
}

fn descriptor(theirs: &countersign_testkit::Descriptor) -> Descriptor {
    Descriptor::new(theirs.media_type.parse().unwrap(), theirs.digest.parse().unwrap(), theirs.size)
}

#[tokio::test]
async fn a_signature_is_read_with_one_token_and_no_credential_reaches_the_store_of_its_blob() {
    let ecr = Ecr::start().await;
    let layer = ecr.registry.put_blob("app", "application/jose+json", b"envelope");
    let pinned = ecr.pin().await.unwrap();
    let image = countersign_testkit::Descriptor::sample("image");
    let manifest = format!(
        r#"{{"schemaVersion":2,"mediaType":"{IMAGE_MANIFEST}","artifactType":"{SIGNATURE}","config":{{}},"layers":[{}],"subject":{}}}"#,
        layer.to_json(),
        image.to_json().to_string().replace(&image.digest, pinned.descriptor().digest.as_str())
    );
    let stored = ecr.registry.put_manifest("app", IMAGE_MANIFEST, manifest.as_bytes());
    assert_eq!(ecr.signatures(&pinned).await.unwrap(), (vec![stored.digest.clone()], true));
    let found = ecr.registries.manifest(&repository(), &descriptor(&stored), LIMIT, in_a_minute()).await.unwrap();
    assert_eq!(&*found, manifest.as_bytes());
    let found = ecr.registries.blob(&repository(), &descriptor(&layer), LIMIT, in_a_minute()).await.unwrap();
    assert_eq!(&*found, b"envelope".as_slice());
    let requests =
        ["GET manifests Basic 200", "GET referrers Basic 200", "GET manifests Basic 200", "GET blobs Basic 307"];
    assert_eq!(ecr.journal(), (requests.map(str::to_owned).to_vec(), 1));
    let [read] = &ecr.blobs.journal()[..] else { panic!("{:?}", ecr.blobs.journal()) };
    assert_eq!((read.host.as_str(), read.status, read.authorization.as_deref()), (STORE, Some(200), None));
}

#[tokio::test]
async fn a_store_that_refuses_an_address_is_named_with_its_status_and_no_new_token_is_requested() {
    let ecr = Ecr::start().await;
    let layer = ecr.registry.put_blob("app", "application/jose+json", b"envelope");
    let _ = ecr.pin().await.unwrap();
    advance(Duration::from_secs(60)).await;
    ecr.blobs.fail(countersign_testkit::aws::ServiceError::new(403, "AccessDenied", "Request has expired"));
    let error = ecr.registries.blob(&repository(), &descriptor(&layer), LIMIT, in_a_minute()).await.unwrap_err();
    assert_eq!(error.kind(), RegistryErrorKind::Failed);
    assert_eq!(
        error.to_string(),
        format!(
            "cannot get the blob of {HOST}/app: {STORE} responds with status 403 to a request without credentials, as \
             redirects to other hosts carry none; {STORE} is the blob store that {HOST} redirects to"
        )
    );
    assert_eq!((ecr.api.count(), ecr.blobs.count()), (1, 1));
}

#[tokio::test]
async fn signatures_of_before_the_referrers_api_are_found_where_both_lists_are_read() {
    for (fallback_tag, finds_it) in [(FallbackTag::WhenNeeded, false), (FallbackTag::Always, true)] {
        let ecr = Ecr::start_with(REGION, fallback_tag).await;
        ecr.registry.referrers(Referrers::EmptyApiAndFallbackTag);
        let pinned = ecr.pin().await.unwrap();
        let expected = if finds_it { vec![ecr.sign(&pinned, "old").digest] } else { Vec::new() };
        assert_eq!(ecr.signatures(&pinned).await.unwrap(), (expected, true), "{fallback_tag:?}");
        // A signature of today beside the old one.
        let new = countersign_testkit::Descriptor {
            artifact_type: Some(SIGNATURE.to_owned()),
            ..countersign_testkit::Descriptor::sample("new")
        };
        let page = format!(r#"{{"schemaVersion":2,"manifests":[{}]}}"#, new.to_json());
        ecr.registry.when(Route::Referrers).reply(Reply::status(200).header("content-type", IMAGE_INDEX).body(page));
        let old = ecr.sign(&pinned, "old");
        let expected = if finds_it { vec![new.digest, old.digest] } else { vec![new.digest] };
        assert_eq!(ecr.signatures(&pinned).await.unwrap(), (expected, true), "{fallback_tag:?}");
    }
}

#[tokio::test]
async fn without_the_referrers_api_the_tag_is_read() {
    let ecr = Ecr::start().await;
    ecr.registry.referrers(Referrers::FallbackTag);
    let pinned = ecr.pin().await.unwrap();
    assert_eq!(ecr.signatures(&pinned).await.unwrap(), (Vec::new(), true));
    let old = ecr.sign(&pinned, "old");
    for (status, is_complete) in [(404, true), (405, false)] {
        let fault = ecr.registry.when(Route::Referrers).error(status, "UNSUPPORTED");
        assert_eq!(ecr.signatures(&pinned).await.unwrap(), (vec![old.digest.clone()], is_complete), "{status}");
        fault.remove();
    }
    // A status that is not "not found" does not say that there are none.
    ecr.registry.when(Route::Referrers).error(405, "UNSUPPORTED");
    ecr.registry.when(Route::Manifest).path_contains("sha256-").error(404, "MANIFEST_UNKNOWN");
    let error = ecr.signatures(&pinned).await.unwrap_err();
    assert_eq!(error.kind(), RegistryErrorKind::ReferrersUnsupported);
}

#[tokio::test]
async fn the_limit_of_requests_is_no_statement_about_signatures_and_pauses_requests() {
    for (reply, seconds) in [(throttled(), 5), (throttled().header("retry-after", "17"), 17)] {
        let ecr = Ecr::start().await;
        let pinned = ecr.pin().await.unwrap();
        let fault = ecr.registry.when(Route::Referrers).reply(reply);
        let before = ecr.registry.journal().len();
        let soon = Instant::now() + Duration::from_secs(4);
        let error = ecr.registries.referrers(&pinned, SIGNATURE, soon).await.unwrap_err();
        assert_eq!(error.kind(), RegistryErrorKind::Throttled);
        let Cause::TooManyRequests { host, wait, .. } = &error.cause else { panic!("{error:?}") };
        assert_eq!((host.as_str(), *wait), (HOST, Duration::from_secs(seconds)));
        fault.remove();
        // Nothing is sent until the pause ends, of any image of the host.
        let error = ecr.registries.referrers(&pinned, SIGNATURE, soon).await.unwrap_err();
        assert!(matches!(error.cause, Cause::Fetch(FetchError::Throttled(_))), "{error:?}");
        assert_eq!(ecr.registry.journal().len(), before + 1);
        advance(Duration::from_secs(seconds)).await;
        assert_eq!(ecr.signatures(&pinned).await.unwrap(), (Vec::new(), true));
        assert_eq!(ecr.api.count(), 1);
    }
}
