//! Responses of registries to requests for referrers and signatures, and the resulting verdicts. A signature counts wherever
//! it is found; `unsigned` requires an explicit empty list.

use std::sync::Arc;
use std::time::Duration;

use countersign::engine::Deadline;
use countersign::engine::Verifier as _;
use countersign_core::verdict::Code;
use countersign_core::verdict::ImageVerdict;
use countersign_core::verdict::Reason;
use countersign_test_support::fixture::EngineFixture;
use countersign_testkit::Descriptor;
use countersign_testkit::IMAGE_INDEX;
use countersign_testkit::IMAGE_MANIFEST;
use countersign_testkit::notation;
use countersign_testkit::notation::ManifestForm;
use countersign_testkit::notation::SIGNATURE_ARTIFACT_TYPE;
use countersign_testkit::notation::Signature;
use countersign_testkit::pki::Authority;
use countersign_testkit::pki::CertSpec;
use countersign_testkit::registry::FaultHandle;
use countersign_testkit::registry::Referrers;
use countersign_testkit::registry::Registry;
use countersign_testkit::registry::Reply;
use countersign_testkit::registry::Route;
use countersign_testkit::signer::Format;
use countersign_testkit::signer::SignRequest;

/// The content of the fallback tag.
#[derive(Clone, Copy, Debug)]
enum Fallback {
    Absent,
    Signature,
    /// An index of another kind of referrer.
    Sbom,
    /// The image, by a registry that reads the tag as the digest.
    Image,
    AnotherManifest,
    /// 404 by something in front of the registry.
    Page,
    Failure,
}

impl Fallback {
    const ALL: [Self; 7] =
        [Self::Absent, Self::Signature, Self::Sbom, Self::Image, Self::AnotherManifest, Self::Page, Self::Failure];

    fn prepare(self, fixture: &EngineFixture, image: &Descriptor) -> Option<FaultHandle> {
        let registry = &fixture.registry;
        let tag = image.digest.replace(':', "-");
        match self {
            Self::Absent => {}
            Self::Signature => {
                notation::sign_image(registry, "app", image, &fixture.root.issue(CertSpec::leaf()));
            }
            Self::Sbom => registry.list_referrer("app", &image.digest, sbom()),
            Self::Image => registry.tag("app", &tag, &image.digest),
            Self::AnotherManifest => {
                let other = registry.push_image("app", "another");
                registry.tag("app", &tag, &other.digest);
            }
            Self::Page => {
                let page = Reply::status(404).header("content-type", "text/html").body("<html>");
                return Some(registry.when(Route::Manifest).path_contains(&tag).reply(page));
            }
            Self::Failure => return Some(registry.when(Route::Manifest).path_contains(&tag).status(500)),
        }
        None
    }
}

fn sbom() -> Descriptor {
    Descriptor { artifact_type: Some("application/spdx+json".to_owned()), ..Descriptor::sample("sbom") }
}

fn index(entries: &[Descriptor]) -> Reply {
    let entries: Vec<_> = entries.iter().map(Descriptor::to_json).collect();
    let body = serde_json::json!({ "schemaVersion": 2, "mediaType": IMAGE_INDEX, "manifests": entries });
    Reply::status(200).header("content-type", IMAGE_INDEX).body(body.to_string())
}

