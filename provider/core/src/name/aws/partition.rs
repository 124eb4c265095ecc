//! Partitions: groups of regions with accounts, identities and services of their own
//! ([AWS partitions](https://docs.aws.amazon.com/whitepapers/latest/aws-fault-isolation-boundaries/partitions.html)).

use std::fmt;

/// A partition. No credential and no resource of one partition is known in another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Partition {
    /// The commercial regions.
    Aws,
    /// China.
    AwsCn,
    /// GovCloud (US).
    AwsUsGov,
    /// The European Sovereign Cloud.
    AwsEusc,
    /// Isolated regions (US).
    AwsIso,
    /// Isolated regions (US).
    AwsIsoB,
    /// Isolated regions (Europe).
    AwsIsoE,
    /// Isolated regions (US).
    AwsIsoF,
}

impl Partition {
    /// Every partition.
    pub const ALL: [Self; 8] = [
        Self::Aws,
        Self::AwsCn,
        Self::AwsUsGov,
        Self::AwsEusc,
        Self::AwsIso,
        Self::AwsIsoB,
        Self::AwsIsoE,
        Self::AwsIsoF,
    ];

    /// The name, as it is in ARNs.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Aws => "aws",
            Self::AwsCn => "aws-cn",
            Self::AwsUsGov => "aws-us-gov",
            Self::AwsEusc => "aws-eusc",
            Self::AwsIso => "aws-iso",
            Self::AwsIsoB => "aws-iso-b",
            Self::AwsIsoE => "aws-iso-e",
            Self::AwsIsoF => "aws-iso-f",
        }
    }

    /// The partition of this name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|partition| partition.as_str() == name)
    }

    /// The beginning of its regions' names; empty for the commercial partition, which has all others.
    pub(super) fn region_prefix(self) -> &'static str {
        match self {
            Self::Aws => "",
            Self::AwsCn => "cn-",
            Self::AwsUsGov => "us-gov-",
            Self::AwsEusc => "eusc-",
            Self::AwsIso => "us-iso-",
            Self::AwsIsoB => "us-isob-",
            Self::AwsIsoE => "eu-isoe-",
            Self::AwsIsoF => "us-isof-",
        }
    }

    /// The end of the names of its APIs, without the leading dot.
    #[must_use]
    pub fn api_suffix(self) -> &'static str {
        match self {
            Self::Aws | Self::AwsUsGov => "amazonaws.com",
            Self::AwsCn => "amazonaws.com.cn",
            Self::AwsEusc => "amazonaws.eu",
            Self::AwsIso => "c2s.ic.gov",
            Self::AwsIsoB => "sc2s.sgov.gov",
            Self::AwsIsoE => "cloud.adc-e.uk",
            Self::AwsIsoF => "csp.hci.ic.gov",
        }
    }

    /// The end of the names of its APIs that have addresses of IPv4 and IPv6, without the leading dot; `None` where there are none.
    #[must_use]
    pub fn dual_stack_api_suffix(self) -> Option<&'static str> {
        match self {
            Self::Aws | Self::AwsUsGov => Some("api.aws"),
            Self::AwsCn => Some("api.amazonwebservices.com.cn"),
            Self::AwsEusc | Self::AwsIso | Self::AwsIsoB | Self::AwsIsoE | Self::AwsIsoF => None,
        }
    }

    /// The ends of the names of its registries, without the leading dot.
    pub(super) fn registry_suffixes(self) -> &'static [&'static str] {
        match self {
            Self::Aws | Self::AwsUsGov => &["amazonaws.com", "on.aws"],
            Self::AwsCn => &["amazonaws.com.cn", "on.amazonwebservices.com.cn"],
            Self::AwsEusc => &["amazonaws.eu"],
            Self::AwsIso => &["c2s.ic.gov"],
            Self::AwsIsoB => &["sc2s.sgov.gov"],
            Self::AwsIsoE => &["cloud.adc-e.uk"],
            Self::AwsIsoF => &["csp.hci.ic.gov"],
        }
    }
}

impl fmt::Display for Partition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
