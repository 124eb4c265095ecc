//! Credentials of the pod that AWS no longer accepts, endpoints of the environment, and answers whose headers are wrong.

use std::sync::Mutex;

use aws_credential_types::provider::ProvideCredentials;
use aws_credential_types::provider::future;
use countersign_aws::EcrRole;
use countersign_aws::EcrTokens;
use countersign_aws::NamedEndpoint;
use countersign_aws::ServiceEndpoints;
use countersign_testkit::aws::ecr_api;
use countersign_testkit::aws::ecr_api::EcrApi;
use countersign_testkit::aws::ecr_tokens::EcrTokens as Issued;
use countersign_testkit::aws::signer_data::SignerData;
use countersign_testkit::aws::sts::Sts;
use countersign_testkit::aws::sts::assumed_role;
use countersign_testkit::registry::Reply;

use super::ecr::advance;
use super::ecr::token;
use super::*;

pub(super) const HOST: &str = "111122223333.dkr.ecr.eu-central-1.amazonaws.com";
const OTHER_ROLE: &str = "arn:aws:iam::444455556666:role/registry";

/// Gives these credentials one after another, the last one again and again.
#[derive(Clone, Debug)]
struct Rotating(Arc<Mutex<(usize, Vec<Credentials>)>>);

impl Rotating {
    fn of(keys: &[&AccessKey]) -> Self {
        let credentials = |key: &&AccessKey| {
            let end = key.expires_at.map(SystemTime::from);
            Credentials::new(&key.id, &key.secret, key.session_token.clone(), end, "test")
        };
        Self(Arc::new(Mutex::new((0, keys.iter().map(credentials).collect()))))
    }

    fn fetched(&self) -> usize {
        self.0.lock().unwrap().0
    }
}

impl ProvideCredentials for Rotating {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        let mut state = self.0.lock().unwrap();
        let next = state.0.min(state.1.len() - 1);
        state.0 += 1;
        future::ProvideCredentials::ready(Ok(state.1[next].clone()))
    }
}

/// The services, with settings in which the environment has their endpoints.
pub(super) struct Services {
    pub(super) setup: Setup,
    pub(super) sts: Sts,
    pub(super) api: EcrApi,
    pub(super) signer: SignerData,
    pub(super) settings: AwsSettings,
}

pub(super) async fn services() -> Services {
    let setup = setup();
    let tokens = Issued::new();
    let (sts, api) = (Sts::start(&setup).await, EcrApi::start(&setup, &tokens).await);
    let signer = SignerData::start(&setup).await;
    let endpoint =
        |url: String| Some(NamedEndpoint { variable: "AWS_ENDPOINT_URL".to_owned(), endpoint: url.parse().unwrap() });
    let endpoints = ServiceEndpoints {
        sts: endpoint(sts.url()),
        ecr: endpoint(api.url()),
        ecr_public: endpoint("https://127.0.0.1:1".to_owned()),
        signer: endpoint(signer.url()),
    };
    sts.trust_principal(OTHER_ROLE, ROLE, None);
    let settings = AwsSettings { endpoints, ..settings() };
    Services { setup, sts, api, signer, settings }
}

fn session(setup: &Setup) -> AccessKey {
    setup.keys().for_session(&assumed_role(ROLE, "pod"), NOW + time::Duration::hours(12))
}

pub(super) fn with_role(aws: &Aws) -> EcrTokens {
    let role = EcrRole { arn: OTHER_ROLE.parse().unwrap(), external_id: None };
    EcrTokens::new(aws.clone(), Some(role), None)
}

#[tokio::test]
async fn credentials_of_the_pod_that_sts_refuses_for_a_role_are_replaced_once() {
    let services = services().await;
    let (first, second) = (session(&services.setup), session(&services.setup));
    let source = Rotating::of(&[&first, &second]);
    let shared = SharedCredentialsProvider::new(source.clone());
    let aws = Aws::with_credentials(
        services.settings.clone(),
        &shared_limits(),
        clock(&services.setup),
        Arc::new(Unobserved),
        shared,
    )
    .unwrap();
    aws.load_credentials().await.unwrap();
    services.setup.keys().delete(&first.id);
    // They were just fetched: others would not be accepted either.
    let refused = token(&with_role(&aws), HOST).await.unwrap_err();
    assert!(refused.starts_with("STS AssumeRole failed at "), "{refused}");
    assert!(refused.contains("InvalidClientTokenId"), "{refused}");
    assert_eq!((source.fetched(), services.sts.count()), (1, 1));
    advance(Duration::from_secs(30)).await;
    assert_eq!(token(&with_role(&aws), HOST).await.unwrap().user, "AWS");
    assert_eq!((source.fetched(), services.sts.count(), services.api.count()), (2, 3, 1));
    // The second ones are revoked too: one more fetch, and no more.
    services.setup.keys().delete(&second.id);
    advance(Duration::from_secs(30)).await;
    let role_ends = services.sts.count();
    services.setup.clock().advance(Duration::from_secs(3600));
    let refused = token(&with_role(&aws), HOST).await.unwrap_err();
    assert!(refused.contains("InvalidClientTokenId"), "{refused}");
    assert_eq!((source.fetched(), services.sts.count()), (3, role_ends + 2));
}

