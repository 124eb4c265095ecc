use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering;

use countersign_http::SettingLimit;
use countersign_http::SettingReached;
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

/// The results of all jobs, in their order.
async fn all(jobs: Vec<Job>, at_once: usize, until: Instant) -> Vec<Finished<u64>> {
    let mut completions: Vec<_> = jobs.iter().map(|_| None).collect();
    run_each(jobs, at_once, until, |index, finished| assert_eq!(completions[index].replace(finished), None)).await;
    completions.into_iter().map(Option::unwrap).collect()
}

async fn run_each(jobs: Vec<Job>, at_once: usize, until: Instant, finished: impl FnMut(usize, Finished<u64>)) {
    let (hosts, works): (Vec<Host>, Vec<Mutex<Option<Work>>>) =
        jobs.into_iter().map(|Job { host, work }| (host, Mutex::new(Some(work)))).unzip();
    // Called once.
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
async fn runs_jobs_concurrently_and_reports_each_once() {
    let began = Instant::now();
    let jobs = vec![takes(3 * SECOND), takes(SECOND), takes(2 * SECOND)];
    let finished = each_of_one(jobs, began + 9 * SECOND).await;
    assert_eq!(completions(finished), [Completion::Done(3), Completion::Done(1), Completion::Done(2)]);
    assert_eq!(began.elapsed(), 3 * SECOND);
}

#[tokio::test(start_paused = true)]
async fn reports_results_in_order_of_completion() {
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
async fn a_slow_job_is_late_and_the_others_complete() {
    let began = Instant::now();
    let finished = each_of_one(vec![takes(9 * SECOND), takes(SECOND)], began + 2 * SECOND).await;
    assert_eq!(completions(finished), [Completion::Late(Progress::Working), Completion::Done(1)]);
    assert_eq!(began.elapsed(), 2 * SECOND + SLACK);
}

#[tokio::test(start_paused = true)]
async fn uses_the_result_of_a_job_that_ends_at_the_deadline() {
    let until = Instant::now() + 2 * SECOND;
    assert_eq!(completions(each_of_one(vec![takes(2 * SECOND)], until).await), [Completion::Done(2)]);
}

#[tokio::test(start_paused = true)]
async fn reports_a_key_that_never_began() {
    let until = Instant::now() + SECOND;
    let jobs = vec![at("a", takes(9 * SECOND)), at("a", takes(Duration::ZERO))];
    let finished = all(jobs, 1, until).await;
    let completion = Completion::Late(Progress::Queued { of_host: 2, at_once: 1 });
    assert_eq!(finished[1], Finished { completion, late: None, queued: SECOND + SLACK, elapsed: SECOND + SLACK });
}

#[tokio::test(start_paused = true)]
async fn a_slow_host_does_not_delay_other_hosts() {
    let until = Instant::now() + SECOND;
    let slow = |_| at("slow", takes(9 * SECOND));
    let jobs = (0..40).map(slow).chain([at("good", takes(Duration::ZERO)), at("fair", takes(SECOND))]).collect();
    let finished = all(jobs, 32, until).await;
    assert_eq!(
        finished[40],
        Finished { completion: Completion::Done(0), late: None, queued: Duration::ZERO, elapsed: Duration::ZERO }
    );
    assert_eq!(finished[41].completion, Completion::Done(1));
    let of_host = |stage| finished.iter().filter(|one| one.completion == Completion::Late(stage)).count();
    assert_eq!([of_host(Progress::Working), of_host(Progress::Queued { of_host: 40, at_once: 10 })], [10, 30]);
}

#[tokio::test(start_paused = true)]
async fn processes_more_hosts_than_the_concurrency_limit() {
    let until = Instant::now() + 2 * SECOND;
    let jobs = (0..40).map(|number| at(&number.to_string(), takes(SECOND))).collect();
    assert_eq!(completions(all(jobs, 32, until).await), [const { Completion::Done(1) }; 40]);
}

#[tokio::test(start_paused = true)]
async fn a_panic_affects_only_its_own_key() {
    let until = Instant::now() + 9 * SECOND;
    let later: Work = Box::new(|| async { panic!("later") }.boxed());
    let at_once: Work = Box::new(|| panic!("at {}", "once"));
    let finished = each_of_one(vec![later, takes(SECOND), at_once], until).await;
    let panicked = |text: &str| Completion::Panicked(text.to_owned());
    assert_eq!(completions(finished), [panicked("later"), Completion::Done(1), panicked("at once")]);
}

#[tokio::test(start_paused = true)]
async fn limits_concurrency_of_a_host_to_its_share() {
    for (hosts, max) in [(&["a"][..], 6), (&["a", "b"], 3)] {
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
        assert_eq!(peak.load(Ordering::SeqCst), max);
    }
}

#[tokio::test(start_paused = true)]
async fn a_key_in_progress_that_is_late_has_what_its_work_waits_for() {
    let host: Host = "r.example".parse().unwrap();
    let until = Instant::now() + SECOND;
    let work = |_| {
        move || async move {
            let never = countersign_http::Pace::new("requestsPerSecond of x".into(), std::num::NonZeroU32::MIN);
            for _ in 0..10 {
                never.turn(until + 60 * SECOND).await.unwrap();
            }
        }
    };
    let mut late = None;
    each([&host], 1, until, work, |_, finished: Finished<()>| late = finished.late).await;
    let LateWork { stage, awaited } = late.unwrap();
    assert_eq!(stage, None);
    let limit = SettingReached::PerSecond { limit: std::num::NonZeroU32::MIN, wait: SECOND - SLACK };
    assert_eq!(awaited, Awaited::Setting(SettingLimit { setting: "requestsPerSecond of x".into(), reached: limit }));
}
