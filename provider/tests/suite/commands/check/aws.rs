//! The section `aws` and `credentials.ecr`: what is shown, and the variables of the environment that cannot be used.

use countersign_testkit::pki::Authority;
use countersign_testkit::pki::CertSpec;
use serde_json::Value;
use serde_json::json;

use crate::commands::check::check_in;
use crate::commands::check::policy;
use crate::commands::check::sound;
use crate::commands::check::statement;

/// A file with something that may be a token.
const TOKEN: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml");

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

const PROFILE: &str = "arn:aws:signer:eu-west-1:111122223333:/signing-profiles/ci";
const GOV_PROFILE: &str = "arn:aws-us-gov:signer:us-gov-west-1:111122223333:/signing-profiles/ci";

/// The warnings about a statement with these identities and this verification, with the section `aws`, apart from those about
/// roots.
fn signer_warnings(section: &str, identities: &[&str], verification: &Value) -> Vec<(String, String)> {
    let folder = sound();
    let root = Authority::root(CertSpec::root());
    folder.write("trust/truststore/x509/signingAuthority/aws/root.pem", root.pem());
    let mut signed = statement("signed", "registry.example.com/app");
    signed["trustStores"] = json!(["signingAuthority:aws"]);
    signed["trustedIdentities"] = json!(identities);
    signed["signatureVerification"] = verification.clone();
    folder.write("trust/trustpolicy.json", policy(&[signed]));
    folder.write("c.yaml", format!("trust: {{directory: trust}}\nunlistedRegistries: refuse\nregistries: [{{host: registry.example.com}}]\n{section}"));
    let (code, text) = check_in(&folder, &["--for", "verify", "-o", "json"], &[("AWS_REGION", "eu-west-1")]);
    assert_eq!(code, Some(0), "{text}");
    let document: Value = serde_json::from_str(&text).unwrap();
    let found = warnings(&document).into_iter().filter(|(kind, _)| !kind.contains("root"));
    found.map(|(kind, message)| (kind.to_owned(), message.to_owned())).collect()
}

const INCONCLUSIVE: &str = "its images are inconclusive as signer-service-unchecked";
const ADMITTED: &str = "its images are admitted with the warning signer-service-unchecked, revoked signatures included";

#[test]
fn signing_profiles_whose_service_is_not_enabled_are_a_warning() {
    let skip = json!({"level": "strict", "override": {"revocation": "skip"}});
    let message = |effect: &str| {
        let instead = match effect {
            INCONCLUSIVE => "log, which admits them with that warning, or skip, which admits them without one",
            _ => "skip, which admits them without the warning",
        };
        format!(
            "statement \"signed\" trusts signing profiles of AWS Signer, and aws.signer.enabled is false, so that it is not asked \
             whether their signatures are revoked: {effect}; set aws.signer.enabled: true and allow signer:GetRevocationStatus to the \
             role of the pod; or override revocation in signatureVerification of the statement with {instead}"
        )
    };
    for section in ["", "aws: {region: eu-west-1}\n", "aws: {signer: {enabled: false}}\n"] {
        for (level, effect) in [("strict", INCONCLUSIVE), ("permissive", ADMITTED), ("audit", ADMITTED)] {
            let found = signer_warnings(section, &[PROFILE, GOV_PROFILE], &json!({"level": level}));
            let found: Vec<_> = found.into_iter().filter(|(kind, _)| kind != "anybody-counts").collect();
            assert_eq!(found, [("aws-signer-not-enabled".to_owned(), message(effect))], "{section} {level}");
        }
        assert_eq!(signer_warnings(section, &[PROFILE], &skip), []);
    }
    assert_eq!(signer_warnings("aws: {signer: {enabled: true}}\n", &[PROFILE], &json!({"level": "strict"})), []);
}

