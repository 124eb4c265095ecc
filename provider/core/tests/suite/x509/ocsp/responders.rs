//! Who may sign a response.

use countersign_core::x509::ocsp::Responder;
use countersign_core::x509::ocsp::ResponderRevocation;
use countersign_testkit::der;
use countersign_testkit::ocsp::OcspSpec;
use countersign_testkit::pki;
use countersign_testkit::pki::Authority;
use countersign_testkit::pki::CertSpec;
use countersign_testkit::pki::Key;
use countersign_testkit::pki::KeyType;
use countersign_testkit::pki::KeyUsage;
use countersign_testkit::pki::eku;
use time::macros::datetime;

use crate::x509::ocsp::CA;
use crate::x509::ocsp::Fixture;
use crate::x509::ocsp::LEAF;
use crate::x509::ocsp::NO_CHECK;
use crate::x509::ocsp::NULL;
use crate::x509::ocsp::OTHER;
use crate::x509::ocsp::RESPONDER;
use crate::x509::ocsp::other_ca;
use crate::x509::ocsp::parse;
use crate::x509::ocsp::responder;

const MISMATCH: &str = "signature does not match the key and the signed bytes";

/// Why `responder` may not answer.
fn not_authorized(responder: &str, problem: &str) -> String {
    format!("OCSP responder {responder:?} may not answer for the issuer of the certificate: {problem}")
}

fn not_signed_by(responder: &str) -> String {
    format!("OCSP response is not signed by {responder:?}: {MISMATCH}")
}

fn unknown(responder: &str) -> String {
    format!(
        "OCSP responder is unknown: found {responder}, expected the issuer of the certificate or a certificate in the \
         response"
    )
}

#[test]
fn accepts_the_issuer_by_name_or_key_with_its_certificate_embedded_or_not() {
    let fixture = Fixture::new();
    let renewed = Authority::root(CertSpec::root().common_name("ca").serial(&[9]).with_key(fixture.ca.key()));
    for spec in [fixture.spec(), fixture.spec().by_key()] {
        for spec in [
            spec.clone(),
            spec.clone().embedding(fixture.ca.der()),
            spec.clone().embedding(renewed.der()),
            spec.clone().embedding(fixture.leaf.leaf_der()),
            spec.clone().embedding(other_ca().der()).embedding(fixture.ca.der()),
            // A root of version 1, such as old authorities have, cannot be read and is not needed.
            spec.embedding(&der::sequence([der::integer(1)])),
        ] {
            assert_eq!(fixture.answer(&spec).responder(), &Responder::Issuer);
        }
    }
}

#[test]
fn accepts_a_certificate_of_the_issuer_for_ocsp_signing_wherever_it_is_embedded() {
    let fixture = Fixture::new();
    let delegate = fixture.delegate(|spec| spec);
    let other = other_ca();
    let expected = |revocation| Responder::Delegated { certificate: parse(delegate.leaf_der()), revocation };
    for spec in [fixture.spec().signed_by(&delegate), fixture.spec().signed_by(&delegate).by_key()] {
        for spec in [
            spec.clone(),
            spec.clone().embedding(fixture.ca.der()),
            spec.clone().without_certificates().embedding(fixture.ca.der()).embedding(delegate.leaf_der()),
            spec.without_certificates().embedding(b"\x30\x00").embedding(other.der()).embedding(delegate.leaf_der()),
        ] {
            assert_eq!(fixture.answer(&spec).responder(), &expected(ResponderRevocation::NoCheck));
        }
    }
}

#[test]
fn the_status_of_a_responder_is_needed_unless_it_has_nocheck() {
    let fixture = Fixture::new();
    let plain = || CertSpec::leaf().serial(&[0x77]).ekus(&[eku::OCSP_SIGNING]);
    for (spec, expected) in [
        (plain(), ResponderRevocation::StatusNeeded),
        (plain().extension(NO_CHECK, false, &[]), ResponderRevocation::StatusNeeded),
        (plain().extension(NO_CHECK, false, &[5, 0, 0]), ResponderRevocation::StatusNeeded),
        (plain().extension(NO_CHECK, false, &NULL), ResponderRevocation::NoCheck),
        (plain().extension(NO_CHECK, true, &NULL), ResponderRevocation::NoCheck),
    ] {
        let delegate = fixture.ca.issue(spec);
        let answer = fixture.answer(&fixture.spec().signed_by(&delegate));
        let Responder::Delegated { revocation, certificate } = answer.responder() else { panic!("not delegated") };
        assert_eq!((*revocation, certificate.der()), (expected, delegate.leaf_der()));
    }
}

