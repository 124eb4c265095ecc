//! Loads the files of one registry.

use std::collections::HashMap;
use std::collections::HashSet;
use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;

use countersign_core::codec::text::Text;
use countersign_core::name::Host;
use countersign_credentials::AuthMethodError;
use countersign_credentials::Credential;
use countersign_credentials::DockerConfig;
use countersign_credentials::DockerConfigWarning;
use countersign_credentials::ReloadableCredential;
use countersign_credentials::Secret;
use countersign_files::ShownPath;
use countersign_http::ClientCertificate;
use countersign_http::ProxyChoice;
use countersign_http::RootCertificates;
use countersign_http::Roots;
use countersign_registry::EntryCertificate;
use countersign_registry::HostPattern;
use countersign_registry::RegistryEntry;

use super::read::Broken;
use super::read::authorities;
use super::read::bytes;
use super::read::login;
use crate::config::Credentials;
use crate::config::Registry;
use crate::config::RegistryCertificate;
use crate::config::RegistryProxy;
use crate::config::RegistryProxyServer;
use crate::config::registry_findings::FileEffect;
use crate::config::registry_findings::FileOwner;
use crate::config::registry_findings::FindingKind;
use crate::config::registry_findings::RegistryFileMistake;
use crate::config::registry_findings::RegistryFileWarning;
use crate::config::registry_findings::RegistryFinding;

/// One element of `registries` with the content of its files.
#[derive(Clone, Debug)]
pub(super) struct LoadedRegistry {
    pub(super) registry: Registry,
    /// Disables the registry if any of its files cannot be used.
    pub(super) credential: Credential,
    /// Supplies the registry client with `credential`.
    pub(super) source: Arc<ReloadableCredential>,
    pub(super) roots: Roots,
    pub(super) client_certificate: Option<ClientCertificate>,
    pub(super) proxy: ProxyChoice,
    /// Whether the proxy could be loaded. Otherwise the registry is disabled.
    has_proxy: bool,
    /// Whether a file cannot be used.
    is_disabled: bool,
    pub(super) findings: Vec<RegistryFinding>,
}

impl LoadedRegistry {
    /// Loads the files of `registry`. If a file cannot be used now but could when `former` was loaded, its former
    /// content stays in use.
    pub(super) fn load(registry: &Registry, former: Option<&Self>, shared: &mut SharedFiles) -> Self {
        let Registry { host, ca, credentials, proxy, .. } = registry;
        let mut files = Files::of(FileOwner::Registry(host.clone()));
        // The former content applies only if the element names the same files.
        let of_same = |same: fn(&Registry, &Registry) -> bool| former.filter(|former| same(&former.registry, registry));
        let former_roots = of_same(|a, b| a.ca == b.ca).map(|former| &former.roots);
        let former_roots = former_roots.filter(|roots| !matches!(roots, Roots::Unusable { .. })).cloned();
        let roots = files.or_former(shared.roots(ca.as_deref()), former_roots);
        let former_certificate = of_same(|a, b| a.client_certificate == b.client_certificate)
            .and_then(|former| former.client_certificate.clone());
        let certificate = registry.client_certificate.as_ref();
        // Without the certificate no request is sent, so `None` is a mistake if there should be one.
        let client_certificate =
            certificate.and_then(|paths| files.or_former(self::client_certificate(paths), former_certificate));
        let former_credential = of_same(|a, b| a.credentials == b.credentials).map(|former| &former.credential);
        let former_credential = former_credential.filter(|former| !matches!(former, Credential::Unusable(_))).cloned();
        let credential = files.or_former(self::credential(credentials, shared), former_credential);
        // There is no former content if it could not be read before either.
        let former_proxy = of_same(|a, b| a.proxy == b.proxy).filter(|former| former.has_proxy);
        let proxy = files.or_former(proxy_choice(proxy, shared), former_proxy.map(|former| former.proxy.clone()));
        if let (Some(Credential::DockerConfig(config)), Credentials::DockerConfig(path)) = (&credential, credentials) {
            let is_first = shared.reported.insert(path.clone());
            docker_config(config, host.host(), is_first, |kind| files.found(path, kind));
        }
        let Files { owner: _, findings, unusable } = files;
        let unusable = mistake_in_entry(registry).or(unusable);
        let is_disabled = unusable.is_some();
        let credential = unusable.map_or_else(|| credential.unwrap_or(Credential::Anonymous), Credential::Unusable);
        Self {
            registry: registry.clone(),
            source: Arc::new(ReloadableCredential::new(credential.clone())),
            credential,
            client_certificate,
            roots: roots.unwrap_or_else(|| Roots::Unusable { file: ca.as_deref().map_or_else(String::new, shown) }),
            has_proxy: proxy.is_some(),
            is_disabled,
            proxy: proxy.unwrap_or(ProxyChoice::Direct),
            findings,
        }
    }

