//! The roots of AWS by their fingerprints: their certificates are not in the tree.

use countersign_core::time::UnixTime;
use countersign_core::x509::CertificateSummary;

use super::*;

const COMMERCIAL_ROOT: &str = "90a87d0543c3f094dbff9589b6649affe2f3d6e0f308799be2258461c686473f";
const GOVCLOUD_ROOT: &str = "673653ab76f41a10546cdeb4107ecd6df2c15c2c9a0d32ed97d271b4436fc3e8";
const COMMERCIAL: &str = "arn:aws:signer:eu-west-1:111122223333:/signing-profiles/ci";
const GOVCLOUD: &str = "arn:aws-us-gov:signer:us-gov-west-1:111122223333:/signing-profiles/ci";
const CHINA: &str = "arn:aws-cn:signer:cn-north-1:111122223333:/signing-profiles/ci";

fn certificate(fingerprint: &str) -> CertificateSummary {
    CertificateSummary {
        subject: "CN=root".into(),
        issuer: "CN=root".into(),
        serial: "1".into(),
        fingerprint: fingerprint.to_owned(),
        key: "EC P-384".into(),
        not_before: UnixTime::EPOCH,
        not_after: UnixTime::EPOCH,
    }
}

fn store(name: &str, fingerprints: &[&str]) -> StoreOutline {
    let certificates = fingerprints.iter().map(|fingerprint| certificate(fingerprint)).collect();
    StoreOutline { name: name.to_owned(), certificates }
}

fn rules(identities: &[&str], stores: Vec<StoreOutline>) -> RequirementOutline {
    RequirementOutline {
        level: "strict",
        authenticity: "enforce",
        authentic_timestamp: "enforce",
        expiry: "enforce",
        revocation: "enforce",
        verify_timestamp: None,
        identities: identities.iter().map(|identity| (*identity).to_owned()).collect(),
        stores,
    }
}

/// The warnings about a statement with these identities, and a store with these roots.
fn warnings(identities: &[&str], fingerprints: &[&str]) -> Vec<(&'static str, String)> {
    let rules = rules(identities, vec![store("signingAuthority:aws", fingerprints)]);
    let statement = StatementOutline { name: "signed".to_owned(), scopes: None, mode: ModeOutline::Verify(rules) };
    let mut findings = Findings::default();
    check(&[statement], &mut findings);
    findings.warnings.into_iter().map(|warning| (warning.kind, warning.message)).collect()
}

#[test]
fn the_roots_that_aws_documents_are_named() {
    let named = |identities: &[&str], name: &str, fingerprint: &str| {
        let store = store(name, &[fingerprint]);
        let root = root(&rules(identities, Vec::new()), &store, fingerprint)?;
        Some((root.as_str(), root.description()))
    };
    let of_aws = |fingerprint: &str| named(&[COMMERCIAL], "signingAuthority:aws", fingerprint);
    let commercial = Some(("commercial", "the root of AWS Signer for commercial regions"));
    assert_eq!(of_aws(COMMERCIAL_ROOT), commercial);
    assert_eq!(of_aws(GOVCLOUD_ROOT), Some(("govcloud", "the root of AWS Signer for GovCloud (US)")));
    let unknown = Some(("unknown", "not a root of AWS Signer whose fingerprint is known"));
    assert_eq!(of_aws(&"0".repeat(64)), unknown);
    // Of other signers.
    assert_eq!(named(&["x509.subject: C=US, ST=WA, O=AWS"], "signingAuthority:aws", COMMERCIAL_ROOT), None);
    assert_eq!(named(&[COMMERCIAL], "ca:aws", COMMERCIAL_ROOT), None);
}

#[test]
fn an_identity_of_another_partition_than_the_roots_is_a_warning() {
    assert_eq!(warnings(&[COMMERCIAL], &[COMMERCIAL_ROOT]), []);
    assert_eq!(warnings(&[GOVCLOUD], &[GOVCLOUD_ROOT]), []);
    let message = format!(
        "statement \"signed\" has the identity \"{GOVCLOUD}\", which no signature matches: found the root of AWS Signer for \
         commercial regions, expected that of the partition aws-us-gov in its trust stores"
    );
    // The root of China is not known.
    let found = warnings(&[COMMERCIAL, GOVCLOUD, CHINA], &[COMMERCIAL_ROOT]);
    assert_eq!(found, [("aws-signer-root-of-another-partition", message)]);
    assert_eq!(warnings(&[COMMERCIAL, GOVCLOUD, CHINA], &[COMMERCIAL_ROOT, GOVCLOUD_ROOT]), []);
}

#[test]
fn an_unknown_root_is_a_warning_with_the_fingerprints_of_its_partitions() {
    let unknown = "0".repeat(64);
    let message = |expected: &str| {
        format!(
            "trust store signingAuthority:aws: certificate \"CN=root\" (SHA-256 {unknown}) is not a root of AWS Signer whose \
             fingerprint is known, and signing profiles are trusted under it (statements \"signed\"); {expected}"
        )
    };
    let commercial = format!("expected SHA-256 {COMMERCIAL_ROOT} for the partition aws");
    let gov_cloud = format!("expected SHA-256 {GOVCLOUD_ROOT} for the partition aws-us-gov");
    let openssl = "openssl x509 -fingerprint -sha256 prints these digits in upper case, in pairs with colons";
    let others = "only the roots of commercial regions and of GovCloud (US) are known: for another partition bring your own, and \
                  compare it with the one that AWS documents";
    for (identities, expected) in [
        (&[COMMERCIAL][..], format!("{commercial}; {openssl}")),
        (&[GOVCLOUD, COMMERCIAL], format!("{commercial}; {gov_cloud}; {openssl}")),
        (&[COMMERCIAL, CHINA], format!("{commercial}; {openssl}; {others}")),
        (&[CHINA], others.to_owned()),
    ] {
        assert_eq!(warnings(identities, &[&unknown]), [("aws-signer-root-unknown", message(&expected))]);
    }
}

#[test]
fn another_root_beside_that_of_aws_is_no_warning_as_no_profile_is_trusted_under_it() {
    let unknown = "0".repeat(64);
    assert_eq!(warnings(&[COMMERCIAL], &[COMMERCIAL_ROOT, &unknown]), []);
    assert_eq!(warnings(&[COMMERCIAL, GOVCLOUD], &[COMMERCIAL_ROOT, GOVCLOUD_ROOT, &unknown]), []);
    // Of another partition, any root is possible.
    let found = warnings(&[COMMERCIAL, CHINA], &[COMMERCIAL_ROOT, &unknown]);
    let [("aws-signer-root-unknown", message)] = found.as_slice() else { panic!("{found:?}") };
    assert!(message.ends_with("compare it with the one that AWS documents"), "{message}");
    assert!(!message.contains("for the partition aws"), "{message}");
}
