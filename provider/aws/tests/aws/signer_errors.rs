//! What a failed call of AWS Signer reports, and how often it was sent.

use aws_credential_types::provider::ProvideCredentials;
use aws_credential_types::provider::error::CredentialsError;
use aws_credential_types::provider::future;
use countersign_aws::AwsError;
use countersign_aws::Operation;
use countersign_core::evidence::LateCause;
use countersign_core::evidence::SignerCause;
use countersign_testkit::aws::Protocol;
use countersign_testkit::aws::ServiceError;
use countersign_testkit::aws::signer_data;
use countersign_testkit::aws::signer_data::SignerData;
use countersign_testkit::pki;
use countersign_testkit::registry::Reply;
use countersign_testkit::waited::without_times;

use super::*;

const SLOW: &str = "check the health of the host that the message names, and whether it delays requests because of their number; if it is \
                    always this slow, raise the timeout of its requests (registryAccess.requestTimeout, or attemptTimeout of aws, azure or google for their services), server.verifyTimeout and the timeouts of the Provider and the webhook";
const AGAIN: &str = "it is called again with the next image";
const LATER: &str = "it is called again later; ask AWS for a higher quota if this continues";
const ENDPOINT: &str = "check that aws.signer.endpoint is that of the service, and the clock of the node";

/// An error with the server's address replaced by `HOST`, its result, whether it is throttling, and the number of requests.
#[derive(Debug, PartialEq, Eq)]
struct Seen {
    message: String,
    result: &'static str,
    throttled: bool,
    requests: usize,
}

fn seen(server: &SignerData, error: &AwsError) -> Seen {
    assert_eq!(error.operation(), Operation::SignerStatus);
    Seen {
        message: without_times(&error.to_string().replace(&server.host(), "HOST")),
        result: error.result().as_str(),
        throttled: error.is_throttled(),
        requests: server.count(),
    }
}

fn expected(detail: &str, remedy: &str, result: &'static str, requests: usize) -> Seen {
    let message = format!("AWS Signer GetRevocationStatus failed: {detail}; {remedy}");
    Seen { message, result, throttled: result == "throttled", requests }
}

/// The error of a call after `prepare`.
async fn failure(prepare: impl FnOnce(&Setup, &SignerData)) -> Seen {
    let setup = setup();
    let server = SignerData::start(&setup).await;
    prepare(&setup, &server);
    let error = status(&aws(&setup, signer_at(&server.url()))).await.unwrap_err();
    seen(&server, &error)
}

#[tokio::test]
async fn a_missing_permission_names_the_action() {
    let seen = failure(|setup, _| setup.keys().deny(ROLE, signer_data::ACTION)).await;
    let detail = "found status 403 AccessDeniedException, expected 200: User: \
                  arn:aws:sts::111122223333:assumed-role/countersign/pod is not authorized to perform: \
                  signer:GetRevocationStatus because no identity-based policy allows the signer:GetRevocationStatus action";
    let remedy = "allow signer:GetRevocationStatus to the role of the pod";
    assert_eq!(seen, expected(detail, remedy, "refused", 1));
}

#[tokio::test]
async fn a_throttled_call_is_not_repeated() {
    for (error, detail) in [
        (
            ServiceError::throttled(Protocol::RestJson),
            "found status 429 TooManyRequestsException, expected 200: Too many requests",
        ),
        (
            ServiceError::throttled(Protocol::RestJson).retry_after("1"),
            "found status 429 TooManyRequestsException, expected 200: Too many requests",
        ),
        (
            ServiceError::new(400, "ThrottlingException", "Rate exceeded"),
            "found status 400 ThrottlingException, expected 200: Rate exceeded",
        ),
    ] {
        let seen = failure(|_, server| server.fail(error)).await;
        assert_eq!(seen, expected(detail, LATER, "throttled", 1));
    }
}

#[tokio::test]
async fn throttling_with_status_400_pauses_all_calls_as_429_does() {
    for code in ["ThrottlingException", "Throttling", "RequestLimitExceeded"] {
        let setup = setup();
        let server = SignerData::start(&setup).await;
        server.fail_times(1, ServiceError::new(400, code, "Rate exceeded"));
        let aws = aws(&setup, signer_at(&server.url()));
        let error = status(&aws).await.unwrap_err();
        assert_eq!(error.pause(), Some(limits::THROTTLED_PAUSE));
        let detail = format!("found status 400 {code}, expected 200: Rate exceeded");
        assert_eq!(seen(&server, &error), expected(&detail, LATER, "throttled", 1));
        let deadline = Instant::now() + Duration::from_millis(100);
        let error = aws.signer_status(&status_request(), &region(REGION), deadline).await.unwrap_err();
        assert_eq!(seen(&server, &error), expected("HOST requires a wait of 1 s", LATER, "throttled", 1));
    }
}

