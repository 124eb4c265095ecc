use std::collections::BTreeMap;
use std::sync::Mutex;

use countersign_core::name::Digest;
use countersign_core::name::DigestAlgorithm;
use countersign_testkit::captured_log::capture;
use serde_json::json;
use tracing::Level;

use super::*;
use crate::config::Purpose;
use crate::telemetry::log;

/// Gives the results of its list one after another, then the last one again; and counts.
#[derive(Clone)]
struct Script(Arc<Mutex<(Results, usize)>>);

type Results = Vec<Result<StoreContent, StoreFailure>>;

impl FetchStore for Script {
    fn fetch(
        &self,
        _: &StoreRef,
        _: &StoreSource,
        _: u32,
        _: Instant,
    ) -> BoxFuture<'static, Result<StoreContent, StoreFailure>> {
        let mut script = self.0.lock().unwrap();
        script.1 += 1;
        let result = if script.0.len() > 1 { Some(script.0.remove(0)) } else { script.0.first().cloned() };
        match result {
            Some(result) => Box::pin(std::future::ready(result)),
            None => Box::pin(std::future::pending()),
        }
    }
}

fn script(results: impl IntoIterator<Item = Result<StoreContent, StoreFailure>>) -> (Script, Arc<dyn FetchStore>) {
    let script = Script(Arc::new(Mutex::new((results.into_iter().collect(), 0))));
    (script.clone(), Arc::new(script))
}

fn sources() -> BTreeMap<countersign_core::policy::StoreRef, StoreSource> {
    let digest = Digest::of(DigestAlgorithm::Sha256, b"content");
    let text = format!(
        "trust: {{directory: trust, stores: [{{store: 'ca:shop', url: {{location: 'https://pki.example/shop.pem', sha256: '{}'}}}}]}}",
        digest.as_str().trim_start_matches("sha256:")
    );
    let config = Config::parse(&text, std::path::Path::new("c.yaml"), Purpose::Verify).unwrap();
    config.trust.stores
}

fn files() -> StoreContent {
    StoreContent { files: vec![("shop.pem".to_owned(), b"content".to_vec())], ..StoreContent::default() }
}

#[tokio::test(start_paused = true)]
async fn a_store_that_does_not_answer_delays_the_start_by_five_seconds() {
    let stores = FetchedStores::new(&sources());
    let (_, fetcher) = script([]);
    let begin = Instant::now();
    first(&stores, &fetcher).await;
    assert_eq!(begin.elapsed(), FIRST);
    let status = stores.stores().next().unwrap().status();
    assert_eq!(status.fetched, None);
    let failure = status.failure.unwrap();
    assert_eq!((failure.why.why.as_str(), failure.attempts), ("found no complete answer in time, expected one", 1));
}

#[tokio::test(start_paused = true)]
async fn a_pinned_store_is_fetched_until_it_was_once() {
    let stores = FetchedStores::new(&sources());
    let refused = || Err(StoreFailure::new(StoreFailureCause::Failed, "found status 500, expected 200"));
    let (script, fetcher) = script([refused(), refused(), Ok(files())]);
    first(&stores, &fetcher).await;
    let store = stores.stores().next().unwrap();
    assert_eq!(store.status().failure.unwrap().attempts, 1);
    follow(Arc::clone(store), Arc::clone(&fetcher)).await;
    assert_eq!(script.0.lock().unwrap().1, 3);
    let status = store.status();
    assert!(status.fetched.is_some());
    assert_eq!((status.failure, status.next), (None, None));
    // It has its content, so that it is not fetched again.
    first(&stores, &fetcher).await;
    assert_eq!(script.0.lock().unwrap().1, 3);
}

