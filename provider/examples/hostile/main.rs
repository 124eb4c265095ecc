//! Memory, open files and other callers' waiting time while the service is treated badly. Prints a table; fails if
//! somebody who asks properly meanwhile is not answered, or is answered wrongly, or if the service needs more memory
//! than it is shipped with.
//!
//! `cargo run --release --package countersign --example hostile [-- PART]` prints first what is done to connections and
//! requests, then a line for every document of [`documents`] and every file of [`files`]; with a `PART` only those with
//! that text in their names. The service runs as a process of its own, together with a good registry; the hostile one is
//! in the process of the attackers. Linux only: it reads `/proc`.

#![allow(clippy::unwrap_used)]

mod attacks;
mod documents;
mod files;

use std::io::BufRead as _;
use std::io::BufReader;
use std::io::Read as _;
use std::process::Child;
use std::process::Command;
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;
use std::time::Duration;
use std::time::Instant;

use countersign_test_support::client::body;
use countersign_test_support::mounted;
use countersign_test_support::mounted::GATEKEEPER;
use countersign_test_support::mounted::Mounted;
use countersign_testkit::notation;
use countersign_testkit::pki::CertSpec;
use countersign_testkit::registry::Registry;
use countersign_testkit::variants::Variant;
use documents::Meets;
use rustls::ClientConfig;
use rustls::RootCertStore;
use rustls_pki_types::CertificateDer;
use rustls_pki_types::PrivateKeyDer;
use rustls_pki_types::pem::PemObject as _;
use serde_json::Value as Json;
use serde_json::json;

/// Images that are asked about at once, each with the same document: more than one host may have under way.
const IMAGES: usize = 48;

/// What the process with the service tells the one with the attackers.
const TOLD: &str = "countersign-hostile ";

#[tokio::main]
async fn main() {
    let mut arguments = std::env::args().skip(1);
    match (arguments.next().as_deref(), arguments.next()) {
        (Some("service"), Some(hostile)) => service(&hostile).await,
        (Some("files"), Some(folder)) => files::read(&folder),
        (part, _) => attack(part.unwrap_or_default()).await,
    }
}

/// The memory limit of `deploy/base/deployment.yaml`, in MiB.
const LIMIT: u64 = 256;

/// Serves until standard input ends. Images of the registry at `hostile` are asked about too.
async fn service(hostile: &str) {
    let service = Mounted::with_plain("  maxConnections: 256", &[hostile]).await;
    service.registry.require_no_auth();
    let bad = service.registry.push_image("app", "bad");
    let strangers = mounted::root("strangers");
    for number in 0..100 {
        let leaf = strangers.issue(CertSpec::leaf().common_name(&format!("stranger {number}")));
        notation::sign_image(&service.registry, "app", &bad, &leaf);
    }
    let many = service.registry.push_image("app", "good0");
    notation::sign_image(&service.registry, "app", &many, &service.root.issue(CertSpec::leaf()));
    for number in 0..1000 {
        service.registry.tag("app", &format!("bad{number}"), &bad.digest);
        service.registry.tag("app", &format!("good{number}"), &many.digest);
    }
    let client = service.clients.issue(CertSpec::tls_client(GATEKEEPER));
    let told = json!({
        "address": service.address.to_string(),
        "health": service.health.to_string(),
        "repository": service.image("app"),
        "authority": String::from_utf8(pem(&service.servers.pem())).unwrap(),
        "certificate": client.pem(),
        "key": client.key_pem(),
    });
    println!("{TOLD}{told}");
    let mut stopped = tokio::task::spawn_blocking(|| std::io::stdin().read_to_end(&mut Vec::new()));
    // The registry writes every request down, which is not the service's memory.
    while tokio::time::timeout(Duration::from_secs(1), &mut stopped).await.is_err() {
        service.registry.clear_requests();
    }
    service.stop().await;
}

fn pem(text: &str) -> Vec<u8> {
    text.as_bytes().to_vec()
}

/// The service under attack, seen from outside.
pub(crate) struct Target {
    pub(crate) address: String,
    /// Of `/metrics`, `/livez` and `/readyz`.
    pub(crate) health: String,
    /// `host/app`, with the tags `good0` to `good999`, `bad0` to `bad999`, `signed` and `unsigned`.
    pub(crate) repository: String,
    pub(crate) tls: ClientConfig,
    child: Child,
}

impl Target {
    #[allow(clippy::disallowed_methods, reason = "the service's memory is not to be mixed with the attackers'")]
    fn start(hostile: &str) -> Self {
        let mut command = Command::new(std::env::current_exe().unwrap());
        let mut child =
            command.args(["service", hostile]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let told: Json = serde_json::from_str(lines.next().unwrap().unwrap().strip_prefix(TOLD).unwrap()).unwrap();
        let text = |name: &str| told[name].as_str().unwrap().to_owned();
        let certificates = |pem: String| CertificateDer::pem_slice_iter(pem.as_bytes()).map(Result::unwrap).collect();
        let authorities: Vec<CertificateDer<'static>> = certificates(text("authority"));
        let mut roots = RootCertStore::empty();
        roots.add_parsable_certificates(authorities);
        let key = PrivateKeyDer::from_pem_slice(text("key").as_bytes()).unwrap();
        let tls = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::aws_lc_rs::default_provider()))
            .with_protocol_versions(&[&rustls::version::TLS13])
            .unwrap()
            .with_root_certificates(roots)
            .with_client_auth_cert(certificates(text("certificate")), key)
            .unwrap();
        Self { address: text("address"), health: text("health"), repository: text("repository"), tls, child }
    }

    fn proc(&self, name: &str) -> String {
        format!("/proc/{}/{name}", self.child.id())
    }

    /// A line of `/proc/…/status`, in MiB.
    fn memory(&self, name: &str) -> u64 {
        let status = std::fs::read_to_string(self.proc("status")).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap();
        line.trim().trim_end_matches(" kB").parse::<u64>().unwrap().div_ceil(1024)
    }

    fn open_files(&self) -> usize {
        std::fs::read_dir(self.proc("fd")).unwrap().count()
    }

    pub(crate) fn client(&self, keeps: bool) -> reqwest::Client {
        let http = reqwest::Client::builder().tls_backend_preconfigured(self.tls.clone()).no_proxy();
        http.pool_max_idle_per_host(if keeps { 4096 } else { 0 }).build().unwrap()
    }

    pub(crate) fn url(&self) -> String {
        format!("https://{}/v1/verify", self.address)
    }
}

