//! Certificates by which this client authenticates itself to a server.

use std::fmt;
use std::sync::Arc;

use countersign_core::codec::excerpt::Excerpt;
use countersign_core::codec::mismatch::Mismatch;
use countersign_core::codec::mismatch::Mismatched;
use countersign_core::codec::mismatch::mismatch_error;
use countersign_core::codec::pem;
use countersign_core::codec::pem::CertificateBlock;
use countersign_core::codec::pem::KeyFormat;
use countersign_core::codec::pem::PemError;
use countersign_core::codec::pem::PrivateKey;
use countersign_core::time::UnixTime;
use rustls::sign::CertifiedKey;
use rustls_pki_types::CertificateDer;
use rustls_pki_types::PrivateKeyDer;
use rustls_pki_types::PrivatePkcs1KeyDer;
use rustls_pki_types::PrivatePkcs8KeyDer;
use rustls_pki_types::PrivateSec1KeyDer;
use x509_parser::parse_x509_certificate;
use x509_parser::prelude::X509Certificate;

/// A chain of certificates, leaf first, with the private key of the leaf. Clones share them. Shows nothing of the key.
#[derive(Clone)]
pub struct ClientCertificate(Arc<Parts>);

struct Parts {
    key: Arc<CertifiedKey>,
    subject: Excerpt,
    not_before: UnixTime,
    not_after: UnixTime,
    for_clients: bool,
}

/// Why two files are no [`ClientCertificate`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ClientCertificateError {
    /// The file of the certificate is not PEM with certificates.
    Pem(PemError),
    /// A block of the file of the certificate is not X.509, or its validity is outside of the years 1970 to 9999.
    Certificate {
        /// The number, counted from 1.
        line: usize,
    },
    /// The file of the key is not PEM with one private key.
    Key(PemError),
    /// The key is not that of the first certificate.
    Foreign,
    /// The TLS library cannot use the key.
    Unsupported,
}

impl ClientCertificateError {
    /// Whether the mistake is in the file of the key.
    #[must_use]
    pub fn is_of_key(&self) -> bool {
        match self {
            Self::Pem(_) | Self::Certificate { .. } => false,
            Self::Key(_) | Self::Foreign | Self::Unsupported => true,
        }
    }
}

impl Mismatched for ClientCertificateError {
    fn mismatch(&self) -> Mismatch {
        match self {
            Self::Pem(error) | Self::Key(error) => error.mismatch(),
            Self::Certificate { line } => {
                Mismatch::new(format_args!("PEM block that begins on line {line} is not an X.509 certificate"))
                    .expecting("a certificate in DER")
            }
            Self::Foreign => Mismatch::new("is not the key of the first certificate in certificateFile")
                .expecting("the key of that certificate"),
            Self::Unsupported => Mismatch::new("cannot be used").expecting("an RSA or EC key"),
        }
    }
}

mismatch_error!(ClientCertificateError);

impl ClientCertificate {
    /// Reads the PEM texts of the chain and of the key; both may be one file.
    ///
    /// # Errors
    /// One of them cannot be read, or the key is not that of the first certificate. An expired certificate is no error: only the
    /// server decides about it.
    pub fn parse(certificate: &[u8], key: &[u8]) -> Result<Self, ClientCertificateError> {
        let blocks = pem::certificates_beside_key(certificate).map_err(ClientCertificateError::Pem)?;
        let mut first = None;
        for CertificateBlock { line, der } in &blocks {
            let unreadable = || ClientCertificateError::Certificate { line: *line };
            let outline = parse_x509_certificate(der).ok().filter(|(rest, _)| rest.is_empty());
            let outline = outline.and_then(|(_, certificate)| outline_of(&certificate)).ok_or_else(unreadable)?;
            first.get_or_insert(outline);
        }
        let (subject, not_before, not_after, for_clients) =
            first.ok_or(ClientCertificateError::Pem(PemError::NoCertificateBlock))?;
        let key = pem::private_key(key).map_err(ClientCertificateError::Key)?;
        let chain = blocks.into_iter().map(|block| CertificateDer::from(block.der)).collect();
        let provider = rustls::crypto::aws_lc_rs::default_provider();
        let key = CertifiedKey::from_der(chain, private_key_der(key), &provider).map_err(|error| {
            let foreign = matches!(error, rustls::Error::InconsistentKeys(_));
            if foreign { ClientCertificateError::Foreign } else { ClientCertificateError::Unsupported }
        })?;
        Ok(Self(Arc::new(Parts { key: Arc::new(key), subject, not_before, not_after, for_clients })))
    }

    /// The subject of the first certificate.
    #[must_use]
    pub fn subject(&self) -> &Excerpt {
        &self.0.subject
    }

    /// The beginning of the validity of the first certificate.
    #[must_use]
    pub fn not_before(&self) -> UnixTime {
        self.0.not_before
    }

    /// The end of the validity of the first certificate.
    #[must_use]
    pub fn not_after(&self) -> UnixTime {
        self.0.not_after
    }

    /// Whether the extended key usage of the first certificate is absent or has clientAuth.
    #[must_use]
    pub fn is_for_clients(&self) -> bool {
        self.0.for_clients
    }

    pub(super) fn key(&self) -> Arc<CertifiedKey> {
        Arc::clone(&self.0.key)
    }
}

/// Subject, begin, end, and whether it is for clients. `None` if the validity is outside the years 1970 to 9999.
fn outline_of(certificate: &X509Certificate<'_>) -> Option<(Excerpt, UnixTime, UnixTime, bool)> {
    let validity = certificate.validity();
    let time = |time: x509_parser::time::ASN1Time| UnixTime::from_seconds(time.timestamp()).ok();
    let usage = certificate.extended_key_usage().ok()?;
    let for_clients = usage.is_none_or(|usage| usage.value.any || usage.value.client_auth);
    let subject = Excerpt::of(&certificate.subject().to_string());
    Some((subject, time(validity.not_before)?, time(validity.not_after)?, for_clients))
}

/// The key in the form that rustls needs.
#[must_use]
pub fn private_key_der(PrivateKey { format, der }: PrivateKey) -> PrivateKeyDer<'static> {
    match format {
        KeyFormat::Pkcs8 => PrivatePkcs8KeyDer::from(der).into(),
        KeyFormat::Pkcs1 => PrivatePkcs1KeyDer::from(der).into(),
        KeyFormat::Sec1 => PrivateSec1KeyDer::from(der).into(),
    }
}

impl PartialEq for ClientCertificate {
    /// Equal chains have equal keys, as a key was compared with its certificate.
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0) || self.0.key.cert == other.0.key.cert
    }
}

impl Eq for ClientCertificate {}

impl fmt::Debug for ClientCertificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientCertificate")
            .field("subject", &self.0.subject)
            .field("not_after", &self.0.not_after)
            .finish_non_exhaustive()
    }
}
