//! Certificate revocation lists ([RFC 5280 §5](https://www.rfc-editor.org/rfc/rfc5280#section-5)), verified when they are
//! read.
//!
//! [`Crl::read`] is the only constructor of a list: it checks the form, all extensions, the name and the signature of the
//! issuer. Not checked are the time, which passes ([`Crl::check_time`]), and what the list says about a certificate, which
//! depends on its scope and on a delta CRL (`notation/revocation.rs`). Indirect CRLs are not supported.
//!
//! The reader is our own, on the strict DER reader of this crate: a list may have half a million entries, which are
//! checked once and found by binary search, without an allocation for each; and libraries ignore critical extensions of
//! entries, or accept bytes that are not DER.

mod entries;
mod entry;
mod error;
mod extensions;
mod layout;
mod number;
mod scope;

use std::fmt;
use std::time::Duration;

use entries::Entries;
use extensions::ListExtensions;
use layout::Layout;

pub use entry::CrlEntry;
pub use error::CrlError;
pub use number::CrlNumber;
pub use scope::CrlScope;
pub use scope::ScopeMismatch;

use super::certificate::Certificate;
use crate::limits;
use crate::time::UnixTime;

/// A revocation list, complete or delta, whose signature was verified. Created only by [`Crl::read`].
pub struct Crl {
    bytes: Vec<u8>,
    issuer: Certificate,
    this_update: UnixTime,
    next_update: UnixTime,
    extensions: ListExtensions,
    entries: Entries,
}

impl Crl {
    /// Reads exactly one list and verifies that `issuer` issued it.
    ///
    /// # Errors
    /// More than [`limits::CRL_BYTES`] or [`limits::CRL_ENTRIES`]; anything that is not DER, also in one entry, or bytes
    /// after the list; another version than 2; no nextUpdate, or one that is not after thisUpdate; different signature
    /// algorithms inside and outside; a signature that is not by the key of `issuer`, or with another hash function than
    /// those of SHA-2; another issuer name, or an issuer that may not sign CRLs; an unknown critical extension of the
    /// list or of any entry; an indirect CRL.
    pub fn read(bytes: Vec<u8>, issuer: &Certificate) -> Result<Self, CrlError> {
        if bytes.len() > limits::CRL_BYTES {
            return Err(CrlError::TooLarge { found: bytes.len() });
        }
        let layout = Layout::read(&bytes)?;
        if layout.inner_algorithm != layout.outer_algorithm {
            return Err(CrlError::AlgorithmsDiffer);
        }
        layout.check_issuer(issuer)?;
        may_sign(issuer)?;
        issuer
            .verify(layout.outer_algorithm, layout.tbs, layout.signature)
            .map_err(|error| CrlError::Signature { issuer: issuer.subject().to_short_text(), error })?;
        let (this_update, next_update) = layout.times()?;
        let extensions = ListExtensions::read(layout.extensions)?;
        let entries = Entries::read(&bytes, layout.entries.clone())?;
        let (mut bytes, issuer) = (bytes, issuer.clone());
        // A body that was read in parts may have more capacity.
        bytes.shrink_to_fit();
        Ok(Self { bytes, issuer, this_update, next_update, extensions, entries })
    }

    /// Checks that the list is current at `now`, with a tolerance of `skew` for different clocks.
    ///
    /// # Errors
    /// thisUpdate is in the future, or nextUpdate is over.
    pub fn check_time(&self, now: UnixTime, skew: Duration) -> Result<(), CrlError> {
        let (this_update, next_update) = (self.this_update, self.next_update);
        if this_update > now.saturating_add(skew) {
            return Err(CrlError::Future { this_update, now, skew });
        }
        if next_update.saturating_add(skew) < now {
            return Err(CrlError::Expired { next_update, now, skew });
        }
        Ok(())
    }