#[test]
fn an_identity_that_aws_signer_cannot_have_is_a_warning_and_nothing_follows_from_it() {
    let only = "aws: {partitions: [aws], signer: {enabled: true}}\n";
    let partitions = "aws, aws-cn, aws-us-gov, aws-eusc, aws-iso, aws-iso-b, aws-iso-e, aws-iso-f";
    let profile = |partition: &str, region: &str, names: &str| {
        format!("arn:{partition}:signer:{region}:111122223333:/signing-profiles/{names}")
    };
    for (identity, why) in [
        (
            profile("aws-cn", "eu-west-1", "ci"),
            "AWS Signer has no such ARN: found the region eu-west-1, which is in the partition aws, expected a region of the partition \
             aws-cn, or the partition aws"
                .to_owned(),
        ),
        (
            profile("awss", "eu-west-1", "ci"),
            format!(
                "AWS Signer has no such ARN: found the partition \"awss\", expected one that this version knows: {partitions}"
            ),
        ),
        (
            profile("aws", "eu-west-1", "ci-profile"),
            "AWS Signer has no such ARN: found the name of the profile \"ci-profile\", expected 2 to 64 letters, digits and underscores"
                .to_owned(),
        ),
        (
            profile("aws", "eu-west-1", "ci/1"),
            "AWS Signer has no such ARN: found the version of the profile \"1\", expected 10 letters and digits".to_owned(),
        ),
        (
            profile("aws", "eu-west-1", "ci").replace("111122223333", "1111"),
            "it is not an ARN of AWS Signer: found the account \"1111\", expected twelve digits".to_owned(),
        ),
    ] {
        let message = format!("statement \"signed\" has the identity {identity:?}, which no signer matches: {why}");
        let found = signer_warnings(only, &[PROFILE, &identity], &json!({"level": "strict"}));
        assert_eq!(found, [("identity-never-matches".to_owned(), message)]);
    }
}

#[test]
fn a_signing_profile_of_a_partition_that_is_not_called_is_a_warning() {
    let only = "aws: {partitions: [aws], signer: {enabled: true}}\n";
    let message = |effect: &str| {
        format!(
            "statement \"signed\" has the identity {GOV_PROFILE:?}, and aws.partitions (aws) does not have its partition, so that \
             AWS Signer is not asked whether its signatures are revoked: {effect}; add aws-us-gov to aws.partitions"
        )
    };
    let version = format!("{GOV_PROFILE}/abcDEF1234");
    let alias = "arn:aws-us-gov:signer:::/aliases/com.example.release";
    for (level, effect) in [("strict", INCONCLUSIVE), ("permissive", ADMITTED)] {
        let found = signer_warnings(only, &[PROFILE, GOV_PROFILE, &version, alias], &json!({"level": level}));
        assert_eq!(found, [("aws-signer-partition-not-called".to_owned(), message(effect))], "{level}");
    }
    let skip = json!({"level": "strict", "override": {"revocation": "skip"}});
    assert_eq!(signer_warnings(only, &[GOV_PROFILE], &skip), []);
    assert_eq!(
        signer_warnings("aws: {signer: {enabled: true}}\n", &[PROFILE, GOV_PROFILE], &json!({"level": "strict"})),
        []
    );
}

