//! The engine over a real registry on loopback: verdicts about images, and their caching.

mod ahead;
mod at_once;
mod at_start;
mod aws_samples;
mod broken_trust;
mod bursts;
mod caching;
mod content_again;
mod early;
pub(crate) mod evidence;
mod known;
mod mirrors;
mod outage;
mod pauses;
mod properties;
mod referrers;
mod renewals;
mod series;
mod several_signatures;
mod shares;
mod spellings;
mod standing;
mod waits;

use countersign_core::verdict::Code;
use countersign_core::verdict::ImageVerdict;
use countersign_core::verdict::VerifiedBy;
use countersign_core::verdict::VerifiedNotation;
use countersign_test_support::fixture::EngineFixture;
use countersign_test_support::fixture::policy;
use countersign_testkit::Descriptor;
use countersign_testkit::IMAGE_INDEX;
use countersign_testkit::IMAGE_MANIFEST;
use countersign_testkit::notation;
use countersign_testkit::notation::ManifestForm;
use countersign_testkit::notation::SIGNATURE_ARTIFACT_TYPE;
use countersign_testkit::notation::Signature;
use countersign_testkit::pki::Authority;
use countersign_testkit::pki::CertSpec;
use countersign_testkit::registry::Referrers;
use countersign_testkit::registry::Route;
use countersign_testkit::signer::Format;
use countersign_testkit::signer::SignRequest;

/// A fixture with the image `app:v1`, signed under the trusted root.
pub(crate) async fn signed() -> (EngineFixture, Descriptor) {
    let fixture = EngineFixture::new().await;
    let image = fixture.registry.push_image("app", "v1");
    notation::sign_image(&fixture.registry, "app", &image, &fixture.root.issue(CertSpec::leaf()));
    (fixture, image)
}

#[tokio::test]
async fn a_signed_image_is_verified_in_every_form_of_storage() {
    for referrers in [Referrers::Api, Referrers::ApiWithoutFilter, Referrers::FallbackTag] {
        for format in Format::ALL {
            for form in [ManifestForm::Current, ManifestForm::Legacy, ManifestForm::Artifact] {
                let fixture = EngineFixture::new().await;
                fixture.registry.referrers(referrers);
                let chain = fixture.root.issue(CertSpec::leaf());
                let image = fixture.registry.push_image("app", "v1");
                let signature = Signature::new(&SignRequest::new(&chain, &image), format).form(form);
                let manifest = signature.attach(&fixture.registry, "app", &image);
                let result = fixture.verify(&format!("{}/app:v1", fixture.registry.host())).await;
                let ImageVerdict::Verified(verified) = &*result.verdict else {
                    panic!("{referrers:?} {format:?} {form:?}: {:?}", result.verdict);
                };
                let VerifiedBy::Notation(VerifiedNotation { manifest: found, signature }) = &verified.by;
                assert_eq!(found.as_str(), manifest.digest);
                assert_eq!(&*verified.statement, "app");
                assert_eq!(signature.target().digest.as_str(), image.digest);
                assert_eq!(*signature.signer().unwrap().subject(), "CN=leaf,O=Testkit,ST=ZH,C=CH");
                assert_eq!(result.digest.unwrap().as_str(), image.digest);
            }
        }
    }
}

/// What mutation writes with `mutation.keepTag`: the tag may have moved since, or never have existed.
#[tokio::test]
async fn of_a_reference_with_tag_and_digest_the_digest_decides() {
    let (fixture, image) = signed().await;
    let unsigned = fixture.registry.push_image("app", "v2");
    assert_ne!(image.digest, unsigned.digest);
    let host = fixture.registry.host();
    for tag in ["v1", "v2", "absent"] {
        let result = fixture.verify(&format!("{host}/app:{tag}@{}", image.digest)).await;
        assert!(matches!(&*result.verdict, ImageVerdict::Verified(_)), "{tag}: {:?}", result.verdict);
        assert_eq!(result.digest.unwrap().as_str(), image.digest, "{tag}");
        let result = fixture.verify(&format!("{host}/app:{tag}@{}", unsigned.digest)).await;
        assert_eq!(result.verdict.code(), Code::Unsigned, "{tag}");
        assert_eq!(result.digest.unwrap().as_str(), unsigned.digest, "{tag}");
    }
}

