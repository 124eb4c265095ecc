//! From registries as configured to registries with their credentials: reads the files that the configuration names.

use std::fmt;
use std::fs::File;
use std::io::Read as _;
use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;

use countersign_core::name::Digest;
use countersign_core::name::DigestAlgorithm;
use countersign_registry::Authorities;
use countersign_registry::AuthoritiesError;
use countersign_registry::Credential;
use countersign_registry::DockerConfig;
use countersign_registry::DockerConfigError;
use countersign_registry::ProxyChoice;
use countersign_registry::ProxyEnvironment;
use countersign_registry::ProxyServerError;
use countersign_registry::RegistryEntry;
use countersign_registry::RegistrySettings;
use countersign_registry::Roots;
use countersign_registry::Secret;

use super::Config;
use super::Credentials;
use super::Registry;
use super::RegistryAccess;
use super::RegistryProxy;
use super::RegistryProxyServer;

/// Largest file with a credential or with certificate authorities, in bytes: what a Secret or ConfigMap can hold.
const FILE_BYTES: usize = 1024 * 1024;

/// One thing that is wrong with a file that `registries` names. Never shows what is in a credential file.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RegistryFileMistake {
    #[error("{} cannot be read: {detail}", path.display())]
    Unreadable { path: PathBuf, detail: String },
    #[error("{} has more than {FILE_BYTES} bytes", path.display())]
    TooLarge { path: PathBuf },
    #[error("{} is empty: want a user name, a password or a token", path.display())]
    Empty { path: PathBuf },
    #[error("{} is not UTF-8", path.display())]
    NotUtf8 { path: PathBuf },
    #[error("{} has {error}", path.display())]
    ProxyLogin { path: PathBuf, error: ProxyServerError },
    #[error("{}: {error}", path.display())]
    DockerConfig { path: PathBuf, error: DockerConfigError },
    #[error("{}: {error}", path.display())]
    Authorities { path: PathBuf, error: AuthoritiesError },
}

/// Everything that is wrong with the files that `registries` names; at least one mistake.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RegistryFilesError {
    mistakes: Vec<RegistryFileMistake>,
}

impl RegistryFilesError {
    #[must_use]
    pub fn mistakes(&self) -> &[RegistryFileMistake] {
        &self.mistakes
    }
}

impl fmt::Display for RegistryFilesError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = self.mistakes.len();
        write!(f, "the files of the registries have {count} mistake{}", if count == 1 { "" } else { "s" })?;
        for mistake in &self.mistakes {
            write!(f, "\n  {mistake}")?;
        }
        Ok(())
    }
}

impl std::error::Error for RegistryFilesError {}

impl Config {
    /// The digest of what is in the files that [`Self::registry_settings`] reads, to see whether they have changed.
    #[must_use]
    pub fn registry_files_digest(&self) -> Digest {
        let mut all = Vec::new();
        let mut add = |path: &Path| {
            let (kind, content) = match bytes(path) {
                Ok(bytes) => (0, bytes),
                Err(mistake) => (1, mistake.to_string().into_bytes()),
            };
            all.push(kind);
            all.extend_from_slice(&content.len().to_be_bytes());
            all.extend_from_slice(&content);
        };
        for registry in &self.registries {
            registry.ca.iter().for_each(|path| add(path));
            match &registry.credentials {
                Credentials::Anonymous => {}
                Credentials::DockerConfig(path) => add(path),
                Credentials::Files { username, password } => {
                    add(username);
                    add(password);
                }
            }
            if let RegistryProxy::Server(RegistryProxyServer { server: _, login, ca }) = &registry.proxy {
                for path in login.iter().flat_map(|(username, password)| [username, password]).chain(ca) {
                    add(path);
                }
            }
        }
        Digest::of(DigestAlgorithm::Sha256, &all)
    }

    /// The settings of the registry client, with credentials and certificate authorities read from their files. Without
    /// the proxies of the environment, which are no part of a configuration.
    ///
    /// # Errors
    /// All files that cannot be read or understood.
    pub fn registry_settings(&self) -> Result<RegistrySettings, RegistryFilesError> {
        let mut mistakes = Vec::new();
        let mut registries = Vec::new();
        for registry in &self.registries {
            match entry(registry) {
                Ok(entry) => registries.push(entry),
                Err(more) => mistakes.extend(more),
            }
        }
        if !mistakes.is_empty() {
            return Err(RegistryFilesError { mistakes });
        }
        let RegistryAccess { connect_timeout, request_timeout, max_requests_per_host, max_requests } =
            self.registry_access;
        Ok(RegistrySettings {
            registries,
            unlisted: self.unlisted_registries,
            connect_timeout,
            request_timeout,
            requests_per_host: max_requests_per_host,
            requests: max_requests,
            tag_lifetime: self.cache.tag_lifetime,
            proxies: ProxyEnvironment::default(),
        })
    }
}

