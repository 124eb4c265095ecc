//! The load, and what a minute of it was like.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering;
use std::time::Duration;
use std::time::Instant;

use futures_util::StreamExt as _;
use serde_json::Value as Json;
use serde_json::json;
use tokio::task::JoinSet;

use crate::site::Site;

/// Requests that are under way at most. Gatekeeper waits for each, so that a slow provider is asked less.
const AT_ONCE: usize = 200;

/// Most faults of one minute that are named.
const NAMED: usize = 5;

/// The number of the next request, over the whole run.
static NEXT: AtomicUsize = AtomicUsize::new(1);

/// What happened within a minute.
#[derive(Clone, Debug)]
pub(crate) struct Minute {
    requests: usize,
    inconclusive: usize,
    p50: f64,
    p99: f64,
    /// In MiB, of this moment.
    pub(crate) memory: f64,
    pub(crate) threads: usize,
    pub(crate) files: usize,
    /// Verdicts that are wrong, and requests without an answer.
    pub(crate) wrong: Vec<String>,
}

impl Minute {
    pub(crate) const HEADER: &str = "requests  inconclusive  p50 ms   p99 ms   memory MiB  threads  files  wrong";
}

impl fmt::Display for Minute {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { requests, inconclusive, p50, p99, memory, threads, files, wrong } = self;
        write!(
            f,
            "{requests:8}  {inconclusive:12}  {p50:6.2}  {p99:7.1}  {memory:11.1}  {threads:7}  {files:5}  {:5}",
            wrong.len()
        )
    }
}

/// How many requests a second are answered without faults.
pub(crate) async fn maximum(site: &Site, time: Duration) -> f64 {
    let end = Instant::now() + time;
    let workers = (0..8).map(|_| async {
        let mut count = 0_usize;
        while Instant::now() < end {
            ask(site).await.unwrap();
            count += 1;
        }
        count
    });
    let counts: Vec<usize> = futures_util::stream::iter(workers).buffer_unordered(8).collect().await;
    counts.iter().sum::<usize>() as f64 / time.as_secs_f64()
}

/// `rate` requests a second.
pub(crate) async fn run(site: &Site, rate: f64, time: Duration) -> Minute {
    let (began, interval) = (Instant::now(), Duration::from_secs_f64(1.0 / rate));
    let results = Arc::new(Mutex::new(Vec::new()));
    let mut tasks = JoinSet::new();
    let mut due = Duration::ZERO;
    while due < time {
        tokio::time::sleep_until((began + due).into()).await;
        due += interval;
        while tasks.len() >= AT_ONCE {
            tasks.join_next().await;
        }
        while tasks.try_join_next().is_some() {}
        let (site, results) = (site.clone(), Arc::clone(&results));
        tasks.spawn(async move {
            let result = ask(&site).await;
            results.lock().unwrap().push(result);
        });
    }
    tasks.join_all().await;
    let results = std::mem::take(&mut *results.lock().unwrap());
    minute(site, &results)
}

fn minute(site: &Site, results: &[Result<(bool, Duration), String>]) -> Minute {
    let mut latencies: Vec<f64> = results.iter().flatten().map(|(_, latency)| latency.as_secs_f64() * 1e3).collect();
    latencies.sort_by(f64::total_cmp);
    let part = |part: f64| latencies.get((latencies.len() as f64 * part) as usize).copied().unwrap_or(f64::NAN);
    let wrong: BTreeSet<String> = results.iter().filter_map(|result| result.as_ref().err().cloned()).collect();
    Minute {
        requests: results.len(),
        inconclusive: results.iter().flatten().filter(|(is_inconclusive, _)| *is_inconclusive).count(),
        p50: part(0.5),
        p99: part(0.99),
        memory: site.memory(),
        threads: site.threads(),
        files: site.files(),
        wrong: wrong.into_iter().take(NAMED).collect(),
    }
}

/// Whether the next image is inconclusive, and how long the answer took.
///
/// # Errors
/// A wrong verdict, or none.
async fn ask(site: &Site) -> Result<(bool, Duration), String> {
    let (image, kind) = site.image(NEXT.fetch_add(1, Ordering::Relaxed));
    let body = json!({
        "apiVersion": "externaldata.gatekeeper.sh/v1beta1",
        "kind": "ProviderRequest",
        "request": {"keys": [image]},
    });
    let began = Instant::now();
    let unanswered = |error: reqwest::Error| format!("{image}: no answer: {error}");
    let answer = site.client.post(site.url()).body(body.to_string()).send().await.map_err(unanswered)?;
    let bytes = answer.bytes().await.map_err(unanswered)?;
    let elapsed = began.elapsed();
    let answer: Json = serde_json::from_slice(&bytes).map_err(|error| format!("{image}: {error}"))?;
    let item = &answer["response"]["items"][0];
    // An error is an answer without a verdict.
    let verdict = item["value"]["verdict"].as_str().unwrap_or("inconclusive");
    if !site.allows(kind, verdict, began) {
        return Err(format!("{image}: {kind:?}, found {verdict}: {item}"));
    }
    Ok((verdict == "inconclusive", elapsed))
}
