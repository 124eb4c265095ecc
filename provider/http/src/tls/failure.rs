//! Failures of TLS connections: the found and the expected value, and the remediation.

use std::fmt;
use std::sync::Arc;

use countersign_core::codec::excerpt::Excerpt;
use countersign_core::time::UnixTime;

/// The failure of a TLS connection. Names of unverified certificates are excerpts.
///
/// The message does not name settings, as they are the caller's: see [`Self::remedy`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TlsFailure {
    /// No trusted authority has issued the certificate.
    #[error("its certificate is not trusted: found issuer {issuer}, expected one of {roots}{}", roots.missing(MissingRoot::Issuer))]
    UnknownIssuer {
        /// The issuer that the certificate names.
        issuer: Excerpt,
        /// The trusted authorities.
        roots: RootsSource,
    },
    /// The certificate is self-signed, and not trusted.
    #[error("its certificate is self-signed and not one of {roots}{}", roots.missing(MissingRoot::Itself))]
    SelfSigned {
        /// The trusted authorities.
        roots: RootsSource,
    },
    /// The server presents a CA certificate.
    #[error("its certificate is a CA certificate, expected a server certificate")]
    Authority,
    /// The certificate has expired.
    #[error("its certificate has expired: found end {end}, expected a valid certificate")]
    Expired {
        /// The end of its validity period.
        end: UnixTime,
    },
    /// A certificate of the chain has expired.
    #[error("a CA certificate of its chain has expired: found end {end}, expected a valid chain")]
    AuthorityExpired {
        /// The end of its validity period.
        end: UnixTime,
    },
    /// The certificate is not valid yet.
    #[error("its certificate is not yet valid: found begin {begin}, expected a valid certificate")]
    NotYetValid {
        /// The start of its validity period.
        begin: UnixTime,
    },
    /// A certificate of the chain is not valid yet.
    #[error("a CA certificate of its chain is not yet valid: found begin {begin}, expected a valid chain")]
    AuthorityNotYetValid {
        /// The start of its validity period.
        begin: UnixTime,
    },
    /// The certificate is for other names.
    #[error(
        "its certificate is for another name: found {names}, expected {expected} among its subject alternative \
         names"
    )]
    Name {
        /// The host.
        expected: String,
        /// The names of the certificate.
        names: CertificateNames,
    },
    /// The certificate is not for servers.
    #[error("its certificate has an extended key usage without serverAuth, expected a server certificate")]
    Purpose,
    /// The certificate or its chain is invalid for another reason.
    #[error(
        "its certificate, or a CA certificate of its chain, {detail}; expected a chain that other TLS clients \
             accept"
    )]
    Certificate {
        /// A predicate.
        detail: &'static str,
    },
    /// The signature of the handshake is wrong.
    #[error("it cannot prove that it has the private key of its certificate")]
    Proof,
    /// The server sent an alert.
    #[error("it refuses the connection ({alert}){}", alert_remedy(alert))]
    Refused {
        /// The alert's name in TLS, or its number.
        alert: String,
    },
    /// The server does not use TLS.
    #[error("it does not use TLS, expected a TLS port")]
    NotTls,
    /// The server has no version or algorithm in common with us.
    #[error("it {detail}, expected TLS 1.2 or 1.3 with common algorithms")]
    Incompatible {
        /// A predicate.
        detail: &'static str,
    },
    /// A message violates the protocol.
    #[error("it, or something between, violates the TLS protocol")]
    Protocol,
    /// The connection ended during the handshake.
    #[error("it closed the connection during the TLS handshake")]
    Ended,
    /// The cause is on this machine.
    #[error("{detail}")]
    Local {
        /// A sentence.
        detail: &'static str,
    },
}

/// The source of the authorities that are trusted for a server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RootsSource {
    /// The system's certificate authorities.
    System,
    /// The certificates in a file of the settings.
    File(Arc<str>),
}

