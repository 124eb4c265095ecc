//! From registries as configured to registries with their credentials: reads the files that the configuration names.
//!
//! A file with a mistake disables the registry that it is for and nothing else: its images are inconclusive, and it is
//! not asked without what the file should say. If the file was good before, what it said then stays in use.

use std::collections::HashMap;
use std::collections::HashSet;
use std::fs::File;
use std::io::Read as _;
use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;

use countersign_core::codec::text::Text;
use countersign_core::name::Digest;
use countersign_core::name::DigestAlgorithm;
use countersign_core::name::Host;
use countersign_http::ProxyChoice;
use countersign_http::ProxyEnvironment;
use countersign_http::RootCertificates;
use countersign_http::Roots;
use countersign_registry::AuthMethodError;
use countersign_registry::Credential;
use countersign_registry::DockerConfig;
use countersign_registry::DockerConfigWarning;
use countersign_registry::HostPattern;
use countersign_registry::RegistryEntry;
use countersign_registry::RegistrySettings;
use countersign_registry::Secret;

use super::Config;
use super::Credentials;
use super::Registry;
use super::RegistryAccess;
use super::RegistryProxy;
use super::RegistryProxyServer;
use super::registry_findings::FILE_BYTES;
use super::registry_findings::FileEffect;
use super::registry_findings::FindingKind;
use super::registry_findings::RegistryFileMistake;
use super::registry_findings::RegistryFileWarning;
use super::registry_findings::RegistryFilesError;
use super::registry_findings::RegistryFinding;

/// What the files say that `registries` names.
#[derive(Clone, Debug)]
pub struct RegistryFiles {
    registries: Vec<Loaded>,
}

/// One element of `registries` with what its files say.
#[derive(Clone, Debug)]
struct Loaded {
    registry: Registry,
    entry: RegistryEntry,
    /// Whether the proxy is known. Else the registry is disabled.
    has_proxy: bool,
    findings: Vec<RegistryFinding>,
}

impl RegistryFiles {
    /// Everything that is not as it should be, in order of the configuration.
    pub fn findings(&self) -> impl Iterator<Item = &RegistryFinding> {
        self.registries.iter().flat_map(|loaded| &loaded.findings)
    }

    /// All mistakes, if there are any.
    #[must_use]
    pub fn error(&self) -> Option<RegistryFilesError> {
        let mistakes: Vec<_> = self.findings().filter(|finding| finding.is_mistake()).cloned().collect();
        RegistryFilesError::of(mistakes)
    }

    /// The files that cannot be used and could be, or were not named, in `former`, if there are any.
    #[must_use]
    pub fn broken_since(&self, former: &Self) -> Option<RegistryFilesError> {
        let broken = |files: &Self| -> Vec<RegistryFinding> {
            let is_file = |finding: &&RegistryFinding| matches!(finding.kind, FindingKind::File { .. });
            files.findings().filter(is_file).cloned().collect()
        };
        let is_old =
            |new: &RegistryFinding, old: &RegistryFinding| new.registry == old.registry && new.path == old.path;
        let old = broken(former);
        let mut mistakes = broken(self);
        mistakes.retain(|new| !old.iter().any(|old| is_old(new, old)));
        RegistryFilesError::of(mistakes)
    }

    /// Whether both say the same about every registry, whatever was found.
    #[must_use]
    pub fn says_the_same(&self, other: &Self) -> bool {
        self.registries.iter().map(|loaded| &loaded.entry).eq(other.registries.iter().map(|loaded| &loaded.entry))
    }

    /// The settings of the registry client, with credentials and certificate authorities. Without the proxies of the
    /// environment, which are no part of a configuration.
    #[must_use]
    pub fn settings(&self, config: &Config) -> RegistrySettings {
        let RegistryAccess { connect_timeout, request_timeout, max_requests_per_host, max_requests } =
            config.registry_access;
        RegistrySettings {
            registries: self.registries.iter().map(|loaded| loaded.entry.clone()).collect(),
            unlisted: config.unlisted_registries,
            connect_timeout,
            request_timeout,
            requests_per_host: max_requests_per_host,
            requests: max_requests,
            tag_lifetime: config.cache.tag_lifetime,
            proxies: ProxyEnvironment::default(),
        }
    }
}

