//! Credentials of the environment, of a web identity (IRSA), of EKS Pod Identity, of a profile, and of the node. The SDK reads
//! them from environment variables, so each test runs itself again in a process that has these.

mod failures;
mod files;
mod late;
mod partitions;
mod profiles;
mod remedies;
mod variables;

use std::process::Command;

use countersign_testkit::aws::Protocol;
use countersign_testkit::aws::ServiceError;
use countersign_testkit::aws::imds::Imds;
use countersign_testkit::aws::pod_identity::PodIdentity;
use countersign_testkit::aws::signer_data::SignerData;
use countersign_testkit::aws::sts::Sts;
use countersign_testkit::aws::sts::assumed_role;
use countersign_testkit::aws::web_identity::ServiceAccountToken;
use countersign_testkit::aws::web_identity::TokenIssuer;
use countersign_testkit::folder::Folder;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

use super::*;

/// The endpoint of AWS Signer in the second process.
const ENDPOINT: &str = "TEST_SIGNER_ENDPOINT";
/// The profile in the settings of the second process.
const PROFILE_NAME: &str = "TEST_PROFILE";
/// Whether the settings of the second process have the instance metadata service.
const METADATA: &str = "TEST_INSTANCE_METADATA";
/// Whether the settings of the second process have no region.
const NO_REGION: &str = "TEST_NO_REGION";
/// The time in milliseconds that each call of the second process has.
const WITHIN: &str = "TEST_WITHIN";
/// The proxy in the settings of the second process.
const PROXY: &str = "TEST_PROXY";
/// Calls in the second process.
const CALLS: &str = "TEST_CALLS";
/// Marks the result in the output of the second process.
const RESULT: &str = "seen: ";

/// The second process: calls AWS Signer, and prints the result. False in the first one.
async fn is_second() -> bool {
    let Ok(endpoint) = std::env::var(ENDPOINT) else { return false };
    let lines = tracing_subscriber::fmt::layer().with_ansi(false).with_writer(std::io::stderr);
    tracing_subscriber::registry().with(lines).with(log_levels()).init();
    let settings = AwsSettings {
        profile: std::env::var(PROFILE_NAME).ok(),
        instance_metadata: std::env::var_os(METADATA).is_some(),
        proxy: std::env::var(PROXY).map_or(ProxyChoice::Direct, |server| ProxyChoice::Server {
            server: server.parse().unwrap(),
            roots: Roots::System,
        }),
        region: std::env::var_os(NO_REGION).is_none().then(|| region(REGION)),
        ..signer_at(&endpoint)
    };
    let aws = Aws::new(settings, &shared_limits(), AwsClock::new(SystemTime::now), Arc::new(Unobserved)).unwrap();
    let calls = std::env::var(CALLS).map_or(1, |calls| calls.parse().unwrap());
    let within = std::env::var(WITHIN).map_or(60_000, |within| within.parse().unwrap());
    for _ in 0..calls {
        let deadline = Instant::now() + Duration::from_millis(within);
        let answer = aws.signer_status(&status_request(), &self::region(REGION), deadline).await;
        match answer.map(|answer| answer.revoked) {
            Ok(revoked) => println!("{RESULT}revoked {revoked:?}"),
            Err(error) => println!("{RESULT}{} {error}", error.result().as_str()),
        }
    }
    true
}

/// Runs the test `name` of this module again with these variables only. The lines of its results.
async fn second(name: &str, server: &SignerData, variables: &[(&str, &str)]) -> Vec<String> {
    second_with_log(name, server, variables).await.0
}

/// The same, and its log at the finest level.
#[allow(clippy::disallowed_methods, reason = "only a new process has other environment variables")]
async fn second_with_log(name: &str, server: &SignerData, variables: &[(&str, &str)]) -> (Vec<String>, String) {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", &format!("sources::{name}"), "--nocapture", "--test-threads=1"]).env_clear();
    command.env(ENDPOINT, server.url()).env("HOME", "/nonexistent");
    command.envs(variables.iter().copied());
    let output = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
    let (text, log) = (String::from_utf8(output.stdout).unwrap(), String::from_utf8_lossy(&output.stderr).into_owned());
    let results: Vec<_> =
        text.lines().filter_map(|line| line.split_once(RESULT)).map(|(_, result)| result.to_owned()).collect();
    assert!(output.status.success() && !results.is_empty(), "{text}{log}");
    (results, log)
}

