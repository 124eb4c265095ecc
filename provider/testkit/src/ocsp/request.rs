//! Reads requests, for a responder.

use super::encode;
use super::encode::IssuerHash;
use crate::crl;
use crate::der;

/// A request about one certificate, as far as a responder needs it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OcspRequest {
    /// Contents of the object identifier of the hash algorithm.
    pub hash: Vec<u8>,
    /// Hash of the issuer's name.
    pub issuer_name_hash: Vec<u8>,
    /// Hash of the issuer's key.
    pub issuer_key_hash: Vec<u8>,
    /// Contents of the serial number.
    pub serial: Vec<u8>,
    /// The nonce, if there is one.
    pub nonce: Option<Vec<u8>>,
}

/// One element: tag, contents, and the bytes after it.
fn take(bytes: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (&tag, rest) = bytes.split_first()?;
    let (&first, rest) = rest.split_first()?;
    let (length, rest) = if first < 0x80 {
        (usize::from(first), rest)
    } else {
        let (length, rest) =
            rest.split_at_checked(usize::from(first & 0x7f)).filter(|(length, _)| length.len() <= 4)?;
        (length.iter().fold(0, |sum, byte| sum << 8 | usize::from(*byte)), rest)
    };
    let (contents, rest) = rest.split_at_checked(length)?;
    Some((tag, contents, rest))
}

/// The contents of the next element, which must have this tag.
fn expect<'a>(bytes: &mut &'a [u8], tag: u8) -> Option<&'a [u8]> {
    let (found, contents, rest) = take(bytes)?;
    *bytes = rest;
    (found == tag).then_some(contents)
}

impl OcspRequest {
    /// Reads an `OCSPRequest` ([RFC 6960 §4.1](https://www.rfc-editor.org/rfc/rfc6960#section-4.1)) with exactly one
    /// certificate and without a signature; `None` for anything else, such as a request with trailing bytes or an
    /// unknown extension.
    #[must_use]
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        const SEQUENCE: u8 = 0x30;
        let mut all = bytes;
        let mut outer = expect(&mut all, SEQUENCE)?;
        let mut tbs = expect(&mut outer, SEQUENCE)?;
        let mut list = expect(&mut tbs, SEQUENCE)?;
        let mut request = expect(&mut list, SEQUENCE)?;
        let mut id = expect(&mut request, SEQUENCE)?;
        let hash = expect(&mut expect(&mut id, SEQUENCE)?, 0x06)?.to_vec();
        let issuer_name_hash = expect(&mut id, 0x04)?.to_vec();
        let issuer_key_hash = expect(&mut id, 0x04)?.to_vec();
        let serial = expect(&mut id, 0x02)?.to_vec();
        let nonce = if tbs.is_empty() { None } else { Some(nonce(&mut tbs)?) };
        let nothing_left = [all, outer, tbs, list, request, id].iter().all(|rest| rest.is_empty());
        nothing_left.then_some(Self { hash, issuer_name_hash, issuer_key_hash, serial, nonce })
    }

    /// Whether the request is about this certificate of this issuer, with SHA-1 hashes.
    #[must_use]
    pub fn is_about(&self, certificate: &[u8], issuer: &[u8]) -> bool {
        self.serial == crl::serial_of(certificate) && self.is_for_issuer(issuer)
    }

    /// Whether the SHA-1 hashes are those of this issuer.
    #[must_use]
    pub fn is_for_issuer(&self, issuer: &[u8]) -> bool {
        let hash = IssuerHash::Sha1;
        der::element(0x06, &self.hash) == der::oid("1.3.14.3.2.26")
            && self.issuer_name_hash == hash.of(crl::subject(issuer))
            && self.issuer_key_hash == hash.of(encode::key_bits(issuer))
    }
}

/// The nonce, as the only extension of a request.
fn nonce(tbs: &mut &[u8]) -> Option<Vec<u8>> {
    let mut explicit = expect(tbs, 0xa2)?;
    let mut list = expect(&mut explicit, 0x30)?;
    let mut extension = expect(&mut list, 0x30)?;
    let oid = expect(&mut extension, 0x06)?;
    let mut value = expect(&mut extension, 0x04)?;
    let nonce = expect(&mut value, 0x04)?;
    let is_nonce = der::element(0x06, oid) == der::oid("1.3.6.1.5.5.7.48.1.2");
    let nothing_left = [explicit, list, extension, value].iter().all(|rest| rest.is_empty());
    (is_nonce && nothing_left).then(|| nonce.to_vec())
}
