mod credentials;

use std::path::PathBuf;
use std::sync::Arc;

use countersign_testkit::pki::Authority;
use countersign_testkit::pki::CertSpec;

use super::*;
use crate::config::ConfigFile;
use crate::config::Purpose;
use crate::runtime::Service;
use crate::runtime::certificates::CertificateFiles;
use crate::server::tls::TlsError;
use crate::server::tls::TlsFiles;
use crate::telemetry::ErrorChain;

/// A directory that goes away with the value.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("countersign-reload-{}-{name}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn write(&self, name: &str, content: &str) {
        let path = self.0.join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, content).unwrap();
    }

    fn remove(&self, name: &str) {
        std::fs::remove_file(self.0.join(name)).unwrap();
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn policy(statement: &str) -> String {
    format!(
        r#"{{"version": "1.0", "trustPolicies": [{{"name": "{statement}", "registryScopes": ["*"],
        "signatureVerification": {{"level": "strict"}}, "trustStores": ["ca:main"], "trustedIdentities": ["*"]}}]}}"#
    )
}

fn config(more: &str) -> String {
    format!(
        "server: {{listen: '127.0.0.1:0', tls: {{certificate: tls.crt, key: tls.key, clientCa: ca.crt}}}}\n\
         health: {{listen: '127.0.0.1:0'}}\ntrust: {{directory: trust}}\n{more}"
    )
}

fn certificates(folder: &Folder) -> TlsFiles {
    let authority = Authority::root(CertSpec::root());
    let server = authority.issue(CertSpec::tls_server(&["localhost"]));
    folder.write("tls.crt", &server.pem());
    folder.write("tls.key", &server.key_pem());
    folder.write("ca.crt", &authority.pem());
    let path = |name: &str| folder.0.join(name);
    TlsFiles { certificate: path("tls.crt"), key: path("tls.key"), client_ca: path("ca.crt") }
}

/// A service that is not run: its looks are the test's.
struct ReloadedService {
    folder: Folder,
    task: ReloadTask,
}

impl ReloadedService {
    async fn start(name: &str) -> Self {
        Self::start_with(name, |_| {}).await
    }

    /// With files that `change` has changed before the start.
    async fn start_with(name: &str, change: impl FnOnce(&Folder)) -> Self {
        // A second installation is refused, and the first serves all tests of the process.
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let folder = Folder::new(name);
        certificates(&folder);
        folder.write("trust/trustpolicy.json", &policy("app"));
        folder.write("trust/truststore/x509/ca/main/a.pem", &Authority::root(CertSpec::root()).pem());
        folder.write("c.yaml", &config(""));
        change(&folder);
        let (file, config) = ConfigFile::load(&folder.0.join("c.yaml"), Purpose::Serve).unwrap();
        let task = Service::start(&config).await.unwrap().following(file, None).reload;
        Self { folder, task }
    }

    fn poll(&mut self) -> &mut Self {
        self.task.reload();
        self
    }

    /// The lines about files, without points in time: `+` in use, `!` and why not.
    fn file_status(&self) -> Vec<String> {
        let (_, text) = self.task.status.readiness().report(true);
        let files = text.lines().filter_map(|line| {
            let (mark, line) = line.split_once("files ")?;
            let (files, said) = line.split_once(": ")?;
            let why = said.split_once("was refused at ").map(|(_, why)| why.split_once(": ").unwrap().1);
            Some(format!("{}{files}{}", mark.trim(), why.map(|why| format!(" {why}")).unwrap_or_default()))
        });
        files.filter(|line| !line.starts_with("[+]")).collect()
    }

    /// The lines about conditions that do not hold and about parts of the trust, without points in time.
    fn policy_status(&self) -> Vec<String> {
        let (_, text) = self.task.status.readiness().report(true);
        let lines = text.lines().filter(|line| {
            let is_of_files = line.contains("] files ");
            // The port is not open here.
            !line.starts_with("[+]") && !is_of_files && !line.starts_with("[-] endpoints")
        });
        let folder = format!("{}/", self.folder.0.display());
        let untimed = |line: &str| match line.split_once("as it was before ") {
            Some((start, rest)) => format!("{start}as it was before{}", rest.get(20..).unwrap_or_default()),
            None => line.to_owned(),
        };
        lines.map(|line| untimed(line).replace(&folder, "")).collect()
    }

