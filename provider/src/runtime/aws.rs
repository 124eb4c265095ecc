//! What the configuration needs of AWS: AWS Signer and tokens for Amazon ECR. Clients are made only if it needs them. They are
//! kept across reloads, with their credentials and tokens, while their settings are equal.

#[cfg(feature = "aws")]
mod clients;
#[cfg(feature = "aws")]
mod early_tokens;
mod environment;
pub mod memory;
#[cfg(feature = "aws")]
mod tokens;
#[cfg(not(feature = "aws"))]
mod without;

#[cfg(feature = "aws")]
pub(super) use clients::AwsServices;
pub(crate) use environment::pod_region;
#[cfg(not(feature = "aws"))]
pub(super) use without::AwsServices;
