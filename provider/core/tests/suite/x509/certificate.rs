//! Reading one certificate.

use countersign_core::crypto::KeyError;
use countersign_core::limits;
use countersign_core::time::UnixTime;
use countersign_core::x509::BasicConstraints;
use countersign_core::x509::Certificate;
use countersign_core::x509::CertificateError;
use countersign_core::x509::DistributionPoint;
use countersign_core::x509::KeyUse;
use countersign_core::x509::RevocationAddresses;
use countersign_testkit::der;
use countersign_testkit::pki::Authority;
use countersign_testkit::pki::CertSpec;
use countersign_testkit::pki::KeyUsage;
use time::macros::datetime;

use crate::x509::pair;
use crate::x509::parse;

const LEAF: &str = "CN=leaf,O=Testkit,ST=ZH,C=CH";

fn malformed(part: &'static str) -> CertificateError {
    CertificateError::Malformed { subject: LEAF.into(), part }
}

/// The error for a leaf whose signed part is edited.
fn edited(edit: impl FnOnce(&mut Vec<Vec<u8>>)) -> CertificateError {
    let authority = Authority::root(CertSpec::root());
    let chain = authority.issue(CertSpec::leaf());
    Certificate::parse(&authority.reissue(chain.leaf_der(), edit)).unwrap_err()
}

/// The error for a leaf with one more extension.
fn extended(oid: &str, value: &[u8]) -> CertificateError {
    let spec = CertSpec::leaf().without_key_usage().without_ekus().extension(oid, true, value);
    Certificate::parse(pair(spec).leaf_der()).unwrap_err()
}

#[test]
fn reads_every_field_of_a_certificate() {
    let spec = CertSpec::leaf()
        .serial(&[0x01, 0xab])
        .valid(datetime!(2024-01-02 03:04:05 UTC), datetime!(2051-01-01 00:00:00 UTC))
        .key_usage(&[KeyUsage::DigitalSignature, KeyUsage::NonRepudiation]);
    let chain = pair(spec);
    let leaf = parse(chain.leaf_der());
    assert_eq!(leaf.der(), chain.leaf_der());
    assert_eq!(leaf.tbs(), der::children(chain.leaf_der())[0]);
    let fingerprint: String = leaf.fingerprint().iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(fingerprint, chain.thumbprints()[0]);
    assert_eq!(leaf.serial(), "01ab");
    assert_eq!(leaf.subject().to_string(), LEAF);
    assert_eq!(leaf.issuer().to_string(), "CN=root,O=Testkit,ST=ZH,C=CH");
    assert_eq!(leaf.issuer_raw(), parse(chain.root_der()).subject_raw());
    assert!(!leaf.is_self_issued());
    assert_eq!(leaf.not_before().to_string(), "2024-01-02T03:04:05Z");
    assert_eq!(leaf.not_after().to_string(), "2051-01-01T00:00:00Z");
    assert_eq!(leaf.basic_constraints(), None);
    let usage = leaf.key_usage().unwrap();
    assert_eq!((usage.critical, &usage.uses[..]), (true, &[KeyUse::DigitalSignature, KeyUse::NonRepudiation][..]));
    let extended = leaf.extended_key_usage().unwrap();
    assert!(!extended.critical);
    assert_eq!(extended.purposes[0].to_string(), "1.3.6.1.5.5.7.3.3");
    assert!(leaf.revocation_addresses().is_empty());

    let root = parse(Authority::root(CertSpec::root().path_length(3)).der());
    let constraints = BasicConstraints { critical: true, ca: true, path_length: Some(3) };
    assert_eq!(root.basic_constraints(), Some(&constraints));
    assert!(root.is_ca() && root.is_self_issued());
}

#[test]
fn is_valid_at_both_ends_of_its_period_and_not_beyond() {
    let leaf = parse(pair(CertSpec::leaf()).leaf_der());
    let at = |text| leaf.covers(UnixTime::from_rfc3339(text).unwrap());
    assert!(at("2020-01-01T00:00:00Z"));
    assert!(at("2049-12-31T23:59:59Z"));
    assert!(!at("2019-12-31T23:59:59Z"));
    assert!(!at("2050-01-01T00:00:00Z"));
    assert!(!at("2049-12-31T23:59:59.000000001Z"));
}