#[tokio::test]
async fn a_code_of_throttling_in_another_place_is_none() {
    for reply in [
        ServiceError::new(400, "ValidationException", "ThrottlingException, Throttling"),
        ServiceError::new(400, "NoThrottlingException", "Rate exceeded"),
    ] {
        let setup = setup();
        let server = SignerData::start(&setup).await;
        server.fail(reply);
        let aws = aws(&setup, signer_at(&server.url()));
        for calls in [1, 2] {
            let error = status(&aws).await.unwrap_err();
            assert_eq!((error.is_throttled(), error.pause(), server.count()), (false, None, calls));
        }
    }
}

#[tokio::test]
async fn a_pause_that_the_service_asks_for_is_kept() {
    let setup = setup();
    let server = SignerData::start(&setup).await;
    server.fail(ServiceError::throttled(Protocol::RestJson).retry_after("40"));
    let aws = aws(&setup, signer_at(&server.url()));
    assert!(status(&aws).await.unwrap_err().is_throttled());
    server.succeed();
    let error = status(&aws).await.unwrap_err();
    assert_eq!(seen(&server, &error), expected("HOST requires a wait of 39 s", LATER, "throttled", 1));
}

#[tokio::test]
async fn a_deadline_that_passes_during_a_pause_names_the_pause() {
    let setup = setup();
    let server = SignerData::start(&setup).await;
    server.fail(ServiceError::throttled(Protocol::RestJson).retry_after("1"));
    let aws = aws(&setup, signer_at(&server.url()));
    assert!(status(&aws).await.unwrap_err().is_throttled());
    server.succeed();
    let deadline = Instant::now() + Duration::from_millis(300);
    let error = aws.signer_status(&status_request(), &region(REGION), deadline).await.unwrap_err();
    assert_eq!(seen(&server, &error), expected("HOST requires a wait of 1 s", LATER, "throttled", 1));
    assert_eq!(error.signer_cause(), SignerCause::Throttled);
    let error = aws.try_signer(&region(REGION), None, Instant::now() + Duration::from_millis(100)).await.unwrap_err();
    assert_eq!(seen(&server, &error), expected("HOST requires a wait of 1 s", LATER, "throttled", 1));
    assert_eq!(status(&aws).await, Ok(vec![]));
}

#[tokio::test]
async fn each_failure_has_its_cause() {
    let of = async |prepare: &dyn Fn(&Setup, &SignerData)| {
        let setup = setup();
        let server = SignerData::start(&setup).await;
        prepare(&setup, &server);
        let settings = AwsSettings { attempt_timeout: Duration::from_millis(300), ..signer_at(&server.url()) };
        status(&aws(&setup, settings)).await.unwrap_err().signer_cause()
    };
    let error = |status, code: &'static str| {
        move |_: &Setup, server: &SignerData| server.fail(ServiceError::new(status, code, "text"))
    };
    for (status, code, cause) in [
        (403, "AccessDeniedException", SignerCause::Denied),
        (429, "TooManyRequestsException", SignerCause::Throttled),
        (500, "InternalServiceErrorException", SignerCause::Failed),
        (400, "ValidationException", SignerCause::Refused),
        (404, "ResourceNotFoundException", SignerCause::Refused),
        (403, "ExpiredTokenException", SignerCause::Credentials),
        (403, "UnrecognizedClientException", SignerCause::Credentials),
        (403, "InvalidSignatureException", SignerCause::Credentials),
    ] {
        assert_eq!(of(&error(status, code)).await, cause, "{code}");
    }
    assert_eq!(of(&|_, server| drop(server.when().never_answer())).await, SignerCause::Late(LateCause::Response));
    assert_eq!(of(&|_, server| drop(server.when().close())).await, SignerCause::Unreachable);
    assert_eq!(of(&|_, server| drop(server.when().body("<html></html>"))).await, SignerCause::AnswerInvalid);
    // No credentials, and another partition.
    let setup = setup();
    let server = SignerData::start(&setup).await;
    let source = SharedCredentialsProvider::new(Nothing);
    let aws =
        Aws::with_credentials(signer_at(&server.url()), &shared_limits(), clock(&setup), Arc::new(Unobserved), source);
    let aws = aws.unwrap();
    assert_eq!(status(&aws).await.unwrap_err().signer_cause(), SignerCause::Credentials);
    let other = aws.signer_status(&status_request(), &region("cn-north-1"), in_a_minute()).await.unwrap_err();
    assert_eq!(other.signer_cause(), SignerCause::Partition);
    assert_eq!(server.count(), 0);
}

