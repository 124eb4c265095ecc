//! Images whose items are sent again from memory, over the whole server: what they depend on changes, and no answer is the former one.

#![allow(clippy::unwrap_used)]

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering;
use std::time::Duration;

use countersign_test_support::client::body;
use countersign_test_support::mounted::Client;
use countersign_test_support::mounted::MountedService;
use countersign_test_support::mounted::policy;
use countersign_test_support::mounted::root;
use serde_json::Value as Json;
use tokio::task::JoinSet;

const LONG_LIFETIMES: &str = "verdictLifetime: 5m, tagLifetime: 5m";
const KNOWN: &str = r#"countersign_cache_events_total{event="verdict-hit"}"#;

/// The verdict about the image and its digest.
async fn decided(client: &Client, image: &str) -> (String, String) {
    let answer = client.post("/v1/verify", body(&[image])).await.unwrap();
    let text = |member: &Json| member.as_str().unwrap_or_default().to_owned();
    let value = &answer["items"][0]["value"];
    (text(&value["verdict"]), text(&value["digest"]))
}

/// Asks until the item is one that was sent before: the first answer is not from memory, and the item of the second is kept.
async fn known(service: &MountedService, client: &Client, image: &str) -> String {
    let before = service.metric(KNOWN).await.unwrap();
    let mut digest = String::new();
    for _ in 0..3 {
        let verdict;
        (verdict, digest) = decided(client, image).await;
        assert_eq!(verdict, "verified");
    }
    assert!(service.metric(KNOWN).await.unwrap() >= before + 2.0);
    digest
}

/// A service with `cache` whose store `other` has another root.
async fn service(cache: &str) -> (MountedService, Client) {
    let service = MountedService::start().await;
    let client = service.client(service.gatekeeper(&service.clients));
    let stores = [("x509/ca/main/root.crt", service.root.pem()), ("x509/ca/other/root.crt", root("other").pem())];
    // No statement names it yet.
    service.store.swap(&stores);
    service.until_other_trust(|| service.cache(cache)).await;
    (service, client)
}

#[tokio::test]
async fn an_image_that_is_known_is_rejected_after_its_root_was_removed_from_the_trust_store() {
    let (service, client) = service(LONG_LIFETIMES).await;
    let by_tag = service.image("app:signed");
    let digest = known(&service, &client, &by_tag).await;
    let by_digest = service.image(&format!("app@{digest}"));
    known(&service, &client, &by_digest).await;
    let stores = [("x509/ca/main/root.crt", root("new").pem()), ("x509/ca/other/root.crt", root("other").pem())];
    service.until_other_trust(|| service.store.swap(&stores)).await;
    for image in [&by_tag, &by_digest, &by_tag] {
        assert_eq!(decided(&client, image).await, ("rejected".to_owned(), digest.clone()));
    }
    service.stop().await;
}

#[tokio::test]
async fn an_image_that_is_known_is_rejected_after_its_statement_names_another_store() {
    let (service, client) = service(LONG_LIFETIMES).await;
    let by_tag = service.image("app:signed");
    let digest = known(&service, &client, &by_tag).await;
    let by_digest = service.image(&format!("app@{digest}"));
    known(&service, &client, &by_digest).await;
    let other = policy(&["*"]).replace("ca:main", "ca:other");
    service.until_other_trust(|| service.policy.swap(&[("trustpolicy.json", other)])).await;
    for image in [&by_tag, &by_digest, &by_tag] {
        assert_eq!(decided(&client, image).await, ("rejected".to_owned(), digest.clone()));
    }
    service.until_other_trust(|| service.policy.swap(&[("trustpolicy.json", policy(&["*"]))])).await;
    assert_eq!(decided(&client, &by_tag).await, ("verified".to_owned(), digest));
    service.stop().await;
}

/// Of the service's clock: its requests are not late by that.
async fn pass(time: Duration) {
    tokio::time::pause();
    tokio::time::advance(time).await;
    tokio::time::resume();
}

#[tokio::test]
async fn a_known_tag_that_moved_to_an_unsigned_image_is_not_admitted_after_its_lifetime() {
    let (service, client) = service("verdictLifetime: 5m, tagLifetime: 5s").await;
    let tag = service.image("app:signed");
    let former = known(&service, &client, &tag).await;
    let moved = service.registry.push_image("app", "signed").digest;
    assert_ne!(moved, former);
    pass(Duration::from_secs(5)).await;
    for _ in 0..3 {
        assert_eq!(decided(&client, &tag).await, ("rejected".to_owned(), moved.clone()));
    }
    // By its digest the former image is verified, and known.
    let by_digest = service.image(&format!("app@{former}"));
    assert_eq!(decided(&client, &by_digest).await, ("verified".to_owned(), former));
    service.stop().await;
}