#[test]
fn refuses_truncated_certificates_and_trailing_bytes() {
    let leaf = pair(CertSpec::leaf()).leaf_der().to_vec();
    for length in 0..leaf.len() {
        assert_eq!(Certificate::parse(&leaf[..length]), Err(CertificateError::NotACertificate), "{length}");
    }
    let with_line_feed = [&leaf[..], b"\n"].concat();
    assert_eq!(Certificate::parse(&with_line_feed), Err(CertificateError::TrailingBytes { found: 1 }));
    let large = vec![0x30; limits::CERTIFICATE_BYTES + 1];
    assert_eq!(Certificate::parse(&large), Err(CertificateError::TooLarge { found: limits::CERTIFICATE_BYTES + 1 }));
}

#[test]
fn refuses_an_outer_length_that_is_not_the_shortest() {
    let leaf = pair(CertSpec::leaf()).leaf_der().to_vec();
    assert_eq!(leaf[1], 0x82);
    let padded = [&[0x30, 0x83, 0x00], &leaf[2..]].concat();
    assert_eq!(Certificate::parse(&padded), Err(CertificateError::NotACertificate));
}

#[test]
fn refuses_every_version_but_three() {
    assert_eq!(edited(|tbs| drop((tbs.remove(0), tbs.pop()))), CertificateError::Version { found: 1 });
    assert_eq!(edited(|tbs| tbs[0] = der::element(0xa0, &der::integer(1))), CertificateError::Version { found: 2 });
    assert_eq!(edited(|tbs| tbs[0] = der::element(0xa0, &der::integer(3))), CertificateError::Version { found: 4 });
}

#[test]
fn refuses_a_version_or_an_extension_that_is_not_der() {
    let extensions = |extension: Vec<u8>| der::element(0xa3, &der::sequence([extension]));
    let (oid, value) = (der::oid("1.2.3"), der::octet_string(&[5, 0]));
    for (at, element) in [
        // Not an INTEGER, negative, padded, too large, and none.
        (0, der::element(0xa0, &[0x82, 1, 2])),
        (0, der::element(0xa0, &[2, 1, 0x82])),
        (0, der::element(0xa0, &[2, 2, 0, 2])),
        (0, der::element(0xa0, &[2, 5, 1, 0, 0, 0, 0])),
        (0, der::element(0xa0, &[])),
        (7, extensions(der::element(2, &[1]))),
        (7, extensions(der::sequence([der::integer(7), value.clone()]))),
        (7, extensions(der::sequence([oid.clone(), der::integer(7)]))),
        (7, extensions(der::sequence([oid.clone(), der::element(1, &[0xff, 0xff]), value.clone()]))),
        (7, extensions(der::sequence([oid.clone(), vec![4, 0x81, 2, 5, 0]]))),
        (7, extensions(der::sequence([oid]))),
        // An issuerUniqueID without a byte that counts unused bits.
        (7, der::element(0x81, &[])),
    ] {
        assert_eq!(edited(|tbs| tbs[at] = element.clone()), CertificateError::NotACertificate, "{element:02x?}");
    }
}

#[test]
fn any_true_boolean_makes_an_extension_critical() {
    let authority = Authority::root(CertSpec::root());
    let chain = authority.issue(CertSpec::leaf());
    let usage = der::octet_string(&der::element(3, &[7, 0x80]));
    for (boolean, critical) in [(0xff, true), (0x01, true), (0x00, false)] {
        let extension = der::sequence([der::oid("2.5.29.15"), der::element(1, &[boolean]), usage.clone()]);
        let extensions = der::element(0xa3, &der::sequence([extension]));
        let leaf = parse(&authority.reissue(chain.leaf_der(), |tbs| tbs[7] = extensions));
        assert_eq!(leaf.key_usage().map(|usage| usage.critical), Some(critical), "{boolean:#x}");
    }
}

#[test]
fn refuses_serial_numbers_that_are_empty_negative_or_padded() {
    assert_eq!(edited(|tbs| tbs[1] = der::element(2, &[0x80])), malformed("serialNumber"));
    assert_eq!(edited(|tbs| tbs[1] = der::element(2, &[0x00, 0x01])), malformed("serialNumber"));
    let empty = edited(|tbs| tbs[1] = der::element(2, &[]));
    assert!(matches!(empty, CertificateError::NotACertificate | CertificateError::Malformed { .. }), "{empty}");
}

#[test]
fn accepts_serial_numbers_of_any_length() {
    let serial = [0x7f; 40];
    assert_eq!(parse(pair(CertSpec::leaf().serial(&serial)).leaf_der()).serial().as_str(), "7f".repeat(40));
}

