//! Doubles of the services of Microsoft Azure that Countersign calls.
//!
//! Doubles of one test share a [`Setup`](crate::cloud::Setup) and a [`Directory`]: its tenants, applications, resources and roles, and the access tokens
//! that Entra and the instance metadata issue and the other services accept. Each double is a server with real HTTP or HTTPS, a
//! journal, and the faults of [`When`](crate::registry::When); each checks what it receives. Texts of errors are those that users
//! report of the services; what no document or report shows is marked "not verified" where it is written.
//!
//! ```
//! use countersign_testkit::azure::Directory;
//! use countersign_testkit::azure::acr::Acr;
//! use countersign_testkit::azure::blob_store::BlobStore;
//! use countersign_testkit::azure::directory::Role;
//! use countersign_testkit::azure::entra::Entra;
//! use countersign_testkit::cloud::Clock;
//! use countersign_testkit::cloud::Setup;
//! use countersign_testkit::cloud::service_account::TokenIssuer;
//!
//! # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
//! let (tenant, client) = ("11111111-2222-3333-4444-555555555555", "aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee");
//! let setup = Setup::new(&Clock::system());
//! let directory = Directory::new(tenant);
//! directory.add_application(tenant, client);
//!
//! // Workload identity: a service account of a cluster is the application.
//! let issuer = TokenIssuer::new("https://westeurope.oic.prod-aks.azure.com/testkit/");
//! directory.federate(client, &issuer, "gatekeeper-system", "countersign");
//! let entra = Entra::start(&setup, &directory).await;
//!
//! // A registry whose images it may pull.
//! let blobs = BlobStore::start(&setup).await;
//! let acr = Acr::start(&setup, &directory, &blobs, tenant).await;
//! directory.assign(client, Role::AcrPull, &acr.name());
//! acr.push_image("shop/app", "v1");
//! # });
//! ```

pub mod acr;
mod acr_token;
pub mod blob_store;
pub mod directory;
pub mod entra;
pub mod entra_error;
pub mod imds;
pub mod key_vault;
mod key_vault_certificate;
pub mod key_vault_error;
pub mod process;
pub mod vault_site;

pub use directory::Directory;
pub use directory::Role;
