//! Trust stores of AWS Signer. The roots of AWS, which only AWS can make, are in the tests of the module.

use countersign_testkit::folder::Folder;
use countersign_testkit::pki::Authority;
use countersign_testkit::pki::CertSpec;
use serde_json::Value;
use serde_json::json;

use crate::commands::check::check;
use crate::commands::check::document;
use crate::commands::check::policy;
use crate::commands::check::sound;
use crate::commands::check::statement;

const CHINA: &str = "arn:aws-cn:signer:cn-north-1:111122223333:/signing-profiles/ci";

/// A folder whose statement trusts these identities under the root `pem`.
fn with(pem: &str, identities: &[&str]) -> Folder {
    let folder = sound();
    folder.write("trust/truststore/x509/signingAuthority/aws/root.pem", pem);
    let mut signed = statement("signed", "registry.example.com/app");
    signed["trustStores"] = json!(["signingAuthority:aws"]);
    signed["trustedIdentities"] = json!(identities);
    folder.write("trust/trustpolicy.json", policy(&[signed]));
    folder
}

const SUBJECT: &str = "x509.subject: C=US, ST=WA, O=AWS";

fn warnings(document: &Value) -> Vec<(&str, &str)> {
    let list = document["warnings"].as_array().unwrap();
    list.iter().map(|one| (one["warning"].as_str().unwrap(), one["message"].as_str().unwrap())).collect()
}

#[test]
fn another_root_is_a_warning_with_its_fingerprint() {
    let root = Authority::root(CertSpec::root().common_name("China"));
    let folder = with(&root.pem(), &[CHINA]);
    let (_, page) = check(&folder, &[]);
    assert!(page.contains("\n    root      not a root of AWS Signer whose fingerprint is known\n"), "{page}");
    let (code, document) = document(&folder);
    let certificate = &document["statements"][0]["rules"]["stores"][0]["certificates"][0];
    let sha256 = certificate["sha256"].as_str().unwrap();
    assert_eq!((code, &certificate["awsSignerRoot"]), (Some(0), &json!("unknown")));
    let message = format!(
        "trust store signingAuthority:aws: certificate \"CN=China,O=Testkit,ST=ZH,C=CH\" (SHA-256 {sha256}) is not a root of AWS Signer \
         whose fingerprint is known, and signing profiles are trusted under it (statements \"signed\"); only the roots of commercial \
         regions and of GovCloud (US) are known: for another partition bring your own, and compare it with the one that AWS documents"
    );
    assert_eq!(warnings(&document), [("aws-signer-root-unknown", message.as_str())]);
}

#[test]
fn stores_without_identities_of_aws_signer_are_not_compared() {
    let folder = with(&Authority::root(CertSpec::root()).pem(), &[SUBJECT]);
    let (_, document) = document(&folder);
    let certificate = &document["statements"][0]["rules"]["stores"][0]["certificates"][0];
    assert_eq!(certificate.get("awsSignerRoot"), None);
    let message = format!(
        "statement \"signed\" has the identity {SUBJECT:?}, and no signing profile: the certificates of AWS Signer are the same for \
         all its customers, so that its signatures are rejected as untrusted-identity; add the ARN of the signing profile to \
         trustedIdentities"
    );
    assert_eq!(warnings(&document), [("aws-signer-without-profiles", message.as_str())]);
    // Of other signing authorities.
    let folder = with(&Authority::root(CertSpec::root()).pem(), &["x509.subject: C=US, ST=WA, O=Example"]);
    assert_eq!(warnings(&self::document(&folder).1), []);
}
