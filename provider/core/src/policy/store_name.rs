//! References to trust stores in a trust policy.

use std::fmt;
use std::str::FromStr;

use crate::codec::excerpt::Excerpt;
use crate::codec::mismatch::Mismatch;
use crate::codec::mismatch::Mismatched;
use crate::codec::mismatch::mismatch_error;

/// The kind of a trust store: the use for which its certificates are trusted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum StoreKind {
    /// Signatures by publishers: scheme `notary.x509`.
    Ca,
    /// Signatures by services on behalf of publishers: scheme `notary.x509.signingAuthority`.
    SigningAuthority,
    /// RFC 3161 time stamps.
    Tsa,
}

/// The name of a store: letters, digits, `_`, `.` and `-`. Not only dots, which would be a path to another directory.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StoreName(String);

/// A reference to a store in a trust policy, `ca:example-root`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StoreRef {
    /// The kind of the store.
    pub kind: StoreKind,
    /// The name of the store, unique among its kind.
    pub name: StoreName,
}

/// The error for a text that is not a reference to a trust store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StoreNameError {
    /// No type before a colon.
    NoKind {
        /// The reference as written.
        found: Excerpt,
    },
    /// An unknown type.
    Kind {
        /// The type as written.
        found: Excerpt,
    },
    /// An invalid name.
    Name {
        /// The name as written.
        found: Excerpt,
    },
}

impl Mismatched for StoreNameError {
    fn mismatch(&self) -> Mismatch {
        match self {
            Self::NoKind { found } => Mismatch::new(format_args!("trust store: found {found:?} without a type"))
                .expecting("type:name, as in ca:example-root"),
            Self::Kind { found } => Mismatch::new(format_args!("trust store type: found {found:?}"))
                .expecting("ca, signingAuthority or tsa"),
            Self::Name { found } => Mismatch::new(format_args!("trust store name: found {found:?}"))
                .expecting(format_args!("1 to {} letters, digits, _, . and -, not only dots", StoreName::MAX_BYTES)),
        }
    }
}

mismatch_error!(StoreNameError);

impl StoreKind {
    /// Every kind.
    pub const ALL: [Self; 3] = [Self::Ca, Self::SigningAuthority, Self::Tsa];

    /// The type as written in policies and directories.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ca => "ca",
            Self::SigningAuthority => "signingAuthority",
            Self::Tsa => "tsa",
        }
    }
}

impl fmt::Display for StoreKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for StoreKind {
    type Err = StoreNameError;

    fn from_str(text: &str) -> Result<Self, StoreNameError> {
        let kind = Self::ALL.into_iter().find(|kind| kind.as_str() == text);
        kind.ok_or_else(|| StoreNameError::Kind { found: text.into() })
    }
}

impl StoreName {
    /// Maximum length in bytes, that of a file name on Linux.
    pub const MAX_BYTES: usize = 255;

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for StoreName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for StoreName {
    type Err = StoreNameError;

    fn from_str(text: &str) -> Result<Self, StoreNameError> {
        let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte);
        let only_dots = text.bytes().all(|byte| byte == b'.');
        if text.len() > Self::MAX_BYTES || only_dots || !text.bytes().all(fits) {
            return Err(StoreNameError::Name { found: text.into() });
        }
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Display for StoreRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.kind, self.name)
    }
}

impl FromStr for StoreRef {
    type Err = StoreNameError;

    fn from_str(text: &str) -> Result<Self, StoreNameError> {
        let (kind, name) = text.split_once(':').ok_or_else(|| StoreNameError::NoKind { found: text.into() })?;
        Ok(Self { kind: kind.parse()?, name: name.parse()? })
    }
}