#[test]
fn refuses_times_that_are_not_der() {
    let validity = |tag, text: &str| {
        let end = der::element(0x17, b"491231235959Z");
        edited(|tbs| tbs[4] = der::sequence([der::element(tag, text.as_bytes()), end]))
    };
    assert_eq!(validity(0x17, "200101000000+0100"), malformed("notBefore"));
    assert_eq!(validity(0x18, "20200101000000.5Z"), malformed("notBefore"));
}

#[test]
fn refuses_duplicate_extensions_even_unknown_ones() {
    let twice = CertSpec::leaf().extension("1.2.3.4", false, &[5, 0]).extension("1.2.3.4", false, &[5, 0]);
    assert_eq!(
        Certificate::parse(pair(twice).leaf_der()),
        Err(CertificateError::DuplicateExtension { subject: LEAF.into(), oid: "1.2.3.4".into() })
    );
}

#[test]
fn ignores_unknown_extensions_even_critical_ones() {
    let spec = CertSpec::leaf().extension("1.2.3.4", true, &[0xff]).alternative_names(&["leaf.example"]);
    assert_eq!(parse(pair(spec).leaf_der()).subject().to_string(), LEAF);
}

#[test]
fn refuses_malformed_known_extensions() {
    let usage = |bits: &[u8]| extended("2.5.29.15", &der::element(3, bits));
    for bits in
        [&[][..], &[0], &[8, 0x80], &[0, 0x80], &[7, 0xc0], &[7, 0x80, 0x00], &[0, 0x00], &[5, 0x80, 0x80, 0x20]]
    {
        assert_eq!(usage(bits), malformed("keyUsage"), "{bits:02x?}");
    }
    let constraints = |content: &[u8]| extended("2.5.29.19", &der::element(0x30, content));
    for content in [&[1, 1, 1][..], &[1, 0], &[2, 1, 0x80], &[2, 2, 0, 1], &[1, 1, 0xff, 5, 0], &[2, 1, 0, 1, 1, 0xff]]
    {
        assert_eq!(constraints(content), malformed("basicConstraints"), "{content:02x?}");
    }
    assert_eq!(extended("2.5.29.19", &[0x30, 0x00, 0x00]), malformed("basicConstraints"));
    let purposes = |content: &[u8]| extended("2.5.29.37", &der::element(0x30, content));
    for content in [&[][..], &[6, 0], &[6, 1, 0x80], &[5, 0], &[6, 1, 0x2a, 0x06]] {
        assert_eq!(purposes(content), malformed("extKeyUsage"), "{content:02x?}");
    }
    assert_eq!(extended("2.5.29.17", &[0x30, 0x02, 0x82, 0x05]), malformed("subjectAltName"));
}

#[test]
fn accepts_an_encoded_default_of_basic_constraints() {
    let spec = CertSpec::leaf().extension("2.5.29.19", true, &[0x30, 0x03, 0x01, 0x01, 0x00]);
    let constraints = BasicConstraints { critical: true, ca: false, path_length: None };
    assert_eq!(parse(pair(spec).leaf_der()).basic_constraints(), Some(&constraints));
}

#[test]
fn refuses_two_signature_algorithms_that_differ() {
    let error = edited(|tbs| {
        // ecdsa-with-SHA384 inside, with SHA256 outside.
        tbs[2] = der::sequence([der::oid("1.2.840.10045.4.3.3")]);
    });
    assert_eq!(error, CertificateError::AlgorithmsDiffer { subject: LEAF.into() });
}

#[test]
fn lists_revocation_addresses() {
    let spec = CertSpec::leaf().ocsp_url("http://ocsp.example/a").crl_url("http://crl.example/a.crl");
    let leaf = parse(pair(spec).leaf_der());
    let RevocationAddresses { ocsp, crl, freshest, unreadable } = leaf.revocation_addresses();
    assert_eq!(ocsp, &["http://ocsp.example/a"]);
    assert_eq!(crl.iter().map(DistributionPoint::urls).collect::<Vec<_>>(), [["http://crl.example/a.crl"]]);
    assert_eq!((&freshest[..], &unreadable[..]), (&[][..], &[][..]));
}

