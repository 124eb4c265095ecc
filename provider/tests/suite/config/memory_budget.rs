//! The memory budget: the sum of all limits fits into the shipped memory limit, and ARCHITECTURE.md has the same table.

#![allow(clippy::unwrap_used)]

use std::path::Path;

use countersign::config::Config;
use countersign::config::ConfigFile;
use countersign::config::Purpose;
use countersign::engine;
use countersign::evidence::memory as evidence;
use countersign::runtime::aws::memory as aws;
use countersign::runtime::azure::memory as azure;
use countersign::runtime::google::memory as google;
use countersign::runtime::trust_store_memory as stores;
use countersign::server::memory;
use countersign::telemetry::log::QUEUE_BYTES;
use countersign::telemetry::log::REPEATED_BYTES;
use countersign_registry::memory as registry;

const KIB: usize = 1024;
const MIB: usize = 1024 * KIB;

/// The process at rest: 8 MiB were measured in the image, and allocator overhead under load.
const PROCESS: usize = 11 * MIB;

/// Trust policy and stores, twice while requests use the former ones: files of the operator, 1 MiB of certificates.
const TRUST: usize = 4 * MIB;

fn text(path: &str) -> String {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap()
}

/// A configuration with only the keys that have no default.
fn defaults() -> Config {
    ConfigFile::load(&Path::new(env!("CARGO_MANIFEST_DIR")).join("samples/countersign.yaml"), Purpose::Verify)
        .unwrap()
        .1
}

/// The rows of the budget: what uses memory, and its limit.
fn rows(config: &Config) -> Vec<(&'static str, usize)> {
    let requests = config.registry_access.max_requests;
    vec![
        ("the process at rest", PROCESS),
        ("trust policy and stores", TRUST),
        ("requests for trust stores", stores::REQUESTS * registry::CONNECTION),
        ("trust stores being received", stores::BODIES),
        ("bodies from registries and data parsed from them", registry::BODIES),
        ("large documents being parsed", registry::PARSING),
        ("requests to registries", requests * registry::CONNECTION),
        ("idle connections to registries", registry::IDLE_CONNECTIONS * registry::CONNECTION),
        ("TLS sessions of registries and other servers", registry::SESSIONS),
        ("requests for evidence", config.evidence.max_requests * registry::CONNECTION),
        ("OCSP responses and CRLs being received and read", evidence::received(config.evidence.max_crl_bytes)),
        ("OCSP responses and CRLs in memory", config.evidence.cache_bytes),
        ("statuses of AWS Signer in memory", evidence::SIGNER_STATUSES),
        ("requests to AWS", aws::REQUESTS * registry::CONNECTION),
        ("responses of AWS being received", aws::BODIES),
        ("tokens of Amazon ECR", aws::TOKENS),
        ("requests to Azure", azure::REQUESTS * registry::CONNECTION),
        ("responses of Azure being received", azure::BODIES),
        ("tokens of Azure", azure::TOKENS),
        ("requests to Google Cloud", google::REQUESTS * registry::CONNECTION),
        ("responses of Google Cloud being received", google::BODIES),
        ("tokens of Google Cloud", google::TOKENS),
        ("name resolution", registry::LOOKUPS),
        ("tokens, authentication schemes, token services, state of hosts, tags and digests", registry::CACHED),
        ("manifests and envelopes of signatures in memory", registry::CONTENT),
        ("images being verified", config.server.max_concurrent_keys * engine::IMAGE_BYTES),
        ("cached verdicts", config.cache.verdict_bytes),
        ("items of responses that are used again", memory::RENDERED),
        ("requests being read", memory::READING),
        ("requests that wait to be processed", memory::WAITING),
        ("requests being processed", memory::WORKING),
        ("responses being written", memory::RESPONSES),
        ("connections of clients", config.server.max_connections * memory::CONNECTION),
        ("send buffers for clients that do not read", config.server.max_connections * memory::SOCKET),
        ("TLS handshakes of clients", memory::HANDSHAKES * memory::HANDSHAKE),
        ("events of the log until they are written", QUEUE_BYTES),
        ("events of the log that repeat", REPEATED_BYTES),
        ("probes and metrics", memory::HEALTH),
        ("series of metrics", memory::METRICS),
    ]
}

/// In MiB with one digit behind the point, rounded up.
fn mib(bytes: usize) -> String {
    let tenths = (bytes * 10).div_ceil(MIB);
    format!("{}.{}", tenths / 10, tenths % 10)
}

#[test]
fn the_memory_budget_fits_into_the_shipped_limit() {
    let rows = rows(&defaults());
    let sum: usize = rows.iter().map(|(_, bytes)| bytes).sum();
    let deployment = text("../deploy/base/deployment.yaml");
    let limits = deployment.split("limits:").nth(1).unwrap();
    let limit = limits.split("memory: ").nth(1).unwrap().split("Mi").next().unwrap();
    let limit = limit.parse::<usize>().unwrap() * MIB;
    assert_eq!(limit, 384 * MIB);
    // The rest is for memory that the allocator does not return at once.
    assert!(sum <= limit - limit / 16, "{} of {}: {rows:?}", mib(sum), mib(limit));
}

#[test]
fn the_documented_table_adds_up_to_the_budget() {
    let rows = rows(&defaults());
    let sum: usize = rows.iter().map(|(_, bytes)| bytes).sum();
    let mut wanted: Vec<String> = rows.iter().map(|(what, bytes)| format!("| {what} | {} |", mib(*bytes))).collect();
    wanted.push(format!("| **total** | **{}** |", mib(sum)));
    let document = text("ARCHITECTURE.md");
    let section = document.split("## Memory").nth(1).unwrap().split("\n## ").next().unwrap();
    // Without the heading and the line below it, and of each row the first two columns.
    let found = section.lines().filter(|line| line.starts_with("| ")).skip(2);
    let found: Vec<String> =
        found.map(|line| line.split(" | ").take(2).collect::<Vec<_>>().join(" | ") + " |").collect();
    assert_eq!(found, wanted);
}

/// The sample has the defaults; `tests/suite/config.rs` holds that.
#[test]
fn the_defaults_are_those_of_the_table() {
    let config = defaults();
    assert_eq!(
        (
            config.server.max_connections,
            config.server.max_concurrent_keys,
            config.registry_access.max_requests,
            config.cache.verdict_bytes,
            config.evidence.cache_bytes,
            config.evidence.max_crl_bytes,
            config.evidence.max_requests
        ),
        (256, 128, 128, 16 * MIB, 48 * MIB, 24 * MIB, 32)
    );
}
