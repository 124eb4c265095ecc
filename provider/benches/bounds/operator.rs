//! Large files of the operator: trust policies and trust stores. Each is measured in a process of its own.

use std::path::Path;
use std::time::Duration;

use countersign_testkit::pki::Authority;
use countersign_testkit::pki::CertSpec;
use serde_json::Value as Json;
use serde_json::json;

use crate::contents;
use crate::host::Host;
use crate::row::Authorities;
use crate::row::Line;
use crate::row::Meanwhile;
use crate::site::Answer;
use crate::site::Files;
use crate::site::Site;

/// The most statements, and the most trust stores of all of them.
const MOST: usize = 1000;

/// When a changed policy is in use at the latest, or refused: it is read once a second.
const READ: Duration = Duration::from_secs(4);

fn statement(number: usize, scope: &str, store: &str) -> Json {
    json!({"name": format!("s{number}"), "registryScopes": [scope], "signatureVerification": {"level": "strict"},
        "trustStores": [format!("ca:{store}")], "trustedIdentities": ["*"]})
}

/// So many statements, the last of which is for the host.
fn policy(host: &Host, count: usize, store: impl Fn(usize) -> String) -> Json {
    let others = (1..count).map(|number| statement(number, &format!("other.example/r{number}"), &store(number)));
    let last = statement(count, &format!("{}/app", host.name()), &store(count));
    json!({"version": "1.0", "trustPolicies": others.chain([last]).collect::<Vec<_>>()})
}

fn main_store(authorities: &Authorities) -> (String, Vec<u8>) {
    ("ca/main/root.pem".to_owned(), authorities.root.pem().into_bytes())
}

/// What is measured: the offer, the files, and the code of a good image.
struct Case {
    offered: &'static str,
    files: Files,
    code: &'static str,
    /// The policy that takes the place of that of the start.
    replaced: Option<Json>,
}

fn cases(authorities: &Authorities, host: &Host) -> Vec<Case> {
    let main = |_| "main".to_owned();
    let files = |policy, stores| Files { policy, stores };
    // One key for all: what costs is the certificate.
    let key = Authority::root(CertSpec::root()).key().clone();
    let root = |number: usize| Authority::root(CertSpec::root().with_key(&key).common_name(&format!("root {number}")));
    let pem = |numbers: std::ops::Range<usize>| numbers.map(|number| root(number).pem()).collect::<String>();
    let many_stores = (1..MOST).map(|number| (format!("ca/store{number}/root.pem"), root(number).pem().into_bytes()));
    let many_stores = many_stores.chain([(format!("ca/store{MOST}/root.pem"), authorities.root.pem().into_bytes())]);
    let large_store =
        |count| vec![("ca/main/all.pem".to_owned(), (pem(1..count) + &authorities.root.pem()).into_bytes())];
    let with_large_root =
        vec![main_store(authorities), ("ca/main/large.cer".to_owned(), contents::large_root(authorities))];
    vec![
        Case {
            offered: "trust policy with 1,000 statements, each with a trust store",
            files: files(policy(host, MOST, |number| format!("store{number}")), many_stores.collect()),
            code: "verified",
            replaced: None,
        },
        Case {
            offered: "trust policy with 10,000 statements, at the start",
            files: files(policy(host, 10 * MOST, main), vec![main_store(authorities)]),
            code: "not-ready",
            replaced: None,
        },
        Case {
            offered: "trust policy with 10,000 statements in place of a good one: that stays in use",
            files: files(policy(host, 1, main), vec![main_store(authorities)]),
            code: "verified",
            replaced: Some(policy(host, 10 * MOST, main)),
        },
        Case {
            offered: "trust store with 1,000 certificates",
            files: files(policy(host, 1, main), large_store(MOST)),
            code: "verified",
            replaced: None,
        },
        Case {
            offered: "trust store with 1,001 certificates",
            files: files(policy(host, 1, main), large_store(MOST + 1)),
            code: "trust-store-unusable",
            replaced: None,
        },
        Case {
            offered: "trust store with a root with an RSA key of 16,384 bits beside a good one",
            files: files(policy(host, 1, main), with_large_root),
            code: "verified",
            replaced: None,
        },
    ]
}

/// Prints a line for each case, and returns what was wrong.
pub(crate) async fn run(binary: &Path, authorities: &Authorities, part: &str, limit: f64) -> Vec<String> {
    let host = authorities.host().await;
    let signer = authorities.root.issue(CertSpec::leaf());
    let mut wrong = Vec::new();
    for case in cases(authorities, &host) {
        if !case.offered.contains(part) {
            continue;
        }
        let site = Site::start(binary, &[&host], &authorities.servers.pem(), &case.files).await;
        if let Some(policy) = &case.replaced {
            site.write_policy(policy);
            tokio::time::sleep(READ).await;
        }
        let image = host.push();
        host.sign(&image, &signer);
        host.take_traffic();
        let Answer { code, took, text } = site.ask(&host.reference(&image)).await;
        let line = Line {
            offered: case.offered.to_owned(),
            code: format!("`{code}`"),
            took,
            traffic: Some(host.take_traffic()),
            peak: site.peak(),
            meanwhile: Meanwhile::default(),
        };
        println!("{line}");
        if code != case.code {
            wrong.push(format!("{}: found {code}, expected {}: {text}", case.offered, case.code));
        }
        if line.peak >= limit {
            wrong.push(format!("{}: found {:.0} MiB, expected less than {limit:.0}", case.offered, line.peak));
        }
    }
    wrong
}
