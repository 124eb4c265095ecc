//! A provider as a process that Gatekeeper calls: its certificates, the client with which it is called, and its start.

#![allow(dead_code, reason = "each benchmark uses a part")]

use std::fs;
use std::io::BufRead as _;
use std::io::BufReader;
use std::path::Path;
use std::path::PathBuf;
use std::process::Child;
use std::process::Command;
use std::process::Stdio;
use std::time::Duration;

use countersign_testkit::pki::Authority;
use countersign_testkit::pki::CertSpec;
use serde_json::Value as Json;
use tokio::sync::oneshot;

/// The name in Gatekeeper's certificate in a standard installation.
const GATEKEEPER: &str = "gatekeeper-webhook-service.gatekeeper-system.svc";

/// How long a program may take to listen.
pub(crate) const START: Duration = Duration::from_secs(30);

/// The address that the event of a start has under this name.
pub(crate) fn address(event: &Json, name: &str) -> String {
    event[name].as_str().expect("an address").to_owned()
}

/// The section `server` for these files, and that of a health listener on any port.
pub(crate) const SERVER: &str =
    "server: {listen: '127.0.0.1:0', tls: {certificate: tls.crt, key: tls.key, clientCa: authority.pem}}
health: {listen: '127.0.0.1:0'}
";

/// Builds Countersign as it is shipped, which benchmarks are not: whole-program optimisation takes minutes for each. Returns `built`, the
/// path of the program of either build.
// The ban on child processes is for the product.
#[allow(clippy::disallowed_methods)]
pub(crate) fn shipped(built: &str) -> PathBuf {
    let mut command = Command::new(env!("CARGO"));
    command.args(["build", "--quiet", "--release", "--package", "countersign", "--bin", "countersign"]);
    assert!(command.status().unwrap().success(), "Countersign is built");
    built.into()
}

/// Writes `tls.crt`, `tls.key` and `authority.pem` into `folder`, and returns the client with which Gatekeeper would call.
pub(crate) fn certificates(folder: &Path) -> reqwest::Client {
    let authority = Authority::root(CertSpec::root().common_name("TLS authority"));
    let server = authority.issue(CertSpec::tls_server(&["127.0.0.1", "localhost"]));
    let client = authority.issue(CertSpec::tls_client(GATEKEEPER));
    let files = [("tls.crt", server.pem()), ("tls.key", server.key_pem()), ("authority.pem", authority.pem())];
    files.iter().for_each(|(name, content)| write(folder, name, content));
    let identity = reqwest::Identity::from_pem((client.pem() + &client.key_pem()).as_bytes()).unwrap();
    reqwest::Client::builder()
        .tls_certs_only([reqwest::Certificate::from_pem(authority.pem().as_bytes()).unwrap()])
        .identity(identity)
        .http1_only()
        .no_proxy()
        .build()
        .unwrap()
}

/// Writes a file with its directories.
pub(crate) fn write(folder: &Path, name: &str, content: &str) {
    let path = folder.join(name);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, content).unwrap();
}

/// Starts a program that logs the address of its listener as `endpoints`, and returns it with this event of its log.
pub(crate) async fn start(command: &mut Command) -> (Child, Json) {
    let mut process = command.stderr(Stdio::piped()).spawn().unwrap();
    let lines = BufReader::new(process.stderr.take().unwrap()).lines();
    let (ready, listening) = oneshot::channel();
    let mut ready = Some(ready);
    // Reads the log until its end, so that the process is never blocked by a full pipe.
    std::thread::spawn(move || {
        for line in lines.map_while(Result::ok) {
            if ready.is_none() {
                continue;
            }
            let event: Json = serde_json::from_str(&line).unwrap_or_default();
            if event["endpoints"].is_string() {
                let _ = ready.take().unwrap().send(event);
            }
        }
    });
    let event = tokio::time::timeout(START, listening).await.expect("it listens in time").expect("it listens");
    (process, event)
}
