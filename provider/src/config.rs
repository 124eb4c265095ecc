//! The configuration: a YAML file as typed, turned into a [`Config`] as meant.
//!
//! Unknown keys are mistakes, new keys have defaults, and all mistakes are reported at once. Every key with its meaning,
//! default, unit and danger stands in `samples/countersign.yaml`. Secrets are named by path and read by whoever uses
//! them, so a [`Config`] can be printed.

mod effective;
mod fields;
mod file;
mod listen_address;
mod proxy;
mod read;
mod registry_files;
mod registry_findings;
mod yaml;

use std::collections::BTreeMap;
use std::path::Path;
use std::path::PathBuf;
use std::time::Duration;

use countersign_core::name::Host;
use countersign_http::Scheme;
use countersign_registry::HostPattern;
use countersign_registry::Unlisted;

pub use fields::Mistake;
pub use file::ConfigBytes;
pub use file::ConfigFile;
pub use file::ConfigLook;
pub use listen_address::ListenAddress;
pub use listen_address::ListenAddressError;
pub use proxy::RegistryProxy;
pub use proxy::RegistryProxyServer;
pub use registry_files::RegistryFiles;
pub use registry_findings::FileEffect;
pub use registry_findings::FindingKind;
pub use registry_findings::RegistryFileMistake;
pub use registry_findings::RegistryFileWarning;
pub use registry_findings::RegistryFilesError;
pub use registry_findings::RegistryFinding;
pub use yaml::CONFIG_BYTES;

/// What the operator wants, with every default filled in and every path resolved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    pub server: Server,
    /// Address of the plain listener for probes and metrics.
    pub health_listen: ListenAddress,
    pub trust: Trust,
    pub verification: Verification,
    pub cache: Cache,
    /// In order of the file; no host stands twice.
    pub registries: Vec<Registry>,
    pub unlisted_registries: Unlisted,
    pub registry_access: RegistryAccess,
    pub log_level: LogLevel,
}

/// Section `server`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Server {
    pub listen: ListenAddress,
    /// Absent only where the purpose is [`Purpose::Verify`].
    pub tls: Option<Tls>,
    /// DNS names, lower-case, at least one.
    pub allowed_clients: Vec<String>,
    pub verify_timeout: Duration,
    pub mutate_timeout: Duration,
    pub stop_grace: Duration,
    pub max_body_bytes: usize,
    pub max_keys: usize,
    pub max_connections: usize,
    pub max_concurrent_keys: usize,
    pub max_concurrent_keys_per_request: usize,
}

/// Section `server.tls`: PEM files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tls {
    pub certificate: PathBuf,
    pub key: PathBuf,
    /// Authorities that sign client certificates.
    pub client_ca: PathBuf,
}

/// Section `trust`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trust {
    pub location: TrustLocation,
    pub reload_interval: Duration,
}

/// Where the trust policy document and the trust stores are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TrustLocation {
    /// A Notation configuration directory.
    Directory(PathBuf),
    /// The policy document, and the directory that has `x509/<type>/<name>/` below it.
    Apart { policy: PathBuf, store: PathBuf },
}

/// Section `verification`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verification {
    pub max_signatures: usize,
    /// By name of the statement: annotations that a signature must carry.
    pub required_metadata: BTreeMap<String, BTreeMap<String, String>>,
}

/// Section `cache`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cache {
    /// 0 remembers nothing.
    pub verdict_bytes: usize,
    pub verdict_lifetime: Duration,
    pub rejected_lifetime: Duration,
    pub tag_lifetime: Duration,
}

/// One element of `registries`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Registry {
    pub host: HostPattern,
    /// Then there is neither `ca` nor a credential.
    pub plain_http: bool,
    /// PEM file with the authorities to trust, in place of the built-in ones.
    pub ca: Option<PathBuf>,
    pub credentials: Credentials,
    /// Further hosts that may ask for the credentials to hand out a token.
    pub realm_hosts: Vec<Host>,
    pub proxy: RegistryProxy,
}

impl Registry {
    /// How the registry is spoken to.
    #[must_use]
    pub fn scheme(&self) -> Scheme {
        if self.plain_http { Scheme::Http } else { Scheme::Https }
    }
}

/// Where a registry's credentials are; never the credentials.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Credentials {
    Anonymous,
    /// A Docker `config.json`.
    DockerConfig(PathBuf),
    Files {
        username: PathBuf,
        password: PathBuf,
    },
}

/// Section `registryAccess`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RegistryAccess {
    pub connect_timeout: Duration,
    pub request_timeout: Duration,
    pub max_requests_per_host: usize,
    /// To all hosts together.
    pub max_requests: usize,
}

/// `log.level`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogLevel {
    Error,
    Warn,
    Info,
    Debug,
    Trace,
}

/// What a configuration is loaded for: the command line tool needs no listener.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    Serve,
    Verify,
}

/// Why there is no [`Config`].
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    #[error("cannot read the configuration {}", file.display())]
    Unreadable { file: PathBuf, source: std::io::Error },
    #[error("the configuration {} has {} mistake{}\n{}", file.display(), mistakes.len(), plural(mistakes.len()), lines(mistakes))]
    Mistakes { file: PathBuf, mistakes: Vec<Mistake> },
}

impl Config {
    /// Reads the file at `path`. Paths in it are relative to its directory.
    ///
    /// # Errors
    /// The file cannot be read, or has mistakes: all of them.
    pub fn load(path: &Path, purpose: Purpose) -> Result<Self, ConfigError> {
        file::parse(&file::read(path)?, path, purpose)
    }

    /// For `countersign check`: what can be read of the file at `path`, and all of its mistakes. A configuration with
    /// mistakes is there to find more of them in the files that it names, and for nothing else; without a place for
    /// the trust policy there is none.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn survey(path: &Path, purpose: Purpose) -> Result<(Option<Self>, Vec<Mistake>), ConfigError> {
        let bytes = file::read(path)?;
        Ok(read::survey(file::text(&bytes, path)?, path, purpose))
    }

    /// Reads `text`, which stands in the file `path`. Touches no file.
    ///
    /// # Errors
    /// All mistakes.
    pub fn parse(text: &str, path: &Path, purpose: Purpose) -> Result<Self, ConfigError> {
        read::config(text, path, purpose).map_err(|mistakes| ConfigError::Mistakes { file: path.to_owned(), mistakes })
    }
}

impl LogLevel {
    #[must_use]
    pub fn text(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warn => "warn",
            Self::Info => "info",
            Self::Debug => "debug",
            Self::Trace => "trace",
        }
    }
}

fn plural(count: usize) -> &'static str {
    if count == 1 { "" } else { "s" }
}

fn lines(mistakes: &[Mistake]) -> String {
    mistakes.iter().map(|mistake| format!("  {mistake}")).collect::<Vec<_>>().join("\n")
}
