//! Accepts connections; retries for a limited time if the listener fails.

use std::future::Future;
use std::io;
use std::io::ErrorKind;
use std::time::Duration;

/// Time between two attempts. The usual reason is a lack of file descriptors, which ends when connections close.
const PAUSE: Duration = Duration::from_millis(100);

/// Attempts in a row that may fail: ten seconds.
const ATTEMPTS: usize = 100;

/// The next connection.
///
/// # Errors
/// The listener has failed for ten seconds: the process must exit, as it accepts no connections.
pub(in crate::server) async fn accept<S, F>(attempt: impl Fn() -> F) -> io::Result<S>
where
    F: Future<Output = io::Result<S>>,
{
    let mut failed = 0;
    loop {
        match attempt().await {
            Ok(stream) => return Ok(stream),
            Err(error) if is_about_one_connection(&error) => tokio::task::yield_now().await,
            Err(error) => {
                failed += 1;
                if failed == ATTEMPTS {
                    return Err(error);
                }
                tracing::warn!(why = %error, "cannot accept a connection");
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
}

/// The client left before its connection was accepted.
fn is_about_one_connection(error: &io::Error) -> bool {
    let kind = error.kind();
    [ErrorKind::ConnectionAborted, ErrorKind::ConnectionReset, ErrorKind::Interrupted].contains(&kind)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::cell::Cell;

    use super::*;

    /// The result of an accept whose attempts fail with `kind` that many times, and how many attempts were made.
    async fn after(failures: usize, kind: ErrorKind) -> (io::Result<()>, usize) {
        let attempts = Cell::new(0);
        let result = accept(|| {
            attempts.set(attempts.get() + 1);
            std::future::ready(if attempts.get() > failures { Ok(()) } else { Err(kind.into()) })
        });
        (result.await, attempts.get())
    }

    #[tokio::test(start_paused = true)]
    async fn retries_after_a_temporary_failure() {
        let (result, attempts) = after(ATTEMPTS - 1, ErrorKind::Other).await;
        assert!(result.is_ok());
        assert_eq!(attempts, ATTEMPTS);
    }

    #[tokio::test(start_paused = true)]
    async fn a_failing_listener_is_an_error() {
        let (result, attempts) = after(usize::MAX, ErrorKind::InvalidInput).await;
        assert_eq!(result.unwrap_err().kind(), ErrorKind::InvalidInput);
        assert_eq!(attempts, ATTEMPTS);
    }

    #[tokio::test(start_paused = true)]
    async fn clients_that_left_do_not_stop_the_listener() {
        assert!(after(10 * ATTEMPTS, ErrorKind::ConnectionAborted).await.0.is_ok());
    }
}
