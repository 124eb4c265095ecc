use std::time::Duration;

use countersign_testkit::aws::AccessKey;
use countersign_testkit::aws::Protocol;
use countersign_testkit::aws::ServiceError;
use countersign_testkit::aws::Setup;
use countersign_testkit::aws::signature::SignerPki;
use countersign_testkit::aws::signature::SignerSignature;
use countersign_testkit::aws::signature::certificate_hashes;
use countersign_testkit::aws::signer_data::ACTION;
use countersign_testkit::aws::signer_data::SignerData;
use reqwest::Response;
use serde_json::Value;
use serde_json::json;
use time::macros::datetime;

use crate::aws::NOW;
use crate::aws::REGION;
use crate::aws::USER;
use crate::aws::client::Client;
use crate::aws::client::text;
use crate::aws::setup;

const SIGNED_AT: &str = "2026-01-02T03:04:05.000000Z";

struct Fixture {
    setup: Setup,
    signer: SignerData,
    key: AccessKey,
    hashes: Vec<String>,
}

impl Fixture {
    async fn new() -> Self {
        let setup = setup();
        let key = setup.keys().for_user(USER);
        let hashes = certificate_hashes(&SignerPki::new(REGION).chain(NOW));
        Self { signer: SignerData::start(&setup).await, setup, key, hashes }
    }

    /// The parameters of a correct request, not sorted, with one replaced or removed.
    async fn call_with(&self, replaced: &str, value: Option<&str>) -> Response {
        let mut query = vec![
            ("signatureTimestamp", SIGNED_AT),
            ("platformId", "Notation-OCI-SHA384-ECDSA"),
            ("profileVersionArn", SignerSignature::PROFILE_VERSION),
            ("jobArn", SignerSignature::JOB),
        ];
        query.extend(self.hashes.iter().map(|hash| ("certificateHashes", hash.as_str())));
        query.retain(|(name, _)| *name != replaced);
        query.extend(value.map(|value| (replaced, value)));
        self.client(REGION).get(&self.signer.host(), "/revocations", &query).await
    }

    async fn call(&self) -> Response {
        self.call_with("", None).await
    }

    fn client(&self, region: &str) -> Client {
        Client::new(&self.key, "signer", region, self.setup.clock().now())
    }

    async fn revoked(&self) -> Vec<String> {
        let (status, body) = text(self.call().await).await;
        assert_eq!(status, 200, "{body}");
        let body: Value = serde_json::from_str(&body).unwrap();
        serde_json::from_value(body["revokedEntities"].clone()).unwrap()
    }
}

