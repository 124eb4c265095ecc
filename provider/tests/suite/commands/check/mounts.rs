//! `--manifests` and `--root`: the configuration of a cluster, before it is applied.

use countersign_test_support::binary;
use countersign_testkit::folder::Folder;
use countersign_testkit::pki::Authority;
use countersign_testkit::pki::CertSpec;
use serde_json::Value;
use serde_json::json;

use crate::commands::check::policy;
use crate::commands::check::statement;

const CONFIG: &str = "/etc/countersign/config/countersign.yaml";

const TEXT: &str = "trust:\n  policy: /etc/countersign/trust-policy/trustpolicy.json\n  store: /etc/countersign/truststore\n\
                    server:\n  tls: {certificate: /etc/countersign/tls/tls.crt, key: /etc/countersign/tls/tls.key, \
                    clientCa: /etc/countersign/client-ca/ca.crt}\nunlistedRegistries: refuse\nregistries:\n\
                    - {host: registry.example.com, ca: /etc/countersign/registry-ca/ca.crt}\n";

fn config_map(name: &str, data: &Value) -> Value {
    json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "namespace": "countersign"}, "data": data})
}

fn deployment() -> Value {
    let mounts = ["config", "trust-policy", "truststore", "tls", "client-ca", "registry-ca"];
    let mounts: Vec<_> =
        mounts.iter().map(|name| json!({"name": name, "mountPath": format!("/etc/countersign/{name}")})).collect();
    json!({
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "countersign", "namespace": "countersign"},
        "spec": {"template": {"spec": {
            "containers": [{"name": "countersign", "volumeMounts": mounts}],
            "volumes": [
                {"name": "config", "configMap": {"name": "countersign-config-abc"}},
                {"name": "trust-policy", "configMap": {"name": "policy"}},
                {"name": "truststore", "projected": {"sources": [
                    {"configMap": {"name": "store", "items": [{"key": "release.crt", "path": "x509/ca/main/release.crt"}]}},
                ]}},
                {"name": "tls", "secret": {"secretName": "countersign-tls"}},
                {"name": "client-ca", "configMap": {"name": "client-ca"}},
                {"name": "registry-ca", "configMap": {"name": "registry-ca", "optional": true}},
            ],
        }}},
    })
}

/// Manifests as kustomize builds them, without the objects that are created by hand.
pub(super) fn objects() -> Vec<Value> {
    let root = Authority::root(CertSpec::root());
    vec![
        config_map("countersign-config-abc", &json!({"countersign.yaml": TEXT})),
        config_map("policy", &json!({"trustpolicy.json": policy(&[statement("app", "registry.example.com/app")])})),
        config_map("store", &json!({"release.crt": root.pem()})),
        config_map("client-ca", &json!({"ca.crt": Authority::root(CertSpec::root()).pem()})),
        deployment(),
    ]
}

/// Runs `check --manifests` with the objects.
pub(super) fn check(objects: &[Value], more: &[&str]) -> (Option<i32>, Value) {
    let folder = Folder::new();
    let text: Vec<String> = objects.iter().map(Value::to_string).collect();
    folder.write("built.yaml", text.join("\n---\n"));
    let temporary = folder.path().join("tmp");
    std::fs::create_dir(&temporary).unwrap();
    let mut command = binary::command(env!("CARGO_BIN_EXE_countersign"), &[]);
    command.args(["check", "--config", CONFIG, "-o", "json", "--manifests"]).arg(folder.path().join("built.yaml"));
    let output = command.args(more).env("TMPDIR", &temporary).output().unwrap();
    assert_eq!(std::str::from_utf8(&output.stderr).unwrap(), "");
    // Nothing is left of the files.
    assert_eq!(std::fs::read_dir(&temporary).unwrap().count(), 0);
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(!text.contains("countersign-check-"), "{text}");
    (output.status.code(), serde_json::from_str(&text).unwrap())
}

fn lines(document: &Value, list: &str, members: [&str; 3]) -> Vec<String> {
    let text = |one: &Value| {
        members.map(|member| one[member].as_str().unwrap_or_default().to_owned()).join("|").trim_matches('|').to_owned()
    };
    document[list].as_array().unwrap().iter().map(text).collect()
}

