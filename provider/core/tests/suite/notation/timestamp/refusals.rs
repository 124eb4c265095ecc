//! Tokens that are refused, each with its message, in envelopes of both formats.

use countersign_core_test_support::judge::Judge;
use countersign_testkit::Hash;
use countersign_testkit::der;
use countersign_testkit::pki::Authority;
use countersign_testkit::pki::CertSpec;
use countersign_testkit::pki::Key;
use countersign_testkit::pki::KeyType;
use countersign_testkit::signer::Format;
use countersign_testkit::timestamp::SignerParts;
use countersign_testkit::timestamp::SigningAlgorithm;
use countersign_testkit::timestamp::SigningCertificate;
use countersign_testkit::timestamp::TokenParts;
use countersign_testkit::timestamp::accuracy;
use countersign_testkit::timestamp::attribute;
use countersign_testkit::timestamp::issuer_serial;

use crate::notation::timestamp::fixture::Fixture;
use crate::notation::timestamp::fixture::TSA;

const CONTENT_TYPE: &str = "1.2.840.113549.1.9.3";
const MESSAGE_DIGEST: &str = "1.2.840.113549.1.9.4";
const SIGNING_TIME: &str = "1.2.840.113549.1.9.5";
const SIGNING_CERTIFICATE: &str = "1.2.840.113549.1.9.16.2.12";
const SIGNING_CERTIFICATE_V2: &str = "1.2.840.113549.1.9.16.2.47";
const TST_INFO: &str = "1.2.840.113549.1.9.16.1.4";

/// Checks the message about a token that `make` returns for the primitive signature.
#[track_caller]
fn check_made(judge: &Judge, fixture: &Fixture, make: &dyn Fn(&[u8]) -> Vec<u8>, expected: &str) {
    for format in Format::ALL {
        let envelope = fixture.request().timestamped(format, make);
        let sentence = judge.sentence(&envelope, format.media_type());
        assert_eq!(sentence, format!("timestamp-invalid: {expected}"), "{format:?}");
    }
}

/// Checks the message about a correct token that `change` changes before it is signed.
#[track_caller]
fn check(fixture: &Fixture, expected: &str, change: &dyn Fn(&mut TokenParts)) {
    let make = |signature: &[u8]| {
        let mut parts = fixture.tsa.parts(signature);
        change(&mut parts);
        parts.seal()
    };
    check_made(&fixture.judge(), fixture, &make, expected);
}

#[test]
fn what_is_not_one_der_element_is_refused() {
    let fixture = Fixture::new();
    let judge = fixture.judge();
    let ber = |signature: &[u8]| {
        let token = fixture.tsa.token(signature);
        [&[0x30, 0x80], der::content(&token), &[0, 0]].concat()
    };
    let not_der = "timestamp token: found no DER, expected a ContentInfo of RFC 5652 in DER; BER is not accepted";
    check_made(&judge, &fixture, &ber, not_der);
    check_made(&judge, &fixture, &|_| b"token".to_vec(), not_der);
    check_made(&judge, &fixture, &|_| Vec::new(), not_der);
    let cut = |signature: &[u8]| {
        let mut token = fixture.tsa.token(signature);
        token.pop();
        token
    };
    check_made(&judge, &fixture, &cut, not_der);
    let trailing = |signature: &[u8]| [fixture.tsa.token(signature), vec![0, 0]].concat();
    check_made(&judge, &fixture, &trailing, "timestamp token: found 2 bytes after it, expected none");
    // A part of the content in two pieces.
    let pieces = |signature: &[u8]| {
        let token = fixture.tsa.token(signature);
        let outer = der::children(&token);
        let signed_data = der::children(outer[1])[0].to_vec();
        let mut parts: Vec<Vec<u8>> = der::children(&signed_data).into_iter().map(<[u8]>::to_vec).collect();
        let content = der::children(&parts[2])[1].to_vec();
        let pieces = der::element(0x24, der::content(&content));
        parts[2] = der::sequence([der::oid(TST_INFO), der::element(0xa0, &pieces)]);
        der::sequence([outer[0].to_vec(), der::element(0xa0, &der::sequence(parts))])
    };
    let malformed = "timestamp token has a malformed eContent, expected DER as in RFC 5652 and RFC 3161";
    check_made(&judge, &fixture, &pieces, malformed);
}

