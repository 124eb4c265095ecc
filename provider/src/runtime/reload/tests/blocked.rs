//! Files that cannot be opened, and polls that do not end.

use std::sync::Condvar;
use std::sync::Mutex;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;
use std::time::Duration;

use rustix::fs::CWD;
use rustix::fs::Mode;
use rustix::fs::mkfifoat;

use super::*;
use crate::clock;
use crate::config::Config;
use crate::runtime::watchdog::Late;
use crate::telemetry::metrics::Component;

/// Replaces a file by a pipe without a writer. Opening it would wait for one.
fn pipe(folder: &Folder, name: &str) {
    remove(folder, name);
    mkfifoat(CWD, folder.path().join(name), Mode::RUSR | Mode::WUSR).unwrap();
}

/// A configuration with a file of every kind that entries of `registries` may name.
fn with_registry_files() -> String {
    config(
        "registries:\n\
         - {host: a.example, ca: registry-ca.pem, credentials: {usernameFile: user, passwordFile: password}}\n\
         - {host: b.example, credentials: {dockerConfig: docker.json}}\n",
    )
}

async fn service() -> ReloadedService {
    ReloadedService::start_with(|folder| {
        folder.write("registry-ca.pem", Authority::root(CertSpec::root()).pem());
        folder.write("user", "alice");
        folder.write("password", "secret");
        folder.write("docker.json", r#"{"auths": {"b.example": {"username": "u", "password": "p"}}}"#);
        folder.write("c.yaml", with_registry_files());
    })
    .await
}

#[tokio::test]
async fn a_pipe_in_place_of_any_file_is_refused_and_does_not_keep_a_removed_root_trusted() {
    for (file, component) in [
        ("c.yaml", "config"),
        ("tls.key", "tls"),
        ("tls.crt", "tls"),
        ("ca.crt", "tls"),
        ("registry-ca.pem", "registries"),
        ("user", "registries"),
        ("password", "registries"),
        ("docker.json", "registries"),
        ("trust/trustpolicy.json", "trust"),
    ] {
        let mut service = service().await;
        assert_eq!(service.poll().file_status(), Vec::<String>::new(), "{file}");
        pipe(&service.folder, file);
        let status = service.poll().file_status();
        assert_eq!(status.len(), 1, "{file}: {status:?}");
        assert!(status[0].starts_with(&format!("[!]{component} ")), "{file}: {status:?}");
        assert!(status[0].contains("expected a regular file"), "{file}: {status:?}");
        // The only root of the store is removed.
        assert_eq!(service.generation(), 1, "{file}");
        remove(&service.folder, MAIN);
        service.poll();
        assert_eq!(service.generation(), 2, "{file}");
        assert!(
            service.policy_status().iter().any(|line| line.starts_with("[!] statement \"app\" is disabled: ")),
            "{file}: {:?}",
            service.policy_status()
        );
    }
}

/// Whether the file system responds again.
static RESPONDS: (Mutex<bool>, Condvar) = (Mutex::new(false), Condvar::new());

/// Whether a poll waits for it.
static BLOCKED: AtomicBool = AtomicBool::new(false);

/// A file system that does not respond.
fn wait_until_it_responds(_: &mut ReloadTask) {
    let (responds, changed) = &RESPONDS;
    BLOCKED.store(true, Ordering::SeqCst);
    let _responds = changed.wait_while(responds.lock().unwrap(), |responds| !*responds).unwrap();
}

/// The file system responds from now on, also if the test has failed: the end of the test waits for the poll.
struct Responding;

impl Drop for Responding {
    fn drop(&mut self) {
        *RESPONDS.0.lock().unwrap() = true;
        RESPONDS.1.notify_all();
    }
}

/// Waits until files were polled with this result.
async fn until(is_so: impl Fn() -> bool) {
    let waiting = async {
        while !is_so() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), waiting).await.unwrap();
}

