//! Regions.

use std::fmt;
use std::str::FromStr;

use super::partition::Partition;
use crate::codec::excerpt::Excerpt;

/// A region, such as `eu-central-1`. Its name decides its partition.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AwsRegion(String);

/// A text that is not the name of a region.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("AWS region: found {found:?}, expected a name such as eu-central-1")]
pub struct RegionError {
    found: Excerpt,
}

/// Longest name of a region, in bytes: today's have at most 18.
const MAX_BYTES: usize = 32;

impl AwsRegion {
    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The partition that it belongs to.
    #[must_use]
    pub fn partition(&self) -> Partition {
        let special = Partition::ALL.into_iter().filter(|partition| !partition.region_prefix().is_empty());
        special.into_iter().find(|partition| self.0.starts_with(partition.region_prefix())).unwrap_or(Partition::Aws)
    }
}

impl FromStr for AwsRegion {
    type Err = RegionError;

    /// Two to four letters, words of letters, and a number, separated by hyphens; in lower case.
    fn from_str(text: &str) -> Result<Self, RegionError> {
        let letters = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_lowercase());
        let number = |part: &str| (1..=2).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_digit());
        let is_region = text.len() <= MAX_BYTES
            && match text.split('-').collect::<Vec<_>>().as_slice() {
                [first, words @ .., last] => {
                    (2..=4).contains(&first.len())
                        && letters(first)
                        && !words.is_empty()
                        && words.iter().all(|word| letters(word))
                        && number(last)
                }
                _ => false,
            };
        if is_region { Ok(Self(text.to_owned())) } else { Err(RegionError { found: Excerpt::at_most(64, text) }) }
    }
}

impl fmt::Display for AwsRegion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn the_name_of_a_region_decides_its_partition() {
        for (region, partition) in [
            ("us-east-1", Partition::Aws),
            ("ap-southeast-7", Partition::Aws),
            ("mx-central-1", Partition::Aws),
            ("eu-central-12", Partition::Aws),
            ("cn-northwest-1", Partition::AwsCn),
            ("us-gov-west-1", Partition::AwsUsGov),
            ("eusc-de-east-1", Partition::AwsEusc),
            ("us-iso-east-1", Partition::AwsIso),
            ("us-isob-east-1", Partition::AwsIsoB),
            ("eu-isoe-west-1", Partition::AwsIsoE),
            ("us-isof-south-1", Partition::AwsIsoF),
        ] {
            assert_eq!(region.parse::<AwsRegion>().unwrap().partition(), partition, "{region}");
        }
    }

    #[test]
    fn other_texts_are_no_regions() {
        for text in [
            "",
            "eu",
            "eu-1",
            "eu-central",
            "eu-central-",
            "EU-central-1",
            "eu--1",
            "e-central-1",
            "europe-central-1",
            "eu-central-1.evil.example",
            "eu-central-123",
            "eu_central_1",
            "eu-central-1 ",
            "eu-aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa-1",
        ] {
            let error = text.parse::<AwsRegion>().unwrap_err();
            assert_eq!(error, RegionError { found: Excerpt::at_most(64, text) }, "{text}");
        }
        let error = "eu".parse::<AwsRegion>().unwrap_err().to_string();
        assert_eq!(error, "AWS region: found \"eu\", expected a name such as eu-central-1");
    }
}
