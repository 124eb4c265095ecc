//! Entries with mistakes: positions are those of the document, and what cannot be read is never shown as not written.

use serde_json::json;

use super::beside;
use super::check;
use super::document;
use super::policy;
use super::sound;
use countersign_testkit::registry::Registry;

const SERVER: &str =
    "trust: {directory: trust}\nserver: {tls: {certificate: tls.crt, key: tls.key, clientCa: ca.crt}}\n";

#[test]
fn credentials_that_cannot_be_read_are_not_shown_as_none() {
    for (credentials, field) in [
        ("{google: true}", "registries[0].credentials.google"),
        ("{google: {account: x}}", "registries[0].credentials.google.account"),
        ("{ecr: {roleArn: x}}", "registries[0].credentials.ecr.roleArn"),
        ("{acr: {identity: pod}}", "registries[0].credentials.acr.identity"),
        ("{dockerConfig: 5}", "registries[0].credentials.dockerConfig"),
        ("{usernameFile: user}", "registries[0].credentials.passwordFile"),
        ("{anonymus: true}", "registries[0].credentials.anonymus"),
        ("{anonymous: 1}", "registries[0].credentials.anonymous"),
        ("google", "registries[0].credentials"),
    ] {
        let folder = sound();
        let registries = format!("registries: [{{host: registry.example.com, credentials: {credentials}}}]\n");
        folder.write("c.yaml", format!("{SERVER}unlistedRegistries: refuse\n{registries}"));
        let (code, page) = check(&folder, &["registry.example.com/app"]);
        assert_eq!(code, Some(3), "{page}");
        let shown = "  mistakes in credentials: no request is sent under this entry
  credentials have a mistake; no request is sent without them
";
        assert_eq!(page.matches(shown).count(), 2, "{credentials}: {page}");
        let (_, document) = document(&folder);
        assert_eq!(document["mistakes"][0]["field"], field, "{document}");
        let registry = &document["registries"][0];
        assert_eq!((&registry["mistakesIn"], &registry["credentials"]), (&json!(["credentials"]), &json!([])));
    }
}

#[test]
fn other_keys_that_cannot_be_read_are_named_with_their_entry() {
    let folder = sound();
    let registries = "registries: [{host: registry.example.com, ca: 5, proxy: ftp, realmHosts: [a b]}]\n";
    folder.write("c.yaml", format!("{SERVER}unlistedRegistries: refuse\n{registries}"));
    let (code, page) = check(&folder, &[]);
    assert_eq!(code, Some(3), "{page}");
    let shown = "
registry      registry.example.com, TLS
  mistakes in ca, realmHosts, proxy: no request is sent under this entry
  credentials none
";
    assert!(page.contains(shown), "{page}");
}

#[test]
fn positions_are_those_of_the_document() {
    let folder = sound();
    let registries = "registries:
- {host: 'a b'}
- {host: a.example}
- {host: c d}
- {host: b.example/x}
- {host: b.example, mirrors: [a.example]}
";
    folder.write("c.yaml", format!("{SERVER}unlistedRegistries: anonymous\n{registries}"));
    let (code, page) = check(&folder, &["b.example/app", "other.example/app"]);
    assert_eq!(code, Some(3), "{page}");
    let shown = "
image         b.example/app
  not         registries[0]: has a mistake, so that its host is not known
  not         registries[1] \"a.example\": other host
  not         registries[2]: has a mistake, so that its host is not known
  not         registries[3] \"b.example/x\": other path
  entry       registries[4] \"b.example\", TLS
  credentials none
  mirrors     a.example
  location    1. a.example/app, mirror: registries[1] \"a.example\"
  location    2. b.example/app, the registry itself: registries[4] \"b.example\"

image         other.example/app
  not         registries[0]: has a mistake, so that its host is not known
  not         registries[1] \"a.example\": other host
  not         registries[2]: has a mistake, so that its host is not known
  not         registries[3] \"b.example/x\": other host
  not         registries[4] \"b.example\": other host
  entry       none; unlistedRegistries is anonymous, TLS
  credentials none
";
    assert!(page.contains(shown), "{page}");
}