#[tokio::test]
async fn each_answer_of_the_api_with_each_state_of_the_fallback_tag_has_its_verdict() {
    use Code::ImageNotFound as Missing;
    use Code::ReferrersUnsupported as Unsupported;
    use Code::RegistryAnswerInvalid as Invalid;
    use Code::RegistryDenied as Denied;
    use Code::RegistryFailed as Failed;
    use Code::RegistryRedirectRefused as Redirect;
    use Code::RegistryThrottled as Throttled;
    use Code::Unsigned;
    use Code::Verified;

    let text = |status, kind: &str, body: &'static str| Reply::status(status).header("content-type", kind).body(body);
    // In the order of Fallback::ALL.
    let unsupported = [Unsupported, Verified, Unsupported, Unsupported, Invalid, Invalid, Failed];
    let no_api = [Unsigned, Verified, Unsigned, Unsigned, Invalid, Invalid, Failed];
    let strange = [Invalid, Verified, Invalid, Invalid, Invalid, Invalid, Failed];
    let denied = [Denied, Verified, Denied, Denied, Invalid, Invalid, Failed];
    let cases = [
        // An index is conclusive; the fallback tag is not read.
        (index(&[]), [Unsigned; 7]),
        (index(&[sbom()]), [Unsigned; 7]),
        (text(200, &format!("{IMAGE_INDEX}; charset=utf-8"), r#"{"manifests":null}"#), [Unsigned; 7]),
        (Reply::status(404), no_api),
        (text(404, "text/plain", "404 page not found\n"), no_api),
        (text(404, "text/html", "<html>"), no_api),
        (Reply::error(404, "NOT_FOUND"), no_api),
        (Reply::error(404, "NAME_UNKNOWN"), [Missing, Verified, Missing, Missing, Invalid, Invalid, Failed]),
        (Reply::status(400), unsupported),
        (Reply::error(405, "UNSUPPORTED"), unsupported),
        (Reply::status(406), unsupported),
        (Reply::status(410), unsupported),
        (Reply::status(415), unsupported),
        (Reply::status(501), unsupported),
        (Reply::error(401, "UNAUTHORIZED"), denied),
        (Reply::error(403, "DENIED"), denied),
        (text(200, "text/html", "<html>"), strange),
        (text(200, "application/json", "{}"), strange),
        (text(200, "application/json", r#"{"manifests":[]}"#), strange),
        (text(200, IMAGE_INDEX, "{}"), strange),
        (text(200, IMAGE_INDEX, ""), strange),
        (text(200, IMAGE_INDEX, "<html>"), strange),
        (text(200, IMAGE_INDEX, r#"{"manifests":"none"}"#), strange),
        (text(200, IMAGE_MANIFEST, r#"{"config":{},"layers":[]}"#), strange),
        (Reply::status(200), strange),
        (Reply::status(204), [Failed, Verified, Failed, Failed, Invalid, Invalid, Failed]),
        (Reply::status(302), [Redirect, Verified, Redirect, Redirect, Invalid, Invalid, Failed]),
        (Reply::status(500), [Failed; 7]),
        (Reply::status(503), [Failed; 7]),
        (Reply::status(429).header("retry-after", "60"), [Throttled; 7]),
    ];
    for (reply, codes) in cases {
        for (fallback, code) in Fallback::ALL.into_iter().zip(codes) {
            let fixture = EngineFixture::new().await;
            fixture.registry.referrers(Referrers::FallbackTag);
            let image = fixture.registry.push_image("app", "v1");
            let _ = fallback.prepare(&fixture, &image);
            fixture.registry.when(Route::Referrers).reply(reply.clone());
            let verdict = fixture.verify(&fixture.registry.reference("app", &image)).await.verdict;
            assert_eq!((verdict.code(), verdict.kind()), (code, code.kind()), "{reply:?} {fallback:?}");
        }
    }
}

fn reason(verdict: &ImageVerdict) -> Reason {
    match verdict {
        ImageVerdict::Rejected(rejected) => rejected.reason.clone(),
        ImageVerdict::Inconclusive(inconclusive) => inconclusive.reason.clone(),
        ImageVerdict::Verified(_) | ImageVerdict::Skipped(_) => panic!("{verdict:?}"),
    }
}

#[tokio::test]
async fn signatures_are_found_in_a_filtered_list_that_names_no_types() {
    for form in [ManifestForm::Current, ManifestForm::Legacy, ManifestForm::Artifact] {
        let fixture = EngineFixture::new().await;
        fixture.registry.referrers(Referrers::ApiWithoutTypes);
        let image = fixture.registry.push_image("app", "v1");
        let chain = fixture.root.issue(CertSpec::leaf());
        let signature = Signature::new(&SignRequest::new(&chain, &image), Format::Jws).form(form);
        signature.attach(&fixture.registry, "app", &image);
        assert_eq!(fixture.code(&fixture.registry.reference("app", &image)).await, Code::Verified, "{form:?}");
    }
}

/// Stores a manifest that refers to `image` and is no signature.
fn put_referrer(registry: &Registry, image: &Descriptor, members: &str) -> Descriptor {
    let subject = image.to_json();
    let body = format!(r#"{{"schemaVersion":2,"mediaType":"{IMAGE_MANIFEST}",{members},"subject":{subject}}}"#);
    registry.put_manifest("app", IMAGE_MANIFEST, body.as_bytes())
}

#[tokio::test]
async fn what_is_no_signature_in_a_filtered_list_without_types_leaves_the_image_unsigned() {
    let fixture = EngineFixture::new().await;
    let registry = &fixture.registry;
    let image = registry.push_image("app", "v1");
    let listed = [
        put_referrer(registry, &image, r#""artifactType":"application/spdx+json","config":{},"layers":[]"#),
        // Its type is clear; mistakes in the rest do not matter.
        put_referrer(registry, &image, r#""artifactType":"application/spdx+json","layers":[{"size":-1}]"#),
        put_referrer(registry, &image, r#""config":{"mediaType":"application/vnd.oci.image.config.v1+json"}"#),
        put_referrer(registry, &image, r#""layers":[]"#),
        // An index cannot be a signature, and is not fetched.
        Descriptor::of(IMAGE_INDEX, b"nowhere"),
    ];
    let filtered = |entries: &[Descriptor]| index(entries).header("oci-filters-applied", "artifactType");
    registry.when(Route::Referrers).times(1).reply(filtered(&listed));
    let reference = registry.reference("app", &image);
    let verdict = fixture.verify(&reference).await.verdict;
    assert_eq!(
        reason(&verdict).to_string(),
        "unsigned: no Notary Project signature found for this image: found none, expected at least one"
    );

    // A signature among them is found.
    let chain = fixture.root.issue(CertSpec::leaf());
    let good = Signature::new(&SignRequest::new(&chain, &image), Format::Cose).attach(registry, "app", &image);
    let with_signature: Vec<_> = listed.iter().cloned().chain([Descriptor { artifact_type: None, ..good }]).collect();
    registry.when(Route::Referrers).times(1).reply(filtered(&with_signature));
    assert_eq!(fixture.code(&reference).await, Code::Verified);
}

#[tokio::test]
async fn a_missing_entry_without_a_type_may_be_a_signature() {
    let fixture = EngineFixture::new().await;
    let image = fixture.registry.push_image("app", "v1");
    let gone = Descriptor::of(IMAGE_MANIFEST, b"nowhere");
    fixture.registry.when(Route::Referrers).reply(index(&[gone]).header("oci-filters-applied", "artifactType"));
    let verdict = fixture.verify(&fixture.registry.reference("app", &image)).await.verdict;
    assert_eq!(verdict.code(), Code::SignatureUnavailable);
}

#[tokio::test]
async fn an_entry_with_a_false_type_is_a_broken_signature() {
    let fixture = EngineFixture::new().await;
    let image = fixture.registry.push_image("app", "v1");
    let other = put_referrer(&fixture.registry, &image, r#""artifactType":"application/spdx+json","layers":[]"#);
    let lie = Descriptor { artifact_type: Some(SIGNATURE_ARTIFACT_TYPE.to_owned()), ..other };
    fixture.registry.when(Route::Referrers).reply(index(&[lie]));
    let code = fixture.code(&fixture.registry.reference("app", &image)).await;
    assert_eq!(code, Code::SignatureManifestInvalid);
}

#[tokio::test]
async fn reports_the_number_of_referrers_without_a_type() {
    for (count, note) in [(0, ""), (1, "; 1 referrer has no artifact type"), (2, "; 2 referrers have no artifact type")]
    {
        let fixture = EngineFixture::new().await;
        fixture.registry.referrers(Referrers::FallbackTag);
        let image = fixture.registry.push_image("app", "v1");
        for number in 0..count {
            fixture.registry.list_referrer("app", &image.digest, Descriptor::sample(&number.to_string()));
        }
        let verdict = fixture.verify(&fixture.registry.reference("app", &image)).await.verdict;
        assert_eq!(
            reason(&verdict).to_string(),
            format!(
                "unsigned: no Notary Project signature found for this image: found none, expected at least \
                 one{note}"
            )
        );
    }
}

#[tokio::test]
async fn a_failed_page_keeps_the_signatures_before_it() {
    let other = Registry::start().await;
    let elsewhere = format!("<{}/v2/app/referrers/x>; rel=\"next\"", other.url());
    type Break = Box<dyn Fn(&Registry) -> FaultHandle>;
    let cases: Vec<(Break, Code, &str)> = vec![
        (
            Box::new(move |registry| registry.when(Route::Referrers).header("link", &elsewhere)),
            Code::RegistryAnswerInvalid,
            "page 2 of the list: the link to the next page is refused: found ",
        ),
        (
            Box::new(|registry| registry.when(Route::Referrers).after(1).status(500)),
            Code::RegistryFailed,
            "page 2 of the list: ",
        ),
        (
            Box::new(|registry| registry.when(Route::Referrers).after(1).status(404)),
            Code::RegistryAnswerInvalid,
            "page 2 of the list: ",
        ),
        (
            Box::new(|registry| registry.when(Route::Referrers).after(1).body("{\"manifests\":[")),
            Code::RegistryAnswerInvalid,
            "page 2 of the list: index is not valid JSON",
        ),
        (
            Box::new(|registry| registry.when(Route::Referrers).header("link", "<?page=1>; rel=next")),
            Code::RegistryAnswerInvalid,
            "page 3 of the list: the link to the next page is refused: it leads to a page that was already read",
        ),
        (
            Box::new(|registry| registry.when(Route::Referrers).after(1).endless_empty_pages()),
            Code::TooManySignatures,
            "too many referrers: found more than 1000 entries or 50 pages",
        ),
    ];
    for (break_it, code, words) in cases {
        let fixture = EngineFixture::new().await;
        fixture.registry.page_size(1);
        let untrusted = Authority::root(CertSpec::root().common_name("untrusted")).issue(CertSpec::leaf());
        let image = fixture.registry.push_image("app", "v1");
        let reference = fixture.registry.reference("app", &image);
        // A rejected signature is on the first page; the second page is unknown.
        notation::sign_image(&fixture.registry, "app", &image, &untrusted);
        fixture.registry.list_referrer(
            "app",
            &image.digest,
            Descriptor { artifact_type: Some(SIGNATURE_ARTIFACT_TYPE.to_owned()), ..Descriptor::sample("second") },
        );
        break_it(&fixture.registry);
        let verdict = fixture.verify(&reference).await.verdict;
        let reason = reason(&verdict);
        assert_eq!(reason.code, code, "{reason}");
        assert!(reason.to_string().contains(words), "{reason}");
        let ImageVerdict::Inconclusive(inconclusive) = &*verdict else { panic!("{verdict:?}") };
        assert_eq!(inconclusive.signatures.listed()[0].reasons.first().code, Code::UntrustedChain);

        // A good one on the first page counts.
        let image = fixture.registry.push_image("app", "v2");
        notation::sign_image(&fixture.registry, "app", &image, &fixture.root.issue(CertSpec::leaf()));
        fixture.registry.list_referrer(
            "app",
            &image.digest,
            Descriptor { artifact_type: Some(SIGNATURE_ARTIFACT_TYPE.to_owned()), ..Descriptor::sample("second") },
        );
        fixture.registry.clear_faults();
        break_it(&fixture.registry);
        assert_eq!(fixture.code(&fixture.registry.reference("app", &image)).await, Code::Verified, "{words}");
    }
    assert_eq!(other.connections(), 0);
}

#[tokio::test]
async fn a_refused_redirect_is_the_registrys_failure_and_not_the_signatures() {
    for (location, words) in [
        (Some("ftp://127.0.0.1/"), "found the scheme \"ftp\", expected https"),
        (Some("http://user@127.0.0.1/"), "found no URL of at most 8192 bytes"),
        (None, "found no Location header, expected one"),
        (
            Some("http://169.254.169.254/blob"),
            "169.254.169.254:80 is at 169.254.169.254, an address that only configured registries may have; 169.254.169.254:80 is the blob \
             store that ",
        ),
    ] {
        let fixture = EngineFixture::new().await;
        let image = fixture.registry.push_image("app", "v1");
        notation::sign_image(&fixture.registry, "app", &image, &fixture.root.issue(CertSpec::leaf()));
        let reply = Reply::status(307);
        let reply = location.into_iter().fold(reply, |reply, location| reply.header("location", location));
        for route in [Route::Blob, Route::Manifest, Route::Referrers] {
            let fault = fixture.registry.when(route).reply(reply.clone());
            let verdict = fixture.verify(&fixture.registry.reference("app", &image)).await.verdict;
            let reason = reason(&verdict);
            assert_eq!(reason.code, Code::RegistryRedirectRefused, "{route:?} {reason}");
            let words = if route == Route::Blob { words } else { words.split("; ").next().unwrap() };
            assert!(reason.to_string().contains(words), "{route:?} {reason}");
            fault.remove();
        }
        assert_eq!(fixture.code(&fixture.registry.reference("app", &image)).await, Code::Verified);
    }
}

#[tokio::test]
async fn a_blob_store_that_fails_is_named_and_is_not_the_signatures_fault() {
    let fixture = EngineFixture::new().await;
    let store = Registry::start().await;
    let image = fixture.registry.push_image("app", "v1");
    notation::sign_image(&fixture.registry, "app", &image, &fixture.root.issue(CertSpec::leaf()));
    let reference = fixture.registry.reference("app", &image);
    let blob_store = format!("{} is the blob store that {} redirects to", store.host(), fixture.registry.host());
    fixture.registry.when(Route::Blob).redirect(307, &format!("{}/blob", store.url()));
    for (status, code) in [
        (401, Code::RegistryFailed),
        (403, Code::RegistryFailed),
        (404, Code::SignatureUnavailable),
        (500, Code::RegistryFailed),
    ] {
        let fault = store.when(Route::Other).status(status);
        let reason = reason(&fixture.verify(&reference).await.verdict);
        assert_eq!(reason.code, code, "{status} {reason}");
        assert!(reason.to_string().ends_with(&blob_store), "{reason}");
        fault.remove();
    }
    drop(store);
    let reason = reason(&fixture.verify(&reference).await.verdict);
    assert_eq!(reason.code, Code::RegistryUnreachable);
    assert!(reason.to_string().ends_with(&blob_store), "{reason}");
}

#[tokio::test]
async fn an_answer_that_is_encoded_or_a_page_is_not_the_signatures_fault() {
    let fixture = EngineFixture::new().await;
    let image = fixture.registry.push_image("app", "v1");
    let manifest = notation::sign_image(&fixture.registry, "app", &image, &fixture.root.issue(CertSpec::leaf()));
    let reference = fixture.registry.reference("app", &image);
    let fault = fixture.registry.when(Route::Blob).header("content-encoding", "gzip");
    assert_eq!(fixture.code(&reference).await, Code::RegistryAnswerInvalid);
    fault.remove();
    let page = Reply::status(200).header("content-type", "text/html").body(vec![b' '; manifest.size as usize]);
    let fault = fixture.registry.when(Route::Manifest).path_contains(&manifest.digest).reply(page);
    // Its bytes are compared first.
    assert_eq!(fixture.code(&reference).await, Code::SignatureUnavailable);
    fault.remove();
    fixture.registry.when(Route::Manifest).path_contains(&manifest.digest).header("content-type", "text/html");
    assert_eq!(fixture.code(&reference).await, Code::RegistryAnswerInvalid);
}

#[tokio::test]
async fn a_tag_that_was_verified_before_costs_one_head_for_verdicts_and_mutation() {
    let fixture = EngineFixture::new().await;
    let image = fixture.registry.push_image("app", "v1");
    notation::sign_image(&fixture.registry, "app", &image, &fixture.root.issue(CertSpec::leaf()));
    let reference = format!("{}/app:v1", fixture.registry.host());
    assert_eq!(fixture.code(&reference).await, Code::Verified);
    fixture.registry.clear_requests();
    let again = fixture.verify(&reference).await;
    assert_eq!((again.verdict.code(), again.cached), (Code::Verified, true));
    let deadline = Deadline::after(Duration::from_secs(20));
    let resolved =
        fixture.engine.resolve(fixture.engine.request(Arc::new(reference.parse().unwrap()), deadline)).await.unwrap();
    assert_eq!(resolved.as_str(), image.digest);
    let asked: Vec<_> = fixture.registry.requests().iter().map(|request| request.method.to_string()).collect();
    assert_eq!(asked, ["HEAD", "HEAD"]);
}

#[tokio::test]
async fn reports_the_quota_headers_of_a_throttled_image() {
    let fixture = EngineFixture::new().await;
    fixture.registry.push_image("app", "v1");
    fixture.registry.when(Route::Manifest).reply(
        Reply::error(429, "TOOMANYREQUESTS")
            .header("retry-after", "60")
            .header("ratelimit-limit", "100;w=21600")
            .header("docker-ratelimit-source", "192.0.2.7"),
    );
    let host = fixture.registry.host();
    let reason = reason(&fixture.verify(&format!("{host}/app:v1")).await.verdict);
    assert_eq!(
        reason.to_string(),
        format!(
            "registry-throttled: cannot get the manifest of {host}/app: {host} responds with status 429, too many \
             requests, with retry-after \"60\", ratelimit-limit \"100;w=21600\", docker-ratelimit-source \
             \"192.0.2.7\", saying \"TOOMANYREQUESTS: as the test wanted\""
        )
    );
}
