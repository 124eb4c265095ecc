//! The texts of messages about the status of one certificate.

use std::fmt;

use crate::codec::excerpt::Excerpt;
use crate::codec::text;
use crate::codec::text::Text;
use crate::evidence::NotAvailable;
use crate::notation::evidence_fact::EvidenceFact;
use crate::time::UnixTime;
use crate::x509::Certificate;
use crate::x509::RevocationReason;

/// Maximum length of the text about one certificate, in bytes: the rest of a message has the effect.
const BYTES: usize = 900;

/// Maximum length of the reason why one source has no status, in bytes.
const SOURCE_BYTES: usize = 300;

/// Maximum length of an address before a cause, in bytes.
const URL_BYTES: usize = 120;

/// Maximum number of addresses in a message.
const ADDRESSES_SHOWN: usize = 2;

/// The subject of a certificate and its serial number.
pub(super) fn name(certificate: &Certificate) -> Text {
    let subject = certificate.subject().to_text();
    let serial = Text::at_most(44, certificate.serial());
    Text::of(format_args!("{} (serial {serial})", Excerpt::of(subject.as_str())))
}

/// Why the answer of an address is not usable. A long address does not hide the cause.
pub(super) fn unusable(kind: &str, url: &Text, why: impl fmt::Display) -> NotAvailable {
    NotAvailable::new(format_args!("{kind}: {}: {why}", Text::at_most(URL_BYTES, url)))
}

/// Which certificate is revoked since when, why, and where that is stated.
pub(super) fn revoked(
    certificate: &Certificate,
    at: UnixTime,
    reason: Option<RevocationReason>,
    fact: &EvidenceFact,
) -> Text {
    let reason = reason.unwrap_or(RevocationReason::Unspecified);
    Text::at_most(
        BYTES,
        format_args!(
            "{} revoked since {at} with reason {reason} by the {} of {} from {}",
            name(certificate),
            fact.kind.name(),
            fact.this_update,
            Excerpt::at_most(160, fact.url.as_str()),
        ),
    )
}

/// Which certificate has no status, and why each source has none.
pub(super) fn unknown(certificate: &Certificate, why: impl IntoIterator<Item = NotAvailable>) -> Text {
    let addresses = certificate.revocation_addresses();
    let why: Vec<Text> = why.into_iter().map(|why| why.at_most(SOURCE_BYTES)).collect();
    let why = text::list(why.iter(), "; ", 2);
    let urls = text::list(addresses.urls().map(Excerpt::of), ", ", ADDRESSES_SHOWN);
    let name = name(certificate);
    if addresses.urls().next().is_none() {
        return Text::at_most(BYTES, format_args!("certificate {name} has no usable status: {why}"));
    }
    Text::at_most(BYTES, format_args!("certificate {name} names {urls}, and has no usable status: {why}"))
}