#[tokio::test]
async fn endpoints_of_the_environment_are_used_for_every_service_and_those_of_the_settings_come_first() {
    let services = services().await;
    let aws = aws(&services.setup, services.settings.clone());
    assert_eq!(status(&aws).await, Ok(vec![]));
    assert_eq!(aws.signer_address(&region(REGION)), services.signer.url());
    assert_eq!(token(&with_role(&aws), HOST).await.unwrap().user, "AWS");
    assert_eq!([services.sts.count(), services.api.count(), services.signer.count()], [1, 1, 1]);
    let public = token(&EcrTokens::new(aws, None, None), "public.ecr.aws").await.unwrap_err();
    assert!(public.starts_with("ECR Public GetAuthorizationToken failed: cannot connect to API"), "{public}");
    // As they are written, also beside these settings.
    let fips = AwsSettings { fips: true, dual_stack: true, ..services.settings.clone() };
    let aws = self::aws(&services.setup, fips);
    assert_eq!(status(&aws).await, Ok(vec![]));
    assert_eq!(token(&with_role(&aws), HOST).await.unwrap().user, "AWS");
    // Those of the settings.
    let own = SignerData::start(&services.setup).await;
    let aws = self::aws(&services.setup, AwsSettings { signer: signer_at(&own.url()).signer, ..services.settings });
    assert_eq!(status(&aws).await, Ok(vec![]));
    assert_eq!((own.count(), services.signer.count()), (1, 2));
    assert_eq!(aws.signer_address(&region(REGION)), own.url());
}

#[tokio::test]
async fn the_date_of_an_answer_changes_no_later_request() {
    for date in
        ["Fri, 31 Dec 9999 23:59:59 GMT", "Thu, 01 Jan 1970 00:00:00 GMT", "Wed, 06 May 2026 20:08:09 GMT", "garbage"]
    {
        let services = services().await;
        let aws = aws(&services.setup, services.settings.clone());
        let ok = Reply::status(200).header("content-type", "application/json").body("{\"revokedEntities\":[]}");
        let fault = services.signer.when().reply(ok.header("date", date));
        assert_eq!(status(&aws).await, Ok(vec![]), "{date}");
        fault.remove();
        for _ in 0..2 {
            services.signer.clear_journal();
            assert_eq!(status(&aws).await, Ok(vec![]), "{date}");
            assert_eq!(services.signer.count(), 1, "{date}");
        }
    }
}

#[tokio::test]
async fn a_clock_that_is_wrong_is_not_corrected_but_reported() {
    for hours in [1, -1] {
        let services = services().await;
        let key = services.setup.keys().for_user(USER);
        let source = SharedCredentialsProvider::new(Credentials::new(&key.id, &key.secret, None, None, "test"));
        let own = AwsClock::new(move || SystemTime::from(NOW + time::Duration::hours(hours)));
        let aws =
            Aws::with_credentials(services.settings, &shared_limits(), own, Arc::new(Unobserved), source).unwrap();
        for _ in 0..2 {
            services.signer.clear_journal();
            let error = status(&aws).await.unwrap_err().to_string();
            assert!(error.contains(": found status 403 InvalidSignatureException, expected 200: "), "{error}");
            assert!(error.contains("; check the clock of the node, "), "{error}");
            assert_eq!(services.signer.count(), 1);
        }
        assert_eq!(aws.clock_difference(), Some(3600 * hours));
    }
}

