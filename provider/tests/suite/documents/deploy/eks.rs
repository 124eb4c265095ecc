//! `deploy/eks`: its page, followed on this machine with a program in place of the AWS CLI, and its samples.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::fs::symlink;
use std::path::Path;

use countersign::config::Config;
use countersign::config::Credentials;
use countersign::config::Purpose;
use countersign_aws::Operation;
use countersign_core::policy::TrustPolicy;
use countersign_test_support::binary;
use countersign_testkit::aws::signature::SignerPki;
use countersign_testkit::folder::Folder;
use serde_json::Value as Json;
use serde_json::json;

use crate::documents::deploy::files::CONFIG_PATH;
use crate::documents::deploy::files::deployment;
use crate::documents::deploy::files::documents;
use crate::documents::deploy::files::entries;
use crate::documents::deploy::files::read;
use crate::documents::deploy::files::repository;
use crate::documents::deploy::files::set;
use crate::documents::deploy::files::text;
use crate::documents::deploy::files::texts;
use crate::documents::markdown::blocks;
use crate::documents::markdown::shell;

const PAGE: &str = "deploy/eks/README.md";

/// In place of the AWS CLI: writes each call and the documents that it sends into a file, and knows the issuer of the cluster.
const AWS: &str = r#"#!/bin/sh
{ echo "$*"; for word; do case "$word" in file://*) cat "${word#file://}" || exit 1 ;; esac; done; echo; } >> calls
case "$*" in *describe-cluster*) echo https://oidc.eks.eu-central-1.amazonaws.com/id/0A1B2C3D ;; esac
"#;

/// In place of curl: writes the certificate of the test.
const CURL: &str = "#!/bin/sh\ncp root.crt \"$3\"\n";

/// The values of another user than those of the samples.
const VALUES: [(&str, &str); 3] =
    [("AWS_ACCOUNT", "999988887777"), ("AWS_REGION", "eu-central-1"), ("EKS_CLUSTER", "production")];

/// Follows the page in a folder, but for the commands for the cluster. Returns the folder.
fn follow() -> Folder {
    let folder = Folder::new();
    folder.write("root.crt", SignerPki::new("eu-central-1").root_pem());
    symlink(repository("deploy"), folder.path().join("deploy")).unwrap();
    for (name, program) in [("aws", AWS), ("curl", CURL), ("openssl", "#!/bin/sh\n"), ("notation", "#!/bin/sh\n")] {
        folder.write(&format!("bin/{name}"), program);
        fs::set_permissions(folder.path().join(format!("bin/{name}")), fs::Permissions::from_mode(0o755)).unwrap();
    }
    let path = format!("{}:{}", folder.path().join("bin").display(), std::env::var("PATH").unwrap());
    let lines = shell(&read(PAGE));
    let lines: Vec<_> = lines.iter().filter(|line| !line.starts_with("kubectl ")).collect();
    // One shell, as the user's: the first line sets variables.
    let script = format!("set -e\n{}\n", lines.iter().map(|line| line.as_str()).collect::<Vec<_>>().join("\n"));
    let mut command = binary::command("sh", &[("PATH", path.as_str())]);
    let script = VALUES.iter().fold(script, |script, (name, value)| {
        let before = script.split_once(&format!("{name}=")).unwrap().1.split([' ', '\n']).next().unwrap().to_owned();
        script.replacen(&format!("{name}={before}"), &format!("{name}={value}"), 1)
    });
    let output = command.args(["-c", &script]).current_dir(folder.path()).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    folder
}

fn content(folder: &Folder, path: &str) -> String {
    fs::read_to_string(folder.path().join(path)).unwrap()
}

