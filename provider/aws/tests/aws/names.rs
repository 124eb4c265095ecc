//! The names of the services that the SDK computes, reached through a proxy that resolves them.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use countersign_aws::EcrApi as EcrApiOverride;
use countersign_aws::EcrRole;
use countersign_aws::EcrTokens;
use countersign_credentials::CredentialError;
use countersign_credentials::ExpiringIdentities;
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
use countersign_testkit::aws::ecr_api::EcrApi;
use countersign_testkit::aws::signer_data::SignerData;
use countersign_testkit::aws::sts::Sts;
use countersign_testkit::aws::sts::assumed_role;
use countersign_testkit::proxy::Proxy;

use super::ecr::Seen;
use super::ecr::token;
use super::*;

const NAMES: [&str; 6] = [
    "data-signer.eu-central-1.amazonaws.com",
    "api.ecr.eu-central-1.amazonaws.com",
    "api.ecr.us-west-2.amazonaws.com",
    "api.ecr-public.us-east-1.amazonaws.com",
    "sts.eu-central-1.amazonaws.com",
    "sts.us-west-2.amazonaws.com",
];

pub(super) fn through(proxy: &Proxy, settings: AwsSettings) -> AwsSettings {
    let server = proxy.url().parse().unwrap();
    AwsSettings { proxy: ProxyChoice::Server { server, roots: Roots::System }, ..settings }
}

/// A setup over TLS with all names, the authority, and a proxy.
pub(super) async fn tls() -> (Setup, Authority, Proxy) {
    let root = Authority::root(CertSpec::root());
    let setup = setup().tls(&root.issue(CertSpec::tls_server(&NAMES)));
    (setup, root, Proxy::start().await)
}

#[tokio::test]
async fn the_service_of_the_region_is_called_by_its_name() {
    let (setup, root, proxy) = tls().await;
    let server = SignerData::start(&setup).await;
    proxy.resolve("data-signer.eu-central-1.amazonaws.com:443", server.address());
    assert_eq!(status(&aws(&setup, through(&proxy, trusting(&root, settings())))).await, Ok(vec![]));
    assert_eq!(server.journal()[0].host, "data-signer.eu-central-1.amazonaws.com");
    assert_eq!(proxy.targets(), ["CONNECT data-signer.eu-central-1.amazonaws.com:443"]);
}

#[tokio::test]
async fn names_follow_region_partition_fips_and_dual_stack() {
    for (name, fips, dual_stack, host) in [
        ("us-east-1", false, false, "data-signer.us-east-1.amazonaws.com"),
        ("us-east-1", true, false, "data-signer-fips.us-east-1.amazonaws.com"),
        ("us-east-1", false, true, "data-signer.us-east-1.api.aws"),
        ("us-east-1", true, true, "data-signer-fips.us-east-1.api.aws"),
        ("cn-north-1", false, false, "data-signer.cn-north-1.amazonaws.com.cn"),
        ("us-gov-west-1", false, false, "data-signer.us-gov-west-1.amazonaws.com"),
        ("eusc-de-east-1", false, false, "data-signer.eusc-de-east-1.amazonaws.eu"),
    ] {
        let (setup, proxy) = (setup(), Proxy::start().await);
        let partitions = Partition::ALL.to_vec();
        let aws = aws(&setup, through(&proxy, AwsSettings { fips, dual_stack, partitions, ..settings() }));
        let error = aws.signer_status(&status_request(), &region(name), in_a_minute()).await.unwrap_err();
        assert_eq!(error.result().as_str(), "unreachable");
        assert_eq!(proxy.targets()[0], format!("CONNECT {host}:443"));
        assert_eq!(aws.signer_address(&region(name)), format!("https://{host}"));
    }
}

#[tokio::test]
async fn services_of_other_partitions_are_not_called() {
    let (setup, proxy) = (setup(), Proxy::start().await);
    let aws = aws(
        &setup,
        through(&proxy, AwsSettings { partitions: vec![Partition::Aws, Partition::AwsUsGov], ..settings() }),
    );
    let error = aws.signer_status(&status_request(), &region("cn-north-1"), in_a_minute()).await.unwrap_err();
    let refused = "found the region cn-north-1 in the partition aws-cn, expected one of aws.partitions: aws, aws-us-gov; add it to \
                   aws.partitions if its services may be called";
    assert_eq!(error.to_string(), format!("AWS Signer GetRevocationStatus failed: {refused}"));
    let refused = format!("ECR GetAuthorizationToken failed: {refused}");
    let source = EcrTokens::new(aws.clone(), None, None);
    let other = token(&source, "111122223333.dkr.ecr.cn-north-1.amazonaws.com.cn").await;
    assert_eq!(other, Err(refused.clone()));
    // An API of the operator.
    let endpoint = "https://api.ecr.example".parse().unwrap();
    let api = EcrApiOverride { endpoint, region: Some(region("cn-north-1")) };
    let source = EcrTokens::new(aws, None, Some(api));
    assert_eq!(token(&source, "111122223333.dkr.ecr.eu-central-1.amazonaws.com").await, Err(refused));
    assert_eq!(proxy.targets(), Vec::<String>::new());
}

