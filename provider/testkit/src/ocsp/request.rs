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
        let mut algorithm = expect(&mut id, SEQUENCE)?;
        let hash = expect(&mut algorithm, 0x06)?.to_vec();
        if !matches!(algorithm, [] | [0x05, 0]) {
            return None;
        }
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

#[cfg(test)]
mod tests {
    use super::*;

    /// A request that OpenSSL 3.0 wrote, with a nonce.
    const OPENSSL: [u8; 106] = [
        0x30, 0x68, 0x30, 0x66, 0x30, 0x3f, 0x30, 0x3d, 0x30, 0x3b, 0x30, 0x09, 0x06, 0x05, 0x2b, 0x0e, 0x03, 0x02,
        0x1a, 0x05, 0x00, 0x04, 0x14, 0x02, 0x4c, 0x30, 0x10, 0x6e, 0xcc, 0x2f, 0x51, 0x63, 0xfe, 0x73, 0xec, 0x58,
        0x79, 0xe5, 0xf7, 0x1f, 0x52, 0x60, 0x61, 0x04, 0x14, 0x72, 0x95, 0x3c, 0x80, 0x76, 0x34, 0xae, 0x80, 0x45,
        0xf9, 0x5e, 0xb0, 0x6c, 0x0b, 0x78, 0x45, 0x05, 0x85, 0xea, 0x0d, 0x02, 0x02, 0x10, 0x01, 0xa2, 0x23, 0x30,
        0x21, 0x30, 0x1f, 0x06, 0x09, 0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x30, 0x01, 0x02, 0x04, 0x12, 0x04, 0x10,
        0x29, 0xd0, 0xf5, 0xda, 0x09, 0x42, 0x85, 0x96, 0xf5, 0x2a, 0x1e, 0xff, 0xdd, 0xe9, 0xe7, 0x77,
    ];

    #[test]
    fn reads_a_request_of_openssl() {
        let request = OcspRequest::parse(&OPENSSL).unwrap();
        assert_eq!(der::element(0x06, &request.hash), der::oid("1.3.14.3.2.26"));
        assert_eq!((request.issuer_name_hash.len(), request.issuer_key_hash.len()), (20, 20));
        assert_eq!(request.serial, [0x10, 0x01]);
        assert_eq!(request.nonce.map(|nonce| nonce.len()), Some(16));
    }

    #[test]
    fn refuses_cut_and_longer_requests() {
        for length in 0..OPENSSL.len() {
            assert_eq!(OcspRequest::parse(&OPENSSL[..length]), None, "{length}");
        }
        assert_eq!(OcspRequest::parse(&[&OPENSSL[..], &[0]].concat()), None);
        for position in 0..OPENSSL.len() {
            let mut changed = OPENSSL;
            changed[position] ^= 0x80;
            assert_ne!(OcspRequest::parse(&changed), OcspRequest::parse(&OPENSSL), "{position}");
        }
    }
}