impl Config {
    /// The digest of what is in the files that [`Self::registry_files`] reads, to see whether they have changed.
    #[must_use]
    pub fn registry_files_digest(&self) -> Digest {
        let mut all = Vec::new();
        // Each file is read once, however many registries name it, and one is in memory at a time.
        let mut read: HashMap<PathBuf, (u8, Digest)> = HashMap::new();
        let mut add = |path: &Path| {
            let (kind, content) = read.entry(path.to_owned()).or_insert_with(|| match bytes(path) {
                Ok(bytes) => (0, Digest::of(DigestAlgorithm::Sha256, &bytes)),
                Err(mistake) => (1, Digest::of(DigestAlgorithm::Sha256, mistake.to_string().as_bytes())),
            });
            all.push(*kind);
            all.extend_from_slice(content.as_str().as_bytes());
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

    /// Reads the files of the registries. Where one cannot be used that could be when `former` was read, what it said then
    /// stays in use.
    #[must_use]
    pub fn registry_files(&self, former: Option<&RegistryFiles>) -> RegistryFiles {
        let mut shared = Shared::default();
        let registries = self.registries.iter().map(|registry| {
            let mut former = former.into_iter().flat_map(|former| &former.registries);
            load(registry, former.find(|former| former.registry.host == registry.host), &mut shared)
        });
        RegistryFiles { registries: registries.collect() }
    }
}

/// A file and what is wrong with it.
struct Broken {
    path: PathBuf,
    mistake: RegistryFileMistake,
}

impl Broken {
    fn new(path: &Path, mistake: RegistryFileMistake) -> Self {
        Self { path: path.to_owned(), mistake }
    }
}

/// What was made of files that more than one registry may name: one pull secret for all of them is usual. Each is read once,
/// kept once, and what is wrong within it is found once, for the first registry that names it.
#[derive(Default)]
struct Shared {
    authorities: HashMap<PathBuf, Result<RootCertificates, RegistryFileMistake>>,
    docker_configs: HashMap<PathBuf, Result<Arc<DockerConfig>, RegistryFileMistake>>,
    reported: HashSet<PathBuf>,
}

impl Shared {
    fn roots(&mut self, ca: Option<&Path>) -> Result<Roots, Vec<Broken>> {
        let Some(path) = ca else { return Ok(Roots::System) };
        let parse = || RootCertificates::parse(&shown(path), &bytes(path)?).map_err(RegistryFileMistake::Authorities);
        let authorities = self.authorities.entry(path.to_owned()).or_insert_with(parse);
        authorities.clone().map(Roots::Only).map_err(|mistake| vec![Broken::new(path, mistake)])
    }

    fn docker_config(&mut self, path: &Path) -> Result<Credential, Vec<Broken>> {
        let parse = || {
            let config = DockerConfig::parse(&shown(path), &bytes(path)?).map_err(RegistryFileMistake::DockerConfig)?;
            Ok(Arc::new(config))
        };
        let config = self.docker_configs.entry(path.to_owned()).or_insert_with(parse);
        config.clone().map(Credential::DockerConfig).map_err(|mistake| vec![Broken::new(path, mistake)])
    }
}

fn load(registry: &Registry, former: Option<&Loaded>, shared: &mut Shared) -> Loaded {
    let Registry { host, plain_http: _, ca, credentials, realm_hosts, proxy } = registry;
    let mut files = Files { host, findings: Vec::new(), unusable: None };
    // Of an element that names the same files as before.
    let of_same = |same: fn(&Registry, &Registry) -> bool| {
        former.filter(|former| same(&former.registry, registry)).map(|former| &former.entry)
    };
    let former_roots = of_same(|a, b| a.ca == b.ca).map(|entry| &entry.roots);
    let former_roots = former_roots.filter(|roots| !matches!(roots, Roots::Unusable { .. })).cloned();
    let roots = files.or_former(shared.roots(ca.as_deref()), former_roots);
    let former_credential = of_same(|a, b| a.credentials == b.credentials).map(|entry| &entry.credential);
    let former_credential = former_credential.filter(|former| !matches!(former, Credential::Unusable(_))).cloned();
    let credential = files.or_former(self::credential(credentials, shared), former_credential);
    // Where it could not be read before either, there is none to go on with.
    let former_proxy = former.filter(|former| former.registry.proxy == *proxy && former.has_proxy);
    let proxy = files.or_former(proxy_choice(proxy, shared), former_proxy.map(|former| former.entry.proxy.clone()));
    if let (Some(Credential::DockerConfig(config)), Credentials::DockerConfig(path)) = (&credential, credentials) {
        let is_first = shared.reported.insert(path.clone());
        docker_config(config, host, is_first, |kind| files.found(path, kind));
    }
    let Files { host: _, findings, unusable } = files;
    let entry = RegistryEntry {
        pattern: host.clone(),
        credential: unusable.map_or_else(|| credential.unwrap_or(Credential::Anonymous), Credential::Unusable),
        scheme: registry.scheme(),
        roots: roots.unwrap_or_else(|| Roots::Unusable { file: ca.as_deref().map_or_else(String::new, shown) }),
        realm_hosts: realm_hosts.clone(),
        proxy: proxy.clone().unwrap_or(ProxyChoice::Direct),
    };
    Loaded { registry: registry.clone(), entry, has_proxy: proxy.is_some(), findings }
}

/// What was found in the files of one registry.
struct Files<'a> {
    host: &'a HostPattern,
    findings: Vec<RegistryFinding>,
    /// Why the registry is disabled, if it is: the first reason.
    unusable: Option<Text>,
}

impl Files<'_> {
    fn found(&mut self, path: &Path, kind: FindingKind) {
        self.findings.push(RegistryFinding { registry: self.host.clone(), path: path.to_owned(), kind });
    }

