//! Runs expensive work on a limited number of threads: parsing of large documents, and checks of content. It does not
//! block the tasks that serve requests and probes. Small documents are parsed by the calling task.

use std::sync::Arc;

use tokio::task::spawn_blocking;
use tokio::time::Instant;

use crate::limiter::Limiter;
use crate::limiter::Permit;
use crate::limits;
use crate::resource::CHECKS;
use crate::resource::LimitObserver;
use crate::resource::LimitReached;
use crate::resource::PARSING;
use crate::share::Share;

/// The threads. Clones share the limits.
#[derive(Clone)]
pub struct ParsingThreads {
    large: Limiter,
    checks: Limiter,
}

impl ParsingThreads {
    pub(crate) fn new(observer: &Arc<dyn LimitObserver>) -> Self {
        let limiter = |resource, limits| Limiter::new(resource, limits, Arc::clone(observer));
        Self { large: limiter(PARSING, limits::PARSING), checks: limiter(CHECKS, limits::CHECKS) }
    }

    /// Runs `parse` for a document of `bytes` bytes and returns its result. A panic is passed on to the caller.
    ///
    /// # Errors
    /// Too many large documents were being parsed until `deadline`, for the share or in total.
    pub async fn parse<T: Send + 'static>(
        &self,
        share: &Share,
        bytes: usize,
        deadline: Instant,
        parse: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, LimitReached> {
        if bytes <= limits::PARSED_AT_ONCE_BYTES {
            return Ok(parse());
        }
        Ok(on_a_thread(self.large.acquire(share, deadline).await?, parse).await)
    }

    /// Runs `check` and returns its result. A panic is passed on to the caller.
    ///
    /// # Errors
    /// Too many checks were in progress until `deadline`, for the share or in total.
    pub async fn check<T: Send + 'static>(
        &self,
        share: &Share,
        deadline: Instant,
        check: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, LimitReached> {
        Ok(on_a_thread(self.checks.acquire(share, deadline).await?, check).await)
    }
}

async fn on_a_thread<T: Send + 'static>(permit: Permit, work: impl FnOnce() -> T + Send + 'static) -> T {
    let done = spawn_blocking(move || {
        // Released when the work is done, whether or not the caller still waits.
        let _permit = permit;
        work()
    });
    match done.await.map_err(tokio::task::JoinError::try_into_panic) {
        Ok(value) => value,
        Err(Ok(panic)) => std::panic::resume_unwind(panic),
        // The runtime is shutting down, and this task with it.
        Err(Err(_)) => std::future::pending().await,
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::panic::AssertUnwindSafe;
    use std::sync::mpsc::sync_channel;
    use std::time::Duration;

    use futures_util::FutureExt as _;

    use super::*;
    use crate::resource::Unobserved;
    use crate::share::Class;
    use crate::share::Scope;

    const LARGE: usize = limits::PARSED_AT_ONCE_BYTES + 1;

    fn threads() -> Arc<ParsingThreads> {
        Arc::new(ParsingThreads::new(&(Arc::new(Unobserved) as Arc<dyn LimitObserver>)))
    }

    fn listed(host: &str) -> Share {
        Share::new(host, Class::Listed)
    }

    fn soon() -> Instant {
        Instant::now() + Duration::from_secs(60)
    }

    #[tokio::test]
    async fn a_small_document_is_parsed_here_and_a_large_one_on_another_thread() {
        let threads = threads();
        let here = std::thread::current().id();
        let thread = || std::thread::current().id();
        assert_eq!(threads.parse(&listed("a"), LARGE - 1, soon(), thread).await, Ok(here));
        assert_ne!(threads.parse(&listed("a"), LARGE, soon(), thread).await, Ok(here));
    }

    #[tokio::test]
    async fn a_panic_reaches_the_caller_and_releases_the_permit() {
        let threads = threads();
        for _ in 0..10 {
            for bytes in [LARGE - 1, LARGE] {
                let share = listed("a");
                let panics = threads.parse(&share, bytes, soon(), || -> () { panic!("on purpose") });
                assert!(AssertUnwindSafe(panics).catch_unwind().await.is_err());
            }
        }
        assert_eq!(threads.parse(&listed("a"), LARGE, soon(), || 7).await, Ok(7));
    }

    #[tokio::test]
    async fn content_is_checked_on_other_threads_and_a_host_has_its_share_of_them() {
        let threads = threads();
        let here = std::thread::current().id();
        assert_ne!(threads.check(&listed("a"), soon(), || std::thread::current().id()).await, Ok(here));
        let (go, stopped) = sync_channel::<()>(0);
        let stopped = Arc::new(std::sync::Mutex::new(stopped));
        let slow: Vec<_> = (0..limits::CHECKS.host)
            .map(|_| {
                let (threads, stopped) = (Arc::clone(&threads), Arc::clone(&stopped));
                let check = move || stopped.lock().unwrap().recv().unwrap();
                tokio::spawn(async move { threads.check(&listed("slow"), soon(), check).await })
            })
            .collect();
        tokio::task::yield_now().await;
        assert_eq!(threads.check(&listed("good"), soon(), || 7).await, Ok(7));
        let refused = threads.check(&listed("slow"), Instant::now(), || 7).await.unwrap_err();
        assert_eq!(
            refused.to_string(),
            "too many checks of content in progress for slow: found 2, expected at most 2".to_owned()
        );
        // All of them before the first is awaited: any of the threads may be the one that receives.
        slow.iter().for_each(|_| go.send(()).unwrap());
        for check in slow {
            assert_eq!(check.await.unwrap(), Ok(()));
        }
    }

    #[tokio::test]
    async fn a_host_has_its_share_and_others_do_not_wait_for_it() {
        let threads = threads();
        let (go, stopped) = sync_channel::<()>(0);
        let stopped = Arc::new(std::sync::Mutex::new(stopped));
        let slow: Vec<_> = (0..1)
            .map(|_| {
                let (threads, stopped) = (Arc::clone(&threads), Arc::clone(&stopped));
                let parse = move || stopped.lock().unwrap().recv().unwrap();
                tokio::spawn(async move { threads.parse(&listed("slow"), LARGE, soon(), parse).await })
            })
            .collect();
        tokio::task::yield_now().await;
        // The running work uses up the share of its host, and delays neither other hosts nor small documents.
        assert_eq!(threads.parse(&listed("good"), LARGE, soon(), || 7).await, Ok(7));
        assert_eq!(threads.parse(&listed("slow"), LARGE - 1, soon(), || 7).await, Ok(7));
        let shortly = Instant::now() + Duration::from_millis(20);
        let refused = threads.parse(&listed("slow"), LARGE, shortly, || 7).await.unwrap_err();
        assert_eq!(
            (refused.scope.clone(), refused.to_string()),
            (
                Scope::Host("slow".into()),
                "too many large documents being parsed for slow: found 1, expected at most 1".to_owned()
            )
        );
        // All of them before the first is awaited: any of the threads may be the one that receives.
        slow.iter().for_each(|_| go.send(()).unwrap());
        for check in slow {
            assert_eq!(check.await.unwrap(), Ok(()));
        }
    }
}