#[test]
fn another_structure_than_signed_data_of_a_timestamp_is_refused() {
    let fixture = Fixture::new();
    let wrong = |part: &str, found: &str, expected: &str| {
        format!("timestamp token has the wrong {part}: found {found}, expected {expected}")
    };
    let signed_data = "1.2.840.113549.1.7.2 (signedData)";
    check(&fixture, &wrong("contentType", "1.2.840.113549.1.7.1", signed_data), &|parts| {
        parts.content_type = "1.2.840.113549.1.7.1".to_owned();
    });
    check(&fixture, &wrong("version of SignedData", "01", "3"), &|parts| parts.version = 1);
    let content = "1.2.840.113549.1.9.16.1.4 (id-ct-TSTInfo)";
    check(&fixture, &wrong("eContentType", "1.2.840.113549.1.7.1", content), &|parts| {
        parts.signed_content_type = "1.2.840.113549.1.7.1".to_owned();
    });
    check(&fixture, &wrong("kind of certificate", "the tag 0xa1", "X.509 certificates only"), &|parts| {
        parts.certificates.push(vec![0xa1, 0]);
    });
    check(&fixture, "certificate 2 of the timestamp token: not a DER-encoded X.509 certificate", &|parts| {
        parts.certificates[1] = der::sequence([]);
    });
    check(&fixture, "timestamp token: found 11 certificates, expected at most 10", &|parts| {
        parts.certificates = vec![parts.certificates[0].clone(); 11];
    });
    check(&fixture, "timestamp token: found 5 signatures, expected at most 4", &|parts| {
        parts.signers = vec![parts.signers[0].clone(); 5];
    });
    let none = "timestamp token is not signed: found no SignerInfo, expected at least one";
    check(&fixture, none, &|parts| parts.signers.clear());
}

#[test]
fn another_content_than_a_timestamp_of_version_1_is_refused() {
    let fixture = Fixture::new();
    let wrong = |part: &str, found: &str, expected: &str| {
        format!("timestamp token has the wrong {part}: found {found}, expected {expected}")
    };
    let malformed =
        |part: &str| format!("timestamp token has a malformed {part}, expected DER as in RFC 5652 and RFC 3161");
    check(&fixture, &wrong("version of TSTInfo", "02", "1"), &|parts| parts.info.version = 2);
    for time in ["20260102030406.50Z", "20260102030406+0100", "202601020304Z", "20260102030460Z"] {
        check(&fixture, &malformed("genTime"), &|parts| parts.info.gen_time = time.to_owned());
    }
    check(&fixture, &malformed("nonce"), &|parts| parts.info.nonce = Some(vec![2, 2, 0, 1]));
    check(&fixture, &malformed("tsa"), &|parts| parts.info.tsa = Some(vec![0x82, 1, b'a', 0]));
    check(&fixture, &malformed("end of TSTInfo"), &|parts| parts.info.extra = vec![5, 0]);
    check(&fixture, &malformed("extensions"), &|parts| parts.info.extensions = vec![vec![5, 0]]);
    let critical = wrong("extensions of TSTInfo", "the critical extension 1.2.3", "none that is critical");
    check(&fixture, &critical, &|parts| {
        parts.info.extensions = vec![der::sequence([der::oid("1.2.3"), der::boolean(true), der::octet_string(&[])])];
    });
    let negative = "a number of seconds that is not negative, in at most eight bytes";
    check(&fixture, &wrong("accuracy", "ff s (hexadecimal)", negative), &|parts| {
        parts.info.accuracy = Some(accuracy(Some(&[0xff]), None, None));
    });
    check(&fixture, &wrong("accuracy in milliseconds", "03e8 (hexadecimal)", "1 to 999"), &|parts| {
        parts.info.accuracy = Some(accuracy(None, Some(&[0x03, 0xe8]), None));
    });
    check(&fixture, &wrong("accuracy in microseconds", "00 (hexadecimal)", "1 to 999"), &|parts| {
        parts.info.accuracy = Some(accuracy(None, None, Some(&[0])));
    });
    check(&fixture, &wrong("accuracy", "9223372036854775807s", "a period between the years 1 and 9999"), &|parts| {
        let largest = [0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff];
        parts.info.accuracy = Some(accuracy(Some(&largest), None, None));
    });
}

