//! Signatures that were received before: the same image in another repository or registry, and after a change. The verdict is the one that
//! it would be without that, and the repository must have the signature by its own word.

use std::sync::Arc;
use std::time::Duration;

use countersign::engine::Deadline;
use countersign::engine::Engine;
use countersign::engine::Verifier as _;
use countersign_core::verdict::Code;
use countersign_core::verdict::ImageVerdict;
use countersign_core::verdict::Reason;
use countersign_test_support::fixture::EngineFixture;
use countersign_test_support::fixture::policy;
use countersign_testkit::Descriptor;
use countersign_testkit::IMAGE_MANIFEST;
use countersign_testkit::notation::Signature;
use countersign_testkit::pki::CertSpec;
use countersign_testkit::registry::RecordedRequest;
use countersign_testkit::registry::Registry;
use countersign_testkit::registry::Reply;
use countersign_testkit::registry::Route;
use countersign_testkit::registry::When;
use countersign_testkit::signer::Format;
use countersign_testkit::signer::SignRequest;
use http::Method;

/// One signed image, in as many repositories as a test pushes it to.
struct Setup {
    fixture: EngineFixture,
    image: Descriptor,
    signature: Signature,
}

/// The image of every setup.
fn image() -> Vec<u8> {
    let (digest, config) = (format!("sha256:{}", "0".repeat(64)), "application/vnd.oci.image.config.v1+json");
    format!(
        r#"{{"schemaVersion":2,"mediaType":"{IMAGE_MANIFEST}","config":{{"mediaType":"{config}","digest":"{digest}","size":2}},"layers":[]}}"#
    )
    .into_bytes()
}

impl Setup {
    async fn new() -> Self {
        let fixture = EngineFixture::new().await;
        let image = Descriptor::of(IMAGE_MANIFEST, &image());
        let chain = fixture.root.issue(CertSpec::leaf());
        let signature = Signature::new(&SignRequest::new(&chain, &image), Format::Jws);
        let setup = Self { fixture, image, signature };
        for repository in ["app", "second"] {
            setup.push(&setup.fixture.registry, repository);
        }
        setup.push(&setup.fixture.other, "app");
        setup
    }

    /// As [`Self::new`], after the image in `app` was verified.
    async fn verified() -> Self {
        let setup = Self::new().await;
        assert_eq!(setup.code("app").await, Code::Verified);
        assert_eq!(
            setup.asked(),
            [
                "GET app manifests image 200",
                "GET app referrers image 200",
                "GET app manifests signature 200",
                "GET app blobs envelope 200"
            ]
        );
        setup
    }

    fn push(&self, registry: &Registry, repository: &str) {
        registry.put_manifest(repository, IMAGE_MANIFEST, &image());
        self.signature.attach(registry, repository, &self.image);
    }

    /// The digests of the manifest and of the envelope of the signature.
    fn digests(&self) -> [String; 2] {
        let manifest = Descriptor::of(IMAGE_MANIFEST, &self.signature.manifest(&self.image));
        [manifest.digest, Descriptor::of("a/b", self.signature.envelope()).digest]
    }

    async fn verdict_of(engine: &Engine, reference: &str) -> Arc<ImageVerdict> {
        let request = engine.request(Arc::new(reference.parse().unwrap()), Deadline::after(Duration::from_secs(20)));
        engine.verify(request).await.verdict
    }

    async fn verdict(&self, repository: &str) -> Arc<ImageVerdict> {
        Self::verdict_of(&self.fixture.engine, &self.fixture.registry.reference(repository, &self.image)).await
    }

    async fn code(&self, repository: &str) -> Code {
        self.verdict(repository).await.code()
    }

    /// The requests to the registry since the last call.
    fn asked(&self) -> Vec<String> {
        self.asked_of(&self.fixture.registry)
    }

