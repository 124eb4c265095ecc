//! Trusted identities: which signers under a trust store are trusted.

use std::collections::BTreeMap;
use std::fmt;

use super::distinguished_name;
use super::identity_error::IdentityError;
use super::identity_error::IdentityMismatch;
use crate::codec::excerpt::Excerpt;
use crate::codec::text;
use crate::codec::text::Text;
use crate::name::SigningProfileVersion;
use crate::x509::DistinguishedName;

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
    /// Any other prefix, such as `arn`. It never matches a subject.
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

    /// Whether a signing certificate's subject is one of these: it has every attribute of an entry, with the same
    /// value byte by byte, in any order. Other attributes are ignored.
    ///
    /// A subject with an attribute twice matches only [`Identities::Any`], as no specification defines which of the
    /// two applies. The same holds for a subject that contains `=#`, which parsers of printed names interpret
    /// differently
    /// ([CVE-2023-25656](https://github.com/notaryproject/notation-go/security/advisories/GHSA-87x9-7grx-m28v)).
    ///
    /// # Errors
    /// The reason why no entry matches.
    pub fn matches(&self, subject: &DistinguishedName) -> Result<(), IdentityMismatch> {
        let listed = match self {
            Self::Any => return Ok(()),
            Self::Listed(listed) => listed,
        };
        let expected: Vec<_> = listed.iter().filter_map(Identity::subject).collect();
        if expected.is_empty() {
            return Err(IdentityMismatch::NoSubjects);
        }
        let mut found = BTreeMap::new();
        for attribute in subject.attributes() {
            let Some(name) = attribute.short_name() else {
                continue;
            };
            if attribute.value().contains("=#") {
                return Err(IdentityMismatch::Hexadecimal { subject: subject.to_text(), attribute: name });
            }
            if found.insert(name, attribute.value()).is_some() {
                return Err(IdentityMismatch::Repeated { subject: subject.to_text(), attribute: name });
            }
        }
        let has = |(name, value): (&&str, &String)| found.get(name).is_some_and(|found| *found == value);
        if expected.iter().any(|identity| identity.attributes.iter().all(has)) {
            return Ok(());
        }
        let expected =
            Text::of(text::list(expected.iter().map(|identity| shown(&identity.text)), ", ", IDENTITIES_SHOWN));
        Err(IdentityMismatch::NotListed { subject: subject.to_text(), expected })
    }
}

impl Identities {
    /// Whether a signing profile of AWS Signer is one of these, with any version or with this one. Case is ignored,
    /// as in the service's own plugin.
    ///
    /// # Errors
    /// The reason why no entry matches. [`Identities::Any`] does not match, as it would trust every customer of AWS.
    pub fn matches_profile(&self, version: &SigningProfileVersion) -> Result<(), IdentityMismatch> {
        let listed = match self {
            Self::Any => return Err(IdentityMismatch::AnyProfile { profile: shown(version.as_str()) }),
            Self::Listed(listed) => listed,
        };
        let profiles = listed.iter().filter_map(|identity| match identity {
            Identity::Foreign { prefix: _, text } => Some(text.as_str()),
            Identity::Subject(_) => None,
        });
        let names = |text: &str| [version.as_str(), version.profile()].iter().any(|arn| text.eq_ignore_ascii_case(arn));
        if profiles.clone().any(names) {
            return Ok(());
        }
        let expected = Text::of(text::list(profiles.map(shown), ", ", IDENTITIES_SHOWN));
        Err(IdentityMismatch::ProfileNotListed { profile: shown(version.as_str()), expected })
    }
}

impl Identity {
    /// The subject of the entry, if it has one.
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
        // With another case or a blank it would be a foreign identity, which never matches.
        if prefix.trim().eq_ignore_ascii_case(SUBJECT_PREFIX) {
            return Err(IdentityError::MisspeltPrefix { found: shown(text) });
        }
        Ok(Self::Foreign { prefix: prefix.to_owned(), text: text.to_owned() })
    }
}

impl TrustedIdentity {
    /// The entry as written, prefix included.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_profile_is_trusted_by_name_with_or_without_its_version_and_never_by_a_star() {
        let arn = "arn:aws:signer:eu-central-1:111122223333:/signing-profiles/ci_profile/abcDEF1234";
        let Some(version) = SigningProfileVersion::parse(arn) else { panic!("it is an ARN") };
        let trusted = |entries: &[&str]| {
            let identities = Identities::parse(entries).unwrap_or(Identities::Any);
            identities.matches_profile(&version)
        };
        let profile = "arn:aws:signer:eu-central-1:111122223333:/signing-profiles/ci_profile";
        for entries in [[arn], [profile], [&profile.to_ascii_uppercase().replace("ARN:", "arn:")]] {
            assert_eq!(trusted(&entries), Ok(()), "{entries:?}");
        }
        assert_eq!(trusted(&["x509.subject: C=US, ST=WA, O=AWS", profile]), Ok(()));
        assert_eq!(trusted(&["*"]), Err(IdentityMismatch::AnyProfile { profile: arn.into() }));
        for (entry, expected) in [
            ("x509.subject: C=US, ST=WA, O=AWS", None),
            ("arn:aws:signer:eu-central-1:111122223333:/signing-profiles/ci_profile/other", Some(())),
            ("arn:aws:signer:eu-central-1:111122223333:/signing-profiles/ci", Some(())),
            ("arn:aws:signer:eu-central-1:444455556666:/signing-profiles/ci_profile", Some(())),
            ("arn:aws:signer:eu-central-1:111122223333:/signing-profiles", Some(())),
        ] {
            let expected = expected.map_or_else(Text::default, |()| Text::of(shown(entry)));
            let mismatch = IdentityMismatch::ProfileNotListed { profile: shown(arn), expected };
            assert_eq!(trusted(&[entry]), Err(mismatch), "{entry}");
        }
    }
}
