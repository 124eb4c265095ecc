//! `trust.stores[].keyVault`: what is read and shown, and every mistake with the whole message.

use std::time::Duration;

use countersign::config::EntraIdentity;
use countersign::config::KeyVaultSource;
use countersign::config::StoreSource;
use countersign_core::policy::StoreRef;

use super::mistakes;
use super::parse;
use crate::config::Purpose;

const CLIENT: &str = "aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee";
const TENANT: &str = "11111111-2222-3333-4444-555555555555";
const VERSION: &str = "0123456789abcdef0123456789abcdef";

fn with(keys: &str) -> String {
    format!("trust: {{directory: trust, stores: [{{store: 'ca:shop', keyVault: {{{keys}}}}}]}}")
}

/// The source, and the configuration as the log shows it.
fn source(keys: &str) -> (KeyVaultSource, String) {
    let config = parse(&with(keys), Purpose::Verify).unwrap();
    let StoreSource::KeyVault(source) = &config.trust.stores[&"ca:shop".parse::<StoreRef>().unwrap()] else {
        panic!("{config}")
    };
    (source.clone(), config.to_string())
}

/// The mistakes of these keys, without the path of `keyVault`.
#[track_caller]
fn check(keys: &str, wanted: &[&str]) {
    let found = mistakes(&with(keys), Purpose::Verify);
    let found: Vec<_> = found.iter().map(|one| one.replace(":1: trust.stores[0].keyVault", "")).collect();
    assert_eq!(found, wanted, "{keys}");
}

const VAULT: &str = "vault: shop.vault.azure.net";
const SHOP: &str = "vault: shop.vault.azure.net, certificates: [{name: shop}]";

#[test]
fn the_defaults_are_the_newest_version_the_workload_identity_and_an_hour() {
    let (source, shown) = source(SHOP);
    assert_eq!(source.refresh_interval, Duration::from_secs(3600));
    assert_eq!(source.identity, EntraIdentity::Workload { tenant: None, client_id: None });
    assert_eq!((source.secret, source.to_string().as_str()), (false, "shop.vault.azure.net shop"));
    assert_eq!(source.certificates[0].to_string(), "shop, the newest enabled version");
    let wanted = "trust.stores={store=ca:shop keyVault.vault=shop.vault.azure.net keyVault.certificates=shop:1 keyVault.secret=false \
                  keyVault.refreshInterval=3600000ms keyVault.identity=workload}";
    assert!(shown.contains(wanted), "{shown}");
}

#[test]
fn every_key_is_read_and_shown() {
    let keys = format!(
        "vault: SHOP.vault.azure.net, certificates: [{{name: a, versions: 3}}, {{name: b, version: {VERSION}}}], secret: true, \
         refreshInterval: 5m, identity: clientSecret, tenant: {TENANT}, clientId: {CLIENT}, clientSecretFile: secret"
    );
    let (source, shown) = source(&keys);
    assert_eq!(source.refresh_interval, Duration::from_secs(300));
    assert_eq!(source.to_string(), "shop.vault.azure.net a, b");
    let entries: Vec<_> = source.certificates.iter().map(ToString::to_string).collect();
    assert_eq!(entries, ["a, the 3 newest enabled versions".to_owned(), format!("b, version {VERSION}")]);
    let wanted = format!(
        "{{store=ca:shop keyVault.vault=shop.vault.azure.net keyVault.certificates=a:3 keyVault.certificates=b/{VERSION} \
         keyVault.secret=true keyVault.refreshInterval=300000ms keyVault.identity=clientSecret keyVault.clientId={CLIENT} \
         keyVault.tenant={TENANT} keyVault.clientSecretFile=\"/etc/cs/secret\"}}"
    );
    assert!(shown.contains(&wanted), "{shown}");
    let (managed, _) = self::source(&format!("{SHOP}, identity: managed, clientId: {CLIENT}"));
    assert_eq!(managed.identity.name(), format!("the managed identity {CLIENT}"));
}

#[test]
fn a_vault_is_a_host_of_azure() {
    let wanted = "expected NAME.vault.azure.net (NAME.vault.usgovcloudapi.net, NAME.vault.azure.cn), for example shop.vault.azure.net";
    for vault in [
        "shop",
        "shop.vault.azure.net:443",
        "shop.vault.azure.net.evil.example",
        "shop.evil.vault.azure.net",
        "vault.azure.net",
        "1shop.vault.azure.net",
        "shop.vault.azure.de",
    ] {
        check(
            &format!("vault: '{vault}', certificates: [{{name: shop}}]"),
            &[&format!(".vault: found \"{vault}\", {wanted}")],
        );
    }
    for vault in ["shop.vault.azure.net", "shop.vault.usgovcloudapi.net", "shop.vault.azure.cn"] {
        let (source, _) = source(&format!("vault: {vault}, certificates: [{{name: shop}}]"));
        assert_eq!(source.vault.to_string(), vault);
    }
}