#[test]
fn the_page_can_be_followed_with_other_values() {
    let folder = follow();
    let mut files = vec!["countersign.yaml".to_owned(), "trustpolicy.json".to_owned()];
    files.extend(entries("deploy/eks/iam").into_iter().map(|name| format!("iam/{name}")));
    for file in files {
        let text = content(&folder, &format!("my-cluster/{file}"));
        for former in ["111122223333", "eu-west-1", "my-eks-cluster", "EXAMPLE"] {
            assert!(!text.contains(former), "{file} has {former}");
        }
    }
    let trust: Json = serde_json::from_str(&content(&folder, "my-cluster/iam/trust-irsa.json")).unwrap();
    let issuer = "oidc.eks.eu-central-1.amazonaws.com/id/0A1B2C3D";
    let statement = &trust["Statement"][0];
    assert_eq!(
        statement["Principal"],
        json!({ "Federated": format!("arn:aws:iam::999988887777:oidc-provider/{issuer}") })
    );
    let condition = json!({
        format!("{issuer}:aud"): "sts.amazonaws.com",
        format!("{issuer}:sub"): "system:serviceaccount:countersign:countersign",
    });
    assert_eq!(statement["Condition"], json!({ "StringEquals": condition }));
    assert!(content(&folder, "my-cluster/aws-signer-root.crt").starts_with("-----BEGIN CERTIFICATE-----"));
    // Every document is used by a command, or its purpose is in the table of permissions.
    let calls = content(&folder, "calls");
    for name in entries("deploy/eks/iam") {
        assert!(calls.contains(&format!("file://my-cluster/iam/{name}")) || name == "public-registry.json", "{name}");
        assert!(read(PAGE).contains(&format!("(iam/{name})")) || calls.contains(&name), "{name}");
    }
}

/// The configuration of a user who follows the page.
fn configuration(text: &str) -> Config {
    Config::parse(text, Path::new(CONFIG_PATH), Purpose::Serve).unwrap_or_else(|error| panic!("{error}"))
}

#[test]
fn the_configuration_has_credentials_for_the_images_of_the_trust_policy() {
    let folder = follow();
    let config = configuration(&content(&folder, "my-cluster/countersign.yaml"));
    assert!(config.aws.signer.enabled);
    let hosts: Vec<_> = config.registries.iter().map(|registry| registry.host.to_string()).collect();
    let region = "dkr.ecr.eu-central-1.amazonaws.com";
    assert_eq!(hosts, [format!("999988887777.{region}"), format!("*.{region}"), "public.ecr.aws".to_owned()]);
    let with_tokens = config.registries.iter().map(|registry| matches!(registry.credentials, Credentials::Ecr(_)));
    assert_eq!(with_tokens.collect::<Vec<_>>(), [true, true, false]);
    let policy = content(&folder, "my-cluster/trustpolicy.json");
    TrustPolicy::parse(policy.as_bytes()).unwrap();
    let policy: Json = serde_json::from_str(&policy).unwrap();
    let statement = &policy["trustPolicies"][0];
    assert_eq!(texts(&statement["registryScopes"]), ["999988887777.dkr.ecr.eu-central-1.amazonaws.com/shop"]);
    assert_eq!(
        texts(&statement["trustedIdentities"]),
        ["arn:aws:signer:eu-central-1:999988887777:/signing-profiles/ci"]
    );
    // The rest is as in the base.
    let base = configuration(&read("deploy/base/config/countersign.yaml"));
    assert_eq!(format!("{:?}", config.server), format!("{:?}", base.server));
    assert_eq!(format!("{:?}", config.trust), format!("{:?}", base.trust));
}

#[test]
fn the_fragments_of_the_page_are_valid_configurations() {
    let base = read("deploy/eks/config/countersign.yaml");
    let (start, end) = (base.find("aws:\n").unwrap(), base.find("# Users who create pods").unwrap());
    let fragments: Vec<_> = blocks(&read(PAGE)).0.into_iter().filter(|block| block.language == "text").collect();
    assert_eq!(fragments.len(), 2);
    for fragment in fragments {
        let optional = fragment.text.replace("# externalId", "externalId");
        assert_ne!(fragment.text.contains("externalId"), optional == fragment.text);
        for text in [fragment.text, optional] {
            let config = configuration(&format!("{}{text}{}", &base[..start], &base[end..]));
            assert!(matches!(config.registries[0].credentials, Credentials::Ecr(_)));
            // Its entries before those of the file; after them, those of the region of the file would never apply.
            let Some((_, entries)) = text.split_once("registries:\n") else { panic!("{text}") };
            let together = base.replace("registries:\n", &format!("registries:\n{entries}"));
            let count = configuration(&together).registries.len();
            assert_eq!(count, configuration(&base).registries.len() + 1);
        }
    }
}