#[test]
fn a_responder_needs_the_purpose_ocsp_signing_and_digital_signature() {
    let fixture = Fixture::new();
    for edit in [
        |spec: CertSpec| spec.without_key_usage(),
        |spec: CertSpec| spec.ekus(&[eku::CODE_SIGNING, eku::OCSP_SIGNING, eku::ANY]),
        |spec: CertSpec| spec.ekus_critical(true),
        |spec: CertSpec| spec.key_usage(&[KeyUsage::NonRepudiation, KeyUsage::DigitalSignature]),
    ] {
        fixture.accepts(&fixture.spec().signed_by(&fixture.delegate(edit)));
    }
    let purpose = |found| format!("extKeyUsage: found {found}, expected OCSPSigning (1.3.6.1.5.5.7.3.9)");
    let usage = |found| format!("keyUsage: found {found}, expected digitalSignature among them");
    let cases: [(CertSpec, String); 6] = [
        (responder().without_ekus(), purpose("none")),
        (responder().ekus(&[eku::ANY]), purpose("2.5.29.37.0")),
        (responder().ekus(&[eku::CODE_SIGNING, eku::TIME_STAMPING]), purpose("1.3.6.1.5.5.7.3.3, 1.3.6.1.5.5.7.3.8")),
        (responder().key_usage(&[KeyUsage::NonRepudiation]), usage("nonRepudiation")),
        (responder().key_usage(&[KeyUsage::KeyCertSign, KeyUsage::CrlSign]), usage("keyCertSign, cRLSign")),
        (responder().key_usage(&[KeyUsage::KeyEncipherment]), usage("keyEncipherment")),
    ];
    for (spec, problem) in cases {
        let delegate = fixture.ca.issue(spec);
        fixture.refuses(&fixture.spec().signed_by(&delegate), &not_authorized(RESPONDER, &problem));
        fixture.refuses(&fixture.spec().signed_by(&delegate).by_key(), &not_authorized(RESPONDER, &problem));
    }
}

#[test]
fn a_certificate_never_states_its_own_status() {
    let fixture = Fixture::new();
    let itself = not_authorized(LEAF, "it is the certificate whose status it states");
    fixture.refuses(&fixture.spec().signed_by(&fixture.leaf), &itself);
    fixture.refuses(&fixture.spec().signed_by(&fixture.leaf).by_key(), &itself);
    // Also with the purpose, and with another certificate of the same serial number.
    let purposeful = fixture.ca.issue(CertSpec::leaf().serial(&[0x51]).ekus(&[eku::OCSP_SIGNING]));
    fixture.refuses(&fixture.spec().signed_by(&purposeful), &itself);
    let judged = Fixture { leaf: purposeful, ..fixture };
    judged.refuses(&judged.spec().signed_by(&judged.leaf), &itself);
}

#[test]
fn another_leaf_of_the_authority_is_no_responder() {
    let fixture = Fixture::new();
    let sibling = fixture.ca.issue(CertSpec::leaf().serial(&[0x52]));
    fixture.refuses(
        &fixture.spec().signed_by(&sibling),
        &not_authorized(LEAF, "extKeyUsage: found 1.3.6.1.5.5.7.3.3, expected OCSPSigning (1.3.6.1.5.5.7.3.9)"),
    );
}

#[test]
fn a_responder_must_be_issued_by_the_issuer_itself() {
    let fixture = Fixture::new();
    let elsewhere = other_ca().issue(responder());
    let issued_by =
        |found: &str| not_authorized(RESPONDER, &format!("its certificate is issued by {found:?}, expected {CA:?}"));
    fixture.refuses(&fixture.spec().signed_by(&elsewhere), &issued_by(OTHER));
    fixture.refuses(&fixture.spec().signed_by(&elsewhere).embedding(other_ca().der()), &issued_by(OTHER));
    let below = fixture.ca.intermediate(CertSpec::intermediate().common_name("sub")).issue(responder());
    fixture.refuses(&fixture.spec().signed_by(&below), &issued_by("CN=sub,O=Testkit,ST=ZH,C=CH"));
    // An authority with the name of the issuer and another key.
    let namesake = Authority::root(CertSpec::root().common_name("ca")).issue(responder());
    fixture.refuses(
        &fixture.spec().signed_by(&namesake),
        &not_authorized(RESPONDER, &format!("its certificate is not signed by the issuer: {MISMATCH}")),
    );
    // Authorities without a delegation.
    let root = other_ca();
    fixture.refuses(
        &fixture.spec().signed_by(&root.as_chain()),
        &not_authorized(OTHER, &format!("its certificate is issued by {OTHER:?}, expected {CA:?}")),
    );
}

