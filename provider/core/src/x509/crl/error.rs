//! Reasons why a CRL is not usable.

use std::time::Duration;

use super::number::CrlNumber;
use crate::codec::excerpt::Excerpt;
use crate::codec::text::Text;
use crate::crypto::SignatureError;
use crate::limits;
use crate::time::UnixTime;
use crate::x509::KeyUse;

/// The error for a list that proves nothing. It says nothing about a certificate.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CrlError {
    /// More bytes than [`limits::CRL_BYTES`].
    #[error("CRL: found {found} bytes, expected at most {}", limits::CRL_BYTES)]
    TooLarge {
        /// The size in bytes.
        found: usize,
    },
    /// More entries than [`limits::CRL_ENTRIES`].
    #[error("CRL: found {found} entries, expected at most {}", limits::CRL_ENTRIES)]
    TooManyEntries {
        /// The number of entries.
        found: usize,
    },
    /// The structure is not that of a CRL.
    #[error("not a DER-encoded CRL: found {found} at its start, expected the structure of RFC 5280")]
    NotACrl {
        /// The first bytes as text: an error page, PEM.
        found: Excerpt,
    },
    /// Bytes after the list.
    #[error("found {found} bytes after the CRL, expected none")]
    TrailingBytes {
        /// The number of bytes.
        found: usize,
    },
    /// Another version than 2.
    #[error("CRL version: found {found}, expected 2")]
    Version {
        /// The version number.
        found: u32,
    },
    /// A part is malformed.
    #[error("CRL has a malformed {part}, expected DER as in RFC 5280")]
    Malformed {
        /// The part with the mistake.
        part: &'static str,
    },
    /// An entry is malformed.
    #[error("CRL entry {position} has a malformed {part}, expected DER as in RFC 5280")]
    MalformedEntry {
        /// The position of the entry, counted from 1.
        position: usize,
        /// The part with the mistake.
        part: &'static str,
    },
    /// The signature algorithms inside and outside differ.
    #[error("CRL has different signature algorithms inside and outside its signed part")]
    AlgorithmsDiffer,
    /// Another issuer than expected.
    #[error("CRL is issued by another authority: found {found:?}, expected {expected:?}")]
    OtherIssuer {
        /// The issuer of the list.
        found: Text,
        /// The issuer of the certificate.
        expected: Text,
    },
    /// The issuer is no certificate authority.
    #[error("issuer {issuer:?} of the CRL is no certificate authority: found cA false, expected true")]
    IssuerNotAuthority {
        /// Subject of the issuer.
        issuer: Text,
    },
    /// The issuer's keyUsage lacks cRLSign.
    #[error("issuer {issuer:?} may not sign CRLs: found keyUsage {}, expected {} among them", list(.found), KeyUse::CrlSign)]
    IssuerMayNotSign {
        /// Subject of the issuer.
        issuer: Text,
        /// The bits that are set.
        found: Vec<KeyUse>,
    },
    /// The signature of the list is invalid.
    #[error("CRL is not signed by {issuer:?}: {error}")]
    Signature {
        /// Subject of the issuer.
        issuer: Text,
        /// The cause.
        error: SignatureError,
    },
    /// A critical extension of the list that is not supported.
    #[error("CRL has the critical extension {oid}, which is not supported")]
    CriticalExtension {
        /// The object identifier of the extension.
        oid: Text,
    },
    /// A critical extension of an entry that is not supported. The whole list is unusable
    /// ([RFC 5280 §5.3](https://www.rfc-editor.org/rfc/rfc5280#section-5.3)).
    #[error("CRL entry {position} has the critical extension {oid}, which is not supported")]
    CriticalEntryExtension {
        /// The position of the entry, counted from 1.
        position: usize,
        /// The object identifier of the extension.
        oid: Text,
    },
    /// The list has entries of certificates of other issuers.
    #[error("CRL is indirect: found {found}, expected a CRL about certificates of its own issuer only")]
    Indirect {
        /// `indirectCRL` or `certificateIssuer`.
        found: &'static str,
    },
    /// nextUpdate is missing.
    #[error("CRL has no nextUpdate, so its age is not limited; expected one")]
    NoNextUpdate,
    /// nextUpdate is not after thisUpdate.
    #[error("CRL ends before it begins: found nextUpdate {next_update}, expected it after thisUpdate {this_update}")]
    EndsBeforeStart {
        /// thisUpdate.
        this_update: UnixTime,
        /// nextUpdate.
        next_update: UnixTime,
    },
    /// thisUpdate is in the future.
    #[error("CRL is from the future: found thisUpdate {this_update}, expected at most {}s after {now}", .skew.as_secs())]
    Future {
        /// thisUpdate.
        this_update: UnixTime,
        /// The time of the check.
        now: UnixTime,
        /// The tolerated difference.
        skew: Duration,
    },
    /// nextUpdate is over.
    #[error("CRL has expired: found nextUpdate {next_update}, expected at most {}s before {now}", .skew.as_secs())]
    Expired {
        /// nextUpdate.
        next_update: UnixTime,
        /// The time of the check.
        now: UnixTime,
        /// The tolerated difference.
        skew: Duration,
    },
    /// A delta CRL where a complete one is needed.
    #[error("found a delta CRL for base number {base}, expected a complete CRL")]
    DeltaAtBase {
        /// The number of its base.
        base: CrlNumber,
    },
    /// A complete CRL where a delta CRL is needed.
    #[error("found a complete CRL, expected a delta CRL")]
    BaseAtDelta,
}

fn list(uses: &[KeyUse]) -> String {
    uses.iter().map(|usage| usage.as_str()).collect::<Vec<_>>().join(", ")
}
