//! Countersign as it is shipped, with the limits that are shipped, while registries, responders and signers send as much, as deep and as
//! slowly as they can. Prints one table; fails if a code is not the expected one, an answer is late, memory exceeds the shipped limit, or a good
//! image that is asked for meanwhile is not verified.
//!
//! `cargo bench-bounds [--short] [--binary PATH] [PART]`; with a `PART` only the rows with this text. `provider/docs/bounds.md` has the
//! table. `benches/hostile` has attacks of clients, and documents with one part enlarged. Linux only: it reads `/proc`.

#![allow(clippy::unwrap_used)]

mod bodies;
mod contents;
mod host;
mod lists;
mod operator;
#[path = "../support/process.rs"]
mod process;
mod relay;
mod row;
#[path = "../support/served.rs"]
mod served;
mod site;

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering;
use std::time::Duration;

use countersign_testkit::pki::CertSpec;
use futures_util::future::join_all;
use serde_json::json;

use bodies::Body;
use bodies::Sent;
use host::Host;
use row::Authorities;
use row::Line;
use row::Meanwhile;
use row::Row;
use site::Files;
use site::Site;

/// `spec.timeout` of the Provider in `deploy/base/providers.yaml`; `server.verifyTimeout` is 1.8 s.
const TIMEOUT: Duration = Duration::from_secs(2);

/// The timeout of the webhook in `deploy/gatekeeper`, for all rows at the same time: the benchmark, which answers all of them, has the same
/// processors.
const WEBHOOK: Duration = Duration::from_secs(5);

/// Good images, of which each is asked for once.
const GOOD: usize = 4000;

/// The time between two good images.
const EVERY: Duration = Duration::from_millis(50);

/// Most images of hostile hosts in one request at the end.
const TOGETHER: usize = 32;

struct Arguments {
    is_short: bool,
    binary: Option<PathBuf>,
    part: String,
}

fn arguments() -> Option<Arguments> {
    // Cargo adds `--bench`.
    let mut given = std::env::args().skip(1).filter(|argument| argument != "--bench");
    let mut arguments = Arguments { is_short: false, binary: None, part: String::new() };
    while let Some(argument) = given.next() {
        match argument.as_str() {
            "--short" => arguments.is_short = true,
            "--binary" => arguments.binary = Some(given.next()?.into()),
            option if option.starts_with('-') => return None,
            part => part.clone_into(&mut arguments.part),
        }
    }
    Some(arguments)
}

/// Good images of one host, each asked for once.
struct Good {
    images: Vec<String>,
    next: AtomicUsize,
}

impl Good {
    async fn of(authorities: &Authorities, count: usize) -> (Host, Self) {
        let host = authorities.host().await;
        let signer = authorities.root.issue(CertSpec::leaf());
        let image = |_| {
            let image = host.push();
            host.sign(&image, &signer);
            host.reference(&image)
        };
        let images = (0..count).map(image).collect();
        (host, Self { images, next: AtomicUsize::new(0) })
    }

    fn next(&self) -> &str {
        let next = self.next.fetch_add(1, Ordering::Relaxed);
        self.images.get(next).expect("more good images: the time for all rows is too long")
    }

    /// Asks for one image after the other until `go_on` is false, and once at least.
    async fn ask(&self, site: &Site, go_on: &AtomicBool) -> Meanwhile {
        let mut meanwhile = Meanwhile::default();
        loop {
            let answer = site.ask(self.next()).await;
            meanwhile.count += 1;
            meanwhile.slowest = meanwhile.slowest.max(answer.took);
            if answer.code != "verified" || answer.took >= TIMEOUT {
                meanwhile
                    .wrong
                    .push(format!("a good image is {} after {:?}: {}", answer.code, answer.took, answer.text));
            }
            if !go_on.load(Ordering::Relaxed) {
                return meanwhile;
            }
            tokio::time::sleep(EVERY).await;
        }
    }
}

/// One row: what was found, and what is wrong about it.
async fn measured(site: &Arc<Site>, good: &Arc<Good>, row: &Row, limit: f64) -> (Line, Vec<String>) {
    site.settled().await;
    row.host.take_traffic();
    site.reset_peak();
    let go_on = Arc::new(AtomicBool::new(true));
    let meanwhile = tokio::spawn({
        let (site, good, go_on) = (Arc::clone(site), Arc::clone(good), Arc::clone(&go_on));
        async move { good.ask(&site, &go_on).await }
    });
    let answer = site.ask(&row.image).await;
    // What has not ended goes on, and counts for the memory.
    site.settled().await;
    go_on.store(false, Ordering::Relaxed);
    let line = Line {
        offered: row.offered.clone(),
        code: format!("`{}`", answer.code),
        took: answer.took,
        traffic: Some(row.host.take_traffic()),
        peak: site.peak(),
        meanwhile: meanwhile.await.unwrap(),
    };
    let mut wrong = line.meanwhile.wrong.clone();
    if answer.code != row.code {
        wrong.push(format!("found {}, expected {}: {}", answer.code, row.code, answer.text));
    }
    wrong.extend(exceeded(&line, TIMEOUT, limit));
    let named = wrong.into_iter().map(|why| format!("{}: {why}", line.offered)).collect();
    (line, named)
}

