//! The section `aws` and `credentials.ecr`: what is read, and every mistake with the whole message.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use countersign::config::Aws;
use countersign::config::AwsSigner;
use countersign::config::Credentials;
use countersign::config::Ecr;
use countersign::config::Purpose;
use countersign::config::RegistryProxy;
use countersign_core::name::Partition;

use super::TRUST;
use super::check;
use super::parse;

const HOST: &str = "111122223333.dkr.ecr.eu-west-1.amazonaws.com";
const PARTITIONS: &str = "aws,aws-cn,aws-us-gov,aws-eusc,aws-iso,aws-iso-b,aws-iso-e,aws-iso-f";

fn aws(text: &str) -> Aws {
    parse(&format!("{TRUST}{text}\n"), Purpose::Verify).unwrap().aws
}

fn defaults() -> Aws {
    Aws {
        region: None,
        partitions: vec![Partition::Aws, Partition::AwsUsGov, Partition::AwsCn],
        fips: false,
        dual_stack: false,
        instance_metadata: false,
        profile: None,
        proxy: RegistryProxy::Environment,
        ca: None,
        connect_timeout: Duration::from_secs(1),
        attempt_timeout: Duration::from_secs(2),
        signer: AwsSigner {
            enabled: false,
            regions: BTreeMap::new(),
            endpoint: None,
            good_lifetime: Duration::from_secs(300),
            revoked_lifetime: Duration::from_secs(24 * 3600),
        },
    }
}

#[test]
fn aws_is_not_called_unless_it_is_configured() {
    assert_eq!(aws(""), defaults());
    assert_eq!(aws("aws: {signer: {enabled: false}}"), defaults());
}

#[test]
fn reads_every_key_of_aws() {
    let text = "aws:
  region: eu-west-1
  partitions: [aws, aws-cn]
  fips: true
  dualStack: true
  instanceMetadata: true
  profile: team
  proxy: none
  ca: ca/aws.pem
  connectTimeout: 300ms
  attemptTimeout: 700ms
  signer:
    enabled: true
    regions: {aws: eu-central-1, aws-cn: cn-north-1}
    endpoint: https://SIGNER.example:8443/
    goodLifetime: 1m
    revokedLifetime: 48h
";
    let regions = [(Partition::Aws, "eu-central-1"), (Partition::AwsCn, "cn-north-1")];
    let expected = Aws {
        region: Some("eu-west-1".parse().unwrap()),
        partitions: vec![Partition::Aws, Partition::AwsCn],
        fips: true,
        dual_stack: true,
        instance_metadata: true,
        profile: Some("team".to_owned()),
        proxy: RegistryProxy::Direct,
        ca: Some(PathBuf::from("/etc/cs/ca/aws.pem")),
        connect_timeout: Duration::from_millis(300),
        attempt_timeout: Duration::from_millis(700),
        signer: AwsSigner {
            enabled: true,
            regions: regions.map(|(partition, region)| (partition, region.parse().unwrap())).into(),
            endpoint: Some("https://signer.example:8443".parse().unwrap()),
            good_lifetime: Duration::from_secs(60),
            revoked_lifetime: Duration::from_secs(48 * 3600),
        },
    };
    assert_eq!(aws(text), expected);
}

