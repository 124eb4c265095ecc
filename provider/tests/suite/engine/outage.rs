//! A registry that fails for ten seconds while images are verified, in each way in which one fails: no wrong verdict, no failure in a cache,
//! and full speed within a second of its return. The clock is paused, and advances when nothing is left to do.

use std::sync::Arc;
use std::time::Duration;

use countersign::engine::Deadline;
use countersign::engine::Engine;
use countersign::engine::Verifier as _;
use countersign_core::verdict::Code;
use countersign_core::verdict::VerdictKind;
use countersign_credentials::Credential;
use countersign_http::Scheme;
use countersign_registry::RegistryEntry;
use countersign_registry::RegistrySettings;
use countersign_test_support::fixture::EngineFixture;
use countersign_test_support::fixture::policy;
use countersign_testkit::gate::Gate;
use countersign_testkit::notation;
use countersign_testkit::pki::CertSpec;
use tokio::task::JoinHandle;
use tokio::time::Instant;

const fn ms(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}

/// The time of an answer of the registry.
const LATENCY: Duration = ms(25);

/// An image is asked for each 50 ms: half of what four requests at a time can do, with four answers in series for each image.
const EVERY: Duration = ms(50);

const FAILS_AFTER: Duration = ms(2500);
const OUTAGE: Duration = ms(10_000);
const RETURNS: Duration = FAILS_AFTER.saturating_add(OUTAGE);
const END: Duration = RETURNS.saturating_add(ms(3000));

/// The usual deadline of a request.
const DEADLINE: Duration = ms(1800);

/// How the registry fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Failure {
    Refuses,
    Hangs,
    Resets,
    Responds503,
}

/// An image that was asked for.
#[derive(Debug)]
struct Asked {
    reference: String,
    signed: bool,
    at: Duration,
    took: Duration,
    code: Code,
    kind: VerdictKind,
    cached: bool,
}

struct Outage {
    fixture: EngineFixture,
    gate: Gate,
    engine: Engine,
}

impl Outage {
    async fn start() -> Self {
        let fixture = EngineFixture::with(&policy(&["ca:main"], &["*"]), |settings| settings.max_flights = 16).await;
        fixture.registry.when_any().delay(LATENCY);
        let gate = Gate::before(fixture.registry.address()).await;
        let pattern = gate.host().parse().expect("a pattern");
        let entry = RegistryEntry { scheme: Scheme::Http, ..RegistryEntry::new(pattern, Credential::Anonymous) };
        let settings = RegistrySettings {
            registries: vec![entry],
            requests_per_host: 4,
            tag_lifetime: Duration::ZERO,
            ..RegistrySettings::default()
        };
        let engine = fixture.successor_over(settings);
        engine.take_over(&fixture.engine);
        Self { fixture, gate, engine }
    }

    /// The references of images; every tenth is not signed, every second has a digest.
    fn images(&self) -> Vec<(String, bool)> {
        let chain = self.fixture.root.issue(CertSpec::leaf());
        let count = END.as_millis() / EVERY.as_millis();
        let push = |number| {
            let (registry, signed) = (&self.fixture.registry, number % 10 != 0);
            let image = registry.push_image("app", &format!("v{number}"));
            if signed {
                notation::sign_image(registry, "app", &image, &chain);
            }
            let reference = match number % 2 {
                0 => format!("{}/app@{}", self.gate.host(), image.digest),
                _ => format!("{}/app:v{number}", self.gate.host()),
            };
            (reference, signed)
        };
        (0..count).map(push).collect()
    }

    fn ask(&self, reference: String, signed: bool, begun: Instant) -> JoinHandle<Asked> {
        let engine = self.engine.clone();
        tokio::spawn(async move {
            let at = Instant::now();
            let image = Arc::new(reference.parse().expect("a reference"));
            let result = engine.verify(engine.request(image, Deadline::after(DEADLINE))).await;
            let (code, kind) = (result.verdict.code(), result.verdict.kind());
            Asked { reference, signed, at: at - begun, took: at.elapsed(), code, kind, cached: result.cached }
        })
    }

    fn fail(&self, failure: Failure) {
        match failure {
            Failure::Refuses => self.gate.refuse(),
            Failure::Hangs => self.gate.hang(),
            Failure::Resets => self.gate.reset(),
            Failure::Responds503 => drop(self.fixture.registry.when_any().error(503, "UNAVAILABLE")),
        }
    }

