//! TLS: verification of servers, and failures.

mod certificate;
mod client_certificate;
mod config;
mod failure;
mod handshake;
mod roots;
mod sessions;
mod verifier;

pub use client_certificate::ClientCertificate;
pub use client_certificate::ClientCertificateError;
pub use client_certificate::private_key_der;
pub(crate) use config::TlsConfigs;
pub use config::TlsSetupError;
pub(crate) use config::http1_only;
pub use failure::CertificateNames;
pub use failure::MissingRoot;
pub use failure::RootsSource;
pub use failure::TlsFailure;
pub use failure::TlsRemedy;
pub(crate) use handshake::failure as tls_failure;
pub(crate) use handshake::refusal_in_text;
pub use roots::RootCertificates;
pub use roots::RootCertificatesError;
pub use roots::Roots;
pub(crate) use sessions::Sessions;
pub(crate) use sessions::TlsClient;
