//! Runs `countersign serve` as a process.

use std::fs;
use std::io::BufRead as _;
use std::io::BufReader;
use std::path::PathBuf;
use std::process::Child;
use std::process::Command;
use std::process::Stdio;
use std::time::Duration;

use countersign_testkit::pki::Authority;
use countersign_testkit::pki::CertSpec;
use serde_json::Value as Json;
use tokio::sync::oneshot;

use crate::process;

/// The name in Gatekeeper's certificate in a standard installation.
const GATEKEEPER: &str = "gatekeeper-webhook-service.gatekeeper-system.svc";

/// A directory with the configuration and the files that it names. Dropping the value removes it.
pub(crate) struct Files {
    folder: PathBuf,
    client: reqwest::Client,
}

impl Files {
    /// Writes a trust policy with one statement for all repositories, which trusts `root`.
    pub(crate) fn write(registry: &str, root: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("countersign-compare-{}", std::process::id()));
        let authority = Authority::root(CertSpec::root().common_name("TLS authority"));
        let server = authority.issue(CertSpec::tls_server(&["127.0.0.1", "localhost"]));
        let client = authority.issue(CertSpec::tls_client(GATEKEEPER));
        let policy = r#"{"version":"1.0","trustPolicies":[{"name":"all","registryScopes":["*"],
            "signatureVerification":{"level":"strict"},"trustStores":["ca:main"],"trustedIdentities":["*"]}]}"#;
        let config = format!(
            "server: {{listen: '127.0.0.1:0', tls: {{certificate: tls.crt, key: tls.key, clientCa: authority.pem}}}}\n\
             health: {{listen: '127.0.0.1:0'}}\n\
             trust: {{directory: trust}}\n\
             registries: [{{host: '{registry}', plainHttp: true}}]\n"
        );
        for (name, content) in [
            ("tls.crt", server.pem()),
            ("tls.key", server.key_pem()),
            ("authority.pem", authority.pem()),
            ("trust/trustpolicy.json", policy.to_owned()),
            ("trust/truststore/x509/ca/main/root.pem", root.to_owned()),
            ("c.yaml", config),
        ] {
            let path = folder.join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, content).unwrap();
        }
        let identity = reqwest::Identity::from_pem((client.pem() + &client.key_pem()).as_bytes()).unwrap();
        let client = reqwest::Client::builder()
            .tls_certs_only([reqwest::Certificate::from_pem(authority.pem().as_bytes()).unwrap()])
            .identity(identity)
            .http1_only()
            .no_proxy()
            .build()
            .unwrap();
        Self { folder, client }
    }
}

impl Drop for Files {
    fn drop(&mut self) {
        // A failure leaves the directory behind.
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// The running process. Dropping the value stops it.
pub(crate) struct Service {
    process: Child,
    client: reqwest::Client,
    address: String,
}

impl Drop for Service {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Service {
    // The ban on child processes is for the product.
    #[allow(clippy::disallowed_methods)]
    pub(crate) async fn start(binary: &str, files: &Files) -> Self {
        let mut command = Command::new(fs::canonicalize(binary).expect("the binary exists"));
        command.env_clear().current_dir(&files.folder).args(["serve", "--config", "c.yaml"]).stdin(Stdio::null());
        let mut process = command.stderr(Stdio::piped()).spawn().unwrap();
        let lines = BufReader::new(process.stderr.take().unwrap()).lines();
        let (ready, listening) = oneshot::channel();
        let mut ready = Some(ready);
        // Reads the log until its end, so that the process is never blocked by a full pipe.
        std::thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                let event: Json = serde_json::from_str(&line).unwrap_or(Json::String(line));
                let address = ["endpoints", "doors"].iter().find_map(|name| event[name].as_str()).map(str::to_owned);
                if let (Some(address), true) = (address, ready.is_some()) {
                    let _ = ready.take().unwrap().send(address);
                }
            }
        });
        let address = listening.await.expect("the service listens");
        Self { process, client: files.client.clone(), address }
    }

    pub(crate) async fn post(&self, path: &str, body: String) -> Vec<u8> {
        let request = self.client.post(format!("https://{}{path}", self.address)).body(body);
        request.send().await.unwrap().bytes().await.unwrap().to_vec()
    }

    /// CPU time of the process, in user mode and in the kernel.
    pub(crate) fn cpu(&self) -> Duration {
        process::cpu(self.process.id())
    }

    /// Peak memory of the process, in MiB.
    pub(crate) fn peak_memory(&self) -> f64 {
        process::peak_memory(self.process.id())
    }

    pub(crate) async fn stop(mut self) {
        self.process.kill().unwrap();
        tokio::task::spawn_blocking(move || self.process.wait().map(drop)).await.unwrap().unwrap();
    }
}
