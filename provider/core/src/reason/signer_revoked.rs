//! What AWS Signer has revoked.

/// The cases of [`Code::Revoked`](super::Code::Revoked) for a signature of AWS Signer, each with a remedy of its own. Of several
/// revocations, the first in this order decides what to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SignerRevoked {
    /// The version of the signing profile, with which no more signatures are made.
    ProfileVersion,
    /// A certificate of the chain.
    Certificate,
    /// The signing job, which made this signature only.
    Job,
    /// Something that the service names in another way.
    Other,
}

impl SignerRevoked {
    /// Every case.
    pub const ALL: [Self; 4] = [Self::ProfileVersion, Self::Certificate, Self::Job, Self::Other];

    /// The remediation, as one sentence without a full stop.
    #[must_use]
    pub fn advice(self) -> &'static str {
        match self {
            Self::ProfileVersion => {
                "sign the image again with an active version of a trusted signing profile; AWS does not take the revocation of this \
                 version back"
            }
            Self::Certificate => {
                "sign the image again with AWS Signer, which then uses another certificate; a revoked certificate stays revoked"
            }
            Self::Job => {
                "sign the image again with an active version of a trusted signing profile, which makes a new signing job; unless the \
                 job was revoked because of this image"
            }
            Self::Other => "sign the image again with an active version of a trusted signing profile",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_case_has_a_remedy_of_its_own() {
        let remedies: std::collections::BTreeSet<_> =
            SignerRevoked::ALL.map(SignerRevoked::advice).into_iter().collect();
        assert_eq!(remedies.len(), SignerRevoked::ALL.len());
        assert!(remedies.iter().all(|remedy| !remedy.ends_with('.') && remedy.starts_with("sign the image again")));
    }
}
