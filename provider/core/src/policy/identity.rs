//! Which signers of a trusted root are meant.

use std::collections::BTreeMap;
use std::fmt;

use super::NameError;
use super::distinguished_name;
use crate::codec::excerpt::Excerpt;
use crate::codec::text;
use crate::codec::text::Text;
use crate::x509::DistinguishedName;

/// The `trustedIdentities` of a statement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Identities {
    /// `*`: whoever the trust stores vouch for.
    Any,
    /// One of these, at least one; no `x509.subject` is contained in another.
    Listed(Vec<Identity>),
}

/// One entry, `prefix:value`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Identity {
    /// `x509.subject:` and a distinguished name.
    Subject(TrustedIdentity),
    /// Any other prefix, such as `arn`: for those who know it. It never matches a subject.
    Foreign {
        prefix: String,
        /// The whole entry, prefix included.
        text: String,
    },
}

/// Attributes that a signing certificate's subject must have: C, ST and O at least.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrustedIdentity {
    text: String,
    attributes: BTreeMap<&'static str, String>,
}

/// Why a list of trusted identities is none.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IdentityError {
    #[error("trusted identity {found:?} has no prefix: want x509.subject:NAME, or * alone")]
    NoPrefix { found: Excerpt },
    #[error("trusted identity {found:?} has no value after its prefix: want prefix:value")]
    NoValue { found: Excerpt },
    #[error("trusted identity {found:?} has a misspelt prefix: want x509.subject")]
    MisspeltPrefix { found: Excerpt },
    #[error("trusted identity * stands beside others: want * alone")]
    AnyBesideOthers,
    #[error("trusted identity {found:?}: {error}")]
    Name { found: Excerpt, error: NameError },
    #[error("trusted identity {narrow:?} is contained in {wide:?}: want one of them")]
    Overlap { wide: Excerpt, narrow: Excerpt },
}

/// Why a subject is not a trusted identity.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IdentityMismatch {
    #[error("statement has no x509.subject among its trusted identities: want one, or *")]
    NoSubjects,
    #[error("subject {subject:?} has more than one {attribute}: want each attribute once, or trust *")]
    Repeated { subject: Text, attribute: &'static str },
    #[error("subject {subject:?} has =# in its {attribute}: want plain text, or trust *")]
    Hexadecimal { subject: Text, attribute: &'static str },
    #[error("subject {subject:?} is none of the trusted identities {wanted}")]
    NotListed {
        subject: Text,
        /// The first of them.
        wanted: Text,
    },
}

/// An entry in a message: distinguished names are long.
fn shown(entry: &str) -> Excerpt {
    Excerpt::at_most(256, entry)
}

/// Most trusted identities that a message names.
const IDENTITIES_SHOWN: usize = 8;

const SUBJECT_PREFIX: &str = "x509.subject";

impl Identities {
    /// Reads the entries of a statement, at least one.
    ///
    /// # Errors
    /// Every entry that is not `prefix:value` or whose distinguished name is not as the specification wants it, `*`
    /// beside others, and subjects of which one contains the other.
    pub fn parse(entries: &[&str]) -> Result<Self, Vec<IdentityError>> {
        if entries == ["*"] {
            return Ok(Self::Any);
        }
        let mut errors = Vec::new();
        let mut identities: Vec<Identity> = Vec::new();
        for &entry in entries {
            match entry.parse() {
                Ok(identity) => {
                    errors.extend(identities.iter().filter_map(|earlier| overlap(earlier, &identity)));
                    identities.push(identity);
                }
                Err(error) => errors.push(error),
            }
        }
        if errors.is_empty() { Ok(Self::Listed(identities)) } else { Err(errors) }
    }

    /// Whether a signing certificate's subject is one of these: it has every attribute of an entry, with the same
    /// value byte by byte, in any order and with whatever else. Attributes without a short name play no part.
    ///
    /// A subject with an attribute twice matches nothing but [`Identities::Any`], for which of the two would count is
    /// not said anywhere; neither does one with `=#` in it, which readers of printed names take for something else
    /// ([CVE-2023-25656](https://github.com/notaryproject/notation-go/security/advisories/GHSA-87x9-7grx-m28v)).
    ///
    /// # Errors
    /// Why no entry matches.
    pub fn matches(&self, subject: &DistinguishedName) -> Result<(), IdentityMismatch> {
        let listed = match self {
            Self::Any => return Ok(()),
            Self::Listed(listed) => listed,
        };
        let wanted: Vec<_> = listed.iter().filter_map(Identity::subject).collect();
        if wanted.is_empty() {
            return Err(IdentityMismatch::NoSubjects);
        }
        let mut found = BTreeMap::new();
        for attribute in subject.attributes() {
            let Some(name) = attribute.short_name() else {
                continue;
            };
            if attribute.value().contains("=#") {
                return Err(IdentityMismatch::Hexadecimal { subject: subject.text(), attribute: name });
            }
            if found.insert(name, attribute.value()).is_some() {
                return Err(IdentityMismatch::Repeated { subject: subject.text(), attribute: name });
            }
        }
        let has = |(name, value): (&&str, &String)| found.get(name).is_some_and(|found| *found == value);
        if wanted.iter().any(|identity| identity.attributes.iter().all(has)) {
            return Ok(());
        }
        let wanted = Text::of(text::list(wanted.iter().map(|identity| shown(&identity.text)), ", ", IDENTITIES_SHOWN));
        Err(IdentityMismatch::NotListed { subject: subject.text(), wanted })
    }
}

impl Identity {
    /// The entry if it names a subject.
    #[must_use]
    pub fn subject(&self) -> Option<&TrustedIdentity> {
        match self {
            Self::Subject(identity) => Some(identity),
            Self::Foreign { .. } => None,
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
        // Another case or a blank would make a foreign identity of it, which silently matches nobody.
        if prefix.trim().eq_ignore_ascii_case(SUBJECT_PREFIX) {
            return Err(IdentityError::MisspeltPrefix { found: shown(text) });
        }
        Ok(Self::Foreign { prefix: prefix.to_owned(), text: text.to_owned() })
    }
}

impl TrustedIdentity {
    /// The entry as written, prefix included.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Whether whoever matches `other` matches this as well.
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
