//! Files of the operator: read within a limit, and polled for changes of their content.
//!
//! A mounted ConfigMap or Secret is changed by a symbolic link, which no watch on a file notices; so contents are compared.
//!
//! Opening or reading a pipe or a device may block without end. Files that the configuration names are therefore regular
//! files; only what the command line names may be of another kind ([`read_input`]). A file system that does not respond
//! blocks in any case: the caller must not wait for it without a limit ([`read_in_time`]).
#![warn(missing_docs)]

mod in_time;
mod shown;

use std::fmt;
use std::fs::File;
use std::fs::FileType;
use std::fs::OpenOptions;
use std::io;
use std::io::Read as _;
use std::os::unix::fs::FileTypeExt as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use rustix::fs::OFlags;

pub use self::in_time::ReadInTimeError;
pub use self::in_time::read_in_time;
pub use self::shown::ShownPath;

/// Why a file is not read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
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

/// A file that is not a regular one; the source of an [`io::Error`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum NotRegular {
    Directory,
    Pipe,
    Socket,
    Device,
}

impl NotRegular {
    /// `None` for a regular file.
    fn of(kind: FileType) -> Option<Self> {
        if kind.is_file() {
            None
        } else if kind.is_dir() {
            Some(Self::Directory)
        } else if kind.is_fifo() {
            Some(Self::Pipe)
        } else if kind.is_socket() {
            Some(Self::Socket)
        } else {
            Some(Self::Device)
        }
    }
}

impl fmt::Display for NotRegular {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let found = match self {
            Self::Directory => "a directory",
            Self::Pipe => "a pipe",
            Self::Socket => "a socket",
            Self::Device => "a device",
        };
        write!(f, "found {found}, expected a regular file")
    }
}

impl std::error::Error for NotRegular {}

/// The bytes of the regular file at `path`, at most `max` of them. No more than that is read from a larger one.
///
/// # Errors
/// The file cannot be read, is not a regular file, or has more bytes.
pub fn read(path: &Path, max: usize) -> Result<Vec<u8>, ReadError> {
    limited(read_start(path, max.saturating_add(1))?, max)
}

/// The first bytes of the regular file at `path`, at most `max` of them.
///
/// # Errors
/// The file cannot be read, or is not a regular file.
pub fn read_start(path: &Path, max: usize) -> io::Result<Vec<u8>> {
    // Opening a pipe would wait for a writer, and opening some devices has an effect. The kind is that of the open file:
    // another one may take its path at any time. Reading a regular file ignores the flag.
    let flags = (OFlags::NONBLOCK | OFlags::NOCTTY).bits().cast_signed();
    let file = OpenOptions::new().read(true).custom_flags(flags).open(path);
    let file = file.map_err(|error| socket_or(path, error))?;
    match NotRegular::of(file.metadata()?.file_type()) {
        Some(other) => Err(io::Error::new(io::ErrorKind::InvalidInput, other)),
        None => start(file, max),
    }
}

/// The bytes of the file of any kind at `path`, which a person named on the command line, at most `max` of them. Waits
/// for the writer of a pipe. Never for a file of the configuration.
///
/// # Errors
/// The file cannot be read, or has more bytes.
pub fn read_input(path: &Path, max: usize) -> Result<Vec<u8>, ReadError> {
    limited(read_input_start(path, max.saturating_add(1))?, max)
}

/// The first bytes of the file of any kind at `path`, as [`read_input`].
///
/// # Errors
/// The file cannot be read.
pub fn read_input_start(path: &Path, max: usize) -> io::Result<Vec<u8>> {
    start(File::open(path)?, max)
}

fn start(file: File, max: usize) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    file.take(u64::try_from(max).unwrap_or(u64::MAX)).read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn limited(bytes: Vec<u8>, max: usize) -> Result<Vec<u8>, ReadError> {
    if bytes.len() > max { Err(ReadError::TooLarge { max }) } else { Ok(bytes) }
}

/// The error of opening `path`. The system's text for a socket, "No such device or address", is misleading.
fn socket_or(path: &Path, error: io::Error) -> io::Error {
    let is_socket = path.metadata().is_ok_and(|metadata| metadata.file_type().is_socket());
    if is_socket { io::Error::new(io::ErrorKind::InvalidInput, NotRegular::Socket) } else { error }
}

/// The result of polling.
#[derive(Debug, PartialEq, Eq)]
pub enum Change<T> {
    /// The content is unchanged.
    None,
    /// The content changed between two readings: the files are being written, or files of two versions were read.
    Unsettled,
    /// The content is new, and two readings agree.
    Some(T),
}

/// Reads with `read`, compares with the known content by `is_known`, and confirms a change with a second reading.
pub fn poll<T>(
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
        assert!(matches!(read_input(Path::new("/dev/zero"), 1000), Err(ReadError::TooLarge { max: 1000 })));
        assert_eq!(read_input_start(Path::new("/dev/zero"), 2).unwrap(), [0, 0]);
    }

    #[test]
    fn a_file_of_another_kind_is_refused_without_waiting() {
        let folder = std::env::temp_dir().join(format!("countersign-kinds-{}", std::process::id()));
        std::fs::create_dir(&folder).unwrap();
        let path = |name: &str| folder.join(name);
        rustix::fs::mkfifoat(rustix::fs::CWD, path("pipe"), rustix::fs::Mode::RUSR).unwrap();
        std::os::unix::fs::symlink("pipe", path("link")).unwrap();
        let socket = std::os::unix::net::UnixListener::bind(path("socket")).unwrap();
        let text = |path: &Path| read(path, 1000).unwrap_err().to_string();
        for (path, found) in [
            (path("pipe"), "a pipe"),
            (path("link"), "a pipe"),
            (path("socket"), "a socket"),
            (folder.clone(), "a directory"),
            (Path::new("/dev/zero").to_owned(), "a device"),
        ] {
            assert_eq!(text(&path), format!("found {found}, expected a regular file"));
            assert_eq!(read_start(&path, 10).unwrap_err().kind(), io::ErrorKind::InvalidInput);
        }
        assert_eq!(text(&path("absent")), "No such file or directory (os error 2)");
        // A link to a regular file is one: every file of a mounted volume is a link.
        std::fs::write(path("file"), "abc").unwrap();
        std::os::unix::fs::symlink("file", path("other-link")).unwrap();
        assert_eq!(read(&path("other-link"), 3).unwrap(), b"abc");
        drop(socket);
        std::fs::remove_dir_all(&folder).unwrap();
    }

    #[test]
    fn a_pipe_on_the_command_line_is_read_to_its_end() {
        let path = std::env::temp_dir().join(format!("countersign-input-{}", std::process::id()));
        rustix::fs::mkfifoat(rustix::fs::CWD, &path, rustix::fs::Mode::RWXU).unwrap();
        let writer = std::thread::spawn({
            let path = path.clone();
            move || std::fs::write(path, "abc").unwrap()
        });
        assert_eq!(read_input(&path, 3).unwrap(), b"abc");
        writer.join().unwrap();
        std::fs::remove_file(&path).unwrap();
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
