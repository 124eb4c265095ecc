//! Google Cloud: access tokens of the metadata server for Artifact Registry.
//!
//! Entry point: [`Google`]. The metadata server is that of the node, or of GKE in its place, which issues tokens for the service
//! account of the pod (workload identity). Requests are sent through `countersign-http`, so that the limits on bytes, time and
//! connections are those of all other requests; no proxy is used, and no redirect is followed.
//!
//! An access token is valid in all of Google Cloud, as far as the account has roles. It is the password for hosts that
//! [`GoogleRegistryHost`](countersign_core::name::GoogleRegistryHost) recognizes, and for no other host: a token that reaches another
//! host can be used by it. Secrets cannot be printed.
#![warn(missing_docs)]

mod access_tokens;
mod clients;
mod error;
pub mod limits;
mod metadata_server;
mod refusal;
mod settings;

pub use access_tokens::GoogleTokenKey;
pub use access_tokens::GoogleTokens;
pub use clients::Google;
pub use countersign_cloud::CallError;
pub use countersign_cloud::CallObserver;
pub use error::GoogleError;
pub use error::Operation;
pub use metadata_server::MetadataServer;
pub use metadata_server::MetadataServerError;
pub use settings::GoogleSettings;
