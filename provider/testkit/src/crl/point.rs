//! Distribution points of certificates, and the issuing distribution point of a CRL.

use crate::der;

/// A point of a cRLDistributionPoints or freshestCRL extension.
#[derive(Clone, Debug, Default)]
pub struct PointSpec {
    names: Vec<Vec<u8>>,
    relative: Option<Vec<u8>>,
    reasons: Option<Vec<u8>>,
    issuer: Option<Vec<u8>>,
}

/// The content of an issuingDistributionPoint extension.
#[derive(Clone, Debug, Default)]
pub struct IssuingPoint {
    name: Option<Vec<u8>>,
    flags: [bool; 6],
    reasons: Option<Vec<u8>>,
}

/// The value of a cRLDistributionPoints (2.5.29.31) or freshestCRL (2.5.29.46) extension.
#[must_use]
pub fn points(points: &[PointSpec]) -> Vec<u8> {
    der::sequence(points.iter().map(PointSpec::to_der))
}

impl PointSpec {
    /// A point whose CRL has these URIs.
    #[must_use]
    pub fn new(urls: &[&str]) -> Self {
        Self { names: urls.iter().map(|url| uri(url)).collect(), ..Self::default() }
    }

    /// Adds a directoryName with this common name.
    #[must_use]
    pub fn directory(mut self, common_name: &str) -> Self {
        self.names.push(der::element(0xa4, &directory(common_name)));
        self
    }

    /// Names the CRL relative to its issuer, by a common name.
    #[must_use]
    pub fn relative(mut self, common_name: &str) -> Self {
        self.relative = Some(relative(common_name));
        self
    }

    /// Limits the CRL to these reasons: 1 keyCompromise to 8 aACompromise.
    #[must_use]
    pub fn reasons(mut self, reasons: &[u8]) -> Self {
        self.reasons = Some(flags(0x81, reasons));
        self
    }

    /// Names the issuer of the CRL: the DER of a `Name`.
    #[must_use]
    pub fn crl_issuer(mut self, name: &[u8]) -> Self {
        self.issuer = Some(name.to_vec());
        self
    }

    fn to_der(&self) -> Vec<u8> {
        let name = match &self.relative {
            Some(relative) => der::element(0xa0, relative),
            None if self.names.is_empty() => Vec::new(),
            None => der::element(0xa0, &der::element(0xa0, &self.names.concat())),
        };
        let issuer = self.issuer.as_ref().map(|name| der::element(0xa2, &der::element(0xa4, name)));
        der::sequence([name, self.reasons.clone().unwrap_or_default(), issuer.unwrap_or_default()])
    }
}

impl IssuingPoint {
    /// Without any field: every certificate and every reason.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Names the point by these URIs.
    #[must_use]
    pub fn urls(mut self, urls: &[&str]) -> Self {
        let names: Vec<Vec<u8>> = urls.iter().map(|url| uri(url)).collect();
        self.name = Some(der::element(0xa0, &der::element(0xa0, &names.concat())));
        self
    }

    /// Names the point relative to the issuer, by a common name.
    #[must_use]
    pub fn relative(mut self, common_name: &str) -> Self {
        self.name = Some(der::element(0xa0, &relative(common_name)));
        self
    }

    /// Sets onlyContainsUserCerts.
    #[must_use]
    pub fn user_certificates_only(self) -> Self {
        self.flag(1)
    }

    /// Sets onlyContainsCACerts.
    #[must_use]
    pub fn authorities_only(self) -> Self {
        self.flag(2)
    }

    /// Sets onlySomeReasons: 1 keyCompromise to 8 aACompromise.
    #[must_use]
    pub fn reasons(mut self, reasons: &[u8]) -> Self {
        self.reasons = Some(flags(0x83, reasons));
        self
    }

    /// Sets indirectCRL.
    #[must_use]
    pub fn indirect(self) -> Self {
        self.flag(4)
    }

    /// Sets onlyContainsAttributeCerts.
    #[must_use]
    pub fn attribute_certificates_only(self) -> Self {
        self.flag(5)
    }

    fn flag(mut self, number: usize) -> Self {
        self.flags[number] = true;
        self
    }

    pub(super) fn to_der(&self) -> Vec<u8> {
        let flag = |number: u8| {
            if self.flags[usize::from(number)] { der::element(0x80 | number, &[0xff]) } else { Vec::new() }
        };
        let (name, reasons) = (self.name.clone().unwrap_or_default(), self.reasons.clone().unwrap_or_default());
        der::sequence([name, flag(1), flag(2), reasons, flag(4), flag(5)])
    }
}

fn uri(url: &str) -> Vec<u8> {
    der::element(0x86, url.as_bytes())
}

fn common_name(name: &str) -> Vec<u8> {
    der::sequence([der::oid("2.5.4.3"), der::element(0x0c, name.as_bytes())])
}

fn directory(name: &str) -> Vec<u8> {
    der::sequence([der::set([common_name(name)])])
}

/// `nameRelativeToCRLIssuer`, an implicitly tagged SET.
fn relative(name: &str) -> Vec<u8> {
    der::element(0xa1, &common_name(name))
}

/// `ReasonFlags`: DER omits trailing zero bits.
fn flags(tag: u8, reasons: &[u8]) -> Vec<u8> {
    let word = reasons.iter().fold(0u16, |word, reason| word | 0x8000 >> reason);
    let [high, low] = word.to_be_bytes();
    let unused = if word == 0 { 0 } else { u8::try_from(word.trailing_zeros() % 8).expect("below 8") };
    match (high, low) {
        (0, 0) => der::element(tag, &[0]),
        (high, 0) => der::element(tag, &[unused, high]),
        (high, low) => der::element(tag, &[unused, high, low]),
    }
}