#[tokio::test]
async fn a_large_text_of_an_error_keeps_its_status() {
    let services = services().await;
    let aws = aws(&services.setup, AwsSettings { attempt_timeout: Duration::from_secs(5), ..services.settings });
    for (code, result) in [(400_u16, "refused"), (403, "refused"), (404, "refused"), (500, "failed"), (503, "failed")] {
        for length in [16 * 1024, 16 * 1024 + 1, 120_005] {
            let reply = Reply::status(code).header("content-type", "application/json").body("x".repeat(length));
            let faults = [services.signer.when().reply(reply.clone()), services.api.when().reply(reply)];
            let error = status(&aws).await.unwrap_err();
            assert_eq!(error.result().as_str(), result, "{error}");
            assert!(
                error.to_string().contains(&format!(": found status {code} without a code, expected 200; ")),
                "{error}"
            );
            let error = token(&EcrTokens::new(aws.clone(), None, None), HOST).await.unwrap_err();
            assert!(error.contains(&format!(": found status {code} without a code, expected 200; ")), "{error}");
            faults.into_iter().for_each(|fault| fault.remove());
        }
    }
}

#[tokio::test]
async fn a_role_that_lacks_the_permission_is_named() {
    let services = services().await;
    services.setup.keys().deny(OTHER_ROLE, ecr_api::ACTION);
    let error = token(&with_role(&aws(&services.setup, services.settings.clone())), HOST).await.unwrap_err();
    let remedy = format!("; allow {} to the role {OTHER_ROLE} (credentials.ecr.roleArn)", ecr_api::ACTION);
    assert!(error.ends_with(&remedy), "{error}");
}

#[tokio::test]
async fn the_variable_of_an_endpoint_that_is_not_reached_is_named() {
    let services = services().await;
    let not_listening =
        NamedEndpoint { variable: "AWS_ENDPOINT_URL_STS".to_owned(), endpoint: "https://127.0.0.1:1".parse().unwrap() };
    let settings = services.settings.clone();
    let endpoints = ServiceEndpoints { sts: Some(not_listening), ..settings.endpoints.clone() };
    let remedy = |variable: &str| {
        format!(
            "; check the environment variable {variable}, which names this endpoint, the network policy and the proxy"
        )
    };
    let aws = aws(&services.setup, AwsSettings { endpoints, ..settings });
    let public = token(&EcrTokens::new(aws.clone(), None, None), "public.ecr.aws").await.unwrap_err();
    assert!(public.starts_with("ECR Public GetAuthorizationToken failed: cannot connect to API: "), "{public}");
    assert!(public.ends_with(&remedy("AWS_ENDPOINT_URL")), "{public}");
    let role = token(&with_role(&aws), HOST).await.unwrap_err();
    assert!(role.starts_with("STS AssumeRole failed: cannot connect to API: "), "{role}");
    assert!(role.ends_with(&remedy("AWS_ENDPOINT_URL_STS")), "{role}");
}

#[tokio::test]
async fn the_endpoint_of_another_service_is_a_setting_to_check() {
    let services = services().await;
    let aws = aws(&services.setup, services.settings.clone());
    services.api.when().status(405);
    let error = token(&EcrTokens::new(aws.clone(), None, None), HOST).await.unwrap_err();
    assert_eq!(
        error,
        "ECR GetAuthorizationToken failed at API: found status 405 without a code, expected 200; check that the environment variable \
         AWS_ENDPOINT_URL is that of the API of Amazon ECR (api.ecr), and not of a registry"
    );
    let body = r#"{"__type":"UnknownOperationException"}"#;
    services.signer.when().reply(Reply::status(400).header("content-type", "application/x-amz-json-1.1").body(body));
    let error = status(&aws).await.unwrap_err().to_string();
    assert!(
        error.ends_with(
            ": found status 400 UnknownOperationException, expected 200; check that the environment variable AWS_ENDPOINT_URL is that of AWS \
             Signer (data-signer), and not of another service"
        ),
        "{error}"
    );
}

#[tokio::test]
async fn a_role_of_another_partition_is_not_assumed_for_a_registry() {
    let services = services().await;
    let partitions = vec![Partition::Aws, Partition::AwsCn];
    let aws = aws(&services.setup, AwsSettings { partitions, ..services.settings });
    let role = EcrRole { arn: "arn:aws-cn:iam::444455556666:role/registry".parse().unwrap(), external_id: None };
    let error = token(&EcrTokens::new(aws, Some(role), None), HOST).await.unwrap_err();
    assert_eq!(
        error,
        "ECR GetAuthorizationToken failed: found credentials of the partition aws-cn for the region eu-central-1, expected those of aws; \
         they are not sent to another partition, which does not know them: use a role of that partition, in a cluster there, or static \
         keys; or remove the partition from aws.partitions"
    );
    assert_eq!([services.sts.count(), services.api.count()], [0, 0]);
}