#[tokio::test]
async fn a_private_address_is_an_endpoint_in_a_vpc_and_a_link_local_one_is_refused() {
    let setup = setup();
    let aws = aws(&setup, signer_at("https://169.254.1.1"));
    let error = status(&aws).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "AWS Signer GetRevocationStatus failed: 169.254.1.1 is at 169.254.1.1; check aws.signer.endpoint, which names this \
         endpoint, the network policy and the proxy"
    );
}

#[tokio::test]
async fn a_token_comes_from_the_api_of_the_region_of_the_registry() {
    let (setup, root, proxy) = tls().await;
    let tokens = countersign_testkit::aws::ecr_tokens::EcrTokens::new();
    let (here, there) =
        (EcrApi::start(&setup, &tokens).await, EcrApi::start(&setup.clone().region("us-west-2"), &tokens).await);
    let public = EcrApi::start_public(&setup.clone().region("us-east-1"), &tokens).await;
    proxy.resolve("api.ecr.eu-central-1.amazonaws.com:443", here.address());
    proxy.resolve("api.ecr.us-west-2.amazonaws.com:443", there.address());
    proxy.resolve("api.ecr-public.us-east-1.amazonaws.com:443", public.address());
    let source = EcrTokens::new(aws(&setup, through(&proxy, trusting(&root, settings()))), None, None);
    for (host, region) in [
        ("111122223333.dkr.ecr.eu-central-1.amazonaws.com", "eu-central-1"),
        ("444455556666.dkr.ecr.us-west-2.amazonaws.com", "us-west-2"),
        ("public.ecr.aws", "us-east-1"),
    ] {
        let Seen { user, password, .. } = token(&source, host).await.unwrap();
        let issued = tokens.get(&STANDARD.encode(format!("{user}:{password}"))).unwrap();
        assert_eq!(issued.region, region);
    }
    assert_eq!([here.count(), there.count(), public.count()], [1, 1, 1]);
}

#[tokio::test]
async fn a_throttled_role_is_not_repeated() {
    let (setup, root, proxy) = tls().await;
    let tokens = countersign_testkit::aws::ecr_tokens::EcrTokens::new();
    let (sts, api) = (Sts::start(&setup).await, EcrApi::start(&setup, &tokens).await);
    proxy.resolve("sts.eu-central-1.amazonaws.com:443", sts.address());
    let aws = aws(&setup, through(&proxy, trusting(&root, settings())));
    let role = EcrRole { arn: "arn:aws:iam::444455556666:role/registry".parse().unwrap(), external_id: None };
    sts.trust_principal("arn:aws:iam::444455556666:role/registry", ROLE, None);
    sts.fail(ServiceError::throttled(Protocol::Query));
    let source = EcrTokens::new(aws, Some(role), None);
    let error = token(&source, "444455556666.dkr.ecr.eu-central-1.amazonaws.com").await.unwrap_err();
    assert_eq!(
        error,
        "STS AssumeRole failed at sts.eu-central-1.amazonaws.com: found status 400 Throttling, expected 200: Rate exceeded; it is called again later; ask AWS for a \
         higher quota if this continues"
    );
    assert_eq!((sts.count(), api.count()), (1, 0));
}

