//! Entries of a CRL, and times.

use time::OffsetDateTime;
use time::macros::datetime;

use super::extension;
use crate::der;

/// One entry of a CRL.
#[derive(Clone, Debug)]
pub struct Revoked {
    serial: Vec<u8>,
    date: Vec<u8>,
    extensions: Vec<Vec<u8>>,
}

impl Revoked {
    /// Default date of the revocation.
    pub const AT: OffsetDateTime = datetime!(2026-11-01 00:00:00 UTC);

    /// An entry for a serial number as the contents of its INTEGER, without extensions.
    #[must_use]
    pub fn new(serial: &[u8]) -> Self {
        Self { serial: serial.to_vec(), date: time(Self::AT), extensions: Vec::new() }
    }

    /// An entry for a certificate that this crate issued.
    #[must_use]
    pub fn certificate(certificate: &[u8]) -> Self {
        Self::new(serial_of(certificate))
    }

    /// Sets the date of the revocation.
    #[must_use]
    pub fn at(mut self, at: OffsetDateTime) -> Self {
        self.date = time(at);
        self
    }

    /// Sets the date as its encoded bytes.
    #[must_use]
    pub fn raw_date(mut self, date: &[u8]) -> Self {
        self.date = date.to_vec();
        self
    }

    /// Adds the reason with this number: 1 keyCompromise, 6 certificateHold, 8 removeFromCRL.
    #[must_use]
    pub fn reason(self, number: u8) -> Self {
        self.extension("2.5.29.21", false, &der::element(0x0a, &[number]))
    }

    /// Adds an invalidity date.
    #[must_use]
    pub fn invalid_since(self, since: OffsetDateTime) -> Self {
        self.extension("2.5.29.24", false, &generalized_time(since))
    }

    /// Adds any extension of the entry; `value` is the DER in the OCTET STRING.
    #[must_use]
    pub fn extension(mut self, oid: &str, critical: bool, value: &[u8]) -> Self {
        self.extensions.push(extension(oid, critical, value));
        self
    }

    pub(super) fn to_der(&self) -> Vec<u8> {
        let extensions = if self.extensions.is_empty() { Vec::new() } else { der::sequence(self.extensions.clone()) };
        der::sequence([der::element(0x02, &self.serial), self.date.clone(), extensions])
    }
}

/// The contents of the serial number of a certificate that this crate issued.
#[must_use]
pub fn serial_of(certificate: &[u8]) -> &[u8] {
    der::content(der::children(der::children(certificate)[0])[1])
}

/// UTCTime until 2049, GeneralizedTime from 2050.
pub(super) fn time(time: OffsetDateTime) -> Vec<u8> {
    if time.year() >= 2050 {
        return generalized_time(time);
    }
    der::element(0x17, format!("{:02}{}", time.year() % 100, after_year(time)).as_bytes())
}

pub(crate) fn generalized_time(time: OffsetDateTime) -> Vec<u8> {
    der::element(0x18, format!("{:04}{}", time.year(), after_year(time)).as_bytes())
}

fn after_year(time: OffsetDateTime) -> String {
    let (hour, minute, second) = time.to_hms();
    format!("{:02}{:02}{hour:02}{minute:02}{second:02}Z", u8::from(time.month()), time.day())
}
