//! Findings in the log.

use countersign_testkit::captured_log::capture;
use serde_json::Value;
use serde_json::json;
use tracing::Level;

use super::*;
use crate::telemetry::log;

impl ReloadedService {
    /// The events of a poll from WARN, without times.
    fn events(&mut self) -> Vec<Value> {
        let folder = format!("{}/", self.folder.path().display());
        let untimed = |mut event: Value| {
            event.as_object_mut().unwrap().remove("timestamp");
            serde_json::from_str(&event.to_string().replace(&folder, "")).unwrap()
        };
        let events = capture(
            |lines| log::subscriber(Level::WARN, move || lines.clone()),
            || {
                self.poll();
            },
        )
        .events();
        // Of whoever runs the tests.
        let is_of_environment = |event: &Value| {
            event["detail"].as_str().is_some_and(|detail| detail.starts_with("the environment variable "))
        };
        events.into_iter().map(untimed).filter(|event| !is_of_environment(event)).collect()
    }
}

fn store_mistake(statement: &str) -> Value {
    json!({
        "level": "ERROR", "message": "mistake", "file": "trust/truststore/x509/ca/absent",
        "found": format!("trust store ca:absent of statement {statement:?} is missing"),
        "expected": "the directory trust/truststore/x509/ca/absent with certificate files",
    })
}

fn summary(files: &str, mistakes: u32, by_file: &str) -> Value {
    json!({
        "level": "ERROR", "files": files, "mistakes": mistakes, "by_file": by_file,
        "message": "files have mistakes; what depends on them is disabled or keeps its former content",
    })
}

#[tokio::test]
async fn a_reload_logs_each_finding_in_the_trust_policy_once() {
    let mut service = ReloadedService::start().await;
    assert_eq!(service.events(), Vec::<Value>::new());
    service.folder.write("trust/trustpolicy.json", two("ca:main", "ca:absent"));
    service.folder.write("trust/truststore/x509/ca/main/old/b.pem", "ignored");
    let disabled = |part: &str, message: &str| json!({"level": "ERROR", "part": part, "message": message});
    assert_eq!(
        service.events(),
        [
            store_mistake("other"),
            json!({
                "level": "WARN", "message": "warning", "warning": "store-subdirectories",
                "detail": "trust store ca:main has sub-directories, which are ignored: \"old\"; put certificate files \
                           into the store's own directory",
            }),
            summary("trust", 1, "trust/truststore/x509/ca/absent (1)"),
            disabled("statement \"other\"", "statement \"other\" is disabled: trust store ca:absent cannot be used",),
            disabled("trust store ca:absent", "trust store ca:absent cannot be used"),
        ]
    );
    // A second mistake does not repeat the first one.
    service.folder.write(MAIN, "garbage");
    let mut events = service.events();
    let kept = events.pop().unwrap();
    assert_eq!((&kept["level"], &kept["part"]), (&json!("WARN"), &json!("trust store ca:main")));
    let message = kept["message"].as_str().unwrap();
    assert!(message.starts_with("trust store ca:main is in use as it was before 2") && !message.contains("a.pem"));
    assert_eq!(
        events,
        [
            json!({
                "level": "ERROR", "message": "mistake", "file": "trust/truststore/x509/ca/main",
                "field": "trust store ca:main", "found": "file \"a.pem\" has no -----BEGIN line",
                "expected": "certificates in PEM or DER",
            }),
            summary("trust", 2, "trust/truststore/x509/ca/absent (1), trust/truststore/x509/ca/main (1)"),
        ]
    );
    assert_eq!(service.events(), Vec::<Value>::new());
}

