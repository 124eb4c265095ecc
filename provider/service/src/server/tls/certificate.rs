//! Reads fields of TLS certificates. The handshake verifies chains.

use std::fmt;
use std::net::IpAddr;

use countersign_core::time::UnixTime;
use x509_parser::extensions::GeneralName;
use x509_parser::parse_x509_certificate;
use x509_parser::prelude::X509Certificate;
use x509_parser::time::ASN1Time;

/// The certificate of a server, a client or an authority. Extensions are parsed on demand, so that an unusual one
/// affects only its users.
#[derive(Debug)]
pub struct TlsCertificate<'a>(X509Certificate<'a>);

/// What a certificate is, for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsOutline {
    pub subject: String,
    /// DNS names and addresses; none if they cannot be read.
    pub names: Vec<String>,
    /// The end of its validity.
    pub end: UnixTime,
}

/// A name that clients compare with the host of their URL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TlsName {
    /// As it is written.
    Dns(String),
    /// Of either family.
    Address(IpAddr),
    /// Of another kind; never compared.
    Other,
}

impl TlsName {
    /// The name as text; none of another kind.
    pub fn text(&self) -> Option<String> {
        match self {
            Self::Dns(name) => Some(name.clone()),
            Self::Address(address) => Some(address.to_string()),
            Self::Other => None,
        }
    }
}

impl<'a> TlsCertificate<'a> {
    /// `None` if `der` is not one X.509 certificate and nothing else.
    pub fn parse(der: &'a [u8]) -> Option<Self> {
        let (rest, parsed) = parse_x509_certificate(der).ok()?;
        rest.is_empty().then_some(Self(parsed))
    }

    /// `None` if the end of its validity is outside the years 1970 to 9999.
    pub fn outline(&self) -> Option<TlsOutline> {
        let names = self.names().unwrap_or_default();
        Some(TlsOutline {
            subject: self.subject().to_string(),
            names: names.iter().filter_map(TlsName::text).collect(),
            end: self.not_after()?,
        })
    }

    pub fn subject(&self) -> impl fmt::Display {
        self.0.subject()
    }

    pub fn common_names(&self) -> Vec<String> {
        self.0.subject().iter_common_name().filter_map(|name| name.as_str().ok()).map(str::to_owned).collect()
    }

    /// Of the subject alternative name, in its order. `None` if it cannot be read.
    pub fn names(&self) -> Option<Vec<TlsName>> {
        let extension = self.0.subject_alternative_name().ok()?;
        Some(extension.iter().flat_map(|names| &names.value.general_names).map(name).collect())
    }

    /// `None` outside the years 1970 to 9999.
    pub fn not_before(&self) -> Option<UnixTime> {
        time(self.0.validity().not_before)
    }

    /// `None` outside the years 1970 to 9999.
    pub fn not_after(&self) -> Option<UnixTime> {
        time(self.0.validity().not_after)
    }

    /// Whether the extended key usage is absent or has serverAuth. `None` if it cannot be read.
    pub fn may_serve(&self) -> Option<bool> {
        let usage = self.0.extended_key_usage().ok()?;
        Some(usage.is_none_or(|usage| usage.value.any || usage.value.server_auth))
    }

    /// Whether the basic constraints mark it as an authority.
    pub fn is_authority(&self) -> bool {
        self.0.is_ca()
    }

    /// The subject public key info in DER.
    pub fn public_key(&self) -> &[u8] {
        self.0.public_key().raw
    }
}

fn time(time: ASN1Time) -> Option<UnixTime> {
    UnixTime::from_seconds(time.timestamp()).ok()
}

fn name(name: &GeneralName<'_>) -> TlsName {
    let address = |bytes: &[u8]| match *bytes {
        [a, b, c, d] => Some(IpAddr::from([a, b, c, d])),
        _ => <[u8; 16]>::try_from(bytes).ok().map(IpAddr::from),
    };
    #[expect(clippy::wildcard_enum_match_arm, reason = "other kinds of name are compared with nothing")]
    match name {
        GeneralName::DNSName(name) => TlsName::Dns((*name).to_owned()),
        GeneralName::IPAddress(bytes) => address(bytes).map_or(TlsName::Other, TlsName::Address),
        _ => TlsName::Other,
    }
}
