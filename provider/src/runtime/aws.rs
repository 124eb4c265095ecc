//! What the configuration needs of AWS: AWS Signer and tokens for Amazon ECR. Clients are made only if it needs them. They are
//! kept across reloads, with their credentials and tokens, while their settings are equal.

#[cfg(feature = "aws")]
mod call_counter;
#[cfg(feature = "aws")]
mod clients;
mod environment;
pub mod memory;
#[cfg(feature = "aws")]
mod pod_credentials;
mod survey;
#[cfg(feature = "aws")]
mod try_calls;
#[cfg(not(feature = "aws"))]
mod without;

#[cfg(feature = "aws")]
pub(super) use clients::AwsServices;
#[cfg(feature = "aws")]
pub(crate) use countersign_aws::check_pod_variables;
pub(crate) use environment::SERVICES;
pub(crate) use environment::endpoint;
pub(crate) use environment::lacks_region;
pub(crate) use environment::pod_region;
pub(crate) use survey::AwsSurvey;
pub(crate) use survey::TriedSigner;
#[cfg(not(feature = "aws"))]
pub(super) use without::AwsServices;
#[cfg(not(feature = "aws"))]
pub(crate) use without::check_pod_variables;
