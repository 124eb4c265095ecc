//! Tokens that clouds issue for registries: what is alike for all clouds.

#[cfg(any(feature = "aws", feature = "azure", feature = "google"))]
pub(super) mod call_result;
#[cfg(any(feature = "aws", feature = "azure", feature = "google"))]
pub(super) mod early_tokens;
#[cfg_attr(
    not(any(feature = "aws", feature = "azure", feature = "google")),
    allow(dead_code, reason = "a build without clouds has no tokens")
)]
pub(super) mod issued_tokens;
#[cfg(any(feature = "azure", feature = "google"))]
pub(super) mod not_called;
#[cfg(any(feature = "aws", feature = "azure"))]
pub(super) mod token_sources;
pub(super) mod tried_token;

pub(crate) use self::tried_token::TriedToken;