#[test]
fn a_timestamp_of_something_else_is_refused() {
    let fixture = Fixture::new();
    let sha1 = "message imprint of the timestamp: hash algorithm: found SHA-1, expected SHA-256, SHA-384 or SHA-512";
    check(&fixture, sha1, &|parts| parts.info = parts.info.clone().imprint_of(Hash::Sha1, b"anything"));
    let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    let judge = fixture.judge();
    for format in Format::ALL {
        // The text of the signature in base64url, the payload, the whole signed bytes: none is the primitive signature.
        for message in [&b"another signature"[..], br#"{"targetArtifact":{}}"#, b""] {
            let mut primitive = Vec::new();
            let envelope = fixture.request().timestamped(format, |signature| {
                primitive = signature.to_vec();
                fixture.tsa.token(message)
            });
            let (found, expected) = (hex(&Hash::Sha256.digest(message)), hex(&Hash::Sha256.digest(&primitive)));
            assert_eq!(
                judge.sentence(&envelope, format.media_type()),
                format!(
                    "timestamp-invalid: timestamp is for another signature: found the message imprint {found}, \
                     expected {expected}, the SHA-256 hash of this signature"
                )
            );
        }
    }
}

#[test]
fn a_timestamp_in_the_future_is_refused_beyond_five_minutes() {
    let fixture = Fixture::new();
    let judge = fixture.judge().at("2026-01-02T02:59:06Z");
    for format in Format::ALL {
        let envelope = fixture.tsa.envelope(&fixture.request(), format);
        assert_eq!(judge.codes(&envelope, format.media_type()), []);
        assert_eq!(
            judge.clone().at("2026-01-02T02:59:05Z").sentence(&envelope, format.media_type()),
            "timestamp-invalid: timestamp is in the future: found 2026-01-02T03:04:06Z, expected at most \
             2026-01-02T03:04:05Z, which is now with a tolerance of 5 minutes"
        );
    }
}

#[test]
fn another_signer_info_than_that_of_the_named_certificate_is_refused() {
    let fixture = Fixture::new();
    let version = "SignerInfo version: found 03, expected 1, with the signer's issuer and serial number";
    check(&fixture, version, &|parts| {
        parts.signers[0].version = 3;
        parts.signers[0].identifier = der::element(0x80, b"key identifier");
    });
    check(&fixture, "SignerInfo has a malformed sid, expected DER as in RFC 5652", &|parts| {
        parts.signers[0].identifier = der::element(0x80, b"key identifier");
    });
    let serial = der::sequence([der::sequence([]), der::integer(0x1234)]);
    check(
        &fixture,
        "signing certificate is not in the timestamp token: found none with the serial number 1234 and its issuer, \
         expected one",
        &|parts| parts.signers[0].identifier = serial.clone(),
    );
    check(
        &fixture,
        "digest algorithm of the timestamp's signature: hash algorithm: found SHA-1, expected SHA-256, SHA-384 or SHA-512",
        &|parts| {
            parts.signers[0].hash = Hash::Sha1;
            parts.signers[0].digest_algorithm = Hash::Sha1.identifier();
        },
    );
    let algorithm = "signature algorithm: found SHA-1 with RSA, expected SHA-256, SHA-384 or SHA-512 with RSA, RSASSA-PSS \
                     or ECDSA";
    check(&fixture, algorithm, &|parts| {
        let signer = &mut parts.signers[0];
        signer.written_algorithm = Some(SigningAlgorithm::RsaPkcs1(Hash::Sha1).identifier(&signer.key));
    });
    let hash =
        "signature algorithm: found ECDSA with SHA-384, expected one with SHA-256, the message's digest algorithm";
    check(&fixture, hash, &|parts| {
        let key = Key::generate(KeyType::P384);
        parts.signers[0].written_algorithm = Some(SigningAlgorithm::Ecdsa.identifier(&key));
    });
    let other_kind = format!(
        "signature of the timestamp was not made by the certificate {TSA:?}: signature algorithm does not fit the \
         signer's key: found SHA-256 with RSA and EC P-256"
    );
    check(&fixture, &other_kind, &|parts| {
        let signer = &mut parts.signers[0];
        signer.written_algorithm = Some(SigningAlgorithm::RsaEncryption(Hash::Sha256).identifier(&signer.key));
    });
    let mismatch = format!(
        "signature of the timestamp was not made by the certificate {TSA:?}: signature does not match the key and the \
         signed bytes"
    );
    check(&fixture, &mismatch, &|parts| parts.signers[0].key = Key::generate(KeyType::P256));
    let several = format!(
        "no signature of the timestamp token is valid: found 2 invalid; 1: {mismatch}; 2: {version}; expected one valid \
         signature"
    );
    check(&fixture, &several, &|parts| {
        parts.signers[0].key = Key::generate(KeyType::P256);
        let mut second = SignerParts::new(fixture.tsa.chain());
        second.version = 3;
        parts.signers.push(second);
    });
}

