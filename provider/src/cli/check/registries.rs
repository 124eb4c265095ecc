//! What `registries` names: credentials and certificate authorities. Nothing of a credential is ever shown.

use std::path::Path;
use std::sync::Arc;

use countersign_registry::Registries;
use countersign_registry::Unobserved;

use super::Findings;
use crate::config::Config;
use crate::config::RegistryFileMistake;

pub(super) fn check(file: &Path, config: &Config, findings: &mut Findings) {
    let settings = match config.registry_settings() {
        Ok(settings) => settings,
        Err(error) => {
            for mistake in error.mistakes() {
                let (RegistryFileMistake::Unreadable { path, detail: _ }
                | RegistryFileMistake::TooLarge { path }
                | RegistryFileMistake::Empty { path }
                | RegistryFileMistake::NotUtf8 { path }
                | RegistryFileMistake::DockerConfig { path, error: _ }) = mistake;
                let message = mistake.to_string();
                let message = message.strip_prefix(&path.display().to_string()).unwrap_or(&message);
                findings.fault(path, "", message.trim_start_matches([':', ' ']));
            }
            return;
        }
    };
    match Registries::new(settings, Arc::new(Unobserved)) {
        Ok(registries) if registries.system_roots() == 0 => {
            let message =
                "this system has no certificate authorities: only registries with `ca` or `plainHttp` can be asked";
            findings.warn("no-system-authorities", message);
        }
        Ok(_) => {}
        Err(error) => findings.fault(file, "registries", error),
    }
}