#[tokio::test]
async fn media_types_are_read_in_any_case_and_without_their_parameters() {
    let odd = |media_type: &str| format!("{}; charset=\"UTF-8\"", media_type.to_ascii_uppercase());
    for (referrers, route) in
        [(Referrers::ApiWithoutFilter, Route::Referrers), (Referrers::FallbackTag, Route::Manifest)]
    {
        for format in Format::ALL {
            let fixture = EngineFixture::new().await;
            let registry = &fixture.registry;
            registry.referrers(referrers);
            let body = serde_json::json!({"mediaType": odd(IMAGE_MANIFEST), "config": {}, "layers": []}).to_string();
            let image = registry.put_manifest("app", &odd(IMAGE_MANIFEST), body.as_bytes());
            registry.tag("app", "v1", &image.digest);
            let signed = Descriptor { media_type: IMAGE_MANIFEST.to_ascii_uppercase(), ..image.clone() };
            let envelope = SignRequest::new(&fixture.root.issue(CertSpec::leaf()), &signed).envelope(format);
            let layer = registry.put_blob("app", &odd(format.media_type()), &envelope);
            let manifest = serde_json::json!({
                "mediaType": odd(IMAGE_MANIFEST),
                "artifactType": odd(SIGNATURE_ARTIFACT_TYPE),
                "config": {"mediaType": odd("application/vnd.oci.empty.v1+json"), "digest": image.digest, "size": 2},
                "layers": [layer.to_json()],
                "subject": image.to_json(),
            });
            registry.put_manifest("app", &odd(IMAGE_MANIFEST), manifest.to_string().as_bytes());
            let tag = image.digest.replace(':', "-");
            let path = if route == Route::Manifest { &tag } else { "/" };
            let fault = registry.when(route).path_contains(path).header("content-type", &odd(IMAGE_INDEX));
            let result = fixture.verify(&format!("{}/app:v1", registry.host())).await;
            assert_eq!(result.verdict.code(), Code::Verified, "{referrers:?} {format:?}: {:?}", result.verdict);
            assert!(fault.hits() > 0, "{referrers:?}");
        }
    }
}

#[tokio::test]
async fn a_cold_tag_costs_four_requests_and_a_warm_digest_none() {
    let (fixture, image) = signed().await;
    let reference = format!("{}/app:v1", fixture.registry.host());
    assert_eq!(fixture.code(&reference).await, Code::Verified);
    let routes: Vec<_> = fixture.registry.requests().iter().map(|request| request.route).collect();
    assert_eq!(routes, [Route::Manifest, Route::Referrers, Route::Manifest, Route::Blob]);
    fixture.registry.clear_requests();
    let by_digest = fixture.registry.reference("app", &image);
    let again = fixture.verify(&by_digest).await;
    assert_eq!((again.verdict.code(), again.cached), (Code::Verified, true));
    assert_eq!(fixture.registry.requests().len(), 0);
}

#[tokio::test]
async fn an_image_without_signatures_is_unsigned() {
    for referrers in [Referrers::Api, Referrers::FallbackTag] {
        let fixture = EngineFixture::new().await;
        fixture.registry.referrers(referrers);
        fixture.registry.push_image("app", "v1");
        assert_eq!(fixture.code(&format!("{}/app:v1", fixture.registry.host())).await, Code::Unsigned);
    }
}

