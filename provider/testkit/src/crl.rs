//! CRLs ([RFC 5280 §5](https://www.rfc-editor.org/rfc/rfc5280#section-5)), right ones and every kind of wrong one.
//!
//! The defaults of [`CrlSpec`] follow RFC 5280; each setting changes one part. A CRL is issued by [`Authority::crl`].

mod entry;
mod point;

use time::OffsetDateTime;
use time::macros::datetime;

use crate::der;
use crate::pki::Authority;
use crate::pki::Key;
use crate::pki::KeyType;

pub use entry::Revoked;
pub(crate) use entry::generalized_time;
pub use entry::serial_of;
pub use point::IssuingPoint;
pub use point::PointSpec;
pub use point::points;

/// The content of a CRL to issue.
#[derive(Clone, Debug)]
pub struct CrlSpec {
    version: Option<u64>,
    this_update: OffsetDateTime,
    next_update: Option<OffsetDateTime>,
    generalized: bool,
    /// Encoded, in the order of the list. Without any, the list of entries is absent.
    entries: Vec<u8>,
    has_entries: bool,
    number: Option<Vec<u8>>,
    delta_base: Option<Vec<u8>>,
    issuing_point: Option<Vec<u8>>,
    freshest: Vec<String>,
    extensions: Vec<Vec<u8>>,
    issuer: Option<Vec<u8>>,
    signer: Option<Key>,
    inner_algorithm: Option<Vec<u8>>,
    outer_algorithm: Option<Vec<u8>>,
}

impl Default for CrlSpec {
    fn default() -> Self {
        Self::new()
    }
}

impl CrlSpec {
    /// Default thisUpdate.
    pub const THIS_UPDATE: OffsetDateTime = datetime!(2026-11-20 00:00:00 UTC);
    /// Default nextUpdate.
    pub const NEXT_UPDATE: OffsetDateTime = datetime!(2026-11-27 00:00:00 UTC);

    /// A complete CRL without entries, number 7, current from [`Self::THIS_UPDATE`] to [`Self::NEXT_UPDATE`].
    #[must_use]
    pub fn new() -> Self {
        Self {
            version: Some(1),
            this_update: Self::THIS_UPDATE,
            next_update: Some(Self::NEXT_UPDATE),
            generalized: false,
            entries: Vec::new(),
            has_entries: false,
            number: Some(der::integer(7)),
            delta_base: None,
            issuing_point: None,
            freshest: Vec::new(),
            extensions: Vec::new(),
            issuer: None,
            signer: None,
            inner_algorithm: None,
            outer_algorithm: None,
        }
    }

    /// A delta CRL, number 8, for the base CRL with this number.
    #[must_use]
    pub fn delta(base: u64) -> Self {
        Self { delta_base: Some(der::integer(base)), ..Self::new().number(8) }
    }

    /// Adds an entry.
    #[must_use]
    pub fn revoked(mut self, entry: &Revoked) -> Self {
        self.has_entries = true;
        self.entries.extend(entry.to_der());
        self
    }

    /// Adds many entries with serial numbers of 16 bytes in no order, each with the reason keyCompromise: 49 bytes an
    /// entry. The serial numbers are those of [`Self::many_serial`].
    #[must_use]
    pub fn many(mut self, count: u64) -> Self {
        self.has_entries = true;
        self.entries.reserve(usize::try_from(count).expect("a count of entries") * 49);
        let template = Revoked::new(&Self::many_serial(0)).reason(1).to_der();
        for number in 0..count {
            let from = self.entries.len();
            self.entries.extend(&template);
            // SEQUENCE and INTEGER have two bytes of tag and length each.
            self.entries[from + 4..from + 20].copy_from_slice(&Self::many_serial(number));
        }
        self
    }

