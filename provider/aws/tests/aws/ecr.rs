//! Tokens for Amazon ECR.

mod public;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use countersign_aws::EcrApi as Override;
use countersign_aws::EcrTokenKey;
use countersign_aws::EcrTokens;
use countersign_core::name::Repository;
use countersign_credentials::AuthMethod;
use countersign_credentials::CredentialError;
use countersign_credentials::ExpiringIdentities;
use countersign_credentials::Identity;
use countersign_credentials::IdentityFetcher as _;
use countersign_credentials::IdentityIssuer as _;
use countersign_credentials::IdentitySource as _;
use countersign_credentials::IssueFailure;
use countersign_credentials::RepositoryScope;
use countersign_http::FetchError;
use countersign_http::HostPause;
use countersign_http::Missing;
use countersign_testkit::aws::Protocol;
use countersign_testkit::aws::ServiceError;
use countersign_testkit::aws::ecr_api;
use countersign_testkit::aws::ecr_api::EcrApi;
use countersign_testkit::aws::ecr_tokens::EcrTokens as Issued;

use super::*;

const HOST: &str = "111122223333.dkr.ecr.eu-central-1.amazonaws.com";

/// An identity with its remaining life in seconds.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Seen {
    pub(super) user: String,
    pub(super) password: String,
    pub(super) life: u64,
}

fn repository(host: &str) -> Repository {
    format!("{host}/app").parse().unwrap()
}

#[allow(clippy::disallowed_methods, reason = "compares the password with the issued one")]
fn seen(identity: &Identity) -> Seen {
    let AuthMethod::Basic { user, password } = identity.method() else { panic!("{identity:?}") };
    // A second may have passed since.
    let life = (identity.expires().unwrap() - Instant::now()).as_secs_f64().ceil();
    let password = String::from_utf8(password.expose().to_vec()).unwrap();
    Seen { user: user.clone(), password, life: format!("{life}").parse().unwrap() }
}

/// A token that is not cached.
pub(super) async fn token(source: &EcrTokens, host: &str) -> Result<Seen, String> {
    let repository = repository(host);
    let key = source.key(RepositoryScope::new(&repository)).map_err(text)?;
    source.fetch(&key).await.map(|identity| seen(&identity)).map_err(text)
}

/// The message, without the address of the double.
fn text(error: CredentialError) -> String {
    match error {
        CredentialError::Unusable(text)
        | CredentialError::Refused { why: text, .. }
        | CredentialError::Local { why: text, .. }
        | CredentialError::NotIssued { why: text, .. } => {
            let text = text.to_string();
            let Some((before, after)) = text.split_once("127.0.0.1:") else { return text };
            format!("{before}API{}", after.trim_start_matches(|c: char| c.is_ascii_digit()))
        }
        CredentialError::Fetch(_) | CredentialError::Timeout | CredentialError::Interrupted => format!("{error:?}"),
    }
}

/// Tokens of an API of another address, which signs for `region` if there is one.
fn source(setup: &Setup, api: &EcrApi, region: Option<&str>) -> EcrTokens {
    let endpoint = api.url().parse().unwrap();
    EcrTokens::new(aws(setup, settings()), None, Some(Override { endpoint, region: region.map(super::region) }))
}

async fn started() -> (Setup, Issued, EcrApi, EcrTokens) {
    let (setup, tokens) = (setup(), Issued::new());
    let api = EcrApi::start(&setup, &tokens).await;
    let source = source(&setup, &api, None);
    (setup, tokens, api, source)
}

#[tokio::test]
async fn a_token_is_a_password_of_the_user_aws_until_its_end() {
    let (setup, tokens, api, source) = started().await;
    let Seen { user, password, life } = token(&source, HOST).await.unwrap();
    assert_eq!((user.as_str(), life), ("AWS", 12 * 3600));
    let issued = tokens.get(&STANDARD.encode(format!("AWS:{password}"))).unwrap();
    assert_eq!(issued.principal, countersign_testkit::aws::sts::assumed_role(ROLE, "pod"));
    assert_eq!(issued.expires_at, setup.clock().now() + Duration::from_secs(12 * 3600));
    let [exchange] = &api.journal()[..] else { panic!("{:?}", api.journal()) };
    assert_eq!((exchange.operation.as_str(), exchange.region.as_deref()), ("GetAuthorizationToken", Some(REGION)));
    assert_eq!(exchange.parameters, vec![]);
}

