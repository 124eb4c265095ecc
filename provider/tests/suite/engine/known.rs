//! What is known about an image ends with what it depends on: asked directly, as the server does before it works on anything.

use std::sync::Arc;
use std::time::Duration;

use countersign::engine::Deadline;
use countersign::engine::Engine;
use countersign::engine::Verifier as _;
use countersign::policy_source::PolicyPoll;
use countersign_core::verdict::Code;
use countersign_credentials::Credential;
use countersign_credentials::ReloadableCredential;
use countersign_credentials::Secret;
use countersign_http::Scheme;
use countersign_registry::RegistryEntry;
use countersign_registry::RegistrySettings;
use countersign_test_support::fixture::EngineFixture;
use countersign_test_support::fixture::policy;
use countersign_testkit::notation::Signature;
use countersign_testkit::pki::Authority;
use countersign_testkit::pki::CertSpec;
use countersign_testkit::signer::Format;
use countersign_testkit::signer::SignRequest;

use crate::engine::renewals::pass;

const TAG_LIFETIME: Duration = Duration::from_secs(5);
const VERDICT_LIFETIME: Duration = Duration::from_secs(60);

/// A signed image whose verdict is in memory, for its tag and for its digest.
struct Known {
    fixture: EngineFixture,
    engine: Engine,
    credential: Arc<ReloadableCredential>,
    tag: String,
    by_digest: String,
    digest: String,
}

fn alice() -> Credential {
    Credential::basic("alice", Secret::new("password")).unwrap()
}

impl Known {
    async fn start() -> Self {
        let fixture = EngineFixture::with(&policy(&["ca:main"], &["*"]), |settings| {
            settings.verdict_lifetime = VERDICT_LIFETIME;
        })
        .await;
        fixture.folder.write("truststore/x509/ca/other/root.pem", Authority::root(CertSpec::root()).pem());
        let image = fixture.registry.push_image("app", "v1");
        let end = time::macros::datetime!(2026-11-21 12:00:30 UTC);
        let chain = fixture.root.issue(CertSpec::leaf());
        let signature = Signature::new(&SignRequest::new(&chain, &image).expiry(end), Format::Cose);
        signature.attach(&fixture.registry, "app", &image);
        let credential = Arc::new(ReloadableCredential::new(alice()));
        let entry = RegistryEntry::new(fixture.registry.host().parse().unwrap(), Credential::Anonymous);
        let entry = RegistryEntry { identities: Arc::clone(&credential) as _, scheme: Scheme::Http, ..entry };
        let registries =
            RegistrySettings { registries: vec![entry], tag_lifetime: TAG_LIFETIME, ..RegistrySettings::default() };
        let engine = fixture.successor_over(registries);
        let (tag, by_digest) =
            (format!("{}/app:v1", fixture.registry.host()), fixture.registry.reference("app", &image));
        let known = Self { fixture, engine, credential, tag, by_digest, digest: image.digest };
        assert_eq!(known.both(), [None, None]);
        known.verify().await;
        known.fixture.registry.clear_requests();
        assert_eq!(known.both(), [Some(Code::Verified); 2]);
        known
    }

    /// Verifies the image by its tag.
    async fn verify(&self) -> Code {
        let image = Arc::new(self.tag.parse().unwrap());
        let request = self.engine.request(image, Deadline::after(Duration::from_secs(20)));
        self.engine.verify(request).await.verdict.code()
    }

    /// What is known about the image, by its tag and by its digest. It is always about the same digest, and costs no request.
    fn both(&self) -> [Option<Code>; 2] {
        [&self.tag, &self.by_digest].map(|image| {
            let image = Arc::new(image.parse().unwrap());
            let known = self.engine.known(&self.engine.request(image, Deadline::after(Duration::from_secs(20))))?;
            assert!(known.cached);
            assert_eq!(known.digest.unwrap().as_str(), self.digest);
            Some(known.verdict.code())
        })
    }
}

#[tokio::test]
async fn nothing_is_known_after_a_change_of_a_trust_store() {
    let known = Known::start().await;
    known.fixture.folder.write("truststore/x509/ca/main/root.pem", Authority::root(CertSpec::root()).pem());
    assert!(matches!(known.fixture.poll(), PolicyPoll::Loaded(_)));
    assert_eq!(known.both(), [None, None]);
    assert_eq!(known.fixture.registry.requests().len(), 0);
    assert_eq!(known.verify().await, Code::UntrustedChain);
}

#[tokio::test]
async fn nothing_is_known_after_a_change_of_the_statement() {
    let known = Known::start().await;
    known.fixture.folder.write("trustpolicy.json", policy(&["ca:other"], &["*"]));
    assert!(matches!(known.fixture.poll(), PolicyPoll::Loaded(_)));
    assert_eq!(known.both(), [None, None]);
    assert_eq!(known.verify().await, Code::UntrustedChain);
    // What was known counts again under the former statement.
    known.fixture.folder.write("trustpolicy.json", policy(&["ca:main"], &["*"]));
    assert!(matches!(known.fixture.poll(), PolicyPoll::Loaded(_)));
    assert_eq!(known.both(), [Some(Code::Verified); 2]);
}

#[tokio::test]
async fn a_request_that_began_before_a_change_of_policy_knows_what_its_own_policy_says() {
    let known = Known::start().await;
    let image = Arc::new(known.by_digest.parse().unwrap());
    let request = known.engine.request(image, Deadline::after(Duration::from_secs(20)));
    known.fixture.folder.write("trustpolicy.json", policy(&["ca:other"], &["*"]));
    assert!(matches!(known.fixture.poll(), PolicyPoll::Loaded(_)));
    assert_eq!(known.engine.known(&request).unwrap().verdict.code(), Code::Verified);
    assert_eq!(known.both(), [None, None]);
}

#[tokio::test]
async fn nothing_is_known_after_the_lifetime_of_the_verdict() {
    let known = Known::start().await;
    pass(VERDICT_LIFETIME.as_secs()).await;
    assert_eq!(known.both(), [None, None]);
}

#[tokio::test]
async fn nothing_is_known_after_the_expiry_of_the_signature() {
    let known = Known::start().await;
    known.fixture.at("2026-11-21T12:00:29Z");
    assert_eq!(known.both(), [Some(Code::Verified); 2]);
    known.fixture.at("2026-11-21T12:00:30Z");
    assert_eq!(known.both(), [None, None]);
    assert_eq!(known.verify().await, Code::Expired);
}

#[tokio::test]
async fn a_tag_is_not_known_after_its_lifetime_wherever_it_points() {
    let known = Known::start().await;
    known.fixture.registry.push_image("app", "v1");
    pass(TAG_LIFETIME.as_secs()).await;
    assert_eq!(known.both(), [None, Some(Code::Verified)]);
    assert_eq!(known.verify().await, Code::Unsigned);
}

#[tokio::test]
async fn nothing_is_known_with_another_credential_nor_with_one_that_cannot_be_used() {
    let known = Known::start().await;
    let bob = Credential::basic("bob", Secret::new("password")).unwrap();
    for other in [Credential::Unusable("password: is empty".into()), Credential::Anonymous, bob] {
        known.credential.replace(other.clone());
        assert_eq!(known.both(), [None, None], "{other:?}");
        known.credential.replace(alice());
        assert_eq!(known.both(), [Some(Code::Verified); 2], "{other:?}");
    }
    known.credential.replace(Credential::Unusable("password: is empty".into()));
    assert_eq!(known.verify().await, Code::RegistryMisconfigured);
    assert_eq!(known.fixture.registry.requests().len(), 0);
}
