//! Certificates of the CA, read by x509-parser and verified by aws-lc-rs.

#![allow(clippy::unwrap_used)]

use aws_lc_rs::signature;
use aws_lc_rs::signature::UnparsedPublicKey;
use aws_lc_rs::signature::VerificationAlgorithm;
use countersign_testkit::der;
use countersign_testkit::pki::Authority;
use countersign_testkit::pki::CertSpec;
use countersign_testkit::pki::Chain;
use countersign_testkit::pki::Key;
use countersign_testkit::pki::KeyType;
use countersign_testkit::pki::KeyUsage;
use countersign_testkit::pki::eku;
use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::ParsedExtension;
use x509_parser::parse_x509_certificate;

fn parse(certificate: &[u8]) -> X509Certificate<'_> {
    let (rest, parsed) = parse_x509_certificate(certificate).unwrap();
    assert_eq!(rest, b"");
    parsed
}

/// Certificates are signed by the issuer's key with the hash of the algorithm table.
fn algorithm(issuer: KeyType) -> (&'static dyn VerificationAlgorithm, &'static str) {
    match issuer {
        KeyType::Rsa2048 => (&signature::RSA_PKCS1_2048_8192_SHA256, "1.2.840.113549.1.1.11"),
        KeyType::Rsa3072 => (&signature::RSA_PKCS1_2048_8192_SHA384, "1.2.840.113549.1.1.12"),
        KeyType::Rsa4096 => (&signature::RSA_PKCS1_2048_8192_SHA512, "1.2.840.113549.1.1.13"),
        KeyType::P256 => (&signature::ECDSA_P256_SHA256_ASN1, "1.2.840.10045.4.3.2"),
        KeyType::P384 => (&signature::ECDSA_P384_SHA384_ASN1, "1.2.840.10045.4.3.3"),
        KeyType::P521 => (&signature::ECDSA_P521_SHA512_ASN1, "1.2.840.10045.4.3.4"),
        KeyType::Ed25519 => (&signature::ED25519, "1.3.101.112"),
    }
}

fn is_signed_by(child: &[u8], issuer: &[u8], kind: KeyType) -> bool {
    let (child, issuer) = (parse(child), parse(issuer));
    let (algorithm, oid) = algorithm(kind);
    assert_eq!(child.signature_algorithm.algorithm.to_id_string(), oid);
    assert_eq!(child.issuer().as_raw(), issuer.subject().as_raw());
    let key = UnparsedPublicKey::new(algorithm, issuer.public_key().subject_public_key.as_ref());
    key.verify(child.tbs_certificate.as_ref(), &child.signature_value.data).is_ok()
}

fn extension<'a>(certificate: &'a X509Certificate<'_>, oid: &str) -> Option<(bool, &'a ParsedExtension<'a>)> {
    let mut found = certificate.extensions().iter().filter(|extension| extension.oid.to_id_string() == oid);
    let first = found.next().map(|extension| (extension.critical, extension.parsed_extension()));
    assert!(found.next().is_none(), "{oid} is there twice");
    first
}

#[test]
fn every_key_type_issues_and_is_issued() {
    for kind in KeyType::SIGNING.into_iter().chain([KeyType::Ed25519]) {
        let root = Authority::root(CertSpec::root().key(kind));
        let middle = root.intermediate(CertSpec::intermediate().key(kind));
        let chain = middle.issue(CertSpec::leaf().key(kind));

        assert_eq!(chain.der().len(), 3);
        assert!(is_signed_by(&chain.der()[0], &chain.der()[1], kind), "{kind:?}");
        assert!(is_signed_by(&chain.der()[1], &chain.der()[2], kind), "{kind:?}");
        assert!(is_signed_by(&chain.der()[2], &chain.der()[2], kind), "{kind:?}");
        // By signature, not by name: this authority has the root's name.
        let impostor = Chain::self_signed(CertSpec::root().with_key(chain.key()));
        assert!(!is_signed_by(impostor.leaf_der(), chain.root_der(), kind), "{kind:?}");
    }
}

#[test]
fn a_ca_has_the_extensions_of_the_specification() {
    let root = Authority::root(CertSpec::root());
    let certificate = parse(root.der());
    let (critical, constraints) = extension(&certificate, "2.5.29.19").unwrap();
    assert!(critical);
    let ParsedExtension::BasicConstraints(constraints) = constraints else { panic!("{constraints:?}") };
    assert_eq!((constraints.ca, constraints.path_len_constraint), (true, None));
    let (critical, usage) = extension(&certificate, "2.5.29.15").unwrap();
    assert!(critical);
    let ParsedExtension::KeyUsage(usage) = usage else { panic!("{usage:?}") };
    assert_eq!(usage.to_string(), "Key Cert Sign, CRL Sign");
    assert_eq!(certificate.subject().to_string(), "C=CH, ST=ZH, O=Testkit, CN=root");
    assert_eq!(certificate.validity().not_before.timestamp(), CertSpec::NOT_BEFORE.unix_timestamp());
    assert_eq!(certificate.validity().not_after.timestamp(), CertSpec::NOT_AFTER.unix_timestamp());
}

