//! The configuration file.

use super::*;

#[tokio::test]
async fn unchanged_files_change_nothing() {
    let mut service = ReloadedService::start().await;
    let engine = service.task.engine.server.handler_address();
    service.poll().poll();
    assert_eq!((service.generation(), service.file_status()), (1, Vec::new()));
    assert_eq!(service.task.engine.server.handler_address(), engine);
}

#[tokio::test]
async fn a_changed_value_starts_a_new_generation_and_a_changed_comment_does_not() {
    let mut service = ReloadedService::start().await;
    service.folder.write("c.yaml", config("cache: {verdictLifetime: 1m}"));
    service.poll();
    assert_eq!(service.task.configuration.in_use.cache.verdict_lifetime.as_secs(), 60);
    assert_eq!((service.generation(), service.file_status()), (2, Vec::new()));
    service.folder.write("c.yaml", config("cache: {verdictLifetime: 1m} # for a minute"));
    service.poll();
    assert_eq!(service.generation(), 2);
}

#[tokio::test]
async fn a_configuration_with_mistakes_or_unusable_files_changes_nothing() {
    let mut service = ReloadedService::start().await;
    let engine = service.task.engine.server.handler_address();
    service.folder.write("c.yaml", config("cash: {}"));
    let file_status = service.poll().file_status();
    assert_eq!(file_status.len(), 1);
    assert!(file_status[0].contains("cash: found an unknown key"), "{file_status:?}");
    let registry = "registries: [{host: a.example, credentials: {dockerConfig: login.json}}]";
    service.folder.write("c.yaml", config(registry));
    let file_status = service.poll().file_status();
    assert!(file_status[0].starts_with("[!]config the files of the registries have 1 mistake"), "{file_status:?}");
    assert_eq!((service.generation(), file_status.len()), (1, 1));
    assert_eq!(service.task.engine.server.handler_address(), engine);
    // The missing file is created, and the same configuration is valid.
    service.folder.write("login.json", r#"{"auths": {"a.example": {"auth": "YTpi"}}}"#);
    assert_eq!(service.poll().file_status(), [""; 0]);
    assert_eq!(service.generation(), 2);
    assert_eq!(service.task.configuration.in_use.registries.len(), 1);
}

#[tokio::test]
async fn restoring_the_former_file_ends_the_failure() {
    let mut service = ReloadedService::start().await;
    for (name, content) in [("c.yaml", config("")), ("trust/trustpolicy.json", policy("app"))] {
        service.folder.write(name, "{");
        assert_eq!(service.poll().file_status().len(), 1, "{name}");
        service.folder.write(name, &content);
        assert_eq!(service.poll().file_status(), [""; 0], "{name}");
    }
    remove(&service.folder, "c.yaml");
    let file_status = service.poll().file_status();
    assert!(file_status[0].starts_with("[!]config cannot read the configuration "), "{file_status:?}");
}

#[tokio::test]
async fn a_statement_may_be_renamed_in_both_files_in_either_order() {
    let demand = |statement| {
        config(&format!("verification: {{requiredMetadata: [{{statement: {statement}, annotations: {{a: b}}}}]}}"))
    };
    let mut service = ReloadedService::start().await;
    service.folder.write("c.yaml", demand("app"));
    assert_eq!(service.poll().file_status(), [""; 0]);
    service.folder.write("c.yaml", demand("prod"));
    assert_eq!(service.poll().file_status().len(), 1);
    service.folder.write("trust/trustpolicy.json", policy("prod"));
    assert_eq!(service.poll().file_status(), [""; 0]);
    service.folder.write("trust/trustpolicy.json", policy("live"));
    assert_eq!(service.poll().file_status().len(), 1);
    service.folder.write("c.yaml", demand("live"));
    assert_eq!(service.poll().file_status(), [""; 0]);
}

#[tokio::test]
async fn reports_keys_that_need_a_restart_until_they_are_restored() {
    let mut service = ReloadedService::start().await;
    let lines = |service: &ReloadedService| {
        let (_, text) = service.task.status.readiness().report(true);
        text.lines().filter(|line| line.contains("restart")).map(str::to_owned).collect::<Vec<_>>()
    };
    let other = config("").replacen("127.0.0.1:0", "127.0.0.1:1", 1).replacen("127.0.0.1:0", "127.0.0.1:2", 1);
    service.folder.write("c.yaml", &other);
    assert_eq!(lines(service.poll()), ["[!] restart needed for server.listen, health.listen"]);
    service.folder.write("c.yaml", config(""));
    assert_eq!(lines(service.poll()), [""; 0]);
}

#[tokio::test]
async fn uses_certificates_that_moved_to_other_files() {
    let mut service = ReloadedService::start().await;
    let first = service.task.certificates.tls.current();
    service.folder.write("c.yaml", config("").replace("tls.crt", "new.crt"));
    assert_eq!(service.poll().file_status().len(), 1);
    std::fs::rename(service.folder.path().join("tls.crt"), service.folder.path().join("new.crt")).unwrap();
    assert_eq!(service.poll().file_status(), [""; 0]);
    assert!(!Arc::ptr_eq(&service.task.certificates.tls.current(), &first));
}

#[test]
fn reports_the_same_failure_once() {
    let folder = Folder::new();
    let (mut source, _) = CertificateFiles::load(certificates(&folder)).unwrap();
    assert!(source.poll().is_none());
    remove(&folder, "tls.key");
    let path = folder.path().join("tls.key");
    assert_eq!(
        source.poll().unwrap().unwrap_err().to_string(),
        format!(
            "server.tls.key: {}: cannot read server key: No such file or directory (os error 2), expected a PEM file",
            path.display()
        )
    );
    assert!(source.poll().is_none());
    folder.write("tls.key", "garbage");
    let error = source.poll().unwrap().unwrap_err();
    assert_eq!(
        error.to_string(),
        format!(
            "server.tls.key: {}: server key cannot be read: has no -----BEGIN line, expected a private key in PEM",
            path.display()
        )
    );
    assert!(source.poll().is_none());
}

#[tokio::test]
async fn refuses_a_configuration_whose_trust_directory_has_no_policy_document() {
    let mut service = ReloadedService::start().await;
    let elsewhere = config("").replace("directory: trust", "directory: elsewhere");
    service.folder.write("c.yaml", &elsewhere);
    let file_status = service.poll().file_status();
    assert!(
        file_status.len() == 1
            && file_status[0].starts_with("[!]config the trust policy and trust stores have 1 mistake"),
        "{file_status:?}"
    );
    assert_eq!(service.generation(), 1);
    // Nothing is kept of stores elsewhere, even of one with the same name.
    service.folder.write("elsewhere/trustpolicy.json", two("ca:main", "ca:second"));
    service.folder.write("elsewhere/truststore/x509/ca/main/a.pem", "garbage");
    service.folder.write("elsewhere/truststore/x509/ca/second/a.pem", Authority::root(CertSpec::root()).pem());
    let file_status = service.poll().policy_status();
    let broken = "trust store ca:main cannot be used: file \"a.pem\" has no -----BEGIN line, expected certificates in PEM \
         or DER";
    assert_eq!(file_status, [format!("[!] statement \"app\" is disabled: {broken}"), format!("[!] {broken}")]);
    assert_eq!(service.generation(), 2);
}

#[tokio::test]
async fn metadata_for_a_name_in_no_policy_disables_statements_at_the_start_and_is_refused_later() {
    let demand = |statement: &str, more: &str| {
        let demand = format!("{{requiredMetadata: [{{statement: {statement}, annotations: {{a: b}}}}]}}");
        config(&format!("verification: {demand}\n{more}"))
    };
    let mut service = ReloadedService::start_with(|folder| folder.write("c.yaml", demand("ap", ""))).await;
    let unknown = "verification.requiredMetadata: found statement \"ap\", which is not in the trust policy, expected one of \
         app";
    assert_eq!(service.policy_status()[1], format!("[!] statement \"app\" is disabled: {unknown}"));
    // Another key may change meanwhile, and another unknown name is refused.
    service.folder.write("c.yaml", demand("ap", "cache: {verdictLifetime: 1m}"));
    service.poll();
    assert_eq!(service.task.configuration.in_use.cache.verdict_lifetime.as_secs(), 60);
    service.folder.write("c.yaml", demand("pa", ""));
    let file_status = service.poll().file_status();
    assert!(file_status[0].starts_with("[!]config the trust policy and trust stores have 1 mistake; verification.requiredMetadata: found statement \"pa\""), "{file_status:?}");
    service.folder.write("c.yaml", demand("app", ""));
    service.poll();
    assert_eq!((service.file_status(), service.policy_status()), (Vec::new(), Vec::new()));
}

#[tokio::test]
async fn a_changed_configuration_keeps_the_former_content_of_unusable_files() {
    let mut service = ReloadedService::start().await;
    service.folder.write(MAIN, "garbage");
    service.folder.write("trust/trustpolicy.json", "{");
    service.poll();
    service.folder.write("c.yaml", config("cache: {verdictLifetime: 1m}"));
    service.poll();
    assert_eq!(service.task.configuration.in_use.cache.verdict_lifetime.as_secs(), 60);
    assert_eq!(service.generation(), 2);
    let current = service.task.policy.handle().current().unwrap();
    assert!(current.is_usable());
    assert_eq!(service.policy_status().len(), 2);
    assert!(service.file_status()[0].starts_with("[!]trust the trust policy and trust stores have 2 mistakes; "));
    assert_eq!(service.file_status().len(), 1);
}
