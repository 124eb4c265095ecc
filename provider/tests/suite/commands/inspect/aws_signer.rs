//! The signer of signatures of AWS Signer is shown with its signing profile, and only if it is authenticated.

use countersign_testkit::aws::signature::SignerPki;
use countersign_testkit::aws::signature::SignerSignature;
use serde_json::Value;
use serde_json::json;

use crate::commands::inspect::Fixture;

const PROFILE: &str = "arn:aws:signer:eu-central-1:111122223333:/signing-profiles/ci";
const ALIAS: &str = "arn:aws:signer:::/aliases/com.example.release";
const SUBJECT: &str = "CN=AWS Signer,OU=AWS Cryptography,O=AWS,L=Seattle,ST=WA,C=US";

/// A statement that trusts the profile under the root, with this level; revocation is skipped, so that nothing is requested.
async fn fixture(pki: &SignerPki, level: &str) -> Fixture {
    let fixture = Fixture::new().await;
    let policy = json!({"version": "1.0", "trustPolicies": [
        {"name": "app", "registryScopes": [fixture.image("app")],
         "signatureVerification": {"level": level, "override": {"revocation": "skip"}},
         "trustStores": ["signingAuthority:aws-signer-ts"], "trustedIdentities": [PROFILE]},
    ]});
    fixture.folder.write("trust/trustpolicy.json", policy.to_string());
    fixture.folder.write("trust/truststore/x509/signingAuthority/aws-signer-ts/root.pem", pki.root_pem());
    fixture
}

#[tokio::test]
async fn a_verified_signature_is_shown_with_profile_alias_and_job() {
    let pki = SignerPki::new("eu-central-1");
    let fixture = fixture(&pki, "strict").await;
    let image = fixture.registry.push_image("app", "v1");
    let signature = SignerSignature::new(&pki, &image).with_alias(ALIAS);
    signature.attach(&fixture.registry, "app");
    let (version, job) = (SignerSignature::PROFILE_VERSION, SignerSignature::JOB);
    let message = format!(
        "signed by AWS Signer with signing profile {version:?} under the alias {ALIAS:?}, trusted by statement \"app\" of the trust \
         policy"
    );

    let (code, block) = fixture.run("verify", "text", "app:v1").await;
    let lines: Vec<&str> = block.lines().collect();
    assert_eq!(code, Some(0), "{block}");
    assert_eq!(
        lines[3..7],
        [
            format!("  signer      AWS Signer, signing profile {version}"),
            format!("  alias       {ALIAS}"),
            format!("  job         {job}"),
            format!("  subject     {SUBJECT}"),
        ]
    );
    assert!(lines[7].starts_with("  issuer      CN=Test AWS Signer eu-central-1 Code Signing CA G1,"), "{block}");
    assert!(lines.contains(&format!("  message     {message}").as_str()), "{block}");
    let (_, table) = fixture.run("verify", "table", "app:v1").await;
    assert!(table.lines().nth(1).unwrap().ends_with(&format!("  {version}")), "{table}");

    let (_, page) = fixture.text("app:v1").await;
    let attribute = format!("  attribute   com.amazonaws.signer.signingProfileVersion: {version:?}, critical\n");
    assert!(page.contains(&attribute), "{page}");
    let (_, document) = fixture.json("app:v1").await;
    let signer = &document["image"]["signer"];
    assert_eq!(signer["subject"], SUBJECT);
    assert_eq!(signer["awsSigner"], json!({"profile": PROFILE, "profileVersion": version, "alias": ALIAS, "job": job}));
    assert_eq!(document["image"]["message"], message);
}

#[tokio::test]
async fn what_is_not_authenticated_is_not_shown_as_the_signer() {
    let trusted = SignerPki::new("eu-central-1");
    let fixture = fixture(&trusted, "audit").await;
    // An untrusted root with the attributes of the trusted profile, and another customer's profile under the root of AWS.
    let other = PROFILE.replace("111122223333", "444455556666") + "/abcDEF1234";
    for (tag, pki, version) in [
        ("untrusted", &SignerPki::new("eu-central-1"), SignerSignature::PROFILE_VERSION),
        ("other-customer", &trusted, other.as_str()),
    ] {
        let image = fixture.registry.push_image("app", tag);
        let signature = SignerSignature::new(pki, &image).with_profile_version(version).with_alias(ALIAS);
        let manifest = signature.attach(&fixture.registry, "app");
        let (code, block) = fixture.run("verify", "text", &format!("app:{tag}")).await;
        assert_eq!(code, Some(0), "{block}");
        assert!(block.contains("\n  signer      not known\n"), "{block}");
        assert!(!block.contains(SignerSignature::JOB), "{block}");
        let (_, document) = fixture.json(&format!("app:{tag}")).await;
        assert_eq!(document["image"]["signer"], Value::Null);
        assert_eq!(document["image"]["unverifiedSigner"], json!({"subject": SUBJECT, "signature": manifest.digest}));
        assert_eq!(document["signatures"][0]["claimed"], true);
        let (_, page) = fixture.text(&format!("app:{tag}")).await;
        assert!(page.contains(&format!("signingProfileVersion: {version:?}, critical (claimed)\n")), "{page}");
    }
    // Of an untrusted chain, no ARN is in what is said of the image.
    let (_, block) = fixture.run("verify", "text", "app:untrusted").await;
    assert!(!block.contains("signing-profiles") && !block.contains(ALIAS), "{block}");
}
