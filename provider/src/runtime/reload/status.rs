//! What operators see of reloading: one log line per change, gauges, and `/readyz?verbose`.

use std::collections::HashMap;
use std::sync::Arc;

use countersign_core::time::UnixTime;

use super::policy_status::TrustSigns;
use crate::config::RegistryFiles;
use crate::config::RegistryFinding;
use crate::engine::system_clock;
use crate::policy_source::FirstEnds;
use crate::policy_source::Trust;
use crate::policy_source::TrustError;
use crate::server::health::Condition;
use crate::server::health::Readiness;
use crate::server::tls::LoadedTls;
use crate::telemetry::metrics::Certificate;
use crate::telemetry::metrics::Metrics;
use crate::telemetry::metrics::Reloaded;

/// Where it is told what is in use and what is not.
pub(in crate::runtime) struct Signs {
    metrics: Arc<Metrics>,
    readiness: Arc<Readiness>,
    /// What was told last about files that are not in use.
    refused: HashMap<Reloaded, String>,
    restart: Vec<&'static str>,
    /// Of the trust in use; 0 for none.
    generation: u64,
    trust: TrustSigns,
    /// What was reported last about the files of the registries.
    registries: Vec<String>,
}

impl Signs {
    pub(in crate::runtime) fn new(metrics: Arc<Metrics>, readiness: Arc<Readiness>) -> Self {
        let (refused, trust) = (HashMap::new(), TrustSigns::default());
        Self { metrics, readiness, refused, restart: Vec::new(), generation: 0, trust, registries: Vec::new() }
    }

    #[cfg(test)]
    pub(super) fn readiness(&self) -> &Readiness {
        &self.readiness
    }

    /// What is on disk is in use from now on.
    pub(in crate::runtime) fn in_use(&mut self, files: Reloaded) {
        let now = system_clock()();
        self.refused.remove(&files);
        self.metrics.reloaded(files, now);
        self.readiness.in_use(files, now);
    }

    /// This is the trust in use from now on, or what is known about it.
    pub(in crate::runtime) fn trust_in_use(&mut self, trust: &Trust) {
        let now = system_clock()();
        let FirstEnds { ca, signing_authority, tsa } = trust.first_ends(now);
        for (certificate, end) in [
            (Certificate::StoreCa, ca),
            (Certificate::StoreSigningAuthority, signing_authority),
            (Certificate::StoreTsa, tsa),
        ] {
            match end {
                Some(end) => self.metrics.certificate_end(certificate, end),
                None => self.metrics.no_certificate(certificate),
            }
        }
        let is_new = trust.generation() != self.generation;
        if is_new {
            let (generation, digest) = (trust.generation(), trust.digest());
            tracing::info!(generation, %digest, "trust policy and trust stores in use");
            self.generation = generation;
        }
        match trust.error() {
            None if is_new => self.in_use(Reloaded::Trust),
            None => self.holds(Reloaded::Trust),
            Some(error) => self.partly_in_use(Reloaded::Trust, &error.to_string(), is_new, now),
        }
        self.trust.show(trust, &self.metrics, &self.readiness);
    }

    /// What these files of the registries say is in use from now on.
    pub(in crate::runtime) fn registries_in_use(&mut self, files: &RegistryFiles) {
        match files.error() {
            None => self.in_use(Reloaded::Registries),
            Some(error) => self.partly_in_use(Reloaded::Registries, &error.to_string(), true, system_clock()()),
        }
        let effects: Vec<String> = files.findings().map(RegistryFinding::effect).collect();
        for effect in effects.iter().filter(|effect| !self.registries.contains(effect)) {
            tracing::warn!("{effect}");
        }
        for over in self.registries.iter().filter(|effect| !effects.contains(effect)) {
            tracing::info!("no longer so: {over}");
        }
        self.readiness.registry_details(effects.iter().map(String::as_str));
        self.registries = effects;
    }

    /// The files on disk have mistakes: parts of what is in use are disabled, or as they were before.
    fn partly_in_use(&mut self, files: Reloaded, why: &str, is_new: bool, now: UnixTime) {
        let is_other = self.refused.get(&files).is_none_or(|reported| reported != why);
        if is_other {
            tracing::error!(
                files = files.text(),
                error = why,
                "files with mistakes: what they are about is disabled or as it was before"
            );
            self.refused.insert(files, why.to_owned());
        }
        if is_new {
            self.metrics.partly_reloaded(files, now);
            self.readiness.in_use(files, now);
        }
        if is_other || is_new {
            self.metrics.reload_failed(files);
            self.readiness.refused(files, now, why);
        }
    }

    /// There is no trust in use, and no policy document on disk that could be.
    pub(in crate::runtime) fn no_trust(&mut self, error: &TrustError) {
        tracing::error!(%error, "no trust policy is in use: every image is inconclusive");
        self.metrics.reload_failed(Reloaded::Trust);
        self.readiness.miss(Condition::Trust, &error.to_string());
    }

    pub(in crate::runtime) fn certificates_in_use(&mut self, loaded: &LoadedTls) {
        self.metrics.certificate_end(Certificate::Server, loaded.server_end());
        self.metrics.certificate_end(Certificate::ClientCa, loaded.authorities_end());
        self.in_use(Reloaded::Tls);
        self.readiness.meet(Condition::Tls);
    }

    /// What is on disk is what has been in use all the time.
    pub(super) fn holds(&mut self, files: Reloaded) {
        if self.refused.remove(&files).is_some() {
            tracing::info!(files = files.text(), "files on disk are again what is in use");
            self.metrics.reload_holds(files);
            self.readiness.holds(files);
        }
    }

    /// What is on disk is not fit for use. Told once for each `why`.
    pub(super) fn refused(&mut self, files: Reloaded, why: &str) {
        if self.refused.get(&files).is_some_and(|told| told == why) {
            return;
        }
        tracing::error!(files = files.text(), error = why, "changed files not taken into use: what was there stays");
        self.metrics.reload_failed(files);
        self.readiness.refused(files, system_clock()(), why);
        self.refused.insert(files, why.to_owned());
    }

    /// The keys of the configuration whose values in use are older than the file's.
    pub(super) fn restart_needed(&mut self, keys: Vec<&'static str>) {
        if keys == self.restart {
            return;
        }
        if !keys.is_empty() {
            tracing::warn!(keys = keys.join(","), "restart needed: these keys keep the values of the start");
        }
        self.metrics.restart_needed(!keys.is_empty());
        self.readiness.restart_needed(&keys);
        self.restart = keys;
    }
}
