//! Trust stores that are filled from Azure Key Vault, in a service with requests, against doubles of the services of Azure.

use std::time::Duration;

use countersign_core::verdict::Code;
use countersign_testkit::azure::Role;
use countersign_testkit::azure::key_vault::Secret;
use countersign_testkit::azure::key_vault_error;
use countersign_testkit::azure::vault_site::VaultSite;
use countersign_testkit::notation;
use countersign_testkit::pki::Chain;
use countersign_testkit::registry::Registry;
use countersign_testkit::registry::Reply;
use tokio::time::Instant;

use super::fetched::poll;
use super::*;
use crate::engine::Deadline;
use crate::engine::Verifier as _;
use crate::policy_source::StoreState;
use crate::runtime::trust_stores;

/// A service whose only store is filled from a vault, and a registry with an image for each signer.
struct WithVault {
    site: VaultSite,
    registry: Registry,
    service: ReloadedService,
}

impl WithVault {
    /// `add` fills the vault before the start. The keys are those of the certificate and of `keyVault`.
    async fn start<T>(keys: (&str, &str), add: impl FnOnce(&VaultSite) -> T) -> (Self, T) {
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let (site, registry) = (VaultSite::start().await, Registry::start().await);
        let added = add(&site);
        let service = ReloadedService::start_with(|folder| {
            std::fs::remove_dir_all(folder.path().join("trust/truststore")).unwrap();
            site.write_files(folder);
            folder.write("c.yaml", Self::configuration(&site, &registry, keys, ""));
        })
        .await;
        (Self { site, registry, service }, added)
    }

    fn configuration(site: &VaultSite, registry: &Registry, (certificate, vault): (&str, &str), more: &str) -> String {
        let store = VaultSite::store("ca:main", certificate, vault);
        let registries = format!("registries: [{{host: '{}', plainHttp: true}}]", registry.host());
        config(&format!("{}\n{registries}\n{more}", site.section()))
            .replace("{directory: trust}", &format!("{{directory: trust, stores: [{store}]}}"))
    }

    /// Fetches the store as its task does when it is due, and polls the policy.
    async fn refresh(self) -> Self {
        let source = self.service.task.policy.lock().source.clone();
        let store = Arc::clone(source.fetched().stores().next().unwrap());
        let deadline = Instant::now() + Duration::from_secs(20);
        trust_stores::attempt(store, self.service.task.fetcher(), deadline).await;
        Self { service: poll(self.service).await, ..self }
    }

    /// The state of the store, and whether an image that `signers` signed is verified, each.
    async fn trusted<const N: usize>(&self, signers: [&Chain; N]) -> (&'static str, [bool; N]) {
        let policy = self.service.task.policy.handle().current().unwrap();
        let kind = match policy.stores().values().next().unwrap() {
            StoreState::Current(_) => "current",
            StoreState::Kept { .. } => "kept",
            StoreState::Unusable { .. } => "unusable",
        };
        let mut verified = [false; N];
        for (signer, verified) in signers.into_iter().zip(&mut verified) {
            let repository = format!("app-{}", &signer.thumbprints()[0][..8]);
            let image = self.registry.push_image(&repository, "v1");
            notation::sign_image(&self.registry, &repository, &image, signer);
            let image = self.registry.reference(&repository, &image).parse().unwrap();
            let engine = self.service.task.engine.current.get();
            let request = engine.request(Arc::new(image), Deadline::after(Duration::from_secs(20)));
            let code = engine.verify(request).await.verdict.code();
            let expected = [Code::Verified, Code::UntrustedChain, Code::TrustStoreUnusable];
            assert!(expected.contains(&code), "{code}");
            *verified = code == Code::Verified;
        }
        (kind, verified)
    }

