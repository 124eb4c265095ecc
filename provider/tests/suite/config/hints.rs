//! What a message says about names of other programs, misspelt names, and URLs in place of hosts.

use countersign::config::Purpose;

use super::TRUST;
use super::check;
use super::mistakes;

const SHA256: &str = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08";

fn vault(keys: &str, wanted: &[&str]) {
    let text = format!("trust: {{directory: trust, stores: [{{store: 'ca:shop', keyVault: {{{keys}}}}}]}}\n");
    assert_eq!(mistakes(&text, Purpose::Verify), wanted, "{keys}");
}

#[test]
fn names_of_ratify_lead_to_ours() {
    let keys =
        "expected one of vault, certificates, secret, refreshInterval, identity, clientId, tenant, clientSecretFile";
    let at = ":1: trust.stores[0].keyVault";
    vault(
        "vaultURI: 'https://shop.vault.azure.net/', tenantID: x, clientID: y, certificates: [{name: a}]",
        &[
            &format!("{at}.vaultURI: found an unknown key, {keys}; `vault` seems to be meant"),
            &format!("{at}.tenantID: found an unknown key, {keys}; `tenant` seems to be meant"),
            &format!("{at}.clientID: found an unknown key, {keys}; `clientId` seems to be meant"),
            &format!(
                "{at}.vault: found nothing, expected NAME.vault.azure.net (NAME.vault.usgovcloudapi.net, NAME.vault.azure.cn), for \
                 example shop.vault.azure.net"
            ),
        ],
    );
    vault(
        "vault: shop.vault.azure.net, certificates: [{name: a, certificateVersion: x}]",
        &[&format!(
            "{at}.certificates[0].certificateVersion: found an unknown key, expected one of name, versions, version; `version` seems to \
             be meant"
        )],
    );
    let acr = "identity, clientId, tenant, clientSecretFile";
    check(
        "registries: [{host: shops.azurecr.io, credentials: {acr: {clientID: x, tenant_id: y, colour: z}}}]",
        &[
            &format!(
                ":2: registries[0].credentials.acr.clientID: found an unknown key, expected one of {acr}; `clientId` seems to be meant"
            ),
            &format!(
                ":2: registries[0].credentials.acr.tenant_id: found an unknown key, expected one of {acr}; `tenant` seems to be meant"
            ),
            &format!(":2: registries[0].credentials.acr.colour: found an unknown key, expected one of {acr}"),
        ],
    );
    check(
        "cache: {tagLifetmie: 5s}",
        &[
            ":2: cache.tagLifetmie: found an unknown key, expected one of verdictBytes, verdictLifetime, rejectedLifetime, tagLifetime, verifyAgain, imagesAtStart; \
             `tagLifetime` seems to be meant",
        ],
    );
}

#[test]
fn a_url_in_place_of_a_vault_has_the_host_to_write() {
    let wanted = "expected NAME.vault.azure.net (NAME.vault.usgovcloudapi.net, NAME.vault.azure.cn)";
    for (written, hint) in [
        ("https://shop.vault.azure.net", "; write shop.vault.azure.net, without https://"),
        ("https://shop.vault.azure.net/", "; write shop.vault.azure.net, without https:// and the slash at the end"),
        ("http://shop.vault.azure.net/certificates/a", "; write shop.vault.azure.net, without http:// and the path"),
        ("shop.vault.azure.net/certificates", "; write shop.vault.azure.net, without the path"),
        ("shop.vault.azure.net/", "; write shop.vault.azure.net, without the slash at the end"),
        ("https://shop.example", ", for example shop.vault.azure.net"),
    ] {
        vault(
            &format!("vault: '{written}', certificates: [{{name: a}}]"),
            &[&format!(":1: trust.stores[0].keyVault.vault: found {written:?}, {wanted}{hint}")],
        );
    }
}

#[test]
fn a_url_in_place_of_a_host_has_the_host_to_write() {
    let wanted = "expected host[:port][/path] as in image references, with *. or **. only before at least two labels";
    for (written, hint) in [
        ("https://registry.example.com", "; write registry.example.com, without https://"),
        (
            "https://registry.example.com/team/",
            "; write registry.example.com/team, without https:// and the slash at the end",
        ),
        ("https://index.docker.io/v1/", "; write index.docker.io, without https:// and the path"),
        ("registry.example.com/", "; write registry.example.com, without the slash at the end"),
        ("http://localhost:5000", "; plain HTTP is `plainHttp: true` beside it; write localhost:5000, without http://"),
        ("registry.example.com/Team", ", for example registry.example.com"),
    ] {
        check(
            &format!("registries: [{{host: '{written}'}}]"),
            &[&format!(":2: registries[0].host: found {written:?}, {wanted}{hint}")],
        );
    }
    // The same in lists of hosts.
    check(
        "registries: [{host: a.b, realmHosts: [c.d, 'https://auth.example.com/token']}]",
        &[
            ":2: registries[0].realmHosts[1]: found \"https://auth.example.com/token\", expected host[:port]; write auth.example.com, without \
             https:// and the path",
        ],
    );
}

#[test]
fn a_url_with_a_login_or_a_signature_has_no_hint() {
    let location = "https://pki.example.com/root.pem?sig=secret";
    let text = format!(
        "trust: {{directory: trust, stores: [{{store: 'ca:shop', url: {{location: '{location}', sha256: {SHA256}}}}}]}}\n"
    );
    let found = mistakes(&text, Purpose::Verify);
    assert!(found.len() == 1 && !found[0].contains("sig=") && !found[0].contains("; write"), "{found:?}");
    let text = format!("{TRUST}registries: [{{host: 'https://alice@registry.example.com'}}]\n");
    assert!(!mistakes(&text, Purpose::Verify)[0].contains("; write"));
}
