//! Refusals of the endpoint of credentials on the node: EKS Pod Identity, and ECS.

/// The endpoint of credentials on the node answered with another status than 200.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("found status {status}, expected 200")]
pub(crate) struct EndpointRefused {
    pub(crate) status: u16,
}
