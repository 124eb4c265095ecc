//! Processes the keys of one request concurrently, within limits and until the deadline. A slow or failing key does
//! not affect the others.

use std::collections::HashMap;
use std::collections::VecDeque;
use std::future::Future;
use std::time::Duration;

use countersign_core::name::Host;
use countersign_http::Awaited;
use countersign_http::Progress as WorkProgress;
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::telemetry::log::panic_text;

/// Extra time for work that ends at the deadline by itself, because it reports which stage took the time.
const SLACK: Duration = Duration::from_millis(25);

/// How the work for one key ended.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Completion<T> {
    Done(T),
    /// With the panic's text, for the log.
    Panicked(String),
    Late(Progress),
}

/// The progress of a late key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Progress {
    /// Waiting for other keys of the same request and host.
    Queued {
        /// How many there are.
        of_host: usize,
        /// How many of them are worked on at a time.
        at_once: usize,
    },
    /// In progress.
    Working,
}

/// What the work on a late key does: its stage, if it has one, and what it waits for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct LateWork {
    pub(super) stage: Option<&'static str>,
    pub(super) awaited: Awaited,
}

impl LateWork {
    /// Whether it is known what the work waits for.
    pub(super) fn names_a_cause(&self) -> bool {
        self.awaited != Awaited::Nothing
    }
}

/// The result of the work for one key, and its duration.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Finished<T> {
    pub(super) completion: Completion<T>,
    /// Of a key that is [`Progress::Working`].
    pub(super) late: Option<LateWork>,
    /// Time until its work began.
    pub(super) queued: Duration,
    /// Total time.
    pub(super) elapsed: Duration,
}

/// The keys of one host.
struct Group {
    /// How many there are.
    count: usize,
    /// The indices of the keys that have not begun.
    waiting: VecDeque<usize>,
}

/// A key in progress.
struct Running {
    index: usize,
    group: usize,
    since: Instant,
    work: WorkProgress,
}

/// Processes one key for each of `hosts`, the registry hosts of their images, until `until`; unfinished keys are then
/// late. The work of a key runs in a task of its own, which `work` creates from the key's index when it begins: until
/// then a key needs almost no memory. `finished` is called once for each key, in the order of completion. Dropping the
/// future cancels all tasks; work that is shared with other requests runs elsewhere.
///
/// At most `at_once` are in progress at a time, until `finished` has taken their results. Each host of the request has
/// an equal share, and at least one, so that a slow host does not delay the others.
pub(super) async fn each<'a, J, F, T>(
    hosts: impl IntoIterator<Item = &'a Host>,
    at_once: usize,
    until: Instant,
    work: impl Fn(usize) -> J,
    mut finished: impl FnMut(usize, Finished<T>),
) where
    J: FnOnce() -> F + Send + 'static,
    F: Future<Output = T> + Send + 'static,
    T: Send + 'static,
{
    let began = Instant::now();
    let mut groups = groups(hosts);
    let at_once = at_once.checked_div(groups.len()).unwrap_or(at_once).max(1);
    let mut tasks = JoinSet::new();
    let mut running = HashMap::new();
    let begin = |groups: &mut [Group], group: usize, tasks: &mut JoinSet<_>, running: &mut HashMap<_, Running>| {
        let Some(index) = groups.get_mut(group).and_then(|group| group.waiting.pop_front()) else { return };
        let (work, progress) = (work(index), WorkProgress::default());
        let noted = progress.clone();
        let task = tasks.spawn(async move {
            let value = noted.during(work()).await;
            (value, Instant::now())
        });
        running.insert(task.id(), Running { index, group, since: Instant::now(), work: progress });
    };
    for group in 0..groups.len() {
        (0..at_once).for_each(|_| begin(&mut groups, group, &mut tasks, &mut running));
    }
    while let Ok(Some(joined)) = tokio::time::timeout_at(until + SLACK, tasks.join_next_with_id()).await {
        let (id, completion, at) = match joined {
            Ok((id, (value, at))) => (id, Completion::Done(value), at),
            Err(error) => {
                let id = error.id();
                // Tasks are aborted only when the set is dropped.
                let text = error.try_into_panic().map_or_else(|e| e.to_string(), |p| panic_text(&*p).to_owned());
                (id, Completion::Panicked(text), Instant::now())
            }
        };
        let Some(Running { index, group, since, work: _ }) = running.remove(&id) else { continue };
        let (queued, elapsed) = (since.duration_since(began), at.duration_since(began));
        finished(index, Finished { completion, late: None, queued, elapsed });
        if Instant::now() < until {
            begin(&mut groups, group, &mut tasks, &mut running);
        }
    }
    let now = Instant::now();
    for (index, progress, late, since) in late(running, groups, at_once, now) {
        let (queued, elapsed) = (since.duration_since(began), now.duration_since(began));
        finished(index, Finished { completion: Completion::Late(progress), late, queued, elapsed });
    }
}

/// The unfinished keys by their indices, what they wait for, and since when they are in their stage.
fn late<I>(
    running: HashMap<I, Running>,
    groups: Vec<Group>,
    at_once: usize,
    now: Instant,
) -> Vec<(usize, Progress, Option<LateWork>, Instant)> {
    let working = running.into_values().map(|Running { index, group: _, since, work }| {
        let (stage, awaited) = work.state();
        (index, Progress::Working, Some(LateWork { stage, awaited }), since)
    });
    let waiting = groups.into_iter().flat_map(|Group { count, waiting }| {
        waiting.into_iter().map(move |index| (index, Progress::Queued { of_host: count, at_once }, None, now))
    });
    let mut late: Vec<_> = working.chain(waiting).collect();
    late.sort_unstable_by_key(|(index, ..)| *index);
    late
}

fn groups<'a>(hosts: impl IntoIterator<Item = &'a Host>) -> Vec<Group> {
    let mut groups: Vec<Group> = Vec::new();
    let mut by_host: HashMap<&Host, usize> = HashMap::new();
    for (index, host) in hosts.into_iter().enumerate() {
        let group = *by_host.entry(host).or_insert(groups.len());
        match groups.get_mut(group) {
            Some(group) => {
                group.count += 1;
                group.waiting.push_back(index);
            }
            None => groups.push(Group { count: 1, waiting: VecDeque::from([index]) }),
        }
    }
    groups
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
