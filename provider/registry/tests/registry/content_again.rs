//! Content that was received before: the location that is asked must say that it has it, and then its bytes are not received again.

use std::time::Duration;

use countersign_core::name::Digest;
use countersign_core::name::DigestAlgorithm;
use countersign_core::name::Repository;
use countersign_core::oci::Descriptor;
use countersign_credentials::Credential;
use countersign_registry::Cause;
use countersign_registry::Mirrors;
use countersign_registry::Registries;
use countersign_registry::RegistryEntry;
use countersign_registry::RegistryError;
use countersign_registry::RegistryErrorKind;
use countersign_registry::Stage;
use countersign_registry::resources::BYTES;
use countersign_testkit::IMAGE_INDEX;
use countersign_testkit::IMAGE_MANIFEST;
use countersign_testkit::registry::Registry;
use countersign_testkit::registry::Reply;
use countersign_testkit::registry::Route;
use http::Method;

use crate::support::PASSWORD;
use crate::support::USER;
use crate::support::alice;
use crate::support::anonymous;
use crate::support::build;
use crate::support::descriptor;
use crate::support::entry;
use crate::support::settings;
use crate::support::soon;

const MANIFEST: &[u8] = b"{\"a\":1}";
const ENVELOPE: &[u8] = b"envelope";
const LIMIT: usize = 1024 * 1024;

/// Puts the manifest and the envelope of a signature.
fn put(registry: &Registry, repository: &str) -> [Descriptor; 2] {
    let manifest = registry.put_manifest(repository, IMAGE_MANIFEST, MANIFEST);
    let envelope = registry.put_blob(repository, "application/jose+json", ENVELOPE);
    [descriptor(&manifest), descriptor(&envelope)]
}

/// Gets both, one after the other. Returns their errors.
async fn get(
    registries: &Registries,
    registry: &Registry,
    name: &str,
    wanted: &[Descriptor; 2],
) -> [Result<(), RegistryError>; 2] {
    let repository: Repository = format!("{}/{name}", registry.host()).parse().unwrap();
    let [manifest, envelope] = wanted;
    let found = registries.manifest_once(&repository, manifest, LIMIT, soon()).await;
    let manifest = found.map(|bytes| assert_eq!(&*bytes, MANIFEST));
    let found = registries.blob_once(&repository, envelope, LIMIT, soon()).await;
    [manifest, found.map(|bytes| assert_eq!(&*bytes, ENVELOPE))]
}

async fn both(registries: &Registries, registry: &Registry, name: &str, wanted: &[Descriptor; 2]) {
    assert_eq!(get(registries, registry, name, wanted).await, [Ok(()), Ok(())]);
}

/// The requests since the last call: method, repository, kind and status.
fn asked(registry: &Registry) -> Vec<String> {
    let requests = registry.requests();
    registry.clear_requests();
    let text = |request: &countersign_testkit::registry::RecordedRequest| {
        let path = request.path.trim_start_matches("/v2/").rsplit_once('/').unwrap().0.replace('/', " ");
        format!("{} {path} {}", request.method, request.status().map_or("-".to_owned(), |status| status.to_string()))
    };
    requests.iter().map(text).collect()
}

/// A registry whose `app` and `second` have the same signature, which was received from `app`.
async fn received() -> (Registry, Registries, [Descriptor; 2]) {
    let registry = Registry::start().await;
    let wanted = put(&registry, "app");
    assert_eq!(put(&registry, "second"), wanted);
    let registries = anonymous(&registry);
    both(&registries, &registry, "app", &wanted).await;
    assert_eq!(asked(&registry), ["GET app manifests 200", "GET app blobs 200"]);
    (registry, registries, wanted)
}

