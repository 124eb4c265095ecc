//! Trusted subjects of signing certificates.

use std::collections::BTreeMap;
use std::fmt;

use super::Identities;
use super::Identity;
use super::SUBJECT_PREFIX;
use super::TrustedIdentity;
use super::expected;
use super::shown;
use crate::codec::excerpt::Excerpt;
use crate::codec::text;
use crate::codec::text::Text;
use crate::policy::distinguished_name;
use crate::policy::identity_mismatch::IdentityMismatch;
use crate::x509::DistinguishedName;

/// Longest subject in a remedy, in bytes: it is copied into a trust policy, so that it must not be cut.
const SUBJECT_BYTES: usize = 256;

/// What a subject has, by short name. Each once.
type Found<'a> = BTreeMap<&'static str, &'a str>;

impl Identities {
    /// Whether a signing certificate's subject is one of these: it has every attribute of an entry, with the same
    /// value byte by byte, in any order. Other attributes are ignored.
    ///
    /// A subject with an attribute twice matches only [`Identities::Any`], as no specification defines which of the
    /// two applies. The same holds for a subject that contains `=#`, which parsers of printed names interpret
    /// differently
    /// ([CVE-2023-25656](https://github.com/notaryproject/notation-go/security/advisories/GHSA-87x9-7grx-m28v)).
    ///
    /// # Errors
    /// The reason why no entry matches, with the nearest one and its differences.
    pub fn matches(&self, subject: &DistinguishedName) -> Result<(), IdentityMismatch> {
        let listed = match self {
            Self::Any => return Ok(()),
            Self::Listed(listed) => listed,
        };
        let identities: Vec<_> = listed.iter().filter_map(Identity::subject).collect();
        if identities.is_empty() {
            return Err(IdentityMismatch::NoSubjects { remedy: remedy(subject, &[]) });
        }
        let mut found = Found::new();
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
        if identities.iter().any(|identity| differences(identity, &found).next().is_none()) {
            return Ok(());
        }
        let near = identities.iter().filter(|identity| is_near(identity, &found));
        let nearest = near.min_by_key(|identity| differences(identity, &found).count());
        let nearest = nearest.map(|identity| {
            (
                identity.as_str(),
                fmt::from_fn(|f| write!(f, "{}", text::list(differences(identity, &found), "; ", usize::MAX))),
            )
        });
        let expected = expected(identities.iter().map(|identity| identity.as_str()), nearest.as_ref());
        Err(IdentityMismatch::NotListed { subject: subject.to_text(), expected, remedy: remedy(subject, &identities) })
    }
}

/// An attribute that a subject does not have, or has with another value.
struct Difference<'a> {
    attribute: &'static str,
    found: Option<&'a str>,
    expected: &'a str,
}

impl fmt::Display for Difference<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { attribute, found, expected } = self;
        let expected = Excerpt::of(expected);
        match found {
            Some(found) => write!(f, "{attribute}: found {}, expected {expected}", Excerpt::of(found)),
            None => write!(f, "{attribute}: found none, expected {expected}"),
        }
    }
}

/// In what a subject differs from an identity; nothing if it matches.
fn differences<'a>(
    identity: &'a TrustedIdentity,
    found: &'a Found<'a>,
) -> impl Iterator<Item = Difference<'a>> + Clone {
    identity.attributes.iter().filter_map(|(&attribute, expected)| {
        let (found, expected) = (found.get(attribute).copied(), expected.as_str());
        (found != Some(expected)).then_some(Difference { attribute, found, expected })
    })
}

/// Whether organization or common name is the same, apart from letter case and blanks. Country and state are often the same by
/// chance.
fn is_near(identity: &TrustedIdentity, found: &Found<'_>) -> bool {
    let folded = |text: &str| text.split_whitespace().collect::<String>().to_lowercase();
    let is_same = |name| {
        let both = identity.attribute(name).zip(found.get(name));
        both.is_some_and(|(expected, found)| folded(expected) == folded(found))
    };
    ["O", "CN"].into_iter().any(is_same)
}

/// What to do about a subject that is none of `identities`, with the entry that would trust it. `None` if that is the remedy of
/// the code.
fn remedy(subject: &DistinguishedName, identities: &[&TrustedIdentity]) -> Option<Text> {
    let missing = ["C", "ST", "O"].into_iter().filter(|name| {
        let mut attributes = subject.attributes().iter();
        !attributes.any(|attribute| attribute.short_name() == Some(*name))
    });
    if missing.clone().next().is_some() {
        let missing = text::list(missing, " and ", usize::MAX);
        return Some(Text::of(format_args!(
            "sign with a trusted identity; the subject of this certificate has no {missing}, so that no x509.subject can trust it"
        )));
    }
    let printed = subject.to_text();
    let entry = format!("{SUBJECT_PREFIX}: {printed}");
    let read = distinguished_name::parse(printed.as_str()).ok().filter(|_| printed.as_str().len() <= SUBJECT_BYTES)?;
    let all =
        subject.attributes().iter().map(|attribute| Some((attribute.short_name()?, attribute.value().to_owned())));
    if all.collect::<Option<BTreeMap<_, _>>>().as_ref() != Some(&read) {
        return None;
    }
    // A statement with two entries of which one contains the other is disabled.
    let has_all = |identity: &&&TrustedIdentity| {
        read.iter().all(|(name, value)| identity.attribute(name) == Some(value.as_str()))
    };
    let how = match identities.iter().find(has_all) {
        Some(narrow) => {
            format!("replace {} in trustedIdentities of the statement by {entry:?}", shown(narrow.as_str()))
        }
        None => format!("add {entry:?} to trustedIdentities of the statement"),
    };
    Some(Text::of(format_args!("sign with a trusted identity; or {how}, if you trust this signer")))
}