    /// What the files say, or what they said before. None disables the registry.
    fn or_former<T>(&mut self, read: Result<T, Vec<Broken>>, former: Option<T>) -> Option<T> {
        let broken = match read {
            Ok(read) => return Some(read),
            Err(broken) => broken,
        };
        for Broken { path, mistake } in broken {
            if former.is_none() && self.unusable.is_none() {
                self.unusable = Some(Text::of(format_args!("{}: {mistake}", path.display())));
            }
            self.found(&path, FindingKind::File { mistake, effect: FileEffect::of(former.as_ref()) });
        }
        former
    }
}

fn shown(path: &Path) -> String {
    path.display().to_string()
}

/// What needs a look in a Docker configuration that could be read. What is so for every registry that names it is found for
/// the first.
fn docker_config(config: &DockerConfig, host: &HostPattern, is_first: bool, mut found: impl FnMut(FindingKind)) {
    if is_first {
        config.mistakes().iter().for_each(|mistake| found(FindingKind::Entry(mistake.clone())));
        for warning in config.warnings() {
            found(FindingKind::Warning(RegistryFileWarning::DockerConfig(warning.clone())));
        }
    }
    let host: Option<Host> = host.exact().and_then(|host| host.parse().ok());
    let is_empty = config.warnings().contains(&DockerConfigWarning::NoEntries);
    if !is_empty && host.is_some_and(|host| !config.knows(&host)) {
        found(FindingKind::Warning(RegistryFileWarning::NoEntryForHost));
    }
}

fn credential(credentials: &Credentials, shared: &mut Shared) -> Result<Credential, Vec<Broken>> {
    match credentials {
        Credentials::Anonymous => Ok(Credential::Anonymous),
        Credentials::DockerConfig(path) => shared.docker_config(path),
        Credentials::Files { username, password } => {
            let (user, secret) = login(username, password)?;
            let credential = Credential::Basic { user, password: Secret::new(secret) };
            match credential.check() {
                Ok(()) => Ok(credential),
                Err(error @ (AuthMethodError::Colon | AuthMethodError::EmptyUser)) => {
                    Err(vec![Broken::new(username, RegistryFileMistake::Login(error))])
                }
                Err(
                    error @ (AuthMethodError::EmptyPassword
                    | AuthMethodError::EmptyToken
                    | AuthMethodError::NotVisible
                    | AuthMethodError::TooLong { .. }),
                ) => Err(vec![Broken::new(password, RegistryFileMistake::Login(error))]),
            }
        }
    }
}

fn proxy_choice(proxy: &RegistryProxy, shared: &mut Shared) -> Result<ProxyChoice, Vec<Broken>> {
    let RegistryProxyServer { server, login, ca } = match proxy {
        RegistryProxy::Environment => return Ok(ProxyChoice::Environment),
        RegistryProxy::Direct => return Ok(ProxyChoice::Direct),
        RegistryProxy::Server(server) => server,
    };
    let server = match login {
        None => Ok(server.clone()),
        Some((username, password)) => self::login(username, password).and_then(|(user, secret)| {
            let refused = |error| vec![Broken::new(username, RegistryFileMistake::ProxyLogin(error))];
            server.clone().with_login(&user, &secret).map_err(refused)
        }),
    };
    match (server, shared.roots(ca.as_deref())) {
        (Ok(server), Ok(roots)) => Ok(ProxyChoice::Server { server, roots }),
        (server, roots) => Err(server.err().into_iter().chain(roots.err()).flatten().collect()),
    }
}

fn login(username: &Path, password: &Path) -> Result<(String, Vec<u8>), Vec<Broken>> {
    match (user(username), line(password)) {
        (Ok(user), Ok(password)) => Ok((user, password)),
        (user, password) => Err(user.err().into_iter().chain(password.err()).collect()),
    }
}

fn user(path: &Path) -> Result<String, Broken> {
    String::from_utf8(line(path)?).map_err(|_| Broken::new(path, RegistryFileMistake::NotUtf8))
}

/// What is in a file, without what editors add: white space at its end, a byte order mark at its beginning.
fn line(path: &Path) -> Result<Vec<u8>, Broken> {
    let broken = |mistake| Broken::new(path, mistake);
    let bytes = bytes(path).map_err(broken)?;
    let content = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&bytes).trim_ascii_end();
    if content.is_empty() {
        return Err(broken(RegistryFileMistake::Empty));
    }
    Ok(content.to_vec())
}

fn bytes(path: &Path) -> Result<Vec<u8>, RegistryFileMistake> {
    let failed = |error: std::io::Error| RegistryFileMistake::Unreadable { detail: error.to_string() };
    let file = File::open(path).map_err(failed)?;
    let mut bytes = Vec::new();
    let cut = u64::try_from(FILE_BYTES).unwrap_or(u64::MAX).saturating_add(1);
    file.take(cut).read_to_end(&mut bytes).map_err(failed)?;
    if bytes.len() > FILE_BYTES {
        return Err(RegistryFileMistake::TooLarge);
    }
    Ok(bytes)
}
