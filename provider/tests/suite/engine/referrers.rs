//! Responses of registries to requests for referrers and signatures, and the resulting verdicts. A signature counts wherever
//! it is found; `unsigned` requires an explicit empty list.

mod failures;
mod other_servers;
mod untyped;

use countersign_core::verdict::Code;
use countersign_core::verdict::ImageVerdict;
use countersign_core::verdict::Reason;
use countersign_test_support::fixture::EngineFixture;
use countersign_testkit::Descriptor;
use countersign_testkit::IMAGE_INDEX;
use countersign_testkit::IMAGE_MANIFEST;
use countersign_testkit::notation;
use countersign_testkit::pki::CertSpec;
use countersign_testkit::registry::FaultHandle;
use countersign_testkit::registry::Referrers;
use countersign_testkit::registry::Registry;
use countersign_testkit::registry::Reply;
use countersign_testkit::registry::Route;

/// The content of the fallback tag.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Fallback {
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

    pub(crate) fn prepare(self, fixture: &EngineFixture, image: &Descriptor) -> Option<FaultHandle> {
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

pub(crate) fn sbom() -> Descriptor {
    Descriptor { artifact_type: Some("application/spdx+json".to_owned()), ..Descriptor::sample("sbom") }
}

pub(crate) fn index(entries: &[Descriptor]) -> Reply {
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
    // The API redirects to a server that responds with 404.
    let elsewhere = [Invalid, Verified, Invalid, Invalid, Invalid, Invalid, Failed];
    let other = Registry::start().await;
    let away = format!("{}/elsewhere", other.url());
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
        (Reply::status(307).header("location", &away), elsewhere),
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

pub(crate) fn reason(verdict: &ImageVerdict) -> Reason {
    match verdict {
        ImageVerdict::Rejected(rejected) => rejected.reason.clone(),
        ImageVerdict::Inconclusive(inconclusive) => inconclusive.reason.clone(),
        ImageVerdict::Verified(_) | ImageVerdict::Skipped(_) => panic!("{verdict:?}"),
    }
}
