//! Verdicts about images of a registry with a mirror, which may lack what the registry has.

use std::sync::Arc;
use std::time::Duration;

use countersign::engine::Deadline;
use countersign::engine::Engine;
use countersign::engine::Verifier as _;
use countersign_core::verdict::Code;
use countersign_core::verdict::ImageVerdict;
use countersign_credentials::Credential;
use countersign_http::Scheme;
use countersign_registry::Mirrors;
use countersign_registry::RegistryEntry;
use countersign_registry::RegistrySettings;
use countersign_test_support::fixture::EngineFixture;
use countersign_testkit::Descriptor;
use countersign_testkit::notation;
use countersign_testkit::notation::SIGNATURE_ARTIFACT_TYPE;
use countersign_testkit::pki::Authority;
use countersign_testkit::pki::CertSpec;
use countersign_testkit::registry::Registry;
use countersign_testkit::registry::Route;

/// The image `app:v1` in the registry and in its mirror, `other` of the fixture, and an engine over both.
struct Setup {
    fixture: EngineFixture,
    engine: Engine,
    image: Descriptor,
}

async fn setup(only: bool) -> Setup {
    let fixture = EngineFixture::new().await;
    let image = fixture.registry.push_image("app", "v1");
    assert_eq!(fixture.other.push_image("app", "v1").digest, image.digest);
    let entry = |registry: &Registry| RegistryEntry {
        scheme: Scheme::Http,
        ..RegistryEntry::new(registry.host().parse().unwrap(), Credential::Anonymous)
    };
    let mirrors = Mirrors { locations: vec![fixture.other.host().parse().unwrap()], only };
    let own = RegistryEntry { mirrors, ..entry(&fixture.registry) };
    let registries = vec![own, entry(&fixture.other)];
    let engine = fixture.successor_over(RegistrySettings {
        registries,
        tag_lifetime: Duration::ZERO,
        ..RegistrySettings::default()
    });
    Setup { fixture, engine, image }
}

impl Setup {
    fn sign(&self, registry: &Registry) {
        notation::sign_image(registry, "app", &self.image, &self.fixture.root.issue(CertSpec::leaf()));
    }

    fn sign_by_a_stranger(&self, registry: &Registry) {
        let stranger = Authority::root(CertSpec::root());
        notation::sign_image(registry, "app", &self.image, &stranger.issue(CertSpec::leaf()));
    }

    async fn verdict(&self) -> Arc<ImageVerdict> {
        let image = format!("{}/app:v1", self.fixture.registry.host());
        let request = self.engine.request(Arc::new(image.parse().unwrap()), Deadline::after(Duration::from_secs(20)));
        self.engine.verify(request).await.verdict
    }

    async fn code(&self) -> Code {
        self.verdict().await.code()
    }

    /// An outage of this registry.
    fn fail(registry: &Registry) {
        for route in [Route::Manifest, Route::Referrers, Route::Blob] {
            registry.when(route).status(500);
        }
    }
}

#[tokio::test]
async fn a_signature_that_only_the_registry_has_verifies() {
    let setup = setup(false).await;
    setup.sign(&setup.fixture.registry);
    assert_eq!(setup.code().await, Code::Verified);
}

#[tokio::test]
async fn a_signature_at_the_mirror_verifies_during_an_outage_of_the_registry() {
    let setup = setup(false).await;
    setup.sign(&setup.fixture.other);
    Setup::fail(&setup.fixture.registry);
    assert_eq!(setup.code().await, Code::Verified);
    assert_eq!(setup.fixture.registry.connections(), 0);
}

#[tokio::test]
async fn a_signature_of_a_stranger_at_the_mirror_does_not_hide_that_of_the_registry() {
    let setup = setup(false).await;
    setup.sign_by_a_stranger(&setup.fixture.other);
    setup.sign(&setup.fixture.registry);
    assert_eq!(setup.code().await, Code::Verified);
}

