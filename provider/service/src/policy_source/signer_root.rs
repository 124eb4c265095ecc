//! The roots of AWS Signer whose fingerprints are known.

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

impl SignerRoot {
    /// By the SHA-256 of the certificate, in lower-case hexadecimal digits.
    #[must_use]
    pub fn of(fingerprint: &str) -> Self {
        match fingerprint {
            COMMERCIAL => Self::Commercial,
            GOV_CLOUD => Self::GovCloud,
            _ => Self::Unknown,
        }
    }

    /// The SHA-256 of the root of the partition with this name; `None` if it is not known.
    #[must_use]
    pub fn fingerprint_for(partition: &str) -> Option<&'static str> {
        match partition {
            "aws" => Some(COMMERCIAL),
            "aws-us-gov" => Some(GOV_CLOUD),
            _ => None,
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