    /// The requests since the last call: method, repository, kind, what, and status. Requests that are sent at the same time are sorted.
    fn asked_of(&self, registry: &Registry) -> Vec<String> {
        let requests = registry.requests();
        registry.clear_requests();
        let [manifest, envelope] = self.digests();
        let text = |request: &RecordedRequest| {
            let (path, digest) = request.path.trim_start_matches("/v2/").rsplit_once('/').unwrap();
            let what = [(&self.image.digest, "image"), (&manifest, "signature"), (&envelope, "envelope")];
            let what = what.into_iter().find(|(known, _)| *known == digest).map_or("else", |(_, name)| name);
            let status = request.status().map_or("-".to_owned(), |status| status.to_string());
            format!("{} {} {what} {status}", request.method, path.replace('/', " "))
        };
        let mut all: Vec<String> = requests.iter().map(text).collect();
        let place = |text: &String| {
            ["image", "signature", "envelope"].iter().position(|what| text.contains(what)).unwrap_or(9)
                + usize::from(text.contains("referrers"))
        };
        all.sort_by_key(|text| if text.contains("image") { (0, place(text)) } else { (1, place(text)) });
        all
    }
}

const OF_SECOND: [&str; 4] = [
    "GET second manifests image 200",
    "GET second referrers image 200",
    "HEAD second manifests signature 200",
    "HEAD second blobs envelope 200",
];

#[tokio::test]
async fn a_second_repository_or_registry_with_the_image_is_asked_for_its_signature_with_heads() {
    let setup = Setup::verified().await;
    assert_eq!(setup.code("second").await, Code::Verified);
    assert_eq!(setup.asked(), OF_SECOND);
    let reference = setup.fixture.other.reference("app", &setup.image);
    assert_eq!(setup.fixture.code(&reference).await, Code::Verified);
    assert_eq!(setup.asked_of(&setup.fixture.other), OF_SECOND.map(|text| text.replace("second", "app")));
    for (series, expected) in [
        ("countersign_cache_requests_total{cache=\"signatures\",result=\"hit\"}", 4),
        ("countersign_cache_requests_total{cache=\"signatures\",result=\"miss\"}", 2),
        ("countersign_cache_events_total{event=\"signature-stored\"}", 2),
        ("countersign_cache_events_total{event=\"signature-evicted\"}", 0),
        ("countersign_signature_cache_entries", 2),
    ] {
        assert_eq!(setup.fixture.metric(series), expected, "{series}");
    }
    let content = setup.signature.envelope().len() + setup.signature.manifest(&setup.image).len();
    let bytes = usize::try_from(setup.fixture.metric("countersign_signature_cache_bytes")).unwrap();
    assert!((content..content + 2 * 1024).contains(&bytes), "{bytes} for {content}");
}

/// Two round trips in place of three.
#[tokio::test]
async fn the_manifest_and_the_envelope_are_requested_at_the_same_time_and_the_manifest_decides_first() {
    let setup = Setup::verified().await;
    let held = setup.fixture.registry.when(Route::Manifest).path_contains(&setup.digests()[0]).hold();
    let reference = setup.fixture.registry.reference("second", &setup.image);
    let engine = setup.fixture.engine.clone();
    let verdict = tokio::spawn(async move { Setup::verdict_of(&engine, &reference).await });
    setup.fixture.registry.wait_for(Route::Manifest, 2).await;
    setup.fixture.registry.wait_for(Route::Blob, 1).await;
    while setup.fixture.registry.requests_to(Route::Blob)[0].status().is_none() {
        tokio::task::yield_now().await;
    }
    assert!(!verdict.is_finished());
    held.release();
    assert_eq!(verdict.await.unwrap().code(), Code::Verified);
    assert_eq!(setup.asked(), OF_SECOND);
}

#[tokio::test]
async fn an_envelope_counts_only_if_the_repository_has_its_manifest() {
    let setup = Setup::verified().await;
    let [manifest, _] = setup.digests();
    setup.fixture.registry.remove("second", &manifest);
    let held = setup.fixture.registry.when(Route::Manifest).path_contains(&manifest).hold();
    let reference = setup.fixture.registry.reference("second", &setup.image);
    let engine = setup.fixture.engine.clone();
    let verdict = tokio::spawn(async move { Setup::verdict_of(&engine, &reference).await });
    setup.fixture.registry.wait_for(Route::Blob, 1).await;
    held.release();
    assert_eq!(verdict.await.unwrap().code(), Code::SignatureUnavailable);
}

