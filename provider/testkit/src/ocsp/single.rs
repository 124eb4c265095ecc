//! Single responses.

use time::OffsetDateTime;
use time::macros::datetime;

use super::encode;
use super::encode::IssuerHash;
use crate::crl;
use crate::der;

/// The status of one certificate.
#[derive(Clone, Debug)]
pub struct Single {
    serial: Vec<u8>,
    hash: IssuerHash,
    /// The certificate of another issuer, whose hashes are written.
    issuer: Option<Vec<u8>>,
    /// The certificate whose key is hashed in place of the issuer's.
    key_of: Option<Vec<u8>>,
    status: Vec<u8>,
    this_update: Vec<u8>,
    next_update: Option<Vec<u8>>,
    extensions: Vec<Vec<u8>>,
    /// All bytes, in place of the other fields.
    encoded: Option<Vec<u8>>,
}

impl Single {
    /// Default thisUpdate.
    pub const THIS_UPDATE: OffsetDateTime = datetime!(2026-11-21 00:00:00 UTC);
    /// Default nextUpdate.
    pub const NEXT_UPDATE: OffsetDateTime = datetime!(2026-11-28 00:00:00 UTC);
    /// Default time of a revocation.
    pub const REVOKED_AT: OffsetDateTime = datetime!(2026-11-01 00:00:00 UTC);

    /// The status good of a certificate, with SHA-1 hashes of its issuer, current from [`Self::THIS_UPDATE`] to
    /// [`Self::NEXT_UPDATE`].
    #[must_use]
    pub fn good(certificate: &[u8]) -> Self {
        Self {
            serial: crl::serial_of(certificate).to_vec(),
            hash: IssuerHash::Sha1,
            issuer: None,
            key_of: None,
            status: der::element(0x80, &[]),
            this_update: crl::generalized_time(Self::THIS_UPDATE),
            next_update: Some(crl::generalized_time(Self::NEXT_UPDATE)),
            extensions: Vec::new(),
            encoded: None,
        }
    }

    /// As [`Self::good`], with the status unknown.
    #[must_use]
    pub fn unknown(certificate: &[u8]) -> Self {
        Self::good(certificate).status_der(&der::element(0x82, &[]))
    }

    /// As [`Self::good`], revoked at [`Self::REVOKED_AT`] without a reason.
    #[must_use]
    pub fn revoked(certificate: &[u8]) -> Self {
        Self::good(certificate).revoked_at(Self::REVOKED_AT, None)
    }

    /// Revoked at this time, with the number of a reason: 1 keyCompromise, 6 certificateHold.
    #[must_use]
    pub fn revoked_at(self, at: OffsetDateTime, reason: Option<u8>) -> Self {
        let reason = reason.map(|number| der::element(0xa0, &der::element(0x0a, &[number]))).unwrap_or_default();
        self.status_der(&der::element(0xa1, &[crl::generalized_time(at), reason].concat()))
    }

    /// Sets certStatus.
    #[must_use]
    pub fn status_der(mut self, status: &[u8]) -> Self {
        self.status = status.to_vec();
        self
    }

    /// Sets the contents of the serial number.
    #[must_use]
    pub fn serial(mut self, contents: &[u8]) -> Self {
        self.serial = contents.to_vec();
        self
    }

    /// Sets the hash algorithm of the issuer's name and key.
    #[must_use]
    pub fn hash(mut self, hash: IssuerHash) -> Self {
        self.hash = hash;
        self
    }

    /// Hashes the name and the key of another issuer.
    #[must_use]
    pub fn of_issuer(mut self, certificate: &[u8]) -> Self {
        self.issuer = Some(certificate.to_vec());
        self
    }

    /// Hashes the key of another issuer, with the name of the right one.
    #[must_use]
    pub fn with_key_of(mut self, certificate: &[u8]) -> Self {
        self.key_of = Some(certificate.to_vec());
        self
    }

    /// Sets thisUpdate.
    #[must_use]
    pub fn this_update(self, at: OffsetDateTime) -> Self {
        self.this_update_der(&crl::generalized_time(at))
    }

    /// Sets thisUpdate as its encoded bytes.
    #[must_use]
    pub fn this_update_der(mut self, at: &[u8]) -> Self {
        self.this_update = at.to_vec();
        self
    }

    /// Sets nextUpdate.
    #[must_use]
    pub fn next_update(self, at: OffsetDateTime) -> Self {
        self.next_update_der(&crl::generalized_time(at))
    }

    /// Sets nextUpdate as its encoded bytes.
    #[must_use]
    pub fn next_update_der(mut self, at: &[u8]) -> Self {
        self.next_update = Some(at.to_vec());
        self
    }

    /// Omits nextUpdate.
    #[must_use]
    pub fn without_next_update(mut self) -> Self {
        self.next_update = None;
        self
    }

    /// Adds an invalidity date, not critical.
    #[must_use]
    pub fn invalid_since(self, since: OffsetDateTime) -> Self {
        self.extension("2.5.29.24", false, &crl::generalized_time(since))
    }

    /// Adds any extension; `value` is the DER in the OCTET STRING.
    #[must_use]
    pub fn extension(mut self, oid: &str, critical: bool, value: &[u8]) -> Self {
        self.extensions.push(crl::extension(oid, critical, value));
        self
    }

    /// Sets all bytes.
    #[must_use]
    pub fn encoded(mut self, single: &[u8]) -> Self {
        self.encoded = Some(single.to_vec());
        self
    }

    /// The encoding in a response of this issuer.
    #[must_use]
    pub fn to_der(&self, issuer: &[u8]) -> Vec<u8> {
        if let Some(encoded) = &self.encoded {
            return encoded.clone();
        }
        let issuer = self.issuer.as_deref().unwrap_or(issuer);
        let key_of = self.key_of.as_deref().unwrap_or(issuer);
        let id = der::sequence([
            self.hash.identifier(),
            der::octet_string(&self.hash.of(crl::subject(issuer))),
            der::octet_string(&self.hash.of(encode::key_bits(key_of))),
            der::element(0x02, &self.serial),
        ]);
        der::sequence([
            id,
            self.status.clone(),
            self.this_update.clone(),
            self.next_update.as_ref().map(|at| der::element(0xa0, at)).unwrap_or_default(),
            encode::extensions(&self.extensions),
        ])
    }
}
