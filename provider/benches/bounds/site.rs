//! Countersign as it is shipped, as a process, and what calls it.

use std::fs;
use std::path::Path;
use std::path::PathBuf;
use std::process::Child;
use std::process::Command;
use std::process::Stdio;
use std::time::Duration;
use std::time::Instant;

use serde_json::Value as Json;
use serde_json::json;

use crate::host::Host;
use crate::process;
use crate::served;

/// How long work goes on after its request was answered, at most.
const WORK: Duration = Duration::from_secs(60);

/// The files of the operator that differ between runs.
pub(crate) struct Files {
    pub(crate) policy: Json,
    /// By path below the directory of trust stores.
    pub(crate) stores: Vec<(String, Vec<u8>)>,
}

pub(crate) struct Site {
    process: Child,
    client: reqwest::Client,
    address: String,
    health: String,
    folder: PathBuf,
}

impl Drop for Site {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// The answer about one image.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) code: String,
    pub(crate) took: Duration,
    /// What the answer says, for a wrong code.
    pub(crate) text: String,
}

impl Site {
    /// With the limits that are shipped; hosts are in `registries`, with their authority.
    // The ban on child processes is for the product.
    #[allow(clippy::disallowed_methods)]
    pub(crate) async fn start(binary: &Path, hosts: &[&Host], authority: &str, files: &Files) -> Self {
        static COUNT: std::sync::atomic::AtomicUsize = std::sync::atomic::AtomicUsize::new(0);
        let number = COUNT.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let folder = std::env::temp_dir().join(format!("countersign-bounds-{}-{number}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let caller = served::certificates(&folder);
        served::write(&folder, "registry.pem", authority);
        served::write(&folder, "c.yaml", &config(hosts));
        served::write(&folder, "trust/trustpolicy.json", &files.policy.to_string());
        for (name, content) in &files.stores {
            let path = folder.join("trust/truststore/x509").join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, content).unwrap();
        }
        let mut command = Command::new(fs::canonicalize(binary).unwrap());
        command.env_clear().current_dir(&folder).args(["serve", "--config", "c.yaml"]).stdin(Stdio::null());
        let (process, event) = served::start(&mut command).await;
        let (address, health) = (served::address(&event, "endpoints"), served::address(&event, "health"));
        Self { process, client: caller.client(), address, health, folder }
    }

    pub(crate) fn id(&self) -> u32 {
        self.process.id()
    }

    /// Makes the peak of memory that of this moment.
    pub(crate) fn reset_peak(&self) {
        fs::write(format!("/proc/{}/clear_refs", self.id()), "5").unwrap();
    }

    /// In MiB.
    pub(crate) fn peak(&self) -> f64 {
        process::peak_memory(self.id())
    }

    pub(crate) fn write_policy(&self, policy: &Json) {
        served::write(&self.folder, "next", &policy.to_string());
        fs::rename(self.folder.join("next"), self.folder.join("trust/trustpolicy.json")).unwrap();
    }

    /// The code about an image.
    pub(crate) async fn ask(&self, image: &str) -> Answer {
        self.ask_all(&[image]).await.remove(0)
    }

    /// The codes about the images of one request.
    pub(crate) async fn ask_all(&self, images: &[&str]) -> Vec<Answer> {
        let body = json!({"apiVersion": "externaldata.gatekeeper.sh/v1beta1", "kind": "ProviderRequest",
            "request": {"keys": images}});
        let began = Instant::now();
        let request = self.client.post(format!("https://{}/v1/verify", self.address)).body(body.to_string());
        let answer = async { request.send().await?.bytes().await }.await;
        let took = began.elapsed();
        let text = match answer {
            Ok(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
            Err(error) => format!("no answer: {error:?}"),
        };
        let answer: Json = serde_json::from_str(&text).unwrap_or_default();
        let code = |image: &&str| Answer { code: code(&answer["response"], image), took, text: text.clone() };
        images.iter().map(code).collect()
    }

    /// Waits for the end of work that goes on after its request was answered.
    pub(crate) async fn settled(&self) {
        let began = Instant::now();
        while began.elapsed() < WORK {
            let metrics = self.page("metrics").await;
            let limits = metrics.lines().filter(|line| line.starts_with("countersign_limit_in_use{"));
            if limits.into_iter().all(|line| line.ends_with(" 0")) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// A page of the health port.
    pub(crate) async fn page(&self, path: &str) -> String {
        let client = reqwest::Client::builder().no_proxy().tls_certs_only([]).build().unwrap();
        client.get(format!("http://{}/{path}", self.health)).send().await.unwrap().text().await.unwrap()
    }
}

/// The code of the image's item, or of its part of the error.
fn code(response: &Json, image: &str) -> String {
    let item = response["items"].as_array().and_then(|items| items.iter().find(|item| item["key"] == image));
    if let Some(item) = item {
        return item["value"]["code"].as_str().unwrap_or("an item without a code").to_owned();
    }
    let error = response["systemError"].as_str().unwrap_or_default();
    let rest = error.split_once(&format!("{image}: ")).map(|(_, rest)| rest);
    rest.map_or_else(|| "no code".to_owned(), |rest| rest.split(':').next().unwrap_or_default().to_owned())
}

fn config(hosts: &[&Host]) -> String {
    let registries = hosts.iter().map(|host| format!("- {{host: '{}', ca: registry.pem}}\n", host.name()));
    let reachable: Vec<String> = hosts.iter().map(|host| format!("'{}'", host.responder_name())).collect();
    // Servers on loopback must be listed. All limits are the defaults.
    format!(
        "{}trust: {{directory: trust, reloadInterval: 1s}}\nunlistedRegistries: refuse\nevidence: {{reachableHosts: [{}]}}\nregistries:\n{}",
        served::server(""),
        reachable.join(", "),
        registries.collect::<String>()
    )
}
