//! Reads one file of a registry.

use std::path::Path;
use std::path::PathBuf;

use crate::config::registry_findings::FILE_BYTES;
use crate::config::registry_findings::RegistryFileMistake;
use countersign_credentials::DockerConfig;
use countersign_files as files;
use countersign_files::ReadError;
use countersign_files::ShownPath;
use countersign_http::RootCertificates;

/// A file and what is wrong with it.
pub(super) struct Broken {
    pub(super) path: PathBuf,
    pub(super) mistake: RegistryFileMistake,
}

impl Broken {
    pub(super) fn new(path: &Path, mistake: RegistryFileMistake) -> Self {
        Self { path: path.to_owned(), mistake }
    }
}

/// A user name and a password.
pub(super) fn login(username: &Path, password: &Path) -> Result<(String, Vec<u8>), Vec<Broken>> {
    match (user(username), line(password)) {
        (Ok(user), Ok(password)) => Ok((user, password)),
        (user, password) => Err(user.err().into_iter().chain(password.err()).collect()),
    }
}

fn user(path: &Path) -> Result<String, Broken> {
    String::from_utf8(line(path)?).map_err(|_| Broken::new(path, RegistryFileMistake::NotUtf8))
}

/// The content of a file without trailing white space and without a byte order mark.
fn line(path: &Path) -> Result<Vec<u8>, Broken> {
    let broken = |mistake| Broken::new(path, mistake);
    let bytes = bytes(path).map_err(broken)?;
    let content = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&bytes).trim_ascii_end();
    if content.is_empty() {
        return Err(broken(RegistryFileMistake::Empty));
    }
    Ok(content.to_vec())
}

/// The content of a file, at most [`FILE_BYTES`].
pub(super) fn bytes(path: &Path) -> Result<Vec<u8>, RegistryFileMistake> {
    files::read(path, FILE_BYTES).map_err(|error| match error {
        ReadError::Io(error) => RegistryFileMistake::Unreadable { detail: error.to_string() },
        ReadError::TooLarge { max: _ } => RegistryFileMistake::TooLarge,
    })
}

/// What is wrong with the file at `path`, as the value of this `key` of the configuration, by itself. `None` also for a key of something
/// else. Blocks on the file system.
#[must_use]
pub fn file_mistake(key: &str, path: &Path) -> Option<RegistryFileMistake> {
    match key {
        "ca" => authorities(path).err(),
        "dockerConfig" => {
            let parsed = |bytes: Vec<u8>| {
                DockerConfig::parse(&path.display().to_string(), &bytes).map_err(RegistryFileMistake::DockerConfig)
            };
            bytes(path).and_then(parsed).err()
        }
        "usernameFile" => user(path).err().map(|broken| broken.mistake),
        "passwordFile" => line(path).err().map(|broken| broken.mistake),
        "certificateFile" | "keyFile" | "certificate" | "key" | "clientCa" => bytes(path).err(),
        _ => None,
    }
}

/// The maximum size of a file with certificate authorities, in bytes.
pub const AUTHORITIES_BYTES: usize = FILE_BYTES;

/// The certificate authorities in the file at `path`. Blocks on the file system.
///
/// # Errors
/// It is not a regular file of at most [`AUTHORITIES_BYTES`] with certificates in PEM.
pub fn authorities(path: &Path) -> Result<RootCertificates, RegistryFileMistake> {
    let content = bytes(path)?;
    RootCertificates::parse(&ShownPath::missing(path).to_string(), &content).map_err(RegistryFileMistake::Authorities)
}
