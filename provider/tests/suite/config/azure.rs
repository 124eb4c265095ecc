//! The section `azure` and `credentials.acr`: what is read, and every mistake with the whole message.

use std::path::PathBuf;
use std::time::Duration;

use countersign::config::Azure;
use countersign::config::Credentials;
use countersign::config::EntraIdentity;
use countersign::config::Purpose;
use countersign::config::RegistryProxy;

use super::TRUST;
use super::check;
use super::parse;

const CLIENT: &str = "aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee";
const TENANT: &str = "11111111-2222-3333-4444-555555555555";

fn azure(text: &str) -> Azure {
    parse(&format!("{TRUST}{text}\n"), Purpose::Verify).unwrap().azure
}

fn acr(keys: &str) -> Credentials {
    let text = format!("{TRUST}registries: [{{host: shops.azurecr.io, credentials: {{acr: {{{keys}}}}}}}]\n");
    parse(&text, Purpose::Verify).unwrap().registries.remove(0).credentials
}

#[test]
fn reads_every_key_of_azure() {
    let defaults = Azure {
        authority_host: None,
        proxy: RegistryProxy::Environment,
        ca: None,
        connect_timeout: Duration::from_secs(1),
        attempt_timeout: Duration::from_secs(3),
    };
    assert_eq!(azure(""), defaults);
    let written = azure(
        "azure: {authorityHost: 'https://login.example', proxy: none, ca: ca.pem, connectTimeout: 2s, attemptTimeout: 4s}",
    );
    let expected = Azure {
        authority_host: Some("https://login.example".parse().unwrap()),
        proxy: RegistryProxy::Direct,
        ca: Some(PathBuf::from("/etc/countersign/ca.pem")),
        connect_timeout: Duration::from_secs(2),
        attempt_timeout: Duration::from_secs(4),
    };
    assert_eq!(Azure { ca: None, ..written.clone() }, Azure { ca: None, ..expected });
    assert!(written.ca.unwrap().ends_with("ca.pem"));
}

#[test]
fn reads_credentials_of_azure_container_registry() {
    let (tenant, client_id) = (TENANT.parse().unwrap(), CLIENT.parse().unwrap());
    assert_eq!(acr(""), Credentials::Acr(EntraIdentity::Workload { tenant: None, client_id: None }));
    assert_eq!(
        acr(&format!("tenant: {TENANT}, clientId: {CLIENT}")),
        Credentials::Acr(EntraIdentity::Workload { tenant: Some(tenant), client_id: Some(client_id) })
    );
    assert_eq!(acr("identity: managed"), Credentials::Acr(EntraIdentity::Managed { tenant: None, client_id: None }));
    let keys = format!("identity: clientSecret, tenant: {TENANT}, clientId: {CLIENT}, clientSecretFile: secret");
    let Credentials::Acr(EntraIdentity::ClientSecret { tenant, client_id, file }) = acr(&keys) else {
        panic!("{keys}")
    };
    assert_eq!((tenant.as_str(), client_id.as_str()), (TENANT, CLIENT));
    assert!(file.ends_with("secret"));
}

#[test]
fn refuses_tokens_for_a_host_that_is_not_one_registry_of_azure() {
    let wanted = "expected the host of one registry of Azure: NAME.azurecr.io, NAME.azurecr.us or NAME.azurecr.cn; no token of \
                  Azure is sent to another host";
    for host in [
        "registry.example.com",
        "*.azurecr.io",
        "shops.azurecr.io.evil.example",
        "shops.azurecr.io:8443",
        "shops.westeurope.data.azurecr.io",
        "xn--shps-5qa.azurecr.io",
        "azurecr.io",
        "shops.azurecr.com",
    ] {
        check(
            &format!("registries: [{{host: '{host}', credentials: {{acr: {{}}}}}}]"),
            &[&format!(":2: registries[0].credentials.acr: found credentials for {host}, {wanted}")],
        );
    }
}

