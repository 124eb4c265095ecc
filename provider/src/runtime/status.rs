//! Publishes the status of every component: one log line per change, gauges, and lines of `/readyz?verbose`.

mod loaded;
mod policy;
mod polls;

use std::collections::BTreeMap;
use std::sync::Arc;

use countersign_core::policy::StoreKind;
use countersign_core::time::UnixTime;

use self::policy::PolicyStatus;
pub(super) use self::polls::PollStatus;
use crate::clock;
use crate::config::RegistryFiles;
use crate::config::RegistryFinding;
use crate::policy_source::LoadedPolicy;
use crate::policy_source::PolicySourceError;
use crate::server::health::Condition;
use crate::server::health::Readiness;
use crate::server::tls::LoadedTls;
use crate::telemetry::metrics::Certificate;
use crate::telemetry::metrics::Component;
use crate::telemetry::metrics::Metrics;

/// Publishes which content of components is in use. Each component has its status in one value of this type.
pub(super) struct ReloadStatus {
    metrics: Arc<Metrics>,
    readiness: Arc<Readiness>,
    /// Why the content on disk of a component is not in use, as last published.
    refused: BTreeMap<Component, String>,
    restart: Vec<String>,
    /// Of the trust in use; 0 for none.
    generation: u64,
    policy: PolicyStatus,
    /// The last report about the files of the registries.
    registries: Vec<String>,
}

impl ReloadStatus {
    pub(super) fn new(metrics: Arc<Metrics>, readiness: Arc<Readiness>) -> Self {
        let (refused, policy) = (BTreeMap::new(), PolicyStatus::default());
        Self { metrics, readiness, refused, restart: Vec::new(), generation: 0, policy, registries: Vec::new() }
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

    /// This policy is in use from now on.
    pub(super) fn policy_in_use(&mut self, trust: &LoadedPolicy) {
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
        match trust.error() {
            None if is_new => self.in_use(Component::Trust),
            None => self.unchanged(Component::Trust),
            Some(error) => self.partly_in_use(Component::Trust, &error.to_string(), is_new, now),
        }
        self.policy.show(trust, &self.metrics, &self.readiness);
    }

    /// The content of these files of the registries is in use from now on.
    pub(super) fn registries_in_use(&mut self, files: &RegistryFiles) {
        match files.error() {
            None => self.in_use(Component::Registries),
            Some(error) => self.partly_in_use(Component::Registries, &error.to_string(), true, clock::now()),
        }
        let effects: Vec<String> = files.findings().map(RegistryFinding::effect).collect();
        for effect in effects.iter().filter(|effect| !self.registries.contains(effect)) {
            tracing::warn!("{effect}");
        }
        for over in self.registries.iter().filter(|effect| !effects.contains(effect)) {
            tracing::info!("resolved: {over}");
        }
        self.readiness.registry_details(effects.iter().map(String::as_str));
        self.registries = effects;
    }

    /// The files on disk have mistakes: parts of what is in use are disabled, or as they were before.
    fn partly_in_use(&mut self, component: Component, why: &str, is_new: bool, now: UnixTime) {
        let is_other = self.refused.get(&component).is_none_or(|reported| reported != why);
        if is_other {
            tracing::error!(
                files = component.as_str(),
                error = why,
                "files have mistakes; what depends on them is disabled or keeps its former content"
            );
            self.refused.insert(component, why.to_owned());
        }
        if is_new {
            self.metrics.partly_reloaded(component, now);
            self.readiness.in_use(component, now);
        }
        if is_other || is_new {
            self.metrics.reload_failed(component);
            self.readiness.refused(component, now, why);
        }
    }

    /// No policy is in use, and the policy document on disk is unusable.
    pub(super) fn no_policy(&mut self, error: &PolicySourceError) {
        tracing::error!(%error, "no trust policy is in use: every image is inconclusive");
        self.metrics.reload_failed(Component::Trust);
        self.readiness.set_not_ready(Condition::Trust, &error.to_string());
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
        if self.refused.remove(&component).is_some() {
            tracing::info!(files = component.as_str(), "the files on disk are in use again");
            self.metrics.reload_unchanged(component);
            self.readiness.unchanged(component);
        }
    }

    /// The content on disk is unusable. Published once for each `why`.
    pub(super) fn refused(&mut self, component: Component, why: &str) {
        if self.refused.get(&component).is_some_and(|published| published == why) {
            return;
        }
        tracing::error!(
            files = component.as_str(),
            error = why,
            "changed files are not in use; the former content stays in use"
        );
        self.metrics.reload_failed(component);
        self.readiness.refused(component, clock::now(), why);
        self.refused.insert(component, why.to_owned());
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

fn kind(kind: StoreKind) -> Certificate {
    match kind {
        StoreKind::Ca => Certificate::StoreCa,
        StoreKind::SigningAuthority => Certificate::StoreSigningAuthority,
        StoreKind::Tsa => Certificate::StoreTsa,
    }
}
