//! Signed attributes, and the requirements on `crit` that both formats share ([signature
//! specification](https://github.com/notaryproject/specifications/blob/d4b62b949228911bd5e62da4f5f8dd38682d293a/specs/signature-specification.md#signed-attributes)).

use std::collections::BTreeSet;

use super::error::EnvelopeError;
use crate::codec::excerpt::Excerpt;
use crate::codec::text::Text;
use crate::limits;
use crate::time::UnixTime;

pub(super) const SCHEME: &str = "io.cncf.notary.signingScheme";
pub(super) const SIGNING_TIME: &str = "io.cncf.notary.signingTime";
pub(super) const AUTHENTIC_SIGNING_TIME: &str = "io.cncf.notary.authenticSigningTime";
pub(super) const EXPIRY: &str = "io.cncf.notary.expiry";
pub(super) const TIMESTAMP: &str = "io.cncf.notary.timestampSignature";
pub(super) const SIGNING_AGENT: &str = "io.cncf.notary.signingAgent";
/// The attribute with the requested verification plugin.
pub(crate) const PLUGIN: &str = "io.cncf.notary.verificationPlugin";
/// The attribute with the minimum version of the plugin.
pub(crate) const PLUGIN_MIN_VERSION: &str = "io.cncf.notary.verificationPluginMinVersion";

/// The signing scheme: decides who attests the signing time, and which kind of trust store applies to the chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SigningScheme {
    /// `notary.x509`: the publisher signs with its own key; the signing time is a claim of the signer and affects no
    /// decision.
    X509 {
        /// Claimed by the signer.
        signing_time: UnixTime,
    },
    /// `notary.x509.signingAuthority`: a service signs, and its signing time is trusted if the service is.
    SigningAuthority {
        /// The signing time of the service.
        authentic_signing_time: UnixTime,
    },
}

impl SigningScheme {
    pub(super) const X509_NAME: &str = "notary.x509";
    pub(super) const SIGNING_AUTHORITY_NAME: &str = "notary.x509.signingAuthority";

    /// The name in the envelope.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::X509 { .. } => Self::X509_NAME,
            Self::SigningAuthority { .. } => Self::SIGNING_AUTHORITY_NAME,
        }
    }

    /// The signing time in the envelope, under either scheme.
    #[must_use]
    pub fn time(&self) -> UnixTime {
        match self {
            Self::X509 { signing_time } => *signing_time,
            Self::SigningAuthority { authentic_signing_time } => *authentic_signing_time,
        }
    }
}

/// A protected header of the plugin, or one that the specification does not define. If critical, it must be
/// supported.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExtendedAttribute {
    /// The name, or the decimal number of an integer COSE label.
    pub name: String,
    /// The value, if it is a string.
    pub text: Option<String>,
    /// Whether `crit` lists it.
    pub critical: bool,
}

/// The signed attributes of a well-formed envelope.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attributes {
    /// The signing scheme, with its time.
    pub scheme: SigningScheme,
    /// The expiry time, if there is one.
    pub expiry: Option<UnixTime>,
    /// All other attributes, in the order of the envelope.
    pub extended: Vec<ExtendedAttribute>,
}

impl Attributes {
    /// The extended attribute of that name.
    #[must_use]
    pub fn extended(&self, name: &str) -> Option<&ExtendedAttribute> {
        self.extended.iter().find(|attribute| attribute.name == name)
    }
}

/// The protected header as parsed by a format, before the shared checks.
#[derive(Debug, Default)]
pub(super) struct Protected {
    pub(super) scheme: Option<String>,
    pub(super) signing_time: Option<UnixTime>,
    pub(super) authentic_signing_time: Option<UnixTime>,
    pub(super) expiry: Option<UnixTime>,
    /// Names, with the value if it is a string.
    pub(super) extended: Vec<(String, Option<String>)>,
    pub(super) crit: Vec<String>,
}

impl Protected {
    /// Checks the requirements of the scheme and of `crit`.
    pub(super) fn check(self) -> Result<Attributes, EnvelopeError> {
        let scheme = self.signing_scheme()?;
        let critical = self.critical(&scheme)?;
        let extended = self.extended.into_iter().map(|(name, text)| ExtendedAttribute {
            critical: critical.contains(&name),
            name,
            text,
        });
        Ok(Attributes { scheme, expiry: self.expiry, extended: extended.collect() })
    }

    /// The scheme with its time. A header that belongs to the other scheme is an error.
    fn signing_scheme(&self) -> Result<SigningScheme, EnvelopeError> {
        let scheme = self.scheme.as_deref().ok_or(EnvelopeError::Missing { name: SCHEME })?;
        let wrong = |name, scheme| Err(EnvelopeError::WrongScheme { name, scheme });
        match scheme {
            SigningScheme::X509_NAME => {
                if self.authentic_signing_time.is_some() {
                    return wrong(AUTHENTIC_SIGNING_TIME, SigningScheme::X509_NAME);
                }
                let signing_time = self.signing_time.ok_or(EnvelopeError::Missing { name: SIGNING_TIME })?;
                Ok(SigningScheme::X509 { signing_time })
            }
            SigningScheme::SIGNING_AUTHORITY_NAME => {
                if self.signing_time.is_some() {
                    return wrong(SIGNING_TIME, SigningScheme::SIGNING_AUTHORITY_NAME);
                }
                let authentic_signing_time =
                    self.authentic_signing_time.ok_or(EnvelopeError::Missing { name: AUTHENTIC_SIGNING_TIME })?;
                Ok(SigningScheme::SigningAuthority { authentic_signing_time })
            }
            _ => Err(EnvelopeError::Header {
                name: SCHEME.into(),
                found: Text::of(format_args!("{:?}", Excerpt::of(scheme))),
                expected: "notary.x509 or notary.x509.signingAuthority",
            }),
        }
    }

    /// Checks `crit` and returns its names: each is a present attribute, named once, and all attributes that must be
    /// critical are among them.
    fn critical(&self, scheme: &SigningScheme) -> Result<BTreeSet<String>, EnvelopeError> {
        if self.crit.is_empty() {
            return Err(EnvelopeError::Missing { name: "crit" });
        }
        let max = limits::ENVELOPE_MEMBERS;
        for (name, found) in [("crit", self.crit.len()), ("protected header", self.extended.len())] {
            if found > max {
                return Err(EnvelopeError::TooMany { name, found, max });
            }
        }
        let mut required = vec![SCHEME];
        required.extend(self.expiry.map(|_| EXPIRY));
        required.extend(match scheme {
            SigningScheme::X509 { .. } => None,
            SigningScheme::SigningAuthority { .. } => Some(AUTHENTIC_SIGNING_TIME),
        });
        let mut critical = BTreeSet::new();
        for name in &self.crit {
            let present = required.contains(&name.as_str()) || self.extended.iter().any(|(other, _)| other == name);
            if !present || !critical.insert(name.clone()) {
                return Err(EnvelopeError::Crit { name: name.as_str().into() });
            }
        }
        match required.into_iter().find(|name| !critical.contains(*name)) {
            Some(name) => Err(EnvelopeError::NotCritical { name }),
            None => Ok(critical),
        }
    }
}
