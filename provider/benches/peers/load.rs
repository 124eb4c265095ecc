//! Requests as Gatekeeper sends them, and what they cost.

use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering;
use std::time::Duration;
use std::time::Instant;

use serde_json::Value as Json;
use serde_json::json;
use tokio::task::JoinSet;

use crate::program::Running;
use crate::timer::sleep_until;

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
    pub(crate) fn new(cpu: Duration, elapsed: Duration, mut latencies: Vec<Duration>) -> Self {
        latencies.sort();
        Self { cpu, elapsed, latencies }
    }

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

/// Requests and the client that sends them.
#[derive(Clone)]
struct Sender {
    client: reqwest::Client,
    url: String,
    /// Each with the number of its keys.
    bodies: Arc<Vec<(String, usize)>>,
}

/// The answer to a request, the number of its keys, and how long it took.
struct Answer {
    body: Vec<u8>,
    keys: usize,
    elapsed: Duration,
}

/// Sends `count` requests with these keys in turn, `at_once` at the same time. All their images must be verified.
pub(crate) async fn send(running: &Running, keys: &[Vec<&str>], count: usize, at_once: usize) -> Cost {
    send_by(Sender::new(running, keys), running, count, at_once).await
}

/// As [`send`], each on a new connection.
pub(crate) async fn send_connecting(running: &Running, keys: &[Vec<&str>], count: usize, at_once: usize) -> Cost {
    let sender = Sender { client: running.connecting_client.clone(), ..Sender::new(running, keys) };
    send_by(sender, running, count, at_once).await
}

async fn send_by(sender: Sender, running: &Running, count: usize, at_once: usize) -> Cost {
    let next = Arc::new(AtomicUsize::new(0));
    let (cpu, began) = (running.cpu(), Instant::now());
    let tasks: JoinSet<_> = (0..at_once)
        .map(|_| {
            let (sender, next) = (sender.clone(), Arc::clone(&next));
            async move {
                let mut answers = Vec::new();
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    if number >= count {
                        return answers;
                    }
                    answers.push(sender.answer(number).await);
                }
            }
        })
        .collect();
    let answers = tasks.join_all().await;
    ended(running, cpu, began, answers.into_iter().flatten().collect())
}

/// As [`send`], but a request begins every `interval`, whether or not others have ended.
pub(crate) async fn send_at_rate(running: &Running, keys: &[Vec<&str>], count: usize, interval: Duration) -> Cost {
    let sender = Sender::new(running, keys);
    let (cpu, began) = (running.cpu(), Instant::now());
    let mut tasks = JoinSet::new();
    for number in 0..count {
        sleep_until(began + interval * u32::try_from(number).unwrap()).await;
        let sender = sender.clone();
        tasks.spawn(async move { sender.answer(number).await });
    }
    let answers = tasks.join_all().await;
    ended(running, cpu, began, answers)
}

/// Checks the answers, which is part of no time that is measured.
fn ended(running: &Running, cpu: Duration, began: Instant, answers: Vec<Answer>) -> Cost {
    let (cpu, elapsed) = (running.cpu().saturating_sub(cpu), began.elapsed());
    for Answer { body, keys, elapsed: _ } in &answers {
        let response: Json = serde_json::from_slice(body).unwrap();
        let items = response["response"]["items"].as_array().unwrap();
        let verified = items.iter().filter(|item| running.program.is_verified(item)).count();
        assert_eq!(verified, *keys, "{}: {response:#}", running.program.name());
    }
    Cost::new(cpu, elapsed, answers.iter().map(|answer| answer.elapsed).collect())
}

/// The answer to one request with these keys.
pub(crate) async fn answer(running: &Running, keys: &[&str]) -> Vec<u8> {
    Sender::new(running, &[keys.to_vec()]).answer(0).await.body
}

impl Sender {
    fn new(running: &Running, keys: &[Vec<&str>]) -> Self {
        let body = |keys: &Vec<&str>| {
            let body = json!({
                "apiVersion": "externaldata.gatekeeper.sh/v1beta1",
                "kind": "ProviderRequest",
                "request": {"keys": keys},
            });
            (body.to_string(), keys.len())
        };
        let bodies = Arc::new(keys.iter().map(body).collect());
        Self { client: running.client.clone(), url: running.url.clone(), bodies }
    }

    /// Sends the request whose turn it is, and returns how long it took.
    async fn answer(&self, number: usize) -> Answer {
        let (body, keys) = &self.bodies[number % self.bodies.len()];
        let request = self.client.post(&self.url).body(body.clone());
        let began = Instant::now();
        let body = request.send().await.unwrap().bytes().await.unwrap().to_vec();
        Answer { body, keys: *keys, elapsed: began.elapsed() }
    }
}
