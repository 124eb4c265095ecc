//! Stores that are filled from Azure Key Vault: what `check` shows without a network, and with `--online` against doubles.

use countersign_testkit::azure::vault_site::VaultSite;
use countersign_testkit::folder::Folder;
use countersign_testkit::pki::CertSpec;
use countersign_testkit::pki::Chain;
use serde_json::Value;
use serde_json::json;

use crate::commands::check::check_in;
use crate::commands::check::policy;
use crate::commands::check::sound;
use crate::commands::check::statement;

/// A configuration whose only store is filled from the vault. The keys are those of the certificate and of `keyVault`.
fn configured(site: &VaultSite, certificate: &str, vault: &str) -> Folder {
    let folder = sound();
    std::fs::remove_dir_all(folder.path().join("trust/truststore")).unwrap();
    folder.write("trust/trustpolicy.json", policy(&[statement("app", "registry.example.com/app")]));
    site.write_files(&folder);
    let store = VaultSite::store("ca:main", certificate, vault);
    folder.write(
        "c.yaml",
        format!(
            "trust: {{directory: trust, stores: [{store}]}}\nunlistedRegistries: refuse\nevidence: {{proxy: none}}\n{}\n",
            site.section()
        ),
    );
    folder
}

/// The exit code, the page and the document. On a thread that may block: the services are on that of the test.
async fn run(folder: Folder, online: bool) -> (Option<i32>, String, Value) {
    let work = move || {
        let arguments: &[&str] = if online { &["--for", "verify", "--online"] } else { &["--for", "verify"] };
        let (code, page) = check_in(&folder, arguments, &[]);
        let (_, text) = check_in(&folder, &[arguments, &["-o", "json"]].concat(), &[]);
        for shown in [&page, &text] {
            assert!(!shown.contains(VaultSite::SECRET) && !shown.contains("eyJ"), "{shown}");
        }
        (code, page, serde_json::from_str(&text).unwrap())
    };
    tokio::task::spawn_blocking(work).await.unwrap()
}

#[tokio::test]
async fn without_online_the_vault_its_versions_and_the_identity_are_shown() {
    let site = VaultSite::start().await;
    let (code, page, document) = run(configured(&site, "versions: 2", ", refreshInterval: 5m"), false).await;
    assert_eq!(code, Some(0), "{page}");
    let shown = format!(
        "
trust store   ca:main
  source      shops.vault.azure.net
    reads     shop, the 2 newest enabled versions
    content   the certificate
    identity  the application {}
    tenant    {}
    secret    client-secret
    refresh   every 5m
",
        VaultSite::CLIENT,
        VaultSite::TENANT
    );
    assert!(page.contains(&shown), "{page}");
    assert!(page.contains("section       azure\n"), "{page}");
    assert_eq!(
        document["trustStores"],
        json!([{
            "store": "ca:main",
            "source": "key-vault",
            "origin": "shops.vault.azure.net shop",
            "keyVault": {
                "vault": "shops.vault.azure.net",
                "certificates": ["shop, the 2 newest enabled versions"],
                "secret": false,
                "identity": format!("the application {}", VaultSite::CLIENT),
                "tenant": VaultSite::TENANT,
                "refreshSeconds": 300,
            },
            "fetch": null,
        }])
    );
    assert!(document["warnings"][0]["message"].as_str().unwrap().contains("shops.vault.azure.net shop"), "{document}");
    assert_eq!(site.vault.journal().len(), 0);
}

#[tokio::test]
async fn online_shows_the_versions_that_were_read_and_when_they_are_read_again() {
    let site = VaultSite::start().await;
    let ((_, first), (_, second)) = (site.add_self_signed("old shop"), site.add_self_signed("new shop"));
    let (code, page, document) = run(configured(&site, "versions: 2", ""), true).await;
    assert_eq!(code, Some(0), "{page}");
    assert_eq!(document["warnings"], json!([]), "{document}");
    assert!(page.contains("old shop") && page.contains("new shop"), "{page}");
    assert!(page.contains(&format!("\n    file      shop/{second}\n    file      shop/{first}\n    next  ")), "{page}");
    let fetch = &document["trustStores"][0]["fetch"];
    assert_eq!(fetch["files"], json!([format!("shop/{second}"), format!("shop/{first}")]));
    assert!(fetch["at"].is_string() && fetch["next"].is_string() && fetch["problem"].is_null(), "{fetch}");
    // No registry of Azure is configured, so that no token of one is tried.
    assert!(document["azure"].is_null(), "{document}");
}