#[test]
fn a_malformed_part_is_refused_also_where_it_decides_nothing() {
    let fixture = Fixture::new();
    let malformed = |part: &str| format!("SignerInfo has a malformed {part}, expected DER as in RFC 5652");
    check(&fixture, &malformed("unsignedAttrs"), &|parts| parts.signers[0].unsigned = vec![der::boolean(true)]);
    let without_values = || vec![der::sequence([der::oid("1.2.3")])];
    check(&fixture, &malformed("unsignedAttrs"), &|parts| parts.signers[0].unsigned = without_values());
    // Another signature of the token is valid.
    for valid_first in [true, false] {
        for (part, written) in [("sid", der::element(0x80, b"key identifier")), ("sid", der::boolean(true))] {
            check(&fixture, &malformed(part), &|parts| {
                let mut other = parts.signers[0].clone();
                other.identifier = written.clone();
                parts.signers.push(other);
                if !valid_first {
                    parts.signers.reverse();
                }
            });
        }
    }
    let algorithms = "timestamp token has a malformed digestAlgorithms, expected DER as in RFC 5652 and RFC 3161";
    for list in [vec![der::boolean(true)], vec![der::sequence([der::boolean(true)])]] {
        check_made(&fixture.judge(), &fixture, &|signature| with_algorithms(&fixture, signature, &list), algorithms);
    }
    let two = der::sequence([der::oid("1.2.3"), der::boolean(true), der::boolean(true)]);
    check_made(
        &fixture.judge(),
        &fixture,
        &|signature| with_algorithms(&fixture, signature, std::slice::from_ref(&two)),
        algorithms,
    );
}

/// A token with other digest algorithms in the SignedData.
fn with_algorithms(fixture: &Fixture, signature: &[u8], algorithms: &[Vec<u8>]) -> Vec<u8> {
    let token = fixture.tsa.token(signature);
    let outer = der::children(&token);
    let signed_data = der::children(outer[1])[0].to_vec();
    let mut parts: Vec<Vec<u8>> = der::children(&signed_data).into_iter().map(<[u8]>::to_vec).collect();
    parts[1] = der::set(algorithms.iter().cloned());
    der::sequence([outer[0].to_vec(), der::element(0xa0, &der::sequence(parts))])
}

#[test]
fn signed_attributes_that_must_occur_once_occur_once_with_one_value() {
    let fixture = Fixture::new();
    let missing = |name: &str| format!("signed attribute {name}: found none, expected one");
    let count = |name: &str, found: usize| {
        format!("signed attribute {name}: found {found} values, expected one attribute with one value")
    };
    let none = "signed attributes of the timestamp: found none, expected contentType, messageDigest and \
                signingCertificateV2";
    check(&fixture, none, &|parts| parts.signers[0].signs_attributes = false);
    check(&fixture, none, &|parts| {
        parts.signers[0].attributes.clear();
        parts.signers[0].message_digests = 0;
    });
    check(&fixture, &missing("contentType"), &|parts| drop(parts.signers[0].attributes.remove(0)));
    check(&fixture, &missing("messageDigest"), &|parts| parts.signers[0].message_digests = 0);
    check(&fixture, &missing("signingCertificateV2"), &|parts| parts.signers[0].identify_by([]));
    check(&fixture, &count("messageDigest", 2), &|parts| parts.signers[0].message_digests = 2);
    for (oid, name, value) in [
        (CONTENT_TYPE, "contentType", der::oid(TST_INFO)),
        (SIGNING_TIME, "signingTime", der::element(0x17, b"260102030406Z")),
    ] {
        let others = |parts: &TokenParts| -> Vec<Vec<u8>> {
            let is_other = |attribute: &&Vec<u8>| der::children(attribute)[0] != der::oid(oid);
            parts.signers[0].attributes.iter().filter(is_other).cloned().collect()
        };
        for (values, attributes) in [(1, 2), (2, 1), (0, 1)] {
            check(&fixture, &count(name, values * attributes), &|parts| {
                let mut all = others(parts);
                let one = attribute(oid, &vec![value.clone(); values]);
                all.extend(std::iter::repeat_n(one, attributes));
                parts.signers[0].attributes = all;
            });
        }
    }
    let identifier = SigningCertificate::of(fixture.tsa.chain().leaf_der(), Hash::Sha256).v2();
    check(&fixture, &count("signingCertificateV2", 2), &|parts| parts.signers[0].attributes.push(identifier.clone()));
    let v1 = SigningCertificate::of(fixture.tsa.chain().leaf_der(), Hash::Sha1).v1();
    check(&fixture, &count("signingCertificate", 2), &|parts| {
        parts.signers[0].identify_by([v1.clone(), v1.clone()]);
    });
}