#[tokio::test]
async fn the_trust_policy_is_polled_and_the_finding_is_published_while_another_file_cannot_be_read() {
    let ReloadedService { folder, task } = ReloadedService::start_with(|folder| {
        folder.write("c.yaml", config("").replace("directory: trust", "directory: trust, reloadInterval: 100ms"));
    })
    .await;
    let (policy, polls) = (task.policy.clone(), task.polls.clone());
    let generation = || policy.handle().current().unwrap().generation();
    let is_overdue =
        |files: &str| polls.readiness().report(true).1.contains(&format!("[!] files {files}: not read since "));
    let in_turn: [InTurn; 3] = [
        (Component::Config, ReloadTask::reload_configuration),
        (Component::Tls, wait_until_it_responds),
        (Component::Registries, ReloadTask::reload_registries),
    ];
    let responding = Responding;
    let running = tokio::spawn(task.run_with(in_turn));
    until(|| BLOCKED.load(Ordering::SeqCst)).await;
    // The only root is removed while the other files are blocked.
    let root = std::fs::read(folder.path().join(MAIN)).unwrap();
    remove(&folder, MAIN);
    until(|| generation() == 2).await;
    assert!(!is_overdue("tls"));
    tokio::time::pause();
    tokio::time::advance(Duration::from_secs(31)).await;
    tokio::time::resume();
    until(|| is_overdue("tls")).await;
    assert!(!is_overdue("config") && !is_overdue("registries"));
    drop(responding);
    // All files are followed again.
    until(|| !is_overdue("tls")).await;
    folder.write(MAIN, root);
    folder.write("c.yaml", "not a configuration");
    until(|| generation() == 3 && config_refused(&polls)).await;
    running.abort();
}

fn config_refused(polls: &PollStatus) -> bool {
    let (_, text) = polls.readiness().report(true);
    text.lines().any(|line| line.starts_with("[!] files config: ") && line.contains("was refused at"))
}

#[tokio::test]
async fn a_configuration_that_was_prepared_before_the_trust_policy_changed_is_prepared_again() {
    let mut service = service().await;
    service.folder.write("c.yaml", format!("{}cache: {{verdictLifetime: 1m}}\n", with_registry_files()));
    let config = Config::load(&service.folder.path().join("c.yaml"), Purpose::Serve).unwrap();
    let before = service.task.configuration.in_use.cache.verdict_lifetime;
    let prepared = service.task.prepare(&config).unwrap();
    // A root is removed while the files of the new configuration are read.
    remove(&service.folder, MAIN);
    service.task.policy.poll();
    assert!(!service.task.take(config, prepared));
    assert_eq!(service.generation(), 2);
    assert_eq!(service.task.configuration.in_use.cache.verdict_lifetime, before);
    service.poll();
    assert_eq!(service.task.configuration.in_use.cache.verdict_lifetime, Duration::from_secs(60));
    assert_eq!(service.generation(), 3);
    assert!(!service.task.policy.handle().current().unwrap().is_usable());
}

#[tokio::test]
async fn a_poll_of_a_source_that_a_changed_configuration_replaced_has_no_effect() {
    let mut service = service().await;
    let mut former = service.task.policy.source();
    service.folder.write("other/trustpolicy.json", policy("other"));
    service.folder.write("other/truststore/x509/ca/main/a.pem", Authority::root(CertSpec::root()).pem());
    service.folder.write("c.yaml", config("").replace("directory: trust", "directory: other"));
    service.poll();
    let statement = |service: &ReloadedService| {
        let policy = service.task.policy.handle().current().unwrap();
        policy.statements()[0].name().to_owned()
    };
    assert_eq!(statement(&service), "other");
    remove(&service.folder, MAIN);
    let _ = former.poll(clock::now());
    assert_eq!((statement(&service), service.generation()), ("other".to_owned(), 2));
    assert_eq!(service.policy_status(), Vec::<String>::new());
}

#[tokio::test]
async fn a_trust_policy_that_cannot_be_read_for_five_minutes_ends_readiness_until_it_can() {
    let service = service().await;
    let readiness = || {
        let (_, text) = service.task.polls.readiness().report(true);
        let lines = text.lines().filter(|line| line.contains("trust: ") && !line.starts_with("[+]"));
        lines.map(|line| line.split(" since ").next().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(readiness(), Vec::<String>::new());
    service.task.polls.late(Component::Trust, Late::Overdue);
    assert_eq!(readiness(), ["[!] files trust: not read"]);
    service.task.polls.late(Component::Trust, Late::Unreadable);
    assert_eq!(
        readiness(),
        ["[-] trust: the trust policy and the trust stores could not be read", "[!] files trust: not read"]
    );
    service.task.polls.finished(Component::Trust);
    assert_eq!(readiness(), Vec::<String>::new());
    // Other files do not end readiness: what was loaded of them stays right.
    for component in [Component::Config, Component::Tls, Component::Registries] {
        service.task.polls.late(component, Late::Overdue);
        service.task.polls.late(component, Late::Unreadable);
        assert_eq!(readiness(), Vec::<String>::new(), "{component:?}");
    }
}