#[test]
fn refuses_bad_values_of_aws() {
    let region = "expected the name of an AWS region, for example eu-central-1";
    check("aws: {region: Frankfurt}", &[&format!(":2: aws.region: found \"Frankfurt\", {region}")]);
    check(
        "aws: {partitions: [aws-de]}",
        &[&format!(":2: aws.partitions[0]: found \"aws-de\", expected one of {PARTITIONS}, for example aws")],
    );
    check("aws: {partitions: []}", &[":2: aws.partitions: found an empty list, expected at least one partition"]);
    check(
        "aws: {partitions: [aws, ' aws-cn']}",
        &[&format!(
            ":2: aws.partitions[1]: found \" aws-cn\" with blanks around it, expected one of {PARTITIONS}, for example aws-cn"
        )],
    );
    check("aws: {partitions: [aws, aws]}", &[":2: aws.partitions: found aws twice, expected each partition once"]);
    check(
        "aws: {partitions: [aws], region: us-gov-west-1}",
        &[
            ":2: aws.region: found us-gov-west-1, which is in the partition aws-us-gov, expected one of aws.partitions: aws",
        ],
    );
    check(
        "aws: {profile: a b}",
        &[":2: aws.profile: found \"a b\", expected the name of a profile, without spaces, for example default"],
    );
    check(
        "aws: {attemptTimeout: 0s}",
        &[
            ":2: aws.attemptTimeout: found \"0s\", expected a duration with its unit (h, m, s or ms), from 50ms to 1m, for \
           example 2s",
        ],
    );
    check(
        "aws: {signer: {goodLifetime: 25h}}",
        &[
            ":2: aws.signer.goodLifetime: found \"25h\", expected a duration with its unit (h, m, s or ms), from 10s to \
           24h, for example 5m",
        ],
    );
    check(
        "aws: {signer: {endpoint: 'http://signer.example'}}",
        &[
            ":2: aws.signer.endpoint: found \"http://signer.example\", expected https://HOST or https://HOST:PORT; http:// \
           only for loopback addresses, for example \
           https://vpce-0123456789abcdef0-example.data-signer.eu-central-1.vpce.amazonaws.com",
        ],
    );
    check(
        "aws: {signer: {regions: [eu-west-1]}}",
        &[":2: aws.signer.regions: found a list, expected a map from partitions to regions, for example \
           {aws: eu-central-1}"],
    );
    check(
        "aws: {signer: {regions: {eu: eu-west-1}}}",
        &[&format!(":2: aws.signer.regions.eu: found an unknown partition, expected one of {PARTITIONS}")],
    );
    check(
        "aws: {signer: {regions: {aws: 1}}}",
        &[&format!(":2: aws.signer.regions.aws: found the number 1, {region}")],
    );
    check(
        "aws: {signer: {regions: {aws: cn-north-1}}}",
        &[":2: aws.signer.regions.aws: found cn-north-1, which is in the partition aws-cn, expected a region of the \
           partition aws"],
    );
    check(
        "aws:\n  partitions: [aws]\n  signer: {regions: {aws-cn: cn-north-1}}",
        &[":4: aws.signer.regions: found the partition aws-cn, expected one of aws.partitions: aws"],
    );
}

#[test]
fn no_key_is_compared_with_a_list_of_partitions_that_has_a_mistake() {
    let others = format!(
        "region: eu-west-1, signer: {{regions: {{aws-cn: cn-north-1}}}}}}\nregistries: [{{host: {HOST}, credentials: {{ecr: {{}}}}}}]"
    );
    for (list, mistake) in [
        ("[]", "aws.partitions: found an empty list, expected at least one partition".to_owned()),
        ("aws", "aws.partitions: found a text, expected a list, for example [aws]".to_owned()),
        ("[aws-de]", format!("aws.partitions[0]: found \"aws-de\", expected one of {PARTITIONS}, for example aws")),
        (
            "[aws-us-gov, AWS]",
            format!("aws.partitions[1]: found \"AWS\", expected one of {PARTITIONS}, for example aws"),
        ),
    ] {
        check(&format!("aws: {{partitions: {list}, {others}"), &[&format!(":2: {mistake}")]);
    }
}

#[test]
fn a_kind_of_credentials_without_a_map_names_the_map_to_write() {
    for kind in ["ecr", "acr"] {
        for (value, found) in [("", "nothing"), ("true", "a boolean"), ("x", "a text")] {
            check(
                &format!("registries: [{{host: {HOST}, credentials: {{{kind}: {value}}}}}]"),
                &[&format!(
                    ":2: registries[0].credentials.{kind}: found {found}, expected a map of keys; write `{kind}: {{}}` for the identity \
                     of the pod"
                )],
            );
        }
    }
}

#[test]
fn reads_credentials_of_amazon_ecr() {
    let text = format!(
        "registries:
- {{host: {HOST}, credentials: {{ecr: {{}}}}}}
- host: '*.dkr.ecr.us-gov-west-1.amazonaws.com'
  credentials:
    ecr: {{roleArn: 'arn:aws-us-gov:iam::111122223333:role/pull', externalId: tenant-1}}
- {{host: public.ecr.aws, credentials: {{ecr: {{endpoint: 'https://ecr.example', region: eu-west-2}}}}}}
- {{host: 111122223333.dkr-ecr-fips.us-east-1.on.aws, credentials: {{ecr: {{}}}}}}
"
    );
    let config = parse(&format!("{TRUST}{text}"), Purpose::Verify).unwrap();
    let none = Ecr { role_arn: None, external_id: None, endpoint: None, region: None };
    let role = Some("arn:aws-us-gov:iam::111122223333:role/pull".parse().unwrap());
    let expected = [
        none.clone(),
        Ecr { role_arn: role, external_id: Some("tenant-1".to_owned()), ..none.clone() },
        Ecr {
            endpoint: Some("https://ecr.example".parse().unwrap()),
            region: Some("eu-west-2".parse().unwrap()),
            ..none.clone()
        },
        none,
    ];
    let found = config.registries.into_iter().map(|registry| registry.credentials);
    assert_eq!(found.collect::<Vec<_>>(), expected.map(Credentials::Ecr));
}

