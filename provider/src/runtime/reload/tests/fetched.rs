//! Trust stores that are fetched.

use countersign_core::name::Digest;
use countersign_core::name::DigestAlgorithm;
use countersign_testkit::responder::Responder;
use tokio::task::spawn_blocking;

use super::*;
use crate::runtime::trust_stores;

/// A server, the authority of its certificate, and a store that it has.
async fn server(folder: &Folder) -> (Responder, String) {
    let authority = Authority::root(CertSpec::root().common_name("server CA"));
    let server = Responder::start_tls(&authority.issue(CertSpec::tls_server(&["127.0.0.1"]))).await;
    folder.write("server-ca.pem", authority.pem());
    let pem = Authority::root(CertSpec::root()).pem();
    server.file("/main.pem", "application/x-pem-file", pem.clone());
    (server, pem)
}

fn fetched(url: &str, content: &[u8]) -> String {
    let pin = Digest::of(DigestAlgorithm::Sha256, content);
    let pin = pin.as_str().trim_start_matches("sha256:");
    config("evidence: {proxy: none, connectTimeout: 10s}").replace(
        "{directory: trust}",
        &format!("{{directory: trust, stores: [{{store: 'ca:main', url: {{location: '{url}', sha256: {pin}, ca: server-ca.pem}}}}]}}"),
    )
}

async fn start(url: &str, content: &[u8], folder: &Folder) -> ReloadedService {
    let ca = std::fs::read_to_string(folder.path().join("server-ca.pem")).unwrap();
    ReloadedService::start_with(|folder| {
        std::fs::remove_dir_all(folder.path().join("trust/truststore")).unwrap();
        folder.write("server-ca.pem", ca);
        folder.write("c.yaml", fetched(url, content));
    })
    .await
}

/// As the tasks do, on a thread that may block.
pub(super) async fn poll(mut service: ReloadedService) -> ReloadedService {
    spawn_blocking(move || {
        service.poll();
        service
    })
    .await
    .unwrap()
}

/// The line about the fetched store, without times.
fn line(service: &ReloadedService) -> String {
    let (_, text) = service.task.status.readiness().report(true);
    let line = text.lines().find(|line| line.contains("] trust store ca:main: ")).unwrap();
    line.split_once(" at 2").map_or(line, |(start, _)| start).to_owned()
}

#[tokio::test]
async fn a_service_starts_without_a_store_and_recovers_when_it_can_be_fetched() {
    let folder = Folder::new();
    let (server, pem) = server(&folder).await;
    let fault = server.when("/main.pem").status(403);
    let url = server.url("/main.pem");
    let service = start(&url, pem.as_bytes(), &folder).await;
    let why = format!(
        "nothing was fetched from {url}: found status 403 of {}, expected 200; check that anyone can read the file at the URL; it is tried \
         again",
        server.host()
    );
    let status = service.policy_status();
    assert_eq!(status.len(), 4, "{status:?}");
    assert_eq!(
        status[1..3],
        [
            format!("[!] statement \"app\" is disabled: trust store ca:main cannot be used: {why}"),
            format!("[!] trust store ca:main cannot be used: {why}"),
        ]
    );
    assert!(status[0].starts_with("[-] trust: no statement of the trust policy can be used: "), "{status:?}");
    assert_eq!(line(&service), format!("[!] trust store ca:main: not fetched from {url}, next"));

    fault.remove();
    let source = service.task.policy.lock().source.clone();
    let fetcher = service.task.fetcher();
    trust_stores::first(source.fetched(), &fetcher).await;
    let service = poll(service).await;
    assert_eq!((service.generation(), service.policy_status()), (2, Vec::new()));
    assert_eq!(line(&service), "[+] trust store ca:main: fetched");
    assert_eq!(server.count("/main.pem"), 2);
}

#[tokio::test]
async fn a_changed_pin_is_fetched_before_it_is_in_use_and_an_equal_one_is_not_fetched_again() {
    let folder = Folder::new();
    let (server, pem) = server(&folder).await;
    let url = server.url("/main.pem");
    let service = start(&url, pem.as_bytes(), &folder).await;
    assert_eq!((service.generation(), service.policy_status()), (1, Vec::new()));
    // Another key, and the same definition of the store.
    let text = fetched(&url, pem.as_bytes());
    service.folder.write("c.yaml", format!("{text}\ncache: {{verdictLifetime: 1m}}"));
    let service = poll(service).await;
    assert_eq!(service.task.configuration.in_use.cache.verdict_lifetime.as_secs(), 60);
    assert_eq!((service.generation(), server.count("/main.pem")), (2, 1));

    let other = Authority::root(CertSpec::root().common_name("other")).pem();
    server.file("/other.pem", "application/x-pem-file", other.clone());
    service.folder.write("c.yaml", fetched(&server.url("/other.pem"), other.as_bytes()));
    let service = poll(service).await;
    // There was no moment without the store.
    assert_eq!((service.generation(), service.policy_status()), (3, Vec::new()));
    assert_eq!(server.count("/other.pem"), 1);
}
