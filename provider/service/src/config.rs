//! The configuration: a YAML file as typed, turned into a [`Config`] as meant.
//!
//! Unknown keys are mistakes, new keys have defaults, and all mistakes are reported at once. `sections` has the table
//! of keys; `samples/countersign.yaml` and `docs/countersign.schema.json` are made from it. Secrets are named by path
//! and read by their users, so a [`Config`] can be printed.

mod effective;
mod field_path;
mod fields;
mod file;
mod hints;
mod listen_address;
mod mistake_list;
mod mistakes;
mod places;
mod read;
mod registry_files;
mod registry_findings;
mod schema;
mod sections;
mod units;
mod yaml;

use std::path::Path;
use std::path::PathBuf;

use countersign_core::name::Repository;
use countersign_registry::Unlisted;

pub use file::ConfigBytes;
pub use file::ConfigFile;
pub use file::ConfigPoll;
pub use file::ConfigReading;
pub use listen_address::ListenAddress;
pub use listen_address::ListenAddressError;
pub(crate) use mistake_list::MistakeList;
pub use mistakes::Mistake;
pub use places::Place;
pub use places::Places;
pub use read::Survey;
pub use registry_files::AUTHORITIES_BYTES;
pub use registry_files::RegistryFiles;
pub use registry_files::authorities;
pub use registry_files::file_mistake;
pub use registry_findings::FileEffect;
pub use registry_findings::FileOwner;
pub use registry_findings::FindingKind;
pub use registry_findings::RegistryFileMistake;
pub use registry_findings::RegistryFileWarning;
pub use registry_findings::RegistryFilesError;
pub use registry_findings::RegistryFinding;
pub use sections::AuthorityMismatch;
pub use sections::Aws;
pub use sections::AwsSigner;
pub use sections::Azure;
pub use sections::Cache;
pub use sections::CachedVerdictEvents;
pub use sections::Credentials;
pub use sections::Ecr;
pub use sections::EntraIdentity;
pub use sections::Evidence;
pub use sections::Google;
pub use sections::GoogleAccount;
pub use sections::Health;
pub use sections::KeyVaultSource;
pub use sections::Log;
pub use sections::LogFormat;
pub use sections::LogLevel;
pub use sections::Mutation;
pub use sections::Registry;
pub use sections::RegistryAccess;
pub use sections::RegistryCertificate;
pub use sections::RegistryProxy;
pub use sections::RegistryProxyServer;
pub use sections::Server;
pub use sections::StoreLocation;
pub use sections::StoreSource;
pub use sections::Tls;
pub use sections::Trust;
pub use sections::TrustLocation;
pub use sections::UrlSource;
pub use sections::VaultEntry;
pub use sections::VaultVersions;
pub use sections::Verification;
pub use sections::WANTED_API;
pub use sections::any_host;
pub use sections::has_private_ecr;
pub use sections::is_registry;
pub use units::written_duration;
pub use yaml::CONFIG_BYTES;
pub use yaml::MANIFEST_BYTES;
pub use yaml::MANIFEST_DEPTH;
pub use yaml::MANIFEST_NODES;
pub use yaml::ManifestDocument;
pub use yaml::YamlError;
pub use yaml::load_manifests;

/// The reference sample of the configuration: a valid YAML document with every key, its documentation and its default.
#[must_use]
pub fn reference_sample() -> String {
    schema::reference_sample(sections::ROOT)
}

/// The JSON Schema of the configuration, draft 2020-12.
#[must_use]
pub fn json_schema() -> String {
    schema::json_schema(sections::ROOT)
}

/// The configuration with every default filled in and every path resolved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    pub server: Server,
    pub health: Health,
    pub trust: Trust,
    pub verification: Verification,
    pub evidence: Evidence,
    pub aws: Aws,
    pub azure: Azure,
    pub google: Google,
    pub mutation: Mutation,
    pub cache: Cache,
    /// In order of the file; each host occurs once.
    pub registries: Vec<Registry>,
    /// The positions in the list of the entries that have no readable `host`. Not empty only after [`Self::survey`].
    pub unread_registries: Vec<usize>,
    pub unlisted_registries: Unlisted,
    /// Whether `unlisted_registries` is written in the file and not the default.
    pub unlisted_is_written: bool,
    pub registry_access: RegistryAccess,
    pub log: Log,
}