/// How somebody fares who asks properly, once with a kept connection and once with a new one, again and again.
async fn bystander(target: Arc<Target>, keeps: bool, go_on: Arc<AtomicBool>) -> Fared {
    let client = target.client(keeps);
    let image = format!("{}:signed", target.repository);
    let body = body(&[&image]);
    let mut fared = Fared { answers: 0, undecided: 0, slowest: Duration::ZERO };
    while go_on.load(Ordering::Relaxed) {
        let began = Instant::now();
        let answer = client.post(target.url()).body(body.clone()).send().await.unwrap().bytes().await.unwrap();
        let answer: Json = serde_json::from_slice(&answer).unwrap();
        if answer["response"]["systemError"] == "" {
            assert_eq!(answer["response"]["items"][0]["value"]["verdict"], "verified", "{answer}");
        } else {
            fared.undecided += 1;
        }
        fared.slowest = fared.slowest.max(began.elapsed());
        fared.answers += 1;
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    fared
}

#[derive(Clone, Copy)]
struct Fared {
    answers: usize,
    undecided: usize,
    slowest: Duration,
}

async fn attack(part: &str) {
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let hostile = Registry::start().await;
    let target = Arc::new(Target::start(&hostile.host()));
    println!(
        "{:<76} {:>7} {:>9} {:>6} {:>9} {:>9} {:>13}",
        "", "time", "peak RSS", "files", "kept", "new", "undecided"
    );
    let mut worst = 0;
    for (name, attack) in attacks::all() {
        if name.contains(part) {
            worst = worst.max(watched(&target, name, attack(Arc::clone(&target))).await);
        }
    }
    let mut number = 0;
    for (name, schema) in documents::schemas() {
        let schema = schema();
        for Variant { name: what, bytes } in schema.variants {
            let name = format!("{name}: {what}, {} KiB", bytes.len() / 1024);
            if !name.contains(part) {
                continue;
            }
            number += 1;
            let images = documents::serve(&hostile, &format!("case{number}"), schema.meets, &bytes, IMAGES);
            let asked = async {
                if schema.meets == Meets::Request {
                    attacks::bodies(Arc::clone(&target), 1, 1, bytes.clone()).await;
                    attacks::bodies(Arc::clone(&target), 200, 100, bytes).await;
                } else {
                    attacks::ask(&target, &images[..1]).await;
                    attacks::ask(&target, &images).await;
                }
            };
            worst = worst.max(watched(&target, &name, asked).await);
        }
    }
    println!("{:<76} {:>7} {:>5} MiB", "at rest afterwards", "", target.memory("VmRSS:"));
    let mut target = Arc::into_inner(target).unwrap();
    drop(target.child.stdin.take());
    assert!(target.child.wait().unwrap().success());
    worst = worst.max(files::all(part));
    println!("{number} documents; the most memory that was needed is {worst} MiB of {LIMIT} MiB");
    assert!(worst < LIMIT, "more memory than the service is shipped with");
}

/// Runs one attack while others ask properly, and prints its line. Returns the service's peak, in MiB.
async fn watched(target: &Arc<Target>, name: &str, attack: impl Future<Output = ()>) -> u64 {
    // 5 resets the peak.
    std::fs::write(target.proc("clear_refs"), "5").unwrap();
    let go_on = Arc::new(AtomicBool::new(true));
    let watch = |keeps| tokio::spawn(bystander(Arc::clone(target), keeps, Arc::clone(&go_on)));
    let (kept, new) = (watch(true), watch(false));
    let counter = tokio::spawn({
        let (target, go_on) = (Arc::clone(target), Arc::clone(&go_on));
        async move {
            let mut most = 0;
            while go_on.load(Ordering::Relaxed) {
                most = most.max(target.open_files());
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            most
        }
    });
    let began = Instant::now();
    attack.await;
    let took = began.elapsed();
    go_on.store(false, Ordering::Relaxed);
    let (kept, new) = (kept.await.unwrap(), new.await.unwrap());
    let peak = target.memory("VmHWM:");
    println!(
        "{name:<76} {:>6.1}s {peak:>5} MiB {:>6} {:>6} ms {:>6} ms {:>5} of {:>4}",
        took.as_secs_f64(),
        counter.await.unwrap(),
        kept.slowest.as_millis(),
        new.slowest.as_millis(),
        kept.undecided + new.undecided,
        kept.answers + new.answers,
    );
    peak
}