#[tokio::test]
async fn an_envelope_that_is_not_in_memory_is_received_while_its_manifest_is_asked_for() {
    let setup = Setup::new().await;
    setup.fixture.registry.when(Route::Blob).times(1).status(500);
    assert_eq!(setup.code("app").await, Code::RegistryFailed);
    setup.asked();
    assert_eq!(setup.code("second").await, Code::Verified);
    let mut expected = OF_SECOND.map(str::to_owned);
    expected[3] = expected[3].replace("HEAD", "GET");
    assert_eq!(setup.asked(), expected);
}

#[tokio::test]
async fn a_change_of_the_policy_is_verified_with_heads() {
    let setup = Setup::verified().await;
    setup.fixture.folder.write("trustpolicy.json", policy(&["ca:main"], &["x509.subject: C=CH, ST=ZH, O=Testkit"]));
    let _ = setup.fixture.poll();
    assert_eq!(setup.code("app").await, Code::Verified);
    let mut expected = OF_SECOND.map(|text| text.replace("second", "app"));
    expected[0] = expected[0].replace("GET", "HEAD");
    assert_eq!(setup.asked(), expected);
    // The signature is judged, and not what it was before.
    setup.fixture.folder.write("trustpolicy.json", policy(&["ca:main"], &["x509.subject: C=CH, ST=ZH, O=Other"]));
    let _ = setup.fixture.poll();
    assert_eq!(setup.code("app").await, Code::UntrustedIdentity);
}

#[tokio::test]
async fn a_change_of_the_configuration_keeps_what_was_received() {
    let setup = Setup::verified().await;
    let next = setup.fixture.successor(|settings| settings.max_signatures = 7);
    next.take_over(&setup.fixture.engine);
    let reference = setup.fixture.registry.reference("app", &setup.image);
    assert_eq!(Setup::verdict_of(&next, &reference).await.code(), Code::Verified);
    assert_eq!(setup.asked(), OF_SECOND.map(|text| text.replace("second", "app")));
}

/// What a verdict says about its signatures: the codes with what to do, and the texts without the host and the digests.
fn said(setup: &Setup, verdict: &ImageVerdict) -> (Code, Vec<(Code, String, String)>) {
    let failed = match verdict {
        ImageVerdict::Verified(verified) => &verified.others,
        ImageVerdict::Rejected(rejected) => &rejected.signatures,
        ImageVerdict::Inconclusive(inconclusive) => &inconclusive.signatures,
        ImageVerdict::Skipped(_) => panic!("{verdict:?}"),
    };
    let text = |reason: &Reason| {
        let text = reason.detail.to_string().replace(&setup.fixture.registry.host(), "HOST");
        let text = setup.digests().iter().fold(text, |text, digest| text.replace(digest.as_str(), "DIGEST"));
        // Those of certificates and signatures vary.
        let text = text.replace(&setup.signature.envelope().len().to_string(), "SIZE");
        let text = text.replace(&setup.signature.manifest(&setup.image).len().to_string(), "SIZE");
        // Answers to HEAD have no text.
        let text = match text.split_once(", saying \"") {
            Some((before, quote)) => format!("{before}{}", quote.split_once('"').unwrap().1),
            None => text,
        };
        (reason.code, text, reason.advice().to_owned())
    };
    let reasons = failed.listed().iter().flat_map(|failed| failed.reasons.iter());
    (verdict.code(), reasons.map(text).collect())
}

