//! The authority and what it issues: EC P-256, which Gatekeeper and every other client supports.

use std::fmt;
use std::time::Duration;

use countersign_core::codec::pem;
use countersign_core::codec::pem::CertificateBlock;
use countersign_core::codec::pem::PemError;
use countersign_core::time::UnixTime;
use rcgen::BasicConstraints;
use rcgen::CertificateParams;
use rcgen::DnType;
use rcgen::ExtendedKeyUsagePurpose;
use rcgen::IsCa;
use rcgen::Issuer;
use rcgen::KeyPair;
use rcgen::KeyUsagePurpose;
use rcgen::PublicKeyData as _;
use rustls_pki_types::CertificateDer;
use time::OffsetDateTime;

use crate::cli::certificate_name::name;
use crate::server::tls::TlsCertificate;
use crate::server::tls::TlsName;
use countersign_http::private_key_der;

/// How long an authority is valid: as long as Gatekeeper's own.
const AUTHORITY_DAYS: u16 = 3650;

/// How long before the present certificates begin to be valid, for clocks that are behind.
const SKEW: Duration = Duration::from_secs(3600);

/// Longest common name (RFC 5280, ub-common-name).
const COMMON_NAME_BYTES: usize = 64;

/// A certificate with its key, in PEM.
pub(super) struct Pair {
    pub(super) certificate: String,
    /// Secret.
    pub(super) key: String,
    pub(super) names: Vec<String>,
    pub(super) end: UnixTime,
}

impl fmt::Debug for Pair {
    /// Without the key.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pair").field("names", &self.names).field("end", &self.end).finish_non_exhaustive()
    }
}

/// The purpose of a certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Purpose {
    Server,
    Client,
}

/// Why an authority on disk cannot be used. Never contains parts of a key.
#[derive(Debug, thiserror::Error)]
pub(super) enum AuthorityError {
    #[error("ca.crt: {0}")]
    CertificatePem(PemError),
    #[error("ca.crt contains no readable certificate, expected the CA certificate")]
    Certificate,
    #[error("ca.crt is not a CA certificate, expected one that may sign certificates")]
    NoAuthority,
    #[error("the CA certificate has expired: found end {end}; use --force to create a new CA")]
    Ended { end: UnixTime },
    #[error("ca.key: {0}")]
    KeyPem(PemError),
    #[error("ca.key contains no usable private key, expected the key of ca.crt")]
    Key,
    #[error("ca.key is not the key of ca.crt, expected a matching pair")]
    Foreign,
}

/// An authority that can issue.
pub(super) struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pair: Pair,
}

impl Authority {
    /// A new one.
    ///
    /// # Errors
    /// The system's random generator fails.
    pub(super) fn new(now: UnixTime) -> anyhow::Result<Self> {
        let key = KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256)?;
        let end = days_after(now, AUTHORITY_DAYS);
        let mut params = params("Countersign authority", now, end)?;
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let certificate = params.self_signed(&key)?.pem();
        let pair = Pair { certificate, key: key.serialize_pem(), names: Vec::new(), end };
        Ok(Self { issuer: Issuer::new(params, key), pair })
    }

    /// Reads an existing authority.
    ///
    /// # Errors
    /// It is not a valid authority, or it has expired.
    pub(super) fn read(certificate: &str, key: &str, now: UnixTime) -> Result<Self, AuthorityError> {
        let blocks = pem::certificates(certificate.as_bytes()).map_err(AuthorityError::CertificatePem)?;
        let key_der = private_key_der(pem::private_key(key.as_bytes()).map_err(AuthorityError::KeyPem)?);
        let pair_key = KeyPair::try_from(&key_der).map_err(|_| AuthorityError::Key)?;
        let der = of_key(&blocks, &pair_key)?;
        let parsed = TlsCertificate::parse(&der).ok_or(AuthorityError::Certificate)?;
        if !parsed.is_authority() {
            return Err(AuthorityError::NoAuthority);
        }
        let end = parsed.not_after().ok_or(AuthorityError::Certificate)?;
        if end <= now {
            return Err(AuthorityError::Ended { end });
        }
        let issuer = Issuer::from_ca_cert_der(&der, pair_key).map_err(|_| AuthorityError::Certificate)?;
        let pair = Pair { certificate: certificate.to_owned(), key: key.to_owned(), names: Vec::new(), end };
        Ok(Self { issuer, pair })
    }

    /// Issues a certificate with a new key, valid for at most `days` days and never longer than the authority.
    ///
    /// # Errors
    /// The system's random generator fails, or a name is invalid.
    pub(super) fn issue(&self, names: &[String], purpose: Purpose, days: u16, now: UnixTime) -> anyhow::Result<Pair> {
        let key = KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256)?;
        let end = days_after(now, days).min(self.pair.end);
        let common_name = names.first().map_or("countersign", String::as_str);
        let mut params = params(common_name, now, end)?;
        params.subject_alt_names = CertificateParams::new(names)?.subject_alt_names;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![match purpose {
            Purpose::Server => ExtendedKeyUsagePurpose::ServerAuth,
            Purpose::Client => ExtendedKeyUsagePurpose::ClientAuth,
        }];
        params.use_authority_key_identifier_extension = true;
        let certificate = params.signed_by(&key, &self.issuer)?.pem();
        Ok(Pair { certificate, key: key.serialize_pem(), names: names.to_vec(), end })
    }

    pub(super) fn into_pair(self) -> Pair {
        self.pair
    }
}

/// The certificate that belongs to the key. During the replacement of an authority the file has both certificates.
fn of_key(blocks: &[CertificateBlock], key: &KeyPair) -> Result<CertificateDer<'static>, AuthorityError> {
    for CertificateBlock { line: _, der } in blocks {
        let parsed = TlsCertificate::parse(der).ok_or(AuthorityError::Certificate)?;
        if parsed.public_key() == key.subject_public_key_info() {
            return Ok(der.clone().into());
        }
    }
    Err(AuthorityError::Foreign)
}

/// The DNS names and addresses of a certificate in PEM, at least one. `None` if it has names of other kinds: `certs`
/// did not issue it.
pub(super) fn names_of(certificate: &str) -> Option<Vec<String>> {
    let blocks = pem::certificates_beside_key(certificate.as_bytes()).ok()?;
    let own = |found: &TlsName| match found {
        TlsName::Dns(found) => name(found).ok(),
        TlsName::Address(address) => Some(address.to_string()),
        TlsName::Other => None,
    };
    let names: Option<Vec<_>> = TlsCertificate::parse(&blocks.first()?.der)?.names()?.iter().map(own).collect();
    names.filter(|names| !names.is_empty())
}

fn params(common_name: &str, now: UnixTime, end: UnixTime) -> anyhow::Result<CertificateParams> {
    let mut params = CertificateParams::default();
    params.distinguished_name = rcgen::DistinguishedName::new();
    let common_name = if common_name.len() <= COMMON_NAME_BYTES { common_name } else { "countersign" };
    params.distinguished_name.push(DnType::CommonName, common_name);
    let skew = i64::try_from(SKEW.as_secs())?;
    params.not_before = OffsetDateTime::from_unix_timestamp(now.seconds().saturating_sub(skew))?;
    params.not_after = OffsetDateTime::from_unix_timestamp(end.seconds())?;
    Ok(params)
}

fn days_after(now: UnixTime, days: u16) -> UnixTime {
    now.saturating_add(Duration::from_secs(u64::from(days) * 24 * 3600))
}