/// The actions of a document of IAM, which allows them.
fn actions(name: &str) -> BTreeSet<String> {
    let document: Json = serde_json::from_str(&read(&format!("deploy/eks/iam/{name}"))).unwrap();
    assert_eq!(document["Version"], "2012-10-17", "{name}");
    let statements = document["Statement"].as_array().unwrap().iter();
    statements
        .flat_map(|statement| {
            assert_eq!(statement["Effect"], "Allow", "{name}");
            // A trust policy and a repository policy have principals in place of resources.
            assert_ne!(statement.get("Principal").is_some(), statement.get("Resource").is_some(), "{name}");
            assert_ne!(statement["Principal"], "*", "{name}");
            let action = &statement["Action"];
            let one = action.as_str().map(str::to_owned);
            let several = action.as_array().into_iter().flatten().map(|action| action.as_str().unwrap().to_owned());
            one.into_iter().chain(several).collect::<Vec<_>>()
        })
        .collect()
}

/// What IAM checks for a request to Amazon ECR's registry: manifests and referrers, and blobs.
const REGISTRY: [&str; 2] = ["ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"];

#[test]
fn permissions_are_exactly_the_actions_that_the_code_uses() {
    let called = |operation: Operation, more: &[&str]| {
        let actions = operation.iam_action().split(" and ").chain(more.iter().copied());
        set(actions.map(str::to_owned))
    };
    let mut permissions = called(Operation::EcrToken, &REGISTRY);
    assert_eq!(actions("other-account-role-permissions.json"), permissions);
    permissions.extend(called(Operation::SignerStatus, &[]));
    assert_eq!(actions("permissions.json"), permissions);
    for name in ["other-account-repository.json", "other-account-repositories.json"] {
        assert_eq!(actions(name), set(REGISTRY.map(str::to_owned)), "{name}");
    }
    assert_eq!(actions("public-registry.json"), called(Operation::EcrPublicToken, &[]));
    // Sessions of EKS Pod Identity have tags, which a further role inherits.
    for name in ["assume-role.json", "other-account-role-trust.json", "trust-pod-identity.json"] {
        assert_eq!(actions(name), called(Operation::AssumeRole, &["sts:TagSession"]), "{name}");
    }
    assert_eq!(actions("trust-irsa.json"), called(Operation::Credentials, &[]));
    assert_eq!(entries("deploy/eks/iam").len(), 9);
    // The table of the page has each of them.
    let all: BTreeSet<_> = entries("deploy/eks/iam").iter().flat_map(|name| actions(name)).collect();
    let page = read(PAGE);
    for action in all.iter().filter(|action| *action != "sts:AssumeRoleWithWebIdentity") {
        assert!(page.contains(&format!("`{action}`")), "{action}");
    }
}

#[test]
fn only_the_service_account_of_the_deployment_may_use_the_role() {
    let account = deployment()["spec"]["template"]["spec"]["serviceAccountName"].take();
    let trust: Json = serde_json::from_str(&read("deploy/eks/iam/trust-pod-identity.json")).unwrap();
    let tags = &trust["Statement"][0]["Condition"]["StringEquals"];
    assert_eq!(tags["aws:RequestTag/kubernetes-service-account"], account);
    assert_eq!(tags["aws:RequestTag/kubernetes-namespace"], deployment()["metadata"]["namespace"]);
    assert_eq!(trust["Statement"][0]["Principal"], json!({ "Service": "pods.eks.amazonaws.com" }));
}

