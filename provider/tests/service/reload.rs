//! Replaces every file that an operator can change, under load; every request gets a correct response. The files change
//! as a mounted volume changes, by a link.

#![allow(clippy::unwrap_used)]

use countersign_test_support::client::body;
use countersign_test_support::load::Load;
use countersign_test_support::mounted::MountedService;
use countersign_test_support::mounted::policy;
use countersign_test_support::mounted::root;
use countersign_testkit::crl::CrlSpec;
use countersign_testkit::notation;
use countersign_testkit::pki::CertSpec;
use countersign_testkit::registry::Registry;
use countersign_testkit::registry::Route;
use countersign_testkit::responder::Responder;
use time::Duration;
use time::OffsetDateTime;
use tokio::io::AsyncReadExt as _;
use tokio::io::AsyncWriteExt as _;

/// Answers awaited in each state of the fixture: more than there are clients, each with its connection.
const SOME: usize = 40;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn certificate_and_key_of_the_service_rotate() {
    let service = MountedService::start().await;
    let signed = service.image("app:signed");
    let load = Load::start(&service, vec![service.gatekeeper(&service.clients)], &[(&signed, "verified")]);
    load.answers(SOME).await;
    let old = service.shown().await;
    let next = service.servers.issue(CertSpec::tls_server(&["127.0.0.1"]));
    let untrusted = service.servers.issue(CertSpec::tls_server(&["127.0.0.1"]));

    service.tls.swap(&[("tls.crt", next.pem()), ("tls.key", untrusted.key_pem())]);
    service.until_files("tls", Some("server key is not the key of the first certificate")).await;
    load.answers(SOME).await;
    assert_eq!(service.shown().await, old);

    service.tls.swap(&[("tls.crt", next.pem()), ("tls.key", next.key_pem())]);
    service.until_files("tls", None).await;
    load.answers(SOME).await;
    assert_eq!(service.shown().await, next.leaf_der());
    load.end();
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_authority_of_clients_rotates() {
    let service = MountedService::start().await;
    let signed = service.image("app:signed");
    let others = root("others");
    let identities = vec![service.gatekeeper(&service.clients), service.gatekeeper(&others)];
    let load = Load::start(&service, identities, &[(&signed, "verified")]);
    load.answers(SOME).await;
    let kept = service.client(service.gatekeeper(&service.clients));
    assert_eq!(kept.verdict(&signed).await.unwrap(), "verified");

    service.client_ca.swap(&[("ca.crt", service.clients.pem() + &others.pem())]);
    let other = service.client(service.gatekeeper(&others));
    service.until("the other authority is good", async || other.verdict(&signed).await.is_ok()).await;
    load.answers(SOME).await;
    load.identity(1);
    load.answers(SOME).await;

    service.client_ca.swap(&[("ca.crt", others.pem())]);
    let old = || service.client(service.gatekeeper(&service.clients));
    service.until("the old authority is no longer good", async || old().verdict(&signed).await.is_err()).await;
    load.answers(SOME).await;
    // An open connection of the old authority gets exactly one more response.
    let _ = kept.verdict(&signed).await;
    assert!(kept.verdict(&signed).await.is_err());
    load.end();
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_root_of_a_trust_store_rotates() {
    let service = MountedService::start().await;
    let (signed, unsigned) = (service.image("app:signed"), service.image("app:unsigned"));
    let (others, renewed) = (root("others"), service.image("app:renewed"));
    let image = service.registry.push_image("app", "renewed");
    notation::sign_image(&service.registry, "app", &image, &others.issue(CertSpec::leaf()));
    let always = (unsigned.as_str(), "rejected");
    let identity = service.gatekeeper(&service.clients);
    let load = Load::start(&service, vec![identity], &[always, (&signed, "verified"), (&renewed, "rejected")]);
    load.answers(SOME).await;

    load.expect(&[always, (&signed, "verified"), (&renewed, "rejected"), (&renewed, "verified")]);
    let both = [("x509/ca/main/root.crt", service.root.pem()), ("x509/ca/main/next.crt", others.pem())];
    service.until_other_trust(|| service.store.swap(&both)).await;
    load.expect(&[always, (&signed, "verified"), (&renewed, "verified")]);
    load.answers(SOME).await;

    load.expect(&[always, (&signed, "verified"), (&signed, "rejected"), (&renewed, "verified")]);
    let new = [("x509/ca/main/next.crt", others.pem())];
    service.until_other_trust(|| service.store.swap(&new)).await;
    load.expect(&[always, (&signed, "rejected"), (&renewed, "verified")]);
    load.answers(SOME).await;

    service.store.swap(&[("x509/ca/main/next.crt", "nothing".to_owned())]);
    service.until_files("trust", Some("next.crt")).await;
    load.answers(SOME).await;
    service.store.swap(&new);
    service.until_files("trust", None).await;
    load.answers(SOME).await;
    load.end();
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broken_store_and_a_broken_statement_leave_the_others_in_use() {
    let service = MountedService::start().await;
    let (signed, unsigned) = (service.image("app:signed"), service.image("app:unsigned"));
    let identity = service.gatekeeper(&service.clients);
    let always = [(signed.as_str(), "verified"), (unsigned.as_str(), "rejected"), ("a.example/skipped", "skipped")];
    let load = Load::start(&service, vec![identity], &always);
    load.answers(SOME).await;
    let statement =
        async |name: &str| service.metric(&format!("countersign_statement_usable{{statement=\"{name}\"}}")).await;
    let store = async |name: &str| service.metric(&format!("countersign_trust_store_usable{{store=\"{name}\"}}")).await;
    assert_eq!(
        (statement("app").await, statement("mirror").await, store("ca:main").await),
        (Some(1.0), Some(1.0), Some(1.0))
    );
    let with = |more: serde_json::Value| {
        let mut document: serde_json::Value = serde_json::from_str(&policy(&["*"])).unwrap();
        document["trustPolicies"].as_array_mut().unwrap().push(more);
        [("trustpolicy.json", document.to_string())]
    };
    let other = |store: &str, level: &str| {
        with(serde_json::json!({
            "name": "other", "registryScopes": ["a.example/other"], "signatureVerification": {"level": level},
            "trustStores": [store], "trustedIdentities": ["*"],
        }))
    };
    let client = service.client(service.gatekeeper(&service.clients));
    let system_error = async || {
        let answer = client.post("/v1/verify", body(&["a.example/other"])).await.unwrap();
        assert_eq!(answer["items"], serde_json::json!([]));
        answer["systemError"].as_str().unwrap().to_owned()
    };

    // A statement whose store is not there.
    service.until_other_trust(|| service.policy.swap(&other("ca:absent", "strict"))).await;
    assert_eq!((statement("other").await, store("ca:absent").await), (Some(0.0), Some(0.0)));
    assert_eq!((statement("app").await, store("ca:main").await), (Some(1.0), Some(1.0)));
    service.until_files("trust", Some("trust store ca:absent of statement \"other\" is missing")).await;
    let text = service.health("/readyz?verbose").await;
    assert!(text.contains("\n[!] statement \"other\" is disabled: trust store ca:absent cannot be used: "), "{text}");
    assert!(text.starts_with("[+] trust\n"), "{text}");
    let error = system_error().await;
    assert!(error.contains("trust-store-unusable: statement \"other\" of the trust policy is disabled: trust store ca:absent cannot be used: found no directory "), "{error}");
    load.answers(SOME).await;

    // A statement with a mistake. The store is no longer named.
    service.until_other_trust(|| service.policy.swap(&other("ca:main", "loud"))).await;
    assert_eq!((statement("other").await, store("ca:absent").await), (Some(0.0), None));
    let error = system_error().await;
    assert!(error.contains("statement-disabled: statement \"other\" of the trust policy is disabled: trust policy statement \"other\", signatureVerification.level: found \"loud\""), "{error}");
    load.answers(SOME).await;

    // A store that cannot be parsed any more stays in use.
    service
        .store
        .swap(&[("x509/ca/main/root.crt", service.root.pem()), ("x509/ca/main/next.crt", "nothing".to_owned())]);
    service.until_files("trust", Some("next.crt")).await;
    assert_eq!(store("ca:main").await, Some(1.0));
    let text = service.health("/readyz?verbose").await;
    assert!(text.contains("\n[!] trust store ca:main is in use as it was before "), "{text}");
    load.answers(SOME).await;

    service.store.swap(&[("x509/ca/main/root.crt", service.root.pem())]);
    service.policy.swap(&[("trustpolicy.json", policy(&["*"]))]);
    service.until_files("trust", None).await;
    assert_eq!(statement("other").await, None);
    load.answers(SOME).await;

    // An emptied store is no longer trusted at once, and the skipping statement still applies.
    load.expect(&[
        (&signed, "verified"),
        (&signed, "undecided"),
        (&unsigned, "rejected"),
        (&unsigned, "undecided"),
        ("a.example/skipped", "skipped"),
    ]);
    service.until_other_trust(|| service.store.swap(&[("x509/ca/main/root.crt", String::new())])).await;
    load.expect(&[(&signed, "undecided"), (&unsigned, "undecided"), ("a.example/skipped", "skipped")]);
    load.answers(SOME).await;
    assert_eq!(
        (statement("app").await, statement("mirror").await, store("ca:main").await),
        (Some(0.0), Some(1.0), Some(0.0))
    );
    load.end();
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rejects_an_identity_after_its_removal_from_the_policy() {
    let service = MountedService::start().await;
    let signed = service.image("app:signed");
    let identity = service.gatekeeper(&service.clients);
    let load = Load::start(&service, vec![identity], &[(&signed, "verified"), ("a.example/skipped", "skipped")]);
    load.answers(SOME).await;

    service.policy.swap(&[("trustpolicy.json", "{".to_owned())]);
    service.until_files("trust", Some("trustpolicy.json")).await;
    load.answers(SOME).await;

    load.expect(&[(&signed, "verified"), (&signed, "rejected"), ("a.example/skipped", "skipped")]);
    let other = policy(&["x509.subject: C=CH, ST=ZH, O=Other"]);
    service.until_other_trust(|| service.policy.swap(&[("trustpolicy.json", other)])).await;
    load.expect(&[(&signed, "rejected"), ("a.example/skipped", "skipped")]);
    load.answers(SOME).await;
    service.until_files("trust", None).await;
    load.end();
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_verified_lately_is_verified_again_after_each_change_without_being_asked_for() {
    let service = MountedService::start().await;
    let signed = service.image("app:signed");
    let client = service.client(service.gatekeeper(&service.clients));
    service.until_other_trust(|| service.keep_verdicts(5)).await;
    assert_eq!(client.verdict(&signed).await.unwrap(), "verified");
    let again = |count: f64| {
        let service = &service;
        async move {
            let series = r#"countersign_cache_events_total{event="verdict-again"}"#;
            service.until("verified again", async || service.metric(series).await == Some(count)).await;
        }
    };
    let one = policy(&["x509.subject: C=CH, ST=ZH, O=Testkit"]);
    service.until_other_trust(|| service.policy.swap(&[("trustpolicy.json", one)])).await;
    again(1.0).await;
    service.keep_verdicts(6);
    again(2.0).await;
    assert_eq!(client.verdict(&signed).await.unwrap(), "verified");
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn uses_a_registry_added_to_the_configuration() {
    let service = MountedService::start().await;
    let second = Registry::start_tls(&service.servers.issue(CertSpec::tls_server(&["127.0.0.1"]))).await;
    second.require_basic("alice", "first");
    let image = second.push_image("app", "signed");
    notation::sign_image(&second, "app", &image, &service.root.issue(CertSpec::leaf()));
    let (first, added) = (service.image("app:signed"), format!("{}/app:signed", second.host()));
    let identity = service.gatekeeper(&service.clients);
    let load = Load::start(&service, vec![identity], &[(&first, "verified"), (&added, "undecided")]);
    load.answers(SOME).await;

    service.config.swap(&[("countersign.yaml", "trust: {directory: d}\nregistrys: []\n".to_owned())]);
    service.until_files("config", Some("registrys: found an unknown key")).await;
    load.answers(SOME).await;

    load.expect(&[(&first, "verified"), (&added, "undecided"), (&added, "verified")]);
    service.until_other_trust(|| service.configure("", &[&service.registry, &second])).await;
    load.expect(&[(&first, "verified"), (&added, "verified")]);
    load.answers(SOME).await;
    service.until_files("config", None).await;
    load.end();
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_password_of_a_registry_rotates() {
    let service = MountedService::start().await;
    let signed = service.image("app:signed");
    let load = Load::start(&service, vec![service.gatekeeper(&service.clients)], &[(&signed, "verified")]);
    load.answers(SOME).await;
    let login = |password: &str| [("username", "alice".to_owned()), ("password", password.to_owned())];

    service.registry.require_basic_any(&[("alice", "first"), ("alice", "second")]);
    service.login.swap(&login(""));
    service.until_files("registries", Some("is empty, expected a user name or a password")).await;
    load.answers(SOME).await;
    service.login.swap(&login("second"));
    service.until_files("registries", None).await;
    // Work that began with the old password may go on for a moment.
    load.answers(SOME).await;
    service.registry.require_basic("alice", "second");
    load.answers(SOME).await;
    load.end();
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_in_progress_keeps_its_configuration() {
    let service = MountedService::start().await;
    let (signed, client) = (service.image("app:signed"), service.client(service.gatekeeper(&service.clients)));
    let held = service.registry.when(Route::Manifest).hold();
    let asked = tokio::spawn({
        let (client, signed) = (client.clone(), signed.clone());
        async move { client.verdict(&signed).await }
    });
    service.registry.wait_for(Route::Manifest, 1).await;
    // Now without that registry, and with room for no key but one.
    service.until_other_trust(|| service.configure("  maxKeys: 1", &[])).await;
    assert_eq!(client.verdict(&signed).await.unwrap(), "undecided");
    held.release();
    assert_eq!(asked.await.unwrap().unwrap(), "verified");
    service.stop().await;
}

#[tokio::test]
async fn limits_and_clients_change_with_the_next_request() {
    let service = MountedService::start().await;
    let client = service.client(service.gatekeeper(&service.clients));
    let two = body(&["a.example/skipped:1", "a.example/skipped:2"]);
    let system_error = async || client.post("/v1/verify", two.clone()).await.unwrap()["systemError"].clone();
    assert_eq!(system_error().await, "");
    service.until_other_trust(|| service.configure("  maxKeys: 1", &[&service.registry])).await;
    let error = system_error().await;
    assert!(
        error
            .as_str()
            .unwrap()
            .starts_with("request has too many distinct keys: found more than 1, expected at most 1; "),
        "{error}"
    );
    service.until_other_trust(|| service.configure("  allowedClients: [else.example]", &[&service.registry])).await;
    // The open connection gets exactly one more response.
    assert_eq!(system_error().await, "");
    assert!(client.post("/v1/verify", two.clone()).await.is_err());
    service.until_other_trust(|| service.configure("", &[&service.registry])).await;
    assert_eq!(system_error().await, "");
    service.stop().await;
}

#[tokio::test]
async fn reports_changes_that_need_a_restart() {
    let service = MountedService::start().await;
    // The gauge follows the trust, at another moment of the same reload.
    let is = async |value| service.metric("countersign_restart_needed").await == Some(value);
    assert!(is(0.0).await);
    service.configure("  maxConnections: 7", &[&service.registry]);
    service.until("a restart is needed", async || is(1.0).await).await;
    let text = service.health("/readyz?verbose").await;
    assert!(text.contains("[!] restart needed for server.maxConnections\n"), "{text}");
    service.configure("", &[&service.registry]);
    service.until("no restart is needed", async || is(0.0).await).await;
    service.stop().await;
}

#[tokio::test]
async fn reports_the_end_of_every_certificate_in_use() {
    let service = MountedService::start().await;
    let of = |certificate: &str, store: &str| {
        let labels = format!("certificate=\"{certificate}\",store=\"{store}\"");
        format!("countersign_certificate_not_after_timestamp_seconds{{{labels}}}")
    };
    let end = |certificate: &str| of(certificate, "");
    let seconds = CertSpec::NOT_AFTER.unix_timestamp().to_string().parse::<f64>().unwrap();
    for series in [end("server"), end("client-ca"), of("store-ca", "ca:main")] {
        assert_eq!(service.metric(&series).await, Some(seconds), "{series}");
    }
    // There is none that could end.
    assert!(!service.health("/metrics").await.contains("certificate=\"store-tsa\""));
    let soon = CertSpec::NOT_AFTER - std::time::Duration::from_secs(3600);
    let next = service.clients.issue(CertSpec::tls_server(&["127.0.0.1"]).valid(CertSpec::NOT_BEFORE, soon));
    service.tls.swap(&[("tls.crt", next.pem()), ("tls.key", next.key_pem())]);
    service.until("another end", async || service.metric(&end("server")).await == Some(seconds - 3600.0)).await;
    // Client certificates for registries: the first end, while there is one.
    let client = async || service.metric(&end("registry-client")).await;
    assert_eq!(client().await, None);
    let files = "{certificateFile: ../tls/tls.crt, keyFile: ../tls/tls.key}";
    service.configure_entries(&format!("- {{host: mutual.example, clientCertificate: {files}}}\n"));
    service.until("the end of the client certificate", async || client().await == Some(seconds - 3600.0)).await;
    service.configure_entries("");
    service.until("no client certificate", async || client().await.is_none()).await;
    service.stop().await;
}

#[tokio::test]
async fn closes_a_connection_with_an_outdated_certificate_after_the_response() {
    let service = MountedService::start().await;
    let mut stream = service.connect(service.gatekeeper(&service.clients)).await.unwrap();
    let request = "POST /v1/verify HTTP/1.1\r\nhost: a\r\ncontent-length: 2\r\n\r\n{}";
    let mut bytes = vec![0; 16 * 1024];
    stream.write_all(request.as_bytes()).await.unwrap();
    let read = stream.read(&mut bytes).await.unwrap();
    assert!(!std::str::from_utf8(&bytes[..read]).unwrap().contains("connection: close"));
    let next = service.servers.issue(CertSpec::tls_server(&["127.0.0.1"]));
    service.tls.swap(&[("tls.crt", next.pem()), ("tls.key", next.key_pem())]);
    service.until("another certificate", async || service.shown().await == next.leaf_der()).await;
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut rest = String::new();
    stream.read_to_string(&mut rest).await.unwrap();
    assert!(rest.contains("\r\nconnection: close\r\n"), "{rest}");
    service.stop().await;
}

#[tokio::test]
async fn a_reload_keeps_the_process_limits() {
    let four = "  maxConcurrentKeys: 4\n  maxConcurrentKeysPerRequest: 4\n";
    let service = MountedService::with(&format!("{four}  verifyTimeout: 20s")).await;
    service.registry.when(Route::Manifest).never_answer();
    let client = service.client(service.gatekeeper(&service.clients));
    let (first, second) = (service.image("app:first"), service.image("app:second"));
    let slow = service.client(service.gatekeeper(&service.clients));
    let waits = tokio::spawn(async move { slow.post("/v1/verify", body(&[&first])).await });
    service.registry.wait_for(Route::Manifest, 1).await;
    for keys in [7, 8] {
        let other = format!("{four}  verifyTimeout: 300ms\n  maxKeys: {keys}");
        service.until_other_trust(|| service.configure(&other, &[&service.registry])).await;
        // The registry has a quarter of four, and the first image has that.
        let answer = client.post("/v1/verify", body(&[&second])).await.unwrap();
        let error = answer["systemError"].as_str().unwrap();
        assert!(error.contains("overloaded: too many verifications in progress for "), "{error}");
        assert!(error.contains(": found 1, expected at most 1; "), "{error}");
        let used = service.metric("countersign_limit_in_use{limit=\"verifications\"}").await;
        assert_eq!(used, Some(1.0));
    }
    waits.abort();
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_changed_section_about_evidence_applies_and_keeps_what_is_in_memory() {
    let service = MountedService::start().await;
    let responder = Responder::start().await;
    let strict = countersign_test_support::fixture::policy(&["ca:main"], &["*"]);
    service.until_other_trust(|| service.policy.swap(&[("trustpolicy.json", strict)])).await;
    let now = OffsetDateTime::now_utc();
    let list = CrlSpec::new().valid(now - Duration::hours(1), now + Duration::hours(5));
    responder.crl("", service.root.crl(&list));
    let image = |path: &str| {
        let image = service.registry.push_image("app", path.trim_start_matches('/'));
        let signer = service.root.issue(CertSpec::leaf().crl_url(&responder.url(path)));
        notation::sign_image(&service.registry, "app", &image, &signer);
        service.registry.reference("app", &image)
    };
    let (one, two) = (image("/one"), image("/two"));
    let client = service.client(service.gatekeeper(&service.clients));
    let verdict = async |image: &str| client.verdict(image).await.unwrap();
    assert_eq!((verdict(&one).await, responder.journal().len()), ("undecided".to_owned(), 0));

    let reachable = format!("  maxKeys: 5\nevidence: {{reachableHosts: ['{}']}}", responder.host());
    service.until_other_trust(|| service.configure(&reachable, &[&service.registry])).await;
    assert_eq!((verdict(&one).await, responder.journal().len()), ("verified".to_owned(), 1));

    // The list stays in memory; other addresses of the host are refused again.
    service.until_other_trust(|| service.configure("", &[&service.registry])).await;
    assert_eq!(verdict(&two).await, "undecided");
    assert_eq!((verdict(&one).await, responder.journal().len()), ("verified".to_owned(), 1));
    service.stop().await;
}