#[tokio::test]
async fn an_image_is_unsigned_only_if_the_registry_itself_says_so() {
    let setup = setup(false).await;
    Setup::fail(&setup.fixture.registry);
    // The mirror lists no signature, and nothing of this is remembered.
    assert_eq!(setup.code().await, Code::RegistryFailed);
    let setup = self::setup(false).await;
    assert_eq!(setup.code().await, Code::Unsigned);
    let setup = self::setup(false).await;
    Setup::fail(&setup.fixture.other);
    assert_eq!(setup.code().await, Code::Unsigned);
}

#[tokio::test]
async fn only_signatures_of_strangers_reject_an_image_after_all_locations_were_asked() {
    let setup = setup(false).await;
    setup.sign_by_a_stranger(&setup.fixture.other);
    assert_eq!(setup.code().await, Code::UntrustedChain);
    // During an outage of the registry its signatures are not known.
    let setup = self::setup(false).await;
    setup.sign_by_a_stranger(&setup.fixture.other);
    Setup::fail(&setup.fixture.registry);
    assert!(matches!(*setup.verdict().await, ImageVerdict::Inconclusive(_)));
}

#[tokio::test]
async fn with_mirrors_only_the_mirror_decides_and_its_outage_is_inconclusive() {
    let setup = setup(true).await;
    setup.sign(&setup.fixture.registry);
    assert_eq!(setup.code().await, Code::Unsigned);
    let setup = self::setup(true).await;
    setup.sign(&setup.fixture.registry);
    setup.sign(&setup.fixture.other);
    assert_eq!(setup.code().await, Code::Verified);
    let setup = self::setup(true).await;
    Setup::fail(&setup.fixture.other);
    assert_eq!(setup.code().await, Code::RegistryFailed);
    assert_eq!(setup.fixture.registry.connections(), 0);
}

#[tokio::test]
async fn a_signature_that_only_the_mirror_has_verifies_after_a_short_outage_of_the_mirror() {
    let setup = setup(false).await;
    setup.sign(&setup.fixture.other);
    let outage = setup.fixture.other.when_any().close();
    // The mirror cannot be asked.
    let _ = setup.code().await;
    outage.remove();
    assert_eq!(setup.code().await, Code::Verified);
}

#[tokio::test]
async fn a_signature_of_a_stranger_at_the_registry_does_not_hide_that_of_a_mirror_that_rests() {
    let setup = setup(false).await;
    setup.sign(&setup.fixture.other);
    setup.sign_by_a_stranger(&setup.fixture.registry);
    let outage = setup.fixture.other.when_any().close();
    let _ = setup.code().await;
    outage.remove();
    assert_eq!(setup.code().await, Code::Verified);
}

#[tokio::test]
async fn a_wrong_description_of_a_signature_at_the_mirror_does_not_hide_that_of_the_registry() {
    type Change = fn(Descriptor) -> Descriptor;
    let changes: [Change; 4] = [
        |entry| Descriptor { size: entry.size + 1, ..entry },
        |entry| Descriptor { size: 1 << 40, ..entry },
        |entry| Descriptor { media_type: "application/vnd.oci.artifact.manifest.v1+json".to_owned(), ..entry },
        |entry| Descriptor { media_type: "application/x-other".to_owned(), ..entry },
    ];
    for change in changes {
        let setup = setup(false).await;
        let chain = setup.fixture.root.issue(CertSpec::leaf());
        let signature = notation::sign_image(&setup.fixture.registry, "app", &setup.image, &chain);
        let artifact_type = Some(SIGNATURE_ARTIFACT_TYPE.to_owned());
        let wrong = change(Descriptor { artifact_type, ..signature });
        setup.fixture.other.list_referrer("app", &setup.image.digest, wrong.clone());
        assert_eq!(setup.code().await, Code::Verified, "{wrong:?}");
    }
}
