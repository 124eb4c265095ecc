//! Publishes the status of every component: one log line per change, gauges, and lines of `/readyz?verbose`.

mod loaded;
mod policy;
mod polls;

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;

use countersign_core::codec::mismatch::Mismatched as _;
use countersign_core::policy::StoreKind;
use countersign_core::time::UnixTime;

use self::policy::PolicyStatus;
pub(super) use self::polls::PollStatus;
use super::environment_warning::EnvironmentWarning;
use super::environment_warnings::environment_warnings;
use crate::clock;
use crate::config::Aws;
use crate::config::Config;
use crate::config::FindingKind;
use crate::config::RegistryFiles;
use crate::config::RegistryFinding;
use crate::config::TrustLocation;
use crate::policy_source::FetchStatus;
use crate::policy_source::FetchedStores;
use crate::policy_source::LoadedPolicy;
use crate::policy_source::PolicyMistake;
use crate::policy_source::PolicySourceError;
use crate::server::health::Condition;
use crate::server::health::Newer;
use crate::server::health::Readiness;
use crate::server::tls::LoadedTls;
use crate::telemetry::log::Finding;
use crate::telemetry::log::LoggedFindings;
use crate::telemetry::log::mistakes_by_file;
use crate::telemetry::metrics::Certificate;
use crate::telemetry::metrics::Component;
use crate::telemetry::metrics::Metrics;
use crate::telemetry::metrics::StoreFetch;

/// The warning about a system without certificate authorities: its kind and its sentence.
pub(crate) const NO_SYSTEM_AUTHORITIES: (&str, &str) = (
    "no-system-authorities",
    "this system has no CA certificates; only registries with `ca` or `plainHttp` can be used",
);

/// Publishes which content of components is in use. Each component has its status in one value of this type.
pub(super) struct ReloadStatus {
    metrics: Arc<Metrics>,
    readiness: Arc<Readiness>,
    /// Why newer content of a component is not in use, as last published.
    refused: BTreeMap<Component, (Newer, String)>,
    restart: Vec<String>,
    /// Of the trust in use; 0 for none.
    generation: u64,
    policy: PolicyStatus,
    /// The last report about the files of the registries.
    registries: Vec<String>,
    /// The file of the configuration.
    config: PathBuf,
    /// The warnings about the environment, for the configuration in use.
    environment: Vec<EnvironmentWarning>,
    logged: LoggedFindings,
}

impl ReloadStatus {
    /// The status of a service with the configuration in the file `config`. `logged` are not logged again.
    pub(super) fn new(metrics: Arc<Metrics>, readiness: Arc<Readiness>, config: &Path, logged: LoggedFindings) -> Self {
        Self {
            metrics,
            readiness,
            refused: BTreeMap::new(),
            restart: Vec::new(),
            generation: 0,
            policy: PolicyStatus::default(),
            registries: Vec::new(),
            config: config.to_owned(),
            environment: Vec::new(),
            logged,
        }
    }

    #[cfg(test)]
    pub(super) fn readiness(&self) -> &Readiness {
        &self.readiness
    }

    /// The content on disk is in use from now on.
    pub(super) fn in_use(&mut self, component: Component) {
        let now = clock::now();
        self.refused.remove(&component);
        self.metrics.reloaded(component, now);
        self.readiness.in_use(component, now);
    }

    /// This policy is in use from now on, loaded from `location`, with the section `aws` of the configuration.
    pub(super) fn policy_in_use(&mut self, trust: &LoadedPolicy, location: &TrustLocation, aws: &Aws) {
        let now = clock::now();
        let ends: Vec<_> =
            trust.store_ends(now).map(|(store, end)| (kind(store.kind), store.to_string(), end)).collect();
        self.metrics.store_ends(ends.iter().map(|(kind, store, end)| (*kind, store.as_str(), *end)));
        let is_new = trust.generation() != self.generation;
        if is_new {
            let (generation, digest) = (trust.generation(), trust.digest());
            tracing::info!(generation, %digest, "trust policy and trust stores in use");
            loaded::policy(trust);
            self.generation = generation;
        }
        let mut findings = self.policy_mistakes(trust.mistakes(), location);
        let by_file = mistakes_by_file(&findings);
        let warnings = trust.subdirectory_warnings().into_iter().chain(trust.signer_warnings(aws));
        findings.extend(warnings.map(|warning| warning_of(warning.as_str(), warning)));
        self.logged.replace(findings);
        match trust.error() {
            None if is_new => self.in_use(Component::Trust),
            None => self.unchanged(Component::Trust),
            Some(error) => {
                let (newer, why) = refused(&error);
                self.partly_in_use(Component::Trust, (newer, &why), &by_file, (is_new, now));
            }
        }
        self.policy.show(trust, &self.metrics, &self.readiness);
    }

