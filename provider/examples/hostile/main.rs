//! Memory, open files and other callers' waiting time while the service is treated badly. Prints a table; asserts only
//! that whoever asks properly meanwhile is answered, and never wrongly.
//!
//! `cargo run --release --package countersign --example hostile`. The service runs as a process of its own, together with
//! the registry it asks. Linux only: it reads `/proc`.

#![allow(clippy::unwrap_used)]

mod attacks;
#[path = "../../tests/support/mounted.rs"]
#[allow(dead_code)]
mod mounted;

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

use countersign_testkit::notation;
use countersign_testkit::pki::CertSpec;
use mounted::GATEKEEPER;
use mounted::Mounted;
use rustls::ClientConfig;
use rustls::RootCertStore;
use rustls_pki_types::CertificateDer;
use rustls_pki_types::PrivateKeyDer;
use rustls_pki_types::pem::PemObject as _;
use serde_json::Value as Json;
use serde_json::json;

/// What the process with the service tells the one with the attackers.
const TOLD: &str = "countersign-hostile ";

#[tokio::main]
async fn main() {
    if std::env::args().nth(1).as_deref() == Some("service") {
        service().await;
    } else {
        attack().await;
    }
}

/// Serves until standard input ends.
async fn service() {
    let service = Mounted::with("  maxConnections: 512").await;
    service.registry.require_nothing();
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
        "repository": service.image("app"),
        "authority": String::from_utf8(pem(&service.servers.pem())).unwrap(),
        "certificate": client.pem(),
        "key": client.key_pem(),
    });
    println!("{TOLD}{told}");
    tokio::task::spawn_blocking(|| std::io::stdin().read_to_end(&mut Vec::new())).await.unwrap().unwrap();
    service.stop().await;
}

fn pem(text: &str) -> Vec<u8> {
    text.as_bytes().to_vec()
}

/// The service under attack, seen from outside.
pub(crate) struct Target {
    pub(crate) address: String,
    /// `host/app`, with the tags `good0` to `good999`, `bad0` to `bad999`, `signed` and `unsigned`.
    pub(crate) repository: String,
    pub(crate) tls: ClientConfig,
    child: Child,
}

impl Target {
    #[allow(clippy::disallowed_methods, reason = "the service's memory is not to be mixed with the attackers'")]
    fn start() -> Self {
        let mut command = Command::new(std::env::current_exe().unwrap());
        let mut child = command.arg("service").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
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
        Self { address: text("address"), repository: text("repository"), tls, child }
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
    let body = mounted::body(&[&image]);
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

async fn attack() {
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let target = Arc::new(Target::start());
    println!(
        "{:<58} {:>7} {:>9} {:>6} {:>9} {:>9} {:>13}",
        "", "time", "peak RSS", "files", "kept", "new", "undecided"
    );
    for (name, attack) in attacks::all() {
        // 5 resets the peak.
        std::fs::write(target.proc("clear_refs"), "5").unwrap();
        let go_on = Arc::new(AtomicBool::new(true));
        let watch = |keeps| tokio::spawn(bystander(Arc::clone(&target), keeps, Arc::clone(&go_on)));
        let (kept, new) = (watch(true), watch(false));
        let files = Arc::new(AtomicBool::new(true));
        let counter = tokio::spawn({
            let (target, files) = (Arc::clone(&target), Arc::clone(&files));
            async move {
                let mut most = 0;
                while files.load(Ordering::Relaxed) {
                    most = most.max(target.open_files());
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
                most
            }
        });
        let began = Instant::now();
        attack(Arc::clone(&target)).await;
        let took = began.elapsed();
        go_on.store(false, Ordering::Relaxed);
        files.store(false, Ordering::Relaxed);
        let (kept, new) = (kept.await.unwrap(), new.await.unwrap());
        println!(
            "{name:<58} {:>6.1}s {:>5} MiB {:>6} {:>6} ms {:>6} ms {:>5} of {:>4}",
            took.as_secs_f64(),
            target.memory("VmHWM:"),
            counter.await.unwrap(),
            kept.slowest.as_millis(),
            new.slowest.as_millis(),
            kept.undecided + new.undecided,
            kept.answers + new.answers,
        );
    }
    println!("{:<58} {:>7} {:>5} MiB", "at rest afterwards", "", target.memory("VmRSS:"));
    let mut target = Arc::into_inner(target).unwrap();
    drop(target.child.stdin.take());
    assert!(target.child.wait().unwrap().success());
}
