//! Requests as Gatekeeper sends them, and what they cost.

use std::time::Duration;
use std::time::Instant;

use futures_util::StreamExt as _;
use serde_json::Value as Json;
use serde_json::json;

use crate::program::Running;

/// What a number of requests cost.
#[derive(Clone, Debug)]
pub(crate) struct Cost {
    /// CPU time of the program for all of them.
    pub(crate) cpu: Duration,
    /// From the first request to the last answer.
    pub(crate) elapsed: Duration,
    /// Of each request, in increasing order.
    latencies: Vec<Duration>,
}

impl Cost {
    /// The latency that this part of the requests does not exceed, in milliseconds.
    pub(crate) fn percentile(&self, part: f64) -> f64 {
        let last = self.latencies.len() - 1;
        self.latencies[(last as f64 * part).round() as usize].as_secs_f64() * 1e3
    }

    /// CPU time in milliseconds for each of `count`.
    pub(crate) fn cpu_of_each(&self, count: usize) -> f64 {
        self.cpu.as_secs_f64() * 1e3 / count as f64
    }

    /// How many of `count` a second.
    pub(crate) fn rate(&self, count: usize) -> f64 {
        count as f64 / self.elapsed.as_secs_f64()
    }
}

/// Sends `count` requests with these keys in turn, `at_once` at the same time. All their images must be verified.
pub(crate) async fn send(running: &Running, keys: &[Vec<&str>], count: usize, at_once: usize) -> Cost {
    let work = futures_util::stream::iter(keys.iter().cycle().take(count));
    let (cpu, began) = (running.cpu(), Instant::now());
    let latencies: Vec<Duration> = work.map(|keys| request(running, keys)).buffer_unordered(at_once).collect().await;
    ended(running, cpu, began, latencies)
}

/// As [`send`], but a request begins every `interval`, whether or not others have ended.
pub(crate) async fn send_at_rate(running: &Running, keys: &[Vec<&str>], count: usize, interval: Duration) -> Cost {
    let (cpu, began) = (running.cpu(), Instant::now());
    let work = keys.iter().cycle().take(count).enumerate().map(|(number, keys)| async move {
        let due = interval * u32::try_from(number).unwrap();
        tokio::time::sleep_until((began + due).into()).await;
        request(running, keys).await
    });
    let latencies = futures_util::future::join_all(work).await;
    ended(running, cpu, began, latencies)
}

fn ended(running: &Running, cpu: Duration, began: Instant, mut latencies: Vec<Duration>) -> Cost {
    latencies.sort();
    Cost { cpu: running.cpu().saturating_sub(cpu), elapsed: began.elapsed(), latencies }
}

/// Sends one request, and returns how long it took.
async fn request(running: &Running, keys: &[&str]) -> Duration {
    let began = Instant::now();
    let body = answer(running, keys).await;
    let elapsed = began.elapsed();
    let response: Json = serde_json::from_slice(&body).unwrap();
    let items = response["response"]["items"].as_array().unwrap();
    let verified = items.iter().filter(|item| running.program.is_verified(item)).count();
    assert_eq!(verified, keys.len(), "{}: {response:#}", running.program.name());
    elapsed
}

/// The answer to a request.
pub(crate) async fn answer(running: &Running, keys: &[&str]) -> Vec<u8> {
    let body = json!({
        "apiVersion": "externaldata.gatekeeper.sh/v1beta1",
        "kind": "ProviderRequest",
        "request": {"keys": keys},
    });
    let request = running.client.post(&running.url).body(body.to_string());
    request.send().await.unwrap().bytes().await.unwrap().to_vec()
}