    /// How the attempts to fetch trust stores have ended so far.
    pub(super) fn stores_fetched(&self, stores: &FetchedStores) {
        let names: Vec<String> = stores.stores().map(|store| store.reference().to_string()).collect();
        let states = stores.stores().map(|store| {
            let FetchStatus { fetched, files, failure, nothing_enabled: _, next } = store.status();
            let failures = failure.map_or(0, |failure| failure.attempts);
            StoreFetch { source: store.source().kind(), fetched, files: files.len(), failures, next }
        });
        self.metrics.stores_fetched(names.iter().map(String::as_str).zip(states));
    }

    /// `config` is in use from now on, with these files of its registries.
    pub(super) fn configured(&mut self, config: &Config, files: &RegistryFiles) {
        self.environment = environment_warnings(config);
        self.registries_in_use(files);
    }

    /// The content of these files of the registries is in use from now on.
    pub(super) fn registries_in_use(&mut self, files: &RegistryFiles) {
        let mut findings: Vec<Finding> = files.findings().map(of_registry).collect();
        let by_file = mistakes_by_file(&findings);
        findings
            .extend(self.environment.iter().map(|EnvironmentWarning { kind, message, .. }| warning_of(kind, message)));
        self.logged.replace(findings);
        match files.error() {
            None => self.in_use(Component::Registries),
            Some(error) => {
                let why = (Newer::Disk, &*error.to_string());
                self.partly_in_use(Component::Registries, why, &by_file, (true, clock::now()));
            }
        }
        for finding in files.findings().filter(|finding| !self.registries.contains(&finding.effect())) {
            if let Some(summary) = finding.effect_summary() {
                tracing::warn!("{summary}");
            }
        }
        let effects: Vec<String> = files.findings().map(RegistryFinding::effect).collect();
        for over in self.registries.iter().filter(|effect| !effects.contains(effect)) {
            tracing::info!("resolved: {over}");
        }
        let ends = files.client_certificates().map(|(_, certificate)| certificate.not_after());
        self.metrics.registry_certificates_end(ends.min());
        let certificates = files.client_certificates().map(|(host, certificate)| {
            format!("registry {host}: client certificate {} until {}", certificate.subject(), certificate.not_after())
        });
        let details: Vec<String> = effects.iter().cloned().chain(certificates).collect();
        self.readiness.registry_details(details.iter().map(String::as_str));
        self.registries = effects;
    }

    /// The newer content has the mistakes `why`, which are logged: parts of what is in use are disabled, or as they were
    /// before. `is_new` is true if the content in use has changed, at `now`.
    fn partly_in_use(
        &mut self,
        component: Component,
        (newer, why): (Newer, &str),
        (mistakes, by_file): &(usize, String),
        (is_new, now): (bool, UnixTime),
    ) {
        let is_other = self.refused.get(&component).is_none_or(|(_, reported)| reported != why);
        if is_other {
            let files = component.as_str();
            match newer {
                Newer::Disk => tracing::error!(
                    files,
                    mistakes,
                    by_file,
                    "files have mistakes; what depends on them is disabled or keeps its former content"
                ),
                Newer::Sources => tracing::error!(
                    files,
                    mistakes,
                    by_file,
                    "trust stores could not be fetched and used; what depends on them is disabled or keeps its former content"
                ),
                Newer::DiskAndSources => tracing::error!(
                    files,
                    mistakes,
                    by_file,
                    "files have mistakes, and trust stores could not be fetched and used; what depends on them is disabled or keeps its \
                     former content"
                ),
            }
            self.refused.insert(component, (newer, why.to_owned()));
        }
        if is_new {
            self.metrics.partly_reloaded(component, now);
            self.readiness.in_use(component, now);
        }
        if is_other || is_new {
            self.metrics.reload_failed(component);
            self.readiness.refused(component, newer, now, why);
        }
    }