    fn generation(&self) -> u64 {
        self.task.policy.handle().current().unwrap().generation()
    }
}

#[tokio::test]
async fn nothing_changes_as_long_as_nothing_changes() {
    let mut service = ReloadedService::start("nothing").await;
    let engine = service.task.engine.server.handler_address();
    service.poll().poll();
    assert_eq!((service.generation(), service.file_status()), (1, Vec::new()));
    assert_eq!(service.task.engine.server.handler_address(), engine);
}

#[tokio::test]
async fn a_changed_configuration_is_a_new_generation_and_a_comment_is_none() {
    let mut service = ReloadedService::start("configuration").await;
    service.folder.write("c.yaml", &config("cache: {verdictLifetime: 1m}"));
    service.poll();
    assert_eq!(service.task.configuration.in_use.cache.verdict_lifetime.as_secs(), 60);
    assert_eq!((service.generation(), service.file_status()), (2, Vec::new()));
    service.folder.write("c.yaml", &config("cache: {verdictLifetime: 1m} # for a minute"));
    service.poll();
    assert_eq!(service.generation(), 2);
}

#[tokio::test]
async fn a_configuration_with_mistakes_or_bad_files_changes_nothing_at_all() {
    let mut service = ReloadedService::start("mistakes").await;
    let engine = service.task.engine.server.handler_address();
    service.folder.write("c.yaml", &config("cash: {}"));
    let file_status = service.poll().file_status();
    assert_eq!(file_status.len(), 1);
    assert!(file_status[0].contains("cash: found an unknown key"), "{file_status:?}");
    let registry = "registries: [{host: a.example, credentials: {dockerConfig: login.json}}]";
    service.folder.write("c.yaml", &config(registry));
    let file_status = service.poll().file_status();
    assert!(file_status[0].starts_with("[!]config the files of the registries have 1 mistake"), "{file_status:?}");
    assert_eq!((service.generation(), file_status.len()), (1, 1));
    assert_eq!(service.task.engine.server.handler_address(), engine);
    // What was missing comes, and the same configuration is good.
    service.folder.write("login.json", r#"{"auths": {"a.example": {"auth": "YTpi"}}}"#);
    assert_eq!(service.poll().file_status(), [""; 0]);
    assert_eq!(service.generation(), 2);
    assert_eq!(service.task.configuration.in_use.registries.len(), 1);
}

#[tokio::test]
async fn the_old_file_put_back_ends_the_trouble() {
    let mut service = ReloadedService::start("back").await;
    for (name, content) in [("c.yaml", config("")), ("trust/trustpolicy.json", policy("app"))] {
        service.folder.write(name, "{");
        assert_eq!(service.poll().file_status().len(), 1, "{name}");
        service.folder.write(name, &content);
        assert_eq!(service.poll().file_status(), [""; 0], "{name}");
    }
    service.folder.remove("c.yaml");
    let file_status = service.poll().file_status();
    assert!(file_status[0].starts_with("[!]config cannot read the configuration "), "{file_status:?}");
}

#[tokio::test]
async fn a_statement_may_be_renamed_in_both_files_in_either_order() {
    let demand = |statement| {
        config(&format!("verification: {{requiredMetadata: [{{statement: {statement}, annotations: {{a: b}}}}]}}"))
    };
    let mut service = ReloadedService::start("renamed").await;
    service.folder.write("c.yaml", &demand("app"));
    assert_eq!(service.poll().file_status(), [""; 0]);
    service.folder.write("c.yaml", &demand("prod"));
    assert_eq!(service.poll().file_status().len(), 1);
    service.folder.write("trust/trustpolicy.json", &policy("prod"));
    assert_eq!(service.poll().file_status(), [""; 0]);
    service.folder.write("trust/trustpolicy.json", &policy("live"));
    assert_eq!(service.poll().file_status().len(), 1);
    service.folder.write("c.yaml", &demand("live"));
    assert_eq!(service.poll().file_status(), [""; 0]);
}

#[tokio::test]
async fn what_cannot_change_is_named_until_it_is_put_back() {
    let mut service = ReloadedService::start("restart").await;
    let lines = |service: &ReloadedService| {
        let (_, text) = service.task.status.readiness().report(true);
        text.lines().filter(|line| line.contains("restart")).map(str::to_owned).collect::<Vec<_>>()
    };
    let other = config("").replacen("127.0.0.1:0", "127.0.0.1:1", 1).replacen("127.0.0.1:0", "127.0.0.1:2", 1);
    service.folder.write("c.yaml", &other);
    assert_eq!(lines(service.poll()), ["[!] restart needed for server.listen, health.listen"]);
    service.folder.write("c.yaml", &config(""));
    assert_eq!(lines(service.poll()), [""; 0]);
}

#[tokio::test]
async fn certificates_may_move_to_other_files() {
    let mut service = ReloadedService::start("moved").await;
    let first = service.task.certificates.tls.current();
    service.folder.write("c.yaml", &config("").replace("tls.crt", "new.crt"));
    assert_eq!(service.poll().file_status().len(), 1);
    std::fs::rename(service.folder.0.join("tls.crt"), service.folder.0.join("new.crt")).unwrap();
    assert_eq!(service.poll().file_status(), [""; 0]);
    assert!(!Arc::ptr_eq(&service.task.certificates.tls.current(), &first));
}

#[test]
fn the_same_trouble_is_told_once() {
    let folder = Folder::new("once");
    let (mut source, _) = CertificateFiles::load(certificates(&folder)).unwrap();
    assert!(source.poll().is_none());
    folder.remove("tls.key");
    assert!(matches!(source.poll(), Some(Err(TlsError::Read { what: "server key", .. }))));
    assert!(source.poll().is_none());
    folder.write("tls.key", "garbage");
    let error = source.poll().unwrap().unwrap_err();
    let path = folder.0.join("tls.key");
    assert_eq!(
        ErrorChain(&error).to_string(),
        format!("{}: server key cannot be read: has no -----BEGIN line, expected a private key in PEM", path.display())
    );
    assert!(source.poll().is_none());
}

#[tokio::test]
async fn broken_credentials_leave_the_good_ones_in_use() {
    let mut service = ReloadedService::start("credentials").await;
    service.folder.write("user", "alice\n");
    service.folder.write("password", "first\n");
    let registry = "registries: [{host: a.example, credentials: {usernameFile: user, passwordFile: password}}]";
    service.folder.write("c.yaml", &config(registry));
    assert_eq!(service.poll().file_status(), [""; 0]);
    let engine = service.task.engine.server.handler_address();
    service.folder.remove("user");
    service.folder.write("password", "");
    let file_status = service.poll().file_status();
    assert!(file_status[0].starts_with("[!]registries the files of the registries have 2 mistakes"), "{file_status:?}");
    assert_eq!(service.task.engine.server.handler_address(), engine);
    service.folder.write("user", "alice\n");
    service.folder.write("password", "second\n");
    assert_eq!(service.poll().file_status(), [""; 0]);
    // The engine stays, with its caches.
    assert_eq!(service.task.engine.server.handler_address(), engine);
}

/// A policy with the statements `app` for one repository, `other` for another one and the store that each names.
fn two(app: &str, other: &str) -> String {
    let statement = |name: &str, store: &str| {
        format!(
            r#"{{"name": "{name}", "registryScopes": ["r.example/{name}"], "signatureVerification": {{"level": "strict"}},
            "trustStores": ["{store}"], "trustedIdentities": ["*"]}}"#
        )
    };
    let statements = [statement("app", app), statement("other", other)].join(", ");
    format!(r#"{{"version": "1.0", "trustPolicies": [{statements}]}}"#)
}

