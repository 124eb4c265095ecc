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

/// Maximum length of the text about one certificate, and of those about several together, in bytes: the rest of a message has
/// the effect.
const BYTES: usize = 900;

/// Maximum number of certificates in a message.
const CERTIFICATES_SHOWN: usize = 2;

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

/// The statement of a source that it no longer has the status of a certificate that has ended.
pub(super) fn dropped(certificate: &Certificate, since: UnixTime) -> Text {
    let end = certificate.not_after();
    Text::of(format_args!("the certificate ended on {end}, and the source keeps only what ended since {since}"))
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

/// Which certificate has no status, and why each source has none. Its addresses are listed unless the reasons name all of them.
pub(super) fn unknown(certificate: &Certificate, why: impl IntoIterator<Item = NotAvailable>) -> Text {
    let addresses = certificate.revocation_addresses();
    let why: Vec<Text> = why.into_iter().map(|why| why.at_most(SOURCE_BYTES)).collect();
    let why = Text::of(text::list(why.iter(), "; ", 2));
    let name = name(certificate);
    if addresses.urls().all(|url| is_named(url, &why)) {
        return Text::at_most(BYTES, format_args!("certificate {name} has no usable status: {why}"));
    }
    let urls = text::list(addresses.urls().map(Excerpt::of), ", ", ADDRESSES_SHOWN);
    Text::at_most(BYTES, format_args!("certificate {name} names {urls}, and has no usable status: {why}"))
}

/// Whether a reason begins with the address, alone or in quotation marks.
fn is_named(url: &str, why: &Text) -> bool {
    let is_in_why = |start: Text| why.as_str().contains(&format!("{start}: "));
    is_in_why(Text::of(url)) || is_in_why(Text::of(Excerpt::of(url)))
}

/// The texts about certificates that have no status or are revoked: the first [`CERTIFICATES_SHOWN`] ones, and the number of
/// the others. A short text leaves its share to the other one.
pub(super) fn all(texts: &[Text]) -> Text {
    if let [one] = texts {
        return one.clone();
    }
    let share = BYTES / CERTIFICATES_SHOWN;
    let saved: usize = texts.iter().take(CERTIFICATES_SHOWN).map(|text| share.saturating_sub(text.heap_bytes())).sum();
    let texts = texts.iter().map(|text| Text::at_most(share + saved, text));
    Text::of(text::list(texts, "; ", CERTIFICATES_SHOWN))
}
