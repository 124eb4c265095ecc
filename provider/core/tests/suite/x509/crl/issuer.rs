//! The issuer of a list: its name, its key, its right to sign, and the algorithms.

use countersign_core::x509::Certificate;
use countersign_testkit::crl;
use countersign_testkit::crl::CrlSpec;
use countersign_testkit::der;
use countersign_testkit::pki::Authority;
use countersign_testkit::pki::CertSpec;
use countersign_testkit::pki::Key;
use countersign_testkit::pki::KeyType;
use countersign_testkit::pki::KeyUsage;

use crate::x509::crl::Issuer;

const ROOT: &str = r#""CN=root,O=Testkit,ST=ZH,C=CH""#;

#[test]
fn refuses_a_list_in_another_name() {
    let issuer = Issuer::root();
    let other = Authority::root(CertSpec::root().common_name("other"));
    issuer.refuses(
        &CrlSpec::new().issued_in_the_name_of(&other),
        &format!(r#"CRL is issued by another authority: found "CN=other,O=Testkit,ST=ZH,C=CH", expected {ROOT}"#),
    );
    issuer.refuses(
        &CrlSpec::new().issuer(&der::sequence([der::integer(1)])),
        &format!(r#"CRL is issued by another authority: found "a malformed name", expected {ROOT}"#),
    );
}

#[test]
fn refuses_a_list_that_another_key_signed() {
    let issuer = Issuer::root();
    for kind in [KeyType::P256, KeyType::P384] {
        let error = issuer.read(&CrlSpec::new().signed_by(&Key::generate(kind))).unwrap_err().to_string();
        assert_eq!(
            error,
            format!("CRL is not signed by {ROOT}: signature does not match the key and the signed bytes")
        );
    }
    issuer.refuses(
        &CrlSpec::new().signed_by(&Key::cached(KeyType::Rsa2048, 1)),
        &format!(
            "CRL is not signed by {ROOT}: signature algorithm does not fit the signer's key: found SHA-256 with RSA \
             and EC P-256"
        ),
    );
}

#[test]
fn refuses_other_hash_functions_than_those_of_sha_2() {
    let null = || der::element(0x05, &[]);
    for (oid, parameters, name) in [
        ("1.2.840.113549.1.1.5", null(), "SHA-1 with RSA"),
        ("1.2.840.113549.1.1.4", null(), "MD5 with RSA"),
        ("1.2.840.113549.1.1.14", null(), "SHA-224 with RSA"),
        ("1.2.840.10045.4.1", Vec::new(), "ECDSA with SHA-1"),
        ("1.3.101.112", Vec::new(), "Ed25519"),
        ("1.2.3.4", Vec::new(), "1.2.3.4"),
    ] {
        let issuer = Issuer::root();
        issuer.refuses(
            &CrlSpec::new().algorithm(&der::sequence([der::oid(oid), parameters])),
            &format!(
                "CRL is not signed by {ROOT}: signature algorithm: found {name}, expected SHA-256, SHA-384 or SHA-512 \
                 with RSA, RSASSA-PSS or ECDSA"
            ),
        );
    }
}

#[test]
fn refuses_two_algorithms() {
    Issuer::root().refuses(
        &CrlSpec::new().inner_algorithm(&crl::algorithm(KeyType::P384)),
        "CRL has different signature algorithms inside and outside its signed part",
    );
}

#[test]
fn refuses_an_issuer_that_may_not_sign_lists() {
    let issuer = Issuer::new(CertSpec::root().key_usage(&[KeyUsage::KeyCertSign, KeyUsage::DigitalSignature]));
    issuer.refuses(
        &CrlSpec::new(),
        &format!(
            "issuer {ROOT} may not sign CRLs: found keyUsage digitalSignature, keyCertSign, expected cRLSign among them"
        ),
    );
    for spec in [CertSpec::root().is_ca(false), CertSpec::root().without_basic_constraints()] {
        Issuer::new(spec).refuses(
            &CrlSpec::new(),
            &format!("issuer {ROOT} of the CRL is no certificate authority: found cA false, expected true"),
        );
    }
    // RFC 5280 section 6.3.3 (f): only a keyUsage that is present can forbid it.
    assert!(Issuer::new(CertSpec::root().without_key_usage()).read(&CrlSpec::new()).is_ok());
}

#[test]
fn a_list_belongs_to_the_name_and_key_that_verified_it() {
    let issuer = Issuer::root();
    let list = issuer.read(&CrlSpec::new()).unwrap();
    assert_eq!(list.check_issuer(&issuer.certificate), Ok(()));
    let certificate = |spec: CertSpec| Certificate::parse(Authority::root(spec).der()).unwrap();
    let same_key = || CertSpec::root().with_key(issuer.authority.key());
    assert_eq!(list.check_issuer(&certificate(same_key().serial(&[7]))), Ok(()));
    for other in [
        certificate(CertSpec::root()),
        certificate(same_key().common_name("other")),
        certificate(same_key().key_usage(&[KeyUsage::KeyCertSign])),
    ] {
        assert!(list.check_issuer(&other).is_err());
    }
}
