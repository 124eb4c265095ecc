//! Trust stores.

use std::fs;
use std::path::Path;

use countersign_core::codec::pem::Form;
use countersign_core::codec::pem::PemError;
use countersign_core::crypto::SignatureError;
use countersign_core::limits;
use countersign_core::policy::Store;
use countersign_core::policy::StoreError;
use countersign_core::policy::StoreKind;
use countersign_core::policy::StoreNameError;
use countersign_core::policy::StoreProblem;
use countersign_core::policy::StoreRef;
use countersign_core::policy::TrustedLink;
use countersign_core::x509::Certificate;
use countersign_core::x509::CertificateError;
use countersign_testkit::pki::Authority;
use countersign_testkit::pki::CertSpec;
use countersign_testkit::pki::Chain;

fn parse(kind: StoreKind, files: &[(&str, &[u8])]) -> Result<Store, Vec<StoreProblem>> {
    let files: Vec<_> = files.iter().map(|(name, bytes)| ((*name).to_owned(), bytes.to_vec())).collect();
    let store = Store::parse(kind, "test".parse().unwrap(), &files);
    store.map_err(|errors| errors.into_iter().map(|error| error.problem).collect())
}

fn ca(files: &[(&str, &[u8])]) -> Result<Store, Vec<StoreProblem>> {
    parse(StoreKind::Ca, files)
}

fn problems(result: Result<Store, Vec<StoreProblem>>) -> Vec<StoreProblem> {
    result.map(|store| store.certificates().len()).unwrap_err()
}

fn certificate(der: &[u8]) -> Certificate {
    Certificate::parse(der).unwrap()
}

#[test]
fn holds_the_certificates_of_all_its_files_each_once() {
    let [a, b, c] = ["a", "b", "c"].map(|name| Authority::root(CertSpec::root().common_name(name)));
    let pem = format!("subject=a\n{}\n{}", a.pem(), b.pem());
    let der = [b.der(), c.der()].concat();
    let store = ca(&[("pem", pem.as_bytes()), ("der", &der)]).unwrap();
    let expected = [a.der(), b.der(), c.der()].map(certificate);
    assert_eq!(store.certificates(), expected);
    assert_eq!(store.reference().to_string(), "ca:test");
    assert!(expected.iter().all(|certificate| store.contains(certificate)));
    let same_name = Authority::root(CertSpec::root().common_name("a"));
    assert!(!store.contains(&certificate(same_name.der())));
}

#[test]
fn accepts_authorities_and_self_signed_leaves_only() {
    let root = Authority::root(CertSpec::root());
    let intermediate = root.intermediate(CertSpec::intermediate());
    let lone = Chain::self_signed(CertSpec::leaf());
    let expired = Authority::root(CertSpec::root().valid(CertSpec::NOT_BEFORE, CertSpec::NOT_BEFORE));
    for kind in [StoreKind::Ca, StoreKind::SigningAuthority] {
        for der in [root.der(), intermediate.der(), lone.leaf_der(), expired.der()] {
            assert!(parse(kind, &[("a", der)]).is_ok());
        }
        let issued = root.issue(CertSpec::leaf());
        let problem = StoreProblem::NeitherAuthorityNorSelfSigned {
            file: "a".to_owned(),
            subject: "CN=leaf,O=Testkit,ST=ZH,C=CH".into(),
            error: SignatureError::Mismatch,
        };
        assert_eq!(problems(parse(kind, &[("a", issued.leaf_der())])), [problem]);
    }
}

/// Subjects of the certificates with an issuer in the stores, each with that of the issuer.
fn links(stores: &[&Store]) -> Vec<[String; 2]> {
    let subject = |certificate: &Certificate| certificate.subject().to_text().to_string();
    let links = TrustedLink::of_stores(stores);
    links.iter().map(|link| [subject(link.certificate()), subject(link.issuer())]).collect()
}

#[test]
fn certificates_of_stores_are_linked_to_issuers_that_signed_them() {
    let root = Authority::root(CertSpec::root().common_name("root"));
    let issuing = root.intermediate(CertSpec::intermediate().common_name("issuing"));
    // The same name with another key.
    let namesake = Authority::root(CertSpec::root().common_name("root"));
    let (one, other) = (ca(&[("a", issuing.der())]).unwrap(), ca(&[("b", root.der())]).unwrap());
    let expected = [["CN=issuing,O=Testkit,ST=ZH,C=CH".to_owned(), "CN=root,O=Testkit,ST=ZH,C=CH".to_owned()]];
    assert_eq!(links(&[&one, &other]), expected);
    assert_eq!(links(&[&one, &other, &one]), expected);
    assert_eq!(links(&[&one]), [] as [[String; 2]; 0]);
    let false_root = ca(&[("c", namesake.der())]).unwrap();
    assert_eq!(links(&[&one, &false_root]), [] as [[String; 2]; 0]);
    assert_eq!(links(&[&one, &false_root, &other]), expected);
}

