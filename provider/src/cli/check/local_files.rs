//! Files that are read by nothing else: those of entries that cannot be read for another reason, and those that the service reads only when it
//! needs them for a request, as secrets of applications and authorities of the servers of trust stores. Never shows a secret.

use std::collections::HashSet;
use std::path::Path;

use countersign_core::codec::mismatch::Mismatched as _;
use countersign_core::codec::pem;
use countersign_core::time::UnixTime;

use super::Findings;
use super::SOON;
use super::endpoint_certificates::EndpointCertificate;
use crate::config::AUTHORITIES_BYTES;
use crate::config::Place;
use crate::config::file_mistake;
use crate::files;
use crate::runtime::client_secret_mistake;

/// Adds what is wrong with each file by itself, unless a mistake in it was found already.
pub(super) fn check(now: UnixTime, findings: &mut Findings) {
    let places = findings.places.clone();
    let mut seen = HashSet::new();
    for (path, place) in places.files() {
        if findings.mistakes.iter().any(|mistake| mistake.named.as_deref() == Some(path)) {
            continue;
        }
        let mismatch = match place.key() {
            "clientSecretFile" => client_secret_mistake(path),
            key => file_mistake(key, path).map(|mistake| mistake.mismatch()),
        };
        if let Some(mismatch) = mismatch {
            findings.mistake(path, &place.field, &mismatch);
        } else if place.key() == "ca" && seen.insert(path) {
            authorities(path, place, now, findings);
        }
    }
}

/// Warns about authorities of servers that have expired or will soon. During a rotation the file may have the former one beside the new
/// one, so that the last to end decides.
fn authorities(path: &Path, place: &Place, now: UnixTime, findings: &mut Findings) {
    let Ok(pem) = files::read(path, AUTHORITIES_BYTES) else { return };
    let blocks = pem::certificates(&pem).unwrap_or_default().into_iter();
    let certificates = blocks.filter_map(|block| EndpointCertificate::of(block.der.into()));
    let Some(last) = certificates.max_by_key(|certificate| certificate.not_after) else { return };
    let EndpointCertificate { subject, not_after, .. } = last;
    let Place { line, field } = place;
    let file = format!("{}:{line}: {field}: {}", findings.file.display(), path.display());
    if not_after <= now {
        let message = format!(
            "{file}: every certificate has expired, the last one, {subject:?}, at {not_after}: put the authority that is in use into the file"
        );
        findings.warn("certificate-expired", message);
    } else if not_after < now.saturating_add(SOON) {
        findings.warn("certificate-ends-soon", format!("{file}: certificate {subject:?} ends soon, at {not_after}"));
    }
}
