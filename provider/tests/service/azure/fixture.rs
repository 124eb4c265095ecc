//! The doubles, the images and the running service.

use std::time::Duration;

use countersign::config::ConfigFile;
use countersign::config::Purpose;
use countersign::runtime::RuntimeError;
use countersign::runtime::Service;
use countersign_test_support::client::body;
use countersign_test_support::fixture::policy;
use countersign_test_support::mounted::Client;
use countersign_test_support::mounted::GATEKEEPER;
use countersign_test_support::mounted::client;
use countersign_testkit::azure::acr::Acr;
use countersign_testkit::azure::blob_store::BlobStore;
use countersign_testkit::azure::vault_site::VaultSite;
use countersign_testkit::folder::Folder;
use countersign_testkit::notation;
use countersign_testkit::pki::Authority;
use countersign_testkit::pki::CertSpec;
use countersign_testkit::pki::Chain;
use countersign_testkit::registry::Registry;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

/// A registry of Azure, and where its blobs are.
pub(super) const HOST: &str = "shops.azurecr.io";
const STORE: &str = "shops.blob.core.windows.net";

/// Time limit of a wait, for a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// What is running.
pub(super) struct Aks {
    pub(super) site: VaultSite,
    /// The registry, for whose tokens the application of `site` has the role AcrPull.
    pub(super) acr: Acr,
    _blobs: BlobStore,
    /// A registry that needs no credentials.
    plain: Registry,
    folder: Folder,
    client: Client,
    health: String,
    stop: oneshot::Sender<()>,
    run: JoinHandle<Result<(), RuntimeError>>,
}

impl Aks {
    /// A service whose only store `ca:shop` is filled from the vault, after `change`. The keys are those of the certificate.
    pub(super) async fn start<T>(certificate: &str, change: impl FnOnce(&VaultSite) -> T) -> (Self, T) {
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let (site, plain, folder) = (VaultSite::start().await, Registry::start().await, Folder::new());
        let changed = change(&site);
        let (acr, blobs) = site.add_registry(HOST, STORE).await;
        let root = Authority::root(CertSpec::root());
        let (server, gatekeeper) =
            (root.issue(CertSpec::tls_server(&["127.0.0.1"])), root.issue(CertSpec::tls_client(GATEKEEPER)));
        folder.write("tls.crt", server.pem());
        folder.write("tls.key", server.key_pem());
        folder.write("ca.pem", root.pem());
        folder.write("trust/trustpolicy.json", policy(&["ca:shop"], &["*"]));
        site.write_files(&folder);
        configure(&site, &plain, &folder, certificate, &VaultSite::identity());
        let (file, read) = ConfigFile::load(&folder.path().join("c.yaml"), Purpose::Serve).unwrap();
        let service = Service::start(&read).await.unwrap().following(file, None);
        let client = Client::new(client(&root, Some(&gatekeeper)), service.address().unwrap());
        let health = format!("http://{}", service.health_address().unwrap());
        let (stop, stopped) = oneshot::channel::<()>();
        let run = tokio::spawn(service.run(async { drop(stopped.await) }));
        (Self { site, acr, _blobs: blobs, plain, folder, client, health, stop, run }, changed)
    }

    /// Writes the configuration anew, with these keys of the certificate.
    pub(super) fn configure(&self, certificate: &str) {
        configure(&self.site, &self.plain, &self.folder, certificate, &VaultSite::identity());
    }

    /// Writes the configuration anew, with these keys of `credentials.acr`.
    pub(super) fn configure_acr(&self, acr: &str) {
        configure(&self.site, &self.plain, &self.folder, "", acr);
    }

    /// An image of the registry of Azure that this chain signed.
    pub(super) fn sign_in_acr(&self, tag: &str, chain: &Chain) -> String {
        let image = self.acr.push_image("app", tag);
        notation::sign_image(&self.acr, "app", &image, chain);
        format!("{HOST}/app:{tag}")
    }

    /// An image that this chain signed.
    pub(super) fn sign(&self, tag: &str, chain: &Chain) -> String {
        let image = self.plain.push_image("app", tag);
        notation::sign_image(&self.plain, "app", &image, chain);
        self.plain.reference("app", &image)
    }

    /// The verdict with its code, or the reason why there is none.
    pub(super) async fn verdict(&self, image: &str) -> String {
        let response = self.client.post("/v1/verify", body(&[image])).await.unwrap();
        if let Some(why) = response["systemError"].as_str().filter(|why| !why.is_empty()) {
            return why.to_owned();
        }
        let value = &response["items"][0]["value"];
        let mut parts: Vec<_> =
            [&value["verdict"], &value["code"]].into_iter().filter_map(|part| part.as_str()).collect();
        parts.dedup();
        parts.join(" ")
    }

    /// The verdict as soon as it is this one, or the last one.
    pub(super) async fn until_verdict(&self, image: &str, wanted: &str) -> String {
        let mut last = String::new();
        let expected = async {
            loop {
                last = self.verdict(image).await;
                if last == wanted {
                    break;
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        let _ = tokio::time::timeout(PATIENCE, expected).await;
        last
    }

    async fn health(&self, path: &str) -> String {
        self.probe(path).await.1
    }

    /// The status and the body of an endpoint for probes.
    pub(super) async fn probe(&self, path: &str) -> (u16, String) {
        let client = reqwest::Client::builder().no_proxy().tls_certs_only([]).build().unwrap();
        let response = client.get(format!("{}{path}", self.health)).send().await.unwrap();
        (response.status().as_u16(), response.text().await.unwrap())
    }

    /// All lines of `/readyz?verbose`.
    pub(super) async fn status(&self) -> String {
        self.health("/readyz?verbose").await
    }

    /// The line of `/readyz?verbose` that contains `part`, as soon as there is one.
    pub(super) async fn until_status(&self, part: &str) -> String {
        let shown = async {
            loop {
                let text = self.status().await;
                if let Some(line) = text.lines().find(|line| line.contains(part)) {
                    return line.to_owned();
                }
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        tokio::time::timeout(PATIENCE, shown).await.unwrap_or_else(|_| panic!("no line with {part}"))
    }

    /// The value of a series.
    pub(super) async fn metric(&self, series: &str) -> Option<f64> {
        let text = self.health("/metrics").await;
        let line = text.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' '));
        line.map(|value| value.parse().unwrap())
    }

    pub(super) async fn stop(self) {
        self.stop.send(()).unwrap();
        self.run.await.unwrap().unwrap();
    }
}

fn configure(site: &VaultSite, plain: &Registry, folder: &Folder, certificate: &str, acr: &str) {
    let proxy = site.proxy.url();
    let text = format!(
        "server: {{listen: '127.0.0.1:0', verifyTimeout: 20s, tls: {{certificate: tls.crt, key: tls.key, clientCa: ca.pem}}}}
health: {{listen: '127.0.0.1:0'}}
trust: {{directory: trust, reloadInterval: 100ms, stores: [{}]}}
cache: {{tagLifetime: 50ms, rejectedLifetime: 50ms, verifyAgain: 0}}
{}
unlistedRegistries: refuse
registries:
- {{host: '{}', plainHttp: true, proxy: none}}
- {{host: {HOST}, ca: azure.pem, proxy: '{proxy}', credentials: {{acr: {{{acr}}}}}}}
- {{host: {STORE}, ca: azure.pem, proxy: '{proxy}'}}
",
        VaultSite::store("ca:shop", certificate, ""),
        site.section(),
        plain.host()
    );
    folder.write("c.yaml", text);
}
