use std::path::Path;
use std::time::Duration;

use super::*;
use crate::config::Config;
use crate::config::EntraIdentity;
use crate::config::Purpose;
use crate::config::VaultEntry;
use crate::config::VaultVersions;

fn sources() -> (StoreSource, StoreSource) {
    let digest = "a".repeat(64);
    let text = format!(
        "trust: {{directory: trust, stores: [{{store: 'ca:a', url: {{location: 'https://pki.example/shop.pem', sha256: '{digest}'}}}}]}}"
    );
    let config = Config::parse(&text, Path::new("c.yaml"), Purpose::Verify).unwrap();
    let entry = |name: &str| VaultEntry { name: name.parse().unwrap(), versions: VaultVersions::Newest(1) };
    let vault = KeyVaultSource {
        vault: "shop.vault.azure.net".parse().unwrap(),
        certificates: vec![entry("one"), entry("two")],
        secret: false,
        refresh_interval: Duration::from_secs(3600),
        identity: EntraIdentity::Workload { tenant: None, client_id: None },
    };
    (config.trust.stores.into_values().next().unwrap(), StoreSource::KeyVault(vault))
}

fn causes() -> Vec<StoreFailureCause> {
    let no_token = [NoToken::Refused, NoToken::Unreachable, NoToken::Failed, NoToken::OtherAnswer];
    let others = [
        StoreFailureCause::Unreachable,
        StoreFailureCause::Late,
        StoreFailureCause::Throttled,
        StoreFailureCause::Failed,
        StoreFailureCause::Forbidden,
        StoreFailureCause::Network,
        StoreFailureCause::Absent,
        StoreFailureCause::Refused,
        StoreFailureCause::Token,
        StoreFailureCause::Local { subject: "the file /etc/azure/secret of clientSecretFile".into() },
        StoreFailureCause::OtherAnswer,
        StoreFailureCause::Content,
        StoreFailureCause::Busy,
        StoreFailureCause::Internal,
    ];
    others.into_iter().chain(no_token.map(StoreFailureCause::NoToken)).collect()
}

fn advice(source: &StoreSource, cause: StoreFailureCause) -> String {
    access_advice(source, Some(&StoreFailure::new(cause, "why"))).to_string()
}

#[test]
fn only_a_missing_role_of_a_vault_asks_for_the_role() {
    let (_, vault) = sources();
    for cause in causes() {
        let is_role = cause == StoreFailureCause::Forbidden;
        let text = advice(&vault, cause.clone());
        assert_eq!(text.contains("assign the role"), is_role, "{cause:?}: {text}");
        assert!(!text.ends_with('.') && !text.contains("put readable certificates"), "{cause:?}: {text}");
    }
}