#[test]
fn refuses_bad_values_of_credentials_of_azure_container_registry() {
    let entry = |keys: &str, messages: &[&str]| {
        check(&format!("registries: [{{host: shops.azurecr.io, {keys}}}]"), messages);
    };
    let acr = |keys: &str, messages: &[&str]| entry(&format!("credentials: {{acr: {{{keys}}}}}"), messages);
    let key = ":2: registries[0].credentials.acr";
    acr("identity: pod", &[&format!("{key}.identity: found \"pod\", expected workload, managed or clientSecret")]);
    acr(
        "clientId: countersign",
        &[&format!(
            "{key}.clientId: found \"countersign\", expected the client ID of an application or managed identity, a GUID, for \
             example {CLIENT}"
        )],
    );
    acr(
        "tenant: a b",
        &[&format!(
            "{key}.tenant: found \"a b\", expected the GUID of a tenant, or a domain of it, for example {TENANT}"
        )],
    );
    acr(
        "clientSecretFile: secret",
        &[&format!("{key}.clientSecretFile: found a file, expected `identity: clientSecret` beside it")],
    );
    acr(
        "identity: clientSecret",
        &[
            &format!(
                "{key}.clientId: found nothing, expected the application whose secret is used, for example {CLIENT}"
            ),
            &format!("{key}.tenant: found nothing, expected the tenant of the application, for example {TENANT}"),
            &format!(
                "{key}.clientSecretFile: found nothing, expected the file with its secret, for example \
                 registry-login/client-secret"
            ),
        ],
    );
    entry(
        "plainHttp: true, credentials: {acr: {}}",
        &[
            ":2: registries[0].plainHttp: found true beside credentials, expected one or the other; credentials would be sent in clear text",
        ],
    );
    entry(
        "realmHosts: [auth.example.com], credentials: {acr: {}}",
        &[
            ":2: registries[0].realmHosts: found hosts beside credentials.acr, expected none; a registry of Azure issues its tokens itself",
        ],
    );
    entry(
        "credentials: {acr: {}, dockerConfig: x}",
        &[
            ":2: registries[0].credentials: found 2 kinds, expected one of dockerConfig, usernameFile with passwordFile, ecr, acr, \
           google, or anonymous: true",
        ],
    );
}

#[test]
fn refuses_an_authority_of_another_cloud_than_that_of_a_registry() {
    let entry = |authority: &str, host: &str, acr: &str, messages: &[&str]| {
        let registries = format!("[{{host: a.b}}, {{host: {host}, credentials: {{acr: {{{acr}}}}}}}]");
        let text = format!("azure: {{authorityHost: '{authority}'}}\nregistries: {registries}");
        match messages {
            [] => drop(parse(&format!("{TRUST}{text}\n"), Purpose::Verify).unwrap()),
            messages => check(&text, messages),
        }
    };
    let wanted = |cloud: &str, host: &str| {
        format!(
            "expected https://{host}, the authority of the cloud {cloud}, or no authorityHost, so that each cloud has its own; no token of one \
             cloud is valid in another"
        )
    };
    entry(
        "https://login.microsoftonline.us",
        "shops.azurecr.io",
        "",
        &[&format!(
            ":2: azure.authorityHost: found https://login.microsoftonline.us, the authority of the cloud us-government, beside \
             registries[1] \"shops.azurecr.io\" of the cloud public, {}",
            wanted("public", "login.microsoftonline.com")
        )],
    );
    entry(
        "https://sts.windows.net/",
        "shops.azurecr.cn",
        "",
        &[&format!(
            ":2: azure.authorityHost: found https://sts.windows.net, the authority of the cloud public, beside registries[1] \
             \"shops.azurecr.cn\" of the cloud china, {}",
            wanted("china", "login.chinacloudapi.cn")
        )],
    );
    // Its own, one that is not known, and tokens of the node.
    entry("https://login.partner.microsoftonline.cn", "shops.azurecr.cn", "", &[]);
    entry("https://login.example", "shops.azurecr.io", "", &[]);
    entry("https://login.microsoftonline.us", "shops.azurecr.io", "identity: managed", &[]);
}

#[test]
fn refuses_an_authority_of_another_cloud_than_that_of_a_vault() {
    let of_identity = |identity: &str| {
        let vault = format!("{{vault: shop.vault.usgovcloudapi.net, certificates: [{{name: a}}]{identity}}}");
        let text = format!(
            "trust: {{directory: trust, stores: [{{store: 'ca:shop', keyVault: {vault}}}]}}\nazure: {{authorityHost: \
             'https://login.microsoftonline.com'}}\n"
        );
        parse(&text, Purpose::Verify).map_err(|error| error.to_string())
    };
    let wanted = "c.yaml:2: azure.authorityHost: found https://login.microsoftonline.com, the authority of the cloud public, beside the vault \
                  shop.vault.usgovcloudapi.net of the trust store ca:shop of the cloud us-government, expected \
                  https://login.microsoftonline.us, the authority of the cloud us-government, or no authorityHost, so that each cloud has \
                  its own; no token of one cloud is valid in another";
    let error = of_identity("").unwrap_err();
    assert_eq!(error, format!("the configuration /etc/cs/c.yaml has 1 mistake\n  /etc/cs/{wanted}"));
    of_identity(", identity: managed").unwrap();
}