#[tokio::test]
async fn a_tag_in_use_is_renewed_before_its_end_and_does_not_outlive_it_while_its_registry_fails() {
    let (service, client) = service("verdictLifetime: 5m, tagLifetime: 5s").await;
    let tag = service.image("app:signed");
    known(&service, &client, &tag).await;
    service.registry.push_image("app", "signed");
    service.registry.when_any().error(503, "UNAVAILABLE");
    // The last fifth of its lifetime has begun: it is renewed, which fails.
    pass(Duration::from_millis(4200)).await;
    assert_eq!(decided(&client, &tag).await.0, "verified");
    pass(Duration::from_millis(800)).await;
    let answer = client.post("/v1/verify", body(&[&tag])).await.unwrap();
    assert_eq!(answer["items"], serde_json::json!([]));
    assert!(answer["systemError"].as_str().unwrap().contains(": registry-failed: "), "{answer}");
    service.stop().await;
}

/// What several clients ask about while the policy changes.
struct Asked {
    images: [String; 2],
    /// Even while `ca:main` is trusted, odd while it is not, and [`CHANGING`] in between.
    trust: AtomicUsize,
    /// How many answers were compared with the policy.
    compared: AtomicUsize,
    is_over: AtomicBool,
}

const CHANGING: usize = usize::MAX;

impl Asked {
    /// Compares each answer with the policy, unless that changed meanwhile.
    async fn ask(&self, client: Client) {
        while !self.is_over.load(Ordering::SeqCst) {
            for image in &self.images {
                let before = self.trust.load(Ordering::SeqCst);
                let verdict = client.verdict(image).await.unwrap();
                if self.trust.load(Ordering::SeqCst) == before && before != CHANGING {
                    let expected = if before.is_multiple_of(2) { "verified" } else { "rejected" };
                    assert_eq!(verdict, expected, "{image} with {before}");
                    self.compared.fetch_add(1, Ordering::SeqCst);
                }
            }
        }
    }

    async fn until_compared(&self, more: usize) {
        let end = self.compared.load(Ordering::SeqCst) + more;
        while self.compared.load(Ordering::SeqCst) < end {
            tokio::task::yield_now().await;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn while_policy_and_configuration_change_no_request_after_a_change_has_the_verdict_of_before() {
    let (service, client) = service(LONG_LIFETIMES).await;
    let by_tag = service.image("app:signed");
    let digest = known(&service, &client, &by_tag).await;
    let images = [by_tag, service.image(&format!("app@{digest}"))];
    let (trust, compared, is_over) = (AtomicUsize::new(0), AtomicUsize::new(0), AtomicBool::new(false));
    let asked = Arc::new(Asked { images, trust, compared, is_over });
    let mut asking = JoinSet::new();
    for _ in 0..4 {
        let (asked, client) = (Arc::clone(&asked), service.client(service.gatekeeper(&service.clients)));
        asking.spawn(async move { asked.ask(client).await });
    }
    let changes = async {
        for round in 1..=8 {
            asked.until_compared(100).await;
            // Also back to what it was. The configuration reads the policy anew, which is another trust too: the one before the next change.
            let lifetime = 5 + round % 2;
            let cache = format!("verdictLifetime: {lifetime}m, tagLifetime: 5m");
            service.until_other_trust(|| service.cache(&cache)).await;
            asked.trust.store(CHANGING, Ordering::SeqCst);
            let store = if round % 2 == 0 { "ca:main" } else { "ca:other" };
            let changed = policy(&["*"]).replace("ca:main", store);
            service.until_other_trust(|| service.policy.swap(&[("trustpolicy.json", changed)])).await;
            asked.trust.store(round, Ordering::SeqCst);
        }
        asked.until_compared(100).await;
        asked.is_over.store(true, Ordering::SeqCst);
    };
    tokio::select! {
        () = changes => {}
        Some(ended) = asking.join_next() => ended.unwrap(),
    }
    while let Some(ended) = asking.join_next().await {
        ended.unwrap();
    }
    assert!(asked.is_over.load(Ordering::SeqCst));
    service.stop().await;
}
