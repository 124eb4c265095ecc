//! The binary under test as a process: one command, or a server.

use std::io::BufRead as _;
use std::io::BufReader;
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::Child;
use std::process::Command;
use std::process::Stdio;
use std::thread::JoinHandle;

use serde_json::Value as Json;
use tokio::sync::oneshot;

use countersign_testkit::folder::Folder;

fn path() -> PathBuf {
    std::env::var_os("COUNTERSIGN_BINARY").map_or_else(|| env!("CARGO_BIN_EXE_countersign").into(), PathBuf::from)
}

/// The command with the environment of a container: nothing but the system's certificate authorities.
fn command(folder: &Folder) -> Command {
    let mut command = Command::new(path());
    // The usage line shows the name by which the program was called.
    command.arg0("countersign");
    command.env_clear().env("SSL_CERT_FILE", folder.file("system.pem")).current_dir(folder.path()).stdin(Stdio::null());
    command
}

/// What a command left behind.
#[derive(Debug)]
pub(crate) struct Output {
    pub(crate) exit: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

/// Runs a command to its end, in `folder`.
pub(crate) async fn run(folder: &Folder, arguments: &[&str]) -> Output {
    let mut command = command(folder);
    command.args(arguments);
    let output = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
    Output {
        exit: output.status.code(),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

/// `countersign serve`, ready for requests.
pub(crate) struct Service {
    process: Child,
    log: JoinHandle<Vec<Json>>,
    /// `127.0.0.1:PORT` of the endpoints.
    pub(crate) address: String,
    /// `127.0.0.1:PORT` of health and metrics.
    pub(crate) health: String,
}

impl Service {
    pub(crate) async fn start(folder: &Folder) -> Self {
        let mut process = command(folder).args(["serve", "--config", "c.yaml"]).stderr(Stdio::piped()).spawn().unwrap();
        let lines = BufReader::new(process.stderr.take().unwrap()).lines();
        let (ready, listening) = oneshot::channel();
        let mut ready = Some(ready);
        let log = std::thread::spawn(move || {
            let mut events = Vec::new();
            for line in lines {
                let line = line.unwrap();
                let event: Json = serde_json::from_str(&line).unwrap_or(Json::String(line));
                if event["message"] == "listening"
                    && let Some(ready) = ready.take()
                {
                    let _ = ready.send(event.clone());
                }
                events.push(event);
            }
            events
        });
        let Ok(event) = listening.await else { panic!("the server did not start: {:#?}", log.join().unwrap()) };
        let address = event["endpoints"].as_str().unwrap().to_owned();
        let health = event["health"].as_str().unwrap().to_owned();
        Self { process, log, address, health }
    }

    /// Stops the server as the kubelet does. Gives its exit code and all events of its log.
    pub(crate) async fn stop(mut self) -> (Option<i32>, Vec<Json>) {
        let id = self.process.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &id]).status().unwrap().success());
        tokio::task::spawn_blocking(move || (self.process.wait().unwrap().code(), self.log.join().unwrap()))
            .await
            .unwrap()
    }
}