#[test]
fn the_issuer_of_the_issuer_is_no_responder() {
    let root = other_ca();
    let ca = root.intermediate(CertSpec::intermediate().common_name("ca"));
    let leaf = ca.issue(CertSpec::leaf().serial(&[0x51]));
    let fixture = Fixture { ca, leaf, ..Fixture::new() };
    fixture.accepts(&fixture.spec());
    fixture.refuses(
        &fixture.spec().signed_by(&root.as_chain()),
        &not_authorized(OTHER, &format!("its certificate is issued by {OTHER:?}, expected {CA:?}")),
    );
    let uncle = root.issue(responder());
    fixture.refuses(
        &fixture.spec().signed_by(&uncle),
        &not_authorized(RESPONDER, &format!("its certificate is issued by {OTHER:?}, expected {CA:?}")),
    );
}

#[test]
fn a_responder_must_be_valid_now_without_a_tolerance() {
    let fixture = Fixture::new();
    let valid = |from, to| fixture.delegate(|spec| spec.valid(from, to));
    let (start, end) = (datetime!(2026-11-01 00:00 UTC), datetime!(2026-12-01 00:00 UTC));
    let now = datetime!(2026-11-21 12:00 UTC);
    for (from, to) in [(start, end), (start, now), (now, end)] {
        fixture.accepts(&fixture.spec().signed_by(&valid(from, to)));
    }
    let second = time::Duration::SECOND;
    fixture.refuses(
        &fixture.spec().signed_by(&valid(start, now - second)),
        &not_authorized(
            RESPONDER,
            "its certificate is valid from 2026-11-01T00:00:00Z to 2026-11-21T11:59:59Z, expected a period that \
             includes 2026-11-21T12:00:00Z",
        ),
    );
    fixture.refuses(
        &fixture.spec().signed_by(&valid(now + second, end)),
        &not_authorized(
            RESPONDER,
            "its certificate is valid from 2026-11-21T12:00:01Z to 2026-12-01T00:00:00Z, expected a period that \
             includes 2026-11-21T12:00:00Z",
        ),
    );
}

#[test]
fn critical_extensions_of_a_responder_must_be_known() {
    let fixture = Fixture::new();
    let with = |oid: &str, critical, value: &[u8]| {
        let delegate = fixture.delegate(|spec| spec.extension(oid, critical, value));
        fixture.spec().signed_by(&delegate)
    };
    let policies = der::sequence([der::sequence([der::oid("2.5.29.32.0")])]);
    fixture.accepts(&with("2.5.29.32", true, &policies));
    fixture.accepts(&with("1.2.3.4", false, &NULL));
    for oid in ["1.2.3.4", "2.5.29.30", "2.5.29.36"] {
        fixture.refuses(
            &with(oid, true, &der::sequence([])),
            &not_authorized(
                RESPONDER,
                &format!("its certificate has the critical extension {oid}, which is not supported"),
            ),
        );
    }
}

#[test]
fn the_signature_must_be_that_of_the_responder() {
    let fixture = Fixture::new();
    let delegate = fixture.delegate(|spec| spec);
    let key = Key::generate(KeyType::P256);
    for (spec, responder) in [
        (fixture.spec().broken_signature(), CA),
        (fixture.spec().by_key().broken_signature(), CA),
        (fixture.spec().with_signature_of(&key), CA),
        // The leaf's signature, with the name of the issuer.
        (fixture.spec().with_signature_of(fixture.leaf.key()), CA),
        (fixture.spec().signed_by(&fixture.leaf).naming(fixture.ca.der()), CA),
        (fixture.spec().signed_by(&delegate).naming(fixture.ca.der()), CA),
        (fixture.spec().signed_by(&delegate).broken_signature(), RESPONDER),
        (fixture.spec().signed_by(&delegate).with_signature_of(fixture.leaf.key()), RESPONDER),
        (fixture.spec().naming(delegate.leaf_der()).embedding(delegate.leaf_der()), RESPONDER),
    ] {
        fixture.refuses(&spec, &not_signed_by(responder));
    }
}

#[test]
fn only_sha_2_signatures_that_fit_the_key_count() {
    let fixture = Fixture::new();
    let sequence = |oid: &str| der::sequence([der::oid(oid)]);
    let algorithms = "expected SHA-256, SHA-384 or SHA-512 with RSA, RSASSA-PSS or ECDSA";
    for (algorithm, error) in [
        (sequence("1.2.840.10045.4.1"), format!("signature algorithm: found ECDSA with SHA-1, {algorithms}")),
        (sequence("1.2.840.113549.1.1.5"), format!("signature algorithm: found SHA-1 with RSA, {algorithms}")),
        (sequence("1.2.840.113549.1.1.4"), format!("signature algorithm: found MD5 with RSA, {algorithms}")),
        (sequence("1.2.3"), format!("signature algorithm: found 1.2.3, {algorithms}")),
        (
            sequence("1.2.840.113549.1.1.11"),
            "signature algorithm does not fit the signer's key: found SHA-256 with RSA and EC P-256".to_owned(),
        ),
        (sequence("1.2.840.10045.4.3.3"), MISMATCH.to_owned()),
    ] {
        fixture.refuses(
            &fixture.spec().algorithm_der(&algorithm),
            &format!("OCSP response is not signed by {CA:?}: {error}"),
        );
    }
    let weak = fixture.delegate(|spec| spec.key(KeyType::Ed25519));
    fixture.refuses(
        &fixture.spec().signed_by(&weak),
        &format!("OCSP response is not signed by {RESPONDER:?}: signature algorithm: found Ed25519, {algorithms}"),
    );
}

