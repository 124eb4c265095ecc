//! The extensions of a CRL.

use super::error::CrlError;
use super::number::CrlNumber;
use super::scope::CrlScope;
use crate::codec::der;
use crate::codec::der::NotDer;
use crate::codec::der::Reader;
use crate::time::UnixTime;
use crate::x509::DistributionPoint;
use crate::x509::distribution_point::read_points;
use crate::x509::layout::generalized_time;
use crate::x509::signed_extension::SignedExtension;
use crate::x509::signed_extension::oid_name;

/// The extensions of a list that are used. Others are ignored unless they are critical.
pub(super) struct ListExtensions {
    pub(super) number: Option<CrlNumber>,
    pub(super) delta_base: Option<CrlNumber>,
    pub(super) scope: CrlScope,
    pub(super) freshest_urls: Vec<String>,
    /// Certificates that ended before may be missing although they were revoked: expiredCertsOnCRL. `None` if the list does
    /// not state it.
    pub(super) keeps_ended_since: Option<UnixTime>,
}

impl ListExtensions {
    /// Reads `Extensions` with their SEQUENCE.
    pub(super) fn read(raw: Option<&[u8]>) -> Result<Self, CrlError> {
        let malformed = |part| move |NotDer| CrlError::Malformed { part };
        let all = match raw {
            Some(raw) => SignedExtension::read_all(raw).map_err(malformed("list of extensions"))?,
            None => Vec::new(),
        };
        let mut read = Self {
            number: None,
            delta_base: None,
            scope: CrlScope::everything(),
            freshest_urls: Vec::new(),
            keeps_ended_since: None,
        };
        for SignedExtension { oid, critical, value } in all {
            match oid {
                [0x55, 0x1d, 0x14] => read.number = Some(number(value).map_err(malformed("cRLNumber"))?),
                [0x55, 0x1d, 0x1b] => {
                    read.delta_base = Some(number(value).map_err(malformed("deltaCRLIndicator"))?);
                }
                [0x55, 0x1d, 0x1c] => read.scope = CrlScope::read(value)?,
                [0x55, 0x1d, 0x2e] => {
                    let points = read_points(value).map_err(malformed("freshestCRL"))?;
                    read.freshest_urls = points.iter().flat_map(DistributionPoint::urls).cloned().collect();
                }
                // Rec. ITU-T X.509, clause 9.5.2.8.
                [0x55, 0x1d, 0x3c] => {
                    read.keeps_ended_since = Some(only_time(value).map_err(malformed("expiredCertsOnCRL"))?);
                }
                _ if critical => return Err(CrlError::CriticalExtension { oid: oid_name(oid) }),
                _ => {}
            }
        }
        Ok(read)
    }

    /// Heap memory that the value owns, in bytes.
    pub(super) fn heap_bytes(&self) -> usize {
        let urls = self.freshest_urls.iter().map(|url| size_of::<String>() + url.len());
        urls.sum::<usize>() + self.scope.heap_bytes()
    }
}

/// The one GeneralizedTime that `value` consists of.
fn only_time(value: &[u8]) -> Result<UnixTime, NotDer> {
    generalized_time(&Reader::only(value, der::GENERALIZED_TIME)?)
}

fn number(value: &[u8]) -> Result<CrlNumber, NotDer> {
    CrlNumber::from_der(&Reader::only(value, der::INTEGER)?)
}
