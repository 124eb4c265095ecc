//! Files of the operator: read within a limit, and polled for changes of their content.
//!
//! A mounted ConfigMap or Secret is changed by a symbolic link, which no watch on a file notices; so contents are compared.

use std::fs::File;
use std::io;
use std::io::Read as _;
use std::path::Path;

/// Why a file is not read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ReadError {
    /// The system reports an error.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// It has more bytes than `max`.
    #[error("has more than {max} bytes")]
    TooLarge {
        /// The limit.
        max: usize,
    },
}

/// The bytes of the file at `path`, at most `max` of them. No more than that is read from a larger one.
///
/// # Errors
/// The file cannot be read, or has more bytes.
pub(crate) fn read(path: &Path, max: usize) -> Result<Vec<u8>, ReadError> {
    let bytes = read_start(path, max.saturating_add(1))?;
    if bytes.len() > max { Err(ReadError::TooLarge { max }) } else { Ok(bytes) }
}

/// The first bytes of the file at `path`, at most `max` of them.
///
/// # Errors
/// The file cannot be read.
pub(crate) fn read_start(path: &Path, max: usize) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?.take(u64::try_from(max).unwrap_or(u64::MAX)).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// The result of polling.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Change<T> {
    /// The content is unchanged.
    None,
    /// The content changed between two readings: the files are being written, or files of two versions were read.
    Unsettled,
    /// The content is new, and two readings agree.
    Some(T),
}

/// Reads with `read`, compares with the known content by `is_known`, and confirms a change with a second reading.
pub(crate) fn poll<T>(
    mut read: impl FnMut() -> T,
    is_known: impl Fn(&T) -> bool,
    agree: impl Fn(&T, &T) -> bool,
) -> Change<T> {
    let found = read();
    if is_known(&found) {
        return Change::None;
    }
    if agree(&found, &read()) { Change::Some(found) } else { Change::Unsettled }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn refuses_files_above_the_limit() {
        let path = std::env::temp_dir().join(format!("countersign-files-{}", std::process::id()));
        std::fs::write(&path, "abc").unwrap();
        assert_eq!(read(&path, 3).unwrap(), b"abc");
        assert!(matches!(read(&path, 2), Err(ReadError::TooLarge { max: 2 })));
        assert_eq!(read_start(&path, 2).unwrap(), b"ab");
        std::fs::remove_file(&path).unwrap();
        assert!(matches!(read(&path, 3), Err(ReadError::Io(error)) if error.kind() == io::ErrorKind::NotFound));
    }

    #[test]
    fn an_endless_file_is_not_read_to_its_end() {
        assert!(matches!(read(Path::new("/dev/zero"), 1000), Err(ReadError::TooLarge { max: 1000 })));
    }

    #[test]
    fn reports_a_change_when_two_readings_agree() {
        let poll = |readings: &[u8]| {
            let mut readings = readings.iter().copied();
            let change = super::poll(|| readings.next().unwrap(), |found| *found == 0, |a, b| a == b);
            (change, readings.next())
        };
        assert_eq!(poll(&[0]), (Change::None, None));
        assert_eq!(poll(&[1, 1]), (Change::Some(1), None));
        assert_eq!(poll(&[1, 2]), (Change::Unsettled, None));
        assert_eq!(poll(&[1, 0]), (Change::Unsettled, None));
    }
}
