//! Files for all programs, which trust the signer of a site.

use std::fs;
use std::path::Path;
use std::path::PathBuf;
use std::process::Command;
use std::process::Stdio;
use std::time::Duration;

use crate::providers;
use crate::served;
use crate::site::PASSWORD;
use crate::site::Site;
use crate::site::USER;

/// Longer than any request, as no webhook waits for it. It is the most that Countersign takes.
pub(crate) const LONG: Duration = Duration::from_secs(30);

/// The same for Ratify, which takes most of a minute for the largest requests on a small machine.
const RATIFY_LIMIT: Duration = Duration::from_secs(120);

/// Settings of Countersign that differ from the defaults.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Settings {
    pub(crate) verify_timeout: Option<Duration>,
    pub(crate) keep_connections: Option<Duration>,
}

/// A directory with the files. Dropping the value removes it.
pub(crate) struct Files {
    pub(crate) folder: PathBuf,
    /// The registry's.
    pub(crate) host: String,
    pub(crate) caller: served::Caller,
}

impl Files {
    pub(crate) fn write(site: &Site, settings: Settings) -> Self {
        let host = site.host();
        let folder = std::env::temp_dir().join(format!("countersign-bench-{}-{host}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let caller = served::certificates(&folder);
        served::write(&folder, "c.yaml", &settings.configuration(&host, site.has_tokens));
        let registry = providers::Registry {
            host: &host,
            root: &site.authority().pem(),
            credentials: site.has_tokens.then_some((USER, PASSWORD)),
        };
        for (name, content) in providers::files(&folder, &registry, RATIFY_LIMIT) {
            served::write(&folder, name, &content);
        }
        Self { folder, host, caller }
    }

    /// `notation verify` of one image: whether it is verified.
    pub(crate) fn notation_verifies(&self, notation: &Path, image: &str) -> bool {
        let mut command = self.command(notation);
        command.args(["verify", image]).stdout(Stdio::null()).stderr(Stdio::null());
        command.status().unwrap().success()
    }

    /// A program that trusts the registry's authority and has its credentials, as Go programs read them.
    // The ban on child processes is for the product.
    #[allow(clippy::disallowed_methods)]
    pub(crate) fn command(&self, program: &Path) -> Command {
        let mut command = Command::new(fs::canonicalize(program).expect("the program exists"));
        command.env_clear().current_dir(&self.folder).stdin(Stdio::null());
        command.envs(providers::environment(&self.folder));
        command
    }
}

impl Drop for Files {
    fn drop(&mut self) {
        // A failure leaves the directory behind.
        let _ = fs::remove_dir_all(&self.folder);
    }
}

impl Settings {
    /// Countersign's configuration for a registry.
    fn configuration(self, host: &str, has_tokens: bool) -> String {
        let Self { verify_timeout, keep_connections } = self;
        let timeout = verify_timeout.map(|time| format!("verifyTimeout: {}ms, ", time.as_millis()));
        let access =
            keep_connections.map(|time| format!("registryAccess: {{keepConnections: {}ms}}\n", time.as_millis()));
        let credentials = if has_tokens { ", credentials: {usernameFile: user, passwordFile: password}" } else { "" };
        format!(
            "{}{}trust: {{directory: trust}}\nregistries: [{{host: '{host}', ca: root.pem{credentials}}}]\n",
            served::server(&timeout.unwrap_or_default()),
            access.unwrap_or_default(),
        )
    }
}