#[test]
fn stores_for_time_stamps_take_roots_only() {
    let root = Authority::root(CertSpec::root());
    assert!(parse(StoreKind::Tsa, &[("a", root.der())]).is_ok());
    let intermediate = root.intermediate(CertSpec::intermediate());
    let impostor = root.intermediate(CertSpec::intermediate().common_name("root"));
    let lone = Chain::self_signed(CertSpec::tsa());
    for (der, name) in [(intermediate.der(), "intermediate"), (impostor.der(), "root"), (lone.leaf_der(), "tsa")] {
        let subject = format!("CN={name},O=Testkit,ST=ZH,C=CH");
        let problem = StoreProblem::NotARoot { file: "a".to_owned(), subject: subject.as_str().into() };
        assert_eq!(problems(parse(StoreKind::Tsa, &[("a", der)])), [problem]);
    }
}

#[test]
fn reports_every_file_that_cannot_be_read() {
    let root = Authority::root(CertSpec::root());
    let line_feed = [root.der(), b"\n"].concat();
    let text_after = format!("{}rest", root.pem());
    let half = format!("{}-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", root.pem());
    let large = vec![0x30; limits::STORE_FILE_BYTES + 1];
    let found = problems(ca(&[
        ("good", root.der()),
        ("empty", b" \n"),
        ("text", b"not a certificate"),
        ("line-feed", &line_feed),
        ("cut", &root.der()[..100]),
        ("half", half.as_bytes()),
        ("pfx", &[0x30, 0x82, 1, 0, 2, 1, 3, 0x30]),
        ("after", text_after.as_bytes()),
        ("large", &large),
    ]));
    let file = |name: &str| name.to_owned();
    let not = |name: &str| StoreProblem::Certificate {
        file: file(name),
        line: None,
        error: CertificateError::NotACertificate,
    };
    let after = PemError::TrailingText { line: text_after.lines().count() };
    let expected = [
        StoreProblem::FileEmpty { file: file("empty") },
        StoreProblem::Form { file: file("text"), form: Form::Other },
        not("line-feed"),
        not("cut"),
        StoreProblem::Certificate {
            file: file("half"),
            line: Some(root.pem().lines().count() + 1),
            error: CertificateError::NotACertificate,
        },
        StoreProblem::Form { file: file("pfx"), form: Form::Pkcs12 },
        StoreProblem::Pem { file: file("after"), error: after },
        StoreProblem::FileTooLarge { file: file("large"), found: limits::STORE_FILE_BYTES + 1 },
    ];
    assert_eq!(found, expected);
}

#[test]
fn refuses_other_labels_even_of_certificates() {
    let pem = Authority::root(CertSpec::root()).pem().replace(" CERTIFICATE-", " TRUSTED CERTIFICATE-");
    let error = PemError::NoCertificate { line: 1, label: "TRUSTED CERTIFICATE".to_owned() };
    assert_eq!(problems(ca(&[("a", pem.as_bytes())])), [StoreProblem::Pem { file: "a".to_owned(), error }]);
}

#[test]
fn accepts_byte_order_marks_and_text_around_certificates() {
    let pem = Authority::root(CertSpec::root()).pem();
    let windows = format!("\u{feff}{}\u{1a}", pem.replace('\n', "\r\n"));
    assert_eq!(ca(&[("a", windows.as_bytes())]).unwrap().certificates().len(), 1);
    assert_eq!(ca(&[("a", pem.replace('\n', "\r").as_bytes())]).unwrap().certificates().len(), 1);
}

#[test]
fn refuses_a_store_without_certificates() {
    assert_eq!(problems(ca(&[])), [StoreProblem::Empty]);
}

#[test]
fn limits_the_number_of_certificates() {
    let root = Authority::root(CertSpec::root());
    let many: Vec<Vec<u8>> = (0..=limits::STORE_CERTIFICATES)
        .map(|number| {
            let serial = u16::try_from(number + 0x100).unwrap().to_be_bytes();
            root.reissue(root.der(), |tbs| tbs[1] = [&[2, 2][..], &serial].concat())
        })
        .collect();
    let bytes = |count: usize| many[..count].concat();
    assert!(bytes(limits::STORE_CERTIFICATES + 1).len() < limits::STORE_FILE_BYTES);
    assert!(ca(&[("a", &bytes(limits::STORE_CERTIFICATES))]).is_ok());
    assert_eq!(problems(ca(&[("a", &bytes(limits::STORE_CERTIFICATES + 1))])), [StoreProblem::TooManyCertificates]);
}