#[test]
fn refuses_credentials_of_amazon_ecr_for_other_hosts() {
    let wanted = "expected a host of Amazon ECR: ACCOUNT.dkr.ecr.REGION.amazonaws.com, *.dkr.ecr.REGION.amazonaws.com or \
                  public.ecr.aws; no token of AWS is sent to another host";
    for host in ["registry.example.com", "docker.io", "127.0.0.1:5000"] {
        check(
            &format!("registries: [{{host: '{host}', credentials: {{ecr: {{}}}}}}]"),
            &[&format!(":2: registries[0].credentials.ecr: found credentials for {host}, {wanted}")],
        );
    }
}

#[test]
fn a_host_that_is_almost_one_of_amazon_ecr_has_its_wrong_part_in_the_message() {
    let account = "twelve digits";
    let service = "one of dkr.ecr, dkr.ecr-fips, dkr-ecr, dkr-ecr-fips";
    let domain = "amazonaws.com or on.aws, as eu-west-1 is in the partition aws";
    let region = "a name such as eu-central-1";
    let of_china = "amazonaws.com.cn or on.amazonwebservices.com.cn, as cn-north-1 is in the partition aws-cn";
    for (host, found, expected) in [
        ("*.amazonaws.com", "the service \"amazonaws.com\"", service),
        ("*.eu-west-1.amazonaws.com", "the service \"eu-west-1.amazonaws\"", service),
        ("*.dkr.ecr.eu-west-1.amazonaws.com.evil.example", "the domain \"amazonaws.com.evil.example\"", domain),
        ("*.dkr.ecr.cn-north-1.amazonaws.com", "the domain \"amazonaws.com\"", of_china),
        ("*.dkr.ecr.frankfurt.amazonaws.com", "the region \"frankfurt\"", region),
        ("*.ecr.aws", "the service \"ecr.aws\"", service),
        ("111122223333.dkr.ecr.eu-west-1.amazonaws.com:5000", "the port \"5000\"", "none, or 443"),
        ("1111-2222-3333.dkr.ecr.eu-west-1.amazonaws.com", "the account \"1111-2222-3333\"", account),
        ("x.public.ecr.aws", "the account \"x\"", account),
    ] {
        let text = format!(
            ":2: registries[0].credentials.ecr: found credentials for {host}, with {found}, expected {expected}, as in \
             ACCOUNT.dkr.ecr.REGION.amazonaws.com, *.dkr.ecr.REGION.amazonaws.com or public.ecr.aws; no token of AWS is sent to \
             another host"
        );
        check(&format!("registries: [{{host: '{host}', credentials: {{ecr: {{}}}}}}]"), &[&text]);
    }
}

#[test]
fn refuses_credentials_of_amazon_ecr_in_other_partitions() {
    check(
        &format!(
            "aws: {{partitions: [aws-cn]}}\nregistries:\n- host: a.b\n- host: {HOST}\n  credentials: {{ecr: {{}}}}\n- host: \
             public.ecr.aws\n  credentials: {{ecr: {{}}}}"
        ),
        &[
            &format!(
                ":5: registries[1].host: found {HOST} with credentials.ecr, which is in the partition aws, expected one of \
                 aws.partitions: aws-cn"
            ),
            ":7: registries[2].host: found public.ecr.aws with credentials.ecr, which is in the partition aws, expected one \
             of aws.partitions: aws-cn",
        ],
    );
    let ecr = |keys: &str, message: &str| {
        check(&format!("registries: [{{host: {HOST}, credentials: {{ecr: {{{keys}}}}}}}]"), &[message]);
    };
    ecr(
        "roleArn: 'arn:aws-cn:iam::111122223333:role/pull'",
        &format!(
            ":2: registries[0].credentials.ecr: found arn:aws-cn:iam::111122223333:role/pull in roleArn, which is in the \
             partition aws-cn, expected the partition of {HOST}, aws"
        ),
    );
    ecr(
        "endpoint: 'https://ecr.example', region: cn-north-1",
        &format!(
            ":2: registries[0].credentials.ecr: found cn-north-1 in region, which is in the partition aws-cn, expected the \
             partition of {HOST}, aws"
        ),
    );
}