#[test]
fn each_failure_of_a_vault_says_what_to_do() {
    let (_, vault) = sources();
    let again = "the vault is read again by itself";
    for (cause, expected) in [
        (
            StoreFailureCause::Unreachable,
            "make the vault shop.vault.azure.net reachable from the pod, as the message says: its name in trust.stores, name resolution, network \
             policy, private endpoint, proxy and certificate authorities",
        ),
        (
            StoreFailureCause::Late,
            "check the connection of the pod to the vault shop.vault.azure.net: network policy, private endpoint and proxy",
        ),
        (
            StoreFailureCause::Throttled,
            "wait for the rate limit of the vault shop.vault.azure.net; if it continues, set a longer refreshInterval in trust.stores",
        ),
        (StoreFailureCause::Failed, "wait until Azure has mended the vault shop.vault.azure.net"),
        (
            StoreFailureCause::Forbidden,
            "assign the role Key Vault Certificate User on the vault shop.vault.azure.net to the workload identity of the pod",
        ),
        (
            StoreFailureCause::Network,
            "allow the network of the pod in the firewall of the vault shop.vault.azure.net, or use its private endpoint",
        ),
        (
            StoreFailureCause::Absent,
            "correct the names and versions of the certificates (one, two) in trust.stores, or create or recover them in the vault \
             shop.vault.azure.net",
        ),
        (
            StoreFailureCause::Refused,
            "check in trust.stores the vault shop.vault.azure.net, the names of the certificates (one, two) and the identity, which is the \
             workload identity of the pod",
        ),
        (
            StoreFailureCause::Token,
            "correct the tenant or the identity in trust.stores: the vault shop.vault.azure.net does not accept the token of the workload \
             identity of the pod",
        ),
        (
            StoreFailureCause::NoToken(NoToken::Refused),
            "correct what the message names, in the settings of the pod or in Azure: the workload identity of the pod has no token, and the \
             vault shop.vault.azure.net was not asked",
        ),
        (
            StoreFailureCause::NoToken(NoToken::Unreachable),
            "make the host that the message names reachable, which issues the tokens of the workload identity of the pod: name resolution, \
             network policy and proxy; the vault shop.vault.azure.net was not asked",
        ),
        (
            StoreFailureCause::NoToken(NoToken::Failed),
            "wait until Azure issues tokens for the workload identity of the pod again; the vault shop.vault.azure.net was not asked",
        ),
        (
            StoreFailureCause::NoToken(NoToken::OtherAnswer),
            "check that the host that the message names issues the tokens of Azure, and that no proxy answers in its place; the vault \
             shop.vault.azure.net was not asked",
        ),
        (
            StoreFailureCause::Local { subject: "the file /etc/azure/secret of clientSecretFile".into() },
            "correct the file /etc/azure/secret of clientSecretFile, as the message says: the vault shop.vault.azure.net was not asked",
        ),
        (
            StoreFailureCause::OtherAnswer,
            "check that the host shop.vault.azure.net is the vault, and that no proxy answers in its place",
        ),
    ] {
        assert_eq!(advice(&vault, cause), format!("{expected}; {again}"));
    }
    assert_eq!(
        advice(&vault, StoreFailureCause::Content),
        "correct the certificates in the vault shop.vault.azure.net (one, two), or name others in trust.stores; countersign check --online \
         names every mistake"
    );
    assert_eq!(
        advice(&vault, StoreFailureCause::Busy),
        "wait: other trust stores are being fetched; it is fetched again by itself"
    );
    assert_eq!(advice(&vault, StoreFailureCause::Internal), "report this, with the version of this program");
    assert_eq!(
        access_advice(&vault, None).as_str(),
        "wait: the certificates (one, two) of the vault shop.vault.azure.net are being read; countersign check --online tries it"
    );
}

#[test]
fn each_failure_of_a_url_says_what_to_do() {
    let (url, _) = sources();
    let again = "it is fetched again by itself";
    for (cause, expected) in [
        (
            StoreFailureCause::Unreachable,
            "make the server of https://pki.example/shop.pem reachable from the pod, as the message says: name resolution, network policy and \
             evidence.proxy"
                .to_owned(),
        ),
        (
            StoreFailureCause::Late,
            "check the connection of the pod to the server of https://pki.example/shop.pem: network policy and evidence.proxy".to_owned(),
        ),
        (StoreFailureCause::Failed, "wait until the server of https://pki.example/shop.pem has recovered".to_owned()),
        (
            StoreFailureCause::Forbidden,
            "let anyone read https://pki.example/shop.pem, to which no credentials are sent".to_owned(),
        ),
        (
            StoreFailureCause::Absent,
            "put the file at https://pki.example/shop.pem, or correct the location in trust.stores".to_owned(),
        ),
        (
            StoreFailureCause::Local { subject: "the file ca.pem of ca of the store's url".into() },
            "correct the file ca.pem of ca of the store's url, as the message says: the server of https://pki.example/shop.pem was not asked"
                .to_owned(),
        ),
        (
            StoreFailureCause::OtherAnswer,
            "check that https://pki.example/shop.pem is the file itself and no redirect to it, and that no proxy answers in its place"
                .to_owned(),
        ),
        (
            StoreFailureCause::Content,
            format!(
                "check that https://pki.example/shop.pem has the content with the digest sha256:{} of trust.stores",
                "a".repeat(64)
            ),
        ),
    ] {
        assert_eq!(advice(&url, cause), format!("{expected}; {again}"));
    }
    assert_eq!(
        access_advice(&url, None).as_str(),
        "wait: https://pki.example/shop.pem is being fetched; countersign check --online tries it"
    );
}