#[tokio::test]
async fn what_another_repository_has_sent_is_only_asked_for() {
    let (registry, registries, wanted) = received().await;
    for name in ["second", "app"] {
        both(&registries, &registry, name, &wanted).await;
        assert_eq!(asked(&registry), [format!("HEAD {name} manifests 200"), format!("HEAD {name} blobs 200")]);
    }
    // Whoever wants to know whether it can be received receives it.
    let repository: Repository = format!("{}/app", registry.host()).parse().unwrap();
    let _ = registries.manifest(&repository, &wanted[0], LIMIT, soon()).await.unwrap();
    let _ = registries.blob(&repository, &wanted[1], LIMIT, soon()).await.unwrap();
    assert_eq!(asked(&registry), ["GET app manifests 200", "GET app blobs 200"]);
}

#[tokio::test]
async fn a_head_is_sent_as_the_get_would_be() {
    let (registry, registries, wanted) = received().await;
    both(&registries, &registry, "app", &wanted).await;
    let accepted: Vec<_> =
        registry.requests().iter().map(|request| request.header("accept").map(str::to_owned)).collect();
    assert_eq!(accepted, [Some(IMAGE_MANIFEST.to_owned()), Some("*/*".to_owned())]);
}

#[tokio::test]
async fn the_bytes_count_in_the_budget_of_bodies_while_they_are_used() {
    let registry = Registry::start().await;
    let wanted = put(&registry, "app");
    let (registries, seen) = build(settings(vec![entry(&registry, Credential::Anonymous)]));
    both(&registries, &registry, "app", &wanted).await;
    assert_eq!(seen.in_use(BYTES), 0);
    let repository: Repository = format!("{}/app", registry.host()).parse().unwrap();
    let before = registries.received_before(&repository, &wanted[0]).unwrap();
    let asked = registries.manifest_once(&repository, &wanted[0], LIMIT, soon()).await.unwrap();
    assert_eq!(seen.in_use(BYTES), 2 * i64::try_from(MANIFEST.len()).unwrap());
    drop((before, asked));
    assert_eq!(seen.in_use(BYTES), 0);
}

#[tokio::test]
async fn content_that_the_repository_no_longer_has_is_not_found() {
    let (registry, registries, wanted) = received().await;
    registry.remove("second", wanted[0].digest.as_str());
    registry.remove("second", wanted[1].digest.as_str());
    let errors = get(&registries, &registry, "second", &wanted).await;
    let expected =
        ["HEAD second manifests 404", "GET second manifests 404", "HEAD second blobs 404", "GET second blobs 404"];
    assert_eq!(asked(&registry), expected);
    let cold = get(&anonymous(&registry), &registry, "second", &wanted).await;
    for (error, cold) in errors.into_iter().zip(cold) {
        let (error, cold) = (error.unwrap_err(), cold.unwrap_err());
        assert_eq!((error.kind(), error.stage), (RegistryErrorKind::NotFound, cold.stage));
        assert_eq!(error.to_string(), cold.to_string());
    }
}

/// The text without what it quotes of an answer.
fn without_quote(text: &str) -> String {
    let Some((before, quote)) = text.split_once(", saying \"") else { return text.to_owned() };
    format!("{before}{}", quote.split_once('"').unwrap().1)
}

/// What is answered to every request, and whether a GET follows the HEAD.
const FAILURES: [(u16, bool); 13] = [
    (204, true),
    (400, true),
    (401, true),
    (403, true),
    (404, true),
    (405, true),
    (410, true),
    (429, false),
    (500, true),
    (501, true),
    (502, false),
    (503, false),
    (504, false),
];

