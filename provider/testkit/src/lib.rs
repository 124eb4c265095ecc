//! A CA, a signer and an in-process registry for tests and the demo.
//!
//! This crate implements the specifications of the Notary Project and OCI a second time and produces bytes. It never
//! depends on `countersign-core`, so that a misreading of a specification in one crate makes a test fail.
//!
//! ```
//! use countersign_testkit::notation;
//! use countersign_testkit::notation::Signature;
//! use countersign_testkit::pki::Authority;
//! use countersign_testkit::pki::CertSpec;
//! use countersign_testkit::pki::KeyType;
//! use countersign_testkit::registry::Registry;
//! use countersign_testkit::registry::Route;
//! use countersign_testkit::signer::Format;
//! use countersign_testkit::signer::SignRequest;
//!
//! # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
//! // A CA with an intermediate, and a certificate for code signing.
//! let root = Authority::root(CertSpec::root().common_name("Acme Root"));
//! let issuing = root.intermediate(CertSpec::intermediate().path_length(0));
//! let release = issuing.issue(CertSpec::leaf().key(KeyType::P384).common_name("release"));
//!
//! // An image with two signatures: a valid one, and one with an unknown critical attribute.
//! let registry = Registry::start().await;
//! let image = registry.push_image("team/app", "v1");
//! notation::sign_image(&registry, "team/app", &image, &release);
//! let unknown = SignRequest::new(&release, &image).critical_attribute("com.acme.unknown", 1);
//! Signature::new(&unknown, Format::Cose).attach(&registry, "team/app", &image);
//!
//! // The registry fails twice, then works again.
//! let fault = registry.when(Route::Manifest).path_contains(&image.digest).times(2).status(503);
//! assert_eq!(fault.hits(), 0);
//! # });
//! ```
//!
//! Limits: it verifies nothing. It makes no RSA key under 2048 bits, no P-224 key and no SHA-1 signature (the crypto
//! library cannot), so such cases need stored vectors.
//! Incorrect use panics: the crate is for tests only.

#![warn(missing_docs)]

mod alone;
pub mod aws;
pub mod azure;
pub mod captured_log;
pub mod cloud;
pub mod crl;
pub mod der;
mod descriptor;
pub mod folder;
pub mod gate;
pub mod google;
mod hash;
pub mod notation;
pub mod ocsp;
mod pem;
pub mod pki;
pub mod proxy;
pub mod registry;
pub mod responder;
pub mod signer;
pub mod timestamp;
pub mod variants;
pub mod waited;

pub use alone::alone;
pub use alone::alone_with;
pub use descriptor::Descriptor;
pub use descriptor::IMAGE_INDEX;
pub use descriptor::IMAGE_MANIFEST;
pub use hash::Hash;
pub use hash::sha256_digest;
