//! Tokens that verify: every permitted form.

use std::time::Duration;

use countersign_testkit::Hash;
use countersign_testkit::der;
use countersign_testkit::pki::CertSpec;
use countersign_testkit::pki::KeyType;
use countersign_testkit::timestamp::SignerParts;
use countersign_testkit::timestamp::SigningAlgorithm;
use countersign_testkit::timestamp::SigningCertificate;
use countersign_testkit::timestamp::TokenParts;
use countersign_testkit::timestamp::Tsa;
use countersign_testkit::timestamp::accuracy;
use countersign_testkit::timestamp::attribute;

use crate::notation::timestamp::fixture::Fixture;
use crate::notation::timestamp::fixture::MESSAGE;
use crate::notation::timestamp::fixture::TSA;
use crate::notation::timestamp::fixture::subjects;

#[test]
fn a_correct_token_verifies_with_its_time_its_accuracy_and_its_chain() {
    let fixture = Fixture::new();
    let timestamp = fixture.verify(&fixture.tsa.token(MESSAGE)).unwrap();
    assert_eq!(timestamp.gen_time().to_string(), "2026-01-02T03:04:06Z");
    assert_eq!(timestamp.accuracy(), Duration::from_secs(1));
    assert_eq!(timestamp.earliest().to_string(), "2026-01-02T03:04:05Z");
    assert_eq!(timestamp.latest().to_string(), "2026-01-02T03:04:07Z");
    assert_eq!(subjects(&timestamp), [TSA, "CN=TSA CA,O=Testkit,ST=ZH,C=CH", "CN=TSA Root,O=Testkit,ST=ZH,C=CH"]);
}

/// Every change of a correct token leaves one that verifies.
#[track_caller]
fn accepts(fixture: &Fixture, change: impl FnOnce(&mut TokenParts)) {
    let mut parts = fixture.parts();
    change(&mut parts);
    if let Err(error) = fixture.verify(&parts.seal()) {
        panic!("{error}");
    }
}

#[test]
fn accepts_every_signature_algorithm_and_hash_of_the_sha_2_family() {
    let fixture = Fixture::new();
    let tsa = |kind| Tsa::of(fixture.tsa_issuer.issue(CertSpec::tsa().key(kind)));
    let hashes = [Hash::Sha256, Hash::Sha384, Hash::Sha512];
    let mut cases = vec![
        (KeyType::P256, SigningAlgorithm::Ecdsa),
        (KeyType::P384, SigningAlgorithm::Ecdsa),
        (KeyType::P521, SigningAlgorithm::Ecdsa),
        (KeyType::Rsa2048, SigningAlgorithm::RsaPss),
        (KeyType::Rsa3072, SigningAlgorithm::RsaPss),
        (KeyType::Rsa4096, SigningAlgorithm::RsaPss),
    ];
    for hash in hashes {
        cases.push((KeyType::Rsa2048, SigningAlgorithm::RsaEncryption(hash)));
        cases.push((KeyType::Rsa2048, SigningAlgorithm::RsaPkcs1(hash)));
    }
    for (kind, algorithm) in cases {
        let mut parts = tsa(kind).parts(MESSAGE);
        parts.signers = parts.signers.into_iter().map(|signer| signer.with_algorithm(algorithm)).collect();
        assert!(fixture.verify(&parts.seal()).is_ok(), "{kind:?} {algorithm:?}");
    }
    for hash in hashes {
        accepts(&fixture, |parts| parts.info = parts.info.clone().imprint_of(hash, MESSAGE));
        let certificate = fixture.tsa.chain().leaf_der();
        accepts(&fixture, |parts| parts.signers[0].identify_by([SigningCertificate::of(certificate, hash).v2()]));
    }
}

#[test]
fn accepts_the_certificate_identifier_of_either_version() {
    let fixture = Fixture::new();
    let certificate = fixture.tsa.chain().leaf_der();
    let (sha1, sha256) =
        (SigningCertificate::of(certificate, Hash::Sha1), SigningCertificate::of(certificate, Hash::Sha256));
    let without_issuer = |of: &SigningCertificate| SigningCertificate { issuer_serial: None, ..of.clone() };
    for attributes in [
        vec![sha256.v2()],
        vec![sha1.v1()],
        vec![sha1.v1(), sha256.v2()],
        vec![without_issuer(&sha256).v2()],
        vec![without_issuer(&sha1).v1()],
    ] {
        accepts(&fixture, |parts| parts.signers[0].identify_by(attributes));
    }
}

#[test]
fn accepts_optional_parts_and_ignores_those_that_prove_nothing() {
    let fixture = Fixture::new();
    accepts(&fixture, |parts| parts.info.nonce = Some(der::integer(u64::MAX)));
    accepts(&fixture, |parts| parts.info.nonce = Some(der::element(2, &[0xff])));
    accepts(&fixture, |parts| {
        let extension = der::sequence([der::oid("1.2.3"), der::octet_string(&[5, 0])]);
        parts.info.extensions = vec![extension];
    });
    accepts(&fixture, |parts| parts.crls = vec![der::sequence([der::boolean(true)]), vec![0xa1, 0]]);
    accepts(&fixture, |parts| {
        parts.signers[0].attributes.push(attribute("1.2.840.113549.1.9.52", &[der::boolean(true)]));
    });
    accepts(&fixture, |parts| {
        let signing_time = der::element(0x17, b"260102030406Z");
        parts.signers[0].attributes.push(attribute("1.2.840.113549.1.9.5", &[signing_time]));
    });
    accepts(&fixture, |parts| parts.signers[0].unsigned = vec![attribute("1.2.3", &[])]);
    // Signed in the order of DER, written in another one.
    accepts(&fixture, |parts| parts.signers[0].written_in_reverse = true);
}

