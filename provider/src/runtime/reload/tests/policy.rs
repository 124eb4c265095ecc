//! The trust policy and the trust stores.

use super::*;

#[tokio::test]
async fn a_service_with_a_disabled_statement_is_ready_and_reports_it() {
    let mut service = ReloadedService::start_with(|folder| {
        folder.write("trust/trustpolicy.json", two("ca:main", "ca:absent"));
    })
    .await;
    assert_eq!(service.policy_status(), DISABLED);
    let files = service.file_status();
    assert!(files[0].starts_with("[!]trust the trust policy and trust stores have 1 mistake; trust store ca:absent of statement \"other\" is missing"), "{files:?}");
    assert_eq!(files.len(), 1);
    // Polling the same files again changes nothing.
    assert_eq!((service.poll().generation(), service.policy_status()), (1, DISABLED.map(str::to_owned).to_vec()));
    service.folder.write("trust/truststore/x509/ca/absent/a.pem", Authority::root(CertSpec::root()).pem());
    service.poll();
    assert_eq!((service.generation(), service.file_status(), service.policy_status()), (2, Vec::new(), Vec::new()));
}

#[tokio::test]
async fn a_service_without_a_policy_document_becomes_ready_with_one() {
    for (document, why) in [
        (Some("{"), "trust/trustpolicy.json:1: trust policy: not one JSON document: "),
        (None, "trust has neither trustpolicy.oci.json nor trustpolicy.json, expected a trust policy document"),
    ] {
        let mut service = ReloadedService::start_with(|folder| {
            remove(folder, "trust/trustpolicy.json");
            document.into_iter().for_each(|document| folder.write("trust/trustpolicy.json", document));
        })
        .await;
        for _ in 0..2 {
            let file_status = service.policy_status();
            let start = format!("[-] trust: the trust policy and trust stores have 1 mistake; {why}");
            assert!(file_status.len() == 1 && file_status[0].starts_with(&start), "{file_status:?}");
            assert!(service.task.policy.handle().current().is_none());
            service.poll();
        }
        // There is nothing that a changed configuration could take away.
        service.folder.write("c.yaml", config("cache: {verdictLifetime: 1m}"));
        service.poll();
        assert_eq!(service.task.configuration.in_use.cache.verdict_lifetime.as_secs(), 60);
        assert_eq!((service.file_status(), service.policy_status().len()), (Vec::new(), 1));
        service.folder.write("trust/trustpolicy.json", policy("app"));
        service.poll();
        assert_eq!((service.generation(), service.file_status(), service.policy_status()), (1, Vec::new(), Vec::new()));
    }
}

#[tokio::test]
async fn reports_unusable_parts_until_they_are_corrected() {
    let mut service = ReloadedService::start().await;
    let good = std::fs::read_to_string(service.folder.path().join(MAIN)).unwrap();
    service.folder.write(MAIN, "garbage");
    let kept = "[!] trust store ca:main is in use as it was before: file \"a.pem\" has no -----BEGIN line, \
                expected certificates in PEM or DER";
    assert_eq!(service.poll().policy_status(), [kept]);
    assert!(service.file_status()[0].starts_with("[!]trust the trust policy and trust stores have 1 mistake; "));
    assert_eq!(service.generation(), 1);
    // The content in use and the mistake in the store are the same; the document has a mistake now, too.
    service.folder.write("trust/trustpolicy.json", "{");
    assert_eq!(service.poll().policy_status(), ["[!] the trust policy document is in use as it was before", kept]);
    assert!(service.file_status()[0].starts_with("[!]trust the trust policy and trust stores have 2 mistakes; "));
    assert_eq!(service.generation(), 1);
    service.folder.write("trust/trustpolicy.json", two("ca:main", "ca:absent"));
    assert_eq!(service.poll().policy_status(), [DISABLED[0], DISABLED[1], kept]);
    assert_eq!(service.generation(), 2);
    service.folder.write(MAIN, &good);
    assert_eq!(service.poll().policy_status(), DISABLED);
    // The content in use did not change.
    assert_eq!(service.generation(), 2);
    service.folder.write("trust/trustpolicy.json", policy("app"));
    service.poll();
    assert_eq!((service.file_status(), service.policy_status()), (Vec::new(), Vec::new()));
}

#[tokio::test]
async fn the_service_is_not_ready_while_no_statement_can_be_used() {
    let mut service = ReloadedService::start().await;
    let good = std::fs::read_to_string(service.folder.path().join(MAIN)).unwrap();
    remove(&service.folder, MAIN);
    let store = "trust store ca:main cannot be used: found no certificates, expected at least one";
    assert_eq!(
        service.poll().policy_status(),
        [
            format!("[-] trust: no statement of the trust policy can be used: statement \"app\" is disabled: {store}"),
            format!("[!] statement \"app\" is disabled: {store}"),
            format!("[!] {store}"),
        ]
    );
    service.folder.write(MAIN, &good);
    service.poll();
    assert_eq!((service.file_status(), service.policy_status()), (Vec::new(), Vec::new()));
}
