//! `deploy/gke`: its page, followed on this machine with a program in place of the gcloud CLI, and its samples.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::fs::symlink;
use std::path::Path;

use countersign::config::Config;
use countersign::config::Purpose;
use countersign_core::policy::TrustPolicy;
use countersign_test_support::binary;
use countersign_testkit::folder::Folder;
use serde_json::Value as Json;
use serde_json::json;

use crate::documents::deploy::files::CONFIG_PATH;
use crate::documents::deploy::files::documents;
use crate::documents::deploy::files::read;
use crate::documents::deploy::files::repository;
use crate::documents::markdown::blocks;
use crate::documents::markdown::shell;

const PAGE: &str = "deploy/gke/README.md";

/// In place of the gcloud CLI: writes each call into a file, and knows the number of the project.
const GCLOUD: &str = r#"#!/bin/sh
echo "$*" >> calls
case "$*" in *"projects describe"*) echo 123456789012 ;; esac
"#;

/// The values of another user than those of the samples.
const VALUES: [(&str, &str); 4] =
    [("GCP_PROJECT", "shop-1"), ("GCP_LOCATION", "us-central1"), ("GKE_CLUSTER", "production"), ("REPOSITORY", "apps")];

/// Follows the page in a folder, but for the commands for the cluster.
fn follow() -> Folder {
    let folder = Folder::new();
    symlink(repository("deploy"), folder.path().join("deploy")).unwrap();
    folder.write("bin/gcloud", GCLOUD);
    fs::set_permissions(folder.path().join("bin/gcloud"), fs::Permissions::from_mode(0o755)).unwrap();
    let path = format!("{}:{}", folder.path().join("bin").display(), std::env::var("PATH").unwrap());
    let lines: Vec<_> = shell(&read(PAGE)).into_iter().filter(|line| !line.starts_with("kubectl ")).collect();
    // One shell, as the user's: the first line sets variables.
    let script = VALUES.iter().fold(format!("set -e\n{}\n", lines.join("\n")), |script, (name, value)| {
        let former = script.split_once(&format!("{name}=")).unwrap().1.split([' ', '\n']).next().unwrap().to_owned();
        script.replacen(&format!("{name}={former}"), &format!("{name}={value}"), 1)
    });
    let output =
        binary::command("sh", &[("PATH", path.as_str())]).args(["-c", &script]).current_dir(folder.path()).output();
    let output = output.unwrap();
    assert!(output.status.success(), "{output:?}");
    folder
}

fn content(folder: &Folder, path: &str) -> String {
    fs::read_to_string(folder.path().join(path)).unwrap()
}

fn configuration(text: &str) -> Config {
    Config::parse(text, Path::new(CONFIG_PATH), Purpose::Serve).unwrap_or_else(|error| panic!("{error}"))
}

#[test]
fn the_page_can_be_followed_with_other_values() {
    let folder = follow();
    let calls = content(&folder, "calls");
    let members: Vec<_> =
        calls.lines().filter_map(|line| line.split_once("--member ")).map(|(_, member)| member).collect();
    assert_eq!(
        members,
        [
            "principal://iam.googleapis.com/projects/123456789012/locations/global/workloadIdentityPools/shop-1.svc.id.goog/subject/ns/\
             countersign/sa/countersign",
            "serviceAccount:countersign@shop-1.iam.gserviceaccount.com",
            "serviceAccount:shop-1.svc.id.goog[countersign/countersign]",
        ]
    );
    let roles: Vec<_> = calls.split_ascii_whitespace().filter(|word| word.starts_with("roles/")).collect();
    let reader = "roles/artifactregistry.reader";
    assert_eq!(roles, [reader, reader, "roles/iam.workloadIdentityUser"]);
    for former in ["my-project", "europe-west1", "my-gke-cluster", "images"] {
        assert!(!calls.contains(former), "{former}: {calls}");
    }
    let policy = content(&folder, "my-cluster/trustpolicy.json");
    TrustPolicy::parse(policy.as_bytes()).unwrap();
    let policy: Json = serde_json::from_str(&policy).unwrap();
    assert_eq!(policy["trustPolicies"][0]["registryScopes"], json!(["us-central1-docker.pkg.dev/shop-1/apps/shop"]));
}

#[test]
fn the_configuration_has_credentials_for_the_images_of_the_trust_policy() {
    let config = configuration(&content(&follow(), "my-cluster/countersign.yaml"));
    let hosts: Vec<_> = config.registries.iter().map(|registry| registry.host.to_string()).collect();
    assert_eq!(hosts, ["us-central1-docker.pkg.dev", "gke.gcr.io", "mirror.gcr.io"]);
    let with_tokens = config.registries.iter().map(|registry| registry.credentials.google().is_some());
    assert_eq!(with_tokens.collect::<Vec<_>>(), [true, false, false]);
    // The rest is as in the base.
    let base = configuration(&read("deploy/base/config/countersign.yaml"));
    assert_eq!(format!("{:?}", config.server), format!("{:?}", base.server));
    assert_eq!(format!("{:?}", config.trust), format!("{:?}", base.trust));
}

#[test]
fn the_components_name_the_metadata_server_and_the_service_account() {
    let policy = documents("deploy/components/gke-workload-identity/networkpolicy.yaml").remove(0);
    let base = documents("deploy/base/networkpolicy.yaml").remove(0);
    assert_eq!(policy["spec"]["podSelector"], base["spec"]["podSelector"]);
    assert_ne!(policy["metadata"]["name"], base["metadata"]["name"]);
    let to = |cidr: &str, port: u16| json!({ "to": [{ "ipBlock": { "cidr": cidr } }], "ports": [{ "port": port, "protocol": "TCP" }] });
    let egress = json!([to("169.254.169.254/32", 80), to("169.254.169.252/32", 988)]);
    assert_eq!((&policy["spec"]["policyTypes"], &policy["spec"]["egress"]), (&json!(["Egress"]), &egress));
    let account = documents("deploy/components/gke-service-account/kustomization.yaml")[0]["replacements"].take();
    let expected = json!([{
        "source": { "kind": "ConfigMap", "name": "countersign-gke", "fieldPath": "data.serviceAccount" },
        "targets": [{
            "select": { "kind": "ServiceAccount", "name": "countersign" },
            "fieldPaths": ["metadata.annotations.[iam.gke.io/gcp-service-account]"],
            "options": { "create": true },
        }],
    }]);
    assert_eq!(account, expected);
}

#[test]
fn the_fragments_of_the_overlay_name_components_that_exist() {
    let fragments: Vec<_> = blocks(&read(PAGE)).0.into_iter().filter(|block| block.language == "text").collect();
    assert_eq!(fragments.len(), 2);
    for fragment in &fragments {
        let fragment: Json = serde_saphyr::from_str(&fragment.text).unwrap();
        for component in fragment["components"].as_array().unwrap() {
            let path = component.as_str().unwrap().strip_prefix("../").unwrap().to_owned();
            assert_eq!(documents(&format!("{path}/kustomization.yaml"))[0]["kind"], "Component", "{path}");
        }
    }
    // As the comment of the component has it.
    let fragment: Json = serde_saphyr::from_str(&fragments[1].text).unwrap();
    let comment = read("deploy/components/gke-service-account/kustomization.yaml");
    let comment: String =
        comment.lines().filter_map(|line| line.strip_prefix("#   ")).map(|line| format!("{line}\n")).collect();
    let comment: Json = serde_saphyr::from_str(&comment).unwrap();
    assert_eq!(comment["configMapGenerator"], fragment["configMapGenerator"]);
}