#[test]
fn references_are_a_type_and_a_name() {
    let reference: StoreRef = "signingAuthority:aws-signer_ts.1".parse().unwrap();
    assert_eq!(reference.kind, StoreKind::SigningAuthority);
    assert_eq!(reference.to_string(), "signingAuthority:aws-signer_ts.1");
    let kind = |found: &str| StoreNameError::Kind { found: found.into() };
    let name = |found: &str| StoreNameError::Name { found: found.into() };
    let long = "x".repeat(256);
    for (text, error) in [
        ("test".to_owned(), StoreNameError::NoKind { found: "test".into() }),
        ("CA:test".to_owned(), kind("CA")),
        (":test".to_owned(), kind("")),
        ("ca:".to_owned(), name("")),
        ("ca:.".to_owned(), name(".")),
        ("ca:..".to_owned(), name("..")),
        ("ca:a/b".to_owned(), name("a/b")),
        ("ca:a:b".to_owned(), name("a:b")),
        ("ca: a".to_owned(), name(" a")),
        ("ca:ä".to_owned(), name("ä")),
        (format!("ca:{long}"), name(&long)),
    ] {
        assert_eq!(text.parse::<StoreRef>(), Err(error), "{text}");
    }
}

#[test]
fn errors_name_the_store() {
    let error = Store::parse(StoreKind::Tsa, "public".parse().unwrap(), &[]).unwrap_err().remove(0);
    assert_eq!(error, StoreError { store: "tsa:public".parse().unwrap(), problem: StoreProblem::Empty });
    assert_eq!(error.to_string(), "trust store tsa:public: found no certificates, expected at least one");
}

/// The store in a directory of the public vectors.
fn load(folder: &Path, path: &str) -> Result<usize, Vec<StoreProblem>> {
    let kind = path.split('/').next().unwrap().parse().unwrap();
    let mut files: Vec<_> = fs::read_dir(folder.join("notation-go/verifier/testdata/truststore/x509").join(path))
        .unwrap()
        .map(|entry| entry.unwrap())
        .map(|entry| (entry.file_name().into_string().unwrap(), fs::read(entry.path()).unwrap()))
        .collect();
    files.sort();
    let store = Store::parse(kind, "vector".parse().unwrap(), &files);
    store
        .map(|store| store.certificates().len())
        .map_err(|errors| errors.into_iter().map(|error| error.problem).collect())
}

#[test]
fn the_public_store_directories_load_or_fail_as_they_should() {
    let Some(folder) = countersign_core_test_support::vectors::vectors() else {
        eprintln!("outside vectors not run: set COUNTERSIGN_VECTORS to their folder");
        return;
    };
    for (path, certificates) in [
        ("ca/valid-trust-store", 5),
        ("ca/valid-trust-store-2", 1),
        ("ca/valid-trust-store-self-signed", 1),
        ("signingAuthority/valid-trust-store", 2),
        ("signingAuthority/valid-trust-store-2", 1),
        ("tsa/test-timestamp", 1),
        ("tsa/test-mismatch", 1),
    ] {
        assert_eq!(load(&folder, path), Ok(certificates), "{path}");
    }
    let wabbit = |common: &str| format!("CN={common},O=Notary,L=Seattle,ST=WA,C=US");
    let issued = |file: &str| StoreProblem::NeitherAuthorityNorSelfSigned {
        file: file.to_owned(),
        subject: wabbit("wabbit-networks.io").as_str().into(),
        error: SignatureError::Mismatch,
    };
    let no_root = |file: &str, subject| StoreProblem::NotARoot { file: file.to_owned(), subject };
    for (path, problem) in [
        ("ca/trust-store-with-leaf-certs", issued("non-ca.crt")),
        ("ca/trust-store-with-leaf-certs-in-single-file", issued("RootAndLeafCerts.crt")),
        ("tsa/test-nonCA", no_root("wabbit-networks.io.crt", wabbit("wabbit-networks.io").as_str().into())),
        (
            "tsa/test-nonSelfIssued",
            no_root("nonSelfIssued.crt", wabbit("Notation Test Revokable RSA Chain Cert 2").as_str().into()),
        ),
    ] {
        assert_eq!(load(&folder, path), Err(vec![problem]), "{path}");
    }
    let neither = StoreProblem::Form { file: "invalid".to_owned(), form: Form::Other };
    assert_eq!(load(&folder, "ca/trust-store-with-invalid-certs"), Err(vec![neither]));
}
