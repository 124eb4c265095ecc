//! The content of a certificate to issue, given to an [`Authority`](super::Authority).

use time::OffsetDateTime;
use time::macros::datetime;

use crate::pki::Key;
use crate::pki::KeyType;
use crate::pki::extension::Extension;
use crate::pki::extension::KeyUsage;
use crate::pki::extension::eku;
use crate::pki::name::Name;

/// The content of a certificate to issue. Start from [`root`](Self::root), [`intermediate`](Self::intermediate), [`leaf`](Self::leaf)
/// or a TLS role, then change what the test case needs.
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
    /// A new key where that is fast; otherwise the cached key for the depth in the chain.
    OfType(KeyType),
    Given(Key),
}

#[derive(Clone, Copy, Debug)]
struct BasicConstraints {
    ca: bool,
    path_length: Option<u8>,
    critical: bool,
}

impl CertSpec {
    /// Default start of the validity period.
    pub const NOT_BEFORE: OffsetDateTime = datetime!(2020-01-01 00:00:00 UTC);
    /// Default end of the validity period.
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

    /// Like [`root`](Self::root), with `CN=intermediate`.
    #[must_use]
    pub fn intermediate() -> Self {
        Self::ca("intermediate")
    }

    /// Code signing: keyUsage critical with digitalSignature, EKU codeSigning, no basicConstraints. `CN=leaf`.
    #[must_use]
    pub fn leaf() -> Self {
        Self::new("leaf", None, &[KeyUsage::DigitalSignature]).ekus(&[eku::CODE_SIGNING])
    }

    /// Timestamping: the only EKU is timeStamping, critical. `CN=tsa`.
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

    /// TLS client whose common name is also its DNS name (like the certificate of Gatekeeper).
    #[must_use]
    pub fn tls_client(common_name: &str) -> Self {
        let spec = Self::new(common_name, None, &[KeyUsage::DigitalSignature]).ekus(&[eku::CLIENT_AUTH]);
        spec.alternative_names(&[common_name])
    }

    /// Sets the type of the key. EC keys are new for every certificate; RSA keys are cached per depth in the chain (root,
    /// intermediate by depth, leaf), so two RSA leaves share a key unless [`with_key`](Self::with_key) sets another.
    #[must_use]
    pub fn key(mut self, kind: KeyType) -> Self {
        self.key = KeyChoice::OfType(kind);
        self
    }

    /// Sets the key.
    #[must_use]
    pub fn with_key(mut self, key: &Key) -> Self {
        self.key = KeyChoice::Given(key.clone());
        self
    }

    /// Sets the whole subject, in this order, one attribute per RDN: short names (C, ST, L, O, OU, CN, STREET, POSTALCODE,
    /// SERIALNUMBER, DC, emailAddress) or dotted object identifiers; an attribute may come twice.
    #[must_use]
    pub fn subject(mut self, attributes: &[(&str, &str)]) -> Self {
        self.subject = Name::single(attributes);
        self
    }

    /// Sets the whole subject, with several attributes per RDN.
    #[must_use]
    pub fn subject_rdns(mut self, rdns: &[&[(&str, &str)]]) -> Self {
        self.subject = Name::multi(rdns);
        self
    }

    /// Sets the common name and keeps the rest of the subject.
    #[must_use]
    pub fn common_name(mut self, name: &str) -> Self {
        self.subject.set("CN", name);
        self
    }

    /// Sets the validity period; both ends are included.
    #[must_use]
    pub fn valid(mut self, not_before: OffsetDateTime, not_after: OffsetDateTime) -> Self {
        (self.not_before, self.not_after) = (not_before, not_after);
        self
    }

    /// Sets the serial number, big-endian. Default: random.
    #[must_use]
    pub fn serial(mut self, serial: &[u8]) -> Self {
        self.serial = Some(serial.to_vec());
        self
    }

    /// Sets basicConstraints with this `cA`, critical.
    #[must_use]
    pub fn is_ca(mut self, ca: bool) -> Self {
        self.basic_constraints = Some(BasicConstraints { ca, path_length: None, critical: true });
        self
    }

    /// Omits basicConstraints.
    #[must_use]
    pub fn without_basic_constraints(mut self) -> Self {
        self.basic_constraints = None;
        self
    }

    /// Sets the criticality of basicConstraints; panics without them.
    #[must_use]
    pub fn basic_constraints_critical(mut self, critical: bool) -> Self {
        self.basic_constraints.as_mut().expect("basicConstraints").critical = critical;
        self
    }

    /// Sets pathLenConstraint; panics without basicConstraints.
    #[must_use]
    pub fn path_length(mut self, path_length: u8) -> Self {
        self.basic_constraints.as_mut().expect("basicConstraints").path_length = Some(path_length);
        self
    }

    /// Sets keyUsage to exactly these bits, critical.
    #[must_use]
    pub fn key_usage(mut self, bits: &[KeyUsage]) -> Self {
        self.key_usage = Some((bits.to_vec(), true));
        self
    }

    /// Omits keyUsage.
    #[must_use]
    pub fn without_key_usage(mut self) -> Self {
        self.key_usage = None;
        self
    }

    /// Sets the criticality of keyUsage; panics without it.
    #[must_use]
    pub fn key_usage_critical(mut self, critical: bool) -> Self {
        self.key_usage.as_mut().expect("keyUsage").1 = critical;
        self
    }

    /// Sets exactly these extended key usages (see [`eku`]), not critical.
    #[must_use]
    pub fn ekus(mut self, oids: &[&str]) -> Self {
        self.ekus = Some((oids.iter().map(|oid| (*oid).to_owned()).collect(), false));
        self
    }

    /// Omits extKeyUsage.
    #[must_use]
    pub fn without_ekus(mut self) -> Self {
        self.ekus = None;
        self
    }

    /// Sets the criticality of extKeyUsage; panics without it.
    #[must_use]
    pub fn ekus_critical(mut self, critical: bool) -> Self {
        self.ekus.as_mut().expect("extKeyUsage").1 = critical;
        self
    }

    /// Sets the subject alternative names: an IP address if it parses as one, otherwise a DNS name.
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

    /// Adds any extension; `value` is the DER inside the OCTET STRING. An extension that is present already is then present twice.
    #[must_use]
    pub fn extension(mut self, oid: &str, critical: bool, value: &[u8]) -> Self {
        self.custom.push(Extension::new(oid, critical, value.to_vec()));
        self
    }

    /// The extensions in the order in which they are written.
    pub(crate) fn extensions(&self) -> Vec<Extension> {
        let mut all = Vec::new();
        if let Some(BasicConstraints { ca, path_length, critical }) = self.basic_constraints {
            all.push(Extension::basic_constraints(ca, path_length, critical));
        }
        if let Some((bits, critical)) = &self.key_usage {
            all.push(Extension::key_usage(bits, *critical));
        }
        if let Some((oids, critical)) = &self.ekus {
            all.push(Extension::extended_key_usage(oids, *critical));
        }
        if !self.alternative_names.is_empty() {
            all.push(Extension::alternative_names(&self.alternative_names));
        }
        if !self.ocsp_urls.is_empty() {
            all.push(Extension::ocsp_urls(&self.ocsp_urls));
        }
        if !self.crl_urls.is_empty() {
            all.push(Extension::crl_urls(&self.crl_urls));
        }
        all.extend(self.custom.iter().cloned());
        all
    }
}