#[test]
fn warns_about_an_endpoint_of_the_environment_that_cannot_be_used_and_a_web_identity_without_a_region() {
    let signer = |more: &str| format!("unlistedRegistries: anonymous\naws: {{{more}signer: {{enabled: true}}}}\n");
    let with_region = signer("region: eu-west-1, ");
    let expected = "expected https://HOST or https://HOST:PORT; http:// only for loopback addresses";
    for (variable, url, found) in [
        ("AWS_ENDPOINT_URL", "http://10.0.0.1:4566", "http://10.0.0.1:4566"),
        ("AWS_ENDPOINT_URL_STS", "https://user:hunter2@sts.example", "https://[login]@sts.example"),
    ] {
        let (_, document) = run(&with_region, &[(variable, url)]);
        let message =
            format!("AWS is not called: the environment variable {variable}: endpoint: found \"{found}\", {expected}");
        assert_eq!(warnings(&document), [("aws-endpoint", message.as_str())]);
        assert!(!document.to_string().contains("hunter2"));
    }
    let (_, document) = run(&with_region, &[("AWS_ENDPOINT_URL", "https://sts.example")]);
    assert_eq!(warnings(&document), []);
    let web_identity =
        [("AWS_WEB_IDENTITY_TOKEN_FILE", TOKEN), ("AWS_ROLE_ARN", "arn:aws:iam::111122223333:role/pull")];
    let (_, document) = run(&signer(""), &web_identity);
    let message = "the environment has AWS_WEB_IDENTITY_TOKEN_FILE and no region, in which STS is called; set aws.region, AWS_REGION \
                   or AWS_DEFAULT_REGION";
    assert!(warnings(&document).contains(&("aws-region", message)), "{document}");
    // STS is not called.
    let static_keys = [("AWS_ACCESS_KEY_ID", "AKIA"), ("AWS_SECRET_ACCESS_KEY", "hunter2")];
    let (_, document) = run(&signer(""), &[&web_identity[..], &static_keys].concat());
    assert!(!warnings(&document).iter().any(|(kind, _)| *kind == "aws-region"), "{document}");
    let (_, document) = run(&with_region, &web_identity);
    assert_eq!(warnings(&document), []);
}

#[test]
fn warns_about_variables_of_the_source_of_credentials_that_is_used() {
    let keys = "unlistedRegistries: anonymous\naws: {region: eu-west-1, signer: {enabled: true}}\n";
    let role = [("AWS_ROLE_ARN", "pull"), ("AWS_WEB_IDENTITY_TOKEN_FILE", TOKEN)];
    let uri = ("AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://agent.example/v1?key=hunter2");
    let static_keys = [("AWS_ACCESS_KEY_ID", "AKIA"), ("AWS_SECRET_ACCESS_KEY", "hunter2")];
    let of_role = "there are no credentials of AWS: the environment variable AWS_ROLE_ARN: found \"pull\", expected \
                   arn:aws:iam::ACCOUNT:role/NAME, with the partition of the account and twelve digits; correct the annotation \
                   eks.amazonaws.com/role-arn of the service account, from which EKS sets the variable, and restart the pod";
    let of_uri = "there are no credentials of AWS: the environment variable AWS_CONTAINER_CREDENTIALS_FULL_URI: found http:// with the \
                  name of another host, expected https://HOST/PATH, or http:// with localhost or an address of loopback or of the agent \
                  (169.254.170.23, 169.254.170.2, fd00:ec2::23), without a login; correct the variable; EKS Pod Identity sets it";
    let before_role = "the environment has AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, which come before the web identity (AWS_ROLE_ARN and \
                       AWS_WEB_IDENTITY_TOKEN_FILE): the role of the pod is not used; remove them if it is to be used";
    let before_uri = "the environment has AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, which come before EKS Pod Identity \
                      (AWS_CONTAINER_CREDENTIALS_FULL_URI): the role of the pod is not used; remove them if it is to be used";
    let no_secret = "the environment has AWS_ACCESS_KEY_ID and not AWS_SECRET_ACCESS_KEY, so that the keys are not used; set both, or none \
                     of them";
    let no_file = "the environment has AWS_ROLE_ARN and not AWS_WEB_IDENTITY_TOKEN_FILE, so that the web identity is not used; the \
                   webhook of EKS sets both in pods that start after their service account has the annotation \
                   eks.amazonaws.com/role-arn";
    let no_role = "the environment has AWS_WEB_IDENTITY_TOKEN_FILE and not AWS_ROLE_ARN, so that the web identity is not used; the \
                   webhook of EKS sets both in pods that start after their service account has the annotation \
                   eks.amazonaws.com/role-arn";
    for (environment, expected) in [
        (&role[..], &[("aws-credentials", of_role)][..]),
        (&[uri], &[("aws-credentials", of_uri)]),
        (&[role[0], role[1], static_keys[0], static_keys[1]], &[("aws-credentials", before_role)]),
        (&[uri, static_keys[0], static_keys[1]], &[("aws-credentials", before_uri)]),
        (&static_keys[..1], &[("aws-credentials", no_secret)]),
        (&role[..1], &[("aws-credentials", no_file)]),
        (&role[1..], &[("aws-credentials", no_role)]),
    ] {
        let (_, document) = run(keys, environment);
        assert_eq!(warnings(&document), expected, "{environment:?}");
        assert!(!document.to_string().contains("hunter2"));
    }
    // Without AWS they are not read.
    let (_, document) = run("unlistedRegistries: anonymous\n", &role);
    assert_eq!(warnings(&document), []);
}

