//! Writes requests.

use super::cert_id;
use super::response::NONCE;
use crate::codec::der;
use crate::x509::Certificate;

/// The DER of an `OCSPRequest` ([RFC 6960 §4.1](https://www.rfc-editor.org/rfc/rfc6960#section-4.1)) about `certificate`,
/// which `issuer` issued; not signed. The issuer is identified by SHA-1 hashes, as notation does: many responders know no
/// others. The hashes only select the response, whose signature decides.
///
/// `nonce` becomes the nonce extension, not critical. [RFC 9654](https://www.rfc-editor.org/rfc/rfc9654#section-2.1)
/// allows 1 to 128 bytes and recommends 32.
#[must_use]
pub fn encode_request(certificate: &Certificate, issuer: &Certificate, nonce: Option<&[u8]>) -> Vec<u8> {
    let sequence = |parts: &[&[u8]]| der::encode(der::SEQUENCE, parts);
    let request = sequence(&[&cert_id::encode(certificate, issuer)]);
    let list = sequence(&[&request]);
    let extensions = nonce.map(|nonce| {
        let value = der::encode(der::OCTET_STRING, &[&der::encode(der::OCTET_STRING, &[nonce])]);
        let nonce = sequence(&[&der::encode(der::OBJECT_IDENTIFIER, &[NONCE]), &value]);
        der::encode(der::constructed(2), &[&sequence(&[&nonce])])
    });
    sequence(&[&sequence(&[&list, extensions.as_deref().unwrap_or_default()])])
}