const MAIN: &str = "trust/truststore/x509/ca/main/a.pem";

const DISABLED: [&str; 2] = [
    "[!] statement \"other\" is disabled: trust store ca:absent cannot be used: found no directory \
     trust/truststore/x509/ca/absent, expected one with certificate files",
    "[!] trust store ca:absent cannot be used: found no directory trust/truststore/x509/ca/absent, expected one with \
     certificate files",
];

#[tokio::test]
async fn a_service_with_a_broken_part_starts_is_ready_and_names_the_part() {
    let mut service = ReloadedService::start_with("part", |folder| {
        folder.write("trust/trustpolicy.json", &two("ca:main", "ca:absent"));
    })
    .await;
    assert_eq!(service.policy_status(), DISABLED);
    let files = service.file_status();
    assert!(files[0].starts_with("[!]trust the trust policy and trust stores have 1 mistake; trust store ca:absent of statement \"other\" is missing"), "{files:?}");
    assert_eq!(files.len(), 1);
    // Another look at the same files is no news.
    assert_eq!((service.poll().generation(), service.policy_status()), (1, DISABLED.map(str::to_owned).to_vec()));
    service.folder.write("trust/truststore/x509/ca/absent/a.pem", &Authority::root(CertSpec::root()).pem());
    service.poll();
    assert_eq!((service.generation(), service.file_status(), service.policy_status()), (2, Vec::new(), Vec::new()));
}

