//! Signing certificates and authorities that are not as the Notary Project wants them, and their periods of validity.

use countersign_testkit::der;
use countersign_testkit::pki::Authority;
use countersign_testkit::pki::CertSpec;
use countersign_testkit::pki::KeyType;
use countersign_testkit::pki::KeyUsage;
use countersign_testkit::pki::eku;
use countersign_testkit::signer::Format;
use countersign_testkit::signer::Scheme;
use serde_json::json;
use time::OffsetDateTime;
use time::macros::datetime;

use super::FORMATS;
use crate::environment::Environment;
use crate::run::Ask;
use crate::run::record;
use crate::run::record_as;

type Change = fn(CertSpec) -> CertSpec;

const LEAVES: &[(&str, Change)] = &[
    ("leaf that says it is no authority", |leaf| leaf.is_ca(false)),
    ("leaf that is an authority", |leaf| leaf.is_ca(true)),
    ("leaf without key usage", CertSpec::without_key_usage),
    ("leaf with key usage that is not critical", |leaf| leaf.key_usage_critical(false)),
    ("leaf without digital signature", |leaf| leaf.key_usage(&[KeyUsage::NonRepudiation])),
    ("leaf with non-repudiation too", |leaf| leaf.key_usage(&[KeyUsage::DigitalSignature, KeyUsage::NonRepudiation])),
    ("leaf with key encipherment", |leaf| leaf.key_usage(&[KeyUsage::DigitalSignature, KeyUsage::KeyEncipherment])),
    ("leaf with certificate signing", |leaf| leaf.key_usage(&[KeyUsage::DigitalSignature, KeyUsage::KeyCertSign])),
    ("leaf with CRL signing", |leaf| leaf.key_usage(&[KeyUsage::DigitalSignature, KeyUsage::CrlSign])),
    ("leaf without purposes", CertSpec::without_ekus),
    ("leaf with an unknown purpose", |leaf| leaf.ekus(&["1.2.3.4"])),
    ("leaf with any purpose", |leaf| leaf.ekus(&[eku::CODE_SIGNING, eku::ANY])),
    ("leaf for servers too", |leaf| leaf.ekus(&[eku::CODE_SIGNING, eku::SERVER_AUTH])),
    ("leaf for clients", |leaf| leaf.ekus(&[eku::CLIENT_AUTH])),
    ("leaf for mail", |leaf| leaf.ekus(&[eku::EMAIL_PROTECTION])),
    ("leaf for timestamps too", |leaf| leaf.ekus(&[eku::CODE_SIGNING, eku::TIME_STAMPING])),
    ("leaf for OCSP responses", |leaf| leaf.ekus(&[eku::OCSP_SIGNING])),
    ("leaf with critical purposes", |leaf| leaf.ekus_critical(true)),
    ("leaf with an extension twice", |leaf| {
        leaf.extension("1.2.3.4", false, &[5, 0]).extension("1.2.3.4", false, &[5, 0])
    }),
    ("leaf with an unknown critical extension", |leaf| leaf.extension("1.2.3.4", true, &[5, 0])),
    ("leaf with broken key usage", |leaf| {
        leaf.without_key_usage().extension("2.5.29.15", true, &der::element(3, &[8, 0x80]))
    }),
    ("leaf with broken alternative names", |leaf| leaf.extension("2.5.29.17", false, &[0x30, 0x02, 0x82, 0x05])),
    ("leaf with a subject without attributes", |leaf| leaf.subject(&[])),
    ("leaf with two units", |leaf| {
        leaf.subject(&[("C", "CH"), ("O", "Testkit"), ("OU", "a"), ("OU", "b"), ("CN", "two")])
    }),
    ("leaf with odd characters", |leaf| leaf.common_name("a, \"b\"+\u{202e}\u{7}<c>")),
    ("leaf with a long serial number", |leaf| leaf.serial(&[0x7f; 40])),
    ("leaf with the name of the root", |leaf| leaf.common_name("root")),
];

const INTERMEDIATES: &[(&str, Change)] = &[
    ("good intermediate", |intermediate| intermediate),
    ("intermediate without basic constraints", CertSpec::without_basic_constraints),
    ("intermediate that is no authority", |intermediate| intermediate.is_ca(false)),
    ("intermediate with constraints that are not critical", |intermediate| {
        intermediate.basic_constraints_critical(false)
    }),
    ("intermediate without key usage", CertSpec::without_key_usage),
    ("intermediate with key usage that is not critical", |intermediate| intermediate.key_usage_critical(false)),
    ("intermediate without certificate signing", |intermediate| intermediate.key_usage(&[KeyUsage::CrlSign])),
    ("intermediate with a path length", |intermediate| intermediate.path_length(0)),
];