#[tokio::test]
async fn nothing_is_requested_with_a_configuration_that_has_mistakes() {
    let registry = Registry::start().await;
    registry.push_image("app", "v1");
    let host = registry.host();
    let folder = sound();
    let registries = format!("registries: [{{host: 'a b'}}, {{host: '{host}', plainHttp: true}}]\n");
    folder.write("c.yaml", format!("trust: {{directory: trust}}\nunlistedRegistries: anonymous\n{registries}"));
    let image = format!("--image={host}/app:v1");
    let (code, page) = beside(&folder, "check", &["--for", "verify", "--online", &image], &[]).await;
    assert_eq!(code, Some(3), "{page}");
    let warning = "warning       online-not-tried: --online has tried nothing: the configuration has mistakes; correct them first\n";
    assert!(page.contains(warning), "{page}");
    assert_eq!(registry.requests().len(), 0);
}

#[test]
fn an_image_of_docker_hub_is_shown_with_the_name_that_it_stands_for() {
    let folder = sound();
    let registries = "registries: [{host: docker.io/nginx}, {host: docker.io/library/redis}, {host: docker.io}]\n";
    folder.write("c.yaml", format!("{SERVER}unlistedRegistries: refuse\n{registries}"));
    let (code, page) = check(&folder, &["nginx:1.27", "docker.io/library/nginx", "docker.io/nginx/unit"]);
    assert_eq!(code, Some(0), "{page}");
    let shown = "
image         nginx:1.27
  repository  docker.io/library/nginx
  not         registries[0] \"docker.io/nginx\": other path; for this image write docker.io/library/nginx
  not         registries[1] \"docker.io/library/redis\": other path
  entry       registries[2] \"docker.io\", TLS
  credentials none

image         docker.io/library/nginx
  not         registries[0] \"docker.io/nginx\": other path; for this image write docker.io/library/nginx
  not         registries[1] \"docker.io/library/redis\": other path
  entry       registries[2] \"docker.io\", TLS
  credentials none

image         docker.io/nginx/unit
  entry       registries[0] \"docker.io/nginx\", TLS
  credentials none
";
    assert!(page.contains(shown), "{page}");
    let (_, text) = check(&folder, &["-o", "json", "nginx:1.27"]);
    let document: serde_json::Value = serde_json::from_str(&text).unwrap();
    let image = &document["images"][0];
    assert_eq!((&image["image"], &image["repository"]), (&json!("nginx:1.27"), &json!("docker.io/library/nginx")));
    assert_eq!(
        image["not"][0],
        json!({
            "entry": "registries[0] \"docker.io/nginx\"", "reason": "other path", "hint": "for this image write docker.io/library/nginx"
        })
    );
}

#[test]
fn the_files_of_credentials_with_another_mistake_are_read() {
    let folder = sound();
    let registries =
        "registries: [{host: registry.example.com, credentials: {dockerConfig: x.json, anonymous: true}}]\n";
    folder.write("c.yaml", format!("{SERVER}unlistedRegistries: refuse\n{registries}"));
    let (code, page) = check(&folder, &[]);
    assert_eq!(code, Some(3), "{page}");
    let shown = "
mistake       c.yaml:4: registries[0].credentials: found 2 kinds, expected one of dockerConfig, usernameFile with passwordFile, ecr, acr, google, or anonymous: true
mistake       c.yaml:4: registries[0].credentials.dockerConfig: x.json: cannot be read: No such file or directory (os error 2), expected a readable file
";
    assert!(page.contains(shown), "{page}");
}

#[test]
fn a_store_whose_entry_has_a_mistake_is_not_missing() {
    let folder = sound();
    let policy = policy(&[json!({
        "name": "app", "registryScopes": ["registry.example.com/app"], "trustStores": ["ca:shop"],
        "signatureVerification": {"level": "strict"}, "trustedIdentities": ["*"]
    })]);
    folder.write("trust/trustpolicy.json", policy);
    let vault = "{vaultURI: shop.vault.azure.net, certificates: [{name: a}]}";
    let trust = format!("trust: {{directory: trust, stores: [{{store: 'ca:shop', keyVault: {vault}}}]}}");
    folder.write("c.yaml", SERVER.replace("trust: {directory: trust}", &trust) + "unlistedRegistries: refuse\n");
    let (_, document) = document(&folder);
    let fields: Vec<_> = document["mistakes"].as_array().unwrap().iter().map(|one| one["field"].clone()).collect();
    assert_eq!(
        fields,
        [json!("trust.stores[0].keyVault.vaultURI"), json!("trust.stores[0].keyVault.vault")],
        "{document}"
    );
    assert_eq!(document["statements"][0]["level"], "disabled");
}