#[tokio::test]
async fn a_service_without_a_policy_document_starts_and_is_ready_once_there_is_one() {
    for (document, why) in [
        (Some("{"), "trust/trustpolicy.json: trust policy: not one JSON document: "),
        (None, "trust has neither trustpolicy.oci.json nor trustpolicy.json, expected a trust policy document"),
    ] {
        let mut service = ReloadedService::start_with("document", |folder| {
            folder.remove("trust/trustpolicy.json");
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
        service.folder.write("c.yaml", &config("cache: {verdictLifetime: 1m}"));
        service.poll();
        assert_eq!(service.task.configuration.in_use.cache.verdict_lifetime.as_secs(), 60);
        assert_eq!((service.file_status(), service.policy_status().len()), (Vec::new(), 1));
        service.folder.write("trust/trustpolicy.json", &policy("app"));
        service.poll();
        assert_eq!((service.generation(), service.file_status(), service.policy_status()), (1, Vec::new(), Vec::new()));
    }
}

#[tokio::test]
async fn parts_that_break_while_the_service_runs_are_named_until_they_are_mended() {
    let mut service = ReloadedService::start("parts").await;
    let good = std::fs::read_to_string(service.folder.0.join(MAIN)).unwrap();
    service.folder.write(MAIN, "garbage");
    let kept = "[!] trust store ca:main is in use as it was before: file \"a.pem\" has no -----BEGIN line, \
                expected certificates in PEM or DER";
    assert_eq!(service.poll().policy_status(), [kept]);
    assert!(service.file_status()[0].starts_with("[!]trust the trust policy and trust stores have 1 mistake; "));
    assert_eq!(service.generation(), 1);
    // What is in use is the same, and so is the mistake in the store; the document has one now, too.
    service.folder.write("trust/trustpolicy.json", "{");
    assert_eq!(service.poll().policy_status(), ["[!] the trust policy document is in use as it was before", kept]);
    assert!(service.file_status()[0].starts_with("[!]trust the trust policy and trust stores have 2 mistakes; "));
    assert_eq!(service.generation(), 1);
    service.folder.write("trust/trustpolicy.json", &two("ca:main", "ca:absent"));
    assert_eq!(service.poll().policy_status(), [DISABLED[0], DISABLED[1], kept]);
    assert_eq!(service.generation(), 2);
    service.folder.write(MAIN, &good);
    assert_eq!(service.poll().policy_status(), DISABLED);
    // What is in use is what was in use all the time.
    assert_eq!(service.generation(), 2);
    service.folder.write("trust/trustpolicy.json", &policy("app"));
    service.poll();
    assert_eq!((service.file_status(), service.policy_status()), (Vec::new(), Vec::new()));
}

#[tokio::test]
async fn the_service_is_not_ready_while_no_statement_can_be_used() {
    let mut service = ReloadedService::start("unusable").await;
    let good = std::fs::read_to_string(service.folder.0.join(MAIN)).unwrap();
    service.folder.remove(MAIN);
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

#[tokio::test]
async fn a_changed_configuration_is_used_with_what_is_kept_of_the_trust() {
    let mut service = ReloadedService::start("kept").await;
    service.folder.write(MAIN, "garbage");
    service.folder.write("trust/trustpolicy.json", "{");
    service.poll();
    service.folder.write("c.yaml", &config("cache: {verdictLifetime: 1m}"));
    service.poll();
    assert_eq!(service.task.configuration.in_use.cache.verdict_lifetime.as_secs(), 60);
    assert_eq!(service.generation(), 2);
    let current = service.task.policy.handle().current().unwrap();
    assert!(current.is_usable());
    assert_eq!(service.policy_status().len(), 2);
    assert!(service.file_status()[0].starts_with("[!]trust the trust policy and trust stores have 2 mistakes; "));
    assert_eq!(service.file_status().len(), 1);
}

#[tokio::test]
async fn a_configuration_that_names_another_trust_must_lead_to_a_policy_document() {
    let mut service = ReloadedService::start("elsewhere").await;
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
    service.folder.write("elsewhere/trustpolicy.json", &two("ca:main", "ca:second"));
    service.folder.write("elsewhere/truststore/x509/ca/main/a.pem", "garbage");
    service.folder.write("elsewhere/truststore/x509/ca/second/a.pem", &Authority::root(CertSpec::root()).pem());
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
    let mut service = ReloadedService::start_with("metadata", |folder| folder.write("c.yaml", &demand("ap", ""))).await;
    let unknown = "verification.requiredMetadata: found statement \"ap\", which is not in the trust policy, expected one of \
         app";
    assert_eq!(service.policy_status()[1], format!("[!] statement \"app\" is disabled: {unknown}"));
    // Another key may change meanwhile, and another unknown name is refused.
    service.folder.write("c.yaml", &demand("ap", "cache: {verdictLifetime: 1m}"));
    service.poll();
    assert_eq!(service.task.configuration.in_use.cache.verdict_lifetime.as_secs(), 60);
    service.folder.write("c.yaml", &demand("pa", ""));
    let file_status = service.poll().file_status();
    assert!(file_status[0].starts_with("[!]config the trust policy and trust stores have 1 mistake; verification.requiredMetadata: found statement \"pa\""), "{file_status:?}");
    service.folder.write("c.yaml", &demand("app", ""));
    service.poll();
    assert_eq!((service.file_status(), service.policy_status()), (Vec::new(), Vec::new()));
}

#[tokio::test]
async fn a_changed_login_or_authority_of_a_proxy_is_taken_into_use() {
    let mut service = ReloadedService::start("proxy").await;
    service.folder.write("user", "alice\n");
    service.folder.write("password", "first\n");
    service.folder.write("proxy.pem", &Authority::root(CertSpec::root()).pem());
    let proxy = "{url: 'https://proxy.example:3128', usernameFile: user, passwordFile: password, ca: proxy.pem}";
    let registry = format!("registries: [{{host: a.example, proxy: {proxy}}}]");
    service.folder.write("c.yaml", &config(&registry));
    assert_eq!(service.poll().file_status(), [""; 0]);
    for (name, content) in [
        ("user", "bob\n".to_owned()),
        ("password", "second\n".to_owned()),
        ("proxy.pem", Authority::root(CertSpec::root().common_name("another")).pem()),
    ] {
        let engine = service.task.engine.server.handler_address();
        service.folder.write(name, &content);
        assert_eq!(service.poll().file_status(), [""; 0], "{name}");
        assert_ne!(service.task.engine.server.handler_address(), engine, "{name}");
    }
    let engine = service.task.engine.server.handler_address();
    service.folder.write("proxy.pem", "nothing");
    assert_eq!(service.poll().file_status().len(), 1);
    assert_eq!(service.task.engine.server.handler_address(), engine);
    // The choice itself is part of the configuration.
    service.folder.write("c.yaml", &config("registries: [{host: a.example, proxy: none}]"));
    assert_eq!(service.poll().file_status(), [""; 0]);
    assert_ne!(service.task.engine.server.handler_address(), engine);
}

impl ReloadedService {
    /// The lines about the files of registries, without the folder's path.
    fn registry_status(&self) -> Vec<String> {
        let (_, text) = self.task.status.readiness().report(true);
        let lines = text.lines().filter(|line| line.starts_with("[!] ") && line.contains("registry "));
        let folder = format!("{}/", self.folder.0.display());
        lines.filter(|line| !line.contains("] files ")).map(|line| line.replace(&folder, "")).collect()
    }
}

#[tokio::test]
async fn a_mistake_in_a_pull_secret_disables_its_entry_and_the_rest_is_taken_into_use() {
    let mut service = ReloadedService::start("entries").await;
    service.folder.write("secret.json", r#"{"auths": {"a.example": {"auth": "YTpi"}}}"#);
    service
        .folder
        .write("c.yaml", &config("registries: [{host: a.example, credentials: {dockerConfig: secret.json}}]"));
    assert_eq!((service.poll().file_status(), service.registry_status()), (vec![], vec![]));
    let engine = service.task.engine.server.handler_address();
    let broken = r#"{"auths": {"a.example": {"auth": "Yzpk"}, "b.example": {"auth": "!"}}, "credsStore": "desktop"}"#;
    service.folder.write("secret.json", broken);
    let file_status = service.poll().file_status();
    assert!(
        file_status[0].starts_with("[!]registries the files of the registries have 1 mistake; "),
        "{file_status:?}"
    );
    assert_eq!(
        service.registry_status(),
        [
            "[!] an entry of secret.json (registry a.example) is disabled, so that its images are inconclusive: \
             entry \"b.example\" has an auth that is not base64, expected the base64 of name:password in the \
             alphabet with + and /",
            "[!] registry a.example: secret.json: credsStore names \"desktop\": no helper is ever started; \
             registries without a credential in auths are asked anonymously",
        ]
    );
    assert_eq!(service.task.engine.server.handler_address(), engine);
    service.folder.write("secret.json", r#"{"auths": {"a.example": {"auth": "Yzpk"}}}"#);
    assert_eq!((service.poll().file_status(), service.registry_status()), (vec![], vec![]));
}

#[tokio::test]
async fn a_service_starts_without_a_registrys_files_and_follows_them() {
    let mut service = ReloadedService::start("disabled").await;
    let registries = "registries: [{host: a.example, ca: ca.pem}, {host: b.example, credentials: {usernameFile: user, passwordFile: password}}]";
    service.folder.write("c.yaml", &config(registries));
    let (file, config) = ConfigFile::load(&service.folder.0.join("c.yaml"), Purpose::Serve).unwrap();
    service.task = Service::start(&config).await.unwrap().following(file, None).reload;
    let missing = "cannot be read: No such file or directory (os error 2)";
    let disabled = [
        format!("[!] registry a.example is disabled: ca.pem: {missing}"),
        format!("[!] registry b.example is disabled: user: {missing}"),
        format!("[!] registry b.example is disabled: password: {missing}"),
    ];
    assert_eq!(service.registry_status(), disabled);
    // A configuration that changes something else is taken into use all the same.
    service.folder.write("c.yaml", &self::config(&format!("{registries}\ncache: {{verdictLifetime: 1m}}")));
    service.poll();
    assert_eq!(service.task.configuration.in_use.cache.verdict_lifetime.as_secs(), 60);
    assert_eq!(service.registry_status(), disabled);
    // One that names a further file which is not there is not.
    service.folder.write("c.yaml", &self::config(&registries.replace("ca.pem", "other.pem")));
    let file_status = service.poll().file_status();
    assert!(file_status[0].starts_with("[!]config the files of the registries have 1 mistake"), "{file_status:?}");
    service.folder.write("c.yaml", &self::config(registries));
    service.folder.write("ca.pem", &Authority::root(CertSpec::root()).pem());
    service.folder.write("user", "alice");
    service.folder.write("password", "secret");
    assert_eq!((service.poll().file_status(), service.registry_status()), (vec![], vec![]));
}