    /// The serial number of an entry of [`Self::many`].
    #[must_use]
    pub fn many_serial(number: u64) -> [u8; 16] {
        let mixed = u128::from(number).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835);
        let mut serial = mixed.to_be_bytes();
        serial[0] = serial[0] & 0x3f | 0x40;
        serial
    }

    /// Adds an entry as its encoded bytes.
    #[must_use]
    pub fn raw_entry(mut self, entry: &[u8]) -> Self {
        self.has_entries = true;
        self.entries.extend(entry);
        self
    }

    /// Writes the list of entries although it is empty, which RFC 5280 forbids.
    #[must_use]
    pub fn with_empty_list(mut self) -> Self {
        self.has_entries = true;
        self
    }

    /// Sets the number of the version as it is encoded: 1 for version 2. `None` omits it, which means version 1.
    #[must_use]
    pub fn version(mut self, version: Option<u64>) -> Self {
        self.version = version;
        self
    }

    /// Sets thisUpdate and nextUpdate.
    #[must_use]
    pub fn valid(mut self, this_update: OffsetDateTime, next_update: OffsetDateTime) -> Self {
        (self.this_update, self.next_update) = (this_update, Some(next_update));
        self
    }

    /// Omits nextUpdate.
    #[must_use]
    pub fn without_next_update(mut self) -> Self {
        self.next_update = None;
        self
    }

    /// Writes both times as GeneralizedTime, also before 2050.
    #[must_use]
    pub fn generalized_times(mut self) -> Self {
        self.generalized = true;
        self
    }

    /// Sets the CRL number.
    #[must_use]
    pub fn number(self, number: u64) -> Self {
        self.raw_number(&der::integer(number))
    }

    /// Sets the value of the CRL number: the DER in the OCTET STRING.
    #[must_use]
    pub fn raw_number(mut self, value: &[u8]) -> Self {
        self.number = Some(value.to_vec());
        self
    }

    /// Omits the CRL number.
    #[must_use]
    pub fn without_number(mut self) -> Self {
        self.number = None;
        self
    }

    /// Sets the issuing distribution point, critical.
    #[must_use]
    pub fn issuing_point(self, point: &IssuingPoint) -> Self {
        self.raw_issuing_point(&point.to_der())
    }

    /// Sets the value of the issuing distribution point: the DER in the OCTET STRING.
    #[must_use]
    pub fn raw_issuing_point(mut self, value: &[u8]) -> Self {
        self.issuing_point = Some(value.to_vec());
        self
    }

    /// Adds the address of a delta CRL to the freshest CRL extension, as a point of its own.
    #[must_use]
    pub fn freshest_url(mut self, url: &str) -> Self {
        self.freshest.push(url.to_owned());
        self
    }

    /// Adds any extension of the list; `value` is the DER in the OCTET STRING.
    #[must_use]
    pub fn extension(mut self, oid: &str, critical: bool, value: &[u8]) -> Self {
        self.extensions.push(extension(oid, critical, value));
        self
    }

    /// Names another issuer: the DER of a `Name`.
    #[must_use]
    pub fn issuer(mut self, name: &[u8]) -> Self {
        self.issuer = Some(name.to_vec());
        self
    }

    /// Names another authority as issuer.
    #[must_use]
    pub fn issued_in_the_name_of(self, authority: &Authority) -> Self {
        let name = subject(authority.der()).to_vec();
        self.issuer(&name)
    }

    /// Signs with another key than that of the authority.
    #[must_use]
    pub fn signed_by(mut self, key: &Key) -> Self {
        self.signer = Some(key.clone());
        self
    }

    /// Sets the AlgorithmIdentifier inside the signed part.
    #[must_use]
    pub fn inner_algorithm(mut self, algorithm: &[u8]) -> Self {
        self.inner_algorithm = Some(algorithm.to_vec());
        self
    }

    /// Sets both AlgorithmIdentifiers; the signature stays that of the key.
    #[must_use]
    pub fn algorithm(mut self, algorithm: &[u8]) -> Self {
        self.outer_algorithm = Some(algorithm.to_vec());
        self.inner_algorithm(algorithm)
    }

    fn time(&self, time: OffsetDateTime) -> Vec<u8> {
        if self.generalized { entry::generalized_time(time) } else { entry::time(time) }
    }

    fn tbs(&self, issuer: &[u8], algorithm: &[u8]) -> Vec<u8> {
        let extensions = self.all_extensions();
        let extensions =
            if extensions.is_empty() { Vec::new() } else { der::element(0xa0, &der::sequence(extensions)) };
        der::sequence([
            self.version.map(der::integer).unwrap_or_default(),
            self.inner_algorithm.clone().unwrap_or_else(|| algorithm.to_vec()),
            self.issuer.clone().unwrap_or_else(|| issuer.to_vec()),
            self.time(self.this_update),
            self.next_update.map(|time| self.time(time)).unwrap_or_default(),
            if self.has_entries { der::element(0x30, &self.entries) } else { Vec::new() },
            extensions,
        ])
    }

    fn all_extensions(&self) -> Vec<Vec<u8>> {
        let mut all = Vec::new();
        if let Some(number) = &self.number {
            all.push(extension("2.5.29.20", false, number));
        }
        if let Some(base) = &self.delta_base {
            all.push(extension("2.5.29.27", true, base));
        }
        if let Some(point) = &self.issuing_point {
            all.push(extension("2.5.29.28", true, point));
        }
        if !self.freshest.is_empty() {
            let each: Vec<PointSpec> = self.freshest.iter().map(|url| PointSpec::new(&[url])).collect();
            all.push(extension("2.5.29.46", false, &points(&each)));
        }
        all.extend(self.extensions.iter().cloned());
        all
    }
}

impl Authority {
    /// Issues a CRL. Checks nothing: any spec is accepted.
    #[must_use]
    pub fn crl(&self, spec: &CrlSpec) -> Vec<u8> {
        let key = spec.signer.as_ref().unwrap_or_else(|| self.key());
        let algorithm = algorithm(key.kind());
        let tbs = spec.tbs(subject(self.der()), &algorithm);
        let signature = rcgen::SigningKey::sign(key.issuing(), &tbs).expect("the key signs any message");
        der::sequence([tbs, spec.outer_algorithm.clone().unwrap_or(algorithm), der::bit_string(&signature)])
    }
}

/// The DER of the subject of a certificate that this crate issued.
#[must_use]
pub fn subject(certificate: &[u8]) -> &[u8] {
    der::children(der::children(certificate)[0])[5]
}

/// The AlgorithmIdentifier of the signatures on certificates and CRLs by such a key.
#[must_use]
pub fn algorithm(kind: KeyType) -> Vec<u8> {
    let rsa = |oid| der::sequence([der::oid(oid), der::element(0x05, &[])]);
    let other = |oid| der::sequence([der::oid(oid)]);
    match kind {
        KeyType::Rsa2048 => rsa("1.2.840.113549.1.1.11"),
        KeyType::Rsa3072 => rsa("1.2.840.113549.1.1.12"),
        KeyType::Rsa4096 => rsa("1.2.840.113549.1.1.13"),
        KeyType::P256 => other("1.2.840.10045.4.3.2"),
        KeyType::P384 => other("1.2.840.10045.4.3.3"),
        KeyType::P521 => other("1.2.840.10045.4.3.4"),
        KeyType::Ed25519 => other("1.3.101.112"),
    }
}

/// One extension.
pub(crate) fn extension(oid: &str, critical: bool, value: &[u8]) -> Vec<u8> {
    let critical = if critical { der::boolean(true) } else { Vec::new() };
    der::sequence([der::oid(oid), critical, der::octet_string(value)])
}
