//! Calls.

/// A call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Operation {
    /// A token of Entra for a workload identity or an application.
    EntraToken,
    /// A token of Entra for a managed identity of the node.
    ManagedIdentityToken,
    /// The exchange of a token of Entra for one of a registry.
    AcrExchange,
}

impl Operation {
    /// The name in messages.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::EntraToken => "the token request to Microsoft Entra",
            Self::ManagedIdentityToken => "the token request to the instance metadata service",
            Self::AcrExchange => "the token exchange of Azure Container Registry",
        }
    }

    /// What a request is for, in messages to callers whose deadline passes.
    pub(crate) fn step(self) -> &'static str {
        match self {
            Self::EntraToken => "the token of Microsoft Entra",
            Self::ManagedIdentityToken => "the token of the managed identity",
            Self::AcrExchange => "the token of Azure Container Registry",
        }
    }
}
