//! What a certificate shall say. A value that is handed to an [`Authority`](super::Authority).

use time::OffsetDateTime;
use time::macros::datetime;

use crate::der;
use crate::pki::Key;
use crate::pki::KeyType;
use crate::pki::name::Name;

/// Object identifiers of extended key usages.
pub mod eku {
    pub const ANY: &str = "2.5.29.37.0";
    pub const SERVER_AUTH: &str = "1.3.6.1.5.5.7.3.1";
    pub const CLIENT_AUTH: &str = "1.3.6.1.5.5.7.3.2";
    pub const CODE_SIGNING: &str = "1.3.6.1.5.5.7.3.3";
    pub const EMAIL_PROTECTION: &str = "1.3.6.1.5.5.7.3.4";
    pub const TIME_STAMPING: &str = "1.3.6.1.5.5.7.3.8";
    pub const OCSP_SIGNING: &str = "1.3.6.1.5.5.7.3.9";
}

/// The bits of RFC 5280 §4.2.1.3, in their order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyUsage {
    DigitalSignature,
    NonRepudiation,
    KeyEncipherment,
    DataEncipherment,
    KeyAgreement,
    KeyCertSign,
    CrlSign,
    EncipherOnly,
    DecipherOnly,
}

impl KeyUsage {
    const fn bit(self) -> u32 {
        match self {
            Self::DigitalSignature => 0,
            Self::NonRepudiation => 1,
            Self::KeyEncipherment => 2,
            Self::DataEncipherment => 3,
            Self::KeyAgreement => 4,
            Self::KeyCertSign => 5,
            Self::CrlSign => 6,
            Self::EncipherOnly => 7,
            Self::DecipherOnly => 8,
        }
    }
}

/// A certificate to be. Start from [`root`](Self::root), [`intermediate`](Self::intermediate), [`leaf`](Self::leaf)
/// or a TLS role, then change what the case is about.
#[derive(Clone, Debug)]
pub struct CertSpec {
    pub(crate) key: KeyChoice,
    pub(crate) subject: Name,
    pub(crate) not_before: OffsetDateTime,
    pub(crate) not_after: OffsetDateTime,
    pub(crate) serial: Option<Vec<u8>>,
    basic_constraints: Option<BasicConstraints>,
    key_usage: Option<(Vec<KeyUsage>, bool)>,
    ekus: Option<(Vec<String>, bool)>,
    alternative_names: Vec<String>,
    ocsp_urls: Vec<String>,
    crl_urls: Vec<String>,
    custom: Vec<Extension>,
}

#[derive(Clone, Debug)]
pub(crate) enum KeyChoice {
    /// Fresh if quick; else the cached one of the place in the chain.
    OfType(KeyType),
    Given(Key),
}

#[derive(Clone, Copy, Debug)]
struct BasicConstraints {
    ca: bool,
    path_length: Option<u8>,
    critical: bool,
}

#[derive(Clone, Debug)]
pub(crate) struct Extension {
    pub(crate) oid: String,
    pub(crate) critical: bool,
    pub(crate) value: Vec<u8>,
}

impl CertSpec {
    /// Every certificate is valid from here, unless told otherwise.
    pub const NOT_BEFORE: OffsetDateTime = datetime!(2020-01-01 00:00:00 UTC);
    /// Every certificate is valid until here, unless told otherwise.
    pub const NOT_AFTER: OffsetDateTime = datetime!(2049-12-31 23:59:59 UTC);

    fn new(common_name: &str, basic_constraints: Option<BasicConstraints>, usage: &[KeyUsage]) -> Self {
        Self {
            key: KeyChoice::OfType(KeyType::P256),
            subject: Name::single(&[("C", "CH"), ("ST", "ZH"), ("O", "Testkit"), ("CN", common_name)]),
            not_before: Self::NOT_BEFORE,
            not_after: Self::NOT_AFTER,
            serial: None,
            basic_constraints,
            key_usage: Some((usage.to_vec(), true)),
            ekus: None,
            alternative_names: Vec::new(),
            ocsp_urls: Vec::new(),
            crl_urls: Vec::new(),
            custom: Vec::new(),
        }
    }

    fn ca(common_name: &str) -> Self {
        let constraints = BasicConstraints { ca: true, path_length: None, critical: true };
        Self::new(common_name, Some(constraints), &[KeyUsage::KeyCertSign, KeyUsage::CrlSign])
    }

    /// CA: basicConstraints critical with cA, keyUsage critical with keyCertSign and cRLSign. `CN=root`.
    #[must_use]
    pub fn root() -> Self {
        Self::ca("root")
    }

    /// As [`root`](Self::root), `CN=intermediate`.
    #[must_use]
    pub fn intermediate() -> Self {
        Self::ca("intermediate")
    }

