//! Why there is no TLS connection, in words: what was found, what was expected, what to do.

use std::fmt;
use std::sync::Arc;

use countersign_core::codec::excerpt::Excerpt;
use countersign_core::time::UnixTime;

/// Why there is no TLS connection. Names of a certificate, which is not verified, stand in it as excerpts.
///
/// The message does not say which setting to change, as the caller names the settings: see [`Self::remedy`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TlsFailure {
    /// No trusted authority has issued the certificate.
    #[error("its certificate is issued by {issuer}, which is none of {roots}{}", roots.missing(WantedRoot::Issuer))]
    UnknownIssuer {
        /// The issuer that the certificate names.
        issuer: Excerpt,
        /// The trusted authorities.
        roots: RootsSource,
    },
    /// The certificate is self-signed, and not trusted.
    #[error("its certificate is signed by itself and is none of {roots}{}", roots.missing(WantedRoot::Itself))]
    SelfSigned {
        /// The trusted authorities.
        roots: RootsSource,
    },
    /// The server shows the certificate of an authority.
    #[error("its certificate is that of an authority: want one for servers")]
    Authority,
    /// The certificate has expired.
    #[error("its certificate expired at {end}: want one that is valid")]
    Expired {
        /// Its end.
        end: UnixTime,
    },
    /// A certificate of the chain has expired.
    #[error("a certificate that vouches for it expired at {end}: want a chain that is valid")]
    AuthorityExpired {
        /// Its end.
        end: UnixTime,
    },
    /// The certificate is not valid yet.
    #[error("its certificate is valid only from {begin} on: want one that is valid now")]
    NotYetValid {
        /// Its begin.
        begin: UnixTime,
    },
    /// A certificate of the chain is not valid yet.
    #[error("a certificate that vouches for it is valid only from {begin} on: want a chain that is valid now")]
    AuthorityNotYetValid {
        /// Its begin.
        begin: UnixTime,
    },
    /// The certificate has other names.
    #[error(
        "its certificate is not for {expected} but for {names}: want that name among its subject alternative names"
    )]
    Name {
        /// The host.
        expected: String,
        /// The names of the certificate.
        names: CertificateNames,
    },
    /// The certificate is not for servers.
    #[error("its certificate has an extended key usage without serverAuth: want one for servers")]
    Purpose,
    /// The certificate or its chain cannot be verified for another reason.
    #[error("its certificate, or one that vouches for it, {detail}: want a chain that other TLS clients take")]
    Certificate {
        /// A predicate.
        detail: &'static str,
    },
    /// The signature of the handshake is wrong.
    #[error("it does not prove that it has the key of its certificate")]
    Proof,
    /// The server sent an alert.
    #[error("it refuses the connection ({alert}){}", alert_remedy(alert))]
    Refused {
        /// The alert's name in TLS, or its number.
        alert: String,
    },
    /// The server does not speak TLS.
    #[error("what it answers is no TLS: want a port that speaks TLS")]
    NotTls,
    /// The server has no version or algorithm in common with us.
    #[error("it {detail}: want TLS 1.2 or 1.3 with the usual algorithms")]
    Incompatible {
        /// A predicate.
        detail: &'static str,
    },
    /// A message breaks the protocol.
    #[error("it breaks the rules of TLS, or something on the way does")]
    Protocol,
    /// The connection ended during the handshake.
    #[error("it ended the connection before TLS was set up")]
    Ended,
    /// The cause is on this machine.
    #[error("{detail}")]
    Local {
        /// A sentence.
        detail: &'static str,
    },
}

/// Which authorities are trusted for a server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RootsSource {
    /// The system's certificate authorities.
    System,
    /// The certificates in a file of the settings.
    File(Arc<str>),
}

/// What the caller's own settings could change about a [`TlsFailure`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TlsRemedy {
    /// A file with this certificate as the trusted authorities, in place of the system's.
    RootsFile(WantedRoot),
    /// The server's own self-signed certificate in the file of trusted authorities.
    CertificateInRoots,
    /// Plain HTTP, if the server has no TLS.
    PlainHttp,
}

/// A certificate that is missing among the trusted authorities.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WantedRoot {
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
    /// How many more it has.
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
    /// What the caller's own settings could change, to be written behind the message.
    #[must_use]
    pub fn remedy(&self) -> Option<TlsRemedy> {
        match self {
            Self::UnknownIssuer { roots: RootsSource::System, .. } => Some(TlsRemedy::RootsFile(WantedRoot::Issuer)),
            Self::SelfSigned { roots: RootsSource::System } => Some(TlsRemedy::RootsFile(WantedRoot::Itself)),
            Self::Authority => Some(TlsRemedy::CertificateInRoots),
            Self::NotTls => Some(TlsRemedy::PlainHttp),
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
    /// What to add to a file; which setting names a file in place of the system's authorities is known to the caller.
    fn missing(&self, wanted: WantedRoot) -> String {
        match self {
            Self::System => String::new(),
            Self::File(_) => format!(": want {} in that file", wanted.as_str()),
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

impl WantedRoot {
    /// For messages.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Issuer => "the authority that issued it",
            Self::Itself => "this very certificate",
        }
    }
}

/// What is known to help, as the end of a sentence.
fn alert_remedy(alert: &str) -> &'static str {
    match alert {
        "protocol_version" => ": want TLS 1.2 or 1.3 there",
        "handshake_failure" | "insufficient_security" => {
            ": want TLS 1.2 or 1.3 with the usual algorithms there, and no demand for a client certificate"
        }
        "certificate_required" | "bad_certificate" | "access_denied" => {
            ": want no demand for a client certificate there, as none is ever shown"
        }
        "unrecognised_name" => ": want a certificate for this host's name there",
        _ => "",
    }
}