#[tokio::test]
async fn a_failure_is_that_of_a_get() {
    for (status, get_follows) in FAILURES {
        let reply = match status {
            429 => Reply::error(429, "TOOMANYREQUESTS").header("retry-after", "60"),
            _ => Reply::error(status, "X"),
        };
        for route in [Route::Manifest, Route::Blob] {
            let (registry, registries, wanted) = received().await;
            let cold = Registry::start().await;
            put(&cold, "second");
            for registry in [&registry, &cold] {
                registry.when(route).path_contains("second").reply(reply.clone());
            }
            let failure = |[manifest, blob]: [Result<(), RegistryError>; 2]| {
                let of_other = [&blob, &manifest][usize::from(route == Route::Blob)].as_ref().err();
                // The pause is that of the host.
                assert!(of_other.is_none() || status == 429, "{status} {of_other:?}");
                [manifest, blob][usize::from(route == Route::Blob)].clone().unwrap_err()
            };
            let found = failure(get(&registries, &registry, "second", &wanted).await);
            let expected = failure(get(&anonymous(&cold), &cold, "second", &wanted).await);
            assert_eq!((found.kind(), found.stage), (expected.kind(), expected.stage), "{status} {route:?}");
            let methods = registry.requests_to(route).into_iter().map(|request| request.method);
            let gets = methods.filter(|method| *method == Method::GET).count();
            assert_eq!(gets > 0, get_follows, "{status} {route:?}");
            let text = |error: &RegistryError, registry: &Registry| {
                let text = error.to_string().replace(&registry.host(), "HOST");
                // Only answers to GET have a text.
                if get_follows { text } else { without_quote(&text) }
            };
            assert_eq!(text(&found, &registry), text(&expected, &cold), "{status} {route:?}");
        }
    }
}

#[tokio::test]
async fn a_refusal_may_be_about_the_method() {
    for status in [400, 401, 403, 404, 405, 406, 500, 501] {
        let (registry, registries, wanted) = received().await;
        registry.when_any().method(Method::HEAD).reply(Reply::status(status));
        both(&registries, &registry, "second", &wanted).await;
        assert_eq!(
            asked(&registry),
            [
                format!("HEAD second manifests {status}"),
                "GET second manifests 200".to_owned(),
                format!("HEAD second blobs {status}"),
                "GET second blobs 200".to_owned(),
            ]
        );
    }
}

#[tokio::test]
async fn a_host_that_never_answers_a_head_gets_none_the_next_time() {
    for fault in [Reply::status(502), Reply::status(503), Reply::status(504)] {
        let (registry, registries, wanted) = received().await;
        registry.when_any().method(Method::HEAD).reply(fault);
        let failed = get(&registries, &registry, "second", &wanted).await;
        assert!(failed.iter().all(Result::is_err), "{failed:?}");
        asked(&registry);
        both(&registries, &registry, "second", &wanted).await;
        assert_eq!(asked(&registry), ["GET second manifests 200", "GET second blobs 200"]);
    }
}

/// What a HEAD is answered, and whether that is enough; the GET is answered correctly.
#[tokio::test]
async fn an_answer_to_head_that_is_not_about_the_content_leads_to_a_get() {
    let other = Digest::of(DigestAlgorithm::Sha256, b"other").to_string();
    let (digest, kind, length) = ("docker-content-digest", "content-type", "content-length");
    for (route, name, value, is_enough) in [
        (Route::Manifest, digest, Some(other.as_str()), false),
        (Route::Manifest, digest, None, true),
        (Route::Manifest, kind, Some(IMAGE_INDEX), false),
        (Route::Manifest, kind, Some("text/html"), false),
        (Route::Manifest, kind, None, false),
        (Route::Manifest, length, Some("12345"), true),
        (Route::Blob, digest, Some(other.as_str()), false),
        (Route::Blob, digest, None, true),
        (Route::Blob, kind, Some("text/html"), true),
        (Route::Blob, length, Some("12345"), true),
    ] {
        let (registry, registries, wanted) = received().await;
        let when = registry.when(route).method(Method::HEAD);
        match value {
            Some(value) => when.header(name, value),
            None => when.without_header(name),
        };
        both(&registries, &registry, "second", &wanted).await;
        let mut expected = vec!["HEAD second manifests 200", "HEAD second blobs 200"];
        if !is_enough {
            let (at, get) =
                if route == Route::Manifest { (1, "GET second manifests 200") } else { (2, "GET second blobs 200") };
            expected.insert(at, get);
        }
        assert_eq!(asked(&registry), expected, "{route:?} {name} {value:?}");
    }
}