/// Fails if the log has one of these secrets, or the secrets of a key of the setup.
fn assert_secret(log: &str, setup: &Setup, server: &SignerData, secrets: &[&str]) {
    assert!(log.contains("TRACE"), "nothing was logged");
    let mut secrets: Vec<String> = secrets.iter().map(|&secret| secret.to_owned()).collect();
    for exchange in server.journal() {
        let key = setup.keys().get(exchange.access_key_id.as_deref().unwrap()).unwrap();
        secrets.extend([Some(key.secret), key.session_token].into_iter().flatten());
    }
    let lines = log.lines().filter(|line| secrets.iter().any(|secret| line.contains(secret)));
    let lines: Vec<String> = lines.map(|line| line.chars().take(200).collect()).collect();
    assert_eq!(lines, Vec::<String>::new());
}

const NOTHING_REVOKED: &str = "revoked []";

/// Doubles with the time of the system.
async fn started() -> (Setup, SignerData) {
    let setup = Setup::new(&Clock::system());
    let server = SignerData::start(&setup).await;
    (setup, server)
}

/// The principals of the requests to AWS Signer.
fn principals(setup: &Setup, server: &SignerData) -> Vec<String> {
    let key = |id: &str| setup.keys().get(id).unwrap().principal;
    server.journal().iter().map(|exchange| key(exchange.access_key_id.as_deref().unwrap())).collect()
}

fn issuer() -> TokenIssuer {
    TokenIssuer::new("https://oidc.eks.eu-central-1.amazonaws.com/id/0123456789ABCDEF")
}

#[tokio::test]
async fn static_keys_of_the_environment_are_used() {
    if is_second().await {
        return;
    }
    let (setup, server) = started().await;
    let key = setup.keys().for_user(USER);
    let variables = [("AWS_ACCESS_KEY_ID", key.id.as_str()), ("AWS_SECRET_ACCESS_KEY", &key.secret)];
    let (results, log) = second_with_log("static_keys_of_the_environment_are_used", &server, &variables).await;
    assert_eq!(results, [NOTHING_REVOKED]);
    assert_secret(&log, &setup, &server, &[]);
    assert_eq!(principals(&setup, &server), [USER]);
}

#[tokio::test]
async fn without_credentials_the_message_names_the_ways_to_get_them() {
    if is_second().await {
        return;
    }
    let (_, server) = started().await;
    let results = second("without_credentials_the_message_names_the_ways_to_get_them", &server, &[]).await;
    assert_eq!(
        results,
        [
            "credentials AWS credentials failed: found no credentials: no credentials found in chain. Attempted: environment: \
             environment variable not set; web identity token: $AWS_WEB_IDENTITY_TOKEN_FILE was not set; container: ECS provider \
             not configured; give the pod a role: IRSA (annotation eks.amazonaws.com/role-arn of its service \
             account) or an EKS Pod Identity association"
        ]
    );
    assert_eq!(server.count(), 0);
}

#[tokio::test]
async fn a_web_identity_token_is_read_at_each_exchange() {
    if is_second().await {
        return;
    }
    let (setup, server) = started().await;
    let (sts, issuer, folder) = (Sts::start(&setup).await, issuer(), Folder::new());
    sts.trust_web_identity(ROLE, &issuer, "countersign", "countersign");
    let now = setup.clock().now();
    let token = |at| issuer.token(&ServiceAccountToken::new("countersign", "countersign", at));
    folder.write("token", token(now - time::Duration::HOUR * 2));
    let (file, sts_url) = (folder.file("token"), sts.url());
    let variables = [
        ("AWS_ROLE_ARN", ROLE),
        ("AWS_WEB_IDENTITY_TOKEN_FILE", &file),
        ("AWS_ROLE_SESSION_NAME", "pod-1"),
        ("AWS_REGION", REGION),
        ("AWS_ENDPOINT_URL_STS", &sts_url),
        (CALLS, "2"),
    ];
    let name = "a_web_identity_token_is_read_at_each_exchange";
    let ended = second(name, &server, &variables).await;
    assert_eq!(ended.len(), 2);
    for result in &ended {
        let start = format!("credentials AWS credentials failed at {} (AssumeRoleWithWebIdentity): ", sts.host());
        assert!(result.starts_with(&start), "{result}");
        assert!(result.contains(": found status 400 ExpiredTokenException, expected 200: Token expired: "), "{result}");
        assert!(
            result.ends_with(
                "; check the clock of the node, and that the token of the service account is renewed (audience \
                 sts.amazonaws.com)"
            ),
            "{result}"
        );
    }
    // One exchange for each call, as a failure is not kept, and the file is read each time.
    assert_eq!(sts.count(), 2);
    sts.clear_journal();
    let (path, fresh) = (file.clone(), token(now));
    sts.observe(move |_| std::fs::write(&path, &fresh).unwrap());
    let (renewed, log) = second_with_log(name, &server, &variables).await;
    assert_secret(&log, &setup, &server, &[&token(now), &token(now - time::Duration::HOUR * 2)]);
    assert!(renewed[0].contains("ExpiredTokenException"), "{renewed:?}");
    assert_eq!(renewed[1], NOTHING_REVOKED);
    assert_eq!(principals(&setup, &server), [assumed_role(ROLE, "pod-1")]);
    let exchange = &sts.journal()[1];
    assert_eq!((exchange.operation.as_str(), exchange.authorization.as_deref()), ("AssumeRoleWithWebIdentity", None));
    assert_eq!((exchange.parameter("RoleArn"), exchange.parameter("RoleSessionName")), (Some(ROLE), Some("pod-1")));
}