#[tokio::test]
async fn throttling_by_sts_with_status_400_pauses_it_for_later_roles() {
    let (setup, root, proxy) = tls().await;
    let sts = Sts::start(&setup).await;
    proxy.resolve("sts.eu-central-1.amazonaws.com:443", sts.address());
    let aws = aws(&setup, through(&proxy, trusting(&root, settings())));
    for role in ["one", "two"] {
        sts.trust_principal(&format!("arn:aws:iam::444455556666:role/{role}"), ROLE, None);
    }
    sts.fail(ServiceError::throttled(Protocol::Query));
    let host = "444455556666.dkr.ecr.eu-central-1.amazonaws.com";
    let repository: countersign_core::name::Repository = format!("{host}/app").parse().unwrap();
    let late = async |role: &str| {
        let arn = format!("arn:aws:iam::444455556666:role/{role}").parse().unwrap();
        let source = EcrTokens::new(aws.clone(), Some(EcrRole { arn, external_id: None }), None);
        let deadline = Instant::now() + Duration::from_secs(1);
        let source = ExpiringIdentities::new(source);
        source.identity(RepositoryScope::new(&repository), deadline).await.unwrap_err()
    };
    let first = late("one").await;
    assert!(matches!(first, CredentialError::NotIssued { failure: IssueFailure::Throttled, .. }), "{first:?}");
    let error = late("two").await;
    let CredentialError::Fetch(FetchError::Throttled(HostPause { host, wait })) = &error else { panic!("{error:?}") };
    assert_eq!(*host, "sts.eu-central-1.amazonaws.com");
    assert!(*wait > Duration::ZERO && *wait < limits::THROTTLED_PAUSE, "{wait:?}");
    assert_eq!(sts.count(), 1);
}

#[tokio::test]
async fn a_role_is_assumed_once_in_the_region_of_the_pod() {
    let (setup, root, proxy) = tls().await;
    let tokens = countersign_testkit::aws::ecr_tokens::EcrTokens::new();
    let (sts, api) = (Sts::start(&setup).await, EcrApi::start(&setup.clone().region("us-west-2"), &tokens).await);
    proxy.resolve("sts.eu-central-1.amazonaws.com:443", sts.address());
    proxy.resolve("api.ecr.us-west-2.amazonaws.com:443", api.address());
    let other = "arn:aws:iam::444455556666:role/registry";
    sts.trust_principal(other, ROLE, Some("tenant-1"));
    let aws = aws(&setup, through(&proxy, trusting(&root, settings())));
    let role = EcrRole { arn: other.parse().unwrap(), external_id: Some("tenant-1".to_owned()) };
    let source = EcrTokens::new(aws.clone(), Some(role), None);
    let host = "444455556666.dkr.ecr.us-west-2.amazonaws.com";
    for _ in 0..2 {
        token(&source, host).await.unwrap();
    }
    let [exchange] = &sts.journal()[..] else { panic!("{:?}", sts.journal()) };
    assert_eq!((exchange.operation.as_str(), exchange.status), ("AssumeRole", Some(200)));
    assert_eq!(exchange.parameter("RoleArn"), Some(other));
    assert_eq!(exchange.parameter("ExternalId"), Some("tenant-1"));
    assert_eq!(exchange.parameter("RoleSessionName"), Some("countersign"));
    assert_eq!(api.count(), 2);
    let key = setup.keys().get(api.journal()[0].access_key_id.as_deref().unwrap()).unwrap();
    assert_eq!(key.principal, assumed_role(other, "countersign"));

    let without = EcrRole { arn: other.parse().unwrap(), external_id: None };
    let error = token(&EcrTokens::new(aws, Some(without), None), host).await.unwrap_err();
    assert_eq!(
        error,
        "STS AssumeRole failed at sts.eu-central-1.amazonaws.com: found status 403 AccessDenied, expected 200: User: arn:aws:sts::111122223333:assumed-role/countersign/pod is not authorized to \
         perform: sts:AssumeRole on resource: arn:aws:iam::444455556666:role/registry; allow sts:AssumeRole to the role of the \
         pod, and trust that role in the role that it assumes; if its trust policy requires an external identifier, set \
         credentials.ecr.externalId"
    );
}

#[tokio::test]
async fn without_a_region_of_the_pod_a_role_is_assumed_in_the_region_of_each_registry() {
    let (setup, root, proxy) = tls().await;
    let tokens = countersign_testkit::aws::ecr_tokens::EcrTokens::new();
    let (sts, api) = (Sts::start(&setup).await, EcrApi::start(&setup, &tokens).await);
    // STS in us-west-2 cannot be reached.
    proxy.resolve("sts.eu-central-1.amazonaws.com:443", sts.address());
    proxy.resolve("api.ecr.eu-central-1.amazonaws.com:443", api.address());
    let other = "arn:aws:iam::444455556666:role/registry";
    sts.trust_principal(other, ROLE, None);
    let aws = aws(&setup, through(&proxy, trusting(&root, AwsSettings { region: None, ..settings() })));
    let source = EcrTokens::new(aws, Some(EcrRole { arn: other.parse().unwrap(), external_id: None }), None);
    let error = token(&source, "444455556666.dkr.ecr.us-west-2.amazonaws.com").await.unwrap_err();
    assert!(error.starts_with("STS AssumeRole failed: "), "{error}");
    assert!(error.contains("sts.us-west-2.amazonaws.com"), "{error}");
    for _ in 0..2 {
        assert_eq!(token(&source, "444455556666.dkr.ecr.eu-central-1.amazonaws.com").await.unwrap().user, "AWS");
    }
    assert_eq!((sts.count(), api.count()), (1, 2));
}

