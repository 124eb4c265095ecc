//! Jobs of `countersign-bare fetch`, as lines of JSON on standard input. Each is answered with a line, the nanoseconds of each item, when all of
//! its items are done.

use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering;
use std::time::Instant;

use serde::Deserialize;
use tokio::task::JoinSet;

use crate::fetch::Fetcher;

/// What is to be done.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
enum Job {
    /// References of images, of which so many are worked on at the same time.
    #[serde(rename_all = "camelCase")]
    Images { images: Vec<String>, at_once: usize },
    /// So many requests for `/v2/`, one after the other.
    Pings(usize),
}

/// Does the jobs until standard input ends, over one connection.
pub(crate) async fn run(host: &str) {
    let fetcher = Arc::new(Fetcher::new(host).await);
    // Blocks the thread of `main`, which runs no task.
    for line in std::io::stdin().lines() {
        let nanoseconds = match serde_json::from_str(&line.unwrap()).unwrap() {
            Job::Images { images, at_once } => all(&fetcher, images, at_once).await,
            Job::Pings(count) => tokio::spawn(pings(Arc::clone(&fetcher), count)).await.unwrap(),
        };
        println!("{}", serde_json::to_string(&nanoseconds).unwrap());
    }
}

async fn all(fetcher: &Arc<Fetcher>, images: Vec<String>, at_once: usize) -> Vec<u64> {
    let (images, next) = (Arc::new(images), Arc::new(AtomicUsize::new(0)));
    let tasks: JoinSet<_> = (0..at_once)
        .map(|_| {
            let (fetcher, images, next) = (Arc::clone(fetcher), Arc::clone(&images), Arc::clone(&next));
            async move {
                let mut nanoseconds = Vec::new();
                while let Some(image) = images.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let began = Instant::now();
                    fetcher.image(image).await;
                    nanoseconds.push(since(began));
                }
                nanoseconds
            }
        })
        .collect();
    tasks.join_all().await.into_iter().flatten().collect()
}

async fn pings(fetcher: Arc<Fetcher>, count: usize) -> Vec<u64> {
    let mut nanoseconds = Vec::new();
    for _ in 0..count {
        let began = Instant::now();
        fetcher.ping().await;
        nanoseconds.push(since(began));
    }
    nanoseconds
}

fn since(began: Instant) -> u64 {
    u64::try_from(began.elapsed().as_nanos()).unwrap()
}