#[tokio::test(start_paused = true)]
async fn what_is_not_there_yet_is_asked_for_again_soon() {
    let stores = FetchedStores::new(&sources());
    let missing = || {
        Ok(StoreContent {
            missing: Some(StoreFailure::new(StoreFailureCause::Absent, "there is no such certificate")),
            ..StoreContent::default()
        })
    };
    let (_, fetcher) = script([missing(), missing(), missing()]);
    let store = stores.stores().next().unwrap();
    for (attempts, least) in [(1, 5), (2, 10), (3, 20)] {
        attempt(Arc::clone(store), Arc::clone(&fetcher), Instant::now() + ATTEMPT).await;
        let status = store.status();
        assert_eq!((status.files.len(), status.failure.unwrap().attempts), (0, attempts));
        let wait = status.next.unwrap().seconds() - clock::now().seconds();
        // The pause is up to a fifth longer, and the clock has whole seconds.
        assert!((least - 1..=least * 6 / 5 + 1).contains(&wait), "{attempts}: {wait}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_attempt_that_panics_is_a_failure() {
    struct Panics;
    impl FetchStore for Panics {
        fn fetch(
            &self,
            _: &StoreRef,
            _: &StoreSource,
            _: u32,
            _: Instant,
        ) -> BoxFuture<'static, Result<StoreContent, StoreFailure>> {
            Box::pin(async { panic!("on purpose") })
        }
    }
    let stores = FetchedStores::new(&sources());
    let fetcher: Arc<dyn FetchStore> = Arc::new(Panics);
    first(&stores, &fetcher).await;
    let failure = stores.stores().next().unwrap().status().failure.unwrap();
    assert!(failure.why.why.as_str().starts_with("an internal error: "), "{}", failure.why);
}

#[test]
fn the_pause_doubles_up_to_five_minutes() {
    for (failed, least) in [(0, 5), (1, 10), (2, 20), (5, 160), (6, 300), (7, 300), (u32::MAX, 300)] {
        let pause = pause(failed).as_secs_f64();
        let least = f64::from(least);
        assert!((least..least * 1.2).contains(&pause), "{failed}: {pause}");
    }
}

#[test]
fn the_log_names_the_certificates_of_a_vault_of_which_nothing_is_enabled_while_others_are_used() {
    let vault = "{vault: shop.vault.azure.net, certificates: [{name: shop}, {name: spare}]}";
    let text = format!("trust: {{directory: trust, stores: [{{store: 'ca:shop', keyVault: {vault}}}]}}");
    let config = Config::parse(&text, std::path::Path::new("c.yaml"), Purpose::Verify).unwrap();
    let stores = FetchedStores::new(&config.trust.stores);
    let nothing_enabled = vec!["spare, the newest enabled version".to_owned()];
    let of_others = StoreContent { nothing_enabled: nothing_enabled.clone(), ..files() };
    // Without others it is a mistake of the store, and the log has that.
    let of_none = StoreContent { nothing_enabled, ..StoreContent::default() };
    let (_, fetcher) = script([Ok(of_others), Ok(of_none), Ok(files())]);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    let lines = capture(
        |lines| log::subscriber(Level::WARN, move || lines.clone()),
        || {
            for _ in 0..3 {
                let store = Arc::clone(stores.stores().next().unwrap());
                runtime.block_on(attempt(store, Arc::clone(&fetcher), Instant::now() + ATTEMPT));
            }
        },
    );
    let mut events = lines.events();
    events.iter_mut().for_each(|event| drop(event.as_object_mut().unwrap().remove("timestamp")));
    assert_eq!(
        events,
        [json!({
            "level": "WARN", "message": "a certificate of the trust store has no enabled version", "store": "ca:shop",
            "origin": "shop.vault.azure.net shop, spare",
            "why": "found nothing in the vault shop.vault.azure.net that is enabled of: spare, the newest enabled version, expected at least one \
                    enabled version; enable one in the vault (az keyvault certificate set-attributes --enabled true), or name another \
                    certificate or version in trust.stores; signatures with it are not trusted until then",
        })]
    );
}

#[test]
fn the_next_attempt_is_when_it_is_due() {
    let at = |seconds| UnixTime::from_seconds(seconds).unwrap();
    let status = |fetched: Option<i64>, next: Option<i64>| FetchStatus {
        fetched: fetched.map(at),
        files: Vec::new(),
        failure: None,
        nothing_enabled: Vec::new(),
        next: next.map(at),
    };
    for (status, wait) in [
        (status(None, None), Some(0)),
        (status(Some(900), None), None),
        (status(None, Some(1010)), Some(10)),
        (status(Some(900), Some(1010)), Some(10)),
        (status(None, Some(900)), Some(0)),
        // The clock was set back.
        (status(None, Some(900_000)), Some(300)),
    ] {
        assert_eq!(due(&status, at(1000), LONGEST_PAUSE), wait.map(Duration::from_secs), "{status:?}");
    }
}

#[test]
fn a_line_of_the_status_names_source_time_and_failure() {
    let stores = FetchedStores::new(&sources());
    let store = stores.stores().next().unwrap();
    let at = |seconds| UnixTime::from_seconds(seconds).unwrap();
    let shown = || {
        let StatusLine { is_good, text } = line(store, at(7260));
        [(is_good, text)]
    };
    let begin = "trust store ca:shop:";
    assert_eq!(shown(), [(false, format!("{begin} not fetched from https://pki.example/shop.pem"))]);
    store.failed(StoreFailure::new(StoreFailureCause::Failed, "why"), at(0), at(5));
    store.failed(StoreFailure::new(StoreFailureCause::Failed, "why"), at(5), at(15));
    let text = format!(
        "{begin} not fetched from https://pki.example/shop.pem, next at 1970-01-01T00:00:15Z; failed since 1970-01-01T00:00:00Z (2 \
         attempts): why"
    );
    assert_eq!(shown(), [(false, text)]);
    store.succeeded(files(), at(60), None);
    let text = format!("{begin} fetched at 1970-01-01T00:01:00Z, 2h00m ago, from https://pki.example/shop.pem");
    assert_eq!(shown(), [(true, text)]);
}
