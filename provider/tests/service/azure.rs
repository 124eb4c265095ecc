//! The running service on Azure: a trust store that is filled from Azure Key Vault. The services of Azure are doubles in this process,
//! which a proxy resolves by their names.
#![allow(clippy::unwrap_used)]

mod fixture;

use countersign_testkit::azure::key_vault_error;
use countersign_testkit::azure::vault_site::VaultSite;

use fixture::Aks;

#[tokio::test]
async fn a_rotated_certificate_of_a_vault_decides_over_images_without_a_restart() {
    let add = |site: &VaultSite| {
        site.vault.fail(key_vault_error::internal());
        (site.add_self_signed("old").0, site.add_self_signed("new").0)
    };
    let (aks, (old, new)) = Aks::start("", add).await;
    let [signed_by_old, signed_by_new] = [("old", &old), ("new", &new)].map(|(tag, chain)| aks.sign(tag, chain));
    // The vault is down: nothing can be decided, and the service says why.
    let why = aks.verdict(&signed_by_new).await;
    assert!(why.contains("nothing was fetched from shops.vault.azure.net shop") && why.contains("status 500"), "{why}");
    assert!(
        aks.status().await.contains("[!] trust store ca:shop: not fetched from shops.vault.azure.net shop, next at ")
    );
    let failures = "countersign_trust_store_fetch_failures{store=\"ca:shop\"}";
    assert!(aks.metric(failures).await.unwrap() >= 1.0);
    assert_eq!(aks.metric("countersign_trust_store_fetched_timestamp_seconds{store=\"ca:shop\"}").await, Some(0.0));
    let call =
        |call: &str, result: &str| format!("countersign_azure_calls_total{{call=\"{call}\",result=\"{result}\"}}");
    assert!(aks.metric(&call("key-vault-versions", "failed")).await.unwrap() >= 1.0);
    // The next attempt is some seconds after the start.
    aks.site.vault.succeed();
    assert_eq!(aks.until_verdict(&signed_by_new, "verified").await, "verified");
    assert_eq!(aks.verdict(&signed_by_old).await, "rejected untrusted-chain");
    assert_eq!(aks.metric(failures).await, Some(0.0));
    for (series, value) in [
        ("countersign_trust_store_fetched_files{source=\"key-vault\",store=\"ca:shop\"}".to_owned(), 1.0),
        ("countersign_trust_store_usable{store=\"ca:shop\"}".to_owned(), 1.0),
        (call("entra-token", "ok"), 1.0),
        (call("key-vault-versions", "ok"), 1.0),
        (call("key-vault-certificate", "ok"), 1.0),
    ] {
        assert_eq!(aks.metric(&series).await, Some(value), "{series}");
    }
    let fetched = aks.metric("countersign_trust_store_fetched_timestamp_seconds{store=\"ca:shop\"}").await.unwrap();
    let next = aks.metric("countersign_trust_store_next_fetch_timestamp_seconds{store=\"ca:shop\"}").await.unwrap();
    // Up to a fifth of the hour earlier, so that replicas do not ask together.
    assert!((fetched + 2880.0..=fetched + 3600.0).contains(&next), "{fetched} {next}");
    // Both versions, by a changed configuration.
    aks.configure("versions: 2");
    assert_eq!(aks.until_verdict(&signed_by_old, "verified").await, "verified");
    assert_eq!(aks.verdict(&signed_by_new).await, "verified");
    let line = aks.status().await;
    let line = line.lines().find(|line| line.contains("trust store ca:shop: ")).unwrap();
    assert!(line.starts_with("[+] trust store ca:shop: fetched at 20") && line.matches("shop/").count() == 2, "{line}");
    aks.stop().await;
}
