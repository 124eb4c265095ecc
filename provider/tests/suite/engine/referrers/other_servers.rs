//! Responses of servers other than the registry: token services, and the targets of redirects. They never mean that
//! there is no signature.

use countersign_core::verdict::Code;
use countersign_core::verdict::VerdictKind;
use countersign_test_support::fixture::EngineFixture;
use countersign_testkit::Descriptor;
use countersign_testkit::notation;
use countersign_testkit::pki::CertSpec;
use countersign_testkit::registry::Referrers;
use countersign_testkit::registry::Registry;
use countersign_testkit::registry::Reply;
use countersign_testkit::registry::Route;
use countersign_testkit::registry::TokenService;

use crate::engine::referrers::reason;

/// The image by its tag, whose requests are sent one after the other.
fn by_tag(fixture: &EngineFixture) -> String {
    format!("{}/app:v1", fixture.registry.host())
}

/// An image, signed if `signed`, on a registry without the referrers API.
async fn image(signed: bool) -> (EngineFixture, Descriptor) {
    let fixture = EngineFixture::new().await;
    fixture.registry.referrers(Referrers::FallbackTag);
    let image = fixture.registry.push_image("app", "v1");
    if signed {
        notation::sign_image(&fixture.registry, "app", &image, &fixture.root.issue(CertSpec::leaf()));
    }
    (fixture, image)
}

#[tokio::test]
async fn a_failing_token_service_is_inconclusive_at_every_request() {
    // The requests that need a token: image, referrers API, fallback tag, signature manifest, envelope.
    const SIGNED: usize = 5;
    const UNSIGNED: usize = 3;
    for (reply, code) in [
        (Reply::error(401, "UNAUTHORIZED"), Code::RegistryDenied),
        (Reply::error(403, "DENIED"), Code::RegistryDenied),
        (Reply::error(404, "NOT_FOUND"), Code::RegistryFailed),
        (Reply::error(404, "NAME_UNKNOWN"), Code::RegistryFailed),
        (Reply::status(404), Code::RegistryFailed),
        (Reply::error(500, "UNKNOWN"), Code::RegistryFailed),
        (Reply::status(503), Code::RegistryFailed),
    ] {
        for (signed, requests, in_the_end) in [(true, SIGNED, Code::Verified), (false, UNSIGNED, Code::Unsigned)] {
            for number in 0..=requests {
                let (fixture, _) = image(signed).await;
                fixture.registry.require_bearer(&TokenService::anonymous().expires_in(Some(0)));
                fixture.registry.when(Route::Token).after(number).reply(reply.clone());
                let verdict = fixture.verify(&by_tag(&fixture)).await.verdict;
                let expected = if number == requests { in_the_end } else { code };
                assert_eq!(verdict.code(), expected, "signed: {signed}, token {number}, {reply:?}: {verdict:?}");
                assert_eq!(verdict.kind(), expected.kind(), "signed: {signed}, token {number}, {reply:?}");
            }
        }
    }
}

#[tokio::test]
async fn a_404_of_the_token_service_names_it() {
    let (fixture, image) = image(true).await;
    fixture.registry.require_bearer(&TokenService::anonymous().expires_in(Some(0)));
    fixture.registry.when(Route::Token).after(2).error(404, "NOT_FOUND");
    let reason = reason(&fixture.verify(&by_tag(&fixture)).await.verdict);
    let (host, tag) = (fixture.registry.host(), image.digest.replace(':', "-"));
    assert_eq!(
        reason.to_string(),
        format!(
            "registry-failed: cannot get the referrers of {host}/app: the referrers API: {host} responds that the \
             list of referrers does not exist; the fallback tag {tag}: {host} responds with status 404 to the request for a token, saying \
             \"NOT_FOUND: as the test wanted\": expected a token; check the token service that the registry names, and \
             any proxy in front of it; expected an image index from one of them"
        )
    );
}

#[tokio::test]
async fn a_404_of_another_host_is_inconclusive_at_every_request() {
    let page = || Reply::status(404).header("content-type", "text/html").body("<html>");
    for (signed, part, reply, code) in [
        (true, "/manifests/sha256:", Reply::error(404, "MANIFEST_UNKNOWN"), Code::ImageNotFound),
        (true, "/manifests/sha256:", page(), Code::RegistryAnswerInvalid),
        (true, "/referrers/", Reply::error(404, "MANIFEST_UNKNOWN"), Code::Verified),
        (false, "/referrers/", Reply::error(404, "MANIFEST_UNKNOWN"), Code::RegistryAnswerInvalid),
        (false, "/referrers/", page(), Code::RegistryAnswerInvalid),
        (true, "/manifests/sha256-", Reply::error(404, "MANIFEST_UNKNOWN"), Code::RegistryAnswerInvalid),
        (true, "/manifests/sha256-", page(), Code::RegistryAnswerInvalid),
        (false, "/manifests/sha256-", Reply::error(404, "NAME_UNKNOWN"), Code::RegistryAnswerInvalid),
        // The registry lists the signature.
        (true, "/blobs/", Reply::error(404, "BLOB_UNKNOWN"), Code::SignatureUnavailable),
        (true, "/blobs/", page(), Code::SignatureUnavailable),
    ] {
        let case = format!("signed: {signed}, {part}, {reply:?}");
        let (fixture, image) = image(signed).await;
        let other = Registry::start().await;
        other.when(Route::Other).reply(reply);
        fixture.registry.when_any().path_contains(part).redirect(307, &format!("{}/elsewhere", other.url()));
        let verdict = fixture.verify(&fixture.registry.reference("app", &image)).await.verdict;
        assert_eq!(verdict.code(), code, "{case}: {verdict:?}");
        assert_ne!(verdict.kind(), VerdictKind::Rejected, "{case}");
    }
}
