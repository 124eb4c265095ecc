//! Errors of Docker configurations and their entries.

use countersign_core::codec::excerpt::Excerpt;
use countersign_core::codec::mismatch::Mismatch;
use countersign_core::codec::mismatch::Mismatched;
use countersign_core::codec::mismatch::mismatch_error;

use super::entry::EntryError;
use super::instead::Instead;
use crate::limits;

/// The error for a file that is not a Docker configuration. Never shows a credential.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DockerConfigError {
    /// The file is too large.
    TooLarge {
        /// Its size in bytes.
        found: usize,
    },
    /// The file is not JSON of this form. The parser's message is omitted, as it may contain a credential.
    Json,
    /// The file has no member `auths`.
    NoAuths,
    /// The file only configures credential helpers.
    HelpersOnly {
        /// What to write in place of the helpers.
        instead: Instead,
    },
}

impl Mismatched for DockerConfigError {
    fn mismatch(&self) -> Mismatch {
        match self {
            Self::TooLarge { found } => Mismatch::new(format_args!("found {found} bytes"))
                .expecting(format_args!("at most {}", limits::DOCKER_CONFIG_BYTES)),
            Self::Json => Mismatch::new("is not a Docker configuration").expecting(format_args!(
                "a JSON object with an object auths of at most {} entries, and no member twice",
                limits::DOCKER_CONFIG_ENTRIES
            )),
            Self::NoAuths => {
                Mismatch::new("has no auths").expecting("a Docker configuration with an entry for each registry")
            }
            Self::HelpersOnly { instead } => Mismatch::new("has no entries and names a credential helper")
                .expecting(format_args!("credentials in auths; credential helpers are never started{instead}")),
        }
    }
}

mismatch_error!(DockerConfigError);

/// An entry that is disabled. Never shows a credential.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EntryMistake {
    /// The key of the entry, without user and password.
    pub key: Excerpt,
    /// The mistake.
    pub error: EntryError,
}

impl Mismatched for EntryMistake {
    fn mismatch(&self) -> Mismatch {
        let Self { key, error } = self;
        error.mismatch().of(format_args!("entry {key}"))
    }
}

mismatch_error!(EntryMistake);