#[test]
fn the_components_name_the_service_account_and_the_agent() {
    let irsa = documents("deploy/components/eks-irsa/kustomization.yaml")[0]["replacements"].take();
    let expected = json!([{
        "source": { "kind": "ConfigMap", "name": "countersign-eks", "fieldPath": "data.roleArn" },
        "targets": [{
            "select": { "kind": "ServiceAccount", "name": "countersign" },
            "fieldPaths": ["metadata.annotations.[eks.amazonaws.com/role-arn]"],
            "options": { "create": true },
        }],
    }]);
    assert_eq!(irsa, expected);
    let agent = documents("deploy/components/eks-pod-identity/networkpolicy.yaml").remove(0);
    let base = documents("deploy/base/networkpolicy.yaml").remove(0);
    assert_eq!(agent["spec"]["podSelector"], base["spec"]["podSelector"]);
    assert_ne!(agent["metadata"]["name"], base["metadata"]["name"]);
    let egress = json!([{
        "to": [{ "ipBlock": { "cidr": "169.254.170.23/32" } }, { "ipBlock": { "cidr": "fd00:ec2::23/128" } }],
        "ports": [{ "port": 80, "protocol": "TCP" }],
    }]);
    assert_eq!((&agent["spec"]["policyTypes"], &agent["spec"]["egress"]), (&json!(["Egress"]), &egress));
}

/// The overlay of the page; `irsa` with the commented parts in place of Pod Identity.
fn overlay(irsa: bool) -> Json {
    let block = blocks(&read(PAGE)).0.into_iter().find(|block| block.language == "yaml").unwrap().text;
    assert!(block.starts_with("# my-cluster/kustomization.yaml\n"));
    let text = if irsa {
        let start = "  # - ../deploy/components/eks-irsa\n";
        assert!(block.contains(start));
        block
            .replace("  - ../deploy/components/eks-pod-identity\n", "")
            .replace("  # - ", "  - ")
            .replace("  #   ", "    ")
    } else {
        block
    };
    serde_saphyr::from_str(&text).unwrap()
}

#[test]
fn the_overlay_differs_from_the_one_of_the_guide_in_identity_and_trust_store_only() {
    let guide = read("deploy/README.md");
    let block = guide.split("```yaml\n").find(|block| block.starts_with("# my-cluster/kustomization.yaml\n")).unwrap();
    let guide: Json = serde_saphyr::from_str(block.split("```").next().unwrap()).unwrap();
    let own = overlay(false);
    for key in ["resources", "images", "secretGenerator"] {
        assert_eq!(own[key], guide[key], "{key}");
    }
    let components =
        |identity: &str| [format!("../deploy/components/{identity}"), "../deploy/components/ca-bundle".to_owned()];
    assert_eq!(texts(&own["components"]), components("eks-pod-identity"));
    let with_irsa = overlay(true);
    assert_eq!(texts(&with_irsa["components"]), components("eks-irsa"));
    let local = &own["secretGenerator"][0]["options"];
    let role = json!({
        "name": "countersign-eks",
        "literals": ["roleArn=arn:aws:iam::111122223333:role/countersign-irsa"],
        "options": local,
    });
    assert_eq!(with_irsa["configMapGenerator"][0], role);
    assert_eq!(
        with_irsa["configMapGenerator"].as_array().unwrap()[1..],
        *own["configMapGenerator"].as_array().unwrap()
    );
    let mut expected = guide["configMapGenerator"].clone();
    let store = &mut expected.as_array_mut().unwrap()[1];
    assert_eq!(store["name"], "countersign-truststore-ca-release");
    store["name"] = json!("countersign-truststore-aws-signer");
    store["files"] = json!(["aws-signer-root.crt"]);
    assert_eq!(own["configMapGenerator"], expected);
    let patch: Json = serde_saphyr::from_str(text(&own, "/patches/0/patch")).unwrap();
    let sources = json!([{ "configMap": {
        "name": "countersign-truststore-aws-signer",
        "optional": true,
        "items": [{ "key": "aws-signer-root.crt", "path": "x509/signingAuthority/aws-signer-ts/root.crt" }],
    } }]);
    assert_eq!(
        patch["spec"]["template"]["spec"]["volumes"],
        json!([{ "name": "truststore", "projected": { "sources": sources } }])
    );
    let policy: Json = serde_json::from_str(&read("deploy/eks/config/trustpolicy.json")).unwrap();
    assert_eq!(texts(&policy["trustPolicies"][0]["trustStores"]), ["signingAuthority:aws-signer-ts"]);
}