/// A source without credentials.
#[derive(Debug)]
struct Nothing;

impl ProvideCredentials for Nothing {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        future::ProvideCredentials::ready(Err(CredentialsError::not_loaded("nothing is set")))
    }
}

#[tokio::test]
async fn a_failure_of_the_service_is_repeated_once() {
    let internal = || ServiceError::internal(Protocol::RestJson);
    let seen = failure(|_, server| server.fail(internal())).await;
    let detail = "found status 500 InternalServiceErrorException, expected 200: Internal service error";
    assert_eq!(seen, expected(detail, AGAIN, "failed", 2));
    let setup = setup();
    let server = SignerData::start(&setup).await;
    server.fail_times(1, internal());
    assert_eq!(status(&aws(&setup, signer_at(&server.url()))).await, Ok(vec![]));
    assert_eq!(server.count(), 2);
}

#[tokio::test]
async fn failures_do_not_prevent_later_calls() {
    let setup = setup();
    let server = SignerData::start(&setup).await;
    let aws = aws(&setup, signer_at(&server.url()));
    server.fail(ServiceError::internal(Protocol::RestJson));
    // More than the SDK has tokens for repetitions.
    for _ in 0..120 {
        assert_eq!(status(&aws).await.unwrap_err().result().as_str(), "failed");
    }
    server.succeed();
    assert_eq!(status(&aws).await, Ok(vec![]));
}

#[tokio::test]
async fn other_refusals_are_not_repeated() {
    for (status, code, remedy) in [
        (400, "ValidationException", "check that aws.signer.regions names a region in the partition of the signature"),
        (404, "ResourceNotFoundException", AGAIN),
        (403, "SignatureDoesNotMatch", "check the clock of the node, and the secret key if it is static"),
        (403, "ExpiredTokenException", "check the clock of the node, and the source of the credentials"),
        (
            403,
            "UnrecognizedClientException",
            "the credentials are not known in this region: check the partition, and that the region is enabled for the account",
        ),
    ] {
        let seen = failure(|_, server| server.fail(ServiceError::new(status, code, "text"))).await;
        let detail = format!("found status {status} {code}, expected 200: text");
        assert_eq!(seen, expected(&detail, remedy, "refused", 1), "{code}");
    }
}

#[tokio::test]
async fn a_text_that_repeats_the_request_is_cut_before_the_session_token() {
    let start = "The request signature we calculated does not match the signature you provided.";
    for rest in [
        "\n\nThe Canonical String for this request should have been\n'GET\n/revocations\nx-amz-security-token:hunter2\n'",
        " The String-to-Sign should have been\n'AWS4-HMAC-SHA256'\nx-amz-security-token:hunter2",
        " x-amz-security-token:hunter2",
    ] {
        let text = format!("{start}{rest}");
        let seen = failure(|_, server| server.fail(ServiceError::new(403, "SignatureDoesNotMatch", &text))).await;
        let detail = format!("found status 403 SignatureDoesNotMatch, expected 200: {start}");
        let remedy = "check the clock of the node, and the secret key if it is static";
        assert_eq!(seen, expected(&detail, remedy, "refused", 1), "{rest}");
    }
}

#[tokio::test]
async fn text_of_the_service_is_bounded() {
    let long = "x".repeat(2000);
    let seen = failure(|_, server| server.fail(ServiceError::new(400, "ValidationException", &long))).await;
    assert!(seen.message.len() < 800, "{}", seen.message.len());
}

#[tokio::test]
async fn an_object_without_members_says_that_nothing_is_revoked() {
    for body in ["{}", r#"{"revokedEntities":null}"#, r#"{"revokedEntities":[]}"#] {
        let setup = setup();
        let server = SignerData::start(&setup).await;
        server.when().body(body);
        assert_eq!(status(&aws(&setup, signer_at(&server.url()))).await, Ok(vec![]), "{body}");
        assert_eq!(server.count(), 1);
    }
}

