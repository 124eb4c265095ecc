//! OCSP ([RFC 6960](https://www.rfc-editor.org/rfc/rfc6960)): requests, and responses that are verified when they are
//! read.
//!
//! [`encode_request`] writes a request about one certificate. [`OcspAnswer::read`] is the only constructor of an answer:
//! it checks the form, the signature, the authority of the responder, the certificate and issuer, extensions, the nonce
//! and the times. It does not check whether a delegated responder is itself revoked: see [`Responder::Delegated`].
//!
//! The reader is our own, on the strict DER reader of this crate: a signature is over bytes as they were received, and
//! libraries decode and encode again, accept BER or fractions of seconds, or skip unknown critical extensions.

mod answer;
mod cert_id;
mod error;
mod request;
mod responder;
mod response;
mod settings;
mod single;

pub use answer::AnswerEnd;
pub use answer::OcspAnswer;
pub use answer::OcspStatus;
pub use answer::Responder;
pub use answer::ResponderRevocation;
pub use error::OcspError;
pub use error::ResponderProblem;
pub use error::ResponseStatus;
pub use request::encode_request;
pub use settings::MissingNonce;
pub use settings::OcspSettings;
