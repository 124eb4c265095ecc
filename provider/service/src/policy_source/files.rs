//! Reads the trust policy document and the files of a trust store, within limits.
//!
//! Layout: [trust store and trust
//! policy](https://github.com/notaryproject/specifications/blob/d4b62b949228911bd5e62da4f5f8dd38682d293a/specs/trust-store-trust-policy.md).
//! Symbolic links are followed: every file of a mounted ConfigMap or Secret is one.

use std::ffi::OsString;
use std::fs;
use std::io::ErrorKind;
use std::path::Path;
use std::path::PathBuf;

use countersign_core::limits;
use countersign_core::policy::StoreKind;

use super::PolicyMistake;
use crate::config::TrustLocation;
use countersign_files as files;
use countersign_files::ReadError;

/// A file's name within its directory, and its bytes.
pub(super) type NamedFile = (String, Vec<u8>);

/// Names of the policy document in a Notation configuration directory; the first that exists is read.
const POLICY_NAMES: [&str; 2] = ["trustpolicy.oci.json", "trustpolicy.json"];

/// Maximum number of files in one trust store: one for each certificate that it may have.
const STORE_FILES: usize = limits::STORE_CERTIFICATES;

/// The path of the policy document, and its bytes.
pub(super) fn policy(location: &TrustLocation) -> Result<(PathBuf, Vec<u8>), PolicyMistake> {
    let path = match location {
        TrustLocation::Apart { policy, store: _ } => policy.clone(),
        TrustLocation::Directory(directory) => {
            let candidates = POLICY_NAMES.map(|name| directory.join(name));
            // A dangling link counts as present: otherwise a fallback to the other document would hide the mistake.
            let found = candidates.into_iter().find(|path| path.symlink_metadata().is_ok());
            found.ok_or_else(|| PolicyMistake::NoPolicy { directory: directory.clone() })?
        }
    };
    let bytes = read(&path, limits::POLICY_BYTES)?;
    Ok((path, bytes))
}

/// The directory of one named trust store.
pub(super) fn store_directory(location: &TrustLocation, kind: StoreKind, name: &str) -> PathBuf {
    let stores = match location {
        TrustLocation::Apart { policy: _, store } => store.clone(),
        TrustLocation::Directory(directory) => directory.join("truststore"),
    };
    stores.join("x509").join(kind.as_str()).join(name)
}

/// The content of a trust store's directory.
#[derive(Debug, Default)]
pub(super) struct StoreFiles {
    /// Those that could be read, in order of their names.
    pub(super) files: Vec<NamedFile>,
    /// Why the directory or some of its files could not be read.
    pub(super) mistakes: Vec<PolicyMistake>,
    /// Names of directories, and of links to directories, in order. They are not read.
    pub(super) subdirectories: Vec<String>,
}

/// Reads a trust store of at most `max` bytes; `None` if there is no such directory. Entries whose names start with a
/// dot are left out: in a mounted volume they are internal.
pub(super) fn store(directory: &Path, max: usize) -> Option<StoreFiles> {
    let mut found = StoreFiles::default();
    let names = match names(directory) {
        Ok(names) => names,
        Err(mistake) if mistake.is_absence() => return None,
        Err(mistake) => {
            found.mistakes.push(mistake);
            return Some(found);
        }
    };
    let mut total = 0_usize;
    for name in names {
        let path = directory.join(&name);
        let name = name.to_string_lossy().into_owned();
        if fs::metadata(&path).is_ok_and(|metadata| metadata.is_dir()) {
            found.subdirectories.push(name);
            continue;
        }
        match read(&path, limits::STORE_FILE_BYTES) {
            Ok(bytes) => {
                total += bytes.len();
                if total > max {
                    found.mistakes.push(PolicyMistake::TooMuch);
                    break;
                }
                found.files.push((name, bytes));
            }
            Err(mistake) => found.mistakes.push(mistake),
        }
    }
    Some(found)
}

/// The names of a directory's entries, in order.
fn names(directory: &Path) -> Result<Vec<OsString>, PolicyMistake> {
    let failed = |source| PolicyMistake::unreadable(directory, &source);
    let mut names = Vec::new();
    for entry in fs::read_dir(directory).map_err(failed)? {
        let name = entry.map_err(failed)?.file_name();
        if name.as_encoded_bytes().starts_with(b".") {
            continue;
        }
        if names.len() == STORE_FILES {
            return Err(PolicyMistake::TooManyFiles { directory: directory.to_owned() });
        }
        names.push(name);
    }
    names.sort_unstable();
    Ok(names)
}

/// The bytes of the regular file at `path`, at most `max` of them.
fn read(path: &Path, max: usize) -> Result<Vec<u8>, PolicyMistake> {
    let failed = |source| PolicyMistake::unreadable(path, &source);
    // The most frequent mistake has a message of its own; `files::read` checks the file that it opens.
    if !fs::metadata(path).map_err(failed)?.is_file() {
        return Err(PolicyMistake::NotAFile { path: path.to_owned() });
    }
    files::read(path, max).map_err(|error| match error {
        ReadError::Io(source) => failed(source),
        ReadError::TooLarge { max } => PolicyMistake::TooLarge { path: path.to_owned(), max },
    })
}

impl PolicyMistake {
    /// Whether the error means that a file or directory does not exist.
    pub(super) fn is_absence(&self) -> bool {
        matches!(self, Self::Missing { .. })
    }

    fn unreadable(path: &Path, source: &std::io::Error) -> Self {
        if source.kind() == ErrorKind::NotFound {
            Self::Missing { path: path.to_owned() }
        } else {
            Self::Unreadable { path: path.to_owned(), detail: source.to_string() }
        }
    }
}
