//! The text of `/metrics`, rendered as seldom as possible: clients need no certificate, and rendering takes
//! milliseconds of a thread that serves requests.

use std::time::Instant as Clock;

use tokio::sync::Mutex;
use tokio::time::Instant;
use tokio::time::sleep_until;

/// The pause after each rendering, as a multiple of its time: a flood of requests takes a tenth of one core.
const PAUSE: u32 = 9;

/// The newest text. Requests that arrive before a rendering begins share it, so that no response is older than its
/// request.
#[derive(Debug, Default)]
pub(super) struct Rendering(Mutex<Option<Rendered>>);

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
    pub(super) async fn text<E>(&self, render: impl FnOnce() -> Result<String, E>) -> Result<String, E> {
        let asked = Instant::now();
        let mut newest = self.0.lock().await;
        if let Some(rendered) = newest.as_ref() {
            if rendered.began >= asked {
                return Ok(rendered.text.clone());
            }
            // Concurrent requests wait for the lock.
            sleep_until(rendered.next).await;
        }
        let (began, clock) = (Instant::now(), Clock::now());
        // Not kept in memory beside the next one.
        *newest = None;
        let text = render()?;
        let next = Instant::now() + clock.elapsed() * PAUSE;
        *newest = Some(Rendered { began, next, text: text.clone() });
        Ok(text)
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::convert::Infallible;
    use std::time::Duration;

    use futures_util::future::join_all;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn concurrent_requests_share_one_rendering_that_is_not_older() {
        let (rendering, made) = (Rendering::default(), Cell::new(0));
        let render = || {
            made.set(made.get() + 1);
            Ok::<_, Infallible>(made.get().to_string())
        };
        let all = join_all((0..100).map(|_| rendering.text(render))).await;
        assert_eq!(all, vec![Ok("1".to_owned()); 100]);
        tokio::time::advance(Duration::from_nanos(1)).await;
        assert_eq!(rendering.text(render).await, Ok("2".to_owned()));
    }

    #[tokio::test(start_paused = true)]
    async fn pauses_nine_times_the_duration_of_a_rendering() {
        let rendering = Rendering::default();
        let took = Duration::from_millis(2);
        let render = || {
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
}
