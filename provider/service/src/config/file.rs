//! The configuration file while the service runs: its bytes, and what they mean.

use std::path::Path;
use std::path::PathBuf;

use super::CONFIG_BYTES;
use super::Config;
use super::ConfigError;
use super::Purpose;
use countersign_files as files;
use countersign_files::Change;

/// A configuration file that is polled.
#[derive(Debug)]
pub struct ConfigFile {
    path: PathBuf,
    purpose: Purpose,
    in_use: Vec<u8>,
}

/// The result of polling the file.
#[derive(Debug)]
pub enum ConfigPoll {
    /// The file has the content that is in use.
    Unchanged,
    /// The file changed while it was read; the next poll decides.
    Unsettled,
    /// The file has other content. Pass the bytes to [`ConfigFile::accept`] once the configuration is in use.
    Changed(Box<Config>, ConfigBytes),
}

/// See [`ConfigPoll::Changed`].
#[derive(Debug)]
pub struct ConfigBytes(Vec<u8>);

impl ConfigFile {
    /// Reads the file at `path`. Paths in it are relative to its directory.
    ///
    /// # Errors
    /// The file cannot be read, or has mistakes: all of them.
    pub fn load(path: &Path, purpose: Purpose) -> Result<(Self, Config), ConfigError> {
        let in_use = read(path, ConfigReading::Followed)?;
        let config = parse(&in_use, path, purpose)?;
        Ok((Self { path: path.to_owned(), purpose, in_use }, config))
    }

    /// Reads the files again. Blocks on the file system.
    ///
    /// # Errors
    /// As [`Self::load`].
    pub fn poll(&self) -> Result<ConfigPoll, ConfigError> {
        let is_in_use = |found: &Result<Vec<u8>, ConfigError>| matches!(found, Ok(bytes) if *bytes == self.in_use);
        let agree = |one: &Result<Vec<u8>, _>, other: &Result<Vec<u8>, _>| match (one, other) {
            (Ok(one), Ok(other)) => one == other,
            (Err(_), _) => true,
            (Ok(_), Err(_)) => false,
        };
        match files::poll(|| read(&self.path, ConfigReading::Followed), is_in_use, agree) {
            Change::None => Ok(ConfigPoll::Unchanged),
            Change::Unsettled => Ok(ConfigPoll::Unsettled),
            Change::Some(found) => {
                let bytes = found?;
                let config = parse(&bytes, &self.path, self.purpose)?;
                Ok(ConfigPoll::Changed(Box::new(config), ConfigBytes(bytes)))
            }
        }
    }

    /// Marks polled content as the one in use.
    pub fn accept(&mut self, ConfigBytes(bytes): ConfigBytes) {
        self.in_use = bytes;
    }
}

/// How often the configuration is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConfigReading {
    /// Once, from a file of any kind, such as a pipe.
    Once,
    /// Again and again, from a regular file.
    Followed,
}

/// Reads at most one byte more than the limit; [`Config::parse`] reports content above the limit.
pub(super) fn read(path: &Path, reading: ConfigReading) -> Result<Vec<u8>, ConfigError> {
    const MAX: usize = CONFIG_BYTES + 1;
    let read = match reading {
        ConfigReading::Once => files::read_input_start(path, MAX),
        ConfigReading::Followed => files::read_start(path, MAX),
    };
    read.map_err(|source| ConfigError::Unreadable { file: path.to_owned(), source })
}

pub(super) fn parse(bytes: &[u8], path: &Path, purpose: Purpose) -> Result<Config, ConfigError> {
    Config::parse(text(bytes, path)?, path, purpose)
}

pub(super) fn text<'b>(bytes: &'b [u8], path: &Path) -> Result<&'b str, ConfigError> {
    std::str::from_utf8(bytes).map_err(|error| ConfigError::Unreadable {
        file: path.to_owned(),
        source: std::io::Error::new(std::io::ErrorKind::InvalidData, error),
    })
}
