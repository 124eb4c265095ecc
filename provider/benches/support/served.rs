//! A provider as a process that Gatekeeper calls: its certificates, with what it is called, and its start.

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
pub(crate) const GATEKEEPER: &str = "gatekeeper-webhook-service.gatekeeper-system.svc";

/// How long a program may take to listen.
pub(crate) const START: Duration = Duration::from_secs(30);

/// The address that the event of a start has under this name.
pub(crate) fn address(event: &Json, name: &str) -> String {
    event[name].as_str().expect("an address").to_owned()
}

/// The section `server` for these files with `more` settings, each with a comma after it, and that of a health listener on any port.
pub(crate) fn server(more: &str) -> String {
    let tls = "{certificate: tls.crt, key: tls.key, clientCa: authority.pem}";
    format!("server: {{{more}listen: '127.0.0.1:0', tls: {tls}}}\nhealth: {{listen: '127.0.0.1:0'}}\n")
}

/// Builds Countersign as it is shipped, which benchmarks are not: whole-program optimisation takes minutes for each. Returns `built`, the
/// path of the program of either build.
pub(crate) fn shipped(built: &str) -> PathBuf {
    build(&["countersign"]);
    built.into()
}

/// As [`shipped`], with the program that it is compared with, `countersign-bare`, which is built with the same settings.
pub(crate) fn shipped_with_bare(built: &str) -> [PathBuf; 2] {
    build(&["countersign", "countersign-bare"]);
    let countersign = PathBuf::from(built);
    let bare = countersign.with_file_name("countersign-bare");
    [countersign, bare]
}

/// Builds the programs of these names, each of the package of its name, in one command: so what they share is built once.
// The ban on child processes is for the product.
#[allow(clippy::disallowed_methods)]
fn build(names: &[&str]) {
    let mut command = Command::new(env!("CARGO"));
    command.args(["build", "--quiet", "--release"]);
    for name in names {
        command.args(["--package", name, "--bin", name]);
    }
    assert!(command.status().unwrap().success(), "{} is built", names.join(" and "));
}

/// With what Gatekeeper calls.
pub(crate) struct Caller {
    authority: reqwest::Certificate,
    identity: reqwest::Identity,
}

impl Caller {
    /// A client that keeps connections.
    pub(crate) fn client(&self) -> reqwest::Client {
        self.builder().build().unwrap()
    }

    /// A client that connects for each request, as older Gatekeepers do.
    pub(crate) fn connecting_client(&self) -> reqwest::Client {
        self.builder().pool_max_idle_per_host(0).build().unwrap()
    }

    fn builder(&self) -> reqwest::ClientBuilder {
        calling([self.authority.clone()], self.identity.clone())
    }
}

/// A client that calls as Gatekeeper does, which trusts these authorities and has this identity.
pub(crate) fn calling(
    authorities: impl IntoIterator<Item = reqwest::Certificate>,
    identity: reqwest::Identity,
) -> reqwest::ClientBuilder {
    reqwest::Client::builder().tls_certs_only(authorities).identity(identity).http1_only().no_proxy()
}

/// Writes `tls.crt`, `tls.key` and `authority.pem` into `folder`, and returns with what Gatekeeper would call.
pub(crate) fn certificates(folder: &Path) -> Caller {
    let authority = Authority::root(CertSpec::root().common_name("TLS authority"));
    let server = authority.issue(CertSpec::tls_server(&["127.0.0.1", "localhost"]));
    let client = authority.issue(CertSpec::tls_client(GATEKEEPER));
    let files = [("tls.crt", server.pem()), ("tls.key", server.key_pem()), ("authority.pem", authority.pem())];
    files.iter().for_each(|(name, content)| write(folder, name, content));
    Caller {
        authority: reqwest::Certificate::from_pem(authority.pem().as_bytes()).unwrap(),
        identity: reqwest::Identity::from_pem((client.pem() + &client.key_pem()).as_bytes()).unwrap(),
    }
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
