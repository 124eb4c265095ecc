//! What the configuration needs of AWS: AWS Signer and tokens for Amazon ECR. Clients are made only if it needs them. They are
//! kept across reloads, with their credentials and tokens, while their settings are equal.

#[cfg(feature = "aws")]
mod call_counter;
#[cfg(feature = "aws")]
mod clients;
mod endpoint_service;
mod endpoint_warnings;
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
pub(super) use countersign_aws::check_pod_variables;
#[cfg(feature = "aws")]
pub(super) use countersign_aws::pod_token_file;
#[cfg(feature = "aws")]
pub(super) use countersign_aws::pod_variable_warnings;
#[cfg(feature = "aws")]
pub(super) use countersign_aws::uses_web_identity;
pub(super) use endpoint_warnings::warnings as endpoint_warnings;
pub(super) use environment::SERVICES;
pub(super) use environment::endpoint;
pub(super) use environment::pod_region;
pub(crate) use survey::AwsSurvey;
pub(crate) use survey::TriedSigner;
#[cfg(not(feature = "aws"))]
pub(super) use without::AwsServices;
#[cfg(not(feature = "aws"))]
pub(super) use without::check_pod_variables;
#[cfg(not(feature = "aws"))]
pub(super) use without::pod_token_file;
#[cfg(not(feature = "aws"))]
pub(super) use without::pod_variable_warnings;
#[cfg(not(feature = "aws"))]
pub(super) use without::uses_web_identity;
