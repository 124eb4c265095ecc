//! Settings for unit tests.

use countersign_credentials::Credential;

use crate::settings::RegistryEntry;
use crate::settings::RegistrySettings;

/// An entry without a credential.
pub(crate) fn entry(pattern: &str) -> RegistryEntry {
    RegistryEntry::new(pattern.parse().unwrap(), Credential::Anonymous)
}

/// Default settings with these entries.
pub(crate) fn settings(registries: Vec<RegistryEntry>) -> RegistrySettings {
    RegistrySettings { registries, ..RegistrySettings::default() }
}