#[tokio::test]
async fn a_reload_logs_each_finding_in_the_files_of_registries_once() {
    let mut service = ReloadedService::start().await;
    service.folder.write("secret.json", r#"{"auths": {"a.example": {"auth": "Yzpk"}, "b.example": {"auth": "!"}}}"#);
    let registries = "registries:\n- {host: a.example, credentials: {dockerConfig: secret.json}}\n\
                      - {host: c.example, credentials: {dockerConfig: secret.json}}\n";
    service.folder.write("c.yaml", config(registries));
    let warning = json!({
        "level": "WARN", "message": "warning", "warning": "no-credentials",
        "detail": "secret.json: has no entry for this registry, which is used anonymously, for registry c.example",
    });
    assert_eq!(
        service.events(),
        [
            json!({
                "level": "ERROR", "message": "mistake", "file": "secret.json",
                "found": "entry \"b.example\" has an auth that is not base64",
                "expected": "the base64 of name:password in the alphabet with + and /",
            }),
            warning,
            summary("registries", 1, "secret.json (1)"),
            json!({
                "level": "WARN",
                "message": "entry \"b.example\" of secret.json (registry a.example) is disabled, so that its images are \
                            inconclusive",
            }),
        ]
    );
    assert_eq!(service.events(), Vec::<Value>::new());
}

#[tokio::test]
async fn a_reload_logs_signing_profiles_whose_service_is_not_enabled_once() {
    let mut service = ReloadedService::start().await;
    service.folder.write("c.yaml", config("aws: {region: eu-west-1, partitions: [aws]}\n"));
    assert_eq!(service.events(), Vec::<Value>::new());
    let root = Authority::root(CertSpec::root());
    service.folder.write("trust/truststore/x509/signingAuthority/aws/a.pem", root.pem());
    let signed = r#"{"name": "signed", "registryScopes": ["r.example/signed"], "signatureVerification": {"level": "strict"},
        "trustStores": ["signingAuthority:aws"],
        "trustedIdentities": ["arn:aws-us-gov:signer:us-gov-west-1:111122223333:/signing-profiles/ci"]}"#;
    service.folder.write("trust/trustpolicy.json", format!(r#"{{"version": "1.0", "trustPolicies": [{signed}]}}"#));
    let warning =
        |kind: &str, detail: &str| json!({"level": "WARN", "message": "warning", "warning": kind, "detail": detail});
    let not_enabled = warning(
        "aws-signer-not-enabled",
        "statement \"signed\" trusts signing profiles of AWS Signer, and aws.signer.enabled is false, so that it is not asked whether \
         their signatures are revoked: its images are inconclusive as signer-service-unchecked; set aws.signer.enabled: true and \
         allow signer:GetRevocationStatus to the role of the pod; or override revocation in signatureVerification of the statement with \
         log, which admits them with that warning, or skip, which admits them without one",
    );
    assert_eq!(service.events(), std::slice::from_ref(&not_enabled));
    assert_eq!(service.events(), Vec::<Value>::new());
    // A change of the configuration alone.
    let file = "aws: {region: eu-west-1, partitions: [aws], signer: {enabled: true}}\n";
    service.folder.write("c.yaml", config(file));
    let not_called = warning(
        "aws-signer-partition-not-called",
        "statement \"signed\" has the identity \"arn:aws-us-gov:signer:us-gov-west-1:111122223333:/signing-profiles/ci\", and \
         aws.partitions (aws) does not have its partition, so that AWS Signer is not asked whether its signatures are revoked: its \
         images are inconclusive as signer-service-unchecked; add aws-us-gov to aws.partitions",
    );
    assert_eq!(service.events(), [not_called]);
    service.folder.write("c.yaml", config("aws: {region: eu-west-1, partitions: [aws]}\n"));
    assert_eq!(service.events(), [not_enabled]);
}

#[tokio::test]
async fn a_reload_logs_endpoints_of_aws_that_do_not_fit_their_requests_once() {
    let mut service = ReloadedService::start().await;
    let aws = |endpoint: &str| {
        format!("aws: {{region: eu-west-1, proxy: none, signer: {{enabled: true, endpoint: 'https://{endpoint}'}}}}\n")
    };
    service.folder.write("c.yaml", config(&aws("signer.eu-west-1.amazonaws.com")));
    let warning = json!({
        "level": "WARN", "message": "warning", "warning": "aws-endpoint",
        "detail": "aws.signer.endpoint: found https://signer.eu-west-1.amazonaws.com, the API that makes signatures, expected the one that \
                   has their status: put data- before signer",
    });
    assert_eq!(service.events(), std::slice::from_ref(&warning));
    assert_eq!(service.events(), Vec::<Value>::new());
    // It is logged again after it was mended.
    service.folder.write("c.yaml", config(&aws("data-signer.eu-west-1.amazonaws.com")));
    assert_eq!(service.events(), Vec::<Value>::new());
    service.folder.write("c.yaml", config(&aws("signer.eu-west-1.amazonaws.com")));
    assert_eq!(service.events(), [warning]);
}

#[tokio::test]
async fn the_end_of_readiness_is_one_event_with_the_first_mistake() {
    let mut service = ReloadedService::start().await;
    let not_ready = |events: Vec<Value>| -> Vec<Value> {
        events.into_iter().filter(|event| event["message"].as_str().unwrap().starts_with("not ready")).collect()
    };
    service.folder.write("trust/trustpolicy.json", two("ca:absent", "ca:absent"));
    let event = json!({
        "level": "ERROR", "message": "not ready: no statement of the trust policy can be used",
        "error": "statement \"app\" is disabled: trust store ca:absent cannot be used: found no directory \
                  trust/truststore/x509/ca/absent, expected one with certificate files",
    });
    assert_eq!(not_ready(service.events()), std::slice::from_ref(&event));
    // Another mistake, and still not ready.
    service.folder.write("trust/trustpolicy.json", two("ca:absent", "ca:other"));
    assert_eq!(not_ready(service.events()), Vec::<Value>::new());
    service.folder.write("trust/trustpolicy.json", two("ca:main", "ca:absent"));
    assert_eq!(not_ready(service.events()), Vec::<Value>::new());
    service.folder.write("trust/trustpolicy.json", two("ca:absent", "ca:absent"));
    assert_eq!(not_ready(service.events()), [event]);
}
