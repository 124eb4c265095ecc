//! The service as `countersign serve` runs it, over volumes in the layout of the kubelet, with a registry.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering;
use std::time::Duration;

use countersign::config::ConfigFile;
use countersign::config::Purpose;
use countersign::runtime::RuntimeError;
use countersign::runtime::Service;
use countersign_testkit::folder::Folder;
use countersign_testkit::notation;
use countersign_testkit::pki::Authority;
use countersign_testkit::pki::CertSpec;
use countersign_testkit::pki::Chain;
use countersign_testkit::registry::Registry;
use rustls::ClientConfig;
use rustls_pki_types::ServerName;
use serde_json::Value as Json;
use serde_json::json;
use tokio::net::TcpStream;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio_rustls::client::TlsStream;

use crate::client::body;
use crate::client::tls_trusting;

pub const GATEKEEPER: &str = "gatekeeper-webhook-service.gatekeeper-system.svc";

/// Time limit of each wait, for a busy machine.
const PATIENCE: Duration = Duration::from_secs(30);

/// A mounted ConfigMap or Secret: `name` leads to `..data/name`, and `..data` to a directory that is never changed. A
/// new version is a new directory and one rename of a link.
pub struct Volume {
    path: PathBuf,
    version: AtomicUsize,
}

impl Volume {
    fn new(path: PathBuf, files: &[(&str, String)]) -> Self {
        fs::create_dir_all(&path).unwrap();
        let volume = Self { path, version: AtomicUsize::new(0) };
        volume.swap(files);
        volume
    }

    /// Replaces the content by exactly `files`.
    pub fn swap(&self, files: &[(&str, String)]) {
        let version = self.version.fetch_add(1, Ordering::Relaxed);
        let name = format!("..version_{version}");
        for (file, content) in files {
            let path = self.path.join(&name).join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, content).unwrap();
        }
        let next = self.path.join("..data_tmp");
        std::os::unix::fs::symlink(&name, &next).unwrap();
        fs::rename(next, self.path.join("..data")).unwrap();
        for (file, _) in files {
            let first = Path::new(file).components().next().unwrap();
            let link = self.path.join(first);
            if link.symlink_metadata().is_err() {
                std::os::unix::fs::symlink(Path::new("..data").join(first), link).unwrap();
            }
        }
        if version > 0 {
            fs::remove_dir_all(self.path.join(format!("..version_{}", version - 1))).unwrap();
        }
    }
}

/// A running service with all of its mounted files.
pub struct MountedService {
    folder: Folder,
    pub config: Volume,
    pub tls: Volume,
    pub client_ca: Volume,
    pub policy: Volume,
    pub store: Volume,
    pub login: Volume,
    /// Signs the certificates of the service and of the registries.
    pub servers: Authority,
    pub clients: Authority,
    pub root: Authority,
    pub registry: Registry,
    pub address: SocketAddr,
    pub health: SocketAddr,
    stop: oneshot::Sender<()>,
    run: JoinHandle<Result<(), RuntimeError>>,
}

/// A statement for all repositories, which trusts the store `main` for `identities`.
pub fn policy(identities: &[&str]) -> String {
    json!({
        "version": "1.0",
        "trustPolicies": [
            {"name": "mirror", "registryScopes": ["a.example/skipped"], "signatureVerification": {"level": "skip"}},
            {"name": "app", "registryScopes": ["*"],
             "signatureVerification": {"level": "strict", "override": {"revocation": "skip"}},
             "trustStores": ["ca:main"], "trustedIdentities": identities},
        ],
    })
    .to_string()
}

pub fn root(name: &str) -> Authority {
    Authority::root(CertSpec::root().common_name(name))
}

impl MountedService {
    pub async fn start() -> Self {
        Self::with("").await
    }

    /// With more members of the configuration's section `server`.
    pub async fn with(server: &str) -> Self {
        Self::with_plain(server, &[]).await
    }