#[test]
fn finds_the_chain_whatever_the_order_and_without_the_root() {
    let fixture = Fixture::new();
    accepts(&fixture, |parts| parts.certificates.reverse());
    accepts(&fixture, |parts| {
        parts.certificates.pop();
    });
    accepts(&fixture, |parts| {
        let unrelated = fixture.signer(CertSpec::leaf());
        parts.certificates.extend(unrelated.der().iter().cloned());
        parts.certificates.push(fixture.tsa.chain().leaf_der().to_vec());
    });
}

#[test]
fn one_valid_signature_of_several_is_enough() {
    let fixture = Fixture::new();
    let untrusted = countersign_testkit::pki::Authority::root(CertSpec::root().common_name("untrusted"));
    let other = untrusted.issue(CertSpec::tsa());
    for valid_first in [true, false] {
        accepts(&fixture, |parts| {
            parts.certificates.extend(other.der().iter().cloned());
            parts.signers.push(SignerParts::new(&other));
            let mut unsupported = SignerParts::new(&other);
            unsupported.version = 3;
            unsupported.identifier = der::element(0x80, b"key");
            parts.signers.push(unsupported);
            if !valid_first {
                parts.signers.reverse();
            }
        });
    }
}

#[test]
fn the_time_has_the_fraction_and_the_accuracy_of_the_token() {
    let fixture = Fixture::new();
    let interval = |change: &dyn Fn(&mut TokenParts)| {
        let mut parts = fixture.parts();
        change(&mut parts);
        let timestamp = fixture.verify(&parts.seal()).unwrap();
        format!("{} to {}", timestamp.earliest(), timestamp.latest())
    };
    const BASELINE: &str = "0.4.0.2023.1.1";
    for (expected, change) in [
        (
            "2025-01-21T09:17:46.141Z to 2025-01-21T09:17:47.141Z",
            &(|parts: &mut TokenParts| {
                parts.info.gen_time = "20250121091746.641Z".to_owned();
                parts.info.accuracy = Some(accuracy(None, Some(&[0x01, 0xf4]), None));
            }) as &dyn Fn(&mut TokenParts),
        ),
        ("2026-01-02T03:03:05.997998Z to 2026-01-02T03:05:06.002002Z", &|parts| {
            parts.info.accuracy = Some(accuracy(Some(&[60]), Some(&[2]), Some(&[2])))
        }),
        ("2026-01-02T03:04:06Z to 2026-01-02T03:04:06Z", &|parts| parts.info.accuracy = None),
        ("2026-01-02T03:04:05Z to 2026-01-02T03:04:07Z", &|parts| {
            parts.info.accuracy = None;
            parts.info.policy = BASELINE.to_owned();
        }),
        // An explicit zero is zero, also under the baseline policy.
        ("2026-01-02T03:04:06Z to 2026-01-02T03:04:06Z", &|parts| {
            parts.info.accuracy = Some(accuracy(Some(&[0]), None, None));
            parts.info.policy = BASELINE.to_owned();
        }),
        ("2026-01-02T03:04:06Z to 2026-01-02T03:04:06Z", &|parts| {
            parts.info.accuracy = Some(accuracy(None, None, None));
            parts.info.policy = BASELINE.to_owned();
        }),
    ] {
        assert_eq!(interval(change), expected);
    }
}

#[test]
fn the_name_of_the_authority_is_the_subject_or_an_alternative_name() {
    let fixture = Fixture::new();
    let subject = |parts: &TokenParts| {
        let tbs = der::children(der::children(&parts.certificates[0])[0]);
        tbs[5].to_vec()
    };
    accepts(&fixture, |parts| parts.info.tsa = Some(der::element(0xa4, &subject(parts))));
    // The same attributes with strings of another type.
    accepts(&fixture, |parts| {
        let attribute =
            |oid: &str, value: &str| der::set([der::sequence([der::oid(oid), der::element(0x13, value.as_bytes())])]);
        let name = der::sequence([
            attribute("2.5.4.6", "CH"),
            attribute("2.5.4.8", "ZH"),
            attribute("2.5.4.10", "Testkit"),
            attribute("2.5.4.3", "tsa"),
        ]);
        parts.info.tsa = Some(der::element(0xa4, &name));
    });
    let tsa = Tsa::of(fixture.tsa_issuer.issue(CertSpec::tsa().alternative_names(&["tsa.example"])));
    let mut parts = tsa.parts(MESSAGE);
    parts.info.tsa = Some(der::element(0x82, b"tsa.example"));
    assert!(fixture.verify(&parts.seal()).is_ok());
}
