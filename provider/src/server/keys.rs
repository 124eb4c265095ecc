//! The keys of one request, at the same time, within bounds and until a point in time. One slow or broken key never costs
//! the others.

use std::collections::HashMap;
use std::collections::VecDeque;
use std::future::Future;
use std::time::Duration;

use countersign_core::name::Host;
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::telemetry::log::panic_text;

/// Given to work that completions at the deadline by itself and knows better than we do what took so long.
const SLACK: Duration = Duration::from_millis(25);

/// How the work for one key ended.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Completion<T> {
    Done(T),
    /// With the panic's text, for the log.
    Panicked(String),
    Late(Progress),
}

/// What a late key was doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Progress {
    /// Waiting for other keys of the same request and host.
    Queued {
        /// How many there are.
        of_host: usize,
        /// How many of them are worked on at a time.
        at_once: usize,
    },
    /// At work.
    Working,
}

/// The completion of the work for one key, and how long that took.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Finished<T> {
    pub(super) completion: Completion<T>,
    /// Until it had a index.
    pub(super) queued: Duration,
    /// In all.
    pub(super) elapsed: Duration,
}

/// The keys of one host.
struct Group {
    /// How many there are.
    count: usize,
    /// Those that have not begun, by their places.
    waiting: VecDeque<usize>,
}

/// A key that is worked on.
struct Running {
    index: usize,
    group: usize,
    since: Instant,
}

/// Works on one key for each of `hosts`, the registry hosts of their images, until `until`; what is not finished then is
/// given up. The work of a key is a task of its own, and `work` is asked for it, with the key's index, when it begins: until
/// then a key takes next to nothing. `finished` is called once for each, as they completion. Dropping the future gives up all of
/// them: work that others wait for is not in these tasks.
///
/// At most `at_once` are worked on at a time, until `finished` has taken what they gave. Each host of the request has the
/// same part of that, and at least one: a host that is slow keeps none of the others waiting.
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
        let work = work(index);
        let task = tasks.spawn(async move {
            let value = work().await;
            (value, Instant::now())
        });
        running.insert(task.id(), Running { index, group, since: Instant::now() });
    };
    for group in 0..groups.len() {
        (0..at_once).for_each(|_| begin(&mut groups, group, &mut tasks, &mut running));
    }
    while let Ok(Some(joined)) = tokio::time::timeout_at(until + SLACK, tasks.join_next_with_id()).await {
        let (id, completion, at) = match joined {
            Ok((id, (value, at))) => (id, Completion::Done(value), at),
            Err(error) => {
                let id = error.id();
                // Nobody aborts these tasks but the drop of the set.
                let text = error.try_into_panic().map_or_else(|e| e.to_string(), |p| panic_text(&*p).to_owned());
                (id, Completion::Panicked(text), Instant::now())
            }
        };
        let Some(Running { index, group, since }) = running.remove(&id) else { continue };
        finished(
            index,
            Finished { completion, queued: since.duration_since(began), elapsed: at.duration_since(began) },
        );
        if Instant::now() < until {
            begin(&mut groups, group, &mut tasks, &mut running);
        }
    }
    let now = Instant::now();
    let working = running.into_values().map(|Running { index, since, .. }| (index, Progress::Working, since));
    let waiting = groups.into_iter().flat_map(|Group { count, waiting }| {
        waiting.into_iter().map(move |index| (index, Progress::Queued { of_host: count, at_once }, now))
    });
    let mut late: Vec<_> = working.chain(waiting).collect();
    late.sort_unstable_by_key(|(index, ..)| *index);
    for (index, stage, since) in late {
        let (queued, elapsed) = (since.duration_since(began), now.duration_since(began));
        finished(index, Finished { completion: Completion::Late(stage), queued, elapsed });
    }
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
mod tests {
    use std::sync::Arc;
    use std::sync::Mutex;
    use std::sync::atomic::AtomicUsize;
    use std::sync::atomic::Ordering;

    use futures_util::FutureExt as _;
    use futures_util::future::BoxFuture;

    use super::*;

    type Work = Box<dyn FnOnce() -> BoxFuture<'static, u64> + Send>;

    const SECOND: Duration = Duration::from_secs(1);

    fn takes(duration: Duration) -> Work {
        Box::new(move || {
            async move {
                tokio::time::sleep(duration).await;
                duration.as_secs()
            }
            .boxed()
        })
    }

    struct Job {
        host: Host,
        work: Work,
    }

    fn at(host: &str, work: Work) -> Job {
        Job { host: format!("{host}.example").parse().unwrap(), work }
    }

    /// How all jobs ended, in their order.
    async fn all(jobs: Vec<Job>, at_once: usize, until: Instant) -> Vec<Finished<u64>> {
        let mut completions: Vec<_> = jobs.iter().map(|_| None).collect();
        run_each(jobs, at_once, until, |index, finished| assert_eq!(completions[index].replace(finished), None)).await;
        completions.into_iter().map(Option::unwrap).collect()
    }

    async fn run_each(jobs: Vec<Job>, at_once: usize, until: Instant, finished: impl FnMut(usize, Finished<u64>)) {
        let (hosts, works): (Vec<Host>, Vec<Mutex<Option<Work>>>) =
            jobs.into_iter().map(|Job { host, work }| (host, Mutex::new(Some(work)))).unzip();
        // Asked for once.
        let work = |index: usize| works[index].lock().unwrap().take().unwrap();
        each(&hosts, at_once, until, work, finished).await;
    }

