//! ARNs of IAM roles ([IAM identifiers](https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html)).

use std::fmt;
use std::str::FromStr;

use super::partition::Partition;
use crate::codec::excerpt::Excerpt;

/// A role, `arn:PARTITION:iam::ACCOUNT:role/[PATH/]NAME`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct RoleArn {
    arn: String,
    partition: Partition,
}

/// A text that is not the ARN of a role.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("ARN of an IAM role: found {found:?}, expected {}", RoleArn::FORM)]
pub struct RoleArnError {
    found: Excerpt,
}

/// Longest path and longest name of a role, in bytes, with the slashes of the path
/// ([CreateRole](https://docs.aws.amazon.com/IAM/latest/APIReference/API_CreateRole.html)).
const PATH_BYTES: usize = 512;
const NAME_BYTES: usize = 64;

impl RoleArn {
    /// The form, for messages.
    pub const FORM: &str = "arn:aws:iam::ACCOUNT:role/NAME, with the partition of the account and twelve digits";

    /// Longest ARN, in bytes
    /// ([AssumeRole](https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html)).
    pub const MAX_BYTES: usize = 2048;

    /// The whole ARN.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.arn
    }

    /// The partition.
    #[must_use]
    pub fn partition(&self) -> Partition {
        self.partition
    }
}

impl FromStr for RoleArn {
    type Err = RoleArnError;

    fn from_str(text: &str) -> Result<Self, RoleArnError> {
        let role = || RoleArnError { found: Excerpt::at_most(256, text) };
        let partition = partition_of_role(text).ok_or_else(role)?;
        Ok(Self { arn: text.to_owned(), partition })
    }
}

/// The partition in the ARN of a role.
fn partition_of_role(text: &str) -> Option<Partition> {
    if text.len() > RoleArn::MAX_BYTES {
        return None;
    }
    let mut fields = text.splitn(6, ':');
    let [Some("arn"), Some(partition), Some("iam"), Some(""), Some(account), Some(resource)] =
        std::array::from_fn(|_| fields.next())
    else {
        return None;
    };
    let is_account = account.len() == 12 && account.bytes().all(|byte| byte.is_ascii_digit());
    let path_and_name = resource.strip_prefix("role")?;
    let (before, name) = path_and_name.rsplit_once('/')?;
    // With the slash at its end.
    let path = path_and_name.get(..=before.len())?;
    let is_path = path.starts_with('/')
        && path.len() <= PATH_BYTES
        && path.bytes().all(|byte| byte.is_ascii_graphic())
        && !path.contains("//");
    let of_name = |byte: u8| byte.is_ascii_alphanumeric() || b"_+=,.@-".contains(&byte);
    let is_name = (1..=NAME_BYTES).contains(&name.len()) && name.bytes().all(of_name);
    Partition::named(partition).filter(|_| is_account && is_path && is_name)
}

impl fmt::Display for RoleArn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.arn)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn the_arn_of_a_role_has_its_partition() {
        let long = format!("arn:aws:iam::111122223333:role/{}", "r".repeat(64));
        for (arn, partition) in [
            ("arn:aws:iam::111122223333:role/pull", Partition::Aws),
            ("arn:aws-us-gov:iam::111122223333:role/team/images/pull", Partition::AwsUsGov),
            ("arn:aws-cn:iam::000000000000:role/A_b+c=d,e.f@g-1", Partition::AwsCn),
            (long.as_str(), Partition::Aws),
        ] {
            let role: RoleArn = arn.parse().unwrap();
            assert_eq!((role.partition(), role.as_str(), role.to_string()), (partition, arn, arn.to_owned()));
        }
    }

    #[test]
    fn other_texts_are_no_arns_of_roles() {
        let long_name = format!("arn:aws:iam::111122223333:role/{}", "r".repeat(65));
        let long_path = format!("arn:aws:iam::111122223333:role/{}/r", "p".repeat(511));
        for text in [
            "",
            "pull",
            "arn:aws:iam::111122223333:role/",
            "arn:aws:iam::111122223333:role",
            "arn:aws:iam::111122223333:roles/pull",
            "arn:aws:iam::111122223333:user/pull",
            "arn:aws:iam::111122223333:role/*",
            "arn:aws:iam::111122223333:role//pull",
            "arn:aws:iam::111122223333:role/pu ll",
            "arn:aws:iam::111122223333:role/pull\n",
            "arn:aws:iam:eu-west-1:111122223333:role/pull",
            "arn:aws:iam::11112222333:role/pull",
            "arn:aws:iam::1111222233334:role/pull",
            "arn:aws:iam::*:role/pull",
            "arn:aws-x:iam::111122223333:role/pull",
            "arn:aws:sts::111122223333:assumed-role/pull/session",
            "ARN:aws:iam::111122223333:role/pull",
            " arn:aws:iam::111122223333:role/pull",
            &long_name,
            &long_path,
        ] {
            let error = text.parse::<RoleArn>().unwrap_err();
            assert_eq!(error, RoleArnError { found: Excerpt::at_most(256, text) }, "{text}");
        }
        assert_eq!(
            "pull".parse::<RoleArn>().unwrap_err().to_string(),
            "ARN of an IAM role: found \"pull\", expected arn:aws:iam::ACCOUNT:role/NAME, with the partition of the account \
             and twelve digits"
        );
    }
}
