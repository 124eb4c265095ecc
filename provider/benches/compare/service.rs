//! Runs `countersign serve` as a process.

use std::fs;
use std::path::PathBuf;
use std::process::Child;
use std::process::Command;
use std::process::Stdio;
use std::time::Duration;

use crate::process;
use crate::providers;
use crate::served;

/// A directory with the configuration and the files that it names. Dropping the value removes it.
pub(crate) struct Files {
    folder: PathBuf,
    client: reqwest::Client,
}

impl Files {
    /// Writes a trust policy with one statement for all repositories, which trusts `root`.
    pub(crate) fn write(registry: &str, root: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("countersign-compare-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let client = served::certificates(&folder).client();
        let config = format!(
            "{}trust: {{directory: trust}}\nregistries: [{{host: '{registry}', plainHttp: true}}]\n",
            served::server("")
        );
        served::write(&folder, "trust/trustpolicy.json", &providers::policy("ca:main").to_string());
        served::write(&folder, "trust/truststore/x509/ca/main/root.pem", root);
        served::write(&folder, "c.yaml", &config);
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
        let (process, event) = served::start(&mut command).await;
        Self { process, client: files.client.clone(), address: served::address(&event, "endpoints") }
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
