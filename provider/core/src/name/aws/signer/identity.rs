//! Names of AWS Signer among the trusted identities of a statement.

use super::ALIASED_PROFILES;
use super::ALIASES;
use super::ARN_BYTES;
use super::PROFILES;
use super::SigningProfileAlias;
use super::SigningProfileVersion;
use super::is_name;
use crate::name::aws::partition::Partition;
use crate::name::aws::region::AwsRegion;
use crate::name::aws::wrong_part::ArnFields;
use crate::name::aws::wrong_part::WrongPart;
use crate::name::aws::wrong_part::account;
use crate::name::aws::wrong_part::region;

/// A trusted identity that is a name of AWS Signer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SignerIdentity {
    /// A signing profile with any version.
    Profile(String),
    /// One version of a signing profile.
    Version(String),
    /// A signing profile that can be used under an alias only.
    AliasedProfile(String),
    /// Signing profiles that are used under this alias.
    Alias(String),
}

/// The forms, for messages.
const FORMS: &str = "arn:PARTITION:signer:REGION:ACCOUNT:/signing-profiles/NAME, the same with /VERSION, \
                     arn:PARTITION:signer:REGION::/aliased-signing-profiles/ID, or arn:PARTITION:signer:::/aliases/NAME";

/// Shortest and longest name of a signing profile, in bytes
/// ([PutSigningProfile](https://docs.aws.amazon.com/signer/latest/api/API_PutSigningProfile.html)).
const PROFILE_NAME_BYTES: std::ops::RangeInclusive<usize> = 2..=64;

/// The length of a version of a signing profile, in bytes
/// ([SigningProfile](https://docs.aws.amazon.com/signer/latest/api/API_SigningProfile.html)).
const VERSION_BYTES: usize = 10;

impl SignerIdentity {
    /// Parses a trusted identity; `None` if it is not a name of AWS Signer.
    ///
    /// # Errors
    /// It is one, but identifies no signer.
    pub fn parse(text: &str) -> Option<Result<Self, WrongPart>> {
        let mut fields = text.split(':');
        let is_of_signer = fields.next() == Some("arn") && fields.nth(1) == Some("signer");
        is_of_signer.then(|| Self::of(text))
    }

    fn of(text: &str) -> Result<Self, WrongPart> {
        let arn = ArnFields::of(text, ARN_BYTES, FORMS)?;
        if !is_name(arn.partition, b"-") {
            return Err(WrongPart::named("partition", arn.partition, "a name such as aws"));
        }
        let named = |part: &str, value: &str, others: &[u8]| {
            let expected = "letters, digits, hyphens and underscores";
            if is_name(value, others) {
                Ok(())
            } else if value.contains(['*', '?']) {
                Err(WrongPart::named(
                    part,
                    value,
                    format_args!("{expected}: there are no patterns, each profile is listed"),
                ))
            } else {
                Err(WrongPart::named(part, value, expected))
            }
        };
        if let Some(name) = arn.resource.strip_prefix(ALIASES) {
            if !arn.region.is_empty() {
                region(arn.region)?;
            }
            if !arn.account.is_empty() {
                account(arn.account)?;
            }
            if !is_name(name, b"-_.") {
                let expected = "letters, digits, dots, hyphens and underscores";
                return Err(WrongPart::named("name of the alias", name, expected));
            }
            return Ok(Self::Alias(text.to_owned()));
        }
        if let Some(id) = arn.resource.strip_prefix(ALIASED_PROFILES) {
            region(arn.region)?;
            if !arn.account.is_empty() {
                return Err(WrongPart::named("account", arn.account, "none in the ARN of an aliased signing profile"));
            }
            named("ID of the profile", id, b"-_")?;
            return Ok(Self::AliasedProfile(text.to_owned()));
        }
        let Some(names) = arn.resource.strip_prefix(PROFILES) else {
            let expected =
                "/signing-profiles/NAME, the same with /VERSION, /aliased-signing-profiles/ID or /aliases/NAME";
            return Err(WrongPart::named("resource", arn.resource, expected));
        };
        region(arn.region)?;
        account(arn.account)?;
        let (name, version) = names.split_once('/').map_or((names, None), |(name, version)| (name, Some(version)));
        named("name of the profile", name, b"-_")?;
        match version {
            None => Ok(Self::Profile(text.to_owned())),
            Some(version) => {
                named("version of the profile", version, b"-_")?;
                Ok(Self::Version(text.to_owned()))
            }
        }
    }

