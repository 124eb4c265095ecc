//! The roots of AWS Signer whose fingerprints are known, and which of them may be above a signing profile.

use super::store::Store;
use crate::codec::hex::hex;
use crate::x509::Certificate;

/// What is known of a certificate that anchors signatures of AWS Signer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SignerRoot {
    /// The root of the commercial regions.
    Commercial,
    /// The root of GovCloud (US).
    GovCloud,
    /// None whose fingerprint is known.
    Unknown,
}

/// The SHA-256 of the certificates, in lower-case hexadecimal digits. Computed from those that AWS names in
/// [Setting up for container images](https://docs.aws.amazon.com/signer/latest/developerguide/image-signing-prerequisites.html).
const COMMERCIAL: &str = "90a87d0543c3f094dbff9589b6649affe2f3d6e0f308799be2258461c686473f";
const GOV_CLOUD: &str = "673653ab76f41a10546cdeb4107ecd6df2c15c2c9a0d32ed97d271b4436fc3e8";

/// The root of a chain, and those in the trust stores of its statement.
#[derive(Clone, Debug)]
pub struct RootsInUse {
    pub(super) of_chain: SignerRoot,
    pub(super) in_stores: Vec<SignerRoot>,
}

impl SignerRoot {
    /// What is known of a certificate.
    #[must_use]
    pub fn of_certificate(certificate: &Certificate) -> Self {
        Self::of(&hex(&certificate.fingerprint()).to_string())
    }

    /// By the SHA-256 of the certificate, in lower-case hexadecimal digits.
    #[must_use]
    pub fn of(fingerprint: &str) -> Self {
        match fingerprint {
            COMMERCIAL => Self::Commercial,
            GOV_CLOUD => Self::GovCloud,
            _ => Self::Unknown,
        }
    }

    /// The root of the partition with this name; `None` if it is not known.
    #[must_use]
    pub fn of_partition(partition: &str) -> Option<Self> {
        match partition {
            "aws" => Some(Self::Commercial),
            "aws-us-gov" => Some(Self::GovCloud),
            _ => None,
        }
    }

    /// The SHA-256 of the root of the partition with this name; `None` if it is not known.
    #[must_use]
    pub fn fingerprint_for(partition: &str) -> Option<&'static str> {
        match Self::of_partition(partition)? {
            Self::Commercial => Some(COMMERCIAL),
            Self::GovCloud => Some(GOV_CLOUD),
            Self::Unknown => None,
        }
    }

    /// Stable text.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Commercial => "commercial",
            Self::GovCloud => "govcloud",
            Self::Unknown => "unknown",
        }
    }

    /// For people.
    #[must_use]
    pub fn description(self) -> &'static str {
        match self {
            Self::Commercial => "the root of AWS Signer for commercial regions",
            Self::GovCloud => "the root of AWS Signer for GovCloud (US)",
            Self::Unknown => "not a root of AWS Signer whose fingerprint is known",
        }
    }

    /// The name of the partition; `None` for an unknown one.
    #[must_use]
    pub fn partition(self) -> Option<&'static str> {
        match self {
            Self::Commercial => Some("aws"),
            Self::GovCloud => Some("aws-us-gov"),
            Self::Unknown => None,
        }
    }
}

impl RootsInUse {
    /// The root of a chain, with those of `stores`.
    #[must_use]
    pub fn new(of_chain: &Certificate, stores: &[&Store]) -> Self {
        let certificates = stores.iter().flat_map(|store| store.certificates());
        let in_stores = certificates.map(SignerRoot::of_certificate).collect();
        Self { of_chain: SignerRoot::of_certificate(of_chain), in_stores }
    }

    /// The root that signatures of profiles of the partition must have, if the chain has another one. Whoever has a certificate of
    /// another authority of the same statement could claim a profile otherwise: it is an attribute of the envelope, and
    /// certificates do not name it. Where the root of the partition is not known, or not in the stores (a root of one's own), every
    /// root that is not that of another partition may be above a profile.
    pub(super) fn missing_for(&self, partition: &str) -> Option<SignerRoot> {
        let expected = SignerRoot::of_partition(partition)?;
        let is_missing = match self.of_chain {
            root @ (SignerRoot::Commercial | SignerRoot::GovCloud) => root != expected,
            SignerRoot::Unknown => self.in_stores.contains(&expected),
        };
        is_missing.then_some(expected)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_profile_is_under_the_root_of_its_partition_if_that_is_known_and_in_the_stores() {
        use SignerRoot::Commercial;
        use SignerRoot::GovCloud;
        use SignerRoot::Unknown;
        for (partition, of_chain, in_stores, missing) in [
            ("aws", Commercial, &[Commercial][..], None),
            ("aws", Commercial, &[Commercial, GovCloud, Unknown], None),
            // An intermediate certificate of AWS is in the store.
            ("aws", Commercial, &[Unknown], None),
            ("aws", Unknown, &[Commercial, Unknown], Some(Commercial)),
            ("aws", Unknown, &[GovCloud, Unknown], None),
            ("aws", Unknown, &[Unknown], None),
            ("aws", GovCloud, &[GovCloud, Commercial], Some(Commercial)),
            ("aws", GovCloud, &[GovCloud], Some(Commercial)),
            ("aws-us-gov", GovCloud, &[GovCloud], None),
            ("aws-us-gov", Unknown, &[Unknown, GovCloud], Some(GovCloud)),
            ("aws-us-gov", Commercial, &[Commercial], Some(GovCloud)),
            ("aws-cn", Unknown, &[Commercial, Unknown], None),
            ("aws-cn", Commercial, &[Commercial], None),
        ] {
            let roots = RootsInUse { of_chain, in_stores: in_stores.to_vec() };
            assert_eq!(roots.missing_for(partition), missing, "{partition} {of_chain:?} {in_stores:?}");
        }
    }
}
