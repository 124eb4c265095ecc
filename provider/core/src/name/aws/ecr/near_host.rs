//! Hosts that are almost one of Amazon ECR, and which part is not. For messages only: nothing here makes a host one of Amazon ECR.

use super::EcrHost;
use crate::name::Host;
use crate::name::HostName;
use crate::name::aws::partition::Partition;
use crate::name::aws::wrong_part::WrongPart;
use crate::name::aws::wrong_part::account;
use crate::name::aws::wrong_part::region;

/// The labels between account and region.
const SERVICES: [&str; 4] = ["dkr.ecr", "dkr.ecr-fips", "dkr-ecr", "dkr-ecr-fips"];

impl EcrHost {
    /// The first part of `host` that is not that of a registry of Amazon. `None` if it is one, and if it has too little in common
    /// with one.
    #[must_use]
    pub fn wrong_part(host: &Host) -> Option<WrongPart> {
        let HostName::Dns(name) = host.name() else { return None };
        let is_registry = Self::of_name(name).is_some();
        if !is_registry && !is_near(name) {
            return None;
        }
        if host.port() != 443 {
            return Some(WrongPart::named("port", &host.port().to_string(), "none, or 443"));
        }
        if is_registry { None } else { of_private(name).err() }
    }
}

/// Whether a name has what others have not: the domain of AWS, or the label of the service.
fn is_near(name: &str) -> bool {
    let in_domain = |suffix: &&str| name.strip_suffix(*suffix).is_some_and(|rest| rest.ends_with('.'));
    let has_service =
        name.split('.').any(|label| label == "ecr" || label == "ecr-fips" || label.starts_with("dkr-ecr"));
    has_service || Partition::ALL.into_iter().flat_map(Partition::registry_suffixes).any(in_domain)
}

/// `ACCOUNT.dkr.ecr[-fips].REGION.SUFFIX`, part by part.
fn of_private(name: &str) -> Result<(), WrongPart> {
    let (number, rest) = name.split_once('.').unwrap_or((name, ""));
    account(number)?;
    let after = |service: &str| rest.strip_prefix(service)?.strip_prefix('.');
    let Some(rest) = SERVICES.into_iter().find_map(after) else {
        // Two labels, as most forms have.
        let end = rest.match_indices('.').nth(1).map_or(rest.len(), |(end, _)| end);
        let expected = format_args!("one of {}", SERVICES.join(", "));
        return Err(WrongPart::named("service", rest.get(..end).unwrap_or(rest), expected));
    };
    let (name, suffix) = rest.split_once('.').unwrap_or((rest, ""));
    let region = region(name)?;
    let suffixes = region.partition().registry_suffixes();
    if suffixes.contains(&suffix) {
        return Ok(());
    }
    let expected = format_args!("{}, as {region} is in the partition {}", suffixes.join(" or "), region.partition());
    Err(WrongPart::named("domain", suffix, expected))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn wrong(host: &str) -> Option<String> {
        EcrHost::wrong_part(&host.parse().unwrap()).map(|part| part.to_string())
    }

    #[test]
    fn the_part_that_is_not_that_of_a_registry_of_amazon_is_named() {
        let account = |found: &str| format!("found {found}, expected twelve digits");
        let service = |found: &str| {
            format!("found the service {found:?}, expected one of dkr.ecr, dkr.ecr-fips, dkr-ecr, dkr-ecr-fips")
        };
        let region = |found: &str| format!("found the region {found:?}, expected a name such as eu-central-1");
        let commercial = |found: &str, region: &str, partition: &str| {
            format!("found {found}, expected amazonaws.com or on.aws, as {region} is in the partition {partition}")
        };
        for (host, expected) in [
            ("11112222333.dkr.ecr.eu-central-1.amazonaws.com", account("the account \"11112222333\"")),
            ("1111-2222-3333.dkr.ecr.eu-central-1.amazonaws.com", account("the account \"1111-2222-3333\"")),
            ("dkr.ecr.eu-central-1.amazonaws.com", account("the account \"dkr\"")),
            ("shop.example.111122223333.dkr.ecr.eu-central-1.amazonaws.com", account("the account \"shop\"")),
            ("111122223333.ecr.eu-central-1.amazonaws.com", service("ecr.eu-central-1")),
            ("111122223333.dkr.ecs.eu-central-1.amazonaws.com", service("dkr.ecs")),
            ("111122223333.dkr.ecrx.eu-central-1.amazonaws.com", service("dkr.ecrx")),
            ("111122223333.amazonaws.com", service("amazonaws.com")),
            ("111122223333.dkr.ecr.amazonaws.com", region("amazonaws")),
            ("111122223333.dkr.ecr.frankfurt.amazonaws.com", region("frankfurt")),
            ("111122223333.dkr-ecr-fips.eu.on.aws", region("eu")),
            (
                "111122223333.dkr.ecr.eu-central-1.amazon.com",
                commercial("the domain \"amazon.com\"", "eu-central-1", "aws"),
            ),
            (
                "111122223333.dkr.ecr.eu-central-1.amazonaws.com.evil.example",
                commercial("the domain \"amazonaws.com.evil.example\"", "eu-central-1", "aws"),
            ),
            ("111122223333.dkr.ecr.us-gov-west-1", commercial("no domain", "us-gov-west-1", "aws-us-gov")),
            (
                "111122223333.dkr.ecr.cn-north-1.amazonaws.com",
                "found the domain \"amazonaws.com\", expected amazonaws.com.cn or on.amazonwebservices.com.cn, as cn-north-1 is in \
                 the partition aws-cn"
                    .to_owned(),
            ),
            (
                "111122223333.dkr.ecr.eu-central-1.amazonaws.com:8443",
                "found the port \"8443\", expected none, or 443".to_owned(),
            ),
        ] {
            assert_eq!(wrong(host), Some(expected), "{host}");
        }
    }

    #[test]
    fn registries_of_amazon_and_of_others_have_no_such_part() {
        for host in [
            "111122223333.dkr.ecr.eu-central-1.amazonaws.com",
            "111122223333.dkr-ecr.cn-north-1.on.amazonwebservices.com.cn:443",
            "public.ecr.aws:443",
            "docker.io",
            "registry.example:5000",
            "amazonaws.com.evil.example",
            "127.0.0.1",
        ] {
            assert_eq!(wrong(host), None, "{host}");
        }
    }
}
