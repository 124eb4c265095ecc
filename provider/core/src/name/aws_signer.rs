//! Names of AWS Signer's resources, as
//! [ARNs](https://docs.aws.amazon.com/signer/latest/developerguide/security-iam.html) in an envelope.

use std::fmt;

/// A version of a signing profile, `arn:{partition}:signer:{region}:{account}:/signing-profiles/{name}/{version}`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct SigningProfileVersion(String);

/// A signing job, `arn:{partition}:signer:{region}:{account}:/signing-jobs/{id}`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct SigningJob(String);

impl SigningProfileVersion {
    /// The part before the profile's name.
    pub const KIND: &str = "/signing-profiles/";

    /// Parses the ARN; returns `None` for any other text.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        is_arn(text, Self::KIND, 2).then(|| Self(text.to_owned()))
    }

    /// The whole ARN.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The ARN of the profile, of any version.
    #[must_use]
    pub fn profile(&self) -> &str {
        self.0.rsplit_once('/').map_or("", |(profile, _)| profile)
    }
}

impl SigningJob {
    /// The part before the job's identifier.
    pub const KIND: &str = "/signing-jobs/";

    /// Parses the ARN; returns `None` for any other text.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        is_arn(text, Self::KIND, 1).then(|| Self(text.to_owned()))
    }

    /// The whole ARN.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for SigningProfileVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for SigningJob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Whether `text` is the ARN of an AWS Signer resource with `parts` parts after `kind`.
fn is_arn(text: &str, kind: &str, parts: usize) -> bool {
    let Some(("arn", rest)) = text.split_once(':') else { return false };
    let mut fields = rest.splitn(5, ':');
    let [Some(partition), Some("signer"), Some(region), Some(account), Some(resource)] =
        std::array::from_fn(|_| fields.next())
    else {
        return false;
    };
    let inside =
        |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte));
    [partition, region, account].into_iter().all(inside)
        && resource
            .strip_prefix(kind)
            .is_some_and(|names| names.split('/').count() == parts && names.split('/').all(inside))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_arn_has_six_fields_and_the_parts_of_its_kind() {
        let arn = "arn:aws:signer:eu-central-1:111122223333:/signing-profiles/ci_profile/abcDEF1234";
        let version = SigningProfileVersion::parse(arn);
        assert_eq!(version.as_ref().map(SigningProfileVersion::as_str), Some(arn));
        let profile = "arn:aws:signer:eu-central-1:111122223333:/signing-profiles/ci_profile";
        assert_eq!(version.as_ref().map(SigningProfileVersion::profile), Some(profile));
        let job = "arn:aws-us-gov:signer:us-gov-west-1:1:/signing-jobs/0d8b-1";
        assert_eq!(SigningJob::parse(job).as_ref().map(SigningJob::as_str), Some(job));
        assert_eq!(SigningJob::parse(arn), None);
        for other in [
            "",
            "arn",
            "arn:aws:signer:eu-central-1:111122223333",
            "arn:aws:signer:eu-central-1:111122223333:",
            "arn:aws:signer:eu-central-1:111122223333:/signing-profiles/ci",
            "arn:aws:signer:eu-central-1:111122223333:/signing-profiles/ci/",
            "arn:aws:signer:eu-central-1:111122223333:/signing-profiles/ci/v/w",
            "arn:aws:signer:eu-central-1:111122223333:signing-profiles/ci/v",
            "arn:aws:signer::111122223333:/signing-profiles/ci/v",
            "arn:aws:s3:eu-central-1:111122223333:/signing-profiles/ci/v",
            "arn:aws:signer:eu-central-1:111122223333:/signing-profiles/c i/v",
            "ARN:aws:signer:eu-central-1:111122223333:/signing-profiles/ci/v",
            job,
        ] {
            assert_eq!(SigningProfileVersion::parse(other), None, "{other}");
        }
    }
}
