//! What a minute of the load was like.

use std::collections::HashMap;
use std::fmt;
use std::time::Duration;

use crate::asking::Answer;
use crate::asking::Asked;
use crate::asking::Wrong;
use crate::readings::Reading;

/// Most mistakes of one minute that are named, of those that are alike.
const NAMED: usize = 2;

/// Times in milliseconds.
#[derive(Clone, Debug)]
pub(crate) struct Minute {
    requests: usize,
    inconclusive: usize,
    p50: f64,
    p99: f64,
    /// Of requests for one known image, without those during faults and shortly after them.
    known: f64,
    /// Of requests for one fresh image, without the same.
    fresh: f64,
    /// The last one.
    reading: Reading,
    wrong: usize,
    /// The first ones.
    pub(crate) named: Vec<String>,
}

impl Minute {
    pub(crate) const HEADER: &str = "requests  inconclusive  p50 ms   p99 ms  known p99  fresh p99  wrong  MiB    threads  files  clients  registry  tasks  limits";

    pub(crate) fn new(answers: &[Answer], reading: Reading) -> Self {
        let all = || answers.iter().filter(|answer| answer.wrong.is_empty());
        let quiet = |asked| {
            let quiet = |answer: &&Answer| answer.asked == asked && answer.judged.iter().all(|one| one.is_quiet);
            all().filter(quiet).map(|answer| answer.latency).collect()
        };
        let wrong = || answers.iter().flat_map(|answer| &answer.wrong);
        let latencies: Vec<Duration> = all().map(|answer| answer.latency).collect();
        Self {
            requests: answers.len(),
            inconclusive: all().flat_map(|answer| &answer.judged).filter(|one| one.is_inconclusive).count(),
            p50: part(latencies.clone(), 0.5),
            p99: part(latencies, 0.99),
            known: part(quiet(Asked::Known), 0.99),
            fresh: part(quiet(Asked::Fresh), 0.99),
            reading,
            wrong: wrong().count(),
            named: named(wrong()),
        }
    }
}

/// The messages of the first ones of each group.
fn named<'a>(wrong: impl Iterator<Item = &'a Wrong>) -> Vec<String> {
    let mut groups: HashMap<_, usize> = HashMap::new();
    let mut is_first = |wrong: &&Wrong| {
        let count = groups.entry(wrong.group).or_default();
        *count += 1;
        *count <= NAMED
    };
    wrong.filter(|wrong| is_first(wrong)).map(|wrong| wrong.message.clone()).collect()
}

/// The least of the latencies that this part of them does not exceed, in milliseconds.
fn part(mut latencies: Vec<Duration>, part: f64) -> f64 {
    latencies.sort();
    let place = (latencies.len() as f64 * part) as usize;
    latencies.get(place).map_or(f64::NAN, |latency| latency.as_secs_f64() * 1e3)
}

impl fmt::Display for Minute {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { requests, inconclusive, p50, p99, known, fresh, reading, wrong, named: _ } = self;
        write!(
            f,
            "{requests:8}  {inconclusive:12}  {p50:6.2}  {p99:7.1}  {known:9.1}  {fresh:9.1}  {wrong:5}  {reading}"
        )
    }
}
