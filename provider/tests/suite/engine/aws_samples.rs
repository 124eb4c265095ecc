//! Trust policies and trust stores as k8s-notary-admission and kyverno-notation-aws have them, unchanged: what they mean there is what
//! they mean here.
#![allow(clippy::unwrap_used)]

use countersign::evidence::FetchSettings;
use countersign_core::verdict::Code;
use countersign_core::verdict::ImageVerdict;
use countersign_test_support::aws_signer::AwsSigner;
use countersign_test_support::fixture::EngineFixture;
use countersign_testkit::aws::signature::SignerPki;
use countersign_testkit::aws::signature::SignerSignature;
use countersign_testkit::pki::Authority;
use countersign_testkit::pki::CertSpec;
use serde_json::Value as Json;

use crate::engine::evidence::fixture::patient;

/// The document of k8s-notary-admission's chart, with the part `signatureVerification` that its users choose.
fn chart_policy(verification: &str) -> String {
    format!(
        r#"{{
    "version": "1.0",
    "trustPolicies": [
        {{
            "name": "aws-signer-tp",
            "registryScopes": [
                "*"
            ],
            "signatureVerification": {verification},
            "trustStores": [
                "signingAuthority:aws-signer-ts"
            ],
            "trustedIdentities": [
                "arn:aws:signer:eu-central-1:111122223333:/signing-profiles/admission"
            ]
        }}
    ]
}}"#
    )
}

/// An object `TrustPolicy` of kyverno-notation-aws.
const TRUST_POLICY: &str = r#"
apiVersion: notation.nirmata.io/v1alpha1
kind: TrustPolicy
metadata:
  name: team-a
spec:
  version: '1.0'
  trustPolicies:
  - name: aws-signer-tp
    registryScopes:
    - "*"
    signatureVerification:
      level: strict
      override: {}
    trustStores:
    - signingAuthority:aws-signer-ts
    trustedIdentities:
    - "arn:aws:signer:eu-central-1:111122223333:/signing-profiles/admission"
"#;

/// An object `TrustStore` of kyverno-notation-aws.
fn trust_store(name: &str, bundle: &str) -> String {
    let indented: String = bundle.lines().map(|line| format!("    {line}\n")).collect();
    format!(
        "apiVersion: notation.nirmata.io/v1alpha1\nkind: TrustStore\nmetadata:\n  name: {name}\nspec:\n  \
         trustStoreName: {name}\n  type: signingAuthority\n  caBundle: |-\n{indented}"
    )
}

/// Writes the files that MIGRATION.md names, from the objects: `spec` of a policy, `caBundle` of each store.
fn write_objects(fixture: &EngineFixture, policy: &str, stores: &[String]) {
    let object = |text: &str| -> Json { serde_saphyr::from_str(text).unwrap() };
    fixture.folder.write("trustpolicy.json", object(policy)["spec"].to_string());
    for store in stores {
        let spec = object(store)["spec"].take();
        let text = |name: &str| spec[name].as_str().unwrap().to_owned();
        let path = format!("truststore/x509/{}/{}/root.pem", text("type"), text("trustStoreName"));
        fixture.folder.write(&path, text("caBundle"));
    }
    fixture.poll();
}

/// A profile of the policies, and others.
const OWN: &str = "arn:aws:signer:eu-central-1:111122223333:/signing-profiles/admission/abcDEF1234";
const OTHERS: [&str; 4] = [
    "arn:aws:signer:eu-central-1:111122223333:/signing-profiles/other/abcDEF1234",
    "arn:aws:signer:eu-central-1:111122223333:/signing-profiles/admission2/abcDEF1234",
    "arn:aws:signer:eu-central-1:999988887777:/signing-profiles/admission/abcDEF1234",
    "arn:aws:signer:us-east-1:111122223333:/signing-profiles/admission/abcDEF1234",
];

/// The engine under a policy, with a registry and an AWS Signer.
struct Fixture {
    engine: EngineFixture,
    signer: AwsSigner,
    pki: SignerPki,
}

impl Fixture {
    async fn new(policy: &str) -> Self {
        let (signer, pki) = (AwsSigner::default(), SignerPki::new("eu-central-1"));
        let settings = FetchSettings { signer: Some(signer.access()), ..patient() };
        let engine = EngineFixture::with_evidence(policy, settings, |_| {}).await;
        engine.folder.write("truststore/x509/signingAuthority/aws-signer-ts/root.pem", pki.root_pem());
        engine.poll();
        Self { engine, signer, pki }
    }

    /// Signs a new image with a version of a profile. Returns its reference.
    fn sign(&self, pki: &SignerPki, profile: &str) -> String {
        let registry = &self.engine.registry;
        let image = registry.push_image("app", "v1");
        SignerSignature::new(pki, &image).with_profile_version(profile).attach(registry, "app");
        registry.reference("app", &image)
    }

    async fn code(&self, profile: &str) -> Code {
        self.engine.code(&self.sign(&self.pki, profile)).await
    }

    /// The code, and the checks that were only logged with theirs.
    async fn logged(&self, profile: &str) -> (Code, Vec<Code>) {
        let verdict = self.engine.verify(&self.sign(&self.pki, profile)).await.verdict;
        let warnings = match &*verdict {
            ImageVerdict::Verified(verified) => verified.warnings().map(|(_, reason)| reason.code).collect(),
            ImageVerdict::Skipped(_) | ImageVerdict::Rejected(_) | ImageVerdict::Inconclusive(_) => Vec::new(),
        };
        (verdict.code(), warnings)
    }

