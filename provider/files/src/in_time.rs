//! Reading for a limited time, on a thread that may block.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::Weak;

use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;
use tokio::time::Instant;
use tokio::time::timeout_at;

use crate::ReadError;
use crate::read;

/// Files that are read at a time. A file system that does not respond keeps its threads: as many as these.
static READERS: Semaphore = Semaphore::const_new(4);

/// The files that are being read, or are waited for: each is read by one thread at a time, so that one that does not respond keeps one.
static FILES: Files = Mutex::new(BTreeMap::new());

/// By path. The permit is that of the one thread.
type Files = Mutex<BTreeMap<PathBuf, Weak<Semaphore>>>;

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

/// The same as [`read`], by `deadline`, without blocking a worker of the runtime. While another reading of the file goes on, this one
/// waits for its end: a file system that does not respond keeps one thread for each file, and at most [`READERS`] of all.
///
/// # Errors
/// As [`read`]; the deadline has passed.
pub async fn read_in_time(path: PathBuf, max: usize, deadline: Instant) -> Result<Vec<u8>, ReadInTimeError> {
    let file = Reading { files: &FILES, readers: &READERS, path: path.clone() };
    on_thread(file, deadline, move || read(&path, max)).await
}

/// A file that is read, with the limits.
struct Reading {
    files: &'static Files,
    readers: &'static Semaphore,
    path: PathBuf,
}

/// The permit of the thread that reads the file at `path`.
fn turns(files: &Files, path: &Path) -> Arc<Semaphore> {
    // No operation can panic while it is locked.
    let mut files = files.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(turns) = files.get(path).and_then(Weak::upgrade) {
        return turns;
    }
    files.retain(|_, turns| turns.strong_count() > 0);
    let turns = Arc::new(Semaphore::new(1));
    files.insert(path.to_owned(), Arc::downgrade(&turns));
    turns
}

/// The result of `read` on a thread, which keeps its permits as long as it runs.
async fn on_thread<T: Send + 'static>(
    Reading { files, readers, path }: Reading,
    deadline: Instant,
    read: impl FnOnce() -> Result<T, ReadError> + Send + 'static,
) -> Result<T, ReadInTimeError> {
    let turns = turns(files, &path);
    let reading = async {
        // They are never closed. What waits for its turn keeps no reader.
        let turn = turns.acquire_owned().await;
        let permit = readers.acquire().await;
        let done = spawn_blocking(move || {
            let result = read();
            drop((permit, turn));
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

    fn reading(files: &'static Files, readers: &'static Semaphore, path: &str) -> Reading {
        Reading { files, readers, path: PathBuf::from(path) }
    }

    #[tokio::test(start_paused = true)]
    async fn a_file_system_that_does_not_respond_is_given_up_and_keeps_its_threads_only() {
        static ONE: Semaphore = Semaphore::const_new(1);
        static FILES: Files = Mutex::new(BTreeMap::new());
        let (respond, response) = sync_channel::<()>(1);
        let deadline = || Instant::now() + Duration::from_secs(5);
        let blocked = tokio::spawn(on_thread(reading(&FILES, &ONE, "a"), deadline(), move || {
            response.recv().unwrap();
            Ok(())
        }));
        tokio::task::yield_now().await;
        // The clock does not advance by itself while a thread runs.
        tokio::time::advance(Duration::from_secs(5)).await;
        assert_eq!(blocked.await.unwrap().unwrap_err().to_string(), "was not read in time");
        let second = tokio::spawn(on_thread(reading(&FILES, &ONE, "b"), deadline(), || Ok(())));
        tokio::task::yield_now().await;
        tokio::time::advance(Duration::from_secs(5)).await;
        assert!(matches!(second.await.unwrap(), Err(ReadInTimeError::Late)));
        respond.send(()).unwrap();
        assert!(on_thread(reading(&FILES, &ONE, "b"), deadline(), || Ok(())).await.is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn a_file_that_does_not_respond_keeps_one_thread_and_no_other_file_waits_for_it() {
        static TWO: Semaphore = Semaphore::const_new(2);
        static FILES: Files = Mutex::new(BTreeMap::new());
        let (respond, response) = sync_channel::<()>(1);
        let deadline = || Instant::now() + Duration::from_secs(5);
        let blocked = tokio::spawn(on_thread(reading(&FILES, &TWO, "a"), deadline(), move || {
            response.recv().unwrap();
            Ok(())
        }));
        tokio::task::yield_now().await;
        for _ in 0..3 {
            let again = tokio::spawn(on_thread(reading(&FILES, &TWO, "a"), deadline(), || -> Result<(), ReadError> {
                panic!("a second thread for the file")
            }));
            tokio::task::yield_now().await;
            tokio::time::advance(Duration::from_secs(5)).await;
            assert!(matches!(again.await.unwrap(), Err(ReadInTimeError::Late)));
        }
        assert!(blocked.await.unwrap().is_err());
        assert_eq!(TWO.available_permits(), 1);
        assert!(on_thread(reading(&FILES, &TWO, "b"), deadline(), || Ok(())).await.is_ok());
        // The file that responds again is read again, and nothing of it is kept.
        respond.send(()).unwrap();
        assert!(on_thread(reading(&FILES, &TWO, "a"), deadline(), || Ok(())).await.is_ok());
        assert_eq!(TWO.available_permits(), 2);
        assert!(FILES.lock().unwrap().values().all(|turns| turns.strong_count() == 0));
    }
}