#[tokio::test]
async fn entities_of_the_request_that_are_revoked_are_listed() {
    let fixture = Fixture::new().await;
    let response = fixture.call().await;
    assert_eq!(response.headers()["content-type"], "application/json");
    assert_eq!(text(response).await, (200, r#"{"revokedEntities":[]}"#.to_owned()));
    fixture
        .signer
        .revoke("arn:aws:signer:eu-central-1:111122223333:/signing-jobs/ffffffff-0000-4000-8000-000000000000");
    assert_eq!(fixture.revoked().await, [""; 0]);
    fixture.signer.revoke(&fixture.hashes[2]);
    fixture.signer.revoke(SignerSignature::JOB);
    assert_eq!(fixture.revoked().await, [SignerSignature::JOB, &*fixture.hashes[2]]);
    fixture.signer.revoke_nothing();
    fixture.signer.revoke_from(SignerSignature::PROFILE_VERSION, datetime!(2026-01-02 03:04:06 UTC));
    assert_eq!(fixture.revoked().await, [""; 0]);
    fixture.signer.revoke_from(SignerSignature::PROFILE_VERSION, datetime!(2026-01-02 03:04:05 UTC));
    assert_eq!(fixture.revoked().await, [SignerSignature::PROFILE_VERSION]);
}

#[tokio::test]
async fn the_journal_has_the_parsed_parameters() {
    let fixture = Fixture::new().await;
    fixture.call().await;
    let journal = fixture.signer.journal();
    assert_eq!(journal.len(), 1);
    let exchange = &journal[0];
    assert_eq!(exchange.to_string(), "signer-data GET /revocations 200");
    assert_eq!(exchange.parameter("signatureTimestamp"), Some(SIGNED_AT));
    assert_eq!(exchange.parameter("jobArn"), Some(SignerSignature::JOB));
    assert_eq!(exchange.parameters("certificateHashes").collect::<Vec<_>>(), fixture.hashes);
    assert_eq!(exchange.access_key_id, Some("AKIATESTKIT000000001".to_owned()));
    assert_eq!(
        (exchange.region.as_deref(), exchange.authorization.as_deref()),
        (Some(REGION), Some("AWS4-HMAC-SHA256"))
    );
    assert_eq!((&exchange.host, &exchange.error), (&fixture.signer.host(), &None));
    assert_eq!(exchange.to_json()["status"], 200);
    fixture.signer.clear_journal();
    assert_eq!(fixture.signer.count(), 0);
}

#[tokio::test]
async fn each_parameter_is_required_and_checked() {
    let fixture = Fixture::new().await;
    let short = "a".repeat(191);
    let long = format!("arn:aws:signer:eu-central-1:111122223333:/signing-profiles/{}", "a".repeat(2000));
    for (name, value, message) in [
        ("signatureTimestamp", None, "signatureTimestamp: found 0 values, expected 1"),
        (
            "signatureTimestamp",
            Some("1767323045"),
            "signatureTimestamp: found \"1767323045\", expected a time of RFC 3339",
        ),
        ("platformId", None, "platformId: found 0 values, expected 1"),
        (
            "platformId",
            Some("Notary-v2-OCI-SHA384-ECDSA"),
            "platformId: found \"Notary-v2-OCI-SHA384-ECDSA\", expected \"Notation-OCI-SHA384-ECDSA\"",
        ),
        ("profileVersionArn", None, "profileVersionArn: found 0 values, expected 1"),
        (
            "profileVersionArn",
            Some("arn:aws:signer:a:b"),
            "profileVersionArn: found 18 characters, expected 20 to 2048",
        ),
        ("profileVersionArn", Some(&long), "profileVersionArn: found 2059 characters, expected 20 to 2048"),
        (
            "profileVersionArn",
            Some("arn:aws:signer:eu-central-1:111122223333:/signing-profiles/ci"),
            "profileVersionArn: found \"/signing-profiles/ci\", expected /signing-profiles/NAME/VERSION with a version of \
             10 letters and digits, or /aliased-signing-profiles/ID",
        ),
        (
            "profileVersionArn",
            Some("arn:aws:signer:eu-central-1:111122223333:/aliased-signing-profiles/"),
            "profileVersionArn: found \"/aliased-signing-profiles/\", expected /signing-profiles/NAME/VERSION with a version of \
             10 letters and digits, or /aliased-signing-profiles/ID",
        ),
        (
            "profileVersionArn",
            Some("arn:aws-us-gov:signer:us-gov-west-1:111122223333:/signing-profiles/ci/abcDEF1234"),
            "profileVersionArn: found the partition aws-us-gov, expected aws",
        ),
        (
            "profileVersionArn",
            Some("arn:aws:iam:eu-central-1:111122223333:/signing-profiles/ci/abcDEF1234"),
            "profileVersionArn: found \"arn:aws:iam:eu-central-1:111122223333:/signing-profiles/ci/abcDEF1234\", expected \
             arn:PARTITION:signer:REGION:ACCOUNT:RESOURCE",
        ),
        ("jobArn", None, "jobArn: found 0 values, expected 1"),
        (
            "jobArn",
            Some("arn:aws:signer:eu-central-1:111122223333:/signing-jobs/1"),
            "jobArn: found \"/signing-jobs/1\", expected /signing-jobs/UUID",
        ),
        (
            "jobArn",
            Some("arn:aws:signer:eu-central-1:1111:/signing-jobs/0a1b2c3d-0000-4000-8000-000000000000"),
            "jobArn: found \"arn:aws:signer:eu-central-1:1111:/signing-jobs/0a1b2c3d-0000-4000-8000-000000000000\", \
             expected a region and an account of 12 digits",
        ),
        ("certificateHashes", None, "certificateHashes: found 0 values, expected at least 1"),
        (
            "certificateHashes",
            Some(&short),
            &format!("certificateHashes: found {short:?}, expected 192 lower-case hexadecimal digits"),
        ),
        (
            "nextToken",
            Some("1"),
            "found the parameter nextToken, expected signatureTimestamp, platformId, profileVersionArn, jobArn, \
             certificateHashes only",
        ),
    ] {
        let response = fixture.call_with(name, value).await;
        assert_eq!(response.headers()["x-amzn-errortype"], "ValidationException");
        let body = json!({ "code": "ValidationException", "message": message }).to_string();
        assert_eq!(text(response).await, (400, body));
    }
}

#[tokio::test]
async fn a_profile_of_another_region_and_account_of_the_partition_is_answered() {
    let fixture = Fixture::new().await;
    let arn = "arn:aws:signer:ap-southeast-2:999988887777:/signing-profiles/other/1234567890";
    assert_eq!(fixture.call_with("profileVersionArn", Some(arn)).await.status(), 200);
}

#[tokio::test]
async fn the_signature_is_checked_first() {
    let fixture = Fixture::new().await;
    let error = |response: Response| async {
        let kind = response.headers()["x-amzn-errortype"].to_str().unwrap().to_owned();
        let (status, body) = text(response).await;
        let body: Value = serde_json::from_str(&body).unwrap();
        (status, kind, body["message"].as_str().unwrap().to_owned())
    };
    let found = error(fixture.client("us-east-1").get(&fixture.signer.host(), "/revocations", &[]).await).await;
    let expected = "Credential should be scoped to a valid region: found us-east-1, expected eu-central-1";
    assert_eq!(found, (403, "InvalidSignatureException".to_owned(), expected.to_owned()));
    let unsigned =
        crate::aws::client::http().get(format!("{}/revocations", fixture.signer.url())).send().await.unwrap();
    let expected = "Missing Authentication Token: the request has no Authorization header";
    assert_eq!(error(unsigned).await, (403, "MissingAuthenticationTokenException".to_owned(), expected.to_owned()));
    let mut wrong = fixture.client(REGION);
    wrong.key.secret.push('x');
    let (status, kind, message) =
        error(wrong.get(&fixture.signer.host(), "/revocations", &[("b", "1"), ("a", "/")]).await).await;
    assert_eq!((status, kind.as_str()), (403, "InvalidSignatureException"));
    assert!(message.contains("GET\\n/revocations\\na=%2F&b=1\\nhost:127.0.0.1:"), "{message}");
    fixture.setup.keys().delete(&fixture.key.id);
    let found = error(fixture.call().await).await;
    assert_eq!((found.0, found.1.as_str()), (403, "UnrecognizedClientException"));
    let other = fixture.client(REGION).get(&fixture.signer.host(), "/signing-jobs", &[]).await;
    assert_eq!(error(other).await.1, "UnknownOperationException");
}

#[tokio::test]
async fn a_session_ends_by_the_clock() {
    let mut fixture = Fixture::new().await;
    fixture.key = fixture.setup.keys().for_session(USER, NOW + Duration::from_secs(60));
    assert_eq!(fixture.call().await.status(), 200);
    fixture.setup.clock().advance(Duration::from_secs(60));
    let response = fixture.call().await;
    assert_eq!(
        (response.status().as_u16(), &response.headers()["x-amzn-errortype"]),
        (403, &"ExpiredTokenException".parse().unwrap())
    );
}

#[tokio::test]
async fn errors_apply_to_valid_requests_until_they_are_removed() {
    let fixture = Fixture::new().await;
    fixture.signer.fail_times(1, ServiceError::throttled(Protocol::RestJson).retry_after("3"));
    fixture.signer.fail_times(1, ServiceError::throttled(Protocol::RestJson));
    fixture.signer.fail_times(1, ServiceError::new(400, "ThrottlingException", "Rate exceeded"));
    fixture.signer.fail(ServiceError::internal(Protocol::RestJson));
    // Not valid, so it counts for none of them.
    assert_eq!(fixture.call_with("jobArn", None).await.status(), 400);
    for (status, kind, retry) in [
        (429, "TooManyRequestsException", Some("3")),
        (429, "TooManyRequestsException", None),
        (400, "ThrottlingException", None),
        (500, "InternalServiceErrorException", None),
        (500, "InternalServiceErrorException", None),
    ] {
        let response = fixture.call().await;
        assert_eq!(response.status(), status);
        assert_eq!(response.headers()["x-amzn-errortype"], kind);
        assert_eq!(response.headers().get("retry-after").map(|value| value.to_str().unwrap()), retry);
    }
    fixture.signer.succeed();
    assert_eq!(fixture.revoked().await, [""; 0]);
}

#[tokio::test]
async fn a_principal_without_the_action_is_denied() {
    let fixture = Fixture::new().await;
    fixture.setup.keys().deny(USER, ACTION);
    let message = format!(
        "User: {USER} is not authorized to perform: signer:GetRevocationStatus because no identity-based policy allows the \
         signer:GetRevocationStatus action"
    );
    let body = json!({ "code": "AccessDeniedException", "message": message }).to_string();
    assert_eq!(text(fixture.call().await).await, (403, body.clone()));
    assert_eq!(fixture.signer.journal()[0].error, Some(body));
}

#[tokio::test]
async fn faults_replace_and_delay_answers() {
    let fixture = Fixture::new().await;
    let wrong = fixture.signer.when().times(1).body("<html>");
    assert_eq!(text(fixture.call().await).await, (200, "<html>".to_owned()));
    assert_eq!(wrong.hits(), 1);
    let endless = fixture.signer.when_path("jobArn=").endless_body();
    let mut response = fixture.call().await;
    let mut received = 0;
    while received < 1024 * 1024 {
        received += response.chunk().await.unwrap().unwrap().len();
    }
    endless.remove();
    let held = fixture.signer.when().hold();
    let (response, ()) = tokio::join!(fixture.call(), async {
        fixture.signer.wait_for(3).await;
        assert_eq!(fixture.signer.journal()[2].status, None);
        held.release();
    });
    assert_eq!(response.status(), 200);
    assert_eq!(fixture.signer.journal()[2].status, Some(200));
}