    /// The verdicts that every sample has in common: one profile is trusted, under one root.
    async fn trusts_one_profile_only(&self) {
        assert_eq!(self.code(OWN).await, Code::Verified);
        for other in OTHERS {
            assert_eq!(self.code(other).await, Code::UntrustedIdentity, "{other}");
        }
        let other_root = SignerPki::new("eu-central-1");
        assert_eq!(self.engine.code(&self.sign(&other_root, OWN)).await, Code::UntrustedChain);
        let unsigned = self.engine.registry.push_image("app", "v2");
        assert_eq!(self.engine.code(&self.engine.registry.reference("app", &unsigned)).await, Code::Unsigned);
    }
}

#[tokio::test]
async fn the_policy_of_k8s_notary_admission_decides_as_there() {
    let fixture = Fixture::new(&chart_policy(r#"{ "level": "strict", "override": {} }"#)).await;
    fixture.trusts_one_profile_only().await;
    // Nothing was asked about the signatures of others.
    assert_eq!(fixture.signer.requests(), 1);
    fixture.signer.revoke(SignerSignature::JOB);
    assert_eq!(fixture.code(OWN).await, Code::Revoked);
    let fixture = Fixture::new(&chart_policy(r#"{ "level": "strict", "override": {} }"#)).await;
    fixture.signer.stop();
    assert_eq!(fixture.code(OWN).await, Code::SignerServiceUnchecked);
    fixture.signer.revoke(OWN);
    assert_eq!(fixture.code(OWN).await, Code::SignerServiceUnchecked);
}

#[tokio::test]
async fn a_revocation_that_is_logged_admits_with_a_warning() {
    for verification in
        [r#"{ "level": "strict", "override": { "revocation": "log" } }"#, r#"{ "level": "permissive" }"#]
    {
        let fixture = Fixture::new(&chart_policy(verification)).await;
        fixture.trusts_one_profile_only().await;
        fixture.signer.stop();
        assert_eq!(fixture.logged(OWN).await, (Code::Verified, vec![Code::SignerServiceUnchecked]), "{verification}");
        let fixture = Fixture::new(&chart_policy(verification)).await;
        fixture.signer.revoke(OWN);
        assert_eq!(fixture.logged(OWN).await, (Code::Verified, vec![Code::Revoked]), "{verification}");
    }
}

#[tokio::test]
async fn a_revocation_that_is_skipped_is_not_asked_about() {
    let fixture = Fixture::new(&chart_policy(r#"{ "level": "strict", "override": { "revocation": "skip" } }"#)).await;
    fixture.trusts_one_profile_only().await;
    fixture.signer.revoke(OWN);
    assert_eq!(fixture.logged(OWN).await, (Code::Verified, Vec::new()));
    assert_eq!(fixture.signer.requests(), 0);
}

#[tokio::test]
async fn the_objects_of_kyverno_notation_aws_decide_as_there() {
    let fixture = Fixture::new(&chart_policy(r#"{ "level": "skip" }"#).replace("\"*\"", "\"example.com/none\"")).await;
    let government = SignerPki::new("us-gov-west-1");
    let leaf = Authority::root(CertSpec::leaf());
    let stores = [
        trust_store("aws-signer-ts", &fixture.pki.root_pem()),
        trust_store("aws-us-gov-signer-ts", &government.root_pem()),
        // One that trusts nothing that AWS Signer signs: the samples have such a one, to show a denial.
        trust_store("aws-signer-ts-fail", &leaf.pem()),
    ];
    write_objects(&fixture.engine, TRUST_POLICY, &stores);
    fixture.trusts_one_profile_only().await;
    // A store is trusted by the statements that name it only.
    assert_eq!(fixture.engine.code(&fixture.sign(&government, OWN)).await, Code::UntrustedChain);
    let failing = TRUST_POLICY.replace("signingAuthority:aws-signer-ts", "signingAuthority:aws-signer-ts-fail");
    write_objects(&fixture.engine, &failing, &[]);
    assert_eq!(fixture.code(OWN).await, Code::UntrustedChain);
    fixture.signer.revoke(SignerSignature::JOB);
    write_objects(&fixture.engine, TRUST_POLICY, &[]);
    assert_eq!(fixture.code(OWN).await, Code::Revoked);
}

/// `profileArns` of the chart, and an own statement for each repository.
#[tokio::test]
async fn several_profiles_and_statements_are_a_union_and_a_version_is_one_version() {
    let one = "\"arn:aws:signer:eu-central-1:111122223333:/signing-profiles/admission\"";
    let several = format!("{one}, \"{}\", \"x509.subject: C=US, ST=WA, O=AWS\"", OTHERS[2]);
    let policy = chart_policy(r#"{ "level": "strict", "override": {} }"#).replace(one, &several);
    assert_ne!(policy, chart_policy(r#"{ "level": "strict", "override": {} }"#));
    let fixture = Fixture::new(&policy).await;
    assert_eq!(fixture.code(OWN).await, Code::Verified);
    assert_eq!(fixture.code(&OWN.replace("abcDEF1234", "abcDEF1235")).await, Code::Verified);
    assert_eq!(fixture.code(OTHERS[2]).await, Code::Verified);
    assert_eq!(fixture.code(&OTHERS[2].replace("abcDEF1234", "abcDEF1235")).await, Code::UntrustedIdentity);
    assert_eq!(fixture.code(OTHERS[0]).await, Code::UntrustedIdentity);
}