#[test]
fn signed_attributes_are_about_this_timestamp() {
    let fixture = Fixture::new();
    let malformed = |name: &str| format!("signed attribute {name} is malformed, expected DER as in RFC 5652");
    check(
        &fixture,
        "signed attribute contentType: found 1.2.840.113549.1.7.1, expected 1.2.840.113549.1.9.16.1.4 (id-ct-TSTInfo)",
        &|parts| parts.signers[0].attributes[0] = attribute(CONTENT_TYPE, &[der::oid("1.2.840.113549.1.7.1")]),
    );
    check(&fixture, &malformed("contentType"), &|parts| {
        parts.signers[0].attributes[0] = attribute(CONTENT_TYPE, &[der::octet_string(b"x")]);
    });
    let digest = |digest: Vec<u8>| {
        move |parts: &mut TokenParts| {
            parts.signers[0].message_digests = 0;
            parts.signers[0].attributes.push(attribute(MESSAGE_DIGEST, std::slice::from_ref(&digest)));
        }
    };
    check(&fixture, &malformed("messageDigest"), &digest(der::integer(1)));
    for format in Format::ALL {
        let envelope = fixture.request().timestamped(format, |signature| {
            let mut parts = fixture.tsa.parts(signature);
            digest(der::octet_string(&[0xab; 32]))(&mut parts);
            parts.seal()
        });
        let sentence = fixture.judge().sentence(&envelope, format.media_type());
        let begin = format!("timestamp-invalid: signed attribute messageDigest: found {}, expected ", "ab".repeat(32));
        assert!(sentence.starts_with(&begin) && sentence.ends_with(", the SHA-256 hash of TSTInfo"), "{sentence}");
    }
    check(&fixture, &malformed("signingTime"), &|parts| {
        parts.signers[0].attributes.push(attribute(SIGNING_TIME, &[der::element(0x17, b"2601020304Z")]));
    });
    let outside = format!(
        "signed attribute signingTime: found 2019-12-31T23:59:59Z, expected it within 2020-01-01T00:00:00Z to \
         2049-12-31T23:59:59Z, the validity of certificate {TSA:?}"
    );
    check(&fixture, &outside, &|parts| {
        parts.signers[0].attributes.push(attribute(SIGNING_TIME, &[der::element(0x17, b"191231235959Z")]));
    });
}