/// A fault of the answers to some requests, with its name.
type Fault = (&'static str, fn(When));

/// Faults of the answers about a signature in `second`.
fn faults() -> [Fault; 21] {
    [
        ("400", |when| drop(when.status(400))),
        ("401", |when| drop(when.error(401, "UNAUTHORIZED"))),
        ("403", |when| drop(when.error(403, "DENIED"))),
        ("403 with a page", |when| {
            drop(when.reply(Reply::status(403).header("content-type", "text/html").body("<p>no</p>")));
        }),
        ("404", |when| drop(when.error(404, "MANIFEST_UNKNOWN"))),
        ("404 without a text", |when| drop(when.status(404))),
        ("405", |when| drop(when.status(405))),
        ("410", |when| drop(when.status(410))),
        ("429", |when| drop(when.too_many_requests("60"))),
        ("500", |when| drop(when.status(500))),
        ("501", |when| drop(when.status(501))),
        ("503", |when| drop(when.status(503))),
        ("204", |when| drop(when.status(204))),
        ("a page", |when| drop(when.reply(Reply::status(200).header("content-type", "text/html").body("<p>hi</p>")))),
        ("another digest", |when| {
            drop(when.header("docker-content-digest", &format!("sha256:{}", "1".repeat(64))));
        }),
        ("no digest", |when| drop(when.without_header("docker-content-digest"))),
        ("another type", |when| drop(when.header("content-type", "application/vnd.oci.image.index.v1+json"))),
        ("no type", |when| drop(when.without_header("content-type"))),
        ("a redirect to nothing", |when| drop(when.redirect(307, "/nothing"))),
        ("a redirect without a target", |when| drop(when.reply(Reply::status(307)))),
        ("closed", |when| drop(when.close())),
    ]
}

/// A fault of all requests has the verdict of a process that has received nothing before; one of HEAD only has none of its own, unless the
/// server fails.
#[tokio::test]
async fn verdicts_are_those_without_memory_whatever_the_registry_answers() {
    for route in [Route::Manifest, Route::Blob] {
        for (name, fault) in faults() {
            let (warm, cold) = (Setup::verified().await, Setup::new().await);
            let at = |setup: &Setup| setup.digests()[usize::from(route == Route::Blob)].clone();
            for setup in [&warm, &cold] {
                fault(setup.fixture.registry.when(route).path_contains(&at(setup)));
            }
            let found = said(&warm, &*warm.verdict("second").await);
            let expected = said(&cold, &*cold.verdict("second").await);
            assert_eq!(found, expected, "{route:?} {name}");

            let setup = Setup::verified().await;
            fault(setup.fixture.registry.when(route).method(Method::HEAD).path_contains(&at(&setup)));
            let expected = match name {
                "429" => Code::RegistryThrottled,
                "503" => Code::RegistryFailed,
                "closed" => Code::RegistryUnreachable,
                _ => Code::Verified,
            };
            assert_eq!(setup.code("second").await, expected, "{route:?} HEAD {name}");
        }
    }
}

#[tokio::test]
async fn a_signature_that_its_repository_has_lost_does_not_verify() {
    for (lost, requests) in [
        (0, ["HEAD second manifests signature 404", "GET second manifests signature 404"].as_slice()),
        (
            1,
            &["HEAD second manifests signature 200", "HEAD second blobs envelope 404", "GET second blobs envelope 404"],
        ),
    ] {
        let setup = Setup::verified().await;
        setup.fixture.registry.remove("second", &setup.digests()[lost]);
        assert_eq!(setup.code("second").await, Code::SignatureUnavailable);
        let mut asked = setup.asked().split_off(2);
        // The answer about an envelope is not waited for without its manifest.
        asked.retain(|text| lost == 1 || !text.starts_with("HEAD second blobs envelope"));
        assert_eq!(asked, requests);
        // The first repository has it.
        setup.fixture.folder.write("trustpolicy.json", policy(&["ca:main"], &["x509.subject: C=CH, ST=ZH, O=Testkit"]));
        let _ = setup.fixture.poll();
        assert_eq!(setup.code("app").await, Code::Verified);
    }
}

#[tokio::test]
async fn bytes_of_one_repository_that_are_not_the_listed_ones_help_no_other() {
    let setup = Setup::new().await;
    let tampered = setup.fixture.registry.when_any().path_contains(&setup.digests()[1]).wrong_bytes();
    assert_eq!(setup.code("app").await, Code::SignatureUnavailable);
    assert_eq!(setup.code("second").await, Code::SignatureUnavailable);
    setup.asked();
    tampered.remove();
    assert_eq!(setup.code("second").await, Code::Verified);
    assert_eq!(setup.asked()[3], "GET second blobs envelope 200");
}