#[tokio::test]
async fn a_role_that_does_not_trust_the_service_account_names_its_trust_policy() {
    if is_second().await {
        return;
    }
    let (setup, server) = started().await;
    let (sts, issuer, folder) = (Sts::start(&setup).await, issuer(), Folder::new());
    sts.trust_web_identity(ROLE, &issuer, "other", "countersign");
    folder.write("token", issuer.token(&ServiceAccountToken::new("countersign", "countersign", setup.clock().now())));
    let (file, sts_url) = (folder.file("token"), sts.url());
    let variables = [
        ("AWS_ROLE_ARN", ROLE),
        ("AWS_WEB_IDENTITY_TOKEN_FILE", &file),
        ("AWS_REGION", REGION),
        ("AWS_ENDPOINT_URL_STS", &sts_url),
    ];
    let name = "a_role_that_does_not_trust_the_service_account_names_its_trust_policy";
    let results = second(name, &server, &variables).await;
    assert!(results[0].contains("Not authorized to perform sts:AssumeRoleWithWebIdentity"), "{results:?}");
    assert!(
        results[0].ends_with(
            "; the role arn:aws:iam::111122223333:role/countersign must exist, and its trust policy must name the OIDC provider of the \
             cluster, the service account and its namespace"
        ),
        "{results:?}"
    );
    assert_eq!((sts.count(), server.count()), (1, 0));
}

#[tokio::test]
async fn a_web_identity_of_another_partition_is_not_sent_to_the_service() {
    if is_second().await {
        return;
    }
    let (setup, server) = started().await;
    let (sts, issuer, folder) = (Sts::start(&setup).await, issuer(), Folder::new());
    let role = ROLE.replace("arn:aws:", "arn:aws-cn:");
    sts.trust_web_identity(&role, &issuer, "countersign", "countersign");
    folder.write("token", issuer.token(&ServiceAccountToken::new("countersign", "countersign", setup.clock().now())));
    let (file, sts_url) = (folder.file("token"), sts.url());
    let variables = [
        ("AWS_ROLE_ARN", role.as_str()),
        ("AWS_WEB_IDENTITY_TOKEN_FILE", file.as_str()),
        ("AWS_ENDPOINT_URL_STS", sts_url.as_str()),
    ];
    let results = second("a_web_identity_of_another_partition_is_not_sent_to_the_service", &server, &variables).await;
    assert_eq!(
        results,
        [
            "not-allowed AWS Signer GetRevocationStatus failed: found credentials of the partition aws-cn for the region eu-central-1, \
             expected those of aws; they are not sent to another partition, which does not know them: use a role of that partition, in a \
             cluster there, or static keys; or remove the partition from aws.partitions"
        ]
    );
    assert_eq!((sts.count(), server.count()), (1, 0));
}

#[tokio::test]
async fn a_throttled_web_identity_is_not_repeated() {
    if is_second().await {
        return;
    }
    let (setup, server) = started().await;
    let (issuer, folder) = (issuer(), Folder::new());
    let sts = Sts::start(&setup).await;
    sts.trust_web_identity(ROLE, &issuer, "countersign", "countersign");
    sts.fail(ServiceError::throttled(Protocol::Query));
    folder.write("token", issuer.token(&ServiceAccountToken::new("countersign", "countersign", setup.clock().now())));
    let (file, sts_url) = (folder.file("token"), sts.url());
    let variables = [
        ("AWS_ROLE_ARN", ROLE),
        ("AWS_WEB_IDENTITY_TOKEN_FILE", file.as_str()),
        ("AWS_ENDPOINT_URL_STS", sts_url.as_str()),
    ];
    assert_eq!(
        second("a_throttled_web_identity_is_not_repeated", &server, &variables).await,
        [format!(
            "throttled AWS credentials failed at {} (AssumeRoleWithWebIdentity): found status 400 Throttling, expected 200: Rate exceeded; it is called again later; ask AWS for a higher quota if this continues",
            sts.host()
        )]
    );
    assert_eq!((sts.count(), server.count()), (1, 0));
}

