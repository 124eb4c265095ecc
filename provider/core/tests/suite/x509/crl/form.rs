//! The form of a list: DER, nothing after it, version 2.

use countersign_core::limits;
use countersign_testkit::crl::CrlSpec;
use countersign_testkit::der;
use countersign_testkit::pki::KeyType;

use crate::x509::crl::Issuer;

#[test]
fn reads_a_list_without_entries() {
    let issuer = Issuer::root();
    for spec in [CrlSpec::new(), CrlSpec::new().with_empty_list()] {
        let crl = issuer.read(&spec).unwrap();
        assert_eq!(crl.entry_count(), 0);
        assert_eq!(crl.entry(&[1]), None);
        assert_eq!(crl.number().unwrap().to_string(), "7");
        assert_eq!(crl.delta_base(), None);
        assert_eq!(crl.freshest_urls(), [""; 0]);
        assert_eq!(crl.this_update().to_string(), "2026-11-20T00:00:00Z");
        assert_eq!(crl.next_update().to_string(), "2026-11-27T00:00:00Z");
    }
}

#[test]
fn reads_lists_signed_by_every_kind_of_key() {
    for kind in [KeyType::Rsa2048, KeyType::P256, KeyType::P384, KeyType::P521] {
        let issuer = Issuer::new(countersign_testkit::pki::CertSpec::root().key(kind));
        assert_eq!(issuer.read(&CrlSpec::new()).map(|crl| crl.entry_count()), Ok(0), "{kind:?}");
    }
}

#[test]
fn refuses_bytes_that_are_not_a_der_list() {
    let issuer = Issuer::root();
    let good = issuer.authority.crl(&CrlSpec::new());
    let pem = "-----BEGIN X509 CRL-----\nMIIB\n-----END X509 CRL-----\n";
    for (bytes, shown) in [
        (Vec::new(), r#""""#),
        (pem.as_bytes().to_vec(), r#""-----BEGIN X509 CRL-----\u{a}MIIB\u{a}--""#),
        (b"<!DOCTYPE html><html><body>Not found</body></html>".to_vec(), r#""<!DOCTYPE html><html><body>Not f""#),
        (b"<html>".to_vec(), r#""<html>""#),
    ] {
        let expected = format!("not a DER-encoded CRL: found {shown} at its start, expected the structure of RFC 5280");
        issuer.refuses_bytes(bytes, &expected);
    }
    // A certificate, and BER with an indefinite length.
    let certificate = issuer.authority.der().to_vec();
    let mut indefinite = vec![0x30, 0x80];
    indefinite.extend(der::content(&good));
    indefinite.extend([0, 0]);
    for bytes in [certificate, indefinite] {
        let error = issuer.read_bytes(bytes).unwrap_err().to_string();
        assert!(error.starts_with("not a DER-encoded CRL: found ") || error.starts_with("CRL version: "), "{error}");
    }
}

#[test]
fn refuses_bytes_after_the_list() {
    let issuer = Issuer::root();
    for more in [&[0][..], b"\n", &[0x30, 0]] {
        let mut bytes = issuer.authority.crl(&CrlSpec::new());
        bytes.extend(more);
        issuer.refuses_bytes(bytes, &format!("found {} bytes after the CRL, expected none", more.len()));
    }
}

#[test]
fn refuses_other_versions() {
    let issuer = Issuer::root();
    for (version, found) in [(None, 1), (Some(0), 1), (Some(2), 3)] {
        issuer.refuses(&CrlSpec::new().version(version), &format!("CRL version: found {found}, expected 2"));
    }
}

#[test]
fn refuses_a_list_over_the_limit() {
    let issuer = Issuer::root();
    let found = limits::CRL_BYTES + 1;
    issuer.refuses_bytes(vec![0; found], "CRL: found 33554433 bytes, expected at most 33554432");
}

#[test]
fn refuses_every_truncated_list() {
    let issuer = Issuer::root();
    let good = issuer.authority.crl(&CrlSpec::new().many(3));
    for length in 0..good.len() {
        assert!(issuer.read_bytes(good[..length].to_vec()).is_err(), "{length}");
    }
    assert!(issuer.read_bytes(good).is_ok());
}

#[test]
fn refuses_elements_of_other_types_and_more_elements() {
    let issuer = Issuer::root();
    let good = issuer.authority.crl(&CrlSpec::new());
    let parts: Vec<Vec<u8>> = der::children(&good).into_iter().map(<[u8]>::to_vec).collect();
    let of = |change: &dyn Fn(&mut Vec<Vec<u8>>)| {
        let mut changed = parts.clone();
        change(&mut changed);
        der::sequence(changed)
    };
    for bytes in [
        of(&|parts| parts.push(der::integer(1))),
        of(&|parts| drop(parts.pop())),
        of(&|parts| parts[2] = der::octet_string(&[1; 64])),
        of(&|parts| parts[2] = der::element(0x03, &[1, 0xfe])),
        of(&|parts| parts[1] = der::integer(1)),
    ] {
        assert!(issuer.read_bytes(bytes).unwrap_err().to_string().starts_with("not a DER-encoded CRL"));
    }
}
