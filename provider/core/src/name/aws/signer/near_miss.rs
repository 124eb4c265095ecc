//! Trusted identities that almost match a signature of AWS Signer, and in what they differ from it. For messages only: nothing
//! here makes an identity match.

use std::fmt;

use super::ALIASED_PROFILES;
use super::ALIASES;
use super::ARN_BYTES;
use super::PROFILES;
use super::SignerIdentity;
use super::SigningProfileAlias;
use super::SigningProfileVersion;
use crate::codec::excerpt::Excerpt;
use crate::codec::text;

/// In what a trusted identity differs from a signature that it does not match: at least one difference. Both name the same
/// resource, apart from letter case and hyphens in its name, or a `*` in the identity; or the identity is an alias, and the signature has none.
///
/// Prints the differences, each with the value of the signature as found and that of the identity as expected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignerNearMiss {
    differences: Vec<Difference>,
    /// The identity with the spelling of the signature, if it differs in nothing else.
    corrected: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Difference {
    /// The identity is not written as an ARN; this one is meant.
    Spelling(String),
    /// Another value of a part of the ARN.
    Part { part: &'static str, found: String, expected: String, is_spelling: bool },
    /// The identity is an alias.
    NoAlias,
    /// The identity has a `*`.
    Wildcard,
}

/// Longest entry that is read, in bytes: an ARN with blanks around it.
const ENTRY_BYTES: usize = ARN_BYTES + 64;

impl SignerNearMiss {
    /// The difference between an entry of `trustedIdentities` and a signature with these attributes, which it does not match.
    /// `None` if they have too little in common.
    #[must_use]
    pub fn of(entry: &str, version: &SigningProfileVersion, alias: Option<&SigningProfileAlias>) -> Option<Self> {
        let expected = Parts::read(entry)?;
        let found = std::iter::once(version.as_str()).chain(alias.map(SigningProfileAlias::as_str));
        let near = found.filter_map(|arn| expected.near(entry, &Parts::read(arn)?));
        near.min_by_key(Self::distance).or_else(|| {
            let is_alias = expected.kind == Kind::Alias && alias.is_none();
            is_alias.then(|| Self { differences: vec![Difference::NoAlias], corrected: None })
        })
    }

    /// Orders near misses: the nearest has the smallest distance.
    #[must_use]
    pub fn distance(&self) -> usize {
        let of = |difference: &Difference| match difference {
            Difference::Spelling(_) | Difference::Part { .. } | Difference::Wildcard => 1,
            Difference::NoAlias => 100,
        };
        self.differences.iter().map(of).sum()
    }

    /// What must be written in place of the entry, if it differs in its spelling only.
    #[must_use]
    pub fn corrected(&self) -> Option<&str> {
        self.corrected.as_deref()
    }

    /// Whether both differ in the version only.
    #[must_use]
    pub fn is_other_version(&self) -> bool {
        matches!(&self.differences[..], [Difference::Part { part: VERSION, .. }])
    }
}

impl SignerIdentity {
    /// The ARN that is meant by a text that is none: with a blank, a slash or a hyphen too many or too few, or other letter case in
    /// a part whose case is fixed. `None` if it cannot be one, and if it is one already.
    #[must_use]
    pub fn respelled(entry: &str) -> Option<String> {
        let spelled = Parts::read(entry)?.to_arn();
        let is_identity = matches!(Self::parse(&spelled), Some(Ok(_)));
        (is_identity && spelled != entry).then_some(spelled)
    }
}

impl fmt::Display for SignerNearMiss {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&text::list(self.differences.iter(), "; ", usize::MAX), f)
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = |value: &str| match value {
            "" => "none".to_owned(),
            value => Excerpt::of(value).to_string(),
        };
        match self {
            Self::Spelling(arn) => write!(f, "spelling of this entry: expected {}", Excerpt::at_most(256, arn)),
            Self::Part { part, found, expected, is_spelling: _ } => {
                write!(f, "{part}: found {}, expected {}", shown(found), shown(expected))
            }
            Self::Wildcard => f.write_str("a * matches nothing"),
            Self::NoAlias => f.write_str("an alias; the signature was not made under one"),
        }
    }
}

/// The kinds of resources that identify a signer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Profile,
    AliasedProfile,
    Alias,
}

impl Kind {
    const ALL: [Self; 3] = [Self::Profile, Self::AliasedProfile, Self::Alias];

