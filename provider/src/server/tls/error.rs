//! Mistakes in the certificates of the server.

use std::fmt;
use std::path::PathBuf;

use countersign_core::codec::mismatch::Mismatch;
use countersign_core::codec::mismatch::Mismatched;
use countersign_core::codec::pem::PemError;
use countersign_core::time::UnixTime;

use crate::telemetry::ErrorChain;

/// Why certificates cannot be taken into use.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// Any of the others, with the key of the configuration that names the file, and the file.
    #[error("{key}: {}", path.display())]
    File { key: &'static str, path: PathBuf, source: Box<Self> },
    #[error("cannot read {what}")]
    Read { what: &'static str, source: std::io::Error },
    #[error("{what} has more than {max} bytes")]
    TooLarge { what: &'static str, max: usize },
    #[error("{what} cannot be read")]
    Pem { what: &'static str, source: PemError },
    #[error("{what}: PEM block that begins on line {line} is not an X.509 certificate")]
    Certificate { what: &'static str, line: usize },
    #[error("{what}: the certificate of the PEM block that begins on line {line} cannot be a trust anchor")]
    Root { what: &'static str, line: usize },
    #[error("server certificate has expired: found end {end}, expected a valid certificate")]
    Expired { end: UnixTime },
    #[error("all client CA certificates have expired: found last end {end}, expected a valid certificate")]
    AuthoritiesExpired { end: UnixTime },
    #[error("server key is not the key of the first certificate, expected a matching pair")]
    Foreign,
    /// The library's message is omitted, as it does not help.
    #[error(
        "server key and certificate cannot be used, expected an RSA or EC key and an X.509 version 3 \
             certificate"
    )]
    Pair,
    #[error("client CA cannot be used")]
    Verifier { source: rustls::server::VerifierBuilderError },
}

impl Mismatched for TlsError {
    /// Without the sources.
    fn mismatch(&self) -> Mismatch {
        match self {
            Self::Expired { end } => Mismatch::new(format_args!("server certificate has expired: found end {end}"))
                .expecting("a valid certificate"),
            Self::Foreign => Mismatch::new("server key is not the key of the first certificate")
                .expecting("the key of that certificate"),
            Self::Pair => Mismatch::new("server key and certificate cannot be used")
                .expecting("an RSA or EC key and an X.509 version 3 certificate"),
            Self::Read { .. }
            | Self::TooLarge { .. }
            | Self::File { .. }
            | Self::Pem { .. }
            | Self::Certificate { .. }
            | Self::Root { .. }
            | Self::AuthoritiesExpired { .. }
            | Self::Verifier { .. } => Mismatch::new(self),
        }
    }
}

/// All mistakes of a load, at least one.
#[derive(Debug)]
pub struct TlsErrors(pub Vec<TlsError>);

impl fmt::Display for TlsErrors {
    /// Every mistake with its sources, separated by `; `.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, error) in self.0.iter().enumerate() {
            let separator = if number == 0 { "" } else { "; " };
            write!(f, "{separator}{}", ErrorChain(error))?;
        }
        Ok(())
    }
}

impl std::error::Error for TlsErrors {}

impl From<TlsError> for TlsErrors {
    fn from(error: TlsError) -> Self {
        Self(vec![error])
    }
}
