//! Runs expensive work on threads of its own, a limited number at a time: large documents are parsed and content is checked
//! there. Threads that serve requests and probes wait neither for a document of megabytes nor for keys of thousands of bits.
//! Small documents are parsed at once.

use std::sync::Arc;

use tokio::task::spawn_blocking;
use tokio::time::Instant;

use crate::limit::LimitObserver;
use crate::limit::LimitReached;
use crate::limit::Resource;
use crate::limiter::Limiter;
use crate::limiter::Permit;
use crate::limits;
use crate::share::Share;

/// See the module. Clones have the same slots.
#[derive(Clone)]
pub struct Parsing {
    large: Limiter,
    checks: Limiter,
}

impl Parsing {
    pub fn new(observer: &Arc<dyn LimitObserver>) -> Self {
        let limiter = |resource, limits| Limiter::new(resource, limits, Arc::clone(observer));
        Self { large: limiter(Resource::Parsing, limits::PARSING), checks: limiter(Resource::Checks, limits::CHECKS) }
    }

    /// What `parse` makes of a document of so many bytes. A panic of it is one of the caller.
    ///
    /// # Errors
    /// Too many large documents were being parsed until `deadline`, of the share or in all.
    pub async fn run<T: Send + 'static>(
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

    /// What `check` makes of content. A panic of it is one of the caller.
    ///
    /// # Errors
    /// Too many checks were in progress until `deadline`, of the share or in all.
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
        // Given back when the work is done, whether or not the caller still waits.
        let _permit = permit;
        work()
    });
    match done.await.map_err(tokio::task::JoinError::try_into_panic) {
        Ok(value) => value,
        Err(Ok(panic)) => std::panic::resume_unwind(panic),
        // The runtime ends, and this with it.
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
    use crate::limit::Unobserved;
    use crate::share::Class;
    use crate::share::Scope;

    const LARGE: usize = limits::PARSED_AT_ONCE_BYTES + 1;

    fn parsing() -> Arc<Parsing> {
        Arc::new(Parsing::new(&(Arc::new(Unobserved) as Arc<dyn LimitObserver>)))
    }

    fn listed(host: &str) -> Share {
        Share::new(host, Class::Listed)
    }

    fn soon() -> Instant {
        Instant::now() + Duration::from_secs(60)
    }

    #[tokio::test]
    async fn a_small_document_is_parsed_here_and_a_large_one_on_another_thread() {
        let parsing = parsing();
        let here = std::thread::current().id();
        let thread = || std::thread::current().id();
        assert_eq!(parsing.run(&listed("a"), LARGE - 1, soon(), thread).await, Ok(here));
        assert_ne!(parsing.run(&listed("a"), LARGE, soon(), thread).await, Ok(here));
    }

    #[tokio::test]
    async fn a_panic_is_one_of_the_caller_and_gives_its_slot_back() {
        let parsing = parsing();
        for _ in 0..10 {
            for bytes in [LARGE - 1, LARGE] {
                let share = listed("a");
                let panics = parsing.run(&share, bytes, soon(), || -> () { panic!("on purpose") });
                assert!(AssertUnwindSafe(panics).catch_unwind().await.is_err());
            }
        }
        assert_eq!(parsing.run(&listed("a"), LARGE, soon(), || 7).await, Ok(7));
    }

    #[tokio::test]
    async fn content_is_checked_on_other_threads_and_a_host_has_its_share_of_them() {
        let parsing = parsing();
        let here = std::thread::current().id();
        assert_ne!(parsing.check(&listed("a"), soon(), || std::thread::current().id()).await, Ok(here));
        let (go, stopped) = sync_channel::<()>(0);
        let stopped = Arc::new(std::sync::Mutex::new(stopped));
        let slow: Vec<_> = (0..limits::CHECKS.host)
            .map(|_| {
                let (parsing, stopped) = (Arc::clone(&parsing), Arc::clone(&stopped));
                let check = move || stopped.lock().unwrap().recv().unwrap();
                tokio::spawn(async move { parsing.check(&listed("slow"), soon(), check).await })
            })
            .collect();
        tokio::task::yield_now().await;
        assert_eq!(parsing.check(&listed("good"), soon(), || 7).await, Ok(7));
        let refused = parsing.check(&listed("slow"), Instant::now(), || 7).await.unwrap_err();
        assert_eq!(
            refused.to_string(),
            "too many checks of content in progress for slow: found 2, expected at most 2".to_owned()
        );
        for one in slow {
            go.send(()).unwrap();
            assert_eq!(one.await.unwrap(), Ok(()));
        }
    }

    #[tokio::test]
    async fn a_host_has_its_slots_and_others_do_not_wait_for_them() {
        let parsing = parsing();
        let (go, stopped) = sync_channel::<()>(0);
        let stopped = Arc::new(std::sync::Mutex::new(stopped));
        let slow: Vec<_> = (0..1)
            .map(|_| {
                let (parsing, stopped) = (Arc::clone(&parsing), Arc::clone(&stopped));
                let parse = move || stopped.lock().unwrap().recv().unwrap();
                tokio::spawn(async move { parsing.run(&listed("slow"), LARGE, soon(), parse).await })
            })
            .collect();
        tokio::task::yield_now().await;
        // The one at work holds the slot of the host, and keeps no other host and no small document waiting.
        assert_eq!(parsing.run(&listed("good"), LARGE, soon(), || 7).await, Ok(7));
        assert_eq!(parsing.run(&listed("slow"), LARGE - 1, soon(), || 7).await, Ok(7));
        let shortly = Instant::now() + Duration::from_millis(20);
        let refused = parsing.run(&listed("slow"), LARGE, shortly, || 7).await.unwrap_err();
        assert_eq!(
            (refused.scope.clone(), refused.to_string()),
            (
                Scope::Host("slow".into()),
                "too many large documents being parsed for slow: found 1, expected at most 1".to_owned()
            )
        );
        for one in slow {
            go.send(()).unwrap();
            assert_eq!(one.await.unwrap(), Ok(()));
        }
    }
}