#[tokio::test]
async fn requests_to_an_api_of_the_operator_are_signed_for_its_region() {
    let (setup, tokens) = (setup(), Issued::new());
    let api = EcrApi::start(&setup.clone().region("us-west-2"), &tokens).await;
    let tokens = source(&setup, &api, Some("us-west-2"));
    assert_eq!(token(&tokens, HOST).await.unwrap().user, "AWS");
    assert_eq!(api.journal()[0].region.as_deref(), Some("us-west-2"));
    let refused = token(&source(&setup, &api, None), HOST).await.unwrap_err();
    assert!(refused.starts_with("ECR GetAuthorizationToken failed at API: found status 4"), "{refused}");
}

#[tokio::test]
async fn one_token_is_valid_for_all_registries_of_a_region() {
    let settings = AwsSettings { partitions: Partition::ALL.to_vec(), ..settings() };
    let source = EcrTokens::new(aws(&setup(), settings), None, None);
    let key = |host: &str| source.key(RepositoryScope::new(&repository(host)));
    assert_eq!(key(HOST), Ok(EcrTokenKey::Region(region(REGION))));
    assert_eq!(key("444455556666.dkr.ecr.eu-central-1.amazonaws.com"), key(HOST));
    assert_eq!(key("111122223333.dkr-ecr.eu-central-1.on.aws"), key(HOST));
    assert_eq!(
        key("111122223333.dkr.ecr-fips.us-gov-west-1.amazonaws.com"),
        Ok(EcrTokenKey::Region(region("us-gov-west-1")))
    );
    assert_eq!(key("111122223333.dkr.ecr.cn-north-1.amazonaws.com.cn"), Ok(EcrTokenKey::Region(region("cn-north-1"))));
    assert_eq!(key("public.ecr.aws"), Ok(EcrTokenKey::Public));
    assert_eq!(
        [EcrTokenKey::Region(region(REGION)), EcrTokenKey::Public].map(|key| key.to_string()),
        ["ecr eu-central-1", "ecr public"]
    );
}

#[tokio::test]
async fn a_host_that_is_not_amazons_causes_no_request() {
    let (_, tokens, api, source) = started().await;
    let source = ExpiringIdentities::new(source);
    for host in [
        "111122223333.dkr.ecr.eu-central-1.amazonaws.com.evil.example",
        "a.b.c.us-east-1.evil.example",
        "111122223333.dkr.ecr.eu-central-1.amazonaws.com:8443",
        "11112222333.dkr.ecr.eu-central-1.amazonaws.com",
        "111122223333.dkr.ecr.cn-north-1.amazonaws.com",
        "111122223333.dkr.ecr.eu-central-1.amazonaws.com.cn",
        "registry.example",
        "localhost:5000",
    ] {
        let repository = repository(host);
        let error = source.identity(RepositoryScope::new(&repository), in_a_minute()).await.map_err(text).unwrap_err();
        let expected = format!(
            "credentials.ecr: found the host {host}, expected one of Amazon ECR (ACCOUNT.dkr.ecr.REGION.amazonaws.com, \
             public.ecr.aws); no token of AWS is sent to another host"
        );
        assert_eq!(error, expected);
    }
    assert_eq!((api.count(), tokens.issued()), (0, 0));
}