#[test]
fn what_the_manifests_mount_is_checked_and_the_rest_has_a_warning() {
    let (code, document) = check(&objects(), &[]);
    let found = lines(&document, "mistakes", ["file", "field", "found"]);
    assert_eq!((code, found), (Some(0), Vec::new()), "{document}");
    let missing = |volume: &str, object: &str| {
        format!(
            "Deployment \"countersign\": volume \"{volume}\" has the {object}, which is not among the manifests: its files \
             are not checked"
        )
    };
    let warnings: Vec<_> = document["warnings"].as_array().unwrap().iter().collect();
    let of_volumes = warnings.iter().filter(|warning| warning["warning"] == "volume-not-in-manifests");
    let of_volumes: Vec<_> = of_volumes.map(|warning| warning["message"].as_str().unwrap().to_owned()).collect();
    assert_eq!(
        of_volumes,
        [missing("tls", "Secret \"countersign-tls\""), missing("registry-ca", "ConfigMap \"registry-ca\"")]
    );
    assert_eq!(document["config"], CONFIG);
    // An optional volume whose files the configuration does not name has no warning.
    let mut without = objects();
    let without_ca = TEXT.replace(", ca: /etc/countersign/registry-ca/ca.crt", "");
    without[0]["data"]["countersign.yaml"] = json!(without_ca);
    let (_, of_others) = check(&without, &[]);
    let of_others: Vec<_> = of_others["warnings"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["message"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(of_others, [missing("tls", "Secret \"countersign-tls\"")]);
    assert_eq!(document["statements"][0]["rules"]["stores"][0]["store"], "ca:main");
}

#[test]
fn mistakes_name_the_paths_in_the_container() {
    let mut objects = objects();
    objects[0]["data"]["countersign.yaml"] = json!(format!("{TEXT}log: {{level: loud}}\n"));
    objects[2]["data"]["release.crt"] = json!("no PEM");
    objects[3]["data"]["ca.crt"] = json!("no PEM");
    let (code, document) = check(&objects, &[]);
    assert_eq!(code, Some(3), "{document}");
    let found: Vec<_> =
        document["mistakes"].as_array().unwrap().iter().map(|one| one["file"].as_str().unwrap()).collect();
    assert_eq!(found, [CONFIG, CONFIG, "/etc/countersign/truststore/x509/ca/main"], "{document}");
    assert_eq!(document["mistakes"][1]["found"], "/etc/countersign/client-ca/ca.crt: has no -----BEGIN line");
}

#[test]
fn wrong_volumes_are_mistakes() {
    let mut objects = objects();
    let volumes = &mut objects[4]["spec"]["template"]["spec"]["volumes"];
    volumes[2]["projected"]["sources"][0]["configMap"]["items"][0]["key"] = json!("root.crt");
    volumes[4]["name"] = json!("client");
    let (code, document) = check(&objects, &["--for", "verify"]);
    assert_eq!(code, Some(3), "{document}");
    let found = lines(&document, "mistakes", ["found", "expected", "-"]);
    let expected = [
        "the item \"root.crt\" at \"x509/ca/main/release.crt\" of ConfigMap \"store\"|one of its keys (release.crt), at a \
         relative path without ..",
        "a mount of the volume \"client-ca\"|a volume of the pod",
    ];
    assert_eq!(found[..2], expected, "{document}");
    // A store without its file.
    assert!(
        found.iter().any(|one| one.starts_with("trust store ca:main of statement \"app\" is missing")),
        "{document}"
    );

    let (code, document) = check(&objects[..4], &[]);
    assert_eq!(code, Some(3));
    assert_eq!(
        lines(&document, "mistakes", ["found", "expected", "-"]),
        [format!(
            "no container that mounts {CONFIG}|a Deployment, StatefulSet or DaemonSet with a volume at that path"
        )]
    );
}

#[test]
fn a_secret_among_the_manifests_is_decoded_and_paths_that_lead_out_are_refused() {
    use base64::Engine as _;
    let base64 = |text: String| base64::engine::general_purpose::STANDARD.encode(text);
    let mut objects = objects();
    let tls = Authority::root(CertSpec::root().common_name("TLS"));
    let server = tls.issue(CertSpec::tls_server(&["countersign.countersign.svc"]));
    objects.push(json!({
        "apiVersion": "v1", "kind": "Secret", "metadata": {"name": "countersign-tls", "namespace": "countersign"},
        "data": {"tls.crt": base64(server.pem()), "tls.key": base64(server.key_pem())},
    }));
    let (code, document) = check(&objects, &[]);
    assert_eq!(code, Some(0), "{document}");
    assert_eq!(document["doors"]["certificates"][0]["names"], json!(["countersign.countersign.svc"]));
    let source = "/spec/template/spec/volumes/2/projected/sources/0/configMap/items/0/path";
    *objects[4].pointer_mut(source).unwrap() = json!("../../outside");
    let (code, document) = check(&objects, &[]);
    assert_eq!(code, Some(3));
    let found = lines(&document, "mistakes", ["found", "expected", "-"]);
    assert!(
        found[0].starts_with("the item \"release.crt\" at \"../../outside\" of ConfigMap \"store\"|"),
        "{document}"
    );
}

#[test]
fn absolute_paths_are_below_the_given_root() {
    let folder = Folder::new();
    let root = |path: &str| format!("root/etc/countersign/{path}");
    // The command line needs no certificates of a server.
    let without_server = TEXT.lines().filter(|line| !line.starts_with("server:") && !line.starts_with("  tls:"));
    folder.write("countersign.yaml", without_server.collect::<Vec<_>>().join("\n"));
    folder.write(&root("trust-policy/trustpolicy.json"), policy(&[statement("app", "registry.example.com/app")]));
    folder.write(&root("truststore/x509/ca/main/release.crt"), Authority::root(CertSpec::root()).pem());
    let run = || {
        let mut command = binary::command(env!("CARGO_BIN_EXE_countersign"), &[]);
        command.current_dir(folder.path());
        command.args(["check", "--config", "countersign.yaml", "--root", "root", "--for", "verify", "-o", "json"]);
        let output = command.output().unwrap();
        let document: Value = serde_json::from_slice(&output.stdout).unwrap();
        (output.status.code(), lines(&document, "mistakes", ["field", "found", "-"]))
    };
    let missing = "cannot be read: No such file or directory (os error 2)";
    assert_eq!(run(), (Some(3), vec![format!("registries[0].ca|{}: {missing}", root("registry-ca/ca.crt"))]));
    folder.write(&root("registry-ca/ca.crt"), Authority::root(CertSpec::root()).pem());
    assert_eq!(run(), (Some(0), Vec::new()));
}