#[tokio::test]
async fn a_signature_that_names_a_signing_service_does_not_make_a_rejected_image_inconclusive() {
    let fixture = EngineFixture::new().await;
    fixture.folder.write("trustpolicy.json", policy(&["ca:main", "signingAuthority:aws"], &["*"]));
    fixture.folder.write("truststore/x509/signingAuthority/aws/root.pem", Authority::root(CertSpec::root()).pem());
    fixture.poll();
    let image = fixture.registry.push_image("app", "v1");
    let untrusted = Authority::root(CertSpec::root().common_name("untrusted")).issue(CertSpec::leaf());
    let arn = "arn:aws:signer:eu-central-1:111122223333:/signing-profiles/ci/abcDEF1234";
    let request = SignRequest::new(&untrusted, &image)
        .scheme(countersign_testkit::signer::Scheme::SigningAuthority)
        .plugin("com.amazonaws.signer.notation.plugin")
        .critical_attribute("com.amazonaws.signer.signingProfileVersion", arn)
        .critical_attribute(
            "com.amazonaws.signer.signingJob",
            "arn:aws:signer:eu-central-1:111122223333:/signing-jobs/1",
        );
    Signature::new(&request, Format::Jws).attach(&fixture.registry, "app", &image);
    let with_crl = Authority::root(CertSpec::root()).issue(CertSpec::leaf().crl_url("ldap://crl.example/ca.crl"));
    notation::sign_image(&fixture.registry, "app", &image, &with_crl);
    let verdict = fixture.verify(&fixture.registry.reference("app", &image)).await.verdict;
    let ImageVerdict::Rejected(rejected) = &*verdict else { panic!("{verdict:?}") };
    assert_eq!(rejected.reason.code, Code::UntrustedChain);
    let codes = rejected.signatures.listed().iter().map(|failed| failed.reasons.first().code);
    assert_eq!(codes.collect::<Vec<_>>(), [Code::UntrustedChain; 2]);
}

#[tokio::test]
async fn registry_failures_are_never_unsigned_and_never_cached() {
    let (fixture, _) = signed().await;
    let reference = format!("{}/app:v1", fixture.registry.host());
    for route in [Route::Manifest, Route::Referrers, Route::Blob] {
        for (status, code) in [
            (401, Code::RegistryDenied),
            (403, Code::RegistryDenied),
            (500, Code::RegistryFailed),
            (503, Code::RegistryFailed),
        ] {
            let fault = fixture.registry.when(route).status(status);
            assert_eq!(fixture.code(&reference).await, code, "{route:?} {status}");
            fault.remove();
        }
    }
    assert_eq!(fixture.code(&reference).await, Code::Verified);
}

#[tokio::test]
async fn finds_an_image_that_is_pushed_later() {
    let fixture = EngineFixture::new().await;
    let reference = format!("{}/app:v1", fixture.registry.host());
    assert_eq!(fixture.code(&reference).await, Code::ImageNotFound);
    let chain = fixture.root.issue(CertSpec::leaf());
    let image = fixture.registry.push_image("app", "v1");
    notation::sign_image(&fixture.registry, "app", &image, &chain);
    assert_eq!(fixture.code(&reference).await, Code::Verified);
}

#[tokio::test]
async fn one_good_signature_suffices_among_bad_ones() {
    let fixture = EngineFixture::new().await;
    let image = fixture.registry.push_image("app", "v1");
    let other = fixture.registry.push_image("app", "v2");
    let untrusted = Authority::root(CertSpec::root().common_name("untrusted")).issue(CertSpec::leaf());
    let good = fixture.root.issue(CertSpec::leaf());
    let registry = &fixture.registry;
    notation::sign_image(registry, "app", &image, &untrusted);
    let by = |chain, target| Signature::new(&SignRequest::new(chain, target), Format::Jws);
    by(&good, &other).attach(registry, "app", &image);
    by(&good, &image).extra_layers(1).attach(registry, "app", &image);
    by(&good, &image).subject(&other).attach(registry, "app", &image);
    Signature::of_envelope(b"{}", "application/jose+json").attach(registry, "app", &image);
    Signature::of_envelope(b"x", "application/x-other").attach(registry, "app", &image);
    let missing = countersign_testkit::Descriptor::of("application/vnd.oci.image.manifest.v1+json", b"nowhere");
    let missing = countersign_testkit::Descriptor {
        artifact_type: Some("application/vnd.cncf.notary.signature".to_owned()),
        ..missing
    };
    registry.list_referrer("app", &image.digest, missing);
    let reference = registry.reference("app", &image);
    let verdict = fixture.verify(&reference).await.verdict;
    let ImageVerdict::Inconclusive(inconclusive) = &*verdict else {
        panic!("a signature that cannot be had leaves the image undecided");
    };
    let mut codes: Vec<_> = inconclusive.signatures.listed().iter().map(|failed| failed.reasons.first().code).collect();
    codes.sort_by_key(|code| code.reached());
    assert_eq!(
        codes,
        [
            Code::SignatureUnavailable,
            Code::SignatureManifestInvalid,
            Code::SignatureManifestInvalid,
            Code::EnvelopeUnsupported,
            Code::EnvelopeMalformed,
            Code::TargetMismatch,
            Code::UntrustedChain,
        ]
    );
    notation::sign_image(registry, "app", &image, &good);
    assert_eq!(fixture.code(&reference).await, Code::Verified);
}