    /// As [`MountedService::with`], and with entries for registries elsewhere, which are contacted over plain HTTP.
    pub async fn with_plain(server: &str, plain: &[&str]) -> Self {
        // A second installation is refused, and the first serves all tests of the process.
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let folder = Folder::new();
        let (servers, clients, root) = (root("servers"), root("clients"), root("signers"));
        let registry = Registry::start_tls(&servers.issue(CertSpec::tls_server(&["127.0.0.1"]))).await;
        registry.require_basic("alice", "first");
        let signed = registry.push_image("app", "signed");
        notation::sign_image(&registry, "app", &signed, &root.issue(CertSpec::leaf()));
        registry.push_image("app", "unsigned");
        let volume = |name: &str, files: &[(&str, String)]| Volume::new(folder.path().join(name), files);
        let identity = servers.issue(CertSpec::tls_server(&["127.0.0.1"]));
        let mounted = [
            volume("config", &[("countersign.yaml", config(server, &[&registry], plain))]),
            volume("tls", &[("tls.crt", identity.pem()), ("tls.key", identity.key_pem())]),
            volume("client-ca", &[("ca.crt", clients.pem())]),
            volume("policy", &[("trustpolicy.json", policy(&["*"]))]),
            volume("store", &[("x509/ca/main/root.crt", root.pem())]),
            volume("login", &[("username", "alice".to_owned()), ("password", "first".to_owned())]),
        ];
        let _ = volume("registry-ca", &[("ca.pem", servers.pem())]);
        let [config, tls, client_ca, policy, store, login] = mounted;
        let (file, read) = ConfigFile::load(&folder.path().join("config/countersign.yaml"), Purpose::Serve).unwrap();
        let service = Service::start(&read).await.unwrap().following(file, None);
        let (address, health) = (service.address().unwrap(), service.health_address().unwrap());
        let (stop, stopped) = oneshot::channel::<()>();
        let run = tokio::spawn(service.run(async { drop(stopped.await) }));
        Self {
            folder,
            config,
            tls,
            client_ca,
            policy,
            store,
            login,
            servers,
            clients,
            root,
            registry,
            address,
            health,
            stop,
            run,
        }
    }

    /// The configuration with these registries, and these members of its section `server`.
    pub fn configure(&self, server: &str, registries: &[&Registry]) {
        self.config.swap(&[("countersign.yaml", config(server, registries, &[]))]);
    }

    /// The configuration of the start, in which verdicts are kept for so many minutes, and verified again after a change.
    pub fn keep_verdicts(&self, minutes: u32) {
        self.cache(&format!("verdictLifetime: {minutes}m, rejectedLifetime: 50ms, tagLifetime: 50ms"));
    }

    /// The configuration of the start with these members of its section `cache`.
    pub fn cache(&self, members: &str) {
        let start = config("", &[&self.registry], &[]);
        assert!(start.contains(SHORT_LIFETIMES));
        self.config.swap(&[("countersign.yaml", start.replace(SHORT_LIFETIMES, members))]);
    }

    /// The configuration of the start with these further lines of `registries`.
    pub fn configure_entries(&self, entries: &str) {
        self.config.swap(&[("countersign.yaml", config("", &[&self.registry], &[]) + entries)]);
    }

    pub fn image(&self, name: &str) -> String {
        format!("{}/{name}", self.registry.host())
    }

    /// Gatekeeper's client certificate, issued by `clients`.
    pub fn gatekeeper(&self, clients: &Authority) -> ClientConfig {
        client(&self.servers, Some(&clients.issue(CertSpec::tls_client(GATEKEEPER))))
    }

    /// A client with connections of its own.
    pub fn client(&self, tls: ClientConfig) -> Client {
        Client::new(tls, self.address)
    }

    /// A client that makes a new connection for every request.
    pub fn client_without_pool(&self, tls: ClientConfig) -> Client {
        let http = reqwest::Client::builder().tls_backend_preconfigured(tls).no_proxy().pool_max_idle_per_host(0);
        Client { http: http.build().unwrap(), base: format!("https://{}", self.address) }
    }

    /// A bare connection after its handshake.
    pub async fn connect(&self, tls: ClientConfig) -> std::io::Result<TlsStream<TcpStream>> {
        let stream = TcpStream::connect(self.address).await?;
        let name = ServerName::try_from("127.0.0.1").unwrap();
        tokio_rustls::TlsConnector::from(Arc::new(tls)).connect(name, stream).await
    }

    /// The certificate that the server presents to a new connection.
    pub async fn shown(&self) -> Vec<u8> {
        let stream = self.connect(self.gatekeeper(&self.clients)).await.unwrap();
        stream.get_ref().1.peer_certificates().unwrap()[0].to_vec()
    }

    pub async fn health(&self, path: &str) -> String {
        let client = reqwest::Client::builder().no_proxy().tls_certs_only([]).build().unwrap();
        client.get(format!("http://{}{path}", self.health)).send().await.unwrap().text().await.unwrap()
    }