#[test]
fn reports_an_unreadable_revocation_address() {
    let addresses = |oid: &str, value: Vec<u8>| {
        let leaf = parse(pair(CertSpec::leaf().extension(oid, false, &value)).leaf_der());
        leaf.revocation_addresses().clone()
    };
    let unreadable = |name| RevocationAddresses { unreadable: vec![name], ..RevocationAddresses::default() };
    let points = |name: Vec<u8>| {
        let place = der::element(0xa0, &der::element(0xa0, &name));
        addresses("2.5.29.31", der::sequence([der::sequence([place])]))
    };
    let directory = der::element(0xa4, &der::sequence([]));
    assert_eq!(points(directory), unreadable("cRLDistributionPoints"));
    assert_eq!(points(der::element(0x86, b"\xff")), unreadable("cRLDistributionPoints"));
    assert_eq!(addresses("2.5.29.31", vec![0x04]), unreadable("cRLDistributionPoints"));
    let access = |method: &str, location: Vec<u8>| {
        addresses("1.3.6.1.5.5.7.1.1", der::sequence([der::sequence([der::oid(method), location])]))
    };
    let (ocsp, issuers) = ("1.3.6.1.5.5.7.48.1", "1.3.6.1.5.5.7.48.2");
    assert_eq!(access(ocsp, der::element(0x82, b"ocsp.example")), unreadable("authorityInfoAccess"));
    assert!(access(issuers, der::element(0x86, b"http://ca.example")).is_empty());
    assert_eq!(addresses("1.3.6.1.5.5.7.1.1", vec![0x30, 0x01]), unreadable("authorityInfoAccess"));
}

#[test]
fn limits_the_length_of_every_list() {
    let too_many = |what, found, max| CertificateError::TooMany { what, found, max };
    let parse_leaf = |spec: CertSpec| Certificate::parse(pair(spec).leaf_der());

    let spec = |more: usize| {
        let spec = CertSpec::leaf().without_key_usage().without_ekus();
        (0..more).fold(spec, |spec, number| spec.extension(&format!("1.2.3.{number}"), false, &[5, 0]))
    };
    // The number of extensions of the leaf itself.
    let own = 64 - (0..=64).take_while(|more| parse_leaf(spec(*more)).is_ok()).last().unwrap();
    assert!(own < 8);
    assert_eq!(parse_leaf(spec(65 - own)), Err(too_many("extensions", 65, limits::CERTIFICATE_EXTENSIONS)));
    assert_eq!(parse_leaf(spec(1000)), Err(too_many("extensions", 1000 + own, limits::CERTIFICATE_EXTENSIONS)));

    let units = |count: usize| vec![("OU", "a"); count];
    assert!(parse_leaf(CertSpec::leaf().subject(&units(64))).is_ok());
    let subject = |found| Err(too_many("attributes in its subject", found, limits::NAME_ATTRIBUTES));
    assert_eq!(parse_leaf(CertSpec::leaf().subject(&units(65))), subject(65));
    assert_eq!(parse_leaf(CertSpec::leaf().subject_rdns(&[&units(40), &units(40)])), subject(80));
    let issuer = edited(|tbs| {
        let unit = der::sequence([der::oid("2.5.4.11"), der::element(0x0c, b"a")]);
        tbs[3] = der::sequence(vec![der::set([unit]); 1000]);
    });
    assert_eq!(issuer, too_many("attributes in its issuer", 1000, limits::NAME_ATTRIBUTES));

    let names = |count: usize| vec!["a"; count];
    assert!(parse_leaf(CertSpec::leaf().alternative_names(&names(1000))).is_ok());
    assert_eq!(parse_leaf(CertSpec::leaf().alternative_names(&names(1001))), Err(malformed("subjectAltName")));
    let unit = der::set([der::sequence([der::oid("2.5.4.11"), der::element(0x0c, b"a")])]);
    let directory = der::element(0xa4, &der::sequence(vec![unit; 1001]));
    assert_eq!(extended("2.5.29.17", &der::sequence([directory])), malformed("subjectAltName"));

    let purposes = |count: usize| der::sequence(vec![der::oid("1.2.3.4"); count]);
    let spec = CertSpec::leaf().without_ekus().extension("2.5.29.37", false, &purposes(64));
    assert_eq!(parse_leaf(spec).unwrap().extended_key_usage().unwrap().purposes.len(), 64);
    assert_eq!(extended("2.5.29.37", &purposes(65)), malformed("extKeyUsage"));
    // A bit string as long as the certificate, of which only nine bits are defined.
    assert_eq!(extended("2.5.29.15", &der::element(3, &[&[0][..], &[1; 60_000]].concat())), malformed("keyUsage"));
}