#[tokio::test]
async fn a_page_in_place_of_a_blob_is_not_its_existence() {
    let (registry, registries, wanted) = received().await;
    registry.when(Route::Blob).reply(Reply::status(200).header("content-type", "text/html").body("<p>log in</p>"));
    let [manifest, envelope] = get(&registries, &registry, "second", &wanted).await;
    assert_eq!(manifest, Ok(()));
    assert!(envelope.is_err());
    assert_eq!(asked(&registry), ["HEAD second manifests 200", "HEAD second blobs 200", "GET second blobs 200"]);
}

#[tokio::test(start_paused = true)]
async fn a_host_of_which_a_head_saves_nothing_gets_none_for_ten_minutes() {
    let (registry, registries, wanted) = received().await;
    registry.when(Route::Manifest).method(Method::HEAD).times(1).status(405);
    let (head, get) = ("HEAD second manifests 200", "GET second manifests 200");
    for (minutes, expected) in [(0, vec!["HEAD second manifests 405", get]), (9, vec![get]), (1, vec![head])] {
        tokio::time::advance(Duration::from_secs(60 * minutes)).await;
        both(&registries, &registry, "second", &wanted).await;
        // Blobs are another question.
        assert_eq!(asked(&registry), [expected, vec!["HEAD second blobs 200"]].concat());
    }
}

#[tokio::test]
async fn a_store_that_refuses_a_head_of_a_url_for_get_is_sent_a_get() {
    let (registry, registries, wanted) = received().await;
    let store = Registry::start().await;
    store.serve_file("/store/envelope", "application/octet-stream", ENVELOPE);
    let location = format!("{}/store/envelope", store.url());
    registry.when(Route::Blob).redirect(307, &location);
    both(&registries, &registry, "second", &wanted).await;
    assert_eq!(asked(&registry), ["HEAD second manifests 200", "HEAD second blobs 307"]);
    assert_eq!(store.requests().len(), 1);
    for status in [403, 404, 400, 500] {
        let (registry, registries, wanted) = received().await;
        let refusal = store.when_any().method(Method::HEAD).status(status);
        registry.when(Route::Blob).redirect(307, &location);
        both(&registries, &registry, "second", &wanted).await;
        assert_eq!(asked(&registry), ["HEAD second manifests 200", "HEAD second blobs 307", "GET second blobs 307"]);
        refusal.remove();
    }
}

#[tokio::test]
async fn bytes_with_another_digest_are_an_error_and_never_kept() {
    let registry = Registry::start().await;
    let wanted = put(&registry, "app");
    put(&registry, "second");
    let registries = anonymous(&registry);
    let tampered = registry.when_any().path_contains("/app/").wrong_bytes();
    for error in get(&registries, &registry, "app", &wanted).await {
        assert_eq!(error.unwrap_err().kind(), RegistryErrorKind::ContentMismatch);
    }
    tampered.remove();
    let repository: Repository = format!("{}/second", registry.host()).parse().unwrap();
    assert!(wanted.iter().all(|one| registries.received_before(&repository, one).is_none()));
    asked(&registry);
    both(&registries, &registry, "second", &wanted).await;
    assert_eq!(asked(&registry), ["GET second manifests 200", "GET second blobs 200"]);
    // Nor one with another media type than the list says.
    let registries = anonymous(&registry);
    registry.when(Route::Manifest).header("content-type", IMAGE_INDEX);
    assert!(get(&registries, &registry, "app", &wanted).await[0].is_err());
    assert!(registries.received_before(&repository, &wanted[0]).is_none());
}

#[tokio::test]
async fn a_descriptor_with_another_size_is_refused_as_without_a_cache() {
    let (registry, registries, [manifest, envelope]) = received().await;
    let wrong = [Descriptor { size: 3, ..manifest }, Descriptor { size: 3, ..envelope }];
    for error in get(&registries, &registry, "app", &wrong).await {
        assert_eq!(error.unwrap_err().kind(), RegistryErrorKind::ContentMismatch);
    }
    assert_eq!(asked(&registry), ["GET app manifests 200", "GET app blobs 200"]);
}