#[test]
fn mistakes_in_certificates_are_all_named() {
    check(
        "",
        &[
            ".vault: found nothing, expected NAME.vault.azure.net (NAME.vault.usgovcloudapi.net, NAME.vault.azure.cn), for example \
             shop.vault.azure.net",
            ".certificates: found nothing, expected 1 to 16 certificates, each with its name, for example [{name: shop-signing}]",
        ],
    );
    check(
        &format!("{VAULT}, certificates: []"),
        &[".certificates: found 0 certificates, expected 1 to 16 certificates, each with its name"],
    );
    let many: Vec<_> = (0..17).map(|number| format!("{{name: a{number}}}")).collect();
    check(
        &format!("{VAULT}, certificates: [{}]", many.join(", ")),
        &[".certificates: found 17 certificates, expected 1 to 16 certificates, each with its name"],
    );
    let name = "expected the name of a certificate: 1 to 127 letters, digits and hyphens, for example shop-signing";
    check(
        &format!("{VAULT}, certificates: [{{}}, {{name: a/b}}, {{name: ''}}]"),
        &[
            &format!(".certificates[0].name: found nothing, {name}"),
            &format!(".certificates[1].name: found \"a/b\", {name}"),
            &format!(".certificates[2].name: found \"\", {name}"),
        ],
    );
    check(
        &format!("{VAULT}, certificates: [{{name: a, versions: 0}}, {{name: b, versions: 21}}]"),
        &[
            ".certificates[0].versions: found the number 0, expected a whole number from 1 to 20, for example 1",
            ".certificates[1].versions: found the number 21, expected a whole number from 1 to 20, for example 1",
        ],
    );
    let version =
        "expected the version of a certificate: 32 hexadecimal digits, for example 0123456789abcdef0123456789abcdef";
    check(
        &format!("{VAULT}, certificates: [{{name: a, version: latest}}]"),
        &[&format!(".certificates[0].version: found \"latest\", {version}")],
    );
    check(
        &format!("{VAULT}, certificates: [{{name: a, version: '{VERSION}', versions: 2}}]"),
        &[".certificates[0].version: found a version beside versions, expected one or the other"],
    );
    let twice =
        ".certificates[1].name: found a twice, expected each certificate once, or each time with another version";
    for (one, other) in [
        (String::new(), String::new()),
        (", versions: 2".to_owned(), format!(", version: '{VERSION}'")),
        (format!(", version: '{VERSION}'"), format!(", version: '{VERSION}'")),
    ] {
        check(&format!("{VAULT}, certificates: [{{name: a{one}}}, {{name: a{other}}}]"), &[twice]);
    }
    let other = VERSION.replace('0', "1");
    let keys = format!("{VAULT}, certificates: [{{name: a, version: '{VERSION}'}}, {{name: a, version: '{other}'}}]");
    assert_eq!(source(&keys).0.certificates.len(), 2);
}

#[test]
fn identities_have_the_mistakes_of_credentials_acr() {
    check(
        &format!("{SHOP}, identity: pod, clientId: countersign, tenant: a b"),
        &[
            ".identity: found \"pod\", expected workload, managed or clientSecret",
            &format!(
                ".clientId: found \"countersign\", expected the client ID of an application or managed identity, a GUID, for example \
                 {CLIENT}"
            ),
            &format!(".tenant: found \"a b\", expected the GUID of a tenant, or a domain of it, for example {TENANT}"),
        ],
    );
    check(
        &format!("{SHOP}, clientSecretFile: secret"),
        &[".clientSecretFile: found a file, expected `identity: clientSecret` beside it"],
    );
    check(
        &format!("{SHOP}, identity: clientSecret"),
        &[
            &format!(".clientId: found nothing, expected the application whose secret is used, for example {CLIENT}"),
            &format!(".tenant: found nothing, expected the tenant of the application, for example {TENANT}"),
            ".clientSecretFile: found nothing, expected the file with its secret, for example registry-login/client-secret",
        ],
    );
}

#[test]
fn other_mistakes_are_named() {
    check(
        &format!("{SHOP}, refreshInterval: 30s"),
        &[
            ".refreshInterval: found \"30s\", expected a duration with its unit (h, m, s or ms), from 1m to 24h, for example 1h",
        ],
    );
    check(
        &format!("{SHOP}, ca: ca.pem"),
        &[
            ".ca: found an unknown key, expected one of vault, certificates, secret, refreshInterval, identity, clientId, tenant, \
             clientSecretFile",
        ],
    );
    let digest = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08";
    let both = format!(
        "trust: {{directory: trust, stores: [{{store: 'ca:shop', url: {{location: 'https://pki.example/a', sha256: {digest}}}, keyVault: \
         {{{SHOP}}}}}]}}"
    );
    assert_eq!(
        mistakes(&both, Purpose::Verify),
        [":1: trust.stores[0].keyVault: found a vault beside url, expected one or the other"]
    );
}
