//! The load: requests of each kind at their rates.

use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering;
use std::time::Duration;
use std::time::Instant;

use futures_util::StreamExt as _;
use tokio::task::JoinSet;

use crate::asking;
use crate::asking::Answer;
use crate::asking::Asked;
use crate::expectations::Image;
use crate::site::Site;

/// Requests a second beside those for known images, and how many of each kind are under way at most. All together are fewer than the
/// connections of the server.
const OTHERS: [(Asked, f64, usize); 4] =
    [(Asked::Fresh, 20.0, 40), (Asked::Batch, 5.0, 10), (Asked::Mutation, 20.0, 20), (Asked::Connection, 5.0, 10)];

/// Requests for known images that are under way at most.
const AT_ONCE: usize = 100;

/// Keys of a batch.
const KEYS: usize = 20;

/// The number of the next request, over the whole run.
static NEXT: AtomicUsize = AtomicUsize::new(0);

/// Asks for every image that exists from the start.
///
/// # Panics
/// An answer is wrong.
pub(crate) async fn warm_up(site: &Site) {
    for images in site.images.chunks(KEYS) {
        asking::ask(site, Asked::Batch, images.to_vec()).await.first_wrong().expect("the first answers are right");
    }
}

/// How many requests for known images are answered in a second, without faults.
///
/// # Panics
/// An answer is wrong.
pub(crate) async fn maximum(site: &Site, time: Duration) -> f64 {
    let end = Instant::now() + time;
    let workers = (0..8).map(|_| async {
        let mut count = 0_usize;
        while Instant::now() < end {
            let answer = asking::ask(site, Asked::Known, images(site, Asked::Known)).await;
            answer.first_wrong().expect("answers without faults are right");
            count += 1;
        }
        count
    });
    let counts: Vec<usize> = futures_util::stream::iter(workers).buffer_unordered(8).collect().await;
    counts.iter().sum::<usize>() as f64 / time.as_secs_f64()
}

/// `rate` requests a second for known images, and the others.
pub(crate) async fn run(site: &Site, rate: f64, end: Instant) -> Vec<Answer> {
    let answers = Arc::new(Mutex::new(Vec::new()));
    let all = std::iter::once((Asked::Known, rate, AT_ONCE)).chain(OTHERS);
    let kinds: JoinSet<()> = all.map(|kind| paced(site.clone(), kind, end, Arc::clone(&answers))).collect();
    kinds.join_all().await;
    std::mem::take(&mut *answers.lock().unwrap())
}

/// Requests of one kind. Gatekeeper waits for each, so that a provider that is slow is asked less, and not more afterwards.
async fn paced(
    site: Site,
    (asked, rate, at_once): (Asked, f64, usize),
    end: Instant,
    answers: Arc<Mutex<Vec<Answer>>>,
) {
    let (mut due, mut tasks) = (Instant::now(), JoinSet::new());
    while due < end {
        tokio::time::sleep_until(due.into()).await;
        while tasks.try_join_next().is_some() {}
        while tasks.len() >= at_once {
            tasks.join_next().await;
            due = Instant::now();
        }
        due += Duration::from_secs_f64(1.0 / rate);
        let (site, answers) = (site.clone(), Arc::clone(&answers));
        tasks.spawn(async move {
            let answer = asking::ask(&site, asked, images(&site, asked)).await;
            answers.lock().unwrap().push(answer);
        });
    }
    tasks.join_all().await;
}

/// The images of the next request.
fn images(site: &Site, asked: Asked) -> Vec<Image> {
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    let of = |number: usize| site.images[number % site.images.len()].clone();
    let fresh = || site.signers.fresh(&site.registry);
    match asked {
        Asked::Known if number.is_multiple_of(10) => {
            let known = site.known.lock().unwrap();
            vec![known.get(number / 10 % known.len().max(1)).cloned().unwrap_or_else(|| of(number))]
        }
        Asked::Known | Asked::Mutation | Asked::Connection => vec![of(number)],
        Asked::Fresh => vec![fresh()],
        Asked::Batch => std::iter::once(fresh()).chain((1..KEYS).map(|next| of(number + next))).collect(),
    }
}