#[test]
fn refuses_bad_values_of_credentials_of_amazon_ecr() {
    let ecr = |keys: &str, message: &str| {
        check(&format!("registries: [{{host: {HOST}, credentials: {{ecr: {{{keys}}}}}}}]"), &[message]);
    };
    let role = ":2: registries[0].credentials.ecr.roleArn";
    ecr(
        "roleArn: pull",
        &format!(
            "{role}: found \"pull\", expected arn:aws:iam::ACCOUNT:role/NAME, with the partition of the account and twelve \
             digits, for example arn:aws:iam::111122223333:role/pull"
        ),
    );
    let example = "for example arn:aws:iam::111122223333:role/pull";
    for (arn, found, expected) in [
        ("arn:aws:iam::1111-2222-3333:role/pull", "the account \"1111-2222-3333\"", "twelve digits"),
        (
            "arn:aws:sts::111122223333:assumed-role/pull/x",
            "the service \"sts\"",
            "iam, as in the ARN of the role itself and not of a session",
        ),
        ("arn:aws:iam::111122223333:user/pull", "the resource \"user/pull\"", "role/NAME or role/PATH/NAME"),
    ] {
        let expected = format!("{role}: found {found} in {arn:?}, expected {expected}, {example}");
        ecr(&format!("roleArn: '{arn}'"), &expected);
    }
    ecr(
        "roleArn: 'arn:aws:iam::1:role/hunter2@x'",
        &format!(
            "{role}: found a string with @, which is not shown, expected arn:aws:iam::ACCOUNT:role/NAME, with the partition of the \
             account and twelve digits, {example}"
        ),
    );
    ecr(
        "externalId: tenant-1",
        &format!(
            "{role}: found nothing, expected the role that requires externalId, for example \
             arn:aws:iam::111122223333:role/pull"
        ),
    );
    ecr(
        "roleArn: 'arn:aws:iam::111122223333:role/pull', externalId: a",
        ":2: registries[0].credentials.ecr.externalId: found \"a\", expected 2 to 1224 letters, digits or characters of \
         _+=,.@:/-, for example tenant-1",
    );
    ecr(
        "region: eu-west-2",
        ":2: registries[0].credentials.ecr.endpoint: found nothing, expected the endpoint whose requests are signed for \
         `region`; without one, the region is that of the registry",
    );
    let api = "the API of Amazon ECR, which issues tokens: https://api.ecr.REGION.amazonaws.com, or the name of the VPC endpoint \
               com.amazonaws.REGION.ecr.api";
    for registry in [
        "111122223333.dkr.ecr.eu-west-1.amazonaws.com",
        "111122223333.dkr-ecr.eu-west-1.on.aws",
        "111122223333.dkr.ecr-fips.us-east-1.amazonaws.com",
        "vpce-0123456789abcdef0-example.dkr.ecr.eu-west-1.vpce.amazonaws.com",
        "dkr.ecr.eu-west-1.amazonaws.com",
        "dkr-ecr.eu-west-1.on.aws",
        "public.ecr.aws",
    ] {
        ecr(
            &format!("endpoint: 'https://{registry}'"),
            &format!(
                ":2: registries[0].credentials.ecr.endpoint: found https://{registry}, which is a registry, expected {api}"
            ),
        );
    }
    check(
        &format!("registries: [{{host: {HOST}, plainHttp: true, credentials: {{ecr: {{}}}}}}]"),
        &[
            ":2: registries[0].plainHttp: found true beside credentials, expected one or the other; credentials would be \
           sent in clear text",
        ],
    );
    check(
        &format!("registries: [{{host: {HOST}, realmHosts: [auth.example.com], credentials: {{ecr: {{}}}}}}]"),
        &[
            ":2: registries[0].realmHosts: found hosts beside credentials.ecr, expected none; Amazon ECR names no token \
           services of other hosts",
        ],
    );
    check(
        &format!("registries: [{{host: {HOST}, credentials: {{ecr: {{}}, dockerConfig: x}}}}]"),
        &[
            ":2: registries[0].credentials: found 2 kinds, expected one of dockerConfig, usernameFile with passwordFile, ecr, acr, \
           google, or anonymous: true",
        ],
    );
}
