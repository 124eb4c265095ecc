//! Why AWS Signer has not stated whether a signature is revoked.

use super::late_cause::LateCause;

/// The cases of [`Code::SignerServiceUnchecked`](super::Code::SignerServiceUnchecked), each with a remedy of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SignerCause {
    /// The configuration does not permit calls of the service.
    Disabled,
    /// The configuration does not permit calls of the service in this partition.
    Partition,
    /// A setting of the calls cannot be used.
    Misconfigured,
    /// The pod has no credentials that the service accepts.
    Credentials,
    /// The role does not have the permission.
    Denied,
    /// The service, or one that it needs, refuses because of the number of calls.
    Throttled,
    /// No answer in time; it is not known what has not come.
    Slow,
    /// No answer in time, with what has not come.
    Late(LateCause),
    /// No connection.
    Unreachable,
    /// A failure of the service.
    Failed,
    /// The service refuses what it was asked.
    Refused,
    /// The answer is not one of the service.
    AnswerInvalid,
    /// A limit of this process is reached.
    Overloaded,
}

impl SignerCause {
    /// Every cause.
    pub const ALL: [Self; 17] = [
        Self::Disabled,
        Self::Partition,
        Self::Misconfigured,
        Self::Credentials,
        Self::Denied,
        Self::Throttled,
        Self::Slow,
        Self::Late(LateCause::Address),
        Self::Late(LateCause::Connection),
        Self::Late(LateCause::Handshake),
        Self::Late(LateCause::Response),
        Self::Late(LateCause::Body),
        Self::Unreachable,
        Self::Failed,
        Self::Refused,
        Self::AnswerInvalid,
        Self::Overloaded,
    ];

    /// The remediation, as one sentence without a full stop.
    #[must_use]
    pub fn advice(self) -> &'static str {
        match self {
            Self::Disabled => {
                "set aws.signer.enabled: true in the configuration, and allow signer:GetRevocationStatus to the role of the pod; \
                 or let the statement log or skip revocation"
            }
            Self::Partition => {
                "add the partition to aws.partitions if its services may be called; or let the statement log or skip revocation"
            }
            Self::Misconfigured => "correct the setting that the message names; countersign check names every mistake",
            Self::Credentials => {
                "correct what the message names, so that the pod has credentials of AWS that are accepted (IRSA or EKS Pod \
                 Identity); countersign check --online tries them"
            }
            Self::Denied => {
                "allow signer:GetRevocationStatus to the role of the pod, for the signing profile and the signing job; countersign \
                 check --online tries it"
            }
            Self::Throttled => {
                "wait for the rate limit of the host that the message names; if it continues, ask AWS for a higher quota or raise \
                 aws.signer.goodLifetime"
            }
            Self::Slow => {
                "check the network policy, the VPC endpoint and the proxy between the pod and the host that the message names; it is \
                 asked again with the next request"
            }
            Self::Late(cause) => cause.advice(),
            Self::Unreachable => {
                "make the host that the message names reachable: the region in its name, name resolution, network policy, VPC endpoint, \
                 proxy and trusted authorities; it is asked again with the next request"
            }
            Self::Failed => {
                "wait until AWS has mended its service, which is asked again with the next request; or let the statement log \
                 revocation for that time"
            }
            Self::Refused => {
                "correct what the message names; the service refuses the request, and the permission is not the cause"
            }
            Self::AnswerInvalid => {
                "check that the address in the message is that of AWS Signer, and that no proxy answers in its place"
            }
            Self::Overloaded => "add replicas; the service is asked again with the next request",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_cause_has_a_remedy_of_its_own_and_only_one_enables_the_service() {
        let mut seen = std::collections::BTreeSet::new();
        for cause in SignerCause::ALL {
            let advice = cause.advice();
            assert!(seen.insert(advice), "{cause:?}");
            assert!(!advice.ends_with('.'), "{cause:?}");
            assert_eq!(advice.contains("aws.signer.enabled"), cause == SignerCause::Disabled, "{cause:?}");
            assert_eq!(
                advice.contains("signer:GetRevocationStatus"),
                [SignerCause::Disabled, SignerCause::Denied].contains(&cause),
                "{cause:?}"
            );
        }
    }
}