#[tokio::test]
async fn a_vault_that_cannot_be_read_is_a_warning_that_says_what_to_do() {
    let site = VaultSite::start().await;
    site.add_self_signed("shop");
    let (code, page, document) = run(configured(&site, "", ", secret: true"), true).await;
    assert_eq!(code, Some(0), "{page}");
    assert_eq!((&document["mistakes"], &document["warnings"][1]["warning"]), (&json!([]), &json!("store-unusable")));
    let found = document["warnings"][1]["message"].as_str().unwrap();
    let start = "c.yaml:1: trust.stores[0], trust store ca:main: nothing was fetched from shops.vault.azure.net shop: ";
    assert!(found.starts_with(start), "{found}");
    assert!(found.contains("assign the role Key Vault Secrets User on the vault to the identity"), "{found}");
    let warning = format!(
        "trust store ca:main: `secret: true`: the application {} can read private keys of the vault shops.vault.azure.net; leave it out \
         to read certificates only",
        VaultSite::CLIENT
    );
    assert_eq!(document["warnings"][0], json!({"warning": "store-source", "message": warning}));
    let fetch = &document["trustStores"][0]["fetch"];
    assert!(fetch["at"].is_null() && fetch["problem"].is_string(), "{fetch}");
    // A certificate that the vault does not have.
    let empty = VaultSite::start().await;
    let (code, page, _) = run(configured(&empty, "", ""), true).await;
    assert_eq!(code, Some(0), "{page}");
    assert!(page.contains("check the name of the certificate and its version"), "{page}");
}

#[tokio::test]
async fn a_vault_without_an_enabled_version_is_named_with_the_certificate_and_what_to_do() {
    let site = VaultSite::start().await;
    let (_, version) = site.add_self_signed("shop");
    site.vault.set_enabled("shop", &version, false);
    for (certificate, shown) in [("", "the newest enabled version".to_owned()), ("x", format!("version {version}"))] {
        let certificate = if certificate.is_empty() { String::new() } else { format!("version: {version}") };
        let (code, page, document) = run(configured(&site, &certificate, ""), true).await;
        assert_eq!(code, Some(0), "{page}");
        let message = format!(
            "c.yaml:1: trust.stores[0], trust store ca:main: found nothing in the vault shops.vault.azure.net that is enabled of: shop, {shown}, \
             expected at least one enabled version; enable one in the vault (az keyvault certificate set-attributes --enabled true), or name \
             another certificate or version in trust.stores"
        );
        assert_eq!(document["warnings"], json!([{"warning": "store-unusable", "message": message}]));
    }
}

#[tokio::test]
async fn a_certificate_without_an_enabled_version_is_a_warning_beside_one_that_is_used() {
    let site = VaultSite::start().await;
    let (_, version) = site.add_self_signed("shop");
    let spare = Chain::self_signed(CertSpec::leaf().common_name("spare"));
    let disabled = site.vault.add_version("spare", &spare);
    site.vault.set_enabled("spare", &disabled, false);
    for (entry, shown) in [
        ("name: spare, versions: 3".to_owned(), "the 3 newest enabled versions".to_owned()),
        (format!("name: spare, version: {disabled}"), format!("version {disabled}")),
    ] {
        let (code, page, document) = run(configured(&site, &format!("versions: 1}}, {{{entry}"), ""), true).await;
        assert_eq!(code, Some(0), "{page}");
        let message = format!(
            "c.yaml:1: trust.stores[0], trust store ca:main: found nothing in the vault shops.vault.azure.net that is enabled of: spare, {shown}, \
             expected at least one enabled version; enable one in the vault (az keyvault certificate set-attributes --enabled true), or name \
             another certificate or version in trust.stores; signatures with it are not trusted until then"
        );
        assert_eq!(document["warnings"], json!([{"warning": "vault-certificate-disabled", "message": message}]));
        // The store is used.
        assert_eq!(document["trustStores"][0]["fetch"]["files"], json!([format!("shop/{version}")]));
        assert_eq!(document["statements"][0]["rules"]["stores"][0]["store"], "ca:main", "{document}");
    }
}
