//! How long a cold image takes with a registry that needs 25 ms for each response: a tag four responses, a digest three, and the first token of
//! a repository one more. The clock is paused, and advances when nothing is left to do.

use std::sync::Arc;
use std::time::Duration;

use countersign::engine::Deadline;
use countersign::engine::Verifier as _;
use countersign_core::verdict::Code;
use countersign_test_support::fixture::EngineFixture;
use countersign_test_support::fixture::policy;
use countersign_testkit::notation;
use countersign_testkit::pki::CertSpec;
use countersign_testkit::registry::TokenService;
use tokio::time::Instant;

/// The time of a response of the registry.
const LATENCY: Duration = Duration::from_millis(25);

/// Timers have a resolution of one millisecond.
const RESOLUTION: Duration = Duration::from_millis(1);

fn assert_in_series(took: Duration, responses: u32) {
    let (least, most) = (LATENCY * responses, (LATENCY + RESOLUTION) * responses);
    assert!((least..=most).contains(&took), "{took:?}, expected {responses} responses");
}

/// A registry that requires tokens or not, and whose token service is known.
async fn fixture(tokens: Option<TokenService>) -> EngineFixture {
    let fixture = EngineFixture::with(&policy(&["ca:main"], &["*"]), |settings| settings.verify_ahead = true).await;
    if let Some(tokens) = tokens {
        fixture.registry.require_bearer(&tokens);
    }
    fixture.registry.when_any().delay(LATENCY);
    let (known, _) = push(&fixture, "known", "v0");
    verified(&fixture, &known).await;
    fixture
}

/// A signed image, by its tag and by its digest.
fn push(fixture: &EngineFixture, repository: &str, tag: &str) -> (String, String) {
    let image = fixture.registry.push_image(repository, tag);
    notation::sign_image(&fixture.registry, repository, &image, &fixture.root.issue(CertSpec::leaf()));
    (format!("{}/{repository}:{tag}", fixture.registry.host()), fixture.registry.reference(repository, &image))
}

/// How long the verification takes.
async fn verified(fixture: &EngineFixture, image: &str) -> Duration {
    let began = Instant::now();
    let result = fixture.verify(image).await;
    assert_eq!((result.verdict.code(), result.cached), (Code::Verified, false));
    began.elapsed()
}

#[tokio::test(start_paused = true)]
async fn a_cold_tag_takes_four_responses_and_a_digest_three() {
    let fixture = fixture(None).await;
    for repository in ["known", "other"] {
        let (tag, _) = push(&fixture, repository, "v1");
        assert_in_series(verified(&fixture, &tag).await, 4);
        let (_, digest) = push(&fixture, repository, "v2");
        assert_in_series(verified(&fixture, &digest).await, 3);
    }
}

#[tokio::test(start_paused = true)]
async fn the_first_token_of_a_repository_takes_one_response_more() {
    let tokens = TokenService::anonymous();
    let fixture = fixture(Some(tokens.clone())).await;
    for (number, (repository, more)) in [("known", 0), ("other", 1), ("other", 0)].into_iter().enumerate() {
        let (tag, _) = push(&fixture, repository, &format!("by-tag-{number}"));
        assert_in_series(verified(&fixture, &tag).await, 4 + more);
    }
    for (repository, more) in [("known", 0), ("third", 1), ("third", 0)] {
        let (_, digest) = push(&fixture, repository, &format!("by-digest-{more}"));
        assert_in_series(verified(&fixture, &digest).await, 3 + more);
    }
    assert_eq!(tokens.tokens_issued(), 3);
}

/// How long verification takes after mutation has answered and this time has passed.
async fn after_mutation(fixture: &EngineFixture, tag: &str, passed: Duration, keep_tag: bool) -> Duration {
    let began = Instant::now();
    let request = fixture.engine.request(Arc::new(tag.parse().unwrap()), Deadline::after(Duration::from_secs(20)));
    let digest = fixture.engine.resolve(request).await.unwrap();
    assert_in_series(began.elapsed(), 1);
    tokio::time::sleep(passed).await;
    let name = if keep_tag { tag } else { tag.rsplit_once(':').unwrap().0 };
    verified(fixture, &format!("{name}@{digest}")).await
}

#[tokio::test(start_paused = true)]
async fn after_mutation_verification_takes_three_responses_less_the_time_that_has_passed() {
    for tokens in [None, Some(TokenService::anonymous())] {
        let fixture = fixture(tokens).await;
        let passed = Duration::from_millis(40);
        for keep_tag in [false, true] {
            let (tag, _) = push(&fixture, "known", &format!("keep-tag-{keep_tag}"));
            let took = after_mutation(&fixture, &tag, passed, keep_tag).await;
            assert!(took <= LATENCY * 3 * 6 / 5 - passed, "{took:?}");
        }
        let (tag, _) = push(&fixture, "known", "at-once");
        assert_in_series(after_mutation(&fixture, &tag, Duration::ZERO, false).await, 3);
    }
}