    /// The whole ARN.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            Self::Profile(arn) | Self::Version(arn) | Self::AliasedProfile(arn) | Self::Alias(arn) => arn,
        }
    }

    /// The partition as the ARN names it.
    #[must_use]
    pub fn partition_name(&self) -> &str {
        self.as_str().split(':').nth(1).unwrap_or_default()
    }

    /// Whether a signature with these attributes is by this signer. Names are compared byte by byte.
    #[must_use]
    pub fn matches(&self, version: &SigningProfileVersion, alias: Option<&SigningProfileAlias>) -> bool {
        match self {
            Self::Profile(arn) => !version.is_aliased && version.profile() == arn,
            Self::Version(arn) => !version.is_aliased && version.as_str() == arn,
            Self::AliasedProfile(arn) => version.is_aliased && version.as_str() == arn,
            Self::Alias(arn) => alias.is_some_and(|alias| alias.as_str() == arn),
        }
    }

    /// The part that no ARN of AWS Signer has, so that no signature of it matches; `None` if there is none. For messages only.
    #[must_use]
    pub fn impossible_part(&self) -> Option<WrongPart> {
        let arn = ArnFields::of(self.as_str(), ARN_BYTES, FORMS).ok()?;
        let Ok(partition) = arn.known_partition() else {
            let known = Partition::ALL.map(Partition::as_str).join(", ");
            let expected = format_args!("one that this version knows: {known}");
            return Some(WrongPart::named("partition", arn.partition, expected));
        };
        // An alias may have none.
        if let Ok(region) = arn.region.parse::<AwsRegion>()
            && region.partition() != partition
        {
            let found = format_args!("the region {region}, which is in the partition {}", region.partition());
            let expected =
                format_args!("a region of the partition {partition}, or the partition {}", region.partition());
            return Some(WrongPart::new(found, expected));
        }
        let names = match self {
            Self::Profile(_) | Self::Version(_) => arn.resource.strip_prefix(PROFILES)?,
            Self::AliasedProfile(_) | Self::Alias(_) => return None,
        };
        let (name, version) = names.split_once('/').map_or((names, None), |(name, version)| (name, Some(version)));
        if !PROFILE_NAME_BYTES.contains(&name.len()) || !is_name(name, b"_") {
            let (min, max) = PROFILE_NAME_BYTES.into_inner();
            let expected = format_args!("{min} to {max} letters, digits and underscores");
            return Some(WrongPart::named("name of the profile", name, expected));
        }
        let version = version.filter(|version| version.len() != VERSION_BYTES || !is_name(version, b""))?;
        let expected = format_args!("{VERSION_BYTES} letters and digits");
        Some(WrongPart::named("version of the profile", version, expected))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn the_part_that_makes_an_arn_no_identity_is_named() {
        let resource = |found: &str| {
            format!(
                "found {found}, expected /signing-profiles/NAME, the same with /VERSION, /aliased-signing-profiles/ID or /aliases/NAME"
            )
        };
        let named = |found: &str| format!("found {found}, expected letters, digits, hyphens and underscores");
        let region = |found: &str| format!("found {found}, expected a name such as eu-central-1");
        for (text, expected) in [
            ("arn:aws:signer", format!("found 3 parts between colons, expected six, {FORMS}")),
            (
                "arn:aws_cn:signer:cn-north-1:111122223333:/signing-profiles/ci",
                "found the partition \"aws_cn\", expected a name such as aws".to_owned(),
            ),
            ("arn:aws:signer:*:111122223333:/signing-profiles/ci", region("the region \"*\"")),
            ("arn:aws:signer::111122223333:/signing-profiles/ci", region("no region")),
            ("arn:aws:signer:Frankfurt::/aliases/a", region("the region \"Frankfurt\"")),
            ("arn:aws:signer:::/aliased-signing-profiles/a", region("no region")),
            (
                "arn:aws:signer:eu-central-1:11112222333:/signing-profiles/ci",
                "found the account \"11112222333\", expected twelve digits".to_owned(),
            ),
            (
                "arn:aws:signer:eu-central-1::/signing-profiles/ci",
                "found no account, expected twelve digits".to_owned(),
            ),
            ("arn:aws:signer::1:/aliases/a", "found the account \"1\", expected twelve digits".to_owned()),
            (
                "arn:aws:signer:eu-central-1:111122223333:/aliased-signing-profiles/a",
                "found the account \"111122223333\", expected none in the ARN of an aliased signing profile".to_owned(),
            ),
            ("arn:aws:signer:eu-central-1:111122223333:/signing-jobs/a", resource("the resource \"/signing-jobs/a\"")),
            (
                "arn:aws:signer:eu-central-1:111122223333:signing-profiles/ci",
                resource("the resource \"signing-profiles/ci\""),
            ),
            ("arn:aws:signer:eu-central-1:111122223333:", resource("no resource")),
            ("arn:aws:signer:eu-central-1:111122223333:/signing-profiles/", named("no name of the profile")),
            ("arn:aws:signer:eu-central-1:111122223333:/signing-profiles/*", "found the name of the profile \"*\", expected letters, digits, hyphens and underscores: there are no patterns, each profile \
                 is listed"
                    .to_owned(),
            ),
            ("arn:aws:signer:eu-central-1:111122223333:/signing-profiles/ci/", named("no version of the profile")),
            (
                "arn:aws:signer:eu-central-1:111122223333:/signing-profiles/ci/v/w",
                named("the version of the profile \"v/w\""),
            ),
            ("arn:aws:signer:eu-central-1::/aliased-signing-profiles/", named("no ID of the profile")),
            (
                "arn:aws:signer:::/aliases/",
                "found no name of the alias, expected letters, digits, dots, hyphens and underscores".to_owned(),
            ),
        ] {
            let found = SignerIdentity::parse(text).unwrap().unwrap_err();
            assert_eq!(found.to_string(), expected, "{text}");
        }
        let long = format!("arn:aws:signer:eu-central-1:111122223333:/signing-profiles/{}", "a".repeat(2048));
        let found = SignerIdentity::parse(&long).unwrap().unwrap_err();
        assert_eq!(found.to_string(), "found 2107 bytes, expected at most 2048");
    }

    #[test]
    fn a_part_that_no_arn_of_aws_signer_has_is_named() {
        let impossible = |text: &str| {
            let part = SignerIdentity::parse(text).unwrap().unwrap().impossible_part();
            part.map(|part| part.to_string())
        };
        let profile = |partition: &str, region: &str, names: &str| {
            format!("arn:{partition}:signer:{region}:111122223333:/signing-profiles/{names}")
        };
        let name = |found: &str| Some(format!("found {found}, expected 2 to 64 letters, digits and underscores"));
        let version = |found: &str| Some(format!("found {found}, expected 10 letters and digits"));
        let (longest, longer) = ("p".repeat(64), "p".repeat(65));
        for (text, expected) in [
            (profile("aws", "eu-west-1", "ci"), None),
            (profile("aws-cn", "cn-north-1", "a1/abcDEF1234"), None),
            (profile("aws-us-gov", "us-gov-west-1", &longest), None),
            ("arn:aws:signer:::/aliases/com.example-release".to_owned(), None),
            ("arn:aws:signer:eu-west-1::/aliases/com.example.release".to_owned(), None),
            ("arn:aws:signer:eu-west-1::/aliased-signing-profiles/db4a39f3-f858".to_owned(), None),
            (
                profile("aws-cn", "eu-west-1", "ci"),
                Some("found the region eu-west-1, which is in the partition aws, expected a region of the partition aws-cn, or the partition aws".to_owned()),
            ),
            (
                profile("aws", "cn-north-1", "ci/abcDEF1234"),
                Some("found the region cn-north-1, which is in the partition aws-cn, expected a region of the partition aws, or the partition aws-cn".to_owned()),
            ),
            (
                "arn:aws:signer:us-gov-west-1::/aliases/a".to_owned(),
                Some("found the region us-gov-west-1, which is in the partition aws-us-gov, expected a region of the partition aws, or the partition aws-us-gov".to_owned()),
            ),
            (
                "arn:aws-cn:signer:eu-west-1::/aliased-signing-profiles/a".to_owned(),
                Some("found the region eu-west-1, which is in the partition aws, expected a region of the partition aws-cn, or the partition aws".to_owned()),
            ),
            (
                profile("awss", "eu-west-1", "ci"),
                Some("found the partition \"awss\", expected one that this version knows: aws, aws-cn, aws-us-gov, aws-eusc, aws-iso, aws-iso-b, aws-iso-e, aws-iso-f".to_owned()),
            ),
            (profile("aws", "eu-west-1", "ci-profile"), name("the name of the profile \"ci-profile\"")),
            (profile("aws", "eu-west-1", "c/abcDEF1234"), name("the name of the profile \"c\"")),
            (profile("aws", "eu-west-1", &longer), name(&format!("the name of the profile {longer:?}"))),
            (profile("aws", "eu-west-1", "ci/abcDEF123"), version("the version of the profile \"abcDEF123\"")),
            (profile("aws", "eu-west-1", "ci/abcDEF12345"), version("the version of the profile \"abcDEF12345\"")),
            (profile("aws", "eu-west-1", "ci/abcDEF-123"), version("the version of the profile \"abcDEF-123\"")),
        ] {
            assert_eq!(impossible(&text), expected, "{text}");
        }
    }
}