    /// Signs code: keyUsage critical with digitalSignature, EKU codeSigning, no basicConstraints. `CN=leaf`.
    #[must_use]
    pub fn leaf() -> Self {
        Self::new("leaf", None, &[KeyUsage::DigitalSignature]).ekus(&[eku::CODE_SIGNING])
    }

    /// Signs timestamps: EKU timeStamping alone and critical. `CN=tsa`.
    #[must_use]
    pub fn tsa() -> Self {
        Self::new("tsa", None, &[KeyUsage::DigitalSignature]).ekus(&[eku::TIME_STAMPING]).ekus_critical(true)
    }

    /// TLS server for these host names and addresses.
    #[must_use]
    pub fn tls_server(hosts: &[&str]) -> Self {
        let spec = Self::new("server", None, &[KeyUsage::DigitalSignature]).ekus(&[eku::SERVER_AUTH]);
        spec.alternative_names(hosts)
    }

    /// TLS client whose common name is also its DNS name (what Gatekeeper's certificate looks like).
    #[must_use]
    pub fn tls_client(common_name: &str) -> Self {
        let spec = Self::new(common_name, None, &[KeyUsage::DigitalSignature]).ekus(&[eku::CLIENT_AUTH]);
        spec.alternative_names(&[common_name])
    }

    /// Type of the key. EC keys are fresh for every certificate; RSA keys are cached per place in the chain (root,
    /// intermediate by depth, leaf), so two RSA leaves share a key unless [`with_key`](Self::with_key) says otherwise.
    #[must_use]
    pub fn key(mut self, kind: KeyType) -> Self {
        self.key = KeyChoice::OfType(kind);
        self
    }

    /// This very key.
    #[must_use]
    pub fn with_key(mut self, key: &Key) -> Self {
        self.key = KeyChoice::Given(key.clone());
        self
    }

    /// The whole subject, in this order, one attribute per RDN: short names (C, ST, L, O, OU, CN, STREET, POSTALCODE,
    /// SERIALNUMBER, DC, emailAddress) or dotted object identifiers; an attribute may come twice.
    #[must_use]
    pub fn subject(mut self, attributes: &[(&str, &str)]) -> Self {
        self.subject = Name::single(attributes);
        self
    }

    /// The whole subject as RDNs of several attributes.
    #[must_use]
    pub fn subject_rdns(mut self, rdns: &[&[(&str, &str)]]) -> Self {
        self.subject = Name::multi(rdns);
        self
    }

    /// Only the common name; the rest of the subject stays.
    #[must_use]
    pub fn common_name(mut self, name: &str) -> Self {
        self.subject.set("CN", name);
        self
    }

    /// Both ends belong to the period.
    #[must_use]
    pub fn valid(mut self, not_before: OffsetDateTime, not_after: OffsetDateTime) -> Self {
        (self.not_before, self.not_after) = (not_before, not_after);
        self
    }

    /// Big-endian; random otherwise.
    #[must_use]
    pub fn serial(mut self, serial: &[u8]) -> Self {
        self.serial = Some(serial.to_vec());
        self
    }

    /// basicConstraints with this `cA`, critical.
    #[must_use]
    pub fn is_ca(mut self, ca: bool) -> Self {
        self.basic_constraints = Some(BasicConstraints { ca, path_length: None, critical: true });
        self
    }

    /// Leaves basicConstraints out.
    #[must_use]
    pub fn without_basic_constraints(mut self) -> Self {
        self.basic_constraints = None;
        self
    }

    /// Criticality of basicConstraints; panics without them.
    #[must_use]
    pub fn basic_constraints_critical(mut self, critical: bool) -> Self {
        self.basic_constraints.as_mut().expect("basicConstraints").critical = critical;
        self
    }

    /// pathLenConstraint; panics without basicConstraints.
    #[must_use]
    pub fn path_length(mut self, path_length: u8) -> Self {
        self.basic_constraints.as_mut().expect("basicConstraints").path_length = Some(path_length);
        self
    }

    /// Exactly these bits, critical.
    #[must_use]
    pub fn key_usage(mut self, bits: &[KeyUsage]) -> Self {
        self.key_usage = Some((bits.to_vec(), true));
        self
    }

    /// Leaves keyUsage out.
    #[must_use]
    pub fn without_key_usage(mut self) -> Self {
        self.key_usage = None;
        self
    }

    /// Criticality of keyUsage; panics without it.
    #[must_use]
    pub fn key_usage_critical(mut self, critical: bool) -> Self {
        self.key_usage.as_mut().expect("keyUsage").1 = critical;
        self
    }

    /// Exactly these extended key usages (see [`eku`]), not critical.
    #[must_use]
    pub fn ekus(mut self, oids: &[&str]) -> Self {
        self.ekus = Some((oids.iter().map(|oid| (*oid).to_owned()).collect(), false));
        self
    }

