//! The keys of one request, at the same time, within bounds and until a point in time. One slow or broken key never costs
//! the others.

use std::collections::HashMap;
use std::future::Future;
use std::sync::Arc;
use std::sync::OnceLock;
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::telemetry::log::panic_text;

/// Given to work that ends at the deadline by itself and knows better than we do what took so long.
const SLACK: Duration = Duration::from_millis(25);

/// How many keys are worked on at the same time.
#[derive(Clone, Debug)]
pub(super) struct Places {
    /// In the whole process.
    pub(super) process: Arc<Semaphore>,
    /// In one request, so that one with hundreds of keys leaves room for the others.
    pub(super) per_request: usize,
}

/// How the work for one key ended.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum End<T> {
    Done(T),
    /// With the panic's text, for the log.
    Panicked(String),
    Late(Stage),
}

/// What a late key was doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// Waiting for a place.
    Queued,
    /// At work.
    Working,
}

/// The end of the work for one key, and how long that took.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Finished<T> {
    pub(super) end: End<T>,
    /// Until it had a place.
    pub(super) queued: Duration,
    /// In all.
    pub(super) elapsed: Duration,
}

/// Does all `jobs`, each in a task of its own, until `until`; what is not finished then is given up. The ends come in the
/// order of the jobs. Dropping the future gives up all of them: work that others wait for is not in these tasks.
pub(super) async fn each<J, F, T>(jobs: Vec<J>, places: &Places, until: Instant) -> Vec<Finished<T>>
where
    J: FnOnce() -> F + Send + 'static,
    F: Future<Output = T> + Send + 'static,
    T: Send + 'static,
{
    let began = Instant::now();
    let of_request = Arc::new(Semaphore::new(places.per_request));
    let mut tasks = JoinSet::new();
    let mut indices = HashMap::with_capacity(jobs.len());
    let mut starts = Vec::with_capacity(jobs.len());
    for (index, job) in jobs.into_iter().enumerate() {
        let start = Arc::new(OnceLock::new());
        starts.push(Arc::clone(&start));
        let (of_request, of_process) = (Arc::clone(&of_request), Arc::clone(&places.process));
        let task = tasks.spawn(async move {
            // A place in the request first: those who wait for the process are then few per request. Neither semaphore
            // is ever closed.
            let _one = of_request.acquire().await;
            let _other = of_process.acquire().await;
            let _ = start.set(Instant::now());
            let value = job().await;
            (value, Instant::now())
        });
        indices.insert(task.id(), index);
    }
    let mut ends: Vec<Option<(End<T>, Instant)>> = starts.iter().map(|_| None).collect();
    while let Ok(Some(joined)) = tokio::time::timeout_at(until + SLACK, tasks.join_next_with_id()).await {
        let (id, end) = match joined {
            Ok((id, (value, at))) => (id, (End::Done(value), at)),
            Err(error) => {
                let id = error.id();
                // Nobody aborts these tasks but the drop of the set.
                let text = error.try_into_panic().map_or_else(|e| e.to_string(), |p| panic_text(&*p).to_owned());
                (id, (End::Panicked(text), Instant::now()))
            }
        };
        if let Some(place) = indices.get(&id).and_then(|index| ends.get_mut(*index)) {
            *place = Some(end);
        }
    }
    let now = Instant::now();
    let finished = ends.into_iter().zip(starts).map(|(end, start)| {
        let start = start.get().copied();
        let late = || (End::Late(if start.is_some() { Stage::Working } else { Stage::Queued }), now);
        let (end, at) = end.unwrap_or_else(late);
        Finished { end, queued: start.unwrap_or(at).duration_since(began), elapsed: at.duration_since(began) }
    });
    finished.collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::sync::atomic::AtomicUsize;
    use std::sync::atomic::Ordering;

    use futures_util::FutureExt as _;
    use futures_util::future::BoxFuture;

    use super::*;

    type Job = Box<dyn FnOnce() -> BoxFuture<'static, u64> + Send>;

    const SECOND: Duration = Duration::from_secs(1);

    fn takes(duration: Duration) -> Job {
        Box::new(move || {
            async move {
                tokio::time::sleep(duration).await;
                duration.as_secs()
            }
            .boxed()
        })
    }

    fn places(process: usize, per_request: usize) -> Places {
        Places { process: Arc::new(Semaphore::new(process)), per_request }
    }

    fn ends(finished: Vec<Finished<u64>>) -> Vec<End<u64>> {
        finished.into_iter().map(|finished| finished.end).collect()
    }

    #[tokio::test(start_paused = true)]
    async fn ends_come_in_the_order_of_the_jobs_and_take_as_long_as_the_longest() {
        let began = Instant::now();
        let jobs = vec![takes(3 * SECOND), takes(SECOND), takes(2 * SECOND)];
        let finished = each(jobs, &places(9, 9), began + 9 * SECOND).await;
        assert_eq!(ends(finished), [End::Done(3), End::Done(1), End::Done(2)]);
        assert_eq!(began.elapsed(), 3 * SECOND);
    }

    #[tokio::test(start_paused = true)]
    async fn a_slow_job_is_given_up_and_the_others_count() {
        let began = Instant::now();
        let finished = each(vec![takes(9 * SECOND), takes(SECOND)], &places(9, 9), began + 2 * SECOND).await;
        assert_eq!(ends(finished), [End::Late(Stage::Working), End::Done(1)]);
        assert_eq!(began.elapsed(), 2 * SECOND + SLACK);
    }

    #[tokio::test(start_paused = true)]
    async fn a_job_that_ends_at_the_deadline_by_itself_is_heard() {
        let until = Instant::now() + 2 * SECOND;
        assert_eq!(ends(each(vec![takes(2 * SECOND)], &places(9, 9), until).await), [End::Done(2)]);
    }

    #[tokio::test(start_paused = true)]
    async fn what_never_had_a_place_says_so() {
        let until = Instant::now() + SECOND;
        let full = places(1, 9);
        let _taken = full.process.acquire().await.unwrap();
        let finished = each(vec![takes(Duration::ZERO)], &full, until).await;
        assert_eq!(
            finished,
            [Finished { end: End::Late(Stage::Queued), queued: SECOND + SLACK, elapsed: SECOND + SLACK }]
        );
    }

    #[tokio::test(start_paused = true)]
    async fn a_panic_costs_only_its_own_key_even_before_the_first_await() {
        let until = Instant::now() + 9 * SECOND;
        let later: Job = Box::new(|| async { panic!("later") }.boxed());
        let at_once: Job = Box::new(|| panic!("at {}", "once"));
        let finished = each(vec![later, takes(SECOND), at_once], &places(9, 9), until).await;
        let panicked = |text: &str| End::Panicked(text.to_owned());
        assert_eq!(ends(finished), [panicked("later"), End::Done(1), panicked("at once")]);
    }

    #[tokio::test(start_paused = true)]
    async fn never_more_at_once_than_there_are_places() {
        for (process, per_request, most) in [(9, 2, 2), (3, 9, 3)] {
            let (now, peak) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
            let job = || -> Job {
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
            let until = Instant::now() + 60 * SECOND;
            let finished = each((0..7).map(|_| job()).collect(), &places(process, per_request), until).await;
            assert_eq!(ends(finished), [const { End::Done(0) }; 7]);
            assert_eq!(peak.load(Ordering::SeqCst), most);
        }
    }
}
