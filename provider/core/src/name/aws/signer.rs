//! Names of AWS Signer's resources, as [ARNs](https://docs.aws.amazon.com/signer/latest/developerguide/security-iam.html)
//! in an envelope and among the trusted identities of a statement.

mod identity;
mod near_miss;

pub use identity::SignerIdentity;
pub use near_miss::SignerNearMiss;

use std::fmt;

use super::partition::Partition;
use super::region::AwsRegion;
use super::wrong_part::ArnFields;
use super::wrong_part::is_account;

/// A version of a signing profile, `arn:PARTITION:signer:REGION:ACCOUNT:/signing-profiles/NAME/VERSION`; or a profile that
/// can be used under an alias only, `arn:PARTITION:signer:REGION::/aliased-signing-profiles/ID`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct SigningProfileVersion {
    arn: String,
    region: AwsRegion,
    is_aliased: bool,
}

/// A signing job, `arn:PARTITION:signer:REGION:ACCOUNT:/signing-jobs/ID`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct SigningJob(String);

/// An alias of signing profiles, `arn:PARTITION:signer:[REGION]:[ACCOUNT]:/aliases/NAME`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct SigningProfileAlias(String);

/// The kinds of resources.
const PROFILES: &str = "/signing-profiles/";
const ALIASED_PROFILES: &str = "/aliased-signing-profiles/";
const ALIASES: &str = "/aliases/";
const JOBS: &str = "/signing-jobs/";

/// Longest ARN that the service accepts, in bytes
/// ([GetRevocationStatus](https://docs.aws.amazon.com/signer/latest/api/API_GetRevocationStatus.html)).
const ARN_BYTES: usize = 2048;

impl SigningProfileVersion {
    /// The form, for messages.
    pub const FORM: &str = "arn:aws:signer:REGION:ACCOUNT:/signing-profiles/NAME/VERSION";

    /// Parses the ARN; returns `None` for any other text.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let parts = Arn::parse(text)?;
        let region: AwsRegion = parts.region.parse().ok()?;
        let is_version = parts.has_account() && parts.names(PROFILES).is_some_and(|names| names.len() == 2);
        let is_aliased =
            parts.account.is_empty() && parts.names(ALIASED_PROFILES).is_some_and(|names| names.len() == 1);
        (is_version || is_aliased).then(|| Self { arn: text.to_owned(), region, is_aliased })
    }

    /// The whole ARN.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.arn
    }

    /// The ARN of the profile, of any version.
    #[must_use]
    pub fn profile(&self) -> &str {
        if self.is_aliased { &self.arn } else { self.arn.rsplit_once('/').map_or("", |(profile, _)| profile) }
    }

    /// The account of the profile; `None` for an aliased signing profile, which has none.
    #[must_use]
    pub fn account(&self) -> Option<&str> {
        self.arn.split(':').nth(4).filter(|account| !account.is_empty())
    }

    /// The partition that the ARN names; `None` if this version does not know it.
    #[must_use]
    pub fn partition(&self) -> Option<Partition> {
        Partition::named(self.partition_name()).filter(|partition| *partition == self.region.partition())
    }

    /// The partition as the ARN names it.
    #[must_use]
    pub fn partition_name(&self) -> &str {
        self.arn.split(':').nth(1).unwrap_or_default()
    }

    /// The region.
    #[must_use]
    pub fn region(&self) -> &AwsRegion {
        &self.region
    }
}

impl SigningJob {
    /// The form, for messages.
    pub const FORM: &str = "arn:aws:signer:REGION:ACCOUNT:/signing-jobs/ID";

    /// Parses the ARN; returns `None` for any other text.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let parts = Arn::parse(text)?;
        let is_job =
            parts.has_region() && parts.has_account() && parts.names(JOBS).is_some_and(|names| names.len() == 1);
        is_job.then(|| Self(text.to_owned()))
    }

    /// The whole ARN.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl SigningProfileAlias {
    /// The form, for messages.
    pub const FORM: &str = "arn:aws:signer:::/aliases/NAME";

    /// Parses the ARN; returns `None` for any other text.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Arn::parse(text)?.is_alias().then(|| Self(text.to_owned()))
    }

    /// The partition as the ARN names it.
    #[must_use]
    pub fn partition_name(&self) -> &str {
        self.0.split(':').nth(1).unwrap_or_default()
    }

    /// The whole ARN.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for SigningProfileVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.arn)
    }
}

impl fmt::Display for SigningJob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for SigningProfileAlias {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The fields of an ARN of AWS Signer, after its partition.
struct Arn<'a> {
    region: &'a str,
    account: &'a str,
    resource: &'a str,
}

impl<'a> Arn<'a> {
    fn parse(text: &'a str) -> Option<Self> {
        let ArnFields { partition, service, region, account, resource } = ArnFields::of(text, ARN_BYTES, "").ok()?;
        (service == "signer" && is_name(partition, b"-")).then_some(Self { region, account, resource })
    }

    fn has_region(&self) -> bool {
        self.region.parse::<AwsRegion>().is_ok()
    }

    fn has_account(&self) -> bool {
        is_account(self.account)
    }

    fn is_alias(&self) -> bool {
        let name = self.resource.strip_prefix(ALIASES);
        name.is_some_and(|name| is_name(name, b"-_."))
            && (self.region.is_empty() || self.has_region())
            && (self.account.is_empty() || self.has_account())
    }

    /// The names after the kind of the resource.
    fn names(&self, kind: &str) -> Option<Vec<&'a str>> {
        let names: Vec<&str> = self.resource.strip_prefix(kind)?.split('/').collect();
        names.iter().all(|name| is_name(name, b"-_")).then_some(names)
    }
}

/// Letters, digits and `others`, at least one.
fn is_name(text: &str, others: &[u8]) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || others.contains(&byte))
}

#[cfg(test)]
mod tests;