#[test]
fn the_responder_must_be_the_issuer_or_embedded() {
    let fixture = Fixture::new();
    let delegate = fixture.delegate(|spec| spec);
    let by_name = fixture.spec().signed_by(&delegate).without_certificates();
    fixture.refuses(&by_name, &unknown(&format!("{RESPONDER:?}")));
    fixture.refuses(&by_name.embedding(fixture.ca.der()), &unknown(&format!("{RESPONDER:?}")));
    let hash = der::element(0xa2, &der::octet_string(&[0xab; 20]));
    let by_key = fixture.spec().responder_der(&hash);
    let named = format!("a key with hash {}", "ab".repeat(20));
    fixture.refuses(&by_key, &unknown(&named));
    fixture.refuses(
        &by_key.embedding(&der::sequence([der::integer(1)])),
        &format!(
            "OCSP responder is unknown: found {named}, and a certificate in the response cannot be read: not a \
             DER-encoded X.509 certificate"
        ),
    );
    for length in [0, 19, 21, 32] {
        let hash = der::element(0xa2, &der::octet_string(&vec![0xab; length]));
        fixture.refuses(
            &fixture.spec().responder_der(&hash),
            &unknown(&format!("a key with hash {}", "ab".repeat(length))),
        );
    }
}

#[test]
fn of_several_certificates_with_the_name_of_the_responder_the_one_that_signed_counts() {
    let fixture = Fixture::new();
    let (old, new) = (fixture.delegate(|spec| spec), fixture.delegate(|spec| spec.serial(&[0x78])));
    let spec = |signer: &pki::Chain, first: &pki::Chain, second: &pki::Chain| {
        let spec = fixture.spec().signed_by(signer).without_certificates();
        spec.embedding(first.leaf_der()).embedding(second.leaf_der())
    };
    for (first, second) in [(&old, &new), (&new, &old)] {
        let answer = fixture.answer(&spec(&new, first, second));
        let Responder::Delegated { certificate, .. } = answer.responder() else { panic!("not delegated") };
        assert_eq!(certificate.der(), new.leaf_der());
    }
    // A delegate with the name of the issuer.
    let namesake = fixture.delegate(|spec| spec.common_name("ca"));
    let answer = fixture.answer(&fixture.spec().signed_by(&namesake));
    assert!(matches!(answer.responder(), Responder::Delegated { .. }));
    // Names do not help without authority.
    let imposter = fixture.ca.issue(CertSpec::leaf().common_name("responder").serial(&[0x79]));
    fixture.refuses(&spec(&imposter, &old, &imposter), &not_signed_by(RESPONDER));
}

#[test]
fn a_response_without_any_certificate_needs_the_signature_of_the_issuer() {
    let fixture = Fixture::new();
    let spec = OcspSpec::new([fixture.good()]).with_signature_of(fixture.leaf.key());
    fixture.refuses(&spec, &not_signed_by(CA));
}

#[test]
fn long_names_are_cut_before_the_cause() {
    let fixture = Fixture::new();
    let long = "x".repeat(2000);
    let delegate = fixture.delegate(|spec| spec.subject(&[("CN", &long)]).without_ekus());
    let cut = format!("CN={}… (cut)", "x".repeat(80 - "CN=… (cut)".len()));
    fixture.refuses(
        &fixture.spec().signed_by(&delegate),
        &not_authorized(&cut, "extKeyUsage: found none, expected OCSPSigning (1.3.6.1.5.5.7.3.9)"),
    );
    let many: Vec<String> = (0..60).map(|arc| format!("1.2.{arc}")).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    let delegate = fixture.delegate(|spec| spec.ekus(&many));
    fixture.refuses(
        &fixture.spec().signed_by(&delegate),
        &not_authorized(
            RESPONDER,
            "extKeyUsage: found 1.2.0, 1.2.1, 1.2.2, 1.2.3, 1.2.4 and 55 more, expected OCSPSigning (1.3.6.1.5.5.7.3.9)",
        ),
    );
}
