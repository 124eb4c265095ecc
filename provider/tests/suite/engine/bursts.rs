//! Many images at the same time about which nothing is known.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use countersign::engine::Deadline;
use countersign::engine::Verifier as _;
use countersign_core::verdict::Code;
use countersign_test_support::fixture::EngineFixture;
use countersign_test_support::fixture::policy;
use countersign_testkit::notation;
use countersign_testkit::pki::CertSpec;
use countersign_testkit::registry::Route;
use countersign_testkit::registry::TokenService;

const REPOSITORIES: usize = 10;
const IMAGES_EACH: usize = 100;
const IMAGES: usize = REPOSITORIES * IMAGES_EACH;

/// Verifies each image of [`IMAGES`] so many times at the same time, by tag. The requests to the registry are counted, and the tokens.
async fn burst(times: usize) {
    let fixture = EngineFixture::with(&policy(&["ca:main"], &["*"]), |settings| {
        (settings.max_flights, settings.verdict_bytes) = (128, 16 * 1024 * 1024);
    })
    .await;
    let tokens = TokenService::anonymous();
    fixture.registry.require_bearer(&tokens);
    let chain = fixture.root.issue(CertSpec::leaf());
    let mut images = Vec::new();
    for number in 0..IMAGES {
        let (repository, tag) = (format!("app{}", number % REPOSITORIES), format!("v{number}"));
        let image = fixture.registry.push_image(&repository, &tag);
        notation::sign_image(&fixture.registry, &repository, &image, &chain);
        images.push((format!("{}/{repository}:{tag}", fixture.registry.host()), image.digest));
    }
    let asked: Vec<_> = images
        .iter()
        .flat_map(|image| std::iter::repeat_n(image, times))
        .map(|(tag, digest)| {
            let deadline = Deadline::after(Duration::from_secs(300));
            let request = fixture.engine.request(Arc::new(tag.parse().unwrap()), deadline);
            (digest, tokio::spawn(fixture.engine.verify(request)))
        })
        .collect();
    for (digest, verified) in asked {
        let result = verified.await.unwrap();
        assert_eq!((result.verdict.code(), result.digest.unwrap().as_str()), (Code::Verified, digest.as_str()));
    }

    assert_eq!(tokens.tokens_issued(), REPOSITORIES);
    let count = |route| fixture.registry.count(route);
    // The manifests of each image and of its signature.
    assert_eq!((count(Route::Referrers), count(Route::Blob), count(Route::Token)), (IMAGES, IMAGES, REPOSITORIES));
    let refused = fixture.registry.requests().iter().filter(|request| request.status() == Some(401)).count();
    assert_eq!(count(Route::Manifest), 2 * IMAGES + refused);
    assert_eq!(fixture.registry.requests().len(), 4 * IMAGES + REPOSITORIES + refused);
    // The first ones, until the token service is known.
    assert!((1..=REPOSITORIES).contains(&refused), "{refused}");
    let distinct: HashSet<_> =
        fixture.registry.requests_to(Route::Token).iter().map(|one| one.query_values("scope")).collect();
    assert_eq!(distinct.len(), REPOSITORIES);
    assert_eq!(fixture.metric("countersign_cache_events_total{event=\"verdict-stored\"}"), IMAGES as i64);
}

#[tokio::test]
async fn a_thousand_cold_images_of_ten_repositories_take_four_requests_each_and_ten_tokens() {
    burst(1).await;
}

#[tokio::test]
async fn a_thousand_cold_images_that_are_asked_for_twice_take_no_more() {
    burst(2).await;
}
