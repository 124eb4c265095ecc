//! Doubles of the services of Amazon Web Services that Countersign calls, and signatures of the form that AWS Signer makes.
//!
//! Doubles of one test share a [`Setup`]: the clock, the access keys, region and account. Each is a server with real HTTP or
//! HTTPS, a journal, and the faults of [`When`](crate::registry::When); each checks what it receives.
//!
//! ```
//! use countersign_testkit::aws::Clock;
//! use countersign_testkit::aws::Setup;
//! use countersign_testkit::aws::signer_data::SignerData;
//! use countersign_testkit::aws::signature::SignerPki;
//! use countersign_testkit::aws::signature::SignerSignature;
//!
//! # let image = countersign_testkit::Descriptor::of("application/vnd.oci.image.manifest.v1+json", b"{}");
//! # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
//! let setup = Setup::new(&Clock::system()).region("eu-central-1").account("111122223333");
//! let signer = SignerData::start(&setup).await;
//!
//! // Root, intermediate, regional CA, and a leaf that has ended, as for every image that is older than some days.
//! let pki = SignerPki::new("eu-central-1");
//! let signature = SignerSignature::new(&pki, &image);
//! let envelope = signature.request().jws();
//! signer.revoke(signature.job());
//! # });
//! ```

pub mod access_keys;
pub mod blob_store;
mod container;
pub mod ecr_api;
pub mod ecr_public_registry;
pub mod ecr_registry;
pub mod ecr_tokens;
pub mod exchange;
pub mod imds;
pub mod pod_identity;
pub mod process;
pub mod server;
pub mod service_error;
pub mod setup;
pub mod signature;
pub mod signer_data;
pub mod sigv4;
pub mod sts;

pub use crate::cloud::clock::Clock;
pub use crate::cloud::service_account as web_identity;
pub use access_keys::AccessKey;
pub use access_keys::AccessKeys;
pub use exchange::Exchange;
pub use exchange::Service;
pub use server::AwsServer;
pub use service_error::Protocol;
pub use service_error::ServiceError;
pub use setup::Setup;
