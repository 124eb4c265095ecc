//! AWS: credentials of the pod, tokens for ECR, and the revocation status of signatures by AWS Signer.
//!
//! Entry point: [`Aws`]. The clients of the SDK send their requests through `countersign-http`, so that the limits on bytes,
//! time and connections, the proxies and the certificate authorities are those of all other requests.
//!
//! Credentials leave only to the services of AWS: the SDK computes their names from partition and region, or the operator
//! writes them as endpoints. Secrets cannot be printed. The SDK itself logs responses with secrets, at WARN too, so no line of its
//! crates may be logged. The errors of this crate say what an operator needs.
#![warn(missing_docs)]

mod caught;
mod clients;
mod codes;
mod credentials;
mod credentials_status;
mod ecr;
mod ecr_api;
mod endpoint;
mod error;
mod invalid_answer;
pub mod limits;
mod naming;
mod observer;
mod query_refusal;
mod refusal;
mod retry;
mod secrets_in_use;
mod settings;
mod signer;
mod signer_answer;
mod time;
mod transport;
mod xml;

pub use clients::Aws;
pub use credentials::check_pod_variables;
pub use credentials::pod_source;
pub use credentials::pod_token_file;
pub use credentials::pod_variable_warnings;
pub use credentials::uses_web_identity;
pub use credentials_status::CredentialsStatus;
pub use credentials_status::CurrentCredentials;
pub use ecr::EcrTokenKey;
pub use ecr::EcrTokens;
pub use error::AwsError;
pub use error::Operation;
pub use observer::AwsObserver;
pub use observer::Unobserved;
pub use settings::AwsSettings;
pub use settings::EcrApi;
pub use settings::EcrRole;
pub use settings::NamedEndpoint;
pub use settings::ServiceEndpoints;
pub use settings::SignerSettings;
pub use signer::SignerAnswer;
pub use time::AwsClock;