#[tokio::test]
async fn an_answer_without_a_usable_token_is_refused() {
    let end = NOW.unix_timestamp() + 3600;
    let data = |token: &str, end: i64| {
        format!(r#"{{"authorizationData":[{{"authorizationToken":"{token}","expiresAt":{end}}}]}}"#)
    };
    for (body, problem) in [
        ("{}".to_owned(), "found no authorizationToken, expected one"),
        (r#"{"authorizationData":[]}"#.to_owned(), "found no authorizationToken, expected one"),
        (r#"{"authorizationData":[{"authorizationToken":"QVdTOng="}]}"#.to_owned(), "found no expiresAt, expected one"),
        (data("QVdT*", end), "authorizationToken is not base64"),
        (data(&STANDARD.encode(b"\xff:x"), end), "authorizationToken is not text"),
        (data(&STANDARD.encode("AWS"), end), "authorizationToken has no colon, expected USER:PASSWORD"),
        (
            data(&STANDARD.encode(":x"), end),
            "has a password and an empty user name, expected both, or neither for anonymous access",
        ),
        (
            data(&STANDARD.encode("AWS:"), end),
            "has a user name and an empty password, expected both, or neither for anonymous access",
        ),
        (data("QVdTOng=", NOW.unix_timestamp()), "found a token that has ended already, expected a valid one"),
        (data("QVdTOng=", NOW.unix_timestamp() - 1), "found a token that has ended already, expected a valid one"),
    ] {
        let (_, _, api, source) = started().await;
        api.when().body(body.clone());
        let expected = format!(
            "ECR GetAuthorizationToken failed at API: the answer of the service is not usable: {problem}; check that \
             credentials.ecr.endpoint is that of the service, and the clock of the node"
        );
        assert_eq!(token(&source, HOST).await, Err(expected), "{body}");
    }
}

#[tokio::test]
async fn a_password_may_have_colons() {
    let (_, _, api, source) = started().await;
    let (text, end) = (STANDARD.encode("AWS:a:b"), NOW.unix_timestamp() + 60);
    api.when().body(format!(r#"{{"authorizationData":[{{"authorizationToken":"{text}","expiresAt":{end}.5}}]}}"#));
    let seen = token(&source, HOST).await.unwrap();
    assert_eq!((seen.user.as_str(), seen.password.as_str()), ("AWS", "a:b"));
}

#[tokio::test]
async fn a_missing_permission_names_the_action() {
    let (setup, _, api, source) = started().await;
    setup.keys().deny(ROLE, ecr_api::ACTION);
    let error = token(&source, HOST).await.unwrap_err();
    assert_eq!(
        error,
        "ECR GetAuthorizationToken failed at API: found status 400 AccessDeniedException, expected 200: User: \
         arn:aws:sts::111122223333:assumed-role/countersign/pod is not authorized to perform: ecr:GetAuthorizationToken \
         because no identity-based policy allows the ecr:GetAuthorizationToken action; allow \
         ecr:GetAuthorizationToken to the role of the pod"
    );
    assert_eq!(api.count(), 1);
}

#[tokio::test]
async fn an_endpoint_of_another_region_is_named_as_the_cause_and_not_the_clock() {
    let (setup, tokens) = (setup().region("us-west-2"), Issued::new());
    let api = EcrApi::start(&setup, &tokens).await;
    let error = token(&source(&setup, &api, None), HOST).await.unwrap_err();
    assert!(error.contains("Credential should be scoped to a valid region"), "{error}");
    assert!(
        error.ends_with(
            "; credentials.ecr.endpoint has another region than the request: use the endpoint of the registry's region, or name the region of \
             the endpoint in credentials.ecr.region"
        ),
        "{error}"
    );
    assert_eq!(token(&source(&setup, &api, Some("us-west-2")), HOST).await.unwrap().user, "AWS");
}

#[tokio::test]
async fn the_public_api_needs_two_actions() {
    let (setup, tokens) = (setup().region("us-east-1"), Issued::new());
    let api = EcrApi::start_public(&setup, &tokens).await;
    let source = source(&setup, &api, None);
    assert_eq!(token(&source, "public.ecr.aws").await.unwrap().user, "AWS");
    setup.keys().deny(ROLE, ecr_api::PUBLIC_ACTION);
    let error = token(&source, "public.ecr.aws").await.unwrap_err();
    assert!(
        error.starts_with(
            "ECR Public GetAuthorizationToken failed at API: found status 400 AccessDeniedException, expected 200: "
        ),
        "{error}"
    );
    assert!(
        error
            .ends_with("; allow ecr-public:GetAuthorizationToken and sts:GetServiceBearerToken to the role of the pod"),
        "{error}"
    );
}

#[tokio::test]
async fn failures_of_the_api_are_repeated_once_and_throttling_is_not() {
    let (_, _, api, source) = started().await;
    api.fail_times(1, ServiceError::internal(Protocol::Json11));
    assert_eq!(token(&source, HOST).await.unwrap().user, "AWS");
    assert_eq!(api.count(), 2);
    api.clear_journal();
    api.fail(ServiceError::throttled(Protocol::Json11));
    assert_eq!(
        token(&source, HOST).await.unwrap_err(),
        "ECR GetAuthorizationToken failed at API: found status 400 ThrottlingException, expected 200: Rate exceeded; it is called \
         again later; ask AWS for a higher quota if this continues"
    );
    assert_eq!(api.count(), 1);
}

/// How the API failed; `None` if it is for the operator to mend.
async fn failure(source: &EcrTokens) -> Option<IssueFailure> {
    let repository = repository(HOST);
    let key = source.key(RepositoryScope::new(&repository)).unwrap();
    match source.fetch(&key).await.unwrap_err() {
        CredentialError::NotIssued { failure, .. } => Some(failure),
        CredentialError::Refused { .. } | CredentialError::Local { .. } => None,
        other @ (CredentialError::Unusable(_)
        | CredentialError::Fetch(_)
        | CredentialError::Timeout
        | CredentialError::Interrupted) => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn an_outage_of_the_api_is_no_mistake_of_the_configuration() {
    let (setup, tokens, api, source) = started().await;
    for (error, expected) in [
        (ServiceError::throttled(Protocol::Json11), IssueFailure::Throttled),
        (ServiceError::internal(Protocol::Json11), IssueFailure::Failed),
    ] {
        api.fail(error);
        assert_eq!(failure(&source).await, Some(expected));
        api.succeed();
    }
    api.when().body("{}");
    assert_eq!(failure(&source).await, Some(IssueFailure::Invalid));
    api.clear_faults();
    setup.keys().deny(ROLE, ecr_api::ACTION);
    assert_eq!(failure(&source).await, None);
    let gone = self::source(&setup, &EcrApi::start(&setup, &tokens).await, None);
    assert_eq!(failure(&gone).await, Some(IssueFailure::Unreachable));
}

#[tokio::test]
async fn a_caller_whose_deadline_passes_during_a_pause_of_the_api_learns_it() {
    for (throttled, longest) in [
        (ServiceError::new(429, "ThrottlingException", "Rate exceeded").retry_after("3"), Duration::from_secs(3)),
        // As the service states it, without a time.
        (ServiceError::throttled(Protocol::Json11), limits::THROTTLED_PAUSE),
    ] {
        let (setup, _, api, _) = started().await;
        let source = ExpiringIdentities::new(source(&setup, &api, None));
        api.fail_times(1, throttled);
        let repository = repository(HOST);
        let late = async || {
            let deadline = Instant::now() + Duration::from_millis(300);
            source.identity(RepositoryScope::new(&repository), deadline).await.unwrap_err()
        };
        assert!(matches!(late().await, CredentialError::NotIssued { failure: IssueFailure::Throttled, .. }));
        let error = late().await;
        let CredentialError::Fetch(FetchError::Throttled(HostPause { host, wait })) = &error else {
            panic!("{error:?}")
        };
        assert_eq!(*host, api.host());
        assert!(*wait > Duration::ZERO && *wait < longest, "{wait:?}");
        assert_eq!(api.count(), 1);
    }
}

#[tokio::test]
async fn a_caller_whose_deadline_passes_learns_which_host_has_not_answered() {
    let (setup, _, api, _) = started().await;
    let source = ExpiringIdentities::new(source(&setup, &api, None));
    api.when().never_answer();
    let (repository, deadline) = (repository(HOST), Instant::now() + Duration::from_millis(300));
    let error = source.identity(RepositoryScope::new(&repository), deadline).await.unwrap_err();
    let CredentialError::Fetch(FetchError::Late(answer)) = error else { panic!("{error:?}") };
    assert_eq!(answer.host, api.host());
    assert_eq!((answer.step, answer.missing), ("ECR GetAuthorizationToken", Missing::Response));
}

#[tokio::test]
async fn many_pulls_share_one_token() {
    let (_, tokens, api, source) = started().await;
    let source = Arc::new(ExpiringIdentities::new(source));
    let pulls: Vec<_> = (0..20)
        .map(|number| {
            let source = Arc::clone(&source);
            tokio::spawn(async move {
                let repository = repository(&format!("{number:012}.dkr.ecr.eu-central-1.amazonaws.com"));
                let scope = RepositoryScope::new(&repository);
                seen(&source.identity(scope, in_a_minute()).await.unwrap()).password
            })
        })
        .collect();
    let mut passwords = Vec::new();
    for pull in pulls {
        passwords.push(pull.await.unwrap());
    }
    passwords.dedup();
    assert_eq!((passwords.len(), tokens.issued(), api.count()), (1, 1, 1));
}

/// Moves tokio's clock, which lives of identities use.
pub(super) async fn advance(by: Duration) {
    tokio::time::pause();
    tokio::time::advance(by).await;
    tokio::time::resume();
}

const HOUR: Duration = Duration::from_secs(3600);

async fn password(source: &ExpiringIdentities<EcrTokens>) -> Result<String, String> {
    let repository = repository(HOST);
    let identity = source.identity(RepositoryScope::new(&repository), in_a_minute()).await;
    identity.map(|identity| seen(&identity).password).map_err(text)
}

#[tokio::test]
async fn a_token_is_renewed_at_half_of_its_life_and_kept_until_its_end_while_the_api_fails() {
    let (_, _, api, source) = started().await;
    let source = ExpiringIdentities::new(source);
    let first = password(&source).await.unwrap();
    advance(5 * HOUR).await;
    assert_eq!(password(&source).await, Ok(first.clone()));
    assert_eq!(api.count(), 1);
    api.fail(ServiceError::new(400, "InvalidParameterException", "text"));
    advance(HOUR).await;
    assert_eq!(password(&source).await, Ok(first.clone()));
    api.wait_for(2).await;
    // The failure is not known yet, or the next attempt is later.
    while api.count() < 3 {
        advance(Duration::from_secs(31)).await;
        assert_eq!(password(&source).await, Ok(first.clone()));
        tokio::task::yield_now().await;
    }
    advance(6 * HOUR).await;
    let ended = password(&source).await.unwrap_err();
    let refused =
        "ECR GetAuthorizationToken failed at API: found status 400 InvalidParameterException, expected 200: text; ";
    assert!(ended.starts_with(refused), "{ended}");
    api.succeed();
    assert_ne!(password(&source).await.unwrap(), first);
}

#[tokio::test]
async fn a_refused_token_is_fetched_again_once() {
    let (_, tokens, api, source) = started().await;
    let source = ExpiringIdentities::new(source);
    let repository = repository(HOST);
    let scope = RepositoryScope::new(&repository);
    let first = source.identity(scope, in_a_minute()).await.unwrap();
    tokens.revoke_all();
    let replacement = async |refused: &Identity| source.replacement(scope, refused, in_a_minute()).await.unwrap();
    // Just fetched: another one would be refused as well.
    assert_eq!(replacement(&first).await, None);
    advance(Duration::from_secs(30)).await;
    let second = replacement(&first).await.unwrap();
    assert_ne!(second, first);
    assert_eq!(replacement(&second).await, None);
    assert_eq!(source.identity(scope, in_a_minute()).await.unwrap(), second);
    assert_eq!(api.count(), 2);
}