#[test]
fn warns_about_an_endpoint_of_another_region_or_of_another_api() {
    let signer = |more: &str, endpoint: &str| {
        format!(
            "unlistedRegistries: anonymous\naws: {{region: eu-west-1, signer: {{enabled: true, {more}endpoint: '{endpoint}'}}}}\n"
        )
    };
    let other = "https://data-signer.us-east-1.amazonaws.com";
    let region = "aws.signer.endpoint: found https://data-signer.us-east-1.amazonaws.com, which is in us-east-1, and its requests are \
                  signed for eu-west-1, so that AWS refuses them; use an endpoint in eu-west-1, or name us-east-1 in \
                  aws.signer.regions";
    let api = "aws.signer.endpoint: found https://signer.eu-west-1.amazonaws.com, the API that makes signatures, expected the one that \
               has their status: put data- before signer";
    let service = "aws.signer.endpoint: found https://api.ecr.eu-west-1.amazonaws.com, which is the service ecr, expected that of AWS \
                   Signer with the status of signatures (data-signer)";
    for (keys, expected) in [
        (signer("", other), vec![("aws-endpoint", region)]),
        (signer("regions: {aws: us-east-1}, ", other), vec![]),
        (signer("", "https://signer.eu-west-1.amazonaws.com"), vec![("aws-endpoint", api)]),
        (signer("", "https://vpce-0123-abc.data-signer.eu-west-1.vpce.amazonaws.com"), vec![]),
        (signer("", "https://signatures.example"), vec![]),
        (signer("", "https://api.ecr.eu-west-1.amazonaws.com"), vec![("aws-endpoint", service)]),
    ] {
        assert_eq!(warnings(&run(&keys, &[]).1), expected, "{keys}");
    }
    let ecr = |more: &str| {
        let endpoint = "https://vpce-0123-abc.api.ecr.eu-west-1.vpce.amazonaws.com";
        let host = "'*.dkr.ecr.us-east-1.amazonaws.com'";
        format!(
            "unlistedRegistries: anonymous\nregistries: [{{host: {host}, credentials: {{ecr: {{endpoint: '{endpoint}'{more}}}}}}}]\n"
        )
    };
    let message = "registries *.dkr.ecr.us-east-1.amazonaws.com: credentials.ecr.endpoint: found \
                   https://vpce-0123-abc.api.ecr.eu-west-1.vpce.amazonaws.com, which is in eu-west-1, and its requests are signed for \
                   us-east-1, so that AWS refuses them; use an endpoint in us-east-1, or name eu-west-1 in credentials.ecr.region";
    assert_eq!(warnings(&run(&ecr(""), &[]).1), [("aws-endpoint", message)]);
    assert_eq!(warnings(&run(&ecr(", region: eu-west-1"), &[]).1), []);
    for (endpoint, service) in
        [("https://data-signer.us-east-1.amazonaws.com", "data-signer"), ("https://sts.us-east-1.amazonaws.com", "sts")]
    {
        let keys = ecr("").replace("https://vpce-0123-abc.api.ecr.eu-west-1.vpce.amazonaws.com", endpoint);
        let message = format!(
            "registries *.dkr.ecr.us-east-1.amazonaws.com: credentials.ecr.endpoint: found {endpoint}, which is the service {service}, \
             expected that of the API of Amazon ECR (api.ecr)"
        );
        assert_eq!(warnings(&run(&keys, &[]).1), [("aws-endpoint", message.as_str())]);
    }
}

