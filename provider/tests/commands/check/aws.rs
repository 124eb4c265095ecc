//! The section `aws` and `credentials.ecr`: what is shown, and the variables of the environment that cannot be used.

use serde_json::Value;
use serde_json::json;

use crate::check::check_in;
use crate::check::policy;
use crate::check::sound;
use crate::check::statement;

const REGISTRIES: &str = "unlistedRegistries: refuse
registries:
- {host: 111122223333.dkr.ecr.eu-west-1.amazonaws.com, credentials: {ecr: {}}}
- host: 444455556666.dkr.ecr.eu-west-1.amazonaws.com
  credentials:
    ecr: {roleArn: 'arn:aws:iam::444455556666:role/pull', externalId: tenant-1, endpoint: 'https://ecr.example', region: eu-west-2}
";

/// The page and the document of `check` for these keys, with these variables.
fn run(keys: &str, environment: &[(&str, &str)]) -> (String, Value) {
    let folder = sound();
    let statement = statement("app", "111122223333.dkr.ecr.eu-west-1.amazonaws.com/app");
    folder.write("trust/trustpolicy.json", policy(&[statement]));
    folder.write("c.yaml", format!("trust: {{directory: trust}}\n{keys}"));
    let (code, page) = check_in(&folder, &["--for", "verify"], environment);
    let (_, text) = check_in(&folder, &["--for", "verify", "-o", "json"], environment);
    assert_eq!(code, Some(0), "{page}");
    (page, serde_json::from_str(&text).unwrap())
}

fn warnings(document: &Value) -> Vec<(&str, &str)> {
    let list = document["warnings"].as_array().unwrap();
    list.iter().map(|one| (one["warning"].as_str().unwrap(), one["message"].as_str().unwrap())).collect()
}

#[test]
fn shows_how_tokens_of_amazon_ecr_are_requested() {
    let (page, document) = run(REGISTRIES, &[("AWS_REGION", "eu-west-1")]);
    assert_eq!(warnings(&document), []);
    let shown = "
registry      111122223333.dkr.ecr.eu-west-1.amazonaws.com, TLS
  credentials tokens of Amazon ECR
    identity  that of the pod

registry      444455556666.dkr.ecr.eu-west-1.amazonaws.com, TLS
  credentials tokens of Amazon ECR
    identity  arn:aws:iam::444455556666:role/pull, external id tenant-1
    endpoint  https://ecr.example
    region    eu-west-2
";
    assert!(page.contains(shown), "{page}");
    let ecr = |index: usize| &document["registries"][index]["ecr"];
    assert_eq!(*ecr(0), json!({"roleArn": null, "externalId": null, "endpoint": null, "region": null}));
    assert_eq!(
        *ecr(1),
        json!({
            "roleArn": "arn:aws:iam::444455556666:role/pull", "externalId": "tenant-1",
            "endpoint": "https://ecr.example", "region": "eu-west-2",
        })
    );
    assert_eq!(document["registries"][0]["credentials"], json!([]));
}

#[test]
fn warns_about_a_region_and_a_proxy_of_the_environment_that_cannot_be_used_for_aws() {
    let signer = |more: &str| format!("unlistedRegistries: anonymous\naws: {{{more}signer: {{enabled: true}}}}\n");
    let region = "AWS is not called: the environment variable AWS_DEFAULT_REGION: AWS region: found \"Frankfurt\", expected a \
                  name such as eu-central-1";
    let (_, document) = run(&signer(""), &[("AWS_DEFAULT_REGION", "Frankfurt")]);
    assert_eq!(warnings(&document), [("aws-region", region)]);
    let other = "AWS is not called: the environment variable AWS_REGION: found cn-north-1, which is in the partition aws-cn, \
                 expected a region of one of aws.partitions: aws";
    let (_, document) = run(&signer("partitions: [aws], "), &[("AWS_REGION", "cn-north-1")]);
    assert_eq!(warnings(&document), [("aws-region", other)]);
    // With a region of the configuration, the variables are not read; and without AWS.
    let (_, document) = run(&signer("region: eu-west-1, "), &[("AWS_REGION", "Frankfurt")]);
    assert_eq!(warnings(&document), []);
    let (_, document) = run("unlistedRegistries: anonymous\n", &[("AWS_REGION", "Frankfurt")]);
    assert_eq!(warnings(&document), []);
    let proxy = "AWS is not called, unless aws.proxy is set: the environment variable HTTPS_PROXY has a URL with scheme \
                 \"socks5\", expected http or https";
    let (_, document) = run(&signer(""), &[("HTTPS_PROXY", "socks5://a")]);
    assert!(warnings(&document).contains(&("aws-proxy", proxy)), "{document}");
    let (_, document) = run(&signer("proxy: none, "), &[("HTTPS_PROXY", "socks5://a")]);
    assert!(!warnings(&document).iter().any(|(name, _)| *name == "aws-proxy"), "{document}");
}