#[test]
fn treats_too_many_revocation_addresses_as_unreadable() {
    let addresses = |oid: &str, value: Vec<u8>| {
        let leaf = parse(pair(CertSpec::leaf().extension(oid, false, &value)).leaf_der());
        leaf.revocation_addresses().clone()
    };
    let unreadable = |name| RevocationAddresses { unreadable: vec![name], ..RevocationAddresses::default() };
    let uri = der::element(0x86, b"http://a.example");
    let point = |count: usize| der::sequence([der::element(0xa0, &der::element(0xa0, &uri.repeat(count)))]);
    let points = |points: Vec<Vec<u8>>| addresses("2.5.29.31", der::sequence(points));
    assert_eq!(points(vec![point(1); 32]).crl.len(), 32);
    let [point_of_many] = &points(vec![point(32)]).crl[..] else { panic!("one point") };
    assert_eq!(point_of_many.urls().len(), 32);
    for list in [vec![point(1); 33], vec![point(33)], vec![point(17), point(17)], vec![der::sequence([]); 10_000]] {
        assert_eq!(points(list), unreadable("cRLDistributionPoints"));
    }
    let description = der::sequence([der::oid("1.3.6.1.5.5.7.48.1"), uri.clone()]);
    let access = |count: usize| addresses("1.3.6.1.5.5.7.1.1", der::sequence(vec![description.clone(); count]));
    assert_eq!(access(32).ocsp.len(), 32);
    assert_eq!(access(33), unreadable("authorityInfoAccess"));
}

#[test]
fn counts_concatenated_certificates_while_reading() {
    let leaf = pair(CertSpec::leaf()).leaf_der().to_vec();
    assert_eq!(Certificate::parse_all(&leaf.repeat(limits::STORE_CERTIFICATES)).map(|list| list.len()), Ok(1000));
    let more = leaf.repeat(limits::STORE_CERTIFICATES + 1);
    assert_eq!(Certificate::parse_all(&more), Err(CertificateError::TooManyCertificates));
}

#[test]
fn names_the_kinds_of_key_that_may_not_sign() {
    let expected = "RSA 2048, 3072 or 4096 bits, or EC P-256, P-384 or P-521";
    let key = |algorithm: Vec<u8>, bits: &[u8]| {
        let authority = Authority::root(CertSpec::root());
        let chain = authority.issue(CertSpec::leaf());
        let info = der::sequence([algorithm, der::bit_string(bits)]);
        let leaf = authority.reissue(chain.leaf_der(), |tbs| tbs[6] = info);
        parse(&leaf).envelope_key().unwrap_err()
    };
    let rsa = |bytes: usize, exponent: u64| {
        let modulus = der::element(2, &[&[0][..], &vec![0xc5; bytes]].concat());
        let algorithm = der::sequence([der::oid("1.2.840.113549.1.1.1"), der::element(5, &[])]);
        key(algorithm, &der::sequence([modulus, der::integer(exponent)]))
    };
    let ec = |curve: &str, point: &[u8]| key(der::sequence([der::oid("1.2.840.10045.2.1"), der::oid(curve)]), point);
    let other = |oid: &str| key(der::sequence([der::oid(oid)]), &[7; 32]);
    let long = [&[4][..], &[1; 66]].concat();
    for (error, found) in [
        (rsa(128, 65537), "RSA 1024 bits"),
        (rsa(255, 65537), "RSA 2040 bits"),
        (rsa(320, 65537), "RSA 2560 bits"),
        (rsa(1024, 65537), "RSA 8192 bits"),
        (rsa(256, 1), "RSA with public exponent 0x01"),
        (rsa(256, 4), "RSA with public exponent 0x04"),
        (rsa(256, 0x1_0000_0001), "RSA with public exponent 0x0100000001"),
        (ec("1.3.132.0.33", &[4; 57]), "EC P-224"),
        (ec("1.3.132.0.10", &[4; 65]), "EC on curve 1.3.132.0.10"),
        (ec("1.2.840.10045.3.1.7", &[2; 33]), "EC P-256 without an uncompressed point"),
        (ec("1.2.840.10045.3.1.7", &long), "EC P-256 without an uncompressed point"),
        (other("1.3.101.112"), "Ed25519"),
        (other("1.3.101.113"), "Ed448"),
        (other("1.2.840.113549.1.1.10"), "RSA restricted to PSS"),
        (other("1.2.840.10040.4.1"), "DSA"),
        (other("1.2.3.4"), "of algorithm 1.2.3.4"),
    ] {
        assert_eq!(error, KeyError { found: found.into(), expected });
    }
}
