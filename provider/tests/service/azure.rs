//! The running service on Azure: images in Azure Container Registry, and a trust store that is filled from Azure Key Vault. The services of Azure are doubles in this process,
//! which a proxy resolves by their names.
#![allow(clippy::unwrap_used)]

mod fixture;

use countersign_testkit::azure::Role;
use countersign_testkit::azure::key_vault_error;
use countersign_testkit::azure::vault_site::VaultSite;
use countersign_testkit::registry::Reply;

use fixture::Aks;
use fixture::HOST;

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
    let remedy = format!(
        "what to do: wait until Azure has mended the vault {}; the vault is read again by itself",
        VaultSite::VAULT
    );
    assert!(why.contains(&remedy) && !why.contains("assign the role"), "{why}");
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
        // One for the vault and one for the registry.
        (call("entra-token", "ok"), 2.0),
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

#[tokio::test]
async fn a_pod_that_a_vault_refuses_at_the_start_is_not_ready_and_says_what_to_do_until_it_recovers() {
    let refuse = |site: &VaultSite| {
        site.directory.unassign(VaultSite::CLIENT, Role::KeyVaultCertificateUser, VaultSite::VAULT);
        site.add_self_signed("shop").0
    };
    let (aks, chain) = Aks::start("", refuse).await;
    let (status, text) = aks.probe("/readyz?verbose").await;
    assert_eq!(status, 503, "{text}");
    let begin = "[-] trust: no statement of the trust policy can be used: statement \"app\" is disabled: trust store ca:shop cannot be \
                 used: nothing was fetched from shops.vault.azure.net shop: ";
    let line = text.lines().find(|line| line.starts_with(begin)).unwrap_or_else(|| panic!("{text}"));
    let refusal = "found status 403 ForbiddenByRbac, expected 200";
    let remedy = "assign the role Key Vault Certificate User on the vault to the identity";
    assert!(line.contains(refusal) && line.contains(remedy), "{line}");
    assert_eq!(aks.probe("/livez").await.0, 200);
    aks.site.directory.assign(VaultSite::CLIENT, Role::KeyVaultCertificateUser, VaultSite::VAULT);
    assert_eq!(aks.until_verdict(&aks.sign("v1", &chain), "verified").await, "verified");
    assert_eq!(aks.probe("/readyz").await.0, 200);
    aks.stop().await;
}

/// The line about the token of the registry.
fn token_line(status: &str) -> &str {
    status.lines().find(|line| line.contains(&format!("] token acr {HOST} for "))).unwrap_or_default()
}

#[tokio::test]
async fn an_image_of_a_registry_of_azure_is_verified_and_its_token_is_shown() {
    let (aks, (chain, _)) = Aks::start("", |site| site.add_self_signed("shop")).await;
    let image = aks.sign_in_acr("v1", &chain);
    assert_eq!(aks.verdict(&image).await, "verified");
    let status = aks.status().await;
    let whose =
        format!("the application {} of the tenant {} with the secret of ", VaultSite::CLIENT, VaultSite::TENANT);
    let line = token_line(&status);
    assert!(line.starts_with(&format!("[+] token acr {HOST} for {whose}")), "{status}");
    assert!(line.contains(": issued at 20") && line.contains(", ends at 20"), "{status}");
    // Those of Microsoft Entra, for the registry and for the vault.
    assert_eq!(status.lines().filter(|line| line.starts_with("[+] token entra")).count(), 2, "{status}");
    assert!(!status.contains(VaultSite::SECRET) && !status.contains("eyJ"), "{status}");
    for (series, value) in [
        ("countersign_registry_tokens", 1.0),
        ("countersign_registry_token_fetches_total{result=\"ok\"}", 1.0),
        ("countersign_registry_token_fetches_total{result=\"failed\"}", 0.0),
        ("countersign_azure_calls_total{call=\"acr-exchange\",result=\"ok\"}", 1.0),
        ("countersign_azure_calls_total{call=\"entra-token\",result=\"ok\"}", 2.0),
        ("countersign_registry_token_end_without_refresh_timestamp_seconds", 0.0),
    ] {
        assert_eq!(aks.metric(series).await, Some(value), "{series}");
    }
    // Three hours.
    let oldest = aks.metric("countersign_registry_token_oldest_timestamp_seconds").await.unwrap();
    let end = aks.metric("countersign_registry_token_end_timestamp_seconds").await.unwrap();
    assert!((9_000.0..=11_000.0).contains(&(end - oldest)), "{oldest} {end}");
    aks.stop().await;
}

#[tokio::test]
async fn an_outage_of_microsoft_entra_does_not_end_a_token_that_is_in_use() {
    let (aks, (chain, _)) = Aks::start("", |site| site.add_self_signed("shop")).await;
    assert_eq!(aks.verdict(&aks.sign_in_acr("v1", &chain)).await, "verified");
    aks.site.entra.fail(Reply::status(503));
    aks.site.vault.fail(key_vault_error::internal());
    assert_eq!(aks.verdict(&aks.sign_in_acr("v2", &chain)).await, "verified");
    assert_eq!(aks.acr.exchanges(), 1);
    aks.stop().await;
}

#[tokio::test]
async fn a_changed_identity_is_used_after_a_reload_and_an_equal_one_keeps_its_token() {
    let add = |site: &VaultSite| (site.add_self_signed("former").1, site.add_self_signed("shop").0);
    let (aks, (former, chain)) = Aks::start("", add).await;
    assert_eq!(aks.verdict(&aks.sign_in_acr("v1", &chain)).await, "verified");
    // Another section changes.
    aks.configure("versions: 2");
    aks.until_status(&format!("shop/{former}")).await;
    assert_eq!(aks.verdict(&aks.sign_in_acr("v2", &chain)).await, "verified");
    assert_eq!(aks.acr.exchanges(), 1);
    // An application that the tenant does not have.
    let other = "99999999-2222-3333-4444-555555555555";
    aks.configure_acr(&VaultSite::identity().replace(VaultSite::CLIENT, other));
    let failed = aks.until_status(&format!("[!] token acr {HOST} for the application {other} of the tenant ")).await;
    assert!(failed.contains(": none; requested at ") && failed.contains("AADSTS700016"), "{failed}");
    let why = aks.verdict(&aks.sign_in_acr("v3", &chain)).await;
    assert!(why.contains("registry-misconfigured") && why.contains("AADSTS700016"), "{why}");
    // Of an identity that is no longer in use there is no line.
    assert!(!aks.status().await.contains(&format!("token acr {HOST} for the application {}", VaultSite::CLIENT)));
    aks.configure_acr(&VaultSite::identity());
    let image = aks.sign_in_acr("v4", &chain);
    assert_eq!(aks.until_verdict(&image, "verified").await, "verified");
    assert_eq!(aks.acr.exchanges(), 2);
    aks.stop().await;
}

#[tokio::test]
async fn a_role_that_is_withdrawn_denies_images_and_the_message_names_it() {
    let (aks, (chain, _)) = Aks::start("", |site| site.add_self_signed("shop")).await;
    aks.site.directory.unassign(VaultSite::CLIENT, Role::AcrPull, HOST);
    let image = aks.sign_in_acr("v1", &chain);
    let why = aks.verdict(&image).await;
    assert!(why.contains("registry-denied") && why.contains("assign the role AcrPull"), "{why}");
    aks.site.directory.assign(VaultSite::CLIENT, Role::AcrPull, HOST);
    assert_eq!(aks.until_verdict(&image, "verified").await, "verified");
    aks.stop().await;
}
