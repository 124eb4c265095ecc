//! What `registries` names: credentials and certificate authorities. Nothing of a credential is ever shown.

use std::path::Path;
use std::sync::Arc;

use countersign_core::name::Repository;
use countersign_registry::Registries;
use countersign_registry::RegistrySettings;
use countersign_registry::SettingsError;
use countersign_registry::Unlisted;
use countersign_registry::Unobserved;

use super::Findings;
use crate::config::Config;
use crate::config::RegistryFileMistake;
use crate::trust_source::ModeOutline;

pub(super) fn check(file: &Path, config: &Config, findings: &mut Findings) {
    match config.unlisted_registries {
        Unlisted::Anonymous => {}
        Unlisted::Refuse => refused(config, findings),
    }
    // One by one: the client stops at the first mistake.
    for entry in &config.registries {
        one(file, &Config { registries: vec![entry.clone()], ..config.clone() }, findings);
    }
    let none = Config { registries: Vec::new(), ..config.clone() };
    let system_roots = none.registry_settings().ok().and_then(|settings| client(settings).ok());
    if system_roots.is_some_and(|registries| registries.system_roots() == 0) {
        let message =
            "this system has no certificate authorities: only registries with `ca` or `plainHttp` can be asked";
        findings.warn("no-system-authorities", message);
    }
}

fn client(settings: RegistrySettings) -> Result<Registries, SettingsError> {
    Registries::new(settings, Arc::new(Unobserved))
}

fn one(file: &Path, config: &Config, findings: &mut Findings) {
    let settings = match config.registry_settings() {
        Ok(settings) => settings,
        Err(error) => {
            for mistake in error.mistakes() {
                let (RegistryFileMistake::Unreadable { path, detail: _ }
                | RegistryFileMistake::TooLarge { path }
                | RegistryFileMistake::Empty { path }
                | RegistryFileMistake::NotUtf8 { path }
                | RegistryFileMistake::DockerConfig { path, error: _ }
                | RegistryFileMistake::Authorities { path, error: _ }) = mistake;
                let message = mistake.to_string();
                let message = message.strip_prefix(&path.display().to_string()).unwrap_or(&message);
                findings.fault(path, "", message.trim_start_matches([':', ' ']));
            }
            return;
        }
    };
    if let Err(error) = client(settings) {
        findings.fault(file, "registries", error);
    }
}

fn verifies(mode: &ModeOutline) -> bool {
    match mode {
        ModeOutline::Verify(_) => true,
        ModeOutline::Skip | ModeOutline::Disabled(_) => false,
    }
}

/// Scopes of statements that verify, at registries that are not to be talked to.
fn refused(config: &Config, findings: &mut Findings) {
    let is_listed = |repository: &Repository| config.registries.iter().any(|entry| entry.host.is_for(repository));
    let mut messages = Vec::new();
    for statement in findings.statements.iter().flatten().filter(|statement| verifies(&statement.mode)) {
        for scope in statement.scopes.iter().flatten() {
            if scope.parse().is_ok_and(|repository| !is_listed(&repository)) {
                messages.push(format!(
                    "statement {:?} has the scope {scope:?}, whose registry is not among the registries, and unlistedRegistries \
                     is refuse: its images are inconclusive",
                    statement.name
                ));
            }
        }
    }
    messages.into_iter().for_each(|message| findings.warn("registry-refused", message));
}