/// The purpose for which a configuration is loaded: the command line tool needs no listener.
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
    #[error("{}", MistakeList { subject: format_args!("the configuration {} has", file.display()), mistakes })]
    Mistakes { file: PathBuf, mistakes: Vec<Mistake> },
}

impl Config {
    /// For whom tokens of Microsoft Entra are requested, for registries and then for vaults.
    pub fn entra_identities(&self) -> impl Iterator<Item = &EntraIdentity> {
        let of_stores = self.trust.stores.values().filter_map(|source| match source {
            StoreSource::KeyVault(vault) => Some(&vault.identity),
            StoreSource::Url(_) => None,
        });
        self.registries.iter().filter_map(|registry| registry.credentials.acr()).chain(of_stores)
    }

    /// Whether tokens of Microsoft Entra are requested for the workload identity of the pod.
    #[must_use]
    pub fn needs_workload_identity(&self) -> bool {
        self.entra_identities().any(|identity| matches!(identity, EntraIdentity::Workload { .. }))
    }

    /// Whether AWS is called: its Signer, or for tokens of its registries.
    #[must_use]
    pub fn needs_aws(&self) -> bool {
        let has_tokens = |registry: &Registry| match registry.credentials {
            Credentials::Ecr(_) => true,
            Credentials::Acr(_)
            | Credentials::Google(_)
            | Credentials::Anonymous
            | Credentials::Broken(_)
            | Credentials::DockerConfig(_)
            | Credentials::Files { .. } => false,
        };
        self.aws.signer.enabled || self.registries.iter().any(has_tokens)
    }

    /// Whether Azure is called: for tokens of its registries, or for certificates of a vault.
    #[must_use]
    pub fn needs_azure(&self) -> bool {
        let is_vault = |source: &StoreSource| match source {
            StoreSource::KeyVault(_) => true,
            StoreSource::Url(_) => false,
        };
        self.registries.iter().any(|registry| registry.credentials.acr().is_some())
            || self.trust.stores.values().any(is_vault)
    }

    /// Whether Google Cloud is called, for tokens of its registries.
    #[must_use]
    pub fn needs_google(&self) -> bool {
        self.registries.iter().any(|registry| registry.credentials.google().is_some())
    }

    /// The entry of `registries` for a repository: the first that matches.
    #[must_use]
    pub fn registry_of(&self, repository: &Repository) -> Option<&Registry> {
        self.registries.iter().find(|registry| registry.host.is_for(repository))
    }

    /// Reads the file at `path`. Paths in it are relative to its directory.
    ///
    /// # Errors
    /// The file cannot be read, or has mistakes: all of them.
    pub fn load(path: &Path, purpose: Purpose) -> Result<Self, ConfigError> {
        file::parse(&file::read(path, ConfigReading::Once)?, path, purpose)
    }

    /// For `countersign check`: the readable parts of the file at `path`, and all of its mistakes. With `root`, absolute
    /// paths in it are below that directory.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn survey(
        path: &Path,
        purpose: Purpose,
        reading: ConfigReading,
        root: Option<&Path>,
    ) -> Result<Survey, ConfigError> {
        let bytes = file::read(path, reading)?;
        Ok(read::survey(file::text(&bytes, path)?, path, purpose, root))
    }

    /// Parses `text`, the content of the file `path`. Touches no file.
    ///
    /// # Errors
    /// All mistakes.
    pub fn parse(text: &str, path: &Path, purpose: Purpose) -> Result<Self, ConfigError> {
        read::config(text, path, purpose).map_err(|mistakes| ConfigError::Mistakes { file: path.to_owned(), mistakes })
    }
}

/// A DNS name: labels of letters, digits, inner hyphens; at most 253 bytes; lower-case.
fn is_dns_name(text: &str) -> bool {
    countersign_core::name::is_dns_name(text) && !text.bytes().any(|byte| byte.is_ascii_uppercase())
}