/// The caller's settings that could resolve a [`TlsFailure`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TlsRemedy {
    /// Configure a file with this certificate as trusted authorities instead of the system's.
    RootsFile(MissingRoot),
    /// Add the server's self-signed certificate to the file of trusted authorities.
    CertificateInRoots,
    /// Configure plain HTTP, if the server has no TLS.
    PlainHttp,
    /// Configure a client certificate that the server accepts, or let it require none.
    ClientCertificate,
}

/// A certificate that is missing among the trusted authorities.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MissingRoot {
    /// The authority that issued the server's certificate.
    Issuer,
    /// The server's certificate itself.
    Itself,
}

/// Some names of a certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CertificateNames {
    /// The first names.
    pub first: Vec<Excerpt>,
    /// The number of other names.
    pub more: usize,
}

impl fmt::Display for CertificateNames {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.first.is_empty() {
            return f.write_str("no name at all (a common name alone does not count)");
        }
        for (position, name) in self.first.iter().enumerate() {
            write!(f, "{}{name}", if position == 0 { "" } else { ", " })?;
        }
        if self.more > 0 {
            write!(f, " and {} more", self.more)?;
        }
        Ok(())
    }
}

impl TlsFailure {
    /// The caller's settings that could resolve the failure, for the end of the message.
    #[must_use]
    pub fn remedy(&self) -> Option<TlsRemedy> {
        match self {
            Self::UnknownIssuer { roots: RootsSource::System, .. } => Some(TlsRemedy::RootsFile(MissingRoot::Issuer)),
            Self::SelfSigned { roots: RootsSource::System } => Some(TlsRemedy::RootsFile(MissingRoot::Itself)),
            Self::Authority => Some(TlsRemedy::CertificateInRoots),
            Self::NotTls => Some(TlsRemedy::PlainHttp),
            Self::Refused { alert } if CLIENT_CERTIFICATE_ALERTS.contains(&alert.as_str()) => {
                Some(TlsRemedy::ClientCertificate)
            }
            Self::UnknownIssuer { .. }
            | Self::SelfSigned { .. }
            | Self::Expired { .. }
            | Self::AuthorityExpired { .. }
            | Self::NotYetValid { .. }
            | Self::AuthorityNotYetValid { .. }
            | Self::Name { .. }
            | Self::Purpose
            | Self::Certificate { .. }
            | Self::Proof
            | Self::Refused { .. }
            | Self::Incompatible { .. }
            | Self::Protocol
            | Self::Ended
            | Self::Local { .. } => None,
        }
    }
}

impl RootsSource {
    /// The certificate to add to a file. The caller names the setting for a file instead of the system's authorities.
    fn missing(&self, expected: MissingRoot) -> String {
        match self {
            Self::System => String::new(),
            Self::File(_) => format!("; add {} to that file", expected.as_str()),
        }
    }
}

impl fmt::Display for RootsSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::System => f.write_str("the system's certificate authorities"),
            Self::File(file) => write!(f, "the certificates in {file}"),
        }
    }
}

impl MissingRoot {
    /// The text for messages.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Issuer => "the CA certificate that issued it",
            Self::Itself => "this certificate",
        }
    }
}

/// The alerts of a server that is not content with the certificate of its client.
const CLIENT_CERTIFICATE_ALERTS: [&str; 7] = [
    "certificate_required",
    "bad_certificate",
    "unsupported_certificate",
    "certificate_revoked",
    "certificate_expired",
    "unknown_ca",
    "access_denied",
];

/// The known remediation, as the end of a sentence.
fn alert_remedy(alert: &str) -> &'static str {
    match alert {
        "protocol_version" => "; enable TLS 1.2 or 1.3 there",
        "handshake_failure" | "insufficient_security" => {
            "; enable TLS 1.2 or 1.3 with common algorithms there, and see whether it requires a client certificate"
        }
        "unrecognised_name" => "; it needs a certificate for this host's name",
        _ => "",
    }
}
