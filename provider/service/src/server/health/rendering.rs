//! The text of `/metrics`, rendered as seldom as possible: clients need no certificate, and rendering takes
//! milliseconds. So it runs on a thread that may block, and not on one that serves requests.

use std::sync::Arc;
use std::time::Instant as Clock;

use tokio::sync::Mutex;
use tokio::task::spawn_blocking;
use tokio::time::Instant;
use tokio::time::sleep_until;

/// The pause after each rendering, as a multiple of its time: a flood of requests takes a tenth of one core.
const PAUSE: u32 = 9;

/// The newest text. Requests that arrive before a rendering begins share it, so that no response is older than its
/// request. At most one rendering runs at a time, also if its requests are abandoned.
#[derive(Debug, Default)]
pub(super) struct Rendering(Arc<Mutex<Option<Rendered>>>);

#[derive(Debug)]
struct Rendered {
    began: Instant,
    /// When the next one may begin.
    next: Instant,
    text: String,
}

impl Rendering {
    /// The text of `render`, from a rendering that begins now or later.
    ///
    /// # Errors
    /// Those of `render`.
    ///
    /// # Panics
    /// If `render` panics.
    pub(super) async fn text<E>(&self, render: impl FnOnce() -> Result<String, E> + Send + 'static) -> Result<String, E>
    where
        E: Send + 'static,
    {
        let asked = Instant::now();
        let mut newest = Arc::clone(&self.0).lock_owned().await;
        if let Some(rendered) = newest.as_ref() {
            if rendered.began >= asked {
                return Ok(rendered.text.clone());
            }
            // Concurrent requests wait for the lock.
            sleep_until(rendered.next).await;
        }
        // The thread holds the lock: a request that is abandoned ends neither the rendering nor the pause after it.
        let rendering = spawn_blocking(move || {
            let (began, clock) = (Instant::now(), Clock::now());
            // Not kept in memory beside the next one.
            *newest = None;
            let text = render()?;
            let next = Instant::now() + clock.elapsed() * PAUSE;
            *newest = Some(Rendered { began, next, text: text.clone() });
            Ok(text)
        });
        match rendering.await {
            Ok(text) => text,
            Err(ended) => match ended.try_into_panic() {
                Ok(panic) => std::panic::resume_unwind(panic),
                // Only while the runtime stops, which ends this task too.
                Err(_) => std::future::pending().await,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;
    use std::future::poll_fn;
    use std::pin::pin;
    use std::sync::atomic::AtomicU32;
    use std::sync::atomic::Ordering;
    use std::sync::mpsc;
    use std::task::Poll;
    use std::time::Duration;

    use futures_util::future::join_all;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn concurrent_requests_share_one_rendering_that_is_not_older() {
        let (rendering, made) = (Rendering::default(), Arc::new(AtomicU32::new(0)));
        let render = || {
            let made = Arc::clone(&made);
            move || Ok::<_, Infallible>((made.fetch_add(1, Ordering::Relaxed) + 1).to_string())
        };
        let all = join_all((0..100).map(|_| rendering.text(render()))).await;
        assert_eq!(all, vec![Ok("1".to_owned()); 100]);
        tokio::time::advance(Duration::from_nanos(1)).await;
        assert_eq!(rendering.text(render()).await, Ok("2".to_owned()));
    }

    #[tokio::test(start_paused = true)]
    async fn pauses_nine_times_the_duration_of_a_rendering() {
        let rendering = Rendering::default();
        let took = Duration::from_millis(2);
        let render = move || {
            let began = Clock::now();
            while began.elapsed() < took {
                std::hint::spin_loop();
            }
            Ok::<_, Infallible>(String::new())
        };
        let began = Instant::now();
        for _ in 0..2 {
            assert_eq!(rendering.text(render).await, Ok(String::new()));
            tokio::time::advance(Duration::from_nanos(1)).await;
        }
        assert!(began.elapsed() >= took * PAUSE, "{:?}", began.elapsed());
    }

    #[tokio::test]
    async fn renders_beside_the_threads_that_serve_requests() {
        let render = || Ok::<_, Infallible>(format!("{:?}", std::thread::current().id()));
        let text = Rendering::default().text(render).await;
        assert_ne!(text, Ok(format!("{:?}", std::thread::current().id())));
    }

    #[tokio::test]
    async fn no_rendering_begins_while_that_of_an_abandoned_request_runs() {
        let rendering = Rendering::default();
        let (go_on, wait) = mpsc::sync_channel::<()>(1);
        let (begun, begins) = tokio::sync::oneshot::channel();
        let ended = Arc::new(AtomicU32::new(0));
        let first = {
            let ended = Arc::clone(&ended);
            move || {
                let _ = begun.send(());
                let _ = wait.recv();
                ended.store(1, Ordering::SeqCst);
                Ok::<_, Infallible>(String::new())
            }
        };
        {
            let mut abandoned = pin!(rendering.text(first));
            poll_fn(|context| {
                assert!(abandoned.as_mut().poll(context).is_pending());
                Poll::Ready(())
            })
            .await;
            assert_eq!(begins.await, Ok(()));
        }
        let second = rendering.text(move || Ok::<_, Infallible>(ended.load(Ordering::SeqCst).to_string()));
        let mut second = pin!(second);
        poll_fn(|context| {
            assert!(second.as_mut().poll(context).is_pending());
            Poll::Ready(())
        })
        .await;
        assert_eq!(go_on.send(()), Ok(()));
        assert_eq!(second.await, Ok("1".to_owned()));
    }

    #[tokio::test]
    #[should_panic = "no metrics"]
    async fn a_panic_while_rendering_is_one_of_the_request() {
        let _: Result<String, Infallible> = Rendering::default().text(|| panic!("no metrics")).await;
    }
}