#[test]
fn a_private_registry_of_amazon_without_credentials_is_a_warning() {
    let entry =
        |host: &str, more: &str| format!("unlistedRegistries: refuse\nregistries: [{{host: '{host}'{more}}}]\n");
    let account = "111122223333.dkr.ecr";
    for host in [
        &format!("{account}.eu-west-1.amazonaws.com"),
        "*.dkr.ecr.eu-west-1.amazonaws.com",
        "*.dkr.ecr.*.amazonaws.com",
        &format!("{account}.*.amazonaws.com"),
    ] {
        let message = format!(
            "registries {host} has no credentials, and Amazon ECR never answers without credentials; write `credentials: {{ ecr: {{}} }}`"
        );
        let (_, document) = run(&entry(host, ""), &[]);
        let found: Vec<_> = warnings(&document).into_iter().filter(|(kind, _)| *kind != "registry-refused").collect();
        assert_eq!(found, [("ecr-without-credentials", message.as_str())]);
    }
    for (host, more) in [
        ("111122223333.dkr.ecr.eu-west-1.amazonaws.com", ", credentials: {ecr: {}}"),
        ("public.ecr.aws", ""),
        ("registry.example.com", ""),
    ] {
        let (_, document) = run(&entry(host, more), &[]);
        assert!(!document.to_string().contains("ecr-without-credentials"), "{document}");
    }
    let mirror = format!("{account}.eu-west-1.amazonaws.com/docker-hub");
    let keys = |more: &str| {
        format!("unlistedRegistries: anonymous\nregistries: [{{host: docker.io, mirrors: [{mirror}]}}{more}]\n")
    };
    let message = format!(
        "the mirror {account}.eu-west-1.amazonaws.com has no credentials, and Amazon ECR never answers without credentials; write \
         `credentials: {{ ecr: {{}} }}` in an entry of registries for it"
    );
    let (_, document) = run(&keys(""), &[]);
    assert_eq!(warnings(&document), [("ecr-without-credentials", message.as_str())]);
    let (_, document) =
        run(&keys(&format!(", {{host: {account}.eu-west-1.amazonaws.com, credentials: {{ecr: {{}}}}}}")), &[]);
    assert!(!document.to_string().contains("ecr-without-credentials"), "{document}");
}

