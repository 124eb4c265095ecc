//! Trusted identities: which signers under a trust store are trusted.

use std::collections::BTreeMap;
use std::fmt;

use super::distinguished_name;
use super::identity_error::IdentityError;
use super::identity_error::IdentityMismatch;
use crate::codec::excerpt::Excerpt;
use crate::codec::text;
use crate::codec::text::Text;
use crate::name::SignerIdentity;
use crate::name::SigningProfileAlias;
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
    /// Whether the signing profile of a signature, or the alias that it was used under, is one of these. Names are compared byte
    /// by byte; the service's own plugin ignores their case.
    ///
    /// # Errors
    /// The reason why no entry matches. [`Identities::Any`] does not match, as it would trust every customer of AWS.
    pub fn matches_profile(
        &self,
        version: &SigningProfileVersion,
        alias: Option<&SigningProfileAlias>,
    ) -> Result<(), IdentityMismatch> {
        let listed = match self {
            Self::Any => return Err(IdentityMismatch::AnyProfile { profile: shown(version.as_str()) }),
            Self::Listed(listed) => listed,
        };
        let signers = listed.iter().filter_map(Identity::signer);
        if signers.clone().any(|signer| signer.matches(version, alias)) {
            return Ok(());
        }
        let almost = signers.clone().find_map(|signer| Some((signer, signer.almost_matches(version, alias)?)));
        let hint = almost.map_or_else(Text::default, |(signer, difference)| {
            Text::of(format_args!(" ({}: {difference})", shown(signer.as_str())))
        });
        let expected = Text::of(text::list(signers.map(|signer| shown(signer.as_str())), ", ", IDENTITIES_SHOWN));
        let profile = Text::of(match alias {
            None => format!("{}", shown(version.as_str())),
            Some(alias) => format!("{} under the alias {}", shown(version.as_str()), shown(alias.as_str())),
        });
        if expected.as_str().is_empty() {
            return Err(IdentityMismatch::NoProfiles { profile });
        }
        Err(IdentityMismatch::ProfileNotListed { profile, expected, hint })
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

#[cfg(test)]
mod tests {
    use super::*;

    const VERSION: &str = "arn:aws:signer:eu-central-1:111122223333:/signing-profiles/ci_profile/abcDEF1234";
    const PROFILE: &str = "arn:aws:signer:eu-central-1:111122223333:/signing-profiles/ci_profile";
    const ALIAS: &str = "arn:aws:signer:::/aliases/com.example.release";

    fn matches(entries: &[&str], alias: Option<&str>) -> Result<(), IdentityMismatch> {
        let Some(version) = SigningProfileVersion::parse(VERSION) else { panic!("it is an ARN") };
        let identities = Identities::parse(entries).unwrap_or(Identities::Any);
        identities.matches_profile(&version, alias.and_then(SigningProfileAlias::parse).as_ref())
    }

    fn mismatch(entries: &[&str], alias: Option<&str>) -> String {
        match matches(entries, alias) {
            Ok(()) => "trusted".to_owned(),
            Err(mismatch) => mismatch.to_string(),
        }
    }

    #[test]
    fn a_profile_is_trusted_by_name_version_or_alias_and_never_by_a_star() {
        for entries in
            [&[VERSION][..], &[PROFILE], &["x509.subject: C=US, ST=WA, O=AWS", PROFILE], &["shop:a", PROFILE]]
        {
            assert_eq!(matches(entries, None), Ok(()), "{entries:?}");
        }
        assert_eq!(matches(&[ALIAS], Some(ALIAS)), Ok(()));
        assert_eq!(matches(&["*"], None), Err(IdentityMismatch::AnyProfile { profile: VERSION.into() }));
        assert_eq!(
            mismatch(&["x509.subject: C=US, ST=WA, O=AWS"], None),
            format!(
                "signing profile is not a trusted identity: found {VERSION:?}, expected its ARN in trustedIdentities, which has \
                 none of AWS Signer"
            )
        );
        for entry in [
            "arn:aws:signer:eu-central-1:111122223333:/signing-profiles/ci_profile/other",
            "arn:aws:signer:eu-central-1:111122223333:/signing-profiles/ci",
            "arn:aws:signer:eu-central-1:444455556666:/signing-profiles/ci_profile",
            "arn:aws:signer:eu-west-1:111122223333:/signing-profiles/ci_profile",
            ALIAS,
        ] {
            let expected =
                format!("signing profile is not a trusted identity: found {VERSION:?}, expected one of {entry:?}");
            assert_eq!(mismatch(&[entry], None), expected);
        }
    }

    #[test]
    fn a_mismatch_names_the_entry_that_almost_matches_and_the_difference() {
        let other_case = "arn:aws:signer:eu-central-1:111122223333:/signing-profiles/CI_profile";
        assert_eq!(
            mismatch(&[other_case], None),
            format!(
                "signing profile is not a trusted identity: found {VERSION:?}, expected one of {other_case:?} ({other_case:?}: it \
                 differs in letter case only)"
            )
        );
        let regional = "arn:aws:signer:eu-central-1::/aliases/com.example.release";
        assert_eq!(
            mismatch(&[regional], Some(ALIAS)),
            format!(
                "signing profile is not a trusted identity: found {VERSION:?} under the alias {ALIAS:?}, expected one of {regional:?} \
                 ({regional:?}: it is the alias of the signature with another region or account)"
            )
        );
    }
}
