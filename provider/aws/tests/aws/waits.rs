//! Calls whose deadline passes: the error names the server that has not responded, for what, and what had come.

use countersign_aws::EcrRole;
use countersign_aws::EcrTokens;
use countersign_credentials::CredentialError;
use countersign_credentials::ExpiringIdentities;
use countersign_credentials::IdentitySource as _;
use countersign_credentials::RepositoryScope;
use countersign_http::AwaitedAnswer;
use countersign_http::FetchError;
use countersign_http::Missing;
use countersign_testkit::aws::ecr_api::EcrApi;
use countersign_testkit::aws::ecr_tokens::EcrTokens as Issued;
use countersign_testkit::aws::sts::Sts;
use countersign_testkit::proxy::Proxy;

use super::names::through;
use super::names::tls;
use super::*;

const OTHER: &str = "arn:aws:iam::444455556666:role/registry";

/// What a caller learns that needs a token of Amazon ECR within a short time.
async fn awaited(aws: Aws, role: Option<EcrRole>) -> AwaitedAnswer {
    let source = ExpiringIdentities::new(EcrTokens::new(aws, role, None));
    let repository = "444455556666.dkr.ecr.eu-central-1.amazonaws.com/app".parse().unwrap();
    let deadline = Instant::now() + Duration::from_millis(400);
    let error = source.identity(RepositoryScope::new(&repository), deadline).await.unwrap_err();
    let CredentialError::Fetch(FetchError::Late(answer)) = error else { panic!("{error:?}") };
    *answer
}

fn expected(host: &str, step: &'static str, missing: Missing, proxy: &Proxy, seen: &AwaitedAnswer) -> AwaitedAnswer {
    let proxy = Some(proxy.url().trim_start_matches("http://").trim_end_matches('/').to_owned());
    AwaitedAnswer { host: host.to_owned(), step, missing, proxy, waited: seen.waited }
}

#[tokio::test]
async fn a_silent_sts_is_named_with_its_action_in_place_of_the_registry() {
    let (setup, root, proxy) = tls().await;
    let sts = Sts::start(&setup).await;
    proxy.resolve("sts.eu-central-1.amazonaws.com:443", sts.address());
    sts.when().never_answer();
    let role = EcrRole { arn: OTHER.parse().unwrap(), external_id: None };
    let seen = awaited(aws(&setup, through(&proxy, trusting(&root, settings()))), Some(role)).await;
    assert_eq!(seen, expected("sts.eu-central-1.amazonaws.com", "STS AssumeRole", Missing::Response, &proxy, &seen));
}

#[tokio::test]
async fn a_silent_api_of_ecr_is_named_with_its_action() {
    let (setup, root, proxy) = tls().await;
    let api = EcrApi::start(&setup, &Issued::new()).await;
    proxy.resolve("api.ecr.eu-central-1.amazonaws.com:443", api.address());
    api.when().never_answer();
    let seen = awaited(aws(&setup, through(&proxy, trusting(&root, settings()))), None).await;
    let host = "api.ecr.eu-central-1.amazonaws.com";
    assert_eq!(seen, expected(host, "ECR GetAuthorizationToken", Missing::Response, &proxy, &seen));
}

#[tokio::test]
async fn a_silent_proxy_is_named_with_the_server_behind_it() {
    let (setup, root, proxy) = tls().await;
    proxy.never_answer();
    let seen = awaited(aws(&setup, through(&proxy, trusting(&root, settings()))), None).await;
    let host = "api.ecr.eu-central-1.amazonaws.com";
    assert_eq!(seen, expected(host, "ECR GetAuthorizationToken", Missing::Connection, &proxy, &seen));
}
