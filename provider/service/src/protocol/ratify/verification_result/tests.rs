use countersign_core::verdict::Reasons;
use serde_json::json;

use super::*;
use crate::protocol::fixtures::CONTEXT;
use crate::protocol::fixtures::digest;

fn rendered(verdict: ImageVerdict) -> KeyOutcome<Value> {
    let image: ImageRef = "nginx".parse().unwrap();
    outcome(CONTEXT, &image, &ImageResult { digest: Some(digest()), verdict: verdict.into(), cached: false })
}

fn json_of(outcome: KeyOutcome<Value>) -> serde_json::Value {
    match outcome {
        KeyOutcome::Value(value) => serde_json::to_value(value).unwrap(),
        KeyOutcome::Error(text) | KeyOutcome::Undecided(text) => panic!("{text:?}"),
    }
}

fn report(is_success: bool, message: &str, issuer: &str) -> serde_json::Value {
    json!({
        "subject": format!("docker.io/library/nginx@{}", digest()),
        "isSuccess": is_success,
        "name": "countersign",
        "verifierName": "countersign",
        "type": "notation",
        "verifierType": "notation",
        "artifactType": "application/vnd.cncf.notary.signature",
        "referenceDigest": "",
        "message": message,
        "extensions": {"Issuer": issuer, "SN": ""},
    })
}

#[test]
fn a_skipped_image_has_one_successful_report() {
    let message =
        "docker.io/library/nginx:latest is not verified: statement \"mirror\" of the trust policy skips its repository";
    assert_eq!(
        json_of(rendered(ImageVerdict::Skipped(Skipped { statement: "mirror".into() }))),
        json!({
            "version": "0.2.0",
            "isSuccess": true,
            "traceID": "1f",
            "timestamp": "1970-01-01T00:00:00Z",
            "verifierReports": [report(true, message, "")],
        })
    );
}

#[test]
fn the_report_of_a_verified_signature_has_its_issuer() {
    let good = Good {
        reference_digest: digest().to_string(),
        message: "m".to_owned(),
        issuer: "CN=ca".to_owned(),
        subject_name: "CN=signer".to_owned(),
        warnings: Vec::new(),
    };
    let value = Value::new(CONTEXT, "s".to_owned(), Ruling::Yes(good));
    let value = serde_json::to_value(value).unwrap();
    assert_eq!(value["isSuccess"], true);
    assert_eq!(value["verifierReports"][0]["isSuccess"], true);
    assert_eq!(value["verifierReports"][0]["referenceDigest"], digest().as_str());
    assert_eq!(value["verifierReports"][0]["extensions"], json!({"Issuer": "CN=ca", "SN": "CN=signer"}));
}

#[test]
fn a_rejected_image_has_only_failed_reports() {
    let failed = |code| FailedSignature {
        manifest: digest(),
        unverified_subject: Some("CN=x".into()),
        reasons: Reasons::of([Reason::new(code, "found, expected other"), Reason::new(Code::Expired, "old")]).unwrap(),
    };
    let signatures = [failed(Code::UntrustedIdentity), failed(Code::UntrustedChain)].into_iter().collect();
    let value = json_of(rendered(ImageVerdict::none_verified("all".into(), signatures, None)));
    let one = |code: Code| {
        let mut one = report(false, &format!("{code}: found, expected other; expired: old"), "");
        one["referenceDigest"] = digest().as_str().into();
        one["errorReason"] = format!("{code}: found, expected other").into();
        one["remediation"] = code.advice().into();
        one
    };
    assert_eq!(
        value,
        json!({
            "version": "0.2.0",
            "isSuccess": false,
            "traceID": "1f",
            "timestamp": "1970-01-01T00:00:00Z",
            "verifierReports": [one(Code::UntrustedIdentity), one(Code::UntrustedChain)],
        })
    );
}

#[test]
fn an_unsigned_image_has_one_failed_report_with_the_reason() {
    let value = json_of(rendered(ImageVerdict::none_verified("all".into(), Default::default(), None)));
    assert_eq!(value["isSuccess"], false);
    let reports = value["verifierReports"].as_array().unwrap();
    assert_eq!(reports.len(), 1);
    assert_eq!(reports[0]["isSuccess"], false);
    let message = reports[0]["message"].as_str().unwrap();
    assert!(message.starts_with("docker.io/library/nginx:latest was rejected by statement \"all\""), "{message}");
}

#[test]
fn an_undecided_image_has_no_value() {
    let reason = Reason::new(Code::RegistryThrottled, "429, expected 200");
    assert_eq!(
        rendered(ImageVerdict::from_reason(None, reason.clone())),
        KeyOutcome::Undecided(undecided("docker.io/library/nginx:latest", &reason))
    );
}

#[test]
fn a_key_that_is_no_image_is_a_failure_and_not_an_error() {
    let value = json_of(not_an_image(CONTEXT, "", &ReferenceError::Empty));
    assert_eq!(value["isSuccess"], false);
    assert_eq!(value["verifierReports"][0]["isSuccess"], false);
    assert_eq!(
        value["verifierReports"][0]["message"],
        "invalid-reference: image reference is empty, expected [host[:port]/]repository[:tag][@digest]; what to \
         do: correct the image reference in the workload"
    );
}
