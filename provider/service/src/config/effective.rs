//! The configuration in effect, as one line for the log. Nothing in a [`Config`] is secret: credentials are paths.

use std::fmt;
use std::time::Duration;

use super::Config;
use super::schema::Effective;
use super::schema::Section;
use super::schema::restart_keys;
use super::sections;
use super::units;

impl Config {
    fn effective(&self) -> Effective {
        let Self {
            server,
            health,
            trust,
            verification,
            evidence,
            aws,
            azure,
            google,
            mutation,
            cache,
            registries,
            unread_registries: _,
            unlisted_registries,
            unlisted_is_written: _,
            registry_access,
            log,
        } = self;
        let mut all = Effective::default();
        sections::SERVER.show(server, &mut all);
        sections::HEALTH.show(health, &mut all);
        sections::TRUST.show(&Some(trust.clone()), &mut all);
        sections::VERIFICATION.show(verification, &mut all);
        sections::EVIDENCE.show(evidence, &mut all);
        sections::AWS.show(aws, &mut all);
        sections::AZURE.show(azure, &mut all);
        sections::GOOGLE.show(google, &mut all);
        sections::MUTATION.show(mutation, &mut all);
        sections::CACHE.show(cache, &mut all);
        sections::REGISTRIES.show(registries, &mut all);
        sections::UNLISTED.show(unlisted_registries, &mut all);
        sections::REGISTRY_ACCESS.show(registry_access, &mut all);
        sections::LOG.show(log, &mut all);
        all
    }

    /// The effective keys of the section `evidence`, without its name, in the order of the reference sample. Durations and
    /// sizes are as the sample writes them.
    #[must_use]
    pub fn evidence_keys(&self) -> Vec<(String, String)> {
        keys(&self.evidence)
    }

    /// As [`Self::evidence_keys`], of the section `aws`.
    #[must_use]
    pub fn aws_keys(&self) -> Vec<(String, String)> {
        keys(&self.aws)
    }

    /// As [`Self::evidence_keys`], of the section `azure`.
    #[must_use]
    pub fn azure_keys(&self) -> Vec<(String, String)> {
        keys(&self.azure)
    }

    /// As [`Self::evidence_keys`], of the section `google`.
    #[must_use]
    pub fn google_keys(&self) -> Vec<(String, String)> {
        keys(&self.google)
    }

    /// The keys whose values differ from those of `started`, and that a running service cannot change.
    #[must_use]
    pub fn restart_needed(&self, started: &Self) -> Vec<String> {
        let (now, then) = (self.effective(), started.effective());
        let value = |all: &Effective, key: &str| -> Option<String> {
            all.entries().find(|(name, _)| *name == key).map(|(_, value)| value.to_owned())
        };
        restart_keys(sections::ROOT).into_iter().filter(|key| value(&now, key) != value(&then, key)).collect()
    }
}

/// The effective keys of a section without its name.
fn keys(section: &impl Section) -> Vec<(String, String)> {
    let mut all = Effective::default();
    section.show("", &mut all);
    all.entries().map(|(key, value)| (key.to_owned(), as_written(key, value))).collect()
}

/// A duration and a size with their units, instead of milliseconds and bytes; other values as they are.
fn as_written(key: &str, value: &str) -> String {
    let milliseconds = value.strip_suffix("ms").and_then(|number| number.parse().ok());
    let bytes = value.parse().ok().filter(|_| key.ends_with("Bytes"));
    match (milliseconds, bytes) {
        (Some(milliseconds), _) => units::written_duration(Duration::from_millis(milliseconds)),
        (None, Some(bytes)) => units::written_size(bytes),
        (None, None) => value.to_owned(),
    }
}

impl fmt::Display for Config {
    /// `key=value` with the keys of the file, separated by spaces.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.effective().fmt(f)
    }
}
