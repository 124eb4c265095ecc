//! A store that is filled from Azure Key Vault, with the workload identity of the pod: what `verify` says of an image whose statement
//! names the store, in `tests/golden/key_vault_setups.txt`.

use std::time::Duration;

use countersign_testkit::azure::Role;
use countersign_testkit::azure::vault_site::VaultSite;
use countersign_testkit::cloud::service_account::ServiceAccountToken;
use countersign_testkit::cloud::service_account::TokenIssuer;
use countersign_testkit::folder::Folder;
use countersign_testkit::pki::Authority;
use countersign_testkit::pki::CertSpec;
use countersign_testkit::proxy::Proxy;
use serde_json::Value;

use super::assert_golden;
use super::shown;
use crate::commands::check::beside;
use crate::commands::check::policy;
use crate::commands::check::sound;
use crate::commands::check::statement;

const OTHER: &str = "99999999-2222-3333-4444-555555555555";
const IMAGE: &str = "registry.example.com/app:v1";

/// A pod with workload identity, and a vault with `shop`, which fills `ca:main`.
struct Aks {
    site: VaultSite,
    issuer: TokenIssuer,
    folder: Folder,
    /// The identifier of the only version.
    version: String,
    /// The variables of the pod.
    environment: Vec<(&'static str, String)>,
}

impl Aks {
    async fn start() -> Self {
        let (site, folder) = (VaultSite::start().await, sound());
        let (_, version) = site.add_self_signed("shop");
        let issuer = TokenIssuer::new("https://westeurope.oic.prod-aks.azure.com/testkit/");
        site.directory.federate(VaultSite::CLIENT, &issuer, "countersign", "countersign");
        std::fs::remove_dir_all(folder.path().join("trust/truststore")).unwrap();
        folder.write("trust/trustpolicy.json", policy(&[statement("app", "registry.example.com/app")]));
        site.write_files(&folder);
        let environment = vec![
            ("AZURE_CLIENT_ID", VaultSite::CLIENT.to_owned()),
            ("AZURE_TENANT_ID", VaultSite::TENANT.to_owned()),
            ("AZURE_FEDERATED_TOKEN_FILE", folder.path().join("token").display().to_string()),
            ("AZURE_AUTHORITY_HOST", site.entra.authority_host()),
        ];
        let aks = Self { site, issuer, folder, version, environment };
        aks.write_token(&aks.token());
        aks.configure(&aks.site.proxy.url(), "azure.pem", "name: shop", "");
        aks
    }

    /// The token of the service account, of one hour.
    fn token(&self) -> ServiceAccountToken {
        let token = ServiceAccountToken::new("countersign", "countersign", self.site.setup.clock().now());
        token.audience(ServiceAccountToken::ENTRA)
    }

    fn write_token(&self, token: &ServiceAccountToken) {
        self.folder.write("token", self.issuer.token(token));
    }

    /// A configuration whose requests to Azure go through this proxy, and trust these authorities, with these keys of the certificate
    /// and of `keyVault`.
    fn configure(&self, proxy: &str, ca: &str, certificate: &str, keys: &str) {
        let config = format!(
            "trust:
  directory: trust
  stores:
  - {{store: 'ca:main', keyVault: {{vault: {}, certificates: [{{{certificate}}}]{keys}}}}}
azure: {{ca: {ca}, proxy: '{proxy}'}}
unlistedRegistries: anonymous
",
            VaultSite::VAULT
        );
        self.folder.write("c.yaml", config);
    }

    fn set(&mut self, variable: &str, value: &str) {
        let (_, found) = self.environment.iter_mut().find(|(name, _)| *name == variable).unwrap();
        value.clone_into(found);
    }

    /// The code, the detail and the remedy of the verdict. No token is in it.
    async fn said(&self) -> Vec<String> {
        let (_, text) = beside(&self.folder, "verify", &["-o", "json", IMAGE], &self.environment).await;
        assert!(!text.contains("eyJ"), "{text}");
        let document: Value = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"));
        let verdict = &document["images"][0];
        let member = |name: &str| verdict[name].as_str().unwrap_or_else(|| panic!("{name}: {document}"));
        let folder = format!("{}/", self.folder.path().display());
        let said = format!("{}: {}\nwhat to do: {}", member("code"), member("message"), member("advice"));
        vec![shown(&said.replace(&folder, "").replace(&self.version, "VERSION"))]
    }
}

#[tokio::test]
async fn what_a_wrong_set_up_says_is_that_of_the_golden_file() {
    let mut cases = Vec::new();
    for (name, aks) in setups().await {
        cases.push((name, aks.said().await));
    }
    assert_golden("key_vault_setups.txt", &cases);
}

async fn setups() -> Vec<(&'static str, Aks)> {
    let no_role = Aks::start().await;
    no_role.site.directory.unassign(VaultSite::CLIENT, Role::KeyVaultCertificateUser, VaultSite::VAULT);

    let no_secrets = Aks::start().await;
    no_secrets.configure(&no_secrets.site.proxy.url(), "azure.pem", "name: shop", ", secret: true");

    let mut tenant = Aks::start().await;
    tenant.set("AZURE_TENANT_ID", OTHER);

    let mut client = Aks::start().await;
    client.set("AZURE_CLIENT_ID", OTHER);

    let scope = Aks::start().await;
    scope.site.directory.remove_resource("https://vault.azure.net");

    let clock = Aks::start().await;
    clock.site.setup.clock().advance(Duration::from_secs(4200));

    let proxy = Aks::start().await;
    let ended = Proxy::start().await;
    proxy.configure(&ended.url(), "azure.pem", "name: shop", "");
    drop(ended);

    let inspected = Aks::start().await;
    inspected.folder.write("other.pem", Authority::root(CertSpec::root().common_name("Company")).pem());
    inspected.configure(&inspected.site.proxy.url(), "other.pem", "name: shop", "");

    let audience = Aks::start().await;
    audience.write_token(&audience.token().audience("sts.amazonaws.com"));

    let resource = Aks::start().await;
    resource.site.vault.set_resource("https://vault.azure.cn");

    let name = Aks::start().await;
    name.configure(&name.site.proxy.url(), "azure.pem", "name: other", "");

    let disabled = Aks::start().await;
    disabled.site.vault.set_enabled("shop", &disabled.version, false);

    let mut no_label = Aks::start().await;
    no_label.environment.clear();

    vec![
        ("The identity has no role on the vault", no_role),
        ("The identity may read certificates, and `secret: true` is set", no_secrets),
        ("The tenant is another one", tenant),
        ("The client ID is another one", client),
        ("The tenant does not have the service of vaults, whose scope is requested", scope),
        ("The clock of the cluster is more than an hour behind", clock),
        ("A proxy that is not there", proxy),
        ("A proxy that presents certificates of its own authority", inspected),
        ("The token of the service account has another audience", audience),
        ("The vault is for tokens of another cloud", resource),
        ("The vault does not have the certificate", name),
        ("The only version is disabled", disabled),
        ("The pod does not have the label of workload identity", no_label),
    ]
}
