//! Reading for a limited time, on a thread that may block.

use std::io;
use std::path::PathBuf;

use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;
use tokio::time::Instant;
use tokio::time::timeout_at;

use crate::ReadError;
use crate::read;

/// Files that are read at a time. A file system that does not respond keeps its threads: as many as these.
static READERS: Semaphore = Semaphore::const_new(4);

/// Why a file is not read by a deadline.
#[derive(Debug, thiserror::Error)]
pub enum ReadInTimeError {
    /// As without a deadline.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The file system does not respond, or did not to earlier readings.
    #[error("was not read in time")]
    Late,
}

/// The same as [`read`], by `deadline`, without blocking a worker of the runtime.
///
/// # Errors
/// As [`read`]; the deadline has passed.
pub async fn read_in_time(path: PathBuf, max: usize, deadline: Instant) -> Result<Vec<u8>, ReadInTimeError> {
    on_thread(&READERS, deadline, move || read(&path, max)).await
}

/// The result of `read` on a thread, which keeps its permit as long as it runs.
async fn on_thread<T: Send + 'static>(
    readers: &'static Semaphore,
    deadline: Instant,
    read: impl FnOnce() -> Result<T, ReadError> + Send + 'static,
) -> Result<T, ReadInTimeError> {
    let reading = async {
        // It is never closed.
        let permit = readers.acquire().await;
        let done = spawn_blocking(move || {
            let result = read();
            drop(permit);
            result
        });
        done.await.unwrap_or_else(|error| Err(ReadError::Io(io::Error::other(error))))
    };
    match timeout_at(deadline, reading).await {
        Ok(result) => Ok(result?),
        Err(_) => Err(ReadInTimeError::Late),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::sync::mpsc::sync_channel;
    use std::time::Duration;

    use super::*;

    #[tokio::test]
    async fn a_file_is_read_within_its_limit() {
        let path = std::env::temp_dir().join(format!("countersign-in-time-{}", std::process::id()));
        std::fs::write(&path, "abc").unwrap();
        let deadline = Instant::now() + Duration::from_secs(60);
        assert_eq!(read_in_time(path.clone(), 3, deadline).await.unwrap(), b"abc");
        let error = read_in_time(path.clone(), 2, deadline).await.unwrap_err();
        assert_eq!(error.to_string(), "has more than 2 bytes");
        std::fs::remove_file(&path).unwrap();
        let error = read_in_time(path, 2, deadline).await.unwrap_err();
        assert_eq!(error.to_string(), "No such file or directory (os error 2)");
    }

    #[tokio::test(start_paused = true)]
    async fn a_file_system_that_does_not_respond_is_given_up_and_keeps_its_threads_only() {
        static ONE: Semaphore = Semaphore::const_new(1);
        let (respond, response) = sync_channel::<()>(1);
        let deadline = || Instant::now() + Duration::from_secs(5);
        let blocked = tokio::spawn(on_thread(&ONE, deadline(), move || {
            response.recv().unwrap();
            Ok(())
        }));
        tokio::task::yield_now().await;
        // The clock does not advance by itself while a thread runs.
        tokio::time::advance(Duration::from_secs(5)).await;
        assert_eq!(blocked.await.unwrap().unwrap_err().to_string(), "was not read in time");
        let second = tokio::spawn(on_thread(&ONE, deadline(), || Ok(())));
        tokio::task::yield_now().await;
        tokio::time::advance(Duration::from_secs(5)).await;
        assert!(matches!(second.await.unwrap(), Err(ReadInTimeError::Late)));
        respond.send(()).unwrap();
        assert!(on_thread(&ONE, deadline(), || Ok(())).await.is_ok());
    }
}
