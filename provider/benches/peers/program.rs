//! The programs that are compared, each as a process.

use std::fs;
use std::net::TcpListener;
use std::path::Path;
use std::path::PathBuf;
use std::process::Child;
use std::time::Duration;
use std::time::Instant;

use serde_json::Value as Json;
use tokio::net::TcpStream;

use crate::files::Files;
use crate::process;
use crate::providers;
use crate::served;
use crate::timer::sleep_until;

/// Between two questions whether a program is ready.
const STEP: Duration = Duration::from_millis(1);

/// What is compared.
#[derive(Clone, Debug)]
pub(crate) enum Program {
    Countersign(PathBuf),
    Ratify(PathBuf),
    /// `countersign-bare serve`.
    Bare {
        binary: PathBuf,
        /// The bytes that it answers with.
        answer: Vec<u8>,
    },
}

impl Program {
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Countersign(_) => "countersign",
            Self::Ratify(_) => "ratify",
            Self::Bare { .. } => "bare hyper",
        }
    }

    pub(crate) fn binary(&self) -> &Path {
        match self {
            Self::Countersign(binary) | Self::Ratify(binary) | Self::Bare { binary, answer: _ } => binary,
        }
    }

    /// Whether an item of a response says that its image is verified.
    pub(crate) fn is_verified(&self, item: &Json) -> bool {
        match self {
            Self::Countersign(_) | Self::Bare { .. } => item["value"]["verdict"] == "verified",
            Self::Ratify(_) => item["value"]["isSuccess"] == true,
        }
    }
}

/// A running provider. Dropping the value stops it.
pub(crate) struct Running {
    process: Child,
    pub(crate) client: reqwest::Client,
    /// A client that connects for each request.
    pub(crate) connecting_client: reqwest::Client,
    pub(crate) url: String,
    /// `None` if it is ready as soon as it listens.
    readiness: Option<String>,
    pub(crate) program: Program,
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Running {
    /// Starts a program, and waits until it listens.
    pub(crate) async fn start(program: &Program, files: &Files) -> Self {
        let (process, url, readiness) = match program {
            Program::Countersign(binary) => {
                let mut command = files.command(binary);
                let (process, event) = served::start(command.args(["serve", "--config", "c.yaml"])).await;
                let readiness = format!("http://{}/readyz", served::address(&event, "health"));
                (process, format!("https://{}/v1/verify", served::address(&event, "endpoints")), Some(readiness))
            }
            Program::Bare { binary, answer } => {
                fs::write(files.folder.join("answer"), answer).unwrap();
                let mut command = files.command(binary);
                let (process, event) = served::start(command.args(["serve", "answer"])).await;
                (process, format!("https://{}/", served::address(&event, "endpoints")), None)
            }
            Program::Ratify(binary) => {
                let (process, url) = ratify(files, binary).await;
                (process, url, None)
            }
        };
        Self {
            process,
            client: files.caller.client(),
            connecting_client: files.caller.connecting_client(),
            url,
            readiness,
            program: program.clone(),
        }
    }

    /// Waits until it says that it is ready, if it can say so.
    pub(crate) async fn ready(&self) {
        let Some(url) = &self.readiness else { return };
        let ready = async {
            while !self.client.get(url).send().await.is_ok_and(|response| response.status().is_success()) {
                sleep_until(Instant::now() + STEP).await;
            }
        };
        tokio::time::timeout(served::START, ready).await.expect("it is ready in time");
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
            sleep_until(Instant::now() + STEP).await;
        }
    };
    tokio::time::timeout(served::START, connected).await.expect("ratify listens in time");
    (process, format!("https://{address}/ratify/gatekeeper/v1/verify"))
}
