//! Requests.

use countersign_core::x509::ocsp::encode_request;
use countersign_testkit::der;
use countersign_testkit::ocsp::OcspRequest;
use countersign_testkit::pki::Authority;
use countersign_testkit::pki::CertSpec;

use crate::x509::ocsp::parse;

fn request(serial: &[u8], nonce: Option<&[u8]>) -> (Vec<u8>, Authority) {
    let ca = Authority::root(CertSpec::root());
    let leaf = ca.issue(CertSpec::leaf().serial(serial));
    (encode_request(&parse(leaf.leaf_der()), &parse(ca.der()), nonce), ca)
}

#[test]
fn a_request_identifies_the_certificate_by_its_serial_number_and_sha1_hashes_of_the_issuer() {
    let (bytes, ca) = request(&[0x51, 0x00, 0x07], None);
    let parsed = OcspRequest::parse(&bytes).unwrap();
    assert_eq!(der::element(0x06, &parsed.hash), der::oid("1.3.14.3.2.26"));
    assert_eq!(parsed.serial, [0x51, 0x00, 0x07]);
    assert_eq!(parsed.nonce, None);
    assert!(parsed.is_for_issuer(ca.der()));
    assert!(!parsed.is_for_issuer(Authority::root(CertSpec::root()).der()), "another key");
}

#[test]
fn serial_numbers_are_written_as_positive_integers() {
    for (serial, written) in [
        (&[0x01][..], &[0x01][..]),
        (&[0x80], &[0x00, 0x80]),
        (&[0x00, 0xff, 0x01], &[0x00, 0xff, 0x01]),
        (&[0x7f; 20], &[0x7f; 20]),
    ] {
        assert_eq!(OcspRequest::parse(&request(serial, None).0).unwrap().serial, written, "{serial:02x?}");
    }
}

#[test]
fn a_nonce_is_the_only_extension_of_a_request() {
    for nonce in [&[7; 1][..], &[8; 32], &[9; 128]] {
        let (bytes, _) = request(&[1], Some(nonce));
        assert_eq!(OcspRequest::parse(&bytes).unwrap().nonce.as_deref(), Some(nonce));
        let oid = der::oid("1.3.6.1.5.5.7.48.1.2");
        let extension = der::sequence([oid, der::octet_string(&der::octet_string(nonce))]);
        assert!(bytes.ends_with(&der::element(0xa2, &der::sequence([extension]))));
    }
}

#[test]
fn a_request_without_a_nonce_has_the_bytes_of_rfc_6960() {
    let (bytes, ca) = request(&[0x51], None);
    let parsed = OcspRequest::parse(&bytes).unwrap();
    let algorithm = der::sequence([der::oid("1.3.14.3.2.26"), der::element(0x05, &[])]);
    let id = der::sequence([
        algorithm,
        der::octet_string(&parsed.issuer_name_hash),
        der::octet_string(&parsed.issuer_key_hash),
        der::element(0x02, &[0x51]),
    ]);
    assert!(parsed.is_for_issuer(ca.der()));
    assert_eq!(bytes, der::sequence([der::sequence([der::sequence([der::sequence([id])])])]));
}
