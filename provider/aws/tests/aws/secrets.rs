//! No secret is printed.

use std::io::Write;
use std::process::Command;
use std::sync::Mutex;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use countersign_aws::EcrRole;
use countersign_aws::EcrTokens;
use countersign_testkit::aws::ServiceError;
use countersign_testkit::aws::ecr_api::EcrApi;
use countersign_testkit::aws::signer_data::SignerData;
use countersign_testkit::registry::Reply;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

use super::ecr::token;
use super::*;

/// A code and its text as they are shown, with what is expected after the code.
fn with_expectation(shown: &str) -> String {
    let code = if shown.starts_with(CUT) { CUT } else { shown.split(": ").next().unwrap() };
    format!("{code}, expected 200{}", shown.strip_prefix(code).unwrap())
}

/// Everything that is logged.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    fn text(&self) -> String {
        String::from_utf8_lossy(&self.0.lock().unwrap()).into_owned()
    }
}

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// What stands in place of a secret that a service repeats.
const CUT: &str = "(cut: the text repeats a secret of the request)";

#[tokio::test]
async fn a_successful_answer_of_aws_signer_that_repeats_the_session_token_is_not_shown() {
    let setup = setup();
    let server = SignerData::start(&setup).await;
    let session =
        setup.keys().for_session(&countersign_testkit::aws::sts::assumed_role(ROLE, "pod"), NOW + time::Duration::HOUR);
    let token = session.session_token.clone().unwrap();
    let aws = aws_with(&setup, signer_at(&server.url()), &session);
    for (body, shown) in [
        (
            format!(r#"{{"{token}":1,"{token}":2}}"#),
            format!("found no JSON, expected an object: member \"{CUT}; check "),
        ),
        (format!(r#"{{"revokedEntities":["token {token}", "other"]}}"#), format!("[\"token {CUT}\", \"other\"]")),
        (format!(r#"{{"revokedEntities":["{}"]}}"#, &token[1..20]), format!("[\"{CUT}\"]")),
        (
            format!(r#"{{"revokedEntities":null,"{token}":{{}}}}"#),
            "found other members and no revokedEntities, ".to_owned(),
        ),
        (format!(r#"{{"revokedEntities":{token}"#), "found no JSON, expected an object: ".to_owned()),
    ] {
        let fault = server.when().reply(Reply::status(200).header("content-type", "application/json").body(body));
        let found = match status(&aws).await {
            Ok(names) => format!("{names:?}"),
            Err(error) => error.to_string(),
        };
        assert!(found.contains(&shown) && !found.contains(&token[..12]), "{found}");
        fault.remove();
    }
}

#[tokio::test]
async fn a_text_of_aws_signer_ends_before_the_session_token_the_signature_and_the_key() {
    let setup = setup();
    let server = SignerData::start(&setup).await;
    let session =
        setup.keys().for_session(&countersign_testkit::aws::sts::assumed_role(ROLE, "pod"), NOW + time::Duration::HOUR);
    let token = session.session_token.clone().unwrap();
    let encoded: String = url::form_urlencoded::byte_serialize(token.as_bytes()).collect();
    let aws = aws_with(&setup, signer_at(&server.url()), &session);
    for (code, text, shown) in [
        ("SignatureDoesNotMatch", format!("bad {token} x"), format!("SignatureDoesNotMatch: bad {CUT}")),
        ("ValidationException", format!("the token {token}"), format!("ValidationException: the token {CUT}")),
        (
            "ValidationException",
            format!("the token {}…", &token[..20]),
            format!("ValidationException: the token {CUT}"),
        ),
        ("ValidationException", format!("t={encoded}"), format!("ValidationException: t={CUT}")),
        ("ValidationException", format!("key {}", session.secret), format!("ValidationException: key {CUT}")),
        (&token, "text".to_owned(), format!("{CUT}: text")),
        // Where the name is known, no value is needed.
        ("ValidationException", "bad X-Amz-Security-Token: x".to_owned(), "ValidationException: bad".to_owned()),
        ("ValidationException", "bad authorization: x".to_owned(), "ValidationException: bad".to_owned()),
        ("ValidationException", "bad THE CANONICAL STRING x".to_owned(), "ValidationException: bad".to_owned()),
    ] {
        server.fail_times(1, ServiceError::new(403, code, &text));
        let error = status(&aws).await.unwrap_err();
        let found = format!("found status 403 {}", with_expectation(&shown));
        assert_eq!(error.cause().as_str(), found, "{text}");
        for kept in [&token[..12], &session.secret[..12]] {
            assert!(!format!("{error}{error:?}").contains(kept), "{error}");
        }
    }
}

#[tokio::test]
async fn a_text_of_sts_or_of_the_api_of_ecr_ends_before_the_session_token() {
    let services = super::roles::services().await;
    let session = services
        .setup
        .keys()
        .for_session(&countersign_testkit::aws::sts::assumed_role(ROLE, "pod"), NOW + time::Duration::HOUR);
    let secret = session.session_token.clone().unwrap();
    let aws = aws_with(&services.setup, services.settings.clone(), &session);
    let xml = |code: &str, message: &str| {
        format!("<ErrorResponse><Error><Code>{code}</Code><Message>{message}</Message></Error></ErrorResponse>")
    };
    for (body, shown) in [
        (xml("ValidationError", &format!("Value '{secret}' at 'x'")), format!("ValidationError: Value '{CUT}")),
        (xml(&secret, "m"), format!("{CUT}: m")),
    ] {
        let fault = services.sts.when().reply(Reply::status(400).header("content-type", "text/xml").body(body));
        let error = token(&super::roles::with_role(&aws), super::roles::HOST).await.unwrap_err();
        let begin = format!("STS AssumeRole failed at API: found status 400 {}; ", with_expectation(&shown));
        assert!(error.starts_with(&begin), "{error}");
        fault.remove();
    }
    let pod = EcrTokens::new(aws, None, None);
    for (body, shown) in [
        (format!(r#"{{"__type":"X","message":"token {secret}"}}"#), format!("X: token {CUT}")),
        (format!(r#"{{"__type":"{secret}","message":"m"}}"#), format!("{CUT}: m")),
        (r#"{"__type":"X","message":"Authorization: hunter2"}"#.to_owned(), "X".to_owned()),
    ] {
        let reply = Reply::status(400).header("content-type", "application/x-amz-json-1.1").body(body);
        let fault = services.api.when().reply(reply);
        let error = token(&pod, super::roles::HOST).await.unwrap_err();
        let begin = format!("ECR GetAuthorizationToken failed at API: found status 400 {}; ", with_expectation(&shown));
        assert!(error.starts_with(&begin), "{error}");
        fault.remove();
    }
    let reply = Reply::status(200).header("x-amzn-errortype", &secret).body("{}");
    services.api.when().reply(reply);
    let error = token(&pod, super::roles::HOST).await.unwrap_err();
    assert!(error.contains(&format!("in the header x-amzn-errortype ({CUT})")), "{error}");
}

/// Set in the second process.
const SECOND: &str = "TEST_SECOND";

/// Runs itself again in a process of its own: other tests would take part in the choice of what is logged.
#[tokio::test]
#[allow(clippy::disallowed_methods, reason = "only a new process has a log of its own")]
async fn the_log_at_its_finest_level_has_no_secret() {
    if std::env::var_os(SECOND).is_some() {
        return log_calls().await;
    }
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "secrets::the_log_at_its_finest_level_has_no_secret", "--nocapture"]).env(SECOND, "yes");
    let output = command.output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && text.contains("1 passed"), "{text}{}", String::from_utf8_lossy(&output.stderr));
}

async fn log_calls() {
    let log = Log::default();
    let writer = log.clone();
    let lines = tracing_subscriber::fmt::layer().with_ansi(false).with_writer(move || writer.clone());
    let subscriber = tracing_subscriber::registry().with(lines).with(log_levels());
    subscriber.init();
    let setup = setup();
    let tokens = countersign_testkit::aws::ecr_tokens::EcrTokens::new();
    let (server, api) = (SignerData::start(&setup).await, EcrApi::start(&setup, &tokens).await);
    let session =
        setup.keys().for_session(&countersign_testkit::aws::sts::assumed_role(ROLE, "pod"), NOW + time::Duration::HOUR);
    let aws = aws_with(&setup, signer_at(&server.url()), &session);
    assert_eq!(status(&aws).await, Ok(vec![]));
    server.fail_times(1, ServiceError::new(403, "SignatureDoesNotMatch", "text"));
    let error = status(&aws).await.unwrap_err();
    let endpoint = api.url().parse().unwrap();
    let role = EcrRole { arn: ROLE.parse().unwrap(), external_id: None };
    let source = EcrTokens::new(aws.clone(), None, Some(countersign_aws::EcrApi { endpoint, region: None }));
    let issued = token(&source, "111122223333.dkr.ecr.eu-central-1.amazonaws.com").await.unwrap();
    let shown = format!("{}{error}{error:?}{aws:?}{:?}{source:?}{role:?}", log.text(), aws.settings());
    assert!(log.text().contains("TRACE"), "nothing was logged");
    let session_token = session.session_token.as_deref().unwrap();
    let encoded = STANDARD.encode(format!("AWS:{}", issued.password));
    for secret in
        [encoded.as_str(), session.secret.as_str(), session_token, &issued.password, "AWS4-HMAC-SHA256 Credential="]
    {
        let lines: Vec<_> = shown
            .lines()
            .filter(|line| line.contains(secret))
            .map(|line| line.chars().take(160).collect::<String>())
            .collect();
        assert_eq!(lines, Vec::<String>::new());
    }
}
