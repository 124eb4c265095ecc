//! AWS Signer and STS that are slow, down or refuse requests, under statements that enforce, log and skip revocation.

use countersign_core::evidence::SignerCause;
use countersign_core::verdict::LateCause;
use countersign_testkit::aws::Protocol;
use countersign_testkit::aws::ServiceError;

use super::fixture::Eks;
use super::fixture::in_pod;
use super::job;

/// The verdicts about images with signatures of their own under the three statements, and the number of calls.
async fn verdicts(eks: &Eks, tag: &str, number: usize) -> ([String; 3], usize) {
    eks.signer.clear_journal();
    for (repository, number) in [("app", number), ("log", number + 1), ("skip", number + 2)] {
        eks.sign(repository, tag, |signature| signature.with_job(&job(number)));
    }
    let verdicts = [eks.verdict("app", tag).await, eks.verdict("log", tag).await, eks.verdict("skip", tag).await];
    (verdicts, eks.signer.count())
}

/// That the outage denies where revocation is enforced, is a warning where it is logged, and unnoticed where it is skipped.
#[track_caller]
fn assert_outage(
    ([enforced, logged, skipped], calls): ([String; 3], usize),
    reason: &str,
    remedy: &str,
    expected: usize,
) {
    let unchecked = "signer-service-unchecked";
    assert!(enforced.contains(unchecked) && enforced.contains(reason), "{reason}: {enforced}");
    assert!(enforced.contains(&format!("; what to do: {remedy}")), "{reason}: {enforced}");
    assert!(logged.starts_with("verified signer-service-unchecked") && logged.contains(reason), "{reason}: {logged}");
    assert_eq!((skipped.as_str(), calls), ("verified", expected), "{reason}");
}

#[tokio::test]
async fn an_outage_of_aws_signer_denies_warns_or_is_unnoticed_as_the_statement_requires() {
    let name = "aws::outages::an_outage_of_aws_signer_denies_warns_or_is_unnoticed_as_the_statement_requires";
    let Some(eks) = in_pod(name).await else { return };
    let (good, calls) = verdicts(&eks, "good", 10).await;
    assert_eq!((good.each_ref().map(String::as_str), calls), (["verified"; 3], 2));

    // Down: two attempts for each of the two signatures.
    eks.signer.fail(ServiceError::internal(Protocol::RestJson));
    let remedy = SignerCause::Failed.advice();
    assert_outage(verdicts(&eks, "down", 20).await, "found status 500 InternalServiceErrorException", remedy, 4);
    eks.signer.succeed();

    // The permission is missing: one attempt.
    let denied =
        ServiceError::access_denied(Protocol::RestJson, "arn:aws:sts::111122223333:assumed-role/a/b", "signer:x");
    eks.signer.fail(denied);
    let (verdicts_denied, remedy) = (verdicts(&eks, "denied", 30).await, SignerCause::Denied.advice());
    assert_outage(verdicts_denied, "allow signer:GetRevocationStatus to the role of the pod", remedy, 2);
    eks.signer.succeed();

    // Another content.
    eks.signer.when().body("<html>a login page</html>");
    let (verdicts_other, remedy) = (verdicts(&eks, "other", 40).await, SignerCause::AnswerInvalid.advice());
    assert_outage(verdicts_other, "check that the endpoint is that of the service", remedy, 2);
    eks.signer.clear_faults();

    // An outage is not kept.
    assert_eq!(eks.verdict("app", "down").await, "verified");

    // Slow: attempts have 300 ms.
    eks.reconfigure("attemptTimeout: 300ms, signer: {enabled: true}").await;
    eks.signer.when().never_answer();
    let (slow, _) = verdicts(&eks, "slow", 50).await;
    assert_outage(
        (slow, 0),
        "data-signer.eu-central-1.amazonaws.com",
        SignerCause::Late(LateCause::Response).advice(),
        0,
    );
    eks.signer.clear_faults();

    // No connection.
    eks.signer.when().close();
    let (closed, _) = verdicts(&eks, "closed", 70).await;
    assert_outage((closed, 0), "data-signer.eu-central-1.amazonaws.com", SignerCause::Unreachable.advice(), 0);
    eks.signer.clear_faults();

    // Throttled: the second one is not sent, as the service has refused the first because of the number.
    eks.signer.fail(ServiceError::throttled(Protocol::RestJson));
    let ([enforced, logged, skipped], calls) = verdicts(&eks, "throttled", 60).await;
    assert!(enforced.contains("found status 429 TooManyRequestsException"), "{enforced}");
    assert!(enforced.contains(SignerCause::Throttled.advice()), "{enforced}");
    assert!(logged.starts_with("verified signer-service-unchecked"), "{logged}");
    assert!(logged.contains("too many requests; it is asked again in "), "{logged}");
    assert_eq!((skipped.as_str(), calls), ("verified", 1));
    assert_eq!(
        eks.metric("countersign_evidence_requests_total{kind=\"aws-signer\",result=\"throttled\"}").await,
        Some(1.0)
    );
    eks.stop().await;
}

