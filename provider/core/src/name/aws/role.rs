//! ARNs of IAM roles ([IAM identifiers](https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html)).

use std::fmt;
use std::str::FromStr;

use super::partition::Partition;
use super::wrong_part::ArnFields;
use super::wrong_part::WrongPart;
use super::wrong_part::account;

/// A role, `arn:PARTITION:iam::ACCOUNT:role/[PATH/]NAME`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct RoleArn {
    arn: String,
    partition: Partition,
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
    type Err = WrongPart;

    fn from_str(text: &str) -> Result<Self, WrongPart> {
        let fields = ArnFields::of(text, Self::MAX_BYTES, Self::FORM)?;
        let partition = fields.known_partition()?;
        if fields.service != "iam" {
            let expected = "iam, as in the ARN of the role itself and not of a session";
            return Err(WrongPart::named("service", fields.service, expected));
        }
        if !fields.region.is_empty() {
            return Err(WrongPart::named("region", fields.region, "none, as roles belong to no region"));
        }
        account(fields.account)?;
        resource(fields.resource)?;
        Ok(Self { arn: text.to_owned(), partition })
    }
}

/// `role/[PATH/]NAME`.
fn resource(text: &str) -> Result<(), WrongPart> {
    let path_and_name = text.strip_prefix("role").filter(|rest| rest.starts_with('/'));
    let Some((before, name)) = path_and_name.and_then(|rest| rest.rsplit_once('/')) else {
        return Err(WrongPart::named("resource", text, "role/NAME or role/PATH/NAME"));
    };
    // With the slashes around it, which are one without a path.
    let path_bytes = before.len() + 1;
    let is_path = path_bytes <= PATH_BYTES
        && before.bytes().all(|byte| byte.is_ascii_graphic())
        && !before.contains("//")
        && !before.ends_with('/');
    if !is_path {
        let expected = format_args!("at most {PATH_BYTES} visible ASCII characters, without two slashes in a row");
        return Err(WrongPart::named("path of the role", before, expected));
    }
    let of_name = |byte: u8| byte.is_ascii_alphanumeric() || b"_+=,.@-".contains(&byte);
    if !(1..=NAME_BYTES).contains(&name.len()) || !name.bytes().all(of_name) {
        let expected = format_args!("1 to {NAME_BYTES} letters, digits or characters of _+=,.@-");
        return Err(WrongPart::named("name of the role", name, expected));
    }
    Ok(())
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
    fn the_part_of_another_text_that_does_not_fit_is_named() {
        let long_name = format!("arn:aws:iam::111122223333:role/{}", "r".repeat(65));
        let long_path = format!("arn:aws:iam::111122223333:role/{}/r", "p".repeat(511));
        let long = format!("arn:aws:iam::111122223333:role/{}", "r".repeat(2048));
        let other = |found: &str| {
            format!(
                "found {found:?}, expected arn:aws:iam::ACCOUNT:role/NAME, with the partition of the account and twelve digits"
            )
        };
        let name = |found: &str| format!("found {found}, expected 1 to 64 letters, digits or characters of _+=,.@-");
        let path = |found: &str| {
            format!("found {found}, expected at most 512 visible ASCII characters, without two slashes in a row")
        };
        let resource = |found: &str| format!("found the resource {found}, expected role/NAME or role/PATH/NAME");
        let account = |found: &str| format!("found {found}, expected twelve digits");
        for (text, expected) in [
            ("", other("")),
            ("pull", other("pull")),
            ("ARN:aws:iam::111122223333:role/pull", other("ARN:aws:iam::111122223333:role/pull")),
            (" arn:aws:iam::111122223333:role/pull", other(" arn:aws:iam::111122223333:role/pull")),
            (
                "arn:aws:iam:111122223333:role/pull",
                "found 5 parts between colons, expected six, arn:aws:iam::ACCOUNT:role/NAME, with the partition of the account and \
                 twelve digits"
                    .to_owned(),
            ),
            (
                "arn:aws-x:iam::111122223333:role/pull",
                "found the partition \"aws-x\", expected one of aws, aws-cn, aws-us-gov, aws-eusc, aws-iso, aws-iso-b, aws-iso-e, aws-iso-f"
                    .to_owned(),
            ),
            (
                "arn:aws:sts::111122223333:assumed-role/pull/session",
                "found the service \"sts\", expected iam, as in the ARN of the role itself and not of a session".to_owned(),
            ),
            (
                "arn:aws:iam:eu-west-1:111122223333:role/pull",
                "found the region \"eu-west-1\", expected none, as roles belong to no region".to_owned(),
            ),
            ("arn:aws:iam:::role/pull", account("no account")),
            ("arn:aws:iam::11112222333:role/pull", account("the account \"11112222333\"")),
            ("arn:aws:iam::1111222233334:role/pull", account("the account \"1111222233334\"")),
            ("arn:aws:iam::1111-2222-3333:role/pull", account("the account \"1111-2222-3333\"")),
            ("arn:aws:iam::*:role/pull", account("the account \"*\"")),
            ("arn:aws:iam::111122223333:", "found no resource, expected role/NAME or role/PATH/NAME".to_owned()),
            ("arn:aws:iam::111122223333:role", resource("\"role\"")),
            ("arn:aws:iam::111122223333:roles/pull", resource("\"roles/pull\"")),
            ("arn:aws:iam::111122223333:user/pull", resource("\"user/pull\"")),
            ("arn:aws:iam::111122223333:role/", name("no name of the role")),
            ("arn:aws:iam::111122223333:role/*", name("the name of the role \"*\"")),
            ("arn:aws:iam::111122223333:role/pu ll", name("the name of the role \"pu ll\"")),
            ("arn:aws:iam::111122223333:role/pull\n", name("the name of the role \"pull\\u{a}\"")),
            (&long_name, name(&format!("the name of the role \"{}\"", "r".repeat(65)))),
            ("arn:aws:iam::111122223333:role//pull", path("the path of the role \"/\"")),
            ("arn:aws:iam::111122223333:role/a//pull", path("the path of the role \"/a/\"")),
            ("arn:aws:iam::111122223333:role/a b/pull", path("the path of the role \"/a b\"")),
            (&long_path, path(&format!("the path of the role \"/{}…\"", "p".repeat(78)))),
            (&long, "found 2079 bytes, expected at most 2048".to_owned()),
        ] {
            assert_eq!(text.parse::<RoleArn>().unwrap_err().to_string(), expected, "{text}");
        }
    }
    #[test]
    fn a_message_about_a_part_has_the_whole_text_once() {
        let within = |text: &str| text.parse::<RoleArn>().unwrap_err().within(text);
        assert_eq!(
            within("pull").as_str(),
            "found \"pull\", expected arn:aws:iam::ACCOUNT:role/NAME, with the partition of the account and twelve digits"
        );
        assert_eq!(
            within("arn:aws:iam::1:role/pull").as_str(),
            "found the account \"1\" in \"arn:aws:iam::1:role/pull\", expected twelve digits"
        );
    }
}