    /// Leaves extKeyUsage out.
    #[must_use]
    pub fn without_ekus(mut self) -> Self {
        self.ekus = None;
        self
    }

    /// Criticality of extKeyUsage; panics without it.
    #[must_use]
    pub fn ekus_critical(mut self, critical: bool) -> Self {
        self.ekus.as_mut().expect("extKeyUsage").1 = critical;
        self
    }

    /// Subject alternative names: what parses as an address is one, all else is a DNS name.
    #[must_use]
    pub fn alternative_names(mut self, names: &[&str]) -> Self {
        self.alternative_names = names.iter().map(|name| (*name).to_owned()).collect();
        self
    }

    /// Adds an OCSP responder to the authority information access.
    #[must_use]
    pub fn ocsp_url(mut self, url: &str) -> Self {
        self.ocsp_urls.push(url.to_owned());
        self
    }

    /// Adds a CRL distribution point with this URL.
    #[must_use]
    pub fn crl_url(mut self, url: &str) -> Self {
        self.crl_urls.push(url.to_owned());
        self
    }

    /// Adds any extension; `value` is the DER inside the OCTET STRING. One that is there already is then there twice.
    #[must_use]
    pub fn extension(mut self, oid: &str, critical: bool, value: &[u8]) -> Self {
        self.custom.push(Extension { oid: oid.to_owned(), critical, value: value.to_vec() });
        self
    }

    pub(crate) fn extensions(&self) -> Vec<Extension> {
        let extension = |oid: &str, critical, value| Extension { oid: oid.to_owned(), critical, value };
        let mut all = Vec::new();
        if let Some(BasicConstraints { ca, path_length, critical }) = self.basic_constraints {
            let ca = if ca { der::boolean(true) } else { Vec::new() };
            let length = path_length.map(|length| der::integer(u64::from(length))).unwrap_or_default();
            all.push(extension("2.5.29.19", critical, der::sequence([ca, length])));
        }
        if let Some((bits, critical)) = &self.key_usage {
            all.push(extension("2.5.29.15", *critical, key_usage_bits(bits)));
        }
        if let Some((oids, critical)) = &self.ekus {
            all.push(extension("2.5.29.37", *critical, der::sequence(oids.iter().map(|oid| der::oid(oid)))));
        }
        if !self.alternative_names.is_empty() {
            all.push(extension("2.5.29.17", false, der::sequence(self.alternative_names.iter().map(|n| san(n)))));
        }
        if !self.ocsp_urls.is_empty() {
            let access = self.ocsp_urls.iter().map(|url| der::sequence([der::oid("1.3.6.1.5.5.7.48.1"), uri(url)]));
            all.push(extension("1.3.6.1.5.5.7.1.1", false, der::sequence(access)));
        }
        if !self.crl_urls.is_empty() {
            // DistributionPoint { distributionPoint [0] { fullName [0] { URI } } }, RFC 5280 §4.2.1.13.
            let points =
                self.crl_urls.iter().map(|url| der::sequence([der::element(0xa0, &der::element(0xa0, &uri(url)))]));
            all.push(extension("2.5.29.31", false, der::sequence(points)));
        }
        all.extend(self.custom.iter().cloned());
        all
    }
}

fn uri(url: &str) -> Vec<u8> {
    der::element(0x86, url.as_bytes())
}

fn san(name: &str) -> Vec<u8> {
    match name.parse::<std::net::IpAddr>() {
        Ok(std::net::IpAddr::V4(address)) => der::element(0x87, &address.octets()),
        Ok(std::net::IpAddr::V6(address)) => der::element(0x87, &address.octets()),
        Err(_) => der::element(0x82, name.as_bytes()),
    }
}

/// A named bit list: trailing zero bits are left out, as DER wants it.
fn key_usage_bits(bits: &[KeyUsage]) -> Vec<u8> {
    let word = bits.iter().fold(0u16, |word, usage| word | 0x8000 >> usage.bit());
    if word == 0 {
        return der::element(0x03, &[0]);
    }
    let unused = u8::try_from(word.trailing_zeros() % 8).expect("below 8");
    let [high, low] = word.to_be_bytes();
    let content = if low == 0 { vec![unused, high] } else { vec![unused, high, low] };
    der::element(0x03, &content)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn key_usage_bits_are_written_as_der_wants_them() {
        assert_eq!(key_usage_bits(&[KeyUsage::DigitalSignature]), [3, 2, 7, 0x80]);
        assert_eq!(key_usage_bits(&[KeyUsage::KeyCertSign, KeyUsage::CrlSign]), [3, 2, 1, 0x06]);
        assert_eq!(key_usage_bits(&[KeyUsage::DecipherOnly]), [3, 3, 7, 0, 0x80]);
        assert_eq!(key_usage_bits(&[]), [3, 1, 0]);
    }
}