fn entry(registry: &Registry) -> Result<RegistryEntry, Vec<RegistryFileMistake>> {
    let Registry { host, plain_http: _, ca, credentials, realm_hosts, proxy } = registry;
    match (roots(ca.as_deref()), credential(credentials), proxy_choice(proxy)) {
        (Ok(roots), Ok(credential), Ok(proxy)) => Ok(RegistryEntry {
            pattern: host.clone(),
            credential,
            scheme: registry.scheme(),
            roots,
            realm_hosts: realm_hosts.clone(),
            proxy,
        }),
        (roots, credential, proxy) => {
            Err(roots.err().into_iter().chain(credential.err()).chain(proxy.err()).flatten().collect())
        }
    }
}

fn roots(ca: Option<&Path>) -> Result<Roots, Vec<RegistryFileMistake>> {
    match ca {
        Some(path) => authorities(path).map(Roots::Only).map_err(|mistake| vec![mistake]),
        None => Ok(Roots::System),
    }
}

fn proxy_choice(proxy: &RegistryProxy) -> Result<ProxyChoice, Vec<RegistryFileMistake>> {
    let RegistryProxyServer { server, login, ca } = match proxy {
        RegistryProxy::Environment => return Ok(ProxyChoice::Environment),
        RegistryProxy::Direct => return Ok(ProxyChoice::Direct),
        RegistryProxy::Server(server) => server,
    };
    let server = match login {
        None => Ok(server.clone()),
        Some((username, password)) => match (line(username), line(password)) {
            (Ok(user), Ok(password)) => server
                .clone()
                .with_login(user, Secret::new(password))
                .map_err(|error| vec![RegistryFileMistake::ProxyLogin { path: username.clone(), error }]),
            (user, password) => Err(user.err().into_iter().chain(password.err()).collect()),
        },
    };
    match (server, roots(ca.as_deref())) {
        (Ok(server), Ok(roots)) => Ok(ProxyChoice::Server { server, roots }),
        (server, roots) => Err(server.err().into_iter().chain(roots.err()).flatten().collect()),
    }
}

fn authorities(path: &Path) -> Result<Authorities, RegistryFileMistake> {
    Authorities::parse(&path.display().to_string(), &bytes(path)?)
        .map_err(|error| RegistryFileMistake::Authorities { path: path.to_owned(), error })
}

fn credential(credentials: &Credentials) -> Result<Credential, Vec<RegistryFileMistake>> {
    match credentials {
        Credentials::Anonymous => Ok(Credential::Anonymous),
        Credentials::DockerConfig(path) => {
            let bytes = bytes(path).map_err(|mistake| vec![mistake])?;
            let config = DockerConfig::parse(&bytes).map_err(|errors| -> Vec<_> {
                errors
                    .into_iter()
                    .map(|error| RegistryFileMistake::DockerConfig { path: path.clone(), error })
                    .collect()
            })?;
            Ok(Credential::DockerConfig(Arc::new(config)))
        }
        Credentials::Files { username, password } => match (line(username), line(password)) {
            (Ok(user), Ok(password)) => Ok(Credential::Basic { user, password: Secret::new(password) }),
            (user, password) => Err(user.err().into_iter().chain(password.err()).collect()),
        },
    }
}

/// The text of a file without white space at its end, which editors add.
fn line(path: &Path) -> Result<String, RegistryFileMistake> {
    let mut text =
        String::from_utf8(bytes(path)?).map_err(|_| RegistryFileMistake::NotUtf8 { path: path.to_owned() })?;
    text.truncate(text.trim_end().len());
    if text.is_empty() {
        return Err(RegistryFileMistake::Empty { path: path.to_owned() });
    }
    Ok(text)
}

fn bytes(path: &Path) -> Result<Vec<u8>, RegistryFileMistake> {
    let failed =
        |error: std::io::Error| RegistryFileMistake::Unreadable { path: path.to_owned(), detail: error.to_string() };
    let file = File::open(path).map_err(failed)?;
    let mut bytes = Vec::new();
    let cut = u64::try_from(FILE_BYTES).unwrap_or(u64::MAX).saturating_add(1);
    file.take(cut).read_to_end(&mut bytes).map_err(failed)?;
    if bytes.len() > FILE_BYTES {
        return Err(RegistryFileMistake::TooLarge { path: path.to_owned() });
    }
    Ok(bytes)
}
