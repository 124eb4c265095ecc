//! Settings for unit tests.

use countersign_credentials::Credential;

use super::RegistryEntry;
use super::RegistrySettings;

/// An entry without a credential.
pub(crate) fn entry(pattern: &str) -> RegistryEntry {
    RegistryEntry::new(pattern.parse().unwrap(), Credential::Anonymous)
}

/// Default settings with these entries.
pub(crate) fn settings(registries: Vec<RegistryEntry>) -> RegistrySettings {
    RegistrySettings { registries, ..RegistrySettings::default() }
}
