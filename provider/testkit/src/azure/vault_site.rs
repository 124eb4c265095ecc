//! A vault with an application that may read its certificates, as a configuration of Countersign reaches it.

use std::time::Duration;

use time::OffsetDateTime;

use crate::azure::acr::Acr;
use crate::azure::blob_store::BlobStore;
use crate::azure::directory::Directory;
use crate::azure::directory::Role;
use crate::azure::entra::Entra;
use crate::azure::key_vault::KeyVault;
use crate::cloud::clock::Clock;
use crate::cloud::setup::Setup;
use crate::folder::Folder;
use crate::pki::Authority;
use crate::pki::CertSpec;
use crate::pki::Chain;
use crate::proxy::Proxy;

/// `shops.vault.azure.net` behind a proxy, and an application with a secret that has the role Key Vault Certificate User.
#[derive(Debug)]
pub struct VaultSite {
    /// The clock of all services. Each version is a minute newer than the one before.
    pub setup: Setup,
    /// Tenants, applications and roles.
    pub directory: Directory,
    /// Issues the tokens.
    pub entra: Entra,
    /// The vault.
    pub vault: KeyVault,
    /// Resolves the names of Azure; of more services too, if the test adds them.
    pub proxy: Proxy,
    /// The authority of the services' certificates.
    pub root: Authority,
}

impl VaultSite {
    /// The tenant of vault and application.
    pub const TENANT: &str = "11111111-2222-3333-4444-555555555555";
    /// The application.
    pub const CLIENT: &str = "aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee";
    /// The vault.
    pub const VAULT: &str = "shops.vault.azure.net";
    /// The certificate that [`Self::add`] adds versions of.
    pub const CERTIFICATE: &str = "shop";
    /// The value of the secret of the application.
    pub const SECRET: &str = "hunter2~application";

    /// Starts an empty vault.
    pub async fn start() -> Self {
        let now = OffsetDateTime::now_utc();
        let (setup, directory) = (Setup::new(&Clock::at(now)), Directory::new(Self::TENANT));
        directory.add_application(Self::TENANT, Self::CLIENT);
        directory.add_secret(Self::CLIENT, Self::SECRET, now + Duration::from_secs(24 * 3600));
        let entra = Entra::start(&setup, &directory).await;
        let root = Authority::root(CertSpec::root());
        let tls = setup.clone().tls(&root.issue(CertSpec::tls_server(&[Self::VAULT])));
        let authority = entra.authority_host();
        let vault = KeyVault::start(&tls, &directory, Self::TENANT, authority.trim_end_matches('/')).await;
        vault.set_name(Self::VAULT);
        directory.assign(Self::CLIENT, Role::KeyVaultCertificateUser, Self::VAULT);
        let proxy = Proxy::start().await;
        proxy.resolve(&format!("{}:443", Self::VAULT), vault.address());
        Self { setup, directory, entra, vault, proxy, root }
    }

    /// Adds a version of [`Self::CERTIFICATE`], which is the newest one, and gives its identifier.
    pub fn add(&self, chain: &Chain) -> String {
        self.setup.clock().advance(Duration::from_secs(60));
        self.vault.add_version(Self::CERTIFICATE, chain)
    }

    /// A version as the walk-throughs of Azure make it: one self-signed certificate of this name. With its identifier.
    pub fn add_self_signed(&self, name: &str) -> (Chain, String) {
        let chain = Chain::self_signed(CertSpec::leaf().common_name(name));
        let version = self.add(&chain);
        (chain, version)
    }

    /// Adds a registry of Azure of this name, whose blobs are at the host `store`. The application has the role for it, and the proxy
    /// resolves both names.
    pub async fn add_registry(&self, host: &str, store: &str) -> (Acr, BlobStore) {
        let tls = self.setup.clone().tls(&self.root.issue(CertSpec::tls_server(&[host, store])));
        let blobs = BlobStore::start(&tls).await;
        blobs.set_base(&format!("https://{store}"));
        let acr = Acr::start(&tls, &self.directory, &blobs, Self::TENANT).await;
        acr.set_name(host);
        self.directory.assign(Self::CLIENT, Role::AcrPull, host);
        self.proxy.resolve(&format!("{host}:443"), acr.address());
        self.proxy.resolve(&format!("{store}:443"), blobs.address());
        (acr, blobs)
    }

    /// Writes the files that the configuration names: `azure.pem` and `client-secret`.
    pub fn write_files(&self, folder: &Folder) {
        folder.write("azure.pem", self.root.pem());
        folder.write("client-secret", Self::SECRET);
    }

    /// The section `azure` of the configuration, in one line.
    #[must_use]
    pub fn section(&self) -> String {
        format!(
            "azure: {{authorityHost: '{}', proxy: '{}', ca: azure.pem, connectTimeout: 10s, attemptTimeout: 10s}}",
            self.entra.authority_host(),
            self.proxy.url()
        )
    }

    /// The keys of the application, as of `credentials.acr`.
    #[must_use]
    pub fn identity() -> String {
        format!(
            "identity: clientSecret, tenant: {}, clientId: {}, clientSecretFile: client-secret",
            Self::TENANT,
            Self::CLIENT
        )
    }

    /// An element of `trust.stores`: `store` with [`Self::CERTIFICATE`], with more keys of the certificate and of `keyVault`.
    #[must_use]
    pub fn store(store: &str, certificate_keys: &str, keys: &str) -> String {
        let separator = if certificate_keys.is_empty() { "" } else { ", " };
        format!(
            "{{store: '{store}', keyVault: {{vault: {}, certificates: [{{name: {}{separator}{certificate_keys}}}], {}{keys}}}}}",
            Self::VAULT,
            Self::CERTIFICATE,
            Self::identity()
        )
    }
}