fn edited(environment: &mut Environment, name: &str, format: Format, edit: impl FnOnce(&mut Vec<Vec<u8>>)) {
    let root = environment.root.clone();
    let leaf = root.reissue(environment.leaf.leaf_der(), edit);
    let chain = environment.leaf.with_certificates(vec![leaf, root.der().to_vec()]);
    environment.name_chain(&chain, name);
    environment.signed_by(name, &chain, format, |request| request);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn certificates_of_signers_and_authorities() {
    let mut environment = Environment::new().await;
    environment.statement("all", &["*"], json!({}));
    let root = environment.root.clone();
    for (index, (name, change)) in LEAVES.iter().enumerate() {
        let chain = environment.issue(&root, change(CertSpec::leaf()), name);
        environment.signed_by(name, &chain, FORMATS[index % 2].1, |request| request);
    }
    for (index, (name, change)) in INTERMEDIATES.iter().enumerate() {
        let intermediate = environment.intermediate(&root, change(CertSpec::intermediate()), name);
        let chain = environment.issue(&intermediate, CertSpec::leaf(), &format!("leaf of {name}"));
        environment.signed_by(name, &chain, FORMATS[index % 2].1, |request| request);
    }
    edited(&mut environment, "version one", Format::Jws, |tbs| drop((tbs.remove(0), tbs.pop())));
    edited(&mut environment, "negative serial number", Format::Cose, |tbs| tbs[1] = der::element(2, &[0x80]));
    edited(&mut environment, "validity that is not DER", Format::Jws, |tbs| {
        let end = der::element(0x17, b"491231235959Z");
        tbs[4] = der::sequence([der::element(0x17, b"200101000000+0100"), end]);
    });
    edited(&mut environment, "two signature algorithms", Format::Cose, |tbs| {
        tbs[2] = der::sequence([der::oid("1.2.840.10045.4.3.3")]);
    });
    for (name, algorithm, bits) in [
        ("RSA key of 1024 bits", "rsa", 128),
        ("RSA key of 8192 bits", "rsa", 1024),
        ("key on another curve", "1.3.132.0.10", 65),
    ] {
        let info = if algorithm == "rsa" {
            let modulus = der::element(2, &[&[0][..], &vec![0xc5; bits]].concat());
            let algorithm = der::sequence([der::oid("1.2.840.113549.1.1.1"), der::element(5, &[])]);
            der::sequence([algorithm, der::bit_string(&der::sequence([modulus, der::integer(65537)]))])
        } else {
            let algorithm = der::sequence([der::oid("1.2.840.10045.2.1"), der::oid(algorithm)]);
            der::sequence([algorithm, der::bit_string(&vec![4; bits])])
        };
        edited(&mut environment, name, Format::Jws, |tbs| tbs[6] = info);
    }
    let spec = environment.serial(CertSpec::intermediate().key(KeyType::Ed25519));
    let authority = root.intermediate(spec);
    environment.name_chain(&authority.as_chain(), "Ed25519 authority");
    let chain = environment.issue(&authority, CertSpec::leaf(), "leaf of an Ed25519 authority");
    environment.signed_by("Ed25519 authority", &chain, Format::Jws, |request| request);
    record("certificates", environment).await;
}

const LONG_AGO: (OffsetDateTime, OffsetDateTime) = (datetime!(2024-03-01 00:00 UTC), datetime!(2024-04-01 00:00 UTC));
const LATER: (OffsetDateTime, OffsetDateTime) = (datetime!(2045-03-01 00:00 UTC), datetime!(2045-04-01 00:00 UTC));

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn certificates_outside_their_validity() {
    let mut environment = Environment::new().await;
    environment.statement("all", &["*"], json!({}));
    environment.repository_with("permissive", json!({"signatureVerification": {"level": "permissive"}}));
    environment.repository("app");
    let root = environment.root.clone();
    for (format_name, format) in FORMATS {
        for (repository, what) in [("app", ""), ("permissive", " permissive")] {
            environment.repository(repository);
            for (name, period) in [("leaf that has ended", LONG_AGO), ("leaf that has not begun", LATER)] {
                let name = format!("{name}{what} {format_name}");
                let chain = environment.issue(&root, CertSpec::leaf().valid(period.0, period.1), &name);
                environment.signed_by(&name, &chain, format, |request| request);
            }
            let name = format!("intermediate that has ended{what} {format_name}");
            let ended = CertSpec::intermediate().valid(LONG_AGO.0, LONG_AGO.1);
            let intermediate = environment.intermediate(&root, ended, &name);
            let chain = environment.issue(&intermediate, CertSpec::leaf(), &format!("leaf of {name}"));
            environment.signed_by(&name, &chain, format, |request| request);
        }
        environment.repository("app");
        for (name, time) in [
            ("authority signed in time", datetime!(2024-03-15 00:00 UTC)),
            ("authority signed at the end", datetime!(2024-04-01 00:00 UTC)),
            ("authority signed too late", datetime!(2024-04-01 00:00:01 UTC)),
            ("authority signed too early", datetime!(2024-02-29 23:59:59 UTC)),
            ("authority signed in the future", datetime!(2048-01-01 00:00 UTC)),
        ] {
            let name = format!("{name} {format_name}");
            let chain = environment.issue(&root, CertSpec::leaf().valid(LONG_AGO.0, LONG_AGO.1), &name);
            environment.signed_by(&name, &chain, format, |request| {
                request.scheme(Scheme::SigningAuthority).authentic_signing_time(time)
            });
        }
        let name = format!("root that has ended {format_name}");
        let spec = CertSpec::root().common_name("ended root").valid(LONG_AGO.0, LONG_AGO.1);
        let spec = environment.serial(spec.with_key(root.key()));
        let ended = Authority::root(spec);
        environment.name_chain(&ended.as_chain(), &name);
        environment.folder.write(&format!("trust/truststore/x509/ca/main/ended-{format_name}.pem"), ended.pem());
        let chain = environment.issue(&ended, CertSpec::leaf(), &format!("leaf of {name}"));
        environment.signed_by(&name, &chain, format, |request| request);
    }
    record_as("validity", environment, Ask::WithoutInspect).await;
}