#[tokio::test]
async fn credentials_and_tokens_are_used_during_an_outage_of_sts_and_of_the_api() {
    let name = "aws::outages::credentials_and_tokens_are_used_during_an_outage_of_sts_and_of_the_api";
    let Some(eks) = in_pod(name).await else { return };
    eks.sign("app", "before", |signature| signature.with_job(&job(1)));
    assert_eq!(eks.verdict("app", "before").await, "verified");
    eks.sts.when().never_answer();
    eks.api.when().never_answer();
    eks.sign("app", "during", |signature| signature.with_job(&job(2)));
    assert_eq!(eks.verdict("app", "during").await, "verified");
    assert_eq!([eks.sts.count(), eks.api.count(), eks.signer.count()], [1, 1, 2]);
    eks.stop().await;
}

#[tokio::test]
async fn without_an_answer_of_sts_nothing_is_verified_and_the_message_names_the_step() {
    let name = "aws::outages::without_an_answer_of_sts_nothing_is_verified_and_the_message_names_the_step";
    let Some(eks) = in_pod(name).await else { return };
    eks.sign("app", "v1", |signature| signature);
    eks.sts.fail(ServiceError::new(403, "AccessDenied", "Not authorized to perform sts:AssumeRoleWithWebIdentity"));
    let why = eks.verdict("app", "v1").await;
    assert!(why.contains("AWS credentials failed at sts.eu-central-1.amazonaws.com (AssumeRoleWithWebIdentity): found status 403 AccessDenied, expected 200: Not authorized"), "{why}");
    assert!(why.contains("its trust policy must name the OIDC provider of the cluster"), "{why}");
    // No request to the registry without the credential, and none to AWS Signer.
    assert_eq!((eks.registry.journal().len(), eks.api.count(), eks.signer.count()), (0, 0, 0));
    assert!(why.contains("registry-misconfigured: "), "{why}");
    // An outage of STS is no mistake of the configuration.
    for (error, code) in [
        (ServiceError::internal(Protocol::Query), "registry-failed: "),
        (ServiceError::new(503, "ServiceUnavailable", "text"), "registry-failed: "),
        (ServiceError::throttled(Protocol::Query), "registry-throttled: "),
        (ServiceError::new(400, "InvalidIdentityToken", "Incorrect token audience"), "registry-misconfigured: "),
    ] {
        eks.sts.succeed();
        eks.sts.fail(error);
        let why = eks.verdict("app", "v1").await;
        assert!(why.contains(code) && why.contains("sts.eu-central-1.amazonaws.com"), "{code}: {why}");
    }
    eks.sts.succeed();
    eks.sts.when().close();
    let why = eks.verdict("app", "v1").await;
    assert!(why.contains("registry-unreachable: ") && why.contains("sts.eu-central-1.amazonaws.com"), "{why}");
    eks.sts.clear_faults();
    // Before the credentials are requested with the new configuration.
    eks.sts.when().never_answer();
    eks.reconfigure("attemptTimeout: 300ms, signer: {enabled: true}").await;
    let why = eks.verdict("app", "v1").await;
    let late = "registry-timeout: ";
    let message = "AWS credentials failed at sts.eu-central-1.amazonaws.com (AssumeRoleWithWebIdentity): \
                   sts.eu-central-1.amazonaws.com did not respond in time (waiting for its response); ";
    assert!(why.contains(late) && why.contains(message), "{why}");
    assert!(why.contains(LateCause::Response.advice()), "{why}");
    eks.sts.clear_faults();
    assert_eq!((eks.registry.journal().len(), eks.api.count(), eks.signer.count()), (0, 0, 0));
    assert_eq!(eks.verdict("app", "v1").await, "verified");
    eks.stop().await;
}