    /// No policy is in use, and the policy document on disk is unusable.
    pub(super) fn no_policy(&mut self, error: &PolicySourceError, location: &TrustLocation) {
        let findings = self.policy_mistakes(error.mistakes(), location);
        let (mistakes, by_file) = mistakes_by_file(&findings);
        self.logged.replace(findings);
        tracing::error!(mistakes, by_file, "no trust policy is in use: every image is inconclusive");
        self.metrics.reload_failed(Component::Trust);
        self.readiness.set_not_ready(Condition::Trust, &error.to_string());
    }

    fn policy_mistakes(&self, mistakes: &[PolicyMistake], location: &TrustLocation) -> Vec<Finding> {
        let of = |mistake: &PolicyMistake| {
            let (path, field) = mistake.location(&self.config, location);
            let (file, line, mismatch) = (path.display().to_string(), mistake.line(), mistake.mismatch());
            Finding::Mistake { file, line, field, mismatch }
        };
        mistakes.iter().map(of).collect()
    }

    /// The system has no certificate authorities.
    pub(super) fn no_system_authorities(&mut self) {
        self.logged.add(warning_of(NO_SYSTEM_AUTHORITIES.0, NO_SYSTEM_AUTHORITIES.1));
    }

    pub(super) fn certificates_in_use(&mut self, loaded: &LoadedTls) {
        loaded::certificates(loaded);
        self.metrics.certificate_end(Certificate::Server, loaded.server_end());
        self.metrics.certificate_end(Certificate::ClientCa, loaded.authorities_end());
        self.in_use(Component::Tls);
        self.readiness.set_ready(Condition::Tls);
    }

    /// The content on disk is unchanged, and in use.
    pub(super) fn unchanged(&mut self, component: Component) {
        if let Some((newer, _)) = self.refused.remove(&component) {
            let files = component.as_str();
            match newer {
                Newer::Disk => tracing::info!(files, "the files on disk are in use again"),
                Newer::Sources => tracing::info!(files, "the trust stores are in use as they were fetched again"),
                Newer::DiskAndSources => tracing::info!(
                    files,
                    "the files on disk are in use again, and the trust stores as they were fetched again"
                ),
            }
            self.metrics.reload_unchanged(component);
            self.readiness.unchanged(component);
        }
    }

    /// The content on disk is unusable. Published once for each `why`.
    pub(super) fn refused(&mut self, component: Component, why: &str) {
        if self.refused.get(&component).is_some_and(|(_, published)| published == why) {
            return;
        }
        tracing::error!(
            files = component.as_str(),
            error = why,
            "changed files are not in use; the former content stays in use"
        );
        self.metrics.reload_failed(component);
        self.readiness.refused(component, Newer::Disk, clock::now(), why);
        self.refused.insert(component, (Newer::Disk, why.to_owned()));
    }

    /// The keys of the configuration whose changed values need a restart.
    pub(super) fn restart_needed(&mut self, keys: Vec<String>) {
        if keys == self.restart {
            return;
        }
        if !keys.is_empty() {
            tracing::warn!(keys = keys.join(","), "restart needed: these keys keep their values until then");
        }
        self.metrics.restart_needed(!keys.is_empty());
        self.readiness.restart_needed(&keys);
        self.restart = keys;
    }
}

/// What of the policy is refused, with the mistakes.
fn refused(error: &PolicySourceError) -> (Newer, String) {
    match error.of_sources() {
        Some(why) => (Newer::Sources, why),
        None if error.mistakes().iter().any(PolicyMistake::is_of_source) => (Newer::DiskAndSources, error.to_string()),
        None => (Newer::Disk, error.to_string()),
    }
}

fn warning_of(kind: &'static str, message: impl fmt::Display) -> Finding {
    Finding::Warning { kind, message: message.to_string() }
}

fn of_registry(finding: &RegistryFinding) -> Finding {
    match &finding.kind {
        FindingKind::File { .. } | FindingKind::Entry(_) => {
            let (file, mismatch) = (finding.shown_path().to_string(), finding.mismatch());
            Finding::Mistake { file, line: None, field: String::new(), mismatch }
        }
        FindingKind::Warning(warning) => warning_of(warning.as_str(), finding.warning()),
    }
}

fn kind(kind: StoreKind) -> Certificate {
    match kind {
        StoreKind::Ca => Certificate::StoreCa,
        StoreKind::SigningAuthority => Certificate::StoreSigningAuthority,
        StoreKind::Tsa => Certificate::StoreTsa,
    }
}