    /// The line about the store, its times replaced.
    fn line(&self) -> String {
        let (_, text) = self.service.task.status.readiness().report(true);
        let line = text.lines().find(|line| line.contains("] trust store ca:main: ")).unwrap();
        let shown = line.split(' ').map(|word| {
            let time = word.trim_end_matches([',', ';', ':']);
            let is_time = time.starts_with("20") && time.ends_with('Z') && time.get(10..11) == Some("T");
            if is_time { word.replace(time, "TIME") } else { word.to_owned() }
        });
        shown.collect::<Vec<_>>().join(" ")
    }
}

const FROM: &str = "from shops.vault.azure.net shop";

#[tokio::test]
async fn a_rotated_certificate_counts_without_a_restart_and_the_former_one_ends() {
    for (versions, both) in [("", false), ("versions: 2", true)] {
        let (vault, (old, first)) = WithVault::start((versions, ""), |site| site.add_self_signed("old")).await;
        let new = Chain::self_signed(CertSpec::leaf().common_name("new"));
        assert_eq!(vault.trusted([&old, &new]).await, ("current", [true, false]));
        assert_eq!(
            vault.line(),
            format!("[+] trust store ca:main: fetched at TIME, 0h00m ago, {FROM}, versions shop/{first}, next at TIME")
        );
        let digest = vault.service.task.policy.handle().current().unwrap().digest().clone();
        let second = vault.site.add(&new);
        let vault = vault.refresh().await;
        // The same process and the same images: a verdict of the former store is not used.
        assert_eq!(vault.trusted([&old, &new]).await, ("current", [both, true]));
        assert_ne!(*vault.service.task.policy.handle().current().unwrap().digest(), digest);
        let versions = if both { format!("shop/{second}, shop/{first}") } else { format!("shop/{second}") };
        assert_eq!(
            vault.line(),
            format!("[+] trust store ca:main: fetched at TIME, 0h00m ago, {FROM}, versions {versions}, next at TIME")
        );
    }
}

#[tokio::test]
async fn a_disabled_version_ends_and_with_the_last_one_the_store() {
    let add = |site: &VaultSite| (site.add_self_signed("old"), site.add_self_signed("new"));
    let (vault, ((old, first), (new, second))) = WithVault::start(("versions: 3", ""), add).await;
    assert_eq!(vault.trusted([&old, &new]).await, ("current", [true, true]));
    vault.site.vault.set_enabled("shop", &second, false);
    let vault = vault.refresh().await;
    assert_eq!(vault.trusted([&old, &new]).await, ("current", [true, false]));
    vault.site.vault.set_enabled("shop", &first, false);
    let vault = vault.refresh().await;
    assert_eq!(vault.trusted([&old, &new]).await, ("unusable", [false, false]));
    assert_eq!(
        vault.line(),
        format!("[+] trust store ca:main: fetched at TIME, 0h00m ago, {FROM}, no version, next at TIME")
    );
    let status = vault.service.policy_status();
    assert!(status[0].starts_with("[-] trust: no statement of the trust policy can be used: "), "{status:?}");
    // An outage does not bring it back.
    vault.site.vault.fail(key_vault_error::internal());
    let vault = vault.refresh().await;
    assert_eq!(vault.trusted([&old, &new]).await, ("unusable", [false, false]));
    vault.site.vault.succeed();
    vault.site.vault.set_enabled("shop", &second, true);
    let vault = vault.refresh().await;
    assert_eq!(vault.trusted([&old, &new]).await, ("current", [false, true]));
}