#[tokio::test]
async fn pod_identity_gets_the_token_of_the_file() {
    if is_second().await {
        return;
    }
    let (setup, server) = started().await;
    let (issuer, folder) = (issuer(), Folder::new());
    let agent = PodIdentity::start(&setup, &issuer).await;
    agent.associate("countersign", "countersign", ROLE);
    let token = ServiceAccountToken::new("countersign", "countersign", setup.clock().now())
        .audience(ServiceAccountToken::POD_IDENTITY);
    let token = issuer.token(&token);
    folder.write("token", &token);
    let (file, uri) = (folder.file("token"), agent.credentials_uri());
    let variables = [
        ("AWS_CONTAINER_CREDENTIALS_FULL_URI", uri.as_str()),
        ("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", &file),
        (CALLS, "2"),
    ];
    let (results, log) = second_with_log("pod_identity_gets_the_token_of_the_file", &server, &variables).await;
    assert_secret(&log, &setup, &server, &[&token]);
    assert_eq!(results, [NOTHING_REVOKED, NOTHING_REVOKED]);
    assert_eq!(agent.count(), 1);
    assert_eq!(agent.journal()[0].authorization.as_deref(), Some("other"));
    assert_eq!(principals(&setup, &server), [assumed_role(ROLE, "eks-testkit"), assumed_role(ROLE, "eks-testkit")]);
}

#[tokio::test]
async fn a_pod_without_an_association_is_reported() {
    if is_second().await {
        return;
    }
    let (setup, server) = started().await;
    let (issuer, folder) = (issuer(), Folder::new());
    let agent = PodIdentity::start(&setup, &issuer).await;
    let token = ServiceAccountToken::new("countersign", "countersign", setup.clock().now())
        .audience(ServiceAccountToken::POD_IDENTITY);
    folder.write("token", issuer.token(&token));
    let (file, uri) = (folder.file("token"), agent.credentials_uri());
    let variables =
        [("AWS_CONTAINER_CREDENTIALS_FULL_URI", uri.as_str()), ("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", &file)];
    let results = second("a_pod_without_an_association_is_reported", &server, &variables).await;
    assert_eq!(
        results,
        [format!(
            "credentials AWS credentials failed at {}: found status 404, expected 200; check that the service account has an EKS Pod Identity association, and \
             the agent on the node",
            agent.host()
        )]
    );
    assert_eq!(server.count(), 0);
}

#[tokio::test]
async fn a_profile_is_read_only_if_it_is_configured() {
    if is_second().await {
        return;
    }
    let (setup, server) = started().await;
    let (key, folder) = (setup.keys().for_user(USER), Folder::new());
    let credentials = format!("[ci]\naws_access_key_id = {}\naws_secret_access_key = {}\n", key.id, key.secret);
    folder.write("credentials", credentials);
    let file = folder.file("credentials");
    let name = "a_profile_is_read_only_if_it_is_configured";
    let variables = [("AWS_SHARED_CREDENTIALS_FILE", file.as_str()), ("AWS_PROFILE", "ci"), (PROFILE_NAME, "ci")];
    let without = second(name, &server, &variables[..2]).await;
    assert!(without[0].starts_with("credentials AWS credentials failed: found no credentials: "), "{without:?}");
    assert_eq!(second(name, &server, &variables).await, [NOTHING_REVOKED]);
    assert_eq!(principals(&setup, &server), [USER]);
}

#[tokio::test]
async fn instance_metadata_is_asked_only_if_it_is_configured() {
    if is_second().await {
        return;
    }
    let (setup, server) = started().await;
    let imds = Imds::start(&setup).await;
    imds.set_role(Some(ROLE));
    let url = imds.url();
    let name = "instance_metadata_is_asked_only_if_it_is_configured";
    let variables = [("AWS_EC2_METADATA_SERVICE_ENDPOINT", url.as_str()), (METADATA, "yes")];
    let without = second(name, &server, &variables[..1]).await;
    assert!(without[0].starts_with("credentials AWS credentials failed: found no credentials: "), "{without:?}");
    assert_eq!(imds.count(), 0);
    assert_eq!(second(name, &server, &variables).await, [NOTHING_REVOKED]);
    assert_eq!(principals(&setup, &server), [assumed_role(ROLE, "i-00000000000000000")]);
}
