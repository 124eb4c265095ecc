//! Levels and overrides of statements, each with every check that can fail.

use countersign_testkit::pki::CertSpec;
use countersign_testkit::pki::Chain;
use countersign_testkit::signer::SignRequest;
use countersign_testkit::timestamp::Tsa;
use serde_json::Value as Json;
use serde_json::json;
use time::macros::datetime;

use super::FORMATS;
use crate::environment::Environment;
use crate::run::Ask;
use crate::run::record;
use crate::run::record_as;

type Change = fn(SignRequest) -> SignRequest;

/// What is wrong with a signature: `chain` signs a request after `change`.
struct Flaw {
    name: &'static str,
    chain: Chain,
    change: Change,
}

fn flaws(environment: &mut Environment) -> Vec<Flaw> {
    let (root, untrusted) = (environment.root.clone(), environment.untrusted.clone());
    let ended = CertSpec::leaf().valid(datetime!(2024-03-01 00:00 UTC), datetime!(2024-04-01 00:00 UTC));
    let other = CertSpec::leaf().subject(&[("C", "CH"), ("ST", "ZH"), ("O", "Other")]);
    let revocable = CertSpec::leaf().common_name("revocable");
    let good = environment.leaf.clone();
    let foreign = environment.issue(&untrusted, CertSpec::leaf().common_name("foreign"), "foreign leaf");
    let ended = environment.issue(&root, ended.common_name("ended"), "ended leaf");
    let other = environment.issue(&root, other, "other leaf");
    let ocsp = environment.issue(&root, revocable.clone().ocsp_url("ldap://ocsp.example/a"), "leaf with OCSP");
    let crl = environment.issue(&root, revocable.crl_url("ldap://crl.example/a.crl"), "leaf with CRL");
    let same: Change = |request| request;
    let expired: Change = |request| request.expiry(datetime!(2026-01-03 00:00 UTC));
    [
        ("good", &good, same),
        ("untrusted chain", &foreign, same),
        ("untrusted identity", &other, same),
        ("expired", &good, expired),
        ("expired and untrusted", &foreign, expired),
        ("certificate ended", &ended, same),
        ("OCSP", &ocsp, same),
        ("CRL", &crl, same),
        ("critical attribute", &good, |request| request.critical_attribute("com.example.x", 1)),
        ("plugin", &good, |request| request.plugin("com.example.plugin")),
    ]
    .map(|(name, chain, change)| Flaw { name, chain: chain.clone(), change })
    .into()
}

/// A repository for each level, with a signature of every flaw.
fn levels(environment: &mut Environment, levels: &[(&str, Json)]) {
    let flaws = flaws(environment);
    for (index, (level, verification)) in levels.iter().enumerate() {
        let identities = ["x509.subject: C=CH, ST=ZH, O=Testkit"];
        let changes = json!({"signatureVerification": verification, "trustedIdentities": identities});
        environment.repository_with(level, changes);
        for Flaw { name, chain, change } in &flaws {
            environment.signed_by(&format!("{level}: {name}"), chain, FORMATS[index % 2].1, change);
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_level_with_every_check() {
    let mut environment = Environment::new().await;
    let named = |level: &'static str| (level, json!({"level": level}));
    levels(&mut environment, &["strict", "permissive", "audit"].map(named));
    for level in ["strict", "audit"] {
        environment.repository(level);
        environment.image(&format!("{level}: unsigned"));
    }
    let skip = json!({"signatureVerification": {"level": "skip"}, "trustStores": null, "trustedIdentities": null});
    environment.repository_with("skip", skip);
    environment.signed("skip: signed", FORMATS[0].1, |request| request);
    environment.image("skip: unsigned");
    let absent = format!("{}/skip:absent", environment.registry.host());
    environment.ask("skip: absent", &absent);
    record("levels", environment).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_override_with_every_check() {
    let mut environment = Environment::new().await;
    let overriding = |check: &str, action: &str| json!({"level": "strict", "override": {check: action}});
    levels(
        &mut environment,
        &[
            ("authenticity-log", overriding("authenticity", "log")),
            ("timestamp-log", overriding("authenticTimestamp", "log")),
            ("expiry-log", overriding("expiry", "log")),
            ("revocation-log", overriding("revocation", "log")),
            ("revocation-skip", overriding("revocation", "skip")),
            ("audit-but-expiry", json!({"level": "audit", "override": {"expiry": "enforce"}})),
            ("audit-but-revocation", json!({"level": "audit", "override": {"revocation": "enforce"}})),
        ],
    );
    record_as("overrides", environment, Ask::WithoutInspect).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn timestamps_under_every_statement() {
    let mut environment = Environment::new().await;
    let root = environment.root.clone();
    environment.store("tsa/main", &root.pem());
    let ended = CertSpec::leaf().valid(datetime!(2024-03-01 00:00 UTC), datetime!(2024-04-01 00:00 UTC));
    let ended = environment.issue(&root, ended, "ended leaf");
    let good = environment.leaf.clone();
    let tsa = Tsa::new(&root);
    for (name, stores, verification) in [
        ("no-tsa", json!(["ca:main"]), json!({"level": "strict"})),
        ("tsa", json!(["ca:main", "tsa:main"]), json!({"level": "strict"})),
        ("tsa-after", json!(["ca:main", "tsa:main"]), json!({"level": "strict", "verifyTimestamp": "afterCertExpiry"})),
        ("tsa-always", json!(["ca:main", "tsa:main"]), json!({"level": "strict", "verifyTimestamp": "always"})),
        (
            "tsa-log",
            json!(["ca:main", "tsa:main"]),
            json!({"level": "strict", "override": {"authenticTimestamp": "log"}}),
        ),
    ] {
        environment.repository_with(name, json!({"signatureVerification": verification, "trustStores": stores}));
        for (what, chain) in [("good", &good), ("ended", &ended)] {
            environment.signed_by(&format!("{name}: {what} without timestamp"), chain, FORMATS[0].1, |request| request);
            environment.signed_by(&format!("{name}: {what} with timestamp"), chain, FORMATS[1].1, |request| {
                request.timestamp(b"token")
            });
            for (format, media_type) in [FORMATS[0], FORMATS[1]].map(|(_, format)| (format, format.media_type())) {
                let name = format!("{name}: {what} with valid timestamp, {format:?}");
                environment.enveloped(&name, media_type, |image| {
                    let request = SignRequest::new(chain, &image.descriptor);
                    request.timestamped(format, |signature| tsa.token_at(datetime!(2024-03-15 12:00 UTC), signature))
                });
            }
        }
    }
    record_as("timestamps", environment, Ask::WithoutInspect).await;
}