    /// The beginning of the resource.
    fn prefix(self) -> &'static str {
        match self {
            Self::Profile => PROFILES,
            Self::AliasedProfile => ALIASED_PROFILES,
            Self::Alias => ALIASES,
        }
    }

    /// Reads the plural or the singular, in any case.
    fn read(text: &str) -> Option<Self> {
        let is_named = |kind: &Self| {
            let plural = kind.prefix().trim_matches('/');
            let singular = plural.strip_suffix(if *kind == Self::Alias { "es" } else { "s" });
            [Some(plural), singular].into_iter().flatten().any(|name| name.eq_ignore_ascii_case(text))
        };
        Self::ALL.into_iter().find(is_named)
    }
}

const VERSION: &str = "version";

/// The parts of an ARN, however it is written.
#[derive(Debug)]
struct Parts {
    partition: String,
    region: String,
    account: String,
    kind: Kind,
    name: String,
    /// Of a profile.
    version: Option<String>,
}

impl Parts {
    /// Reads a text that is an ARN or almost one.
    fn read(text: &str) -> Option<Self> {
        if text.len() > ENTRY_BYTES {
            return None;
        }
        let mut fields = text.splitn(6, ':').map(str::trim);
        let [Some(arn), Some(partition), Some(service), Some(region), Some(account), Some(resource)] =
            std::array::from_fn(|_| fields.next())
        else {
            return None;
        };
        if !arn.eq_ignore_ascii_case("arn") || !service.eq_ignore_ascii_case("signer") {
            return None;
        }
        let mut names = resource.split('/').map(str::trim).filter(|name| !name.is_empty());
        let (kind, name, version) = (Kind::read(names.next()?)?, names.next()?.to_owned(), names.next());
        // The AWS console shows accounts as 1111-2222-3333.
        let account = account.replace('-', "");
        let parts = Self {
            partition: partition.to_ascii_lowercase(),
            region: region.to_ascii_lowercase(),
            account,
            kind,
            name,
            version: version.map(str::to_owned),
        };
        names.next().is_none().then_some(parts)
    }

    fn to_arn(&self) -> String {
        let Self { partition, region, account, kind, name, version } = self;
        let version = version.as_ref().map(|version| format!("/{version}")).unwrap_or_default();
        format!("arn:{partition}:signer:{region}:{account}:{}{name}{version}", kind.prefix())
    }

    /// In what these parts of an entry differ from those of a signature; `None` if they have not the same name.
    fn near(&self, entry: &str, found: &Self) -> Option<SignerNearMiss> {
        let folded = |name: &str| name.to_ascii_lowercase().replace('-', "_");
        // A text with one is compared in what remains.
        let is_wildcard = |part: &str| part.contains('*');
        if folded(&self.name) != folded(&found.name) && !is_wildcard(&self.name) {
            return None;
        }
        let mut differences: Vec<Difference> =
            SignerIdentity::respelled(entry).map(Difference::Spelling).into_iter().collect();
        let mut compare = |part: &'static str, in_other_case: &'static str, found: &str, expected: &str| {
            if found != expected && !is_wildcard(expected) {
                let is_case = found.eq_ignore_ascii_case(expected);
                let part = if is_case { in_other_case } else { part };
                let is_spelling = folded(found) == folded(expected);
                let (found, expected) = (found.to_owned(), expected.to_owned());
                differences.push(Difference::Part { part, found, expected, is_spelling });
            }
        };
        compare("partition", "partition", &found.partition, &self.partition);
        compare("resource", "resource", found.kind.prefix(), self.kind.prefix());
        // Aliases and aliased profiles need no account, so that it says nothing about another kind.
        if self.kind == found.kind {
            compare("region", "region", &found.region, &self.region);
            compare("account", "account", &found.account, &self.account);
        }
        compare("name", "letter case of the name", &found.name, &self.name);
        if let Some(version) = &self.version {
            compare(VERSION, "letter case of the version", found.version.as_deref().unwrap_or_default(), version);
        }
        if is_wildcard(entry) {
            differences.push(Difference::Wildcard);
        }
        let is_spelling = |difference: &Difference| match difference {
            Difference::Spelling(_) => true,
            Difference::Part { part: _, found: _, expected: _, is_spelling } => *is_spelling,
            Difference::NoAlias | Difference::Wildcard => false,
        };
        let corrected = differences.iter().all(is_spelling).then(|| {
            let version = self.version.as_ref().and(found.version.clone());
            let Self { partition, region, account, kind, name, version: _ } = found;
            let (partition, region, account) = (partition.clone(), region.clone(), account.clone());
            Self { partition, region, account, kind: *kind, name: name.clone(), version }.to_arn()
        });
        (!differences.is_empty()).then_some(SignerNearMiss { differences, corrected })
    }
}

#[cfg(test)]
mod tests;