#[test]
fn warns_about_an_endpoint_of_the_environment_of_another_region_or_of_another_api() {
    let entry = |host: &str, keys: &str| format!("{{host: {host}, credentials: {{ecr: {{{keys}}}}}}}");
    let (private, public) = ("111122223333.dkr.ecr.us-east-1.amazonaws.com", "public.ecr.aws");
    let keys = |aws: &str, entries: &[String]| {
        format!(
            "unlistedRegistries: anonymous\naws: {{region: eu-west-1, {aws}}}\nregistries: [{}]\n",
            entries.join(", ")
        )
    };
    let other = |variable: &str, url: &str, region: &str, signed_for: &str, setting: &str| {
        let message = format!(
            "the environment variable {variable}: found {url}, which is in {region}, and its requests are signed for {signed_for}, so \
             that AWS refuses them; use an endpoint in {signed_for}, or name {region} in {setting}"
        );
        ("aws-endpoint".to_owned(), message)
    };
    let of = |variable: &str, url: &str, keys: &str| {
        let (_, document) = run(keys, &[(variable, url)]);
        warnings(&document).into_iter().map(|(kind, message)| (kind.to_owned(), message.to_owned())).collect::<Vec<_>>()
    };
    let tokens = "credentials.ecr.region beside credentials.ecr.endpoint";
    let ecr = "https://vpce-1-a.api.ecr.eu-west-1.vpce.amazonaws.com";
    let both = [entry(private, ""), entry("'*.dkr.ecr.us-east-1.amazonaws.com'", ""), entry(public, "")];
    for variable in ["AWS_ENDPOINT_URL_ECR", "AWS_ENDPOINT_URL"] {
        let expected = other(variable, ecr, "eu-west-1", "us-east-1", tokens);
        assert_eq!(of(variable, ecr, &keys("", &both[..2])), std::slice::from_ref(&expected));
        let public = format!(
            "the environment variable {variable}: found {ecr}, which is the service ecr, expected that of the API of Amazon ECR Public \
             (api.ecr-public)"
        );
        let both = of(variable, ecr, &keys("", &both));
        // Amazon ECR Public has a variable of its own.
        let is_of_all = variable == "AWS_ENDPOINT_URL";
        let more = is_of_all.then_some(("aws-endpoint".to_owned(), public));
        assert_eq!(both, [expected].into_iter().chain(more).collect::<Vec<_>>());
    }
    let own = [entry(private, "endpoint: 'https://api.ecr.us-east-1.amazonaws.com'")];
    assert_eq!(of("AWS_ENDPOINT_URL_ECR", ecr, &keys("", &own)), []);
    let here = [entry("111122223333.dkr.ecr.eu-west-1.amazonaws.com", "")];
    assert_eq!(of("AWS_ENDPOINT_URL_ECR", ecr, &keys("", &here)), []);
    let of_public = "https://ecr-public.us-west-2.api.aws";
    let expected = other("AWS_ENDPOINT_URL_ECR_PUBLIC", of_public, "us-west-2", "us-east-1", tokens);
    assert_eq!(of("AWS_ENDPOINT_URL_ECR_PUBLIC", of_public, &keys("", &both)), [expected]);
    let signer = "https://data-signer.us-east-1.amazonaws.com";
    let expected = other("AWS_ENDPOINT_URL_SIGNER", signer, "us-east-1", "eu-west-1", "aws.signer.regions");
    assert_eq!(of("AWS_ENDPOINT_URL_SIGNER", signer, &keys("signer: {enabled: true}", &[])), [expected]);
    let regions = "signer: {enabled: true, regions: {aws: us-east-1}}";
    assert_eq!(of("AWS_ENDPOINT_URL_SIGNER", signer, &keys(regions, &[])), []);
    let api = "the environment variable AWS_ENDPOINT_URL_SIGNER: found https://signer.eu-west-1.amazonaws.com, the API that makes \
               signatures, expected the one that has their status: put data- before signer";
    assert_eq!(
        of("AWS_ENDPOINT_URL_SIGNER", "https://signer.eu-west-1.amazonaws.com", &keys("signer: {enabled: true}", &[])),
        [("aws-endpoint".to_owned(), api.to_owned())]
    );
    // Requests for the web identity of the pod are not signed, those for a role are.
    let sts = "https://sts.us-east-1.amazonaws.com";
    assert_eq!(of("AWS_ENDPOINT_URL_STS", sts, &keys("", &here)), []);
    let other_service = |variable: &str, label: &str, url: &str, expected: &str| {
        let message = format!(
            "the environment variable {variable}: found {url}, which is the service {label}, expected {expected}"
        );
        ("aws-endpoint".to_owned(), message)
    };
    let here_ecr = "https://ecr.eu-west-1.amazonaws.com";
    let expected = other_service("AWS_ENDPOINT_URL_STS", "ecr", here_ecr, "that of AWS STS (sts)");
    assert_eq!(of("AWS_ENDPOINT_URL_STS", here_ecr, &keys("", &here)), [expected]);
    // STS is not called: neither a role nor a web identity.
    assert_eq!(of("AWS_ENDPOINT_URL", here_ecr, &keys("", &here)), []);
    let role = [entry(private, "roleArn: 'arn:aws:iam::111122223333:role/pull'")];
    let expected = other("AWS_ENDPOINT_URL_STS", sts, "us-east-1", "eu-west-1", "aws.region");
    assert_eq!(of("AWS_ENDPOINT_URL_STS", sts, &keys("", &role)), [expected]);
}

