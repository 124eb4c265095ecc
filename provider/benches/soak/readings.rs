//! What must not grow: memory, threads, files, connections and tasks of the process.

use std::fmt;
use std::time::Duration;
use std::time::Instant;

use crate::process;
use crate::site::Site;

/// The time between two readings.
const EVERY: Duration = Duration::from_secs(1);

/// How long the process may take to come to rest: connections to a registry are closed after some seconds without a request.
const REST: Duration = Duration::from_secs(30);

/// The state of the process at a moment.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reading {
    read: [f64; 7],
    /// Connections to the process that its clients have open or are closing.
    at_clients: f64,
}

/// What is read.
const READ: [&str; 7] = [
    "memory in MiB",
    "threads",
    "files",
    "connections of clients",
    "connections to the registry",
    "tasks",
    "limits in use",
];

/// How much more of each the median of the last third of a run may have than that of the second.
///
/// All of it is bounded by the load, which does not change, and each third of a run of 15 minutes has at least two rounds of events. Medians
/// leave out the moments of a fault. How many connections clients need depends on what else the machine does, so that those are left out of
/// connections, files and tasks that the clients have too. What is left:
/// - memory: the cache of verdicts is full within the first third, but that of digests may still grow by 1 MiB, and the allocator keeps more
///   of what was in use at the worst moment of a fault.
/// - threads: those that may block, which end after ten seconds without work.
/// - connections that no client has any more: those that are being closed.
/// - files: those that are being read, and connections to the registry.
/// - tasks: some for each request that is under way.
/// - limits: how many of them a request under way uses.
const MORE: [f64; 7] = [3.0, 2.0, 4.0, 2.0, 2.0, 12.0, 3.0];

/// The places of what is in use for requests only, and how much more of it there may be after the last one than before the load: a connection
/// to the registry with its tasks, and a poll of files.
const AT_REST: [(usize, f64); 5] = [(2, 3.0), (3, 0.0), (4, 1.0), (5, 3.0), (6, 0.0)];

impl Reading {
    /// # Panics
    /// The process has ended.
    pub(crate) async fn now(site: &Site) -> Self {
        let id = site.id();
        let port = |address: &str| address.rsplit(':').next().unwrap().parse::<u16>().unwrap();
        let (own, registry) = (port(&site.address), site.registry.address().port());
        let connections = process::connections(id);
        let count = |place: usize, port: u16| connections.iter().filter(|ports| ports[place] == port).count() as f64;
        let page = site.metrics().await;
        let tasks = page.lines().find_map(|line| line.strip_prefix("countersign_tasks ")).unwrap();
        let read = [
            process::memory(id),
            process::entries(id, "task") as f64,
            process::entries(id, "fd") as f64,
            count(0, own),
            count(1, registry),
            tasks.parse().unwrap(),
            limits(&page) as f64,
        ];
        Self { read, at_clients: count(1, own) }
    }

    /// What is compared, at the places of [`READ`].
    fn compared(&self) -> [f64; 7] {
        let [memory, threads, files, clients, registry, tasks, limits] = self.read;
        let without = |figure: f64| figure - self.at_clients;
        [memory, threads, without(files), without(clients), registry, without(tasks), limits]
    }

    /// The state at rest, at the latest after [`REST`].
    ///
    /// # Errors
    /// There is more than `before`.
    pub(crate) async fn at_rest(site: &Site, before: Self) -> Result<(), Vec<String>> {
        let end = Instant::now() + REST;
        loop {
            let now = Self::now(site).await;
            let more = AT_REST.iter().filter(|(place, more)| now.read[*place] > before.read[*place] + more);
            let more: Vec<String> = more
                .map(|(place, _)| {
                    let (found, before) = (now.read[*place], before.read[*place]);
                    format!("{} at rest: {before:.0} before the load, {found:.0} after it", READ[*place])
                })
                .collect();
            if more.is_empty() {
                return Ok(());
            }
            if Instant::now() > end {
                return Err(more);
            }
            tokio::time::sleep(EVERY).await;
        }
    }
}

impl fmt::Display for Reading {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [memory, threads, files, clients, registry, tasks, limits] = self.read;
        write!(f, "{memory:5.1}  {threads:7}  {files:5}  {clients:7}  {registry:8}  {tasks:5}  {limits:6}")
    }
}

/// How many limits are in use.
fn limits(page: &str) -> usize {
    let limits = page.lines().filter(|line| line.starts_with("countersign_limit_in_use{"));
    limits.filter(|line| !line.ends_with(" 0")).count()
}

/// Reads until it is dropped, and keeps no requests that the registry has recorded.
pub(crate) async fn follow(site: Site, readings: std::sync::Arc<std::sync::Mutex<Vec<Reading>>>) {
    loop {
        let reading = Reading::now(&site).await;
        readings.lock().unwrap().push(reading);
        site.registry.clear_requests();
        tokio::time::sleep(EVERY).await;
    }
}

/// What has grown from the second third of the readings to the last one. Prints both.
pub(crate) fn growth(readings: &[Reading]) -> Vec<String> {
    let third = readings.len() / 3;
    let median = |part: &[Reading], place: usize| {
        let mut figures: Vec<f64> = part.iter().map(|reading| reading.compared()[place]).collect();
        figures.sort_by(f64::total_cmp);
        figures[figures.len() / 2]
    };
    let mut grown = Vec::new();
    for (place, (what, more)) in READ.iter().zip(MORE).enumerate() {
        let [second, last] = [&readings[third..2 * third], &readings[2 * third..]].map(|part| median(part, place));
        let found = format!("{what}: median {second:.1} of the second third, {last:.1} of the last one");
        println!("{found}");
        if last > second + more {
            grown.push(format!("{found}, expected at most {more} more"));
        }
    }
    grown
}