#[tokio::test]
async fn a_certificate_without_an_enabled_version_is_named_while_another_one_is_in_use() {
    let spare = Chain::self_signed(CertSpec::leaf().common_name("spare"));
    let add = |site: &VaultSite| (site.add_self_signed("shop"), site.vault.add_version("spare", &spare));
    let (vault, ((shop, version), disabled)) = WithVault::start(("versions: 1}, {name: spare", ""), add).await;
    assert_eq!(vault.trusted([&shop, &spare]).await, ("current", [true, true]));
    vault.site.vault.set_enabled("spare", &disabled, false);
    let vault = vault.refresh().await;
    assert_eq!(vault.trusted([&shop, &spare]).await, ("current", [true, false]));
    assert_eq!(
        vault.line(),
        format!(
            "[+] trust store ca:main: fetched at TIME, 0h00m ago, {FROM}, spare, versions shop/{version}, nothing enabled of spare, the newest \
             enabled version, next at TIME"
        )
    );
    assert_eq!(vault.service.policy_status(), [""; 0]);
    // It says so no longer.
    vault.site.vault.set_enabled("spare", &disabled, true);
    let vault = vault.refresh().await;
    assert_eq!(vault.trusted([&shop, &spare]).await, ("current", [true, true]));
    assert!(!vault.line().contains("nothing enabled"), "{}", vault.line());
}

#[tokio::test]
async fn a_version_that_the_vault_says_is_disabled_ends_although_another_one_cannot_be_read() {
    let add = |site: &VaultSite| (site.add_self_signed("old"), site.add_self_signed("new"));
    let (vault, ((old, first), (new, second))) = WithVault::start(("versions: 2", ""), add).await;
    assert_eq!(vault.trusted([&old, &new]).await, ("current", [true, true]));
    vault.site.vault.set_enabled("shop", &first, false);
    vault.site.vault.when_path(&format!("/certificates/shop/{second}")).status(403);
    let vault = vault.refresh().await.refresh().await;
    // However long the other one cannot be read.
    assert_eq!(vault.trusted([&old, &new]).await, ("kept", [false, true]));
    let line = vault.line();
    let begin = format!(
        "[!] trust store ca:main: fetched at TIME, 0h00m ago, {FROM}, versions shop/{second}, next at TIME; failed since TIME (2 attempts): "
    );
    assert!(line.starts_with(&begin) && line.contains("found status 403"), "{line}");
}

#[tokio::test]
async fn a_disabled_version_ends_although_the_list_or_another_content_is_not_usable() {
    let add = |site: &VaultSite| (site.add_self_signed("old"), site.add_self_signed("new"));
    // A list with an entry that is not understood.
    let (vault, ((old, first), (new, _))) = WithVault::start(("versions: 2", ""), add).await;
    assert_eq!(vault.trusted([&old, &new]).await, ("current", [true, true]));
    let id = |version: &str| format!("https://shops.vault.azure.net/certificates/shop/{version}");
    let list = serde_json::json!({"value": [{"id": "x"}, {"id": id(&first), "attributes": {"enabled": false}}]});
    vault.site.vault.when_path("/certificates/shop/versions").reply(Reply::status(200).body(list.to_string()));
    let vault = vault.refresh().await;
    assert_eq!(vault.trusted([&old, &new]).await, ("kept", [false, true]));
    assert!(vault.line().contains("the version of an id: found"), "{}", vault.line());

    // A certificate that the store cannot have.
    let (vault, ((old, first), (new, _))) = WithVault::start(("versions: 2", ""), add).await;
    vault.site.vault.set_enabled("shop", &first, false);
    let issued = Authority::root(CertSpec::root()).issue(CertSpec::leaf().common_name("issued"));
    vault.site.add(&issued);
    let vault = vault.refresh().await;
    assert_eq!(vault.trusted([&old, &new, &issued]).await, ("kept", [false, true, false]));
    assert!(vault.line().contains("is neither a CA certificate nor self-signed"), "{}", vault.line());
}

#[tokio::test]
async fn an_older_enabled_version_stays_while_the_newest_one_was_never_read() {
    let (vault, (old, first)) = WithVault::start(("", ""), |site| site.add_self_signed("old")).await;
    let (new, second) = vault.site.add_self_signed("new");
    let fault = vault.site.vault.when_path(&format!("/certificates/shop/{second}")).status(403);
    let vault = vault.refresh().await;
    assert_eq!(vault.trusted([&old, &new]).await, ("kept", [true, false]));
    vault.site.vault.set_enabled("shop", &first, false);
    let vault = vault.refresh().await;
    assert_eq!(vault.trusted([&old, &new]).await, ("unusable", [false, false]));
    fault.remove();
    let vault = vault.refresh().await;
    assert_eq!(vault.trusted([&old, &new]).await, ("current", [false, true]));
}

