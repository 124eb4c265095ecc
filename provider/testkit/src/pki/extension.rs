//! Extensions of certificates, as DER.

use crate::der;

/// Object identifiers of extended key usages (RFC 5280 §4.2.1.12).
pub mod eku {
    /// `anyExtendedKeyUsage`
    pub const ANY: &str = "2.5.29.37.0";
    /// `id-kp-serverAuth`
    pub const SERVER_AUTH: &str = "1.3.6.1.5.5.7.3.1";
    /// `id-kp-clientAuth`
    pub const CLIENT_AUTH: &str = "1.3.6.1.5.5.7.3.2";
    /// `id-kp-codeSigning`
    pub const CODE_SIGNING: &str = "1.3.6.1.5.5.7.3.3";
    /// `id-kp-emailProtection`
    pub const EMAIL_PROTECTION: &str = "1.3.6.1.5.5.7.3.4";
    /// `id-kp-timeStamping`
    pub const TIME_STAMPING: &str = "1.3.6.1.5.5.7.3.8";
    /// `id-kp-OCSPSigning`
    pub const OCSP_SIGNING: &str = "1.3.6.1.5.5.7.3.9";
}

/// The bits of keyUsage, in the order of RFC 5280 §4.2.1.3.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyUsage {
    /// `digitalSignature`
    DigitalSignature,
    /// `nonRepudiation`
    NonRepudiation,
    /// `keyEncipherment`
    KeyEncipherment,
    /// `dataEncipherment`
    DataEncipherment,
    /// `keyAgreement`
    KeyAgreement,
    /// `keyCertSign`
    KeyCertSign,
    /// `cRLSign`
    CrlSign,
    /// `encipherOnly`
    EncipherOnly,
    /// `decipherOnly`
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

/// One extension.
#[derive(Clone, Debug)]
pub(crate) struct Extension {
    pub(crate) oid: String,
    pub(crate) critical: bool,
    /// The DER inside the OCTET STRING.
    pub(crate) value: Vec<u8>,
}

impl Extension {
    pub(crate) fn new(oid: &str, critical: bool, value: Vec<u8>) -> Self {
        Self { oid: oid.to_owned(), critical, value }
    }

    /// RFC 5280 §4.2.1.9.
    pub(crate) fn basic_constraints(ca: bool, path_length: Option<u8>, critical: bool) -> Self {
        let ca = if ca { der::boolean(true) } else { Vec::new() };
        let length = path_length.map(|length| der::integer(u64::from(length))).unwrap_or_default();
        Self::new("2.5.29.19", critical, der::sequence([ca, length]))
    }

    /// RFC 5280 §4.2.1.3.
    pub(crate) fn key_usage(bits: &[KeyUsage], critical: bool) -> Self {
        Self::new("2.5.29.15", critical, key_usage_bits(bits))
    }

    /// RFC 5280 §4.2.1.12.
    pub(crate) fn extended_key_usage(oids: &[String], critical: bool) -> Self {
        Self::new("2.5.29.37", critical, der::sequence(oids.iter().map(|oid| der::oid(oid))))
    }

    /// RFC 5280 §4.2.1.6, not critical.
    pub(crate) fn alternative_names(names: &[String]) -> Self {
        Self::new("2.5.29.17", false, der::sequence(names.iter().map(|name| alternative_name(name))))
    }

    /// Authority information access with OCSP responders, RFC 5280 §4.2.2.1, not critical.
    pub(crate) fn ocsp_urls(urls: &[String]) -> Self {
        let access = urls.iter().map(|url| der::sequence([der::oid("1.3.6.1.5.5.7.48.1"), uri(url)]));
        Self::new("1.3.6.1.5.5.7.1.1", false, der::sequence(access))
    }

    /// CRL distribution points, RFC 5280 §4.2.1.13, not critical.
    pub(crate) fn crl_urls(urls: &[String]) -> Self {
        // DistributionPoint { distributionPoint [0] { fullName [0] { URI } } }
        let points = urls.iter().map(|url| der::sequence([der::element(0xa0, &der::element(0xa0, &uri(url)))]));
        Self::new("2.5.29.31", false, der::sequence(points))
    }
}

fn uri(url: &str) -> Vec<u8> {
    der::element(0x86, url.as_bytes())
}

fn alternative_name(name: &str) -> Vec<u8> {
    match name.parse::<std::net::IpAddr>() {
        Ok(std::net::IpAddr::V4(address)) => der::element(0x87, &address.octets()),
        Ok(std::net::IpAddr::V6(address)) => der::element(0x87, &address.octets()),
        Err(_) => der::element(0x82, name.as_bytes()),
    }
}

/// A named bit list: DER omits trailing zero bits.
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
    fn omits_trailing_zero_bits_of_key_usage() {
        assert_eq!(key_usage_bits(&[KeyUsage::DigitalSignature]), [3, 2, 7, 0x80]);
        assert_eq!(key_usage_bits(&[KeyUsage::KeyCertSign, KeyUsage::CrlSign]), [3, 2, 1, 0x06]);
        assert_eq!(key_usage_bits(&[KeyUsage::DecipherOnly]), [3, 3, 7, 0, 0x80]);
        assert_eq!(key_usage_bits(&[]), [3, 1, 0]);
    }
}