/// How `sts` fails to issue credentials for a role of another account, and the message without that.
async fn failure_of_role(prepare: impl FnOnce(&Sts)) -> (Option<IssueFailure>, String) {
    let (setup, root, proxy) = tls().await;
    let sts = Sts::start(&setup).await;
    proxy.resolve("sts.eu-central-1.amazonaws.com:443", sts.address());
    let other = "arn:aws:iam::444455556666:role/registry";
    sts.trust_principal(other, ROLE, None);
    prepare(&sts);
    let settings = AwsSettings { attempt_timeout: Duration::from_millis(500), ..settings() };
    let aws = aws(&setup, through(&proxy, trusting(&root, settings)));
    let source = EcrTokens::new(aws, Some(EcrRole { arn: other.parse().unwrap(), external_id: None }), None);
    let repository = "444455556666.dkr.ecr.eu-central-1.amazonaws.com/app".parse().unwrap();
    let key = source.key(RepositoryScope::new(&repository)).unwrap();
    match source.fetch(&key).await.unwrap_err() {
        CredentialError::NotIssued { failure, why } => (Some(failure), why.to_string()),
        CredentialError::Refused { why, .. } | CredentialError::Local { why, .. } => (None, why.to_string()),
        other @ (CredentialError::Unusable(_)
        | CredentialError::Fetch(_)
        | CredentialError::Timeout
        | CredentialError::Interrupted) => {
            panic!("{other:?}")
        }
    }
}

#[tokio::test]
async fn an_outage_of_sts_is_no_mistake_of_a_role_and_a_refusal_is_one() {
    let at = "STS AssumeRole failed at sts.eu-central-1.amazonaws.com: ";
    let again = "it is called again with the next image";
    let refused = |status, code| move |sts: &Sts| sts.fail(ServiceError::new(status, code, "text"));
    for (status, code, failure, remedy) in [
        (500, "InternalFailure", Some(IssueFailure::Failed), again),
        (503, "ServiceUnavailable", Some(IssueFailure::Failed), again),
        (
            429,
            "TooManyRequests",
            Some(IssueFailure::Throttled),
            "it is called again later; ask AWS for a higher quota if this continues",
        ),
        (403, "ExpiredToken", None, "check the clock of the node, and the source of the credentials"),
        (
            403,
            "InvalidClientTokenId",
            None,
            "the credentials are not known in this region: check the partition, and that the region is enabled for the account",
        ),
        (
            403,
            "RegionDisabledException",
            None,
            "the credentials are not known in this region: check the partition, and that the region is enabled for the account",
        ),
        (403, "SignatureDoesNotMatch", None, "check the clock of the node, and the secret key if it is static"),
        (400, "ValidationError", None, "check roleArn and externalId of the entry of registries"),
    ] {
        let expected = (failure, format!("{at}found status {status} {code}, expected 200: text; {remedy}"));
        assert_eq!(failure_of_role(refused(status, code)).await, expected);
    }
    let (failure, message) = failure_of_role(|sts| drop(sts.when().status(502))).await;
    assert_eq!(
        (failure, message),
        (Some(IssueFailure::Failed), format!("{at}found status 502 without a code, expected 200; {again}"))
    );
    let (failure, message) = failure_of_role(|sts| drop(sts.when().body("<html></html>"))).await;
    assert_eq!(failure, Some(IssueFailure::Invalid), "{message}");
    let (failure, message) = failure_of_role(|sts| drop(sts.when().never_answer())).await;
    assert_eq!(failure, Some(IssueFailure::Timeout(Some(Missing::Response))), "{message}");
    let (failure, message) = failure_of_role(|sts| drop(sts.when().close())).await;
    assert_eq!(failure, Some(IssueFailure::Unreachable), "{message}");
}