    /// Jobs of one host, at most nine at a time.
    async fn each_of_one(jobs: Vec<Work>, until: Instant) -> Vec<Finished<u64>> {
        all(jobs.into_iter().map(|work| at("a", work)).collect(), 9, until).await
    }

    fn completions(finished: Vec<Finished<u64>>) -> Vec<Completion<u64>> {
        finished.into_iter().map(|finished| finished.completion).collect()
    }

    #[tokio::test(start_paused = true)]
    async fn every_job_ends_once_and_all_of_them_take_as_long_as_the_longest() {
        let began = Instant::now();
        let jobs = vec![takes(3 * SECOND), takes(SECOND), takes(2 * SECOND)];
        let finished = each_of_one(jobs, began + 9 * SECOND).await;
        assert_eq!(completions(finished), [Completion::Done(3), Completion::Done(1), Completion::Done(2)]);
        assert_eq!(began.elapsed(), 3 * SECOND);
    }

    #[tokio::test(start_paused = true)]
    async fn ends_are_told_as_they_come() {
        let began = Instant::now();
        let jobs = [3, 1, 2, 9].map(|seconds| at("a", takes(seconds * SECOND)));
        let mut completions = Vec::new();
        run_each(jobs.into(), 9, began + 5 * SECOND, |index, finished| {
            completions.push((index, finished.completion, began.elapsed().as_secs()));
        })
        .await;
        assert_eq!(
            completions,
            [
                (1, Completion::Done(1), 1),
                (2, Completion::Done(2), 2),
                (0, Completion::Done(3), 3),
                (3, Completion::Late(Progress::Working), 5)
            ]
        );
    }

    #[tokio::test(start_paused = true)]
    async fn a_slow_job_is_given_up_and_the_others_count() {
        let began = Instant::now();
        let finished = each_of_one(vec![takes(9 * SECOND), takes(SECOND)], began + 2 * SECOND).await;
        assert_eq!(completions(finished), [Completion::Late(Progress::Working), Completion::Done(1)]);
        assert_eq!(began.elapsed(), 2 * SECOND + SLACK);
    }

    #[tokio::test(start_paused = true)]
    async fn a_job_that_ends_at_the_deadline_by_itself_is_heard() {
        let until = Instant::now() + 2 * SECOND;
        assert_eq!(completions(each_of_one(vec![takes(2 * SECOND)], until).await), [Completion::Done(2)]);
    }

    #[tokio::test(start_paused = true)]
    async fn what_never_had_its_turn_says_so() {
        let until = Instant::now() + SECOND;
        let jobs = vec![at("a", takes(9 * SECOND)), at("a", takes(Duration::ZERO))];
        let finished = all(jobs, 1, until).await;
        let completion = Completion::Late(Progress::Queued { of_host: 2, at_once: 1 });
        assert_eq!(finished[1], Finished { completion, queued: SECOND + SLACK, elapsed: SECOND + SLACK });
    }

    #[tokio::test(start_paused = true)]
    async fn a_slow_host_makes_no_other_late() {
        let until = Instant::now() + SECOND;
        let slow = |_| at("slow", takes(9 * SECOND));
        let jobs = (0..40).map(slow).chain([at("good", takes(Duration::ZERO)), at("fair", takes(SECOND))]).collect();
        let finished = all(jobs, 32, until).await;
        assert_eq!(
            finished[40],
            Finished { completion: Completion::Done(0), queued: Duration::ZERO, elapsed: Duration::ZERO }
        );
        assert_eq!(finished[41].completion, Completion::Done(1));
        let of_host = |stage| finished.iter().filter(|one| one.completion == Completion::Late(stage)).count();
        assert_eq!([of_host(Progress::Working), of_host(Progress::Queued { of_host: 40, at_once: 10 })], [10, 30]);
    }

    #[tokio::test(start_paused = true)]
    async fn each_of_more_hosts_than_may_be_at_once_has_its_turn() {
        let until = Instant::now() + 2 * SECOND;
        let jobs = (0..40).map(|number| at(&number.to_string(), takes(SECOND))).collect();
        assert_eq!(completions(all(jobs, 32, until).await), [const { Completion::Done(1) }; 40]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_panic_costs_only_its_own_key_even_before_the_first_await() {
        let until = Instant::now() + 9 * SECOND;
        let later: Work = Box::new(|| async { panic!("later") }.boxed());
        let at_once: Work = Box::new(|| panic!("at {}", "once"));
        let finished = each_of_one(vec![later, takes(SECOND), at_once], until).await;
        let panicked = |text: &str| Completion::Panicked(text.to_owned());
        assert_eq!(completions(finished), [panicked("later"), Completion::Done(1), panicked("at once")]);
    }

    #[tokio::test(start_paused = true)]
    async fn never_more_of_a_host_at_once_than_its_part() {
        for (hosts, most) in [(&["a"][..], 6), (&["a", "b"], 3)] {
            let (now, peak) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
            let job = || -> Work {
                let (now, peak) = (Arc::clone(&now), Arc::clone(&peak));
                Box::new(move || {
                    async move {
                        peak.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                        tokio::time::sleep(SECOND).await;
                        now.fetch_sub(1, Ordering::SeqCst);
                        0
                    }
                    .boxed()
                })
            };
            let counted = (0..7).map(|_| at("a", job()));
            let others = hosts.iter().skip(1).map(|host| at(host, takes(Duration::ZERO)));
            let finished = all(counted.chain(others).collect(), 6, Instant::now() + 60 * SECOND).await;
            assert!(completions(finished).iter().all(|completion| *completion == Completion::Done(0)));
            assert_eq!(peak.load(Ordering::SeqCst), most);
        }
    }
}