#[tokio::test]
async fn reports_the_reason_of_the_signature_that_passed_the_most_checks() {
    let fixture = EngineFixture::new().await;
    let image = fixture.registry.push_image("app", "v1");
    let untrusted = Authority::root(CertSpec::root().common_name("untrusted")).issue(CertSpec::leaf());
    Signature::of_envelope(b"{}", "application/jose+json").attach(&fixture.registry, "app", &image);
    notation::sign_image(&fixture.registry, "app", &image, &untrusted);
    assert_eq!(fixture.code(&fixture.registry.reference("app", &image)).await, Code::UntrustedChain);
}

#[tokio::test]
async fn more_signatures_than_the_limit_make_the_image_inconclusive() {
    let fixture = EngineFixture::with(&policy(&["ca:main"], &["*"]), |settings| settings.max_signatures = 3).await;
    let image = fixture.registry.push_image("app", "v1");
    let untrusted = Authority::root(CertSpec::root().common_name("untrusted"));
    for number in 0..4 {
        let chain = untrusted.issue(CertSpec::leaf().common_name(&format!("leaf {number}")));
        notation::sign_image(&fixture.registry, "app", &image, &chain);
    }
    let reference = fixture.registry.reference("app", &image);
    assert_eq!(fixture.code(&reference).await, Code::TooManySignatures);
    assert_eq!(fixture.registry.count(Route::Blob), 3);

    // The thumbprints select the signature that is tried first.
    notation::sign_image(&fixture.registry, "app", &image, &fixture.root.issue(CertSpec::leaf()));
    fixture.registry.clear_requests();
    assert_eq!(fixture.code(&reference).await, Code::Verified);
    assert_eq!(fixture.registry.count(Route::Blob), 1);
}

#[tokio::test]
async fn rejects_a_repository_without_a_statement_and_fetches_nothing_of_a_skipped_one() {
    let document = serde_json::json!({
        "version": "1.0",
        "trustPolicies": [{
            "name": "lab",
            "registryScopes": ["registry.example/lab"],
            "signatureVerification": { "level": "skip" },
        }],
    });
    let fixture = EngineFixture::with(&document.to_string(), |_| {}).await;
    assert_eq!(fixture.code("registry.example/lab:v1").await, Code::Skipped);
    assert_eq!(fixture.code("registry.example/lab/other:v1").await, Code::NoApplicableRule);
    assert_eq!(fixture.registry.requests().len(), 0);
}

#[tokio::test]
async fn a_manifest_of_another_digest_is_inconclusive() {
    let fixture = EngineFixture::new().await;
    let chain = fixture.root.issue(CertSpec::leaf());
    let image = fixture.registry.push_image("app", "v1");
    let evil = fixture.registry.push_image("app", "v2");
    notation::sign_image(&fixture.registry, "app", &image, &chain);
    let body = format!(r#"{{"mediaType":"{}","config":{{}},"layers":[]}}"#, image.media_type);
    fixture.registry.put_manifest_as("app", &evil.digest, &image.media_type, body.as_bytes());
    assert_eq!(fixture.code(&fixture.registry.reference("app", &evil)).await, Code::RegistryAnswerInvalid);
}
