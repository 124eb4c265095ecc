//! Trusted identities: which signers under a trust store are trusted.

mod profile;
mod subject;

use std::collections::BTreeMap;
use std::fmt;

use super::distinguished_name;
use super::identity_error::IdentityError;
use crate::codec::excerpt::Excerpt;
use crate::codec::text;
use crate::codec::text::Text;
use crate::name::SignerIdentity;

/// The `trustedIdentities` of a statement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Identities {
    /// `*`: every signer under a certificate of the trust stores.
    Any,
    /// One of these identities. Not empty; no `x509.subject` contains another.
    Listed(Vec<Identity>),
}

/// One entry, `prefix:value`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Identity {
    /// `x509.subject:` and a distinguished name.
    Subject(TrustedIdentity),
    /// A signing profile of AWS Signer, or an alias of profiles.
    Signer(SignerIdentity),
    /// Anything else with a prefix. It matches no signer.
    Foreign {
        /// The part before the colon.
        prefix: String,
        /// The whole entry, prefix included.
        text: String,
    },
}

/// Attributes that the subject of a signing certificate must have, including C, ST and O.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrustedIdentity {
    text: String,
    attributes: BTreeMap<&'static str, String>,
}

/// An excerpt of an entry for messages. Distinguished names are long.
fn shown(entry: &str) -> Excerpt {
    Excerpt::at_most(256, entry)
}

/// Maximum number of trusted identities in a message.
const IDENTITIES_SHOWN: usize = 8;

const SUBJECT_PREFIX: &str = "x509.subject";

/// The entries that a signer was compared with, for a message: the nearest one first, with its differences.
fn expected<'a>(entries: impl Iterator<Item = &'a str> + Clone, nearest: Option<&(&str, impl fmt::Display)>) -> Text {
    let Some((nearest, differences)) = nearest else {
        return Text::of(text::list(entries.map(shown), ", ", IDENTITIES_SHOWN));
    };
    let first = format!("{} (the nearest; {differences})", shown(nearest));
    let others = entries.filter(move |entry| entry != nearest).map(|entry| shown(entry).to_string());
    Text::of(text::list(std::iter::once(first).chain(others), ", ", IDENTITIES_SHOWN))
}

impl Identities {
    /// Reads the entries of a statement, at least one.
    ///
    /// # Errors
    /// Every entry that is not `prefix:value` or whose distinguished name does not follow the specification, `*`
    /// together with others, and subjects of which one contains the other; each with the index of the entry.
    pub fn parse(entries: &[&str]) -> Result<Self, Vec<(usize, IdentityError)>> {
        if entries == ["*"] {
            return Ok(Self::Any);
        }
        let mut errors = Vec::new();
        let mut identities: Vec<Identity> = Vec::new();
        for (index, &entry) in entries.iter().enumerate() {
            match entry.parse() {
                Ok(identity) => {
                    let overlaps = identities.iter().filter_map(|earlier| overlap(earlier, &identity));
                    errors.extend(overlaps.map(|error| (index, error)));
                    identities.push(identity);
                }
                Err(error) => errors.push((index, error)),
            }
        }
        if errors.is_empty() { Ok(Self::Listed(identities)) } else { Err(errors) }
    }
}

impl Identity {
    /// The subject of the entry, if it has one.
    #[must_use]
    pub fn subject(&self) -> Option<&TrustedIdentity> {
        match self {
            Self::Subject(identity) => Some(identity),
            Self::Signer(_) | Self::Foreign { .. } => None,
        }
    }

    /// The name of AWS Signer in the entry, if it is one.
    #[must_use]
    pub fn signer(&self) -> Option<&SignerIdentity> {
        match self {
            Self::Signer(signer) => Some(signer),
            Self::Subject(_) | Self::Foreign { .. } => None,
        }
    }

    /// The whole entry, prefix included.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            Self::Subject(identity) => identity.as_str(),
            Self::Signer(signer) => signer.as_str(),
            Self::Foreign { prefix: _, text } => text,
        }
    }
}

impl std::str::FromStr for Identity {
    type Err = IdentityError;

    fn from_str(text: &str) -> Result<Self, IdentityError> {
        if text == "*" {
            return Err(IdentityError::AnyBesideOthers);
        }
        let Some((prefix, value)) = text.split_once(':').filter(|(prefix, _)| !prefix.is_empty()) else {
            return Err(IdentityError::NoPrefix { found: shown(text) });
        };
        if value.trim().is_empty() {
            return Err(IdentityError::NoValue { found: shown(text) });
        }
        if prefix == SUBJECT_PREFIX {
            let attributes =
                distinguished_name::parse(value).map_err(|error| IdentityError::Name { found: shown(text), error })?;
            return Ok(Self::Subject(TrustedIdentity { text: text.to_owned(), attributes }));
        }
        // With another case or a blank it would be a foreign identity, which never matches.
        if prefix.trim().eq_ignore_ascii_case(SUBJECT_PREFIX) {
            return Err(IdentityError::MisspeltPrefix { found: shown(text) });
        }
        Ok(match SignerIdentity::parse(text) {
            Some(Ok(signer)) => Self::Signer(signer),
            // Notation accepts an ARN that identifies nothing, so it is no mistake of the statement.
            Some(Err(_)) | None => Self::Foreign { prefix: prefix.to_owned(), text: text.to_owned() },
        })
    }
}

impl TrustedIdentity {
    /// The entry as written, prefix included.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The value of the attribute with this short name, such as `O`, if the entry requires one.
    #[must_use]
    pub fn attribute(&self, name: &str) -> Option<&str> {
        self.attributes.get(name).map(String::as_str)
    }

    /// Whether every subject that matches `other` matches this as well.
    fn contains(&self, other: &Self) -> bool {
        self.attributes.iter().all(|(name, value)| other.attributes.get(name) == Some(value))
    }
}

impl fmt::Display for TrustedIdentity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

fn overlap(earlier: &Identity, later: &Identity) -> Option<IdentityError> {
    let (earlier, later) = (earlier.subject()?, later.subject()?);
    let error = |wide: &TrustedIdentity, narrow: &TrustedIdentity| IdentityError::Overlap {
        wide: shown(&wide.text),
        narrow: shown(&narrow.text),
    };
    if earlier.contains(later) {
        Some(error(earlier, later))
    } else if later.contains(earlier) {
        Some(error(later, earlier))
    } else {
        None
    }
}
