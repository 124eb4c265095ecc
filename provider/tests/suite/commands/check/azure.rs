//! The section `azure` and `credentials.acr`: what is shown, and the variables of the environment that cannot be used.

use serde_json::Value;
use serde_json::json;

use crate::commands::check::check_in;
use crate::commands::check::policy;
use crate::commands::check::sound;
use crate::commands::check::statement;

const CLIENT: &str = "aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee";
const TENANT: &str = "11111111-2222-3333-4444-555555555555";

/// The page and the document of `check` about a registry of the public cloud and one of Azure Government, with these variables.
fn run(environment: &[(&str, &str)]) -> (String, Value) {
    let registries = format!(
        "
- {{host: shops.azurecr.io, credentials: {{acr: {{}}}}}}
- host: tools.azurecr.us
  credentials:
    acr: {{identity: clientSecret, tenant: {TENANT}, clientId: {CLIENT}, clientSecretFile: secret}}
"
    );
    run_with(&registries, environment)
}

/// The same about these registries, of which a statement has the first.
fn run_with(registries: &str, environment: &[(&str, &str)]) -> (String, Value) {
    let folder = sound();
    let (_, first) = registries.split_once("host: ").unwrap();
    let (host, _) = first.split_once(',').unwrap();
    folder.write("trust/trustpolicy.json", policy(&[statement("app", &format!("{host}/app"))]));
    let config = format!("trust: {{directory: trust}}\nunlistedRegistries: refuse\nregistries: {registries}");
    folder.write("c.yaml", config);
    folder.write("secret", "s3cr3t");
    let (code, page) = check_in(&folder, &["--for", "verify"], environment);
    let (_, text) = check_in(&folder, &["--for", "verify", "-o", "json"], environment);
    assert_eq!(code, Some(0), "{page}");
    (page, serde_json::from_str(&text).unwrap())
}

#[test]
fn shows_how_tokens_of_azure_container_registry_are_requested() {
    let (page, document) = run(&[]);
    assert_eq!(document["warnings"], json!([]));
    let shown = format!(
        "
registry      shops.azurecr.io, TLS
  credentials tokens of Azure Container Registry
    identity  the workload identity of the pod

registry      tools.azurecr.us, TLS
  credentials tokens of Azure Container Registry
    identity  the application {CLIENT}
    tenant    {TENANT}
    secret    secret
"
    );
    assert!(page.contains(&shown), "{page}");
    assert!(page.contains("attemptTimeout"), "{page}");
    let acr = |index: usize| &document["registries"][index]["acr"];
    assert_eq!(*acr(0), json!({"identity": "the workload identity of the pod", "tenant": null}));
    assert_eq!(*acr(1), json!({"identity": format!("the application {CLIENT}"), "tenant": TENANT}));
    assert_eq!(document["registries"][1]["credentials"], json!(["secret"]));
    assert_eq!(document["settings"]["azure"]["attemptTimeout"], "3s");
}

#[test]
fn warns_about_variables_of_the_environment_that_cannot_be_used_for_azure() {
    let (_, document) = run(&[("AZURE_CLIENT_ID", "countersign"), ("AZURE_TENANT_ID", "my tenant")]);
    let message = |name: &str, found: &str, expected: &str| {
        let message =
            format!("Azure is not called: the environment variable {name}: found \"{found}\", expected {expected}");
        json!({"warning": "azure-environment", "message": message})
    };
    assert_eq!(
        document["warnings"],
        json!([
            message("AZURE_CLIENT_ID", "countersign", "the client ID of an application or managed identity, a GUID"),
            message("AZURE_TENANT_ID", "my tenant", "the GUID of a tenant, or a domain of it"),
        ])
    );
}

#[test]
fn warns_about_the_authority_of_another_cloud_in_the_environment() {
    let (_, document) = run(&[("AZURE_AUTHORITY_HOST", "https://login.microsoftonline.com/")]);
    assert_eq!(
        document["warnings"],
        json!([{
            "warning": "azure-environment",
            "message": "no token is requested for registries[1] \"tools.azurecr.us\": AZURE_AUTHORITY_HOST: found \
                        https://login.microsoftonline.com, the authority of the cloud public, expected that of the cloud us-government; set the \
                        variable to an empty value in the container, which the webhook of workload identity does not replace, so that each \
                        cloud has its own authority",
        }])
    );
}

#[test]
fn an_authority_that_would_be_wrong_for_another_registry_is_not_advised() {
    let (_, document) = run(&[("AZURE_AUTHORITY_HOST", "https://login.chinacloudapi.cn/")]);
    let messages: Vec<_> =
        document["warnings"].as_array().unwrap().iter().map(|one| one["message"].to_string()).collect();
    assert!(messages.len() == 2 && messages.iter().all(|one| one.contains("has its own authority")), "{messages:?}");
}

#[test]
fn the_authority_of_the_only_cloud_of_all_registries_is_advised() {
    let registry = |host: &str| format!("- {{host: {host}, credentials: {{acr: {{}}}}}}\n");
    let warned = |hosts: [&str; 2], authority: &str| {
        let registries = format!("\n{}{}", registry(hosts[0]), registry(hosts[1]));
        run_with(&registries, &[("AZURE_AUTHORITY_HOST", authority)]).1["warnings"].take()
    };
    let message = |index: usize, host: &str, cloud: &str, needed: &str| {
        let message = format!(
            "no token is requested for registries[{index}] \"{host}\": AZURE_AUTHORITY_HOST: found https://login.microsoftonline.com, the \
             authority of the cloud public, expected that of the cloud {cloud}; set azure.authorityHost to https://{needed}"
        );
        json!({"warning": "azure-environment", "message": message})
    };
    for (hosts, cloud, needed) in [
        (["shops.azurecr.us", "tools.azurecr.us"], "us-government", "login.microsoftonline.us"),
        (["shops.azurecr.cn", "tools.azurecr.cn"], "china", "login.chinacloudapi.cn"),
    ] {
        let expected = json!([message(0, hosts[0], cloud, needed), message(1, hosts[1], cloud, needed)]);
        assert_eq!(warned(hosts, "https://login.microsoftonline.com/"), expected);
        assert_eq!(warned(hosts, &format!("https://{needed}/")), json!([]));
    }
}
