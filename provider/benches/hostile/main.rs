//! Measures memory, open files and the latency of regular clients while the service is attacked. Prints a table; fails if a
//! regular client gets no response or a wrong one, or if the service needs more memory than its shipped limit.
//!
//! `cargo bench --package countersign --bench hostile [-- PART]` first runs the attacks on connections and
//! requests, then every document of [`documents`] and every file of [`files`]; with a `PART` only those with
//! that text in their names. The service runs as a process of its own, together with a regular registry; the hostile registry
//! is in the process of the attackers. Linux only: it reads `/proc`.

#![allow(clippy::unwrap_used)]

mod attacks;
mod documents;
mod files;
#[path = "../support/process.rs"]
mod process;

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
use countersign_test_support::mounted::MountedService;
use countersign_testkit::notation;
use countersign_testkit::pki::CertSpec;
use countersign_testkit::registry::Registry;
use countersign_testkit::variants::Variant;
use documents::Delivery;
use rustls::ClientConfig;
use rustls::RootCertStore;
use rustls_pki_types::CertificateDer;
use rustls_pki_types::PrivateKeyDer;
use rustls_pki_types::pem::PemObject as _;
use serde_json::Value as Json;
use serde_json::json;

/// Images per attack with a document: more than one host may have in progress.
const IMAGES: usize = 48;

/// Prefix of the line with which the service process sends its address to the attacking process.
const SERVICE_LINE: &str = "countersign-hostile ";

#[tokio::main]
async fn main() {
    // Cargo adds `--bench`.
    let mut arguments = std::env::args().skip(1).filter(|argument| argument != "--bench");
    match (arguments.next().as_deref(), arguments.next()) {
        (Some("service"), Some(hostile)) => service(&hostile).await,
        (Some("files"), Some(folder)) => files::read(&folder),
        (part, _) => attack(part.unwrap_or_default()).await,
    }
}

/// Serves until standard input ends. The registry at `hostile` is configured too.
async fn service(hostile: &str) {
    let service = MountedService::with_plain("  maxConnections: 256", &[hostile]).await;
    service.registry.require_no_auth();
    let bad = service.registry.push_image("app", "bad");
    let untrusted = mounted::root("untrusted");
    for number in 0..100 {
        let leaf = untrusted.issue(CertSpec::leaf().common_name(&format!("untrusted {number}")));
        notation::sign_image(&service.registry, "app", &bad, &leaf);
    }
    let many = service.registry.push_image("app", "good0");
    notation::sign_image(&service.registry, "app", &many, &service.root.issue(CertSpec::leaf()));
    for number in 0..1000 {
        service.registry.tag("app", &format!("bad{number}"), &bad.digest);
        service.registry.tag("app", &format!("good{number}"), &many.digest);
    }
    let client = service.clients.issue(CertSpec::tls_client(GATEKEEPER));
    let connection = json!({
        "address": service.address.to_string(),
        "health": service.health.to_string(),
        "repository": service.image("app"),
        "authority": String::from_utf8(pem(&service.servers.pem())).unwrap(),
        "certificate": client.pem(),
        "key": client.key_pem(),
    });
    println!("{SERVICE_LINE}{connection}");
    let mut stopped = tokio::task::spawn_blocking(|| std::io::stdin().read_to_end(&mut Vec::new()));
    // The registry records every request, in the memory of this process.
    while tokio::time::timeout(Duration::from_secs(1), &mut stopped).await.is_err() {
        service.registry.clear_requests();
    }
    service.stop().await;
}

fn pem(text: &str) -> Vec<u8> {
    text.as_bytes().to_vec()
}

/// The attacked service, and how to connect to it.
pub(crate) struct Target {
    pub(crate) address: String,
    /// The address of `/metrics`, `/livez` and `/readyz`.
    pub(crate) health: String,
    /// `host/app`, with the tags `good0` to `good999`, `bad0` to `bad999`, `signed` and `unsigned`.
    pub(crate) repository: String,
    pub(crate) tls: ClientConfig,
    child: Child,
}

impl Target {
    #[allow(clippy::disallowed_methods, reason = "the memory of the service is measured in a process of its own")]
    fn start(hostile: &str) -> Self {
        let mut command = Command::new(std::env::current_exe().unwrap());
        let mut child =
            command.args(["service", hostile]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let line = lines.next().unwrap().unwrap();
        let connection: Json = serde_json::from_str(line.strip_prefix(SERVICE_LINE).unwrap()).unwrap();
        let text = |name: &str| connection[name].as_str().unwrap().to_owned();
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

/// A regular client, which sends requests until `go_on` is false, over one connection if `keeps`, else over new ones.
async fn regular_client(target: Arc<Target>, keeps: bool, go_on: Arc<AtomicBool>) -> Statistics {
    let client = target.client(keeps);
    let image = format!("{}:signed", target.repository);
    let body = body(&[&image]);
    let mut statistics = Statistics { responses: 0, undecided: 0, slowest: Duration::ZERO };
    while go_on.load(Ordering::Relaxed) {
        let began = Instant::now();
        let response = client.post(target.url()).body(body.clone()).send().await.unwrap().bytes().await.unwrap();
        let response: Json = serde_json::from_slice(&response).unwrap();
        if response["response"]["systemError"] == "" {
            assert_eq!(response["response"]["items"][0]["value"]["verdict"], "verified", "{response}");
        } else {
            statistics.undecided += 1;
        }
        statistics.slowest = statistics.slowest.max(began.elapsed());
        statistics.responses += 1;
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    statistics
}

#[derive(Clone, Copy)]
struct Statistics {
    responses: usize,
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
            let images = documents::serve(&hostile, &format!("case{number}"), schema.delivery, &bytes, IMAGES);
            let attack = async {
                if schema.delivery == Delivery::Request {
                    attacks::bodies(Arc::clone(&target), 1, 1, bytes.clone()).await;
                    attacks::bodies(Arc::clone(&target), 200, 100, bytes).await;
                } else {
                    attacks::request_each(&target, &images[..1]).await;
                    attacks::request_each(&target, &images).await;
                }
            };
            worst = worst.max(watched(&target, &name, attack).await);
        }
    }
    println!("{:<76} {:>7} {:>5} MiB", "at rest, afterwards", "", target.memory("VmRSS:"));
    let mut target = Arc::into_inner(target).unwrap();
    drop(target.child.stdin.take());
    assert!(target.child.wait().unwrap().success());
    worst = worst.max(files::all(part));
    let limit = process::shipped_limit();
    println!("{number} documents; peak memory {worst} MiB, limit {limit} MiB");
    assert!((worst as f64) < limit, "found a peak of {worst} MiB, expected less than the shipped limit of {limit} MiB");
}

/// Runs one attack beside regular clients, and prints its line. Returns the peak memory of the service, in MiB.
async fn watched(target: &Arc<Target>, name: &str, attack: impl Future<Output = ()>) -> u64 {
    // Writing 5 resets the peak.
    std::fs::write(target.proc("clear_refs"), "5").unwrap();
    let go_on = Arc::new(AtomicBool::new(true));
    let watch = |keeps| tokio::spawn(regular_client(Arc::clone(target), keeps, Arc::clone(&go_on)));
    let (kept, new) = (watch(true), watch(false));
    let counter = tokio::spawn({
        let (target, go_on) = (Arc::clone(target), Arc::clone(&go_on));
        async move {
            let mut max = 0;
            while go_on.load(Ordering::Relaxed) {
                max = max.max(target.open_files());
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            max
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
        kept.responses + new.responses,
    );
    peak
}
