use countersign_http::LimitObserver;
use countersign_http::Unobserved;
use countersign_testkit::folder::Folder;
use prometheus::Registry;

use super::*;
use crate::clock::system_clock;
use crate::config::Purpose;
use crate::telemetry::metrics::Metrics;

const ACCOUNT: &str = "- {host: 111122223333.dkr.ecr.eu-central-1.amazonaws.com, credentials: {ecr: {}}}";
const OTHER: &str = "- {host: 444455556666.dkr.ecr.eu-central-1.amazonaws.com, credentials: {ecr: {}}}";

/// The role of another account.
fn with_role(name: &str) -> String {
    format!(
        "- {{host: 777788889999.dkr.ecr.eu-central-1.amazonaws.com, credentials: {{ecr: {{roleArn: \
         'arn:aws:iam::777788889999:role/{name}'}}}}}}"
    )
}

fn none() -> AwsServices {
    let observer: Arc<dyn LimitObserver> = Arc::new(Unobserved);
    let others = SharedLimits::new(limits::REQUESTS, limits::BODIES, &AWS, &observer);
    let metrics = Arc::new(Metrics::new(&Registry::new()).unwrap());
    let reports = CallReports::new(&metrics, None);
    AwsServices::none(&others, &reports, &IssuedTokens::new(Arc::clone(&metrics), system_clock()))
}

/// The services under a configuration with these keys, and the credentials of its registries.
fn after(former: &AwsServices, keys: &str, registries: &[&str]) -> (AwsServices, Config, Vec<Credential>) {
    let folder = Folder::new();
    let text = format!("trust: {{directory: trust}}\n{keys}\nregistries:\n{}\n", registries.join("\n"));
    let config = Config::parse(&text, &folder.path().join("c.yaml"), Purpose::Verify).unwrap();
    let mut files = config.registry_files(None);
    let services = former.successor(&config, &mut files).unwrap();
    let credentials = files.credentials().map(|(_, credential)| credential.clone()).collect();
    (services, config, credentials)
}

#[test]
fn nothing_is_made_unless_the_configuration_needs_aws() {
    let (services, config, credentials) =
        after(&none(), "aws: {region: eu-central-1, signer: {enabled: false}}", &["- {host: r.example}"]);
    assert!(services.clients.is_none() && services.limits.is_none() && services.signer(&config).is_none());
    assert_eq!(credentials, [Credential::Anonymous]);
    let (tokens, config, _) = after(&services, "", &[ACCOUNT]);
    assert!(tokens.clients.is_some() && tokens.signer(&config).is_none());
    let (signer, config, _) = after(&services, "aws: {signer: {enabled: true}}", &[]);
    assert!(signer.clients.is_some() && signer.signer(&config).is_some());
    let (ended, ..) = after(&signer, "", &[]);
    assert!(ended.clients.is_none());
}

#[test]
fn sources_of_tokens_are_kept_while_their_settings_and_those_of_aws_are_equal() {
    let keys = "aws: {region: eu-central-1}";
    let role = with_role("pull");
    let (first, _, before) = after(&none(), keys, &[ACCOUNT, OTHER, &role]);
    // One source for all registries of the same settings.
    assert!(matches!(before[0], Credential::Issued(_)));
    assert_eq!(before[0], before[1]);
    assert_ne!(before[0], before[2]);
    // Other settings than those of AWS.
    let (_, _, same) = after(&first, &format!("{keys}\nlog: {{level: debug}}"), &[ACCOUNT, OTHER, &role]);
    assert_eq!(same, before);
    // The settings of AWS Signer that are not those of its clients.
    let (_, _, same) = after(&first, "aws: {region: eu-central-1, signer: {enabled: true}}", &[ACCOUNT, OTHER, &role]);
    assert_eq!(same, before);
    // The role of one registry.
    let (_, _, changed) = after(&first, keys, &[ACCOUNT, OTHER, &with_role("read")]);
    assert_eq!(changed[..2], before[..2]);
    assert_ne!(changed[2], before[2]);
    // The clients.
    let (_, _, others) = after(&first, "aws: {region: eu-central-1, attemptTimeout: 1s}", &[ACCOUNT, OTHER, &role]);
    assert!(others.iter().zip(&before).all(|(new, old)| new != old), "{others:?}");
}

#[test]
fn without_its_proxy_or_region_aws_is_not_called_and_the_reason_is_given() {
    let keys =
        "aws: {proxy: {url: 'http://p.example:3128', usernameFile: u, passwordFile: p}, signer: {enabled: true}}";
    let (services, config, credentials) = after(&none(), keys, &[ACCOUNT]);
    let [Credential::Unusable(why)] = &credentials[..] else { panic!("{credentials:?}") };
    assert!(why.as_str().starts_with("aws.proxy: ") && why.as_str().contains("cannot be read"), "{why}");
    let access = services.signer(&config).unwrap();
    assert_eq!(access.client.address(&"eu-central-1".parse().unwrap()), "AWS Signer in eu-central-1");
    assert_eq!(access.timeout, config.aws.attempt_timeout);
}

#[test]
fn the_settings_of_aws_signer_are_those_of_the_configuration() {
    let keys = "aws: {region: eu-west-1, partitions: [aws, aws-cn], attemptTimeout: 1s, signer: {enabled: true, regions: {aws-cn: \
                cn-north-1}, goodLifetime: 1m, revokedLifetime: 2h, endpoint: 'https://signer.example'}}";
    let (services, config, _) = after(&none(), keys, &[]);
    let access = services.signer(&config).unwrap();
    assert_eq!(access.regions, config.aws.signer.regions);
    assert_eq!((access.pod_region, access.partitions), (config.aws.region.clone(), config.aws.partitions.clone()));
    assert_eq!(access.good_lifetime, Duration::from_secs(60));
    assert_eq!(access.revoked_lifetime, Duration::from_secs(7200));
    // Two attempts, the pause between them, and the credentials.
    assert_eq!(access.timeout, Duration::from_secs(2 + 1 + 5));
    assert_eq!(access.client.address(&"eu-west-1".parse().unwrap()), "https://signer.example");
}