    /// Checks that this authority issued the list: it has the name and the key that were verified, and may sign CRLs.
    ///
    /// # Errors
    /// Another authority issued it, or the authority may not sign CRLs.
    pub fn check_issuer(&self, authority: &Certificate) -> Result<(), CrlError> {
        if self.issuer.subject_raw() != authority.subject_raw() || !self.issuer.has_key_of(authority) {
            let (found, expected) = (self.issuer.subject().to_short_text(), authority.subject().to_short_text());
            return Err(CrlError::OtherIssuer { found, expected });
        }
        may_sign(authority)
    }

    /// The time at which the list was issued.
    #[must_use]
    pub fn this_update(&self) -> UnixTime {
        self.this_update
    }

    /// The time by which the next list is issued.
    #[must_use]
    pub fn next_update(&self) -> UnixTime {
        self.next_update
    }

    /// The number of the list, if it has one. It increases with every list for the same scope.
    #[must_use]
    pub fn number(&self) -> Option<&CrlNumber> {
        self.extensions.number.as_ref()
    }

    /// The number of the base CRL, if this is a delta CRL
    /// ([RFC 5280 §5.2.4](https://www.rfc-editor.org/rfc/rfc5280#section-5.2.4)).
    #[must_use]
    pub fn delta_base(&self) -> Option<&CrlNumber> {
        self.extensions.delta_base.as_ref()
    }

    /// The certificates and reasons that the list covers.
    #[must_use]
    pub fn scope(&self) -> &CrlScope {
        &self.extensions.scope
    }

    /// URIs of the delta CRLs for this list, as written, of any scheme
    /// ([RFC 5280 §5.2.6](https://www.rfc-editor.org/rfc/rfc5280#section-5.2.6)).
    #[must_use]
    pub fn freshest_urls(&self) -> &[String] {
        &self.extensions.freshest_urls
    }

    /// The time since which revoked certificates stay on the list after their end, if `end` is the end of a certificate that
    /// the list may have dropped for that reason: it had ended when the list was issued, and before the time that the list
    /// states in expiredCertsOnCRL. `None` if it is not known to be dropped.
    #[must_use]
    pub fn drops_ended(&self, end: UnixTime) -> Option<UnixTime> {
        self.extensions.keeps_ended_since.filter(|since| end < self.this_update && end < *since)
    }

    /// The entry for a serial number, as of [`Certificate::serial_bytes`]. Of several entries the most severe one
    /// ([`CrlEntry::most_severe`]).
    #[must_use]
    pub fn entry(&self, serial: &[u8]) -> Option<CrlEntry> {
        self.entries.find(&self.bytes, serial)
    }

    /// The number of serial numbers with an entry.
    #[must_use]
    pub fn entry_count(&self) -> usize {
        self.entries.len()
    }

    /// The memory of the value, itself included, in bytes: an upper estimate, as the issuer may be shared with a chain.
    #[must_use]
    pub fn memory(&self) -> usize {
        let kept = self.bytes.capacity() + self.entries.heap_bytes() + self.extensions.heap_bytes();
        size_of::<Self>() + kept + self.issuer.memory()
    }
}

/// Checks [`Certificate::may_sign_crls`].
fn may_sign(issuer: &Certificate) -> Result<(), CrlError> {
    if issuer.may_sign_crls() {
        return Ok(());
    }
    let subject = issuer.subject().to_short_text();
    Err(match issuer.key_usage() {
        Some(usage) if issuer.is_ca() => CrlError::IssuerMayNotSign { issuer: subject, found: usage.uses.clone() },
        Some(_) | None => CrlError::IssuerNotAuthority { issuer: subject },
    })
}

impl PartialEq for Crl {
    /// Compares all bytes, and the issuer.
    fn eq(&self, other: &Self) -> bool {
        self.bytes == other.bytes && self.issuer == other.issuer
    }
}

impl Eq for Crl {}

impl fmt::Debug for Crl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (issuer, entries) = (self.issuer.subject(), self.entry_count());
        write!(f, "Crl({issuer}, {} to {}, {entries} entries)", self.this_update, self.next_update)
    }
}