#[tokio::test]
async fn another_credential_is_asked_for_and_a_refusal_is_one() {
    let (registry, other) = (Registry::start().await, Registry::start().await);
    let wanted = put(&registry, "app");
    put(&other, "app");
    let entries = vec![entry(&registry, Credential::Anonymous), entry(&other, alice())];
    let registries = build(settings(entries)).0;
    both(&registries, &registry, "app", &wanted).await;
    for status in [401, 403] {
        other.require_by(move |_| Some(Reply::error(status, "DENIED")));
        for error in get(&registries, &other, "app", &wanted).await {
            let error = error.unwrap_err();
            // A 401 without a challenge.
            assert!(error.kind() == RegistryErrorKind::Denied, "{status} {error}");
        }
    }
    other.require_basic(USER, "another password");
    for error in get(&registries, &other, "app", &wanted).await {
        let error = error.unwrap_err();
        assert!(matches!(error.cause, Cause::Denied { status: 401, .. }), "{error}");
    }
    other.require_basic(USER, PASSWORD);
    asked(&other);
    both(&registries, &other, "app", &wanted).await;
    assert_eq!(asked(&other), ["HEAD app manifests 200", "HEAD app blobs 200"]);
}

#[tokio::test]
async fn a_mirror_is_asked_before_the_registry_and_each_with_a_head() {
    let (registry, mirror) = (Registry::start().await, Registry::start().await);
    let wanted = put(&registry, "app");
    let mirrors = Mirrors { locations: vec![mirror.host().parse().unwrap()], only: false };
    let own = RegistryEntry { mirrors, ..entry(&registry, Credential::Anonymous) };
    let registries = build(settings(vec![own, entry(&mirror, Credential::Anonymous)])).0;
    both(&registries, &registry, "app", &wanted).await;
    assert_eq!(asked(&mirror), ["GET app manifests 404", "GET app blobs 404"]);
    asked(&registry);
    both(&registries, &registry, "app", &wanted).await;
    let absent = ["HEAD app manifests 404", "GET app manifests 404", "HEAD app blobs 404", "GET app blobs 404"];
    assert_eq!(asked(&mirror), absent);
    assert_eq!(asked(&registry), ["HEAD app manifests 200", "HEAD app blobs 200"]);
    put(&mirror, "app");
    both(&registries, &registry, "app", &wanted).await;
    assert_eq!(asked(&mirror), ["HEAD app manifests 200", "HEAD app blobs 200"]);
    assert_eq!(asked(&registry), [""; 0]);
}

#[tokio::test]
async fn content_stays_when_the_settings_change() {
    let (registry, registries, wanted) = received().await;
    let next = registries.successor(settings(vec![entry(&registry, Credential::Anonymous)])).unwrap();
    next.take_over(&registries);
    both(&next, &registry, "app", &wanted).await;
    assert_eq!(asked(&registry), ["HEAD app manifests 200", "HEAD app blobs 200"]);
}

#[tokio::test]
async fn large_content_is_received_each_time() {
    let registry = Registry::start().await;
    let registries = anonymous(&registry);
    let repository: Repository = format!("{}/app", registry.host()).parse().unwrap();
    for (size, again) in [(64 * 1024, "HEAD"), (64 * 1024 + 1, "GET")] {
        let blob = descriptor(&registry.put_blob("app", "a/b", &vec![b' '; size]));
        for _ in 0..2 {
            let _ = registries.blob_once(&repository, &blob, LIMIT, soon()).await.unwrap();
        }
        assert_eq!(asked(&registry), ["GET app blobs 200".to_owned(), format!("{again} app blobs 200")]);
    }
}

#[tokio::test]
async fn each_request_is_observed_as_any_other() {
    let registry = Registry::start().await;
    let wanted = put(&registry, "app");
    let (registries, seen) = build(settings(vec![entry(&registry, Credential::Anonymous)]));
    for _ in 0..2 {
        both(&registries, &registry, "app", &wanted).await;
    }
    let stages: Vec<Stage> = seen.all().into_iter().map(|(stage, _)| stage).collect();
    assert_eq!(stages, [Stage::ReferrerManifest, Stage::Blob, Stage::ReferrerManifest, Stage::Blob]);
}