#[tokio::test]
async fn a_disabled_version_ends_although_the_secret_of_another_one_is_of_another_kind() {
    let root = Authority::root(CertSpec::root().common_name("other CA"));
    let (own, other) = (Chain::self_signed(CertSpec::leaf().common_name("own")), root.issue(CertSpec::leaf()));
    let add = |site: &VaultSite| {
        site.directory.assign(VaultSite::CLIENT, Role::KeyVaultSecretsUser, VaultSite::VAULT);
        (site.add(&own), site.add(&other))
    };
    let (vault, (first, second)) = WithVault::start(("versions: 2", ", secret: true"), add).await;
    assert_eq!(vault.trusted([&own, &other]).await, ("current", [true, true]));
    vault.site.vault.set_enabled("shop", &first, false);
    let secret = Secret::Given { content_type: "application/x-pkcs12".to_owned(), value: "hunter2".to_owned() };
    vault.site.vault.set_secret("shop", &second, secret);
    let vault = vault.refresh().await;
    assert_eq!(vault.trusted([&own, &other]).await, ("kept", [false, true]));
}

#[tokio::test]
async fn the_last_certificates_stay_while_the_vault_fails_and_a_deleted_one_does_not() {
    let (vault, (chain, version)) = WithVault::start(("", ""), |site| site.add_self_signed("shop")).await;
    vault.site.vault.fail(key_vault_error::internal());
    let vault = vault.refresh().await.refresh().await;
    assert_eq!(vault.trusted([&chain]).await, ("kept", [true]));
    let line = vault.line();
    let begin = format!(
        "[!] trust store ca:main: fetched at TIME, 0h00m ago, {FROM}, versions shop/{version}, next at TIME; failed since TIME (2 \
         attempts): "
    );
    assert!(line.starts_with(&begin) && line.contains("found status 500"), "{line}");
    let status = vault.service.policy_status();
    assert!(status[0].starts_with("[!] trust store ca:main is in use as it was before"), "{status:?}");
    vault.site.vault.succeed();
    let vault = vault.refresh().await;
    assert_eq!(vault.trusted([&chain]).await, ("current", [true]));
    // The role is withdrawn: this is no answer about the certificate.
    vault.site.directory.unassign(VaultSite::CLIENT, Role::KeyVaultCertificateUser, VaultSite::VAULT);
    let vault = vault.refresh().await;
    assert_eq!(vault.trusted([&chain]).await, ("kept", [true]));
    assert!(vault.line().contains("assign the role Key Vault Certificate User on the vault"), "{}", vault.line());
    vault.site.directory.assign(VaultSite::CLIENT, Role::KeyVaultCertificateUser, VaultSite::VAULT);
    vault.site.vault.delete("shop");
    let vault = vault.refresh().await;
    assert_eq!(vault.trusted([&chain]).await, ("unusable", [false]));
    assert!(vault.line().contains("found status 404 CertificateNotFound"), "{}", vault.line());
}

