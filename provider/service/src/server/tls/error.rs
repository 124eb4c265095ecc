//! Mistakes in the certificates of the server.

use std::fmt;
use std::path::PathBuf;

use countersign_core::codec::mismatch::Mismatch;
use countersign_core::codec::mismatch::Mismatched;
use countersign_core::codec::mismatch::mismatch_error;
use countersign_core::codec::pem::PemError;
use countersign_core::time::UnixTime;
use countersign_files::ShownPath;

/// Why certificates cannot be taken into use.
#[derive(Debug)]
pub enum TlsError {
    /// Any of the others, with the key of the configuration that names the file, and the file.
    File {
        key: &'static str,
        path: PathBuf,
        source: Box<Self>,
    },
    Read {
        what: &'static str,
        source: std::io::Error,
    },
    TooLarge {
        what: &'static str,
        max: usize,
    },
    Pem {
        what: &'static str,
        source: PemError,
    },
    Certificate {
        what: &'static str,
        line: usize,
    },
    Root {
        what: &'static str,
        line: usize,
    },
    Expired {
        end: UnixTime,
    },
    AuthoritiesExpired {
        end: UnixTime,
    },
    Foreign,
    /// The library's message is omitted, as it does not help.
    Pair,
    Verifier {
        source: rustls::server::VerifierBuilderError,
    },
}

impl Mismatched for TlsError {
    fn mismatch(&self) -> Mismatch {
        match self {
            Self::File { key, path, source } => {
                let shown = match **source {
                    Self::Read { .. } => ShownPath::missing(path),
                    Self::File { .. }
                    | Self::TooLarge { .. }
                    | Self::Pem { .. }
                    | Self::Certificate { .. }
                    | Self::Root { .. }
                    | Self::Expired { .. }
                    | Self::AuthoritiesExpired { .. }
                    | Self::Foreign
                    | Self::Pair
                    | Self::Verifier { .. } => ShownPath::there(path),
                };
                source.mismatch().of(format_args!("{key}: {shown}:"))
            }
            Self::Read { what, source } => {
                Mismatch::new(format_args!("cannot read {what}: {source}")).expecting("a PEM file")
            }
            Self::TooLarge { what, max } => Mismatch::new(format_args!("{what} has more than {max} bytes"))
                .expecting(format_args!("at most {max} bytes")),
            Self::Pem { what, source } => source.mismatch().of(format_args!("{what} cannot be read:")),
            Self::Certificate { what, line } => {
                Mismatch::new(format_args!("{what}: PEM block that begins on line {line} is not an X.509 certificate"))
                    .expecting("an X.509 certificate")
            }
            Self::Root { what, line } => Mismatch::new(format_args!(
                "{what}: the certificate of the PEM block that begins on line {line} cannot be a trust anchor"
            ))
            .expecting("the certificate of an authority"),
            Self::Expired { end } => Mismatch::new(format_args!("server certificate has expired: found end {end}"))
                .expecting("a valid certificate"),
            Self::AuthoritiesExpired { end } => {
                Mismatch::new(format_args!("all client CA certificates have expired: found last end {end}"))
                    .expecting("a valid certificate")
            }
            Self::Foreign => Mismatch::new("server key is not the key of the first certificate")
                .expecting("the key of that certificate"),
            Self::Pair => Mismatch::new("server key and certificate cannot be used")
                .expecting("an RSA or EC key and an X.509 version 3 certificate"),
            Self::Verifier { source } => Mismatch::new(format_args!("client CA cannot be used: {source}"))
                .expecting("certificates of authorities"),
        }
    }
}

mismatch_error!(TlsError);

/// All mistakes of a load, at least one.
#[derive(Debug)]
pub struct TlsErrors(pub Vec<TlsError>);

impl fmt::Display for TlsErrors {
    /// Every mistake, separated by `; `.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, error) in self.0.iter().enumerate() {
            let separator = if number == 0 { "" } else { "; " };
            write!(f, "{separator}{error}")?;
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

#[cfg(test)]
mod tests {
    use countersign_core::codec::pem;

    use super::*;

    #[test]
    fn every_mistake_has_found_and_expected() {
        let Err(pem) = pem::private_key(b"x") else { panic!("it is no key") };
        let io = || std::io::Error::from(std::io::ErrorKind::PermissionDenied);
        let end = UnixTime::EPOCH;
        let mistakes = [
            TlsError::Read { what: "server key", source: io() },
            TlsError::TooLarge { what: "server key", max: 5 },
            TlsError::Pem { what: "server key", source: pem },
            TlsError::Certificate { what: "client CA", line: 3 },
            TlsError::Root { what: "client CA", line: 3 },
            TlsError::Expired { end },
            TlsError::AuthoritiesExpired { end },
            TlsError::Foreign,
            TlsError::Pair,
            TlsError::Verifier { source: rustls::server::VerifierBuilderError::NoRootAnchors },
        ];
        for mistake in mistakes {
            assert!(mistake.mismatch().expected().is_some(), "{mistake}");
            let text = mistake.to_string();
            let file = TlsError::File { key: "server.tls.key", path: "tls.key".into(), source: Box::new(mistake) };
            assert_eq!(file.to_string(), format!("server.tls.key: tls.key: {text}"));
            assert!(file.mismatch().expected().is_some(), "{file}");
        }
    }
}
