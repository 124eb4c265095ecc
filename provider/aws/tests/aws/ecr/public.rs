//! The API of Amazon ECR Public, which is called without a client of the SDK for it.

use super::*;

const HOST: &str = "public.ecr.aws";

async fn started() -> (EcrApi, EcrTokens) {
    let (setup, tokens) = (setup().region("us-east-1"), Issued::new());
    let api = EcrApi::start_public(&setup, &tokens).await;
    let source = source(&setup, &api, None);
    (api, source)
}

#[tokio::test]
async fn failures_are_repeated_once_and_throttling_is_not() {
    let (api, source) = started().await;
    api.fail_times(1, ServiceError::internal(Protocol::Json11));
    assert_eq!(token(&source, HOST).await.unwrap().user, "AWS");
    assert_eq!(api.count(), 2);
    api.clear_journal();
    api.fail_times(2, ServiceError::internal(Protocol::Json11));
    assert_eq!(
        token(&source, HOST).await.unwrap_err().split_once("; ").unwrap().0,
        "ECR Public GetAuthorizationToken failed at API: found status 500 ServerException, expected 200: Internal service error"
    );
    assert_eq!(api.count(), 2);
    api.clear_journal();
    api.fail(ServiceError::throttled(Protocol::Json11));
    assert_eq!(
        token(&source, HOST).await.unwrap_err(),
        "ECR Public GetAuthorizationToken failed at API: found status 400 ThrottlingException, expected 200: Rate exceeded; it \
         is called again later; ask AWS for a higher quota if this continues"
    );
    assert_eq!(api.count(), 1);
}

#[tokio::test]
async fn an_answer_without_a_usable_token_is_refused() {
    let end = NOW.unix_timestamp() + 3600;
    let data = |data: &str| format!(r#"{{"authorizationData":{data}}}"#);
    for (body, problem) in [
        ("{}".to_owned(), "found no authorizationToken, expected one"),
        ("[]".to_owned(), "found no authorizationToken, expected one"),
        (data("null"), "found no authorizationToken, expected one"),
        (data(r#"[{"authorizationToken":"QVdTOng="}]"#), "found no authorizationToken, expected one"),
        (
            data(&format!(r#"{{"authorizationToken":7,"expiresAt":{end}}}"#)),
            "found no authorizationToken, expected one",
        ),
        (data(r#"{"authorizationToken":"QVdTOng="}"#), "found no expiresAt, expected one"),
        (data(r#"{"authorizationToken":"QVdTOng=","expiresAt":"soon"}"#), "found no expiresAt, expected one"),
        (data(&format!(r#"{{"authorizationToken":"?","expiresAt":{end}}}"#)), "authorizationToken is not base64"),
        (
            data(&format!(r#"{{"authorizationToken":"QVdTOng=","expiresAt":{end},"expiresAt":{end}}}"#)),
            "response error: member \"expiresAt\" is present twice at line 1 column 88",
        ),
    ] {
        let (api, source) = started().await;
        api.when().body(body.clone());
        let expected = format!(
            "ECR Public GetAuthorizationToken failed at API: the answer of the service is not usable: {problem}; check that \
             credentials.ecr.endpoint is that of the service, and the clock of the node"
        );
        assert_eq!(token(&source, HOST).await, Err(expected), "{body}");
    }
}
