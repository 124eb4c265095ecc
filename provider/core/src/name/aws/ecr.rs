//! Hosts of Amazon's registries
//! ([registries](https://docs.aws.amazon.com/AmazonECR/latest/userguide/Registries.html), [dual-stack
//! names](https://docs.aws.amazon.com/AmazonECR/latest/userguide/ecr-requests.html)). Credentials of AWS are sent to no
//! other hosts, so the whole name must fit.

mod near_host;

use super::partition::Partition;
use super::region::AwsRegion;
use super::wrong_part::is_account;
use crate::name::Host;
use crate::name::HostName;

/// A host of Amazon ECR.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EcrHost {
    /// A private registry.
    Private(EcrRegistry),
    /// Amazon ECR Public.
    Public,
}

/// The private registry of an account in a region.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EcrRegistry {
    account: String,
    region: AwsRegion,
    fips: bool,
}

/// The names of Amazon ECR Public, the second one with IPv6.
const PUBLIC: [&str; 2] = ["public.ecr.aws", "ecr-public.aws.com"];

impl EcrHost {
    /// The registry at `host`; `None` if it is not Amazon's. Another port than 443 is not.
    #[must_use]
    pub fn of(host: &Host) -> Option<Self> {
        let HostName::Dns(name) = host.name() else { return None };
        if host.port() == 443 { Self::of_name(name) } else { None }
    }

    fn of_name(name: &str) -> Option<Self> {
        if PUBLIC.contains(&name) {
            return Some(Self::Public);
        }
        EcrRegistry::named(name).map(Self::Private)
    }

    /// The partition: Amazon ECR Public is one of the commercial partition.
    #[must_use]
    pub fn partition(&self) -> Partition {
        match self {
            Self::Private(registry) => registry.partition(),
            Self::Public => Partition::Aws,
        }
    }
}

impl EcrRegistry {
    /// `ACCOUNT.dkr.ecr[-fips].REGION.SUFFIX`, or `dkr-ecr` in place of `dkr.ecr`.
    fn named(name: &str) -> Option<Self> {
        let (account, rest) = name.split_once('.')?;
        let rest = rest.strip_prefix("dkr.ecr").or_else(|| rest.strip_prefix("dkr-ecr"))?;
        let (fips, rest) = rest.strip_prefix("-fips").map_or((false, rest), |rest| (true, rest));
        let (region, suffix) = rest.strip_prefix('.')?.split_once('.')?;
        let region: AwsRegion = region.parse().ok()?;
        let fits = is_account(account) && region.partition().registry_suffixes().contains(&suffix);
        fits.then(|| Self { account: account.to_owned(), region, fips })
    }

    /// The twelve digits of the account.
    #[must_use]
    pub fn account(&self) -> &str {
        &self.account
    }

    /// The region.
    #[must_use]
    pub fn region(&self) -> &AwsRegion {
        &self.region
    }

    /// The partition.
    #[must_use]
    pub fn partition(&self) -> Partition {
        self.region.partition()
    }

    /// Whether the name is that of an endpoint with FIPS 140 cryptography.
    #[must_use]
    pub fn is_fips(&self) -> bool {
        self.fips
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn of(host: &str) -> Option<EcrHost> {
        EcrHost::of(&host.parse().unwrap())
    }

    #[test]
    fn every_form_of_a_host_has_its_account_region_and_partition() {
        for (host, region, partition, fips) in [
            ("111122223333.dkr.ecr.eu-central-1.amazonaws.com", "eu-central-1", Partition::Aws, false),
            ("111122223333.DKR.ecr.eu-central-1.amazonaws.com:443", "eu-central-1", Partition::Aws, false),
            ("111122223333.dkr.ecr-fips.us-east-1.amazonaws.com", "us-east-1", Partition::Aws, true),
            ("111122223333.dkr-ecr.eu-west-1.on.aws", "eu-west-1", Partition::Aws, false),
            ("111122223333.dkr-ecr-fips.us-gov-west-1.on.aws", "us-gov-west-1", Partition::AwsUsGov, true),
            ("111122223333.dkr.ecr.us-gov-east-1.amazonaws.com", "us-gov-east-1", Partition::AwsUsGov, false),
            ("111122223333.dkr.ecr.cn-north-1.amazonaws.com.cn", "cn-north-1", Partition::AwsCn, false),
            ("111122223333.dkr-ecr.cn-north-1.on.amazonwebservices.com.cn", "cn-north-1", Partition::AwsCn, false),
            ("111122223333.dkr.ecr.eusc-de-east-1.amazonaws.eu", "eusc-de-east-1", Partition::AwsEusc, false),
            ("111122223333.dkr.ecr.us-iso-east-1.c2s.ic.gov", "us-iso-east-1", Partition::AwsIso, false),
            ("111122223333.dkr.ecr.us-isob-east-1.sc2s.sgov.gov", "us-isob-east-1", Partition::AwsIsoB, false),
            ("111122223333.dkr.ecr.eu-isoe-west-1.cloud.adc-e.uk", "eu-isoe-west-1", Partition::AwsIsoE, false),
            ("111122223333.dkr.ecr.us-isof-south-1.csp.hci.ic.gov", "us-isof-south-1", Partition::AwsIsoF, false),
        ] {
            let Some(EcrHost::Private(registry)) = of(host) else { panic!("{host}") };
            assert_eq!(registry.account(), "111122223333", "{host}");
            assert_eq!((registry.region().as_str(), registry.partition()), (region, partition), "{host}");
            assert_eq!(registry.is_fips(), fips, "{host}");
        }
        assert_eq!(of("public.ecr.aws"), Some(EcrHost::Public));
        assert_eq!(of("ecr-public.aws.com"), Some(EcrHost::Public));
    }

    #[test]
    fn a_host_that_only_looks_like_amazon_is_none_of_its_registries() {
        for host in [
            "111122223333.dkr.ecr.eu-central-1.amazonaws.com.evil.example",
            "111122223333.dkr.ecr.eu-central-1.evil.example",
            "a.b.c.us-east-1.evil.example",
            "evil.111122223333.dkr.ecr.eu-central-1.amazonaws.com",
            "111122223333.dkr.ecr.eu-central-1.amazonaws.com:8443",
            "11112222333.dkr.ecr.eu-central-1.amazonaws.com",
            "1111222233334.dkr.ecr.eu-central-1.amazonaws.com",
            "a11122223333.dkr.ecr.eu-central-1.amazonaws.com",
            "111122223333.dkr.ecr.cn-north-1.amazonaws.com",
            "111122223333.dkr.ecr.eu-central-1.amazonaws.com.cn",
            "111122223333.dkr.ecr.us-gov-west-1.amazonaws.com.cn",
            "111122223333.dkr.ecr.us-iso-east-1.amazonaws.com",
            "111122223333.dkr.ecr.amazonaws.com",
            "111122223333.dkr.ecrx.eu-central-1.amazonaws.com",
            "111122223333.ecr.eu-central-1.amazonaws.com",
            "dkr.ecr.eu-central-1.amazonaws.com",
            "x.public.ecr.aws",
            "public.ecr.aws.evil.example",
            "docker.io",
            "127.0.0.1",
        ] {
            assert_eq!(of(host), None, "{host}");
        }
    }
}