    /// The value of a series, if there is one.
    pub async fn metric(&self, series: &str) -> Option<f64> {
        let text = self.health("/metrics").await;
        let line = text.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' '));
        line.map(|value| value.parse().unwrap())
    }

    /// Polls until the condition holds.
    pub async fn until(&self, what: &str, mut so: impl AsyncFnMut() -> bool) {
        let asked = async {
            while !so().await {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        if tokio::time::timeout(PATIENCE, asked).await.is_err() {
            panic!("not within {PATIENCE:?}: {what}\n{}", self.health("/readyz?verbose").await);
        }
    }

    /// Until the files of that kind are in use, or are refused for a reason that has `why` in it.
    pub async fn until_files(&self, kind: &str, why: Option<&str>) {
        let successful = format!("countersign_last_reload_successful{{files=\"{kind}\"}}");
        self.until(&format!("files {kind}: {why:?}"), async || {
            let text = self.health("/readyz?verbose").await;
            let line = text.lines().find(|line| line.contains(&format!("files {kind}: "))).unwrap();
            assert_eq!(self.health("/readyz").await, "ok\n");
            match why {
                Some(why) => {
                    line.starts_with("[!]") && line.contains(why) && self.metric(&successful).await == Some(0.0)
                }
                None => line.starts_with("[+]") && self.metric(&successful).await == Some(1.0),
            }
        })
        .await;
    }

    /// Applies a change, and waits until another policy is in use.
    pub async fn until_other_trust(&self, change: impl FnOnce()) {
        let before = self.metric("countersign_trust_generation").await;
        change();
        self.until("another trust", async || self.metric("countersign_trust_generation").await != before).await;
    }

    /// Stops the service as a signal does, and waits for its end.
    pub async fn stop(self) {
        self.stopping().end().await;
    }

    /// Stops it as a signal does. The registry keeps running.
    pub fn stopping(self) -> Stopping {
        let Self { folder, stop, run, registry, .. } = self;
        // The service may have ended by itself; its error then has the reason.
        let _ = stop.send(());
        Stopping { folder, run, _registry: registry }
    }
}

/// A service that is stopping.
pub struct Stopping {
    folder: Folder,
    run: JoinHandle<Result<(), RuntimeError>>,
    _registry: Registry,
}

impl Stopping {
    /// Waits for its end, which must be without an error.
    pub async fn end(self) {
        let ended = tokio::time::timeout(PATIENCE, self.run).await;
        drop(self.folder);
        ended.expect("the service does not end").unwrap().unwrap();
    }
}

/// TLS 1.3 with `identity`, which trusts the service's authority.
pub fn client(servers: &Authority, identity: Option<&Chain>) -> ClientConfig {
    tls_trusting(servers, identity, &rustls::version::TLS13)
}

/// The members of the section `cache` at the start.
const SHORT_LIFETIMES: &str = "verdictLifetime: 50ms, rejectedLifetime: 50ms, tagLifetime: 50ms, verifyAgain: 0";

fn config(server: &str, registries: &[&Registry], plain: &[&str]) -> String {
    let patience = if server.contains("verifyTimeout") { "" } else { "  verifyTimeout: 20s\n  mutateTimeout: 20s\n" };
    let mut text = format!(
        "server:\n  listen: 127.0.0.1:0\n  tls: {{certificate: ../tls/tls.crt, key: ../tls/tls.key, clientCa: \
         ../client-ca/ca.crt}}\n{patience}{server}\n\
         health: {{listen: '127.0.0.1:0'}}\n\
         trust: {{policy: ../policy/trustpolicy.json, store: ../store, reloadInterval: 100ms}}\n\
         cache: {{{SHORT_LIFETIMES}}}\n\
         unlistedRegistries: refuse\nregistries:\n"
    );
    for registry in registries {
        text.push_str(&format!(
            "- {{host: '{}', ca: ../registry-ca/ca.pem, credentials: {{usernameFile: ../login/username, passwordFile: \
             ../login/password}}}}\n",
            registry.host()
        ));
    }
    for host in plain {
        text.push_str(&format!("- {{host: '{host}', plainHttp: true}}\n"));
    }
    text
}

/// Sends requests as Gatekeeper does.
#[derive(Clone)]
pub struct Client {
    http: reqwest::Client,
    base: String,
}

impl Client {
    /// A client of the service at `address`, with connections of its own.
    pub fn new(tls: ClientConfig, address: SocketAddr) -> Self {
        let http = reqwest::Client::builder().tls_backend_preconfigured(tls).no_proxy().build().unwrap();
        Self { http, base: format!("https://{address}") }
    }

    /// The complete response.
    pub async fn post(&self, path: &str, body: impl Into<reqwest::Body>) -> Result<Json, String> {
        let request = self.http.post(format!("{}{path}", self.base)).body(body);
        let answer = async { request.send().await?.bytes().await }.await.map_err(|error| format!("{error:?}"))?;
        let answer: Json = serde_json::from_slice(&answer).map_err(|error| error.to_string())?;
        let whole = answer["kind"] == "ProviderResponse" && answer["response"]["items"].is_array();
        if whole { Ok(answer["response"].clone()) } else { Err(answer.to_string()) }
    }

    /// The verdict about one image; `undecided` if there is a `systemError`.
    pub async fn verdict(&self, image: &str) -> Result<String, String> {
        let response = self.post("/v1/verify", body(&[image])).await?;
        if response["systemError"] != "" {
            return Ok("undecided".to_owned());
        }
        let items = response["items"].as_array().unwrap();
        match (items.len(), &items[0]["key"], &items[0]["value"]["verdict"]) {
            (1, Json::String(key), Json::String(verdict)) if key == image => Ok(verdict.clone()),
            _ => Err(response.to_string()),
        }
    }
}
