//! Warnings about a Docker configuration.

use std::fmt;

use countersign_core::codec::excerpt::Excerpt;
use countersign_core::codec::text;

use super::instead::Instead;
use crate::limits;

/// A valid but probably unintended part of a Docker configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DockerConfigWarning {
    /// `key` is for the same images as `by`, has another credential, and is not used.
    Shadowed {
        /// The entry that is not used.
        key: Excerpt,
        /// The entry that is used.
        by: Excerpt,
    },
    /// Credential helpers are configured, but not started.
    Helpers {
        /// Some of the hosts and their helpers.
        first: Vec<(Excerpt, Excerpt)>,
        /// The number of others.
        more: usize,
        /// What to write in place of them.
        instead: Instead,
    },
    /// A credential store is configured, but not used.
    Store {
        /// Its helper.
        helper: Excerpt,
        /// What to write in place of it.
        instead: Instead,
    },
    /// The password of this entry ends with a line feed.
    LineFeed {
        /// The entry.
        key: Excerpt,
    },
    /// There is no entry.
    NoEntries,
}

impl DockerConfigWarning {
    /// Stable text, for machines.
    #[must_use]
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Shadowed { .. } => "credential-not-used",
            Self::Helpers { .. } | Self::Store { .. } => "credential-helper-ignored",
            Self::LineFeed { .. } => "credential-ends-with-line-feed",
            Self::NoEntries => "no-credentials",
        }
    }
}

impl fmt::Display for DockerConfigWarning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const NONE_IS_STARTED: &str =
            "helpers are not run; requests to registries without a credential in auths are anonymous";
        match self {
            Self::Shadowed { key, by } => {
                write!(f, "entry {key} is for the same images as {by}, differs from it and is not used")
            }
            Self::Helpers { first, more, instead } => {
                let helper = |(host, helper): &(Excerpt, Excerpt)| format!("{helper} for {host}");
                let named = text::list(first.iter().map(helper), ", ", limits::HELPERS_NAMED);
                write!(f, "credHelpers names {named}")?;
                if *more > 0 {
                    write!(f, " and {more} more")?;
                }
                write!(f, ": {NONE_IS_STARTED}{instead}")
            }
            Self::Store { helper, instead } => write!(f, "credsStore names {helper}: {NONE_IS_STARTED}{instead}"),
            Self::LineFeed { key } => {
                write!(
                    f,
                    "entry {key} has a password that ends with a line feed, which is sent with it; remove \
                           it if it is not intended"
                )
            }
            Self::NoEntries => f.write_str("has no entries; its registries are used anonymously"),
        }
    }
}