#[test]
fn a_leaf_has_the_extensions_of_the_specification() {
    let chain = Authority::root(CertSpec::root()).issue(CertSpec::leaf());
    let certificate = parse(chain.leaf_der());
    assert!(extension(&certificate, "2.5.29.19").is_none());
    let (critical, usage) = extension(&certificate, "2.5.29.15").unwrap();
    assert!(critical);
    let ParsedExtension::KeyUsage(usage) = usage else { panic!("{usage:?}") };
    assert_eq!(usage.to_string(), "Digital Signature");
    let (critical, ekus) = extension(&certificate, "2.5.29.37").unwrap();
    assert!(!critical);
    let ParsedExtension::ExtendedKeyUsage(ekus) = ekus else { panic!("{ekus:?}") };
    assert!(ekus.code_signing && !ekus.any && !ekus.server_auth && ekus.other.is_empty());
}

#[test]
fn every_option_changes_the_certificate() {
    let spec = CertSpec::leaf()
        .is_ca(false)
        .basic_constraints_critical(false)
        .key_usage(&[KeyUsage::DigitalSignature, KeyUsage::DecipherOnly])
        .key_usage_critical(false)
        .ekus(&[eku::ANY, eku::TIME_STAMPING])
        .ekus_critical(true)
        .serial(&[1, 2, 3])
        .ocsp_url("http://ocsp.example/")
        .crl_url("http://crl.example/a.crl")
        .crl_url("http://crl.example/b.crl")
        .extension("1.2.3.4", true, &der::boolean(true));
    let chain = Authority::root(CertSpec::root()).issue(spec);
    let certificate = parse(chain.leaf_der());

    let (critical, ParsedExtension::BasicConstraints(constraints)) = extension(&certificate, "2.5.29.19").unwrap()
    else {
        panic!()
    };
    assert_eq!((critical, constraints.ca), (false, false));
    let (critical, ParsedExtension::KeyUsage(usage)) = extension(&certificate, "2.5.29.15").unwrap() else { panic!() };
    assert_eq!((critical, usage.to_string()), (false, "Digital Signature, Decipher Only".to_owned()));
    let (critical, ParsedExtension::ExtendedKeyUsage(ekus)) = extension(&certificate, "2.5.29.37").unwrap() else {
        panic!()
    };
    assert!(critical && ekus.any && ekus.time_stamping && !ekus.code_signing);
    assert_eq!(certificate.raw_serial(), [1, 2, 3]);
    let (_, ParsedExtension::AuthorityInfoAccess(access)) = extension(&certificate, "1.3.6.1.5.5.7.1.1").unwrap()
    else {
        panic!()
    };
    assert_eq!(access.accessdescs[0].access_method.to_id_string(), "1.3.6.1.5.5.7.48.1");
    assert_eq!(access.accessdescs[0].access_location.to_string(), "URI(http://ocsp.example/)");
    let (_, ParsedExtension::CRLDistributionPoints(points)) = extension(&certificate, "2.5.29.31").unwrap() else {
        panic!()
    };
    assert_eq!(points.points.len(), 2);
    assert!(extension(&certificate, "1.2.3.4").unwrap().0);
}

#[test]
fn names_that_rcgen_cannot_write_are_written_too() {
    let odd = [("C", "CH"), ("OU", "a"), ("OU", "b"), ("CN", "odd")];
    let root = Authority::root(CertSpec::root().subject(&odd));
    let leaf = CertSpec::leaf().subject_rdns(&[&[("C", "CH")], &[("O", "Acme"), ("CN", "release")]]);
    let chain = root.issue(leaf);

    assert!(is_signed_by(chain.root_der(), chain.root_der(), KeyType::P256));
    assert!(is_signed_by(chain.leaf_der(), chain.root_der(), KeyType::P256));
    assert_eq!(parse(chain.root_der()).subject().to_string(), "C=CH, OU=a, OU=b, CN=odd");
    let leaf = parse(chain.leaf_der());
    assert_eq!(leaf.subject().iter().map(|rdn| rdn.iter().count()).collect::<Vec<_>>(), [1, 2]);
}

#[test]
fn a_reissued_certificate_is_changed_and_still_signed() {
    let root = Authority::root(CertSpec::root());
    let chain = root.issue(CertSpec::leaf());
    let changed = root.reissue(chain.leaf_der(), |tbs| tbs[1] = der::integer(7));

    assert_eq!(parse(&changed).raw_serial(), [7]);
    assert!(is_signed_by(&changed, root.der(), KeyType::P256));
}

#[test]
fn cached_keys_are_the_same_and_others_are_not() {
    let first = Key::cached(KeyType::Rsa2048, 1);
    assert_eq!(first.spki_der(), Key::cached(KeyType::Rsa2048, 1).spki_der());
    assert_ne!(first.spki_der(), Key::cached(KeyType::Rsa2048, 2).spki_der());
    assert_ne!(Key::generate(KeyType::P256).spki_der(), Key::generate(KeyType::P256).spki_der());
}

#[test]
fn a_private_key_does_not_print() {
    let chain = Chain::self_signed(CertSpec::leaf());
    assert!(format!("{chain:?}").contains("Key(P256, private part not shown)"));
}

#[test]
fn pem_reads_back_as_the_same_certificates() {
    let chain = Authority::root(CertSpec::root()).issue(CertSpec::leaf());
    let pem = chain.pem();
    let blocks: Vec<Vec<u8>> =
        x509_parser::pem::Pem::iter_from_buffer(pem.as_bytes()).map(|block| block.unwrap().contents).collect();
    assert_eq!(blocks, chain.der());
}