    /// See [`RegistryFiles::pull_secret_keys`](super::RegistryFiles::pull_secret_keys).
    pub(super) fn pull_secret_keys(&self) -> Vec<String> {
        let host: Option<Host> = self.registry.host.host().exact().and_then(|host| host.parse().ok());
        match (&self.credential, host) {
            (Credential::DockerConfig(config), Some(host)) => {
                config.keys_on(&host).map(|key| key.escaped().to_owned()).collect()
            }
            (
                Credential::DockerConfig(_)
                | Credential::Anonymous
                | Credential::Static(_)
                | Credential::Issued(_)
                | Credential::Unusable(_),
                _,
            ) => Vec::new(),
        }
    }

    /// Uses this credential, unless the registry is disabled.
    pub(super) fn issue(&mut self, credential: Credential) {
        if !self.is_disabled {
            self.source.replace(credential.clone());
            self.credential = credential;
        }
    }

    /// The entry of the registry client's settings.
    pub(super) fn entry(&self) -> RegistryEntry {
        RegistryEntry {
            pattern: self.registry.host.clone(),
            identities: Arc::clone(&self.source) as _,
            scheme: self.registry.scheme(),
            roots: self.roots.clone(),
            client_certificate: self.entry_certificate(),
            realm_hosts: self.registry.realm_hosts.clone(),
            proxy: self.proxy.clone(),
            mirrors: self.registry.mirrors.clone(),
            fallback_tag: self.registry.fallback_tag,
            numbers: self.registry.numbers(),
        }
    }

    fn entry_certificate(&self) -> Option<EntryCertificate> {
        let for_realm_hosts =
            self.registry.client_certificate.as_ref().is_some_and(|certificate| certificate.for_realm_hosts);
        self.client_certificate.clone().map(|certificate| EntryCertificate { certificate, for_realm_hosts })
    }

    /// Whether the registry client has the same entry for both, apart from the credential.
    pub(super) fn is_reached_as(&self, other: &Self) -> bool {
        let entry = |loaded: &Self| {
            let Registry { host, realm_hosts, mirrors, fallback_tag, .. } = loaded.registry.clone();
            let reached =
                (host, loaded.registry.scheme(), realm_hosts, mirrors, fallback_tag, loaded.registry.numbers());
            (reached, loaded.roots.clone(), loaded.entry_certificate(), loaded.proxy.clone())
        };
        entry(self) == entry(other)
    }
}

/// Files that more than one registry may name: one pull secret for all of them is usual. Each is read once, held in memory
/// once, and its mistakes are reported once, for the first registry that names it.
#[derive(Default)]
pub(super) struct SharedFiles {
    authorities: HashMap<PathBuf, Result<RootCertificates, RegistryFileMistake>>,
    docker_configs: HashMap<PathBuf, Result<Arc<DockerConfig>, RegistryFileMistake>>,
    reported: HashSet<PathBuf>,
}

