//! The table of routes: a path, its endpoint and its protocol. Other paths are not endpoints.

use crate::protocol::Operation;
use crate::protocol::Protocol;
use crate::protocol::gatekeeper;
use crate::protocol::ratify;

/// An endpoint that verifies or resolves images.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Endpoint {
    /// Verification for Gatekeeper.
    Verify,
    /// Mutation for Gatekeeper: digests in place of tags.
    Mutate,
    /// As [`Self::Verify`], for Ratify's stock templates.
    RatifyVerify,
    /// As [`Self::Mutate`], for Ratify's stock assignments.
    RatifyMutate,
}

/// The value of `endpoint` in log and metrics for an unknown path.
pub(super) const NO_ENDPOINT: &str = "none";

impl Endpoint {
    /// Every endpoint.
    pub const ALL: [Self; 4] = [Self::Verify, Self::Mutate, Self::RatifyVerify, Self::RatifyMutate];

    /// The name in log and metrics: a contract with dashboards and alerts.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Verify => "verify",
            Self::Mutate => "mutate",
            Self::RatifyVerify => "ratify-verify",
            Self::RatifyMutate => "ratify-mutate",
        }
    }

    /// Every path of an endpoint, and whether `server.mutateTimeout` applies to it.
    pub fn paths() -> impl Iterator<Item = (&'static str, bool)> {
        ROUTES.iter().map(|route| (route.path, route.is_mutation()))
    }

    /// The values of the label `endpoint`: every endpoint, and a path that is none.
    pub fn labels() -> impl Iterator<Item = &'static str> {
        Self::ALL.into_iter().map(Self::as_str).chain([NO_ENDPOINT])
    }
}

/// One row of the table. There is no other way from a path to a protocol, and so none from an unknown path to the engine.
#[derive(Debug)]
pub(super) struct Route {
    path: &'static str,
    pub(super) endpoint: Endpoint,
    pub(super) protocol: Protocol,
}

impl Route {
    /// Whether `server.mutateTimeout` applies, and not `server.verifyTimeout`.
    pub(super) fn is_mutation(&self) -> bool {
        match self.protocol.operation {
            Operation::Verify(_) => false,
            Operation::Resolve(_) => true,
        }
    }
}

static ROUTES: [Route; 4] = [
    Route { path: "/v1/verify", endpoint: Endpoint::Verify, protocol: gatekeeper::VERIFY },
    Route { path: "/v1/mutate", endpoint: Endpoint::Mutate, protocol: gatekeeper::MUTATE },
    Route { path: "/ratify/gatekeeper/v1/verify", endpoint: Endpoint::RatifyVerify, protocol: ratify::VERIFY },
    Route { path: "/ratify/gatekeeper/v1/mutate", endpoint: Endpoint::RatifyMutate, protocol: ratify::MUTATE },
];

/// The route of exactly this path.
pub(super) fn find(path: &str) -> Option<&'static Route> {
    ROUTES.iter().find(|route| route.path == path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_endpoint_has_one_route() {
        assert_eq!(ROUTES.each_ref().map(|route| route.endpoint), Endpoint::ALL);
    }

    #[test]
    fn finds_paths_by_exact_spelling_only() {
        assert_eq!(find("/v1/mutate").map(|route| route.endpoint), Some(Endpoint::Mutate));
        for path in ["", "/", "/v1/verify/", "/V1/verify", "//v1/verify", "/v1/verify?", "/v2/verify", "v1/verify"] {
            assert!(find(path).is_none(), "{path}");
        }
    }
}
