//! A timestamping authority (TSA) and its tokens, valid and invalid ([RFC 3161](https://www.rfc-editor.org/rfc/rfc3161),
//! [RFC 5652](https://www.rfc-editor.org/rfc/rfc5652), [RFC 5816](https://www.rfc-editor.org/rfc/rfc5816)).
//!
//! [`Tsa::token`] makes a correct token. For every other token, change the parts of one before they are signed
//! ([`Tsa::parts`]).
//!
//! ```
//! use countersign_testkit::Descriptor;
//! use countersign_testkit::pki::Authority;
//! use countersign_testkit::pki::CertSpec;
//! use countersign_testkit::signer::Format;
//! use countersign_testkit::signer::SignRequest;
//! use countersign_testkit::timestamp::Tsa;
//!
//! let tsa = Tsa::new(&Authority::root(CertSpec::root().common_name("TSA Root")));
//! let signer = Authority::root(CertSpec::root()).issue(CertSpec::leaf());
//! let request = SignRequest::new(&signer, &Descriptor::sample("image"));
//!
//! // An envelope with a timestamp.
//! let envelope = tsa.envelope(&request, Format::Jws);
//! // One with a timestamp of another time, and without the root's certificate.
//! let later = request.timestamped(Format::Cose, |signature| {
//!     let mut parts = tsa.parts(signature);
//!     parts.info.gen_time = "20260401120000.5Z".to_owned();
//!     parts.certificates.pop();
//!     parts.seal()
//! });
//! assert_ne!(envelope, later);
//! ```

mod algorithm;
mod attribute;
mod info;
mod parts;
mod request;
mod tsa;

pub use algorithm::SigningAlgorithm;
pub use attribute::SigningCertificate;
pub use attribute::attribute;
pub use attribute::issuer_serial;
pub use info::TstInfo;
pub use info::accuracy;
pub use parts::SignerParts;
pub use parts::TokenParts;
pub use tsa::Tsa;