impl SharedFiles {
    fn roots(&mut self, ca: Option<&Path>) -> Result<Roots, Vec<Broken>> {
        let Some(path) = ca else { return Ok(Roots::System) };
        let authorities = self.authorities.entry(path.to_owned()).or_insert_with(|| authorities(path));
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

/// `evidence.proxy`, `aws.proxy` or `azure.proxy` with the content of its files.
#[derive(Clone, Debug)]
pub(super) struct LoadedProxy {
    configured: RegistryProxy,
    /// An error is the reason why nothing is requested: no request is sent without the configured proxy.
    pub(super) choice: Result<ProxyChoice, Text>,
    pub(super) findings: Vec<RegistryFinding>,
}

impl LoadedProxy {
    /// As [`LoadedRegistry::load`].
    pub(super) fn load(
        owner: FileOwner,
        configured: &RegistryProxy,
        former: Option<&Self>,
        shared: &mut SharedFiles,
    ) -> Self {
        let mut files = Files::of(owner);
        let former = former.filter(|former| former.configured == *configured);
        let former = former.and_then(|former| former.choice.clone().ok());
        let choice = files.or_former(proxy_choice(configured, shared), former);
        let Files { owner: _, findings, unusable } = files;
        let choice = choice.ok_or_else(|| unusable.unwrap_or_default());
        Self { configured: configured.clone(), choice, findings }
    }
}

/// `evidence.ca`, `aws.ca` or `azure.ca` with the content of its file.
#[derive(Clone, Debug)]
pub(super) struct LoadedRoots {
    configured: Option<PathBuf>,
    /// Unusable if the file is: no https address is reached then.
    pub(super) roots: Roots,
    pub(super) findings: Vec<RegistryFinding>,
}

impl LoadedRoots {
    /// As [`LoadedRegistry::load`].
    pub(super) fn load(owner: FileOwner, ca: Option<&Path>, former: Option<&Self>, shared: &mut SharedFiles) -> Self {
        let mut files = Files::of(owner);
        let former = former.filter(|former| former.configured.as_deref() == ca).map(|former| &former.roots);
        let former = former.filter(|roots| !matches!(roots, Roots::Unusable { .. })).cloned();
        let roots = files.or_former(shared.roots(ca), former);
        Self {
            configured: ca.map(Path::to_owned),
            roots: roots.unwrap_or_else(|| Roots::Unusable { file: ca.map_or_else(String::new, shown) }),
            findings: files.findings,
        }
    }
}

/// The findings in the files of one registry, or of another owner.
struct Files {
    owner: FileOwner,
    findings: Vec<RegistryFinding>,
    /// Why the owner is disabled, if it is: the first reason.
    unusable: Option<Text>,
}

impl Files {
    fn of(owner: FileOwner) -> Self {
        Self { owner, findings: Vec::new(), unusable: None }
    }

    fn found(&mut self, path: &Path, kind: FindingKind) {
        self.findings.push(RegistryFinding { owner: self.owner.clone(), path: path.to_owned(), kind });
    }

    /// The present or former content of the files. `None` disables the registry.
    fn or_former<T>(&mut self, read: Result<T, Vec<Broken>>, former: Option<T>) -> Option<T> {
        let broken = match read {
            Ok(read) => return Some(read),
            Err(broken) => broken,
        };
        for Broken { path, mistake } in broken {
            if former.is_none() && self.unusable.is_none() {
                self.unusable = Some(Text::of(format_args!("{}: {mistake}", mistake.shown(&path))));
            }
            self.found(&path, FindingKind::File { mistake, effect: FileEffect::of(former.as_ref()) });
        }
        former
    }
}

fn shown(path: &Path) -> String {
    ShownPath::missing(path).to_string()
}

/// Reports warnings about a readable Docker configuration. Warnings that concern every registry that names it are
/// reported for the first one.
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

/// Why no request is sent under an entry with mistakes: what it says of its credentials or the way to the registry is not known.
fn mistake_in_entry(registry: &Registry) -> Option<Text> {
    let keys = registry.mistaken.join(", ");
    (!keys.is_empty()).then(|| Text::of(format_args!("{} has a mistake in {keys}", registry.rule())))
}

/// The credential of a registry whose tokens a service issues, until `issue_ecr`, `issue_acr` or `issue_google` of
/// [`RegistryFiles`](super::RegistryFiles).
const ECR_NOT_ISSUED: &str = "credentials.ecr: tokens of Amazon ECR are not requested here";
const ACR_NOT_ISSUED: &str = "credentials.acr: tokens of Azure Container Registry are not requested here";
const GOOGLE_NOT_ISSUED: &str = "credentials.google: tokens of Google Cloud are not requested here";

/// The credential of an entry whose credentials cannot be read.
const BROKEN: &str = "credentials have a mistake";

fn credential(credentials: &Credentials, shared: &mut SharedFiles) -> Result<Credential, Vec<Broken>> {
    match credentials {
        Credentials::Anonymous => Ok(Credential::Anonymous),
        Credentials::Broken(readable) => {
            credential(readable, shared)?;
            Ok(Credential::Unusable(Text::of(BROKEN)))
        }
        Credentials::DockerConfig(path) => shared.docker_config(path),
        Credentials::Ecr(_) => Ok(Credential::Unusable(Text::of(ECR_NOT_ISSUED))),
        Credentials::Acr(_) => Ok(Credential::Unusable(Text::of(ACR_NOT_ISSUED))),
        Credentials::Google(_) => Ok(Credential::Unusable(Text::of(GOOGLE_NOT_ISSUED))),
        Credentials::Files { username, password } => {
            let (user, secret) = login(username, password)?;
            let origin = format_args!(
                "credentials.usernameFile {} and credentials.passwordFile {}",
                username.display(),
                password.display()
            );
            let credential = Credential::basic(user, Secret::new(secret));
            credential.map(|credential| credential.with_origin(origin)).map_err(|error| {
                let path = match error {
                    AuthMethodError::Colon | AuthMethodError::EmptyUser => username,
                    AuthMethodError::EmptyPassword
                    | AuthMethodError::EmptyToken
                    | AuthMethodError::NotVisible
                    | AuthMethodError::TooLong { .. } => password,
                };
                vec![Broken::new(path, RegistryFileMistake::Login(error))]
            })
        }
    }
}

/// The two files are read one after the other: while they are replaced, the key may not fit the certificate. They are read again
/// at the next poll, and the former content stays in use until then.
fn client_certificate(paths: &RegistryCertificate) -> Result<ClientCertificate, Vec<Broken>> {
    let RegistryCertificate { certificate, key, for_realm_hosts: _ } = paths;
    let read = |path: &Path| bytes(path).map_err(|mistake| Broken::new(path, mistake));
    match (read(certificate), read(key)) {
        (Ok(certificate_pem), Ok(key_pem)) => ClientCertificate::parse(&certificate_pem, &key_pem).map_err(|error| {
            let path = if error.is_of_key() { key } else { certificate };
            vec![Broken::new(path, RegistryFileMistake::ClientCertificate(error))]
        }),
        (certificate, key) => Err(certificate.err().into_iter().chain(key.err()).collect()),
    }
}

fn proxy_choice(proxy: &RegistryProxy, shared: &mut SharedFiles) -> Result<ProxyChoice, Vec<Broken>> {
    let RegistryProxyServer { server, login: login_files, ca } = match proxy {
        RegistryProxy::Environment => return Ok(ProxyChoice::Environment),
        RegistryProxy::Direct => return Ok(ProxyChoice::Direct),
        RegistryProxy::Server(server) => server,
    };
    let server = match login_files {
        None => Ok(server.clone()),
        Some((username, password)) => login(username, password).and_then(|(user, secret)| {
            let refused = |error| vec![Broken::new(username, RegistryFileMistake::ProxyLogin(error))];
            server.clone().with_login(&user, &secret).map_err(refused)
        }),
    };
    match (server, shared.roots(ca.as_deref())) {
        (Ok(server), Ok(roots)) => Ok(ProxyChoice::Server { server, roots }),
        (server, roots) => Err(server.err().into_iter().chain(roots.err()).flatten().collect()),
    }
}
