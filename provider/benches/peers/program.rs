//! The programs that are compared, each as a process with the files that it needs.

use std::fs;
use std::net::TcpListener;
use std::path::Path;
use std::path::PathBuf;
use std::process::Child;
use std::process::Command;
use std::process::Stdio;
use std::time::Duration;

use serde_json::Value as Json;
use tokio::net::TcpStream;

use crate::process;
use crate::providers;
use crate::served;
use crate::site::PASSWORD;
use crate::site::Site;
use crate::site::USER;

/// Longer than any request, as no webhook waits for it.
const RATIFY_LIMIT: Duration = Duration::from_secs(30);

/// What is compared.
#[derive(Clone, Debug)]
pub(crate) enum Program {
    Countersign(PathBuf),
    Ratify(PathBuf),
    /// This program itself, with the bytes that it answers with.
    Bare(Vec<u8>),
}

impl Program {
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Countersign(_) => "countersign",
            Self::Ratify(_) => "ratify",
            Self::Bare(_) => "bare hyper",
        }
    }

    /// Whether an item of a response says that its image is verified.
    pub(crate) fn is_verified(&self, item: &Json) -> bool {
        match self {
            Self::Countersign(_) | Self::Bare(_) => item["value"]["verdict"] == "verified",
            Self::Ratify(_) => item["value"]["isSuccess"] == true,
        }
    }
}

/// Files for all programs, which trust the signer of a site. Dropping the value removes them.
pub(crate) struct Files {
    pub(crate) folder: PathBuf,
    client: reqwest::Client,
}

impl Files {
    pub(crate) fn write(site: &Site) -> Self {
        let folder = std::env::temp_dir().join(format!("countersign-bench-{}-{}", std::process::id(), site.host()));
        fs::create_dir_all(&folder).unwrap();
        let client = served::certificates(&folder);
        let host = site.host();
        let credentials =
            if site.has_tokens { ", credentials: {usernameFile: user, passwordFile: password}" } else { "" };
        let config = format!(
            "{}trust: {{directory: trust}}\nregistries: [{{host: '{host}', ca: root.pem{credentials}}}]\n",
            served::SERVER
        );
        served::write(&folder, "c.yaml", &config);
        let registry = providers::Registry {
            host: &host,
            root: &site.authority().pem(),
            credentials: site.has_tokens.then_some((USER, PASSWORD)),
        };
        for (name, content) in providers::files(&folder, &registry, RATIFY_LIMIT) {
            served::write(&folder, name, &content);
        }
        Self { folder, client }
    }

    /// `notation verify` of one image: whether it is verified.
    pub(crate) fn notation_verifies(&self, notation: &Path, image: &str) -> bool {
        let mut command = self.command(notation);
        command.args(["verify", image]).stdout(Stdio::null()).stderr(Stdio::null());
        command.status().unwrap().success()
    }

    /// A program that trusts the registry's authority and has its credentials, as Go programs read them.
    // The ban on child processes is for the product.
    #[allow(clippy::disallowed_methods)]
    fn command(&self, program: &Path) -> Command {
        let mut command = Command::new(fs::canonicalize(program).expect("the program exists"));
        command.env_clear().current_dir(&self.folder).stdin(Stdio::null());
        command.envs(providers::environment(&self.folder));
        command
    }
}

impl Drop for Files {
    fn drop(&mut self) {
        // A failure leaves the directory behind.
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// A running provider. Dropping the value stops it.
pub(crate) struct Running {
    process: Child,
    pub(crate) client: reqwest::Client,
    pub(crate) url: String,
    pub(crate) program: Program,
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Running {
    pub(crate) async fn start(program: &Program, files: &Files) -> Self {
        let (process, url) = match program {
            Program::Countersign(binary) => {
                let mut command = files.command(binary);
                let (process, event) = served::start(command.args(["serve", "--config", "c.yaml"])).await;
                (process, format!("https://{}/v1/verify", served::address(&event, "endpoints")))
            }
            Program::Bare(answer) => {
                fs::write(files.folder.join("answer"), answer).unwrap();
                let mut command = files.command(&std::env::current_exe().unwrap());
                let (process, event) = served::start(command.args(["--bare", "answer"])).await;
                (process, format!("https://{}/", served::address(&event, "endpoints")))
            }
            Program::Ratify(binary) => ratify(files, binary).await,
        };
        Self { process, client: files.client.clone(), url, program: program.clone() }
    }

    pub(crate) fn cpu(&self) -> Duration {
        process::cpu(self.process.id())
    }

    /// In MiB.
    pub(crate) fn peak_memory(&self) -> f64 {
        process::peak_memory(self.process.id())
    }
}

async fn ratify(files: &Files, binary: &Path) -> (Child, String) {
    let free = || TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let (address, metrics) = (free(), free());
    providers::remove_ratify_cache(&files.folder);
    let mut command = files.command(binary);
    command.args(providers::ratify_arguments(address, metrics.port()));
    let log = fs::File::create(files.folder.join("ratify.log")).unwrap();
    let process = command.stdout(log.try_clone().unwrap()).stderr(log).spawn().unwrap();
    let connected = async {
        while TcpStream::connect(address).await.is_err() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(served::START, connected).await.expect("ratify listens in time");
    (process, format!("https://{address}/ratify/gatekeeper/v1/verify"))
}
