//! Responses that fail, and requests that are saved.

use std::sync::Arc;
use std::time::Duration;

use countersign::engine::Deadline;
use countersign::engine::Verifier as _;
use countersign_core::verdict::Code;
use countersign_core::verdict::ImageVerdict;
use countersign_test_support::fixture::EngineFixture;
use countersign_testkit::Descriptor;
use countersign_testkit::notation;
use countersign_testkit::notation::SIGNATURE_ARTIFACT_TYPE;
use countersign_testkit::pki::Authority;
use countersign_testkit::pki::CertSpec;
use countersign_testkit::registry::FaultHandle;
use countersign_testkit::registry::Registry;
use countersign_testkit::registry::Reply;
use countersign_testkit::registry::Route;

use crate::engine::referrers::reason;

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
async fn reports_a_refused_redirect_as_a_failure_of_the_registry() {
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
async fn reports_a_failing_blob_store_as_a_failure_of_the_registry() {
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
async fn reports_encoded_responses_and_html_pages_as_failures_of_the_registry() {
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
