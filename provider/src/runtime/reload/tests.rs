mod blocked;
mod configuration;
mod credentials;
mod fetched;
mod findings;
#[cfg(feature = "azure")]
mod key_vault;
mod policy;
mod registries;

use std::sync::Arc;

use countersign_testkit::folder::Folder;
use countersign_testkit::pki::Authority;
use countersign_testkit::pki::CertSpec;

use super::*;
use crate::config::ConfigFile;
use crate::config::Purpose;
use crate::runtime::Service;
use crate::runtime::certificates::CertificateFiles;
use crate::server::tls::TlsFiles;

fn remove(folder: &Folder, name: &str) {
    std::fs::remove_file(folder.path().join(name)).unwrap();
}

fn policy(statement: &str) -> String {
    format!(
        r#"{{"version": "1.0", "trustPolicies": [{{"name": "{statement}", "registryScopes": ["*"],
        "signatureVerification": {{"level": "strict"}}, "trustStores": ["ca:main"], "trustedIdentities": ["*"]}}]}}"#
    )
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

fn config(more: &str) -> String {
    format!(
        "server: {{listen: '127.0.0.1:0', tls: {{certificate: tls.crt, key: tls.key, clientCa: ca.crt}}}}\n\
         health: {{listen: '127.0.0.1:0'}}\ntrust: {{directory: trust}}\n{more}"
    )
}

fn certificates(folder: &Folder) -> TlsFiles {
    let authority = Authority::root(CertSpec::root());
    let server = authority.issue(CertSpec::tls_server(&["localhost"]));
    folder.write("tls.crt", server.pem());
    folder.write("tls.key", server.key_pem());
    folder.write("ca.crt", authority.pem());
    let path = |name: &str| folder.path().join(name);
    TlsFiles { certificate: path("tls.crt"), key: path("tls.key"), client_ca: path("ca.crt") }
}

/// A service that does not run: the test polls its files.
struct ReloadedService {
    folder: Folder,
    task: ReloadTask,
}

impl ReloadedService {
    async fn start() -> Self {
        Self::start_with(|_| {}).await
    }

    /// With files that `change` has changed before the start.
    async fn start_with(change: impl FnOnce(&Folder)) -> Self {
        // A second installation is refused, and the first serves all tests of the process.
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let folder = Folder::new();
        certificates(&folder);
        folder.write("trust/trustpolicy.json", policy("app"));
        folder.write("trust/truststore/x509/ca/main/a.pem", Authority::root(CertSpec::root()).pem());
        folder.write("c.yaml", config(""));
        change(&folder);
        let (file, config) = ConfigFile::load(&folder.path().join("c.yaml"), Purpose::Serve).unwrap();
        let task = Service::start(&config).await.unwrap().following(file, None).reload;
        Self { folder, task }
    }

    fn poll(&mut self) -> &mut Self {
        // Each component once, as the tasks do.
        self.task.reload_configuration();
        self.task.policy.poll();
        self.task.reload_certificates();
        self.task.reload_registries();
        self
    }

    /// The lines about files that are not in use, without times.
    fn file_status(&self) -> Vec<String> {
        let (_, text) = self.task.status.readiness().report(true);
        let files = text.lines().filter_map(|line| {
            let (mark, line) = line.split_once("files ")?;
            let (files, status) = line.split_once(": ")?;
            let why = status.split_once("was refused at ").map(|(_, why)| why.split_once(": ").unwrap().1);
            Some(format!("{}{files}{}", mark.trim(), why.map(|why| format!(" {why}")).unwrap_or_default()))
        });
        files.filter(|line| !line.starts_with("[+]")).collect()
    }

    /// The lines about conditions that do not hold and about parts of the policy, without times.
    fn policy_status(&self) -> Vec<String> {
        let (_, text) = self.task.status.readiness().report(true);
        let lines = text.lines().filter(|line| {
            let is_of_files = line.contains("] files ");
            // The port is not open here.
            !line.starts_with("[+]") && !is_of_files && !line.starts_with("[-] endpoints")
        });
        let folder = format!("{}/", self.folder.path().display());
        let untimed = |line: &str| match line.split_once("as it was before ") {
            Some((start, rest)) => format!("{start}as it was before{}", rest.get(20..).unwrap_or_default()),
            None => line.to_owned(),
        };
        lines.map(|line| untimed(line).replace(&folder, "")).collect()
    }

    fn generation(&self) -> u64 {
        self.task.policy.handle().current().unwrap().generation()
    }

    /// The lines about the files of registries, without the folder's path.
    fn registry_status(&self) -> Vec<String> {
        let (_, text) = self.task.status.readiness().report(true);
        let lines = text.lines().filter(|line| line.starts_with("[!] ") && line.contains("registry "));
        let folder = format!("{}/", self.folder.path().display());
        lines.filter(|line| !line.contains("] files ")).map(|line| line.replace(&folder, "")).collect()
    }
}
