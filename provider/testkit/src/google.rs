//! Doubles of the services of Google Cloud that Countersign calls.
//!
//! Doubles of one test share a [`Setup`](crate::cloud::Setup) and the [`Accounts`]: service accounts, what they may read, and their
//! access tokens. Each double is a server with real HTTP or HTTPS, a journal, and the faults of [`When`](crate::registry::When); each
//! checks what it receives. Texts of errors are those that users report of the services; what no document or report shows is marked
//! "not verified" where it is written.
//!
//! ```
//! use countersign_testkit::cloud::Clock;
//! use countersign_testkit::cloud::Setup;
//! use countersign_testkit::google::Accounts;
//! use countersign_testkit::google::artifact_registry::ArtifactRegistry;
//! use countersign_testkit::google::metadata::Metadata;
//!
//! # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
//! let setup = Setup::new(&Clock::system());
//! let accounts = Accounts::new();
//! let metadata = Metadata::start(&setup, &accounts, "shop-project").await;
//! metadata.set_account(Some("countersign@shop-project.iam.gserviceaccount.com"));
//!
//! let registry = ArtifactRegistry::start(&setup, &accounts).await;
//! accounts.grant("countersign@shop-project.iam.gserviceaccount.com", "shop-project/images");
//! registry.push_image("shop-project/images/app", "v1");
//! # });
//! ```

pub mod accounts;
pub mod artifact_registry;
pub mod metadata;
pub mod process;

pub use accounts::Accounts;
