//! What had not come of an answer when the time was over.

/// The cases of [`Code::RegistryTimeout`](super::Code::RegistryTimeout) and of late answers of AWS, each with a remedy of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum LateCause {
    /// The addresses of the host.
    Address,
    /// The connection.
    Connection,
    /// The end of the TLS handshake.
    Handshake,
    /// Anything of the response.
    Response,
    /// The rest of the response.
    Body,
}

impl LateCause {
    /// Every cause.
    pub const ALL: [Self; 5] = [Self::Address, Self::Connection, Self::Handshake, Self::Response, Self::Body];

    /// The remediation, as one sentence without a full stop.
    #[must_use]
    pub fn advice(self) -> &'static str {
        match self {
            Self::Address => {
                "check that the name resolution (DNS) of the pod finds the host that the message names; the next request tries again"
            }
            Self::Connection => {
                "check the network policy, the VPC endpoint or firewall, and the proxy between the pod and the host that the message \
                 names; the next request tries again"
            }
            Self::Handshake => {
                "check that the host that the message names, or the proxy before it, serves TLS at that port, and that nothing between \
                 them holds packets back; the next request tries again"
            }
            Self::Response => {
                "check the health of the host that the message names, and whether it delays requests because of their number; if it is \
                 always this slow, raise the timeout of its requests (registryAccess.requestTimeout, or attemptTimeout of aws, \
                 azure or google for their services), server.verifyTimeout and the timeouts of the Provider and the webhook"
            }
            Self::Body => {
                "check the bandwidth between the pod and the host that the message names; if it is always this slow, raise \
                 the timeout of its requests (registryAccess.requestTimeout, or attemptTimeout of aws, azure or google for their \
                 services), server.verifyTimeout and the timeouts of the Provider and the webhook"
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_cause_has_a_remedy_of_its_own() {
        let mut seen = std::collections::BTreeSet::new();
        for cause in LateCause::ALL {
            assert!(seen.insert(cause.advice()), "{cause:?}");
            assert!(!cause.advice().ends_with('.'), "{cause:?}");
        }
    }

    #[test]
    fn a_timeout_is_raised_only_if_the_host_responds() {
        let raises = LateCause::ALL.map(|cause| cause.advice().contains("raise"));
        assert_eq!(raises, [false, false, false, true, true]);
    }
}