#[tokio::test]
async fn an_object_of_another_server_does_not_say_that_nothing_is_revoked() {
    for (body, found) in [
        (
            r#"{"status":"blocked"}"#,
            "found other members and no revokedEntities, expected a list of texts under that name",
        ),
        (
            r#"{"message":"blocked"}"#,
            "found the member message, which errors and pages have, expected revokedEntities only",
        ),
        (
            r#"{"revokedEntities":[],"nextToken":"more"}"#,
            "found the member nextToken, which errors and pages have, expected revokedEntities only",
        ),
        (r#"{"RevokedEntities":[]}"#, "found the member RevokedEntities, expected the spelling revokedEntities"),
    ] {
        let seen = failure(|_, server| drop(server.when().body(body))).await;
        let detail = format!("the answer of the service is not usable: {found}");
        assert_eq!(seen, expected(&detail, ENDPOINT, "invalid", 1), "{body}");
    }
}

#[tokio::test]
async fn a_success_with_the_type_of_an_error_does_not_say_that_nothing_is_revoked() {
    for (code, shown) in [("InternalServiceErrorException", "InternalServiceErrorException"), ("", "")] {
        let reply = Reply::status(200).header("x-amzn-errortype", code).body("{}");
        let seen = failure(|_, server| drop(server.when().reply(reply))).await;
        let detail = format!(
            "the answer of the service is not usable: found status 200 and the type of an error in the header x-amzn-errortype ({shown}), \
             expected one of them"
        );
        assert_eq!(seen, expected(&detail, ENDPOINT, "invalid", 1), "{code:?}");
    }
    let seen = failure(|_, server| drop(server.when().body(r#"{"__type":"X","revokedEntities":[]}"#))).await;
    let detail = "the answer of the service is not usable: found the member __type, which errors and pages have, expected revokedEntities only";
    assert_eq!(seen, expected(detail, ENDPOINT, "invalid", 1));
}

#[tokio::test]
async fn an_answer_with_another_status_of_success_is_not_usable() {
    for status in [201, 202, 204] {
        let seen = failure(|_, server| drop(server.when().status(status))).await;
        let detail = format!("the answer of the service is not usable: found status {status}, expected 200");
        assert_eq!(seen, expected(&detail, ENDPOINT, "invalid", 1));
    }
}

#[tokio::test]
async fn an_answer_of_another_form_is_not_usable() {
    for body in [
        "",
        "<html></html>",
        "[]",
        r#"{"revokedEntities":"x"}"#,
        r#"{"revokedEntities":[1]}"#,
        r#"{"revokedEntities":[]"#,
    ] {
        let seen = failure(|_, server| drop(server.when().body(body))).await;
        assert!(
            seen.message
                .starts_with("AWS Signer GetRevocationStatus failed: the answer of the service is not usable: "),
            "{seen:?}"
        );
        assert!(seen.message.ends_with(ENDPOINT), "{seen:?}");
        assert_eq!((seen.result, seen.requests), ("invalid", 1), "{body}");
    }
}

#[tokio::test]
async fn an_answer_that_is_too_large_is_not_read() {
    let seen = failure(|_, server| drop(server.when().body("x".repeat(limits::RESPONSE_BYTES + 1)))).await;
    assert_eq!(seen, expected("HOST sends more than 262144 bytes", ENDPOINT, "invalid", 1));
}

#[tokio::test]
async fn a_redirect_is_refused() {
    let seen = failure(|_, server| drop(server.when().redirect(307, "https://evil.example/"))).await;
    let detail = "a redirect of HOST is refused: requests to AWS are not redirected";
    assert_eq!(seen, expected(detail, ENDPOINT, "invalid", 1));
}

#[tokio::test]
async fn a_broken_connection_is_repeated_once() {
    let seen = failure(|_, server| drop(server.when().truncated_body())).await;
    assert!(
        seen.message.starts_with("AWS Signer GetRevocationStatus failed: the response of HOST ended early: "),
        "{seen:?}"
    );
    assert_eq!((seen.result, seen.requests), ("unreachable", 2));
    let setup = setup();
    let server = SignerData::start(&setup).await;
    server.when().times(1).close();
    assert_eq!(status(&aws(&setup, signer_at(&server.url()))).await, Ok(vec![]));
    assert_eq!(server.count(), 2);
}

#[tokio::test]
async fn a_service_that_does_not_answer_is_named() {
    let setup = setup();
    let server = SignerData::start(&setup).await;
    server.when().never_answer();
    let settings = AwsSettings { attempt_timeout: Duration::from_millis(300), ..signer_at(&server.url()) };
    let error = status(&aws(&setup, settings)).await.unwrap_err();
    assert_eq!(
        seen(&server, &error),
        expected("HOST did not respond in time (waiting for its response)", SLOW, "timeout", 2)
    );
}

#[tokio::test]
async fn a_call_ends_at_the_deadline() {
    let setup = setup();
    let server = SignerData::start(&setup).await;
    server.when().never_answer();
    let aws = aws(&setup, signer_at(&server.url()));
    let deadline = Instant::now() + Duration::from_millis(300);
    let error = aws.signer_status(&status_request(), &region(REGION), deadline).await.unwrap_err();
    assert_eq!(
        seen(&server, &error),
        expected(
            "the deadline passed: found no response of HOST for AWS Signer GetRevocationStatus after N s, expected a complete response",
            SLOW,
            "timeout",
            1
        )
    );
}

#[tokio::test]
async fn a_service_that_is_not_there_is_unreachable() {
    let setup = setup();
    let server = SignerData::start(&setup).await;
    let (url, host) = (server.url(), server.host());
    drop(server);
    let error = status(&aws(&setup, signer_at(&url))).await.unwrap_err();
    let message = error.to_string().replace(&host, "HOST");
    assert!(message.starts_with("AWS Signer GetRevocationStatus failed: cannot connect to HOST: "), "{message}");
    assert!(
        message.ends_with("; check aws.signer.endpoint, which names this endpoint, the network policy and the proxy"),
        "{message}"
    );
    assert_eq!((error.result().as_str(), error.is_throttled()), ("unreachable", false));
}

#[tokio::test]
async fn a_certificate_of_another_authority_is_not_trusted() {
    let roots = [pki::Authority::root(CertSpec::root()), pki::Authority::root(CertSpec::root().common_name("other"))];
    let setup = setup().tls(&roots[0].issue(CertSpec::tls_server(&["127.0.0.1"])));
    let server = SignerData::start(&setup).await;
    let error = status(&aws(&setup, trusting(&roots[1], signer_at(&server.url())))).await.unwrap_err();
    let seen = seen(&server, &error);
    assert!(
        seen.message.starts_with(
            "AWS Signer GetRevocationStatus failed: cannot connect to HOST over TLS: its certificate is not trusted: "
        ),
        "{seen:?}"
    );
    assert!(
        seen.message.ends_with("; check aws.signer.endpoint, and the certificate authorities that are trusted for AWS"),
        "{seen:?}"
    );
    assert_eq!((seen.result, seen.requests), ("unreachable", 0));
    assert_eq!(status(&aws(&setup, trusting(&roots[0], signer_at(&server.url())))).await, Ok(vec![]));
}

#[tokio::test]
async fn a_service_of_another_region_refuses_the_request() {
    let setup = setup();
    let server = SignerData::start(&setup.clone().region("eu-west-1")).await;
    let error = status(&aws(&setup, signer_at(&server.url()))).await.unwrap_err();
    assert_eq!((error.result().as_str(), server.count()), ("refused", 1));
}

/// A source that never answers.
#[derive(Debug)]
struct Silent;

impl ProvideCredentials for Silent {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        future::ProvideCredentials::new(std::future::pending())
    }
}

#[tokio::test(start_paused = true)]
async fn a_source_of_credentials_that_is_late_is_named() {
    let source = SharedCredentialsProvider::new(Silent);
    let aws =
        Aws::with_credentials(settings(), &shared_limits(), clock(&setup()), Arc::new(Unobserved), source).unwrap();
    let deadline = Instant::now() + Duration::from_secs(2);
    let error = aws.signer_status(&status_request(), &region(REGION), deadline).await.unwrap_err();
    assert_eq!(error.operation(), Operation::Credentials);
    assert_eq!(
        error.to_string(),
        "AWS credentials failed: there was no answer in time; check the region (aws.region, or AWS_REGION or AWS_DEFAULT_REGION of the \
         pod), the network policy, the VPC endpoint and the proxy"
    );
    assert_eq!(Instant::now(), deadline);
}