#[test]
fn the_certificate_identifier_is_that_of_the_signing_certificate() {
    let fixture = Fixture::new();
    let leaf = fixture.tsa.chain().leaf_der().to_vec();
    let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    let identify = |attribute: Vec<u8>| move |parts: &mut TokenParts| parts.signers[0].identify_by([attribute.clone()]);
    let correct = |hash| SigningCertificate::of(&leaf, hash);
    for (name, hash, oid, specification) in [
        ("signingCertificateV2", Hash::Sha256, SIGNING_CERTIFICATE_V2, "RFC 5035"),
        ("signingCertificate", Hash::Sha1, SIGNING_CERTIFICATE, "RFC 2634"),
    ] {
        let write = |of: &SigningCertificate| if hash == Hash::Sha1 { of.v1() } else { of.v2() };
        let other = SigningCertificate::of(fixture.tsa_root.der(), hash);
        let another = format!(
            "signed attribute {name} is for another certificate: found the hash {}, expected {}, that of the signing \
             certificate",
            hex(&hash.digest(fixture.tsa_root.der())),
            hex(&hash.digest(&leaf)),
        );
        check(&fixture, &another, &identify(write(&other)));
        let issuer = format!(
            "signed attribute {name} is for another certificate: found another issuer or serial number, expected those of \
             the signing certificate"
        );
        let of_other_issuer = SigningCertificate { issuer_serial: other.issuer_serial, ..correct(hash) };
        check(&fixture, &issuer, &identify(write(&of_other_issuer)));
        let empty = format!("signed attribute {name}: found no certificate identifier, expected at least one");
        check(&fixture, &empty, &identify(attribute(oid, &[der::sequence([der::sequence([])])])));
        let malformed = format!("signed attribute {name} is malformed, expected DER as in {specification}");
        check(&fixture, &malformed, &identify(attribute(oid, &[der::boolean(true)])));
        check(&fixture, &malformed, &identify(attribute(oid, &[der::sequence([der::boolean(true)])])));
        // Not a directoryName.
        let choice = SigningCertificate { issuer_serial: Some(issuer_serial(&leaf, 0xa5)), ..correct(hash) };
        check(&fixture, &malformed, &identify(write(&choice)));
    }
    check(
        &fixture,
        "certificate identifier of signingCertificateV2: hash algorithm: found SHA-1, expected SHA-256, SHA-384 or SHA-512",
        &identify(correct(Hash::Sha1).v2()),
    );
    // If both are present, a wrong one is not replaced by a correct one.
    let of_root = |hash| SigningCertificate::of(fixture.tsa_root.der(), hash);
    for (attributes, wrong) in [
        ([correct(Hash::Sha1).v1(), of_root(Hash::Sha256).v2()], "signingCertificateV2"),
        ([of_root(Hash::Sha1).v1(), correct(Hash::Sha256).v2()], "signingCertificate"),
    ] {
        let envelope = fixture.request().timestamped(Format::Jws, |signature| {
            let mut parts = fixture.tsa.parts(signature);
            parts.signers[0].identify_by(attributes.clone());
            parts.seal()
        });
        let sentence = fixture.judge().sentence(&envelope, Format::Jws.media_type());
        assert!(sentence.contains(&format!("signed attribute {wrong} is for another certificate")), "{sentence}");
    }
}

#[test]
fn a_certificate_with_the_same_key_does_not_replace_the_identified_one() {
    let fixture = Fixture::new();
    let key = fixture.tsa.chain().key().clone();
    let twin = fixture.tsa_issuer.issue(CertSpec::tsa().with_key(&key).common_name("twin"));
    let make = |signature: &[u8]| {
        let mut parts = fixture.tsa.parts(signature);
        let identifier = SignerParts::new(&twin).identifier;
        parts.certificates = twin.der().to_vec();
        parts.signers[0].identifier = identifier;
        parts.seal()
    };
    for format in Format::ALL {
        let envelope = fixture.request().timestamped(format, make);
        let sentence = fixture.judge().sentence(&envelope, format.media_type());
        assert!(sentence.contains("signed attribute signingCertificateV2 is for another certificate"), "{sentence}");
    }
}

#[test]
fn the_name_of_another_authority_is_refused() {
    let fixture = Fixture::new();
    let other = Authority::root(CertSpec::root().common_name("other"));
    let tbs = der::children(der::children(other.der())[0]);
    let name = der::element(0xa4, tbs[5]);
    check(
        &fixture,
        &format!(
            "name of the timestamping authority in TSTInfo (tsa): found \"CN=other,O=Testkit,ST=ZH,C=CH\", expected the \
             subject {TSA:?} or an alternative name of the signing certificate"
        ),
        &|parts| parts.info.tsa = Some(name.clone()),
    );
    check(
        &fixture,
        &format!(
            "name of the timestamping authority in TSTInfo (tsa): found a name of another kind, expected the subject \
             {TSA:?} or an alternative name of the signing certificate"
        ),
        &|parts| parts.info.tsa = Some(der::element(0x82, b"tsa.example")),
    );
}