#[tokio::test]
async fn a_changed_configuration_is_fetched_before_it_is_in_use() {
    let add = |site: &VaultSite| (site.add_self_signed("old"), site.add_self_signed("new"));
    let (vault, ((old, first), (new, _))) = WithVault::start(("", ""), add).await;
    assert_eq!(vault.trusted([&old, &new]).await, ("current", [false, true]));
    // One version alone.
    let version = format!("version: {first}");
    let text = WithVault::configuration(&vault.site, &vault.registry, (&version, ""), "");
    vault.service.folder.write("c.yaml", text);
    let vault = WithVault { service: poll(vault.service).await, ..vault };
    assert_eq!(vault.trusted([&old, &new]).await, ("current", [true, false]));
    assert_eq!(vault.service.policy_status(), [""; 0]);
    // The clients of Azure change, and the store does not: it is not fetched again, and the next attempt uses the new ones.
    let calls = vault.site.vault.journal().len();
    let text = WithVault::configuration(&vault.site, &vault.registry, (&version, ""), "");
    vault.service.folder.write("c.yaml", text.replace("attemptTimeout: 10s", "attemptTimeout: 11s"));
    let vault = WithVault { service: poll(vault.service).await, ..vault };
    assert_eq!(vault.service.task.configuration.in_use.azure.attempt_timeout.as_secs(), 11);
    assert_eq!(vault.site.vault.journal().len(), calls);
    let tokens = vault.site.entra.journal().len();
    let vault = vault.refresh().await;
    assert_eq!(vault.trusted([&old, &new]).await, ("current", [true, false]));
    assert_eq!(vault.site.entra.journal().len(), tokens + 1);
}

#[tokio::test]
async fn changed_authorities_of_azure_are_used_by_the_next_attempt() {
    let (vault, (chain, _)) = WithVault::start(("", ""), |site| site.add_self_signed("shop")).await;
    vault.service.folder.write("azure.pem", Authority::root(CertSpec::root().common_name("other")).pem());
    let vault = WithVault { service: poll(vault.service).await, ..vault };
    let vault = vault.refresh().await;
    assert_eq!(vault.trusted([&chain]).await, ("kept", [true]));
    assert!(vault.line().contains("its certificate is not trusted: "), "{}", vault.line());
    vault.site.write_files(&vault.service.folder);
    let vault = WithVault { service: poll(vault.service).await, ..vault };
    let vault = vault.refresh().await;
    assert_eq!(vault.trusted([&chain]).await, ("current", [true]));
}

#[tokio::test]
async fn the_secret_is_read_only_if_the_configuration_says_so() {
    let root = Authority::root(CertSpec::root().common_name("vault CA"));
    let chain = root.issue(CertSpec::leaf().common_name("shop"));
    let add = |site: &VaultSite| site.add(&chain);
    let secrets = |vault: &WithVault| {
        let journal = vault.site.vault.journal();
        journal.iter().filter(|exchange| exchange.path.starts_with("/secrets/")).count()
    };
    let (vault, _) = WithVault::start(("", ""), add).await;
    // A certificate of an authority is no trust anchor.
    assert_eq!((vault.trusted([&chain]).await, secrets(&vault)), (("unusable", [false]), 0));
    let status = vault.service.policy_status();
    assert!(status[2].contains("is neither a CA certificate nor self-signed"), "{status:?}");
    // The role that reads certificates does not read secrets.
    let (vault, version) = WithVault::start(("", ", secret: true"), add).await;
    assert_eq!(vault.trusted([&chain]).await, ("unusable", [false]));
    assert!(vault.line().contains("assign the role Key Vault Secrets User"), "{}", vault.line());
    vault.site.directory.assign(VaultSite::CLIENT, Role::KeyVaultSecretsUser, VaultSite::VAULT);
    let vault = vault.refresh().await;
    // The whole chain is in the store, so that another leaf of the same authority is trusted too.
    let other = root.issue(CertSpec::leaf().common_name("other"));
    assert_eq!(vault.trusted([&chain, &other]).await, ("current", [true, true]));
    assert!(secrets(&vault) > 0);
    vault.site.vault.set_secret(
        "shop",
        &version,
        Secret::Given { content_type: "application/x-pkcs12".to_owned(), value: "hunter2".to_owned() },
    );
    let vault = vault.refresh().await;
    assert_eq!(vault.trusted([&chain]).await, ("kept", [true]));
    let line = vault.line();
    assert!(line.contains("expected application/x-pem-file") && !line.contains("hunter2"), "{line}");
}