#[test]
fn warns_about_variables_that_are_not_read() {
    let keys = |more: &str| {
        format!("unlistedRegistries: anonymous\naws: {{region: eu-west-1, {more}signer: {{enabled: true}}}}\n")
    };
    for (variable, value, setting, set) in [
        ("AWS_USE_FIPS_ENDPOINT", "true", "aws.fips", "fips: true, "),
        ("AWS_USE_DUALSTACK_ENDPOINT", "true", "aws.dualStack", "dualStack: true, "),
        ("AWS_USE_FIPS_ENDPOINT", "True", "aws.fips", "fips: true, "),
        ("AWS_PROFILE", "team", "aws.profile", "profile: team, "),
        ("AWS_CA_BUNDLE", "/etc/ca.pem", "aws.ca", "ca: system.pem, "),
    ] {
        let message = format!("the environment variable {variable} is not read; set {setting}");
        let (_, document) = run(&keys(""), &[(variable, value)]);
        assert_eq!(warnings(&document), [("aws-variable-not-read", message.as_str())]);
        assert_eq!(warnings(&run(&keys(set), &[(variable, value)]).1), [], "{variable}");
    }
    let ignore = ("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "true");
    let message = "the environment variable AWS_IGNORE_CONFIGURED_ENDPOINT_URLS is not read; remove the variables of endpoints that are \
                   not to be used (AWS_ENDPOINT_URL and AWS_ENDPOINT_URL_SERVICE)";
    let endpoint = ("AWS_ENDPOINT_URL_SIGNER", "https://data-signer.eu-west-1.amazonaws.com");
    assert_eq!(warnings(&run(&keys(""), &[ignore, endpoint]).1), [("aws-variable-not-read", message)]);
    assert_eq!(warnings(&run(&keys(""), &[ignore]).1), []);
    assert_eq!(warnings(&run(&keys(""), &[("AWS_USE_FIPS_ENDPOINT", "false")]).1), []);
    assert_eq!(warnings(&run("unlistedRegistries: anonymous\n", &[("AWS_PROFILE", "team")]).1), []);
}

#[test]
fn variables_of_this_machine_are_no_warnings_about_the_configuration_of_a_pod() {
    let folder = sound();
    folder.write("trust/trustpolicy.json", policy(&[statement("app", "registry.example.com/app")]));
    let endpoint = "https://signer.eu-west-1.amazonaws.com";
    let aws = format!("aws: {{region: eu-west-1, signer: {{enabled: true, endpoint: '{endpoint}'}}}}");
    folder.write("c.yaml", format!("trust: {{directory: trust}}\nunlistedRegistries: anonymous\n{aws}\n"));
    let root = folder.path().display().to_string();
    let environment = [("AWS_PROFILE", "team"), ("AWS_ENDPOINT_URL_STS", "http://10.0.0.1:4566")];
    let found = |arguments: &[&str]| {
        let (_, text) = check_in(&folder, &[&["--for", "verify", "-o", "json"], arguments].concat(), &environment);
        let document: Value = serde_json::from_str(&text).unwrap();
        warnings(&document).into_iter().map(|(_, message)| message.to_owned()).collect::<Vec<_>>()
    };
    let of_setting = format!(
        "aws.signer.endpoint: found {endpoint}, the API that makes signatures, expected the one that has their status: put data- before \
         signer"
    );
    assert_eq!(found(&["--root", &root]), [of_setting]);
    let own = found(&[]);
    assert_eq!(own.len(), 3, "{own:?}");
}