    fn end(&self) {
        self.gate.open();
        self.fixture.registry.clear_faults();
        self.fixture.registry.when_any().delay(LATENCY);
    }

    /// Asks for one image after the other, while the registry fails for some time.
    async fn burst(&self, failure: Failure) -> Vec<Asked> {
        let images = self.images();
        let begun = Instant::now();
        let (mut asked, mut steps) = (Vec::new(), [(FAILS_AFTER, true), (RETURNS, false)].into_iter().peekable());
        for (number, (reference, signed)) in (0..).zip(images) {
            let at = EVERY * number;
            tokio::time::sleep_until(begun + at).await;
            if let Some((_, fails)) = steps.next_if(|(step, _)| *step <= at) {
                if fails { self.fail(failure) } else { self.end() }
            }
            asked.push(self.ask(reference, signed, begun));
        }
        let mut ends = Vec::new();
        for one in asked {
            ends.push(one.await.expect("no panic"));
        }
        ends
    }
}

fn expected(asked: &Asked) -> Code {
    if asked.signed { Code::Verified } else { Code::Unsigned }
}

fn longest<'a>(asked: impl IntoIterator<Item = &'a Asked>) -> Duration {
    asked.into_iter().map(|one| one.took).max().expect("some were asked for")
}

async fn survives(failure: Failure) {
    let outage = Outage::start().await;
    let all = outage.burst(failure).await;
    let within = |from: Duration, to: Duration| all.iter().filter(move |one| (from..to).contains(&one.at));

    // Nothing is wrong at any time, and what could not be decided is not kept.
    for one in &all {
        assert!(one.kind == VerdictKind::Inconclusive || one.code == expected(one), "{failure:?} {one:?}");
        assert!(!one.cached, "{failure:?} {one:?}");
    }
    let undecided: Vec<&Asked> = all.iter().filter(|one| one.kind == VerdictKind::Inconclusive).collect();
    for one in &undecided {
        assert!(one.at > FAILS_AFTER - DEADLINE && one.at < RETURNS + ms(1000), "{failure:?} {one:?}");
        let codes = [
            Code::RegistryUnreachable,
            Code::RegistryTimeout,
            Code::RegistryFailed,
            Code::Overloaded,
            Code::RegistryThrottled,
        ];
        assert!(codes.contains(&one.code), "{failure:?} {one:?}");
    }

    // Before: as fast as usual. During: nothing is decided, and after a while at once.
    let usual = longest(within(ms(500), FAILS_AFTER - ms(500)));
    assert!(usual <= 10 * LATENCY, "{failure:?} {usual:?}");
    for one in within(FAILS_AFTER + ms(200), RETURNS - DEADLINE) {
        assert_eq!(one.kind, VerdictKind::Inconclusive, "{failure:?} {one:?}");
    }
    // One in 400 ms looks whether the registry has returned.
    let settled: Vec<Duration> =
        within(FAILS_AFTER + ms(3000), RETURNS - DEADLINE).map(|one| one.took).filter(|took| *took > ms(250)).collect();
    assert!(settled.len() <= 18, "{failure:?} {settled:?}");

    // After its return at the latest within a second.
    for one in within(RETURNS + ms(1000), END) {
        assert_eq!(one.code, expected(one), "{failure:?} {one:?}");
        assert!(one.took <= usual + LATENCY, "{failure:?} {one:?}");
    }

    // Everything that failed is decided when it is asked for again, and only that from a cache.
    let begun = Instant::now();
    for one in undecided {
        let again = outage.ask(one.reference.clone(), one.signed, begun).await.expect("no panic");
        assert_eq!(again.code, expected(&again), "{failure:?} {again:?}");
    }
    for limit in ["verifications", "requests", "answers", "bytes"] {
        let in_use = outage.fixture.metric(&format!("countersign_limit_in_use{{limit=\"{limit}\"}}"));
        assert_eq!(in_use, 0, "{limit}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_registry_that_refuses_connections_for_ten_seconds() {
    survives(Failure::Refuses).await;
}

#[tokio::test(start_paused = true)]
async fn a_registry_that_does_not_respond_for_ten_seconds() {
    survives(Failure::Hangs).await;
}

#[tokio::test(start_paused = true)]
async fn a_registry_that_resets_connections_for_ten_seconds() {
    survives(Failure::Resets).await;
}

#[tokio::test(start_paused = true)]
async fn a_registry_that_responds_with_503_for_ten_seconds() {
    survives(Failure::Responds503).await;
}