/// The bounds that a line exceeds.
fn exceeded(line: &Line, timeout: Duration, limit: f64) -> Vec<String> {
    let late =
        (line.took >= timeout).then(|| format!("answered after {:?}, expected less than {timeout:?}", line.took));
    let large = (line.peak >= limit).then(|| format!("found {:.0} MiB, expected less than {limit:.0} MiB", line.peak));
    late.into_iter().chain(large).collect()
}

/// All rows at the same time as requests of their own, and some of them as one request with good images.
async fn at_once(site: &Arc<Site>, good: &Arc<Good>, rows: &[Row], limit: f64) -> (Line, Vec<String>) {
    site.reset_peak();
    let go_on = Arc::new(AtomicBool::new(true));
    let meanwhile = tokio::spawn({
        let (site, good, go_on) = (Arc::clone(site), Arc::clone(good), Arc::clone(&go_on));
        async move { good.ask(&site, &go_on).await }
    });
    let together: Vec<&Row> = rows.iter().step_by(rows.len().div_ceil(TOGETHER)).collect();
    let images: Vec<&str> = together.iter().map(|row| row.image.as_str()).chain((0..4).map(|_| good.next())).collect();
    let (single, batch) = tokio::join!(join_all(rows.iter().map(|row| site.ask(&row.image))), site.ask_all(&images));
    site.settled().await;
    go_on.store(false, Ordering::Relaxed);
    let (of_rows, of_good) = batch.split_at(together.len());
    let mut wrong = Vec::new();
    for (row, answer) in rows.iter().zip(&single).chain(together.iter().copied().zip(of_rows)) {
        // Images that are late here are inconclusive; only one that is verified alone may be verified.
        if answer.code == "verified" && row.code != "verified" {
            wrong.push(format!("{}: verified", row.offered));
        }
    }
    for answer in of_good.iter().filter(|answer| answer.code != "verified") {
        wrong.push(format!("a good image in the request with others is {}: {}", answer.code, answer.text));
    }
    let line = Line {
        offered: format!(
            "the images of the rows above ({}) at the same time, and {} of them as one request with four good images",
            rows.len(),
            together.len()
        ),
        code: "`verified` for good images".to_owned(),
        took: single.iter().chain(&batch).map(|answer| answer.took).max().unwrap_or_default(),
        traffic: None,
        peak: site.peak(),
        meanwhile: meanwhile.await.unwrap(),
    };
    let of_line = line.meanwhile.wrong.iter().cloned().chain(exceeded(&line, WEBHOOK, limit));
    wrong.extend(of_line.map(|why| format!("{}: {why}", line.offered)));
    (line, wrong)
}

/// The rows with this text; in the short form some of them.
async fn rows(authorities: &Authorities, is_short: bool, part: &str) -> Vec<Row> {
    let mut rows = lists::rows(authorities).await;
    for sent in Sent::ALL {
        for body in Body::ALL {
            rows.push(bodies::row(authorities, sent, body).await);
        }
    }
    rows.extend(contents::rows(authorities).await);
    rows.retain(|row| row.offered.contains(part));
    if is_short {
        rows = rows.into_iter().step_by(4).collect();
    }
    rows
}

#[tokio::main]
async fn main() -> ExitCode {
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let Some(Arguments { is_short, binary, part }) = arguments() else {
        eprintln!("usage: cargo bench-bounds [--short] [--binary PATH] [PART]");
        return ExitCode::from(3);
    };
    let binary = binary.unwrap_or_else(|| served::shipped(env!("CARGO_BIN_EXE_countersign")));
    let (authorities, limit) = (Authorities::new(), process::shipped_limit());
    let rows = rows(&authorities, is_short, &part).await;
    let (good_host, good) = Good::of(&authorities, GOOD).await;
    let good = Arc::new(good);
    let hosts: Vec<&Host> = rows.iter().map(|row| &row.host).chain([&good_host]).collect();
    let policy = json!({"version": "1.0", "trustPolicies": [{"name": "all", "registryScopes": ["*"],
        "signatureVerification": {"level": "strict"}, "trustStores": ["ca:main"], "trustedIdentities": ["*"]}]});
    let stores = vec![("ca/main/root.pem".to_owned(), authorities.root.pem().into_bytes())];
    let files = Files { policy, stores };
    let authority = authorities.servers.pem();
    let start = || Site::start(&binary, &hosts, &authority, &files);
    println!("{}", Line::HEADER);
    let mut wrong = Vec::new();
    let site = Arc::new(start().await);
    for row in &rows {
        let (line, of_row) = measured(&site, &good, row, limit).await;
        println!("{line}");
        wrong.extend(of_row);
    }
    drop(site);
    if !rows.is_empty() {
        // A new process, which knows none of the hosts.
        let site = Arc::new(start().await);
        let (line, of_line) = at_once(&site, &good, &rows, limit).await;
        println!("{line}");
        wrong.extend(of_line);
    }
    wrong.extend(operator::run(&binary, &authorities, &part, limit).await);
    wrong.iter().for_each(|why| println!("FAILED: {why}"));
    if wrong.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
