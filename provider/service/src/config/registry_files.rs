//! From registries as configured to registries with their credentials: reads the files that the configuration names.
//!
//! A file with a mistake disables the registry that it is for and nothing else: its images are inconclusive, and no
//! request is sent without the content of the file. If the file was valid before, its former content stays in use.

mod load;
mod read;

use std::collections::HashMap;
use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;

use countersign_core::codec::text::Text;
use countersign_core::name::Digest;
use countersign_core::name::DigestAlgorithm;
use countersign_credentials::Credential;
use countersign_http::ClientCertificate;
use countersign_http::ProxyChoice;
use countersign_http::ProxyEnvironment;
use countersign_http::Roots;
use countersign_registry::RegistryPattern;
use countersign_registry::RegistrySettings;

use self::load::LoadedProxy;
use self::load::LoadedRegistry;
use self::load::LoadedRoots;
use self::load::SharedFiles;
pub use self::read::AUTHORITIES_BYTES;
pub use self::read::authorities;
use self::read::bytes;
pub use self::read::file_mistake;
use super::Config;
use super::Credentials;
use super::Ecr;
use super::EntraIdentity;
use super::GoogleAccount;
use super::RegistryAccess;
use super::RegistryCertificate;
use super::RegistryProxy;
use super::RegistryProxyServer;
use super::registry_findings::FileOwner;
use super::registry_findings::FindingKind;
use super::registry_findings::RegistryFilesError;
use super::registry_findings::RegistryFinding;

/// The content of the files that `registries`, `evidence`, `aws` and `azure` name.
#[derive(Clone, Debug)]
pub struct RegistryFiles {
    registries: Vec<LoadedRegistry>,
    evidence_proxy: LoadedProxy,
    evidence_roots: LoadedRoots,
    aws_proxy: LoadedProxy,
    aws_roots: LoadedRoots,
    azure_proxy: LoadedProxy,
    azure_roots: LoadedRoots,
}

impl RegistryFiles {
    /// All findings, in the order of the configuration.
    pub fn findings(&self) -> impl Iterator<Item = &RegistryFinding> {
        let of_registries = self.registries.iter().flat_map(|loaded| &loaded.findings);
        let of_evidence = self.evidence_proxy.findings.iter().chain(&self.evidence_roots.findings);
        let of_aws = self.aws_proxy.findings.iter().chain(&self.aws_roots.findings);
        let of_azure = self.azure_proxy.findings.iter().chain(&self.azure_roots.findings);
        of_registries.chain(of_evidence).chain(of_aws).chain(of_azure)
    }

    /// The credential of each registry, in order of the configuration.
    pub fn credentials(&self) -> impl Iterator<Item = (&RegistryPattern, &Credential)> {
        self.registries.iter().map(|loaded| (&loaded.registry.host, &loaded.credential))
    }

    /// The client certificates in use, with the entry of each, in order of the configuration.
    pub fn client_certificates(&self) -> impl Iterator<Item = (&RegistryPattern, &ClientCertificate)> {
        self.registries.iter().filter_map(|loaded| {
            loaded.client_certificate.as_ref().map(|certificate| (&loaded.registry.host, certificate))
        })
    }

    /// The client certificate of each registry, in order of the configuration.
    pub fn client_certificate_of_each(&self) -> impl Iterator<Item = Option<&ClientCertificate>> {
        self.registries.iter().map(|loaded| loaded.client_certificate.as_ref())
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
        let is_old = |new: &RegistryFinding, old: &RegistryFinding| new.owner == old.owner && new.path == old.path;
        let old = broken(former);
        let mut mistakes = broken(self);
        mistakes.retain(|new| !old.iter().any(|old| is_old(new, old)));
        RegistryFilesError::of(mistakes)
    }

    /// Whether both have the same registries with the same files' content, apart from credentials.
    #[must_use]
    pub fn differs_in_credentials_only(&self, other: &Self) -> bool {
        let (own, others) = (&self.registries, &other.registries);
        own.len() == others.len()
            && own.iter().zip(others).all(|(own, other)| own.is_reached_as(other))
            && self.evidence_proxy.choice == other.evidence_proxy.choice
            && self.evidence_roots.roots == other.evidence_roots.roots
            && self.aws_proxy.choice == other.aws_proxy.choice
            && self.aws_roots.roots == other.aws_roots.roots
            && self.azure_proxy.choice == other.azure_proxy.choice
            && self.azure_roots.roots == other.azure_roots.roots
    }

    /// Uses the credentials that `issue` makes for the registries with `credentials.ecr`. Until then these are unusable.
    pub fn issue_ecr(&mut self, mut issue: impl FnMut(&Ecr) -> Credential) {
        self.issue(|credentials| credentials.ecr().map(&mut issue));
    }

    /// As [`Self::issue_ecr`], of `credentials.acr`.
    pub fn issue_acr(&mut self, mut issue: impl FnMut(&EntraIdentity) -> Credential) {
        self.issue(|credentials| credentials.acr().map(&mut issue));
    }

    /// As [`Self::issue_ecr`], of `credentials.google`.
    pub fn issue_google(&mut self, mut issue: impl FnMut(&GoogleAccount) -> Credential) {
        self.issue(|credentials| credentials.google().map(&mut issue));
    }

    fn issue(&mut self, mut issue: impl FnMut(&Credentials) -> Option<Credential>) {
        for loaded in &mut self.registries {
            if let Some(credential) = issue(&loaded.registry.credentials) {
                loaded.issue(credential);
            }
        }
    }

    /// Moves changed credentials into the sources of `former`, which the registry client uses, and keeps these
    /// sources. Returns whether any differs. Both must differ in credentials only.
    pub fn replace_credentials(&mut self, former: &Self) -> bool {
        let mut replaced = false;
        for (loaded, former) in self.registries.iter_mut().zip(&former.registries) {
            if loaded.credential != former.credential {
                former.source.replace(loaded.credential.clone());
                replaced = true;
            }
            loaded.source = Arc::clone(&former.source);
        }
        replaced
    }

    /// For each registry, in order of the configuration, the keys of the entries of its pull secret that are for its host. None
    /// for a pattern of hosts, where each host has its own.
    #[must_use]
    pub fn pull_secret_keys(&self) -> Vec<Vec<String>> {
        self.registries.iter().map(LoadedRegistry::pull_secret_keys).collect()
    }

    /// The proxy for requests for evidence.
    ///
    /// # Errors
    /// A file of it cannot be used, so no request may be sent.
    pub fn evidence_proxy(&self) -> Result<&ProxyChoice, &Text> {
        self.evidence_proxy.choice.as_ref()
    }

    /// The authorities of https addresses of evidence.
    #[must_use]
    pub fn evidence_roots(&self) -> &Roots {
        &self.evidence_roots.roots
    }

    /// The proxy for requests to AWS.
    ///
    /// # Errors
    /// A file of it cannot be used, so no request may be sent.
    pub fn aws_proxy(&self) -> Result<&ProxyChoice, &Text> {
        self.aws_proxy.choice.as_ref()
    }

    /// The authorities that are trusted for AWS.
    #[must_use]
    pub fn aws_roots(&self) -> &Roots {
        &self.aws_roots.roots
    }

    /// The proxy for requests to Azure.
    ///
    /// # Errors
    /// A file of it cannot be used, so no request may be sent.
    pub fn azure_proxy(&self) -> Result<&ProxyChoice, &Text> {
        self.azure_proxy.choice.as_ref()
    }

    /// The authorities that are trusted for Azure.
    #[must_use]
    pub fn azure_roots(&self) -> &Roots {
        &self.azure_roots.roots
    }

    /// The settings of the registry client, with credentials and certificate authorities. Without the proxies of the
    /// environment, which are no part of a configuration.
    #[must_use]
    pub fn settings(&self, config: &Config) -> RegistrySettings {
        let RegistryAccess { connect_timeout, request_timeout, max_requests_per_host, max_requests, keep_connections } =
            config.registry_access;
        RegistrySettings {
            registries: self.registries.iter().map(LoadedRegistry::entry).collect(),
            unlisted: config.unlisted_registries,
            connect_timeout,
            request_timeout,
            requests_per_host: max_requests_per_host,
            requests: max_requests,
            tag_lifetime: config.cache.tag_lifetime,
            keep_connections,
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
            if let Some(RegistryCertificate { certificate, key, for_realm_hosts: _ }) = &registry.client_certificate {
                add(certificate);
                add(key);
            }
            match &registry.credentials {
                // The secret of an application is read for each token.
                Credentials::Anonymous
                | Credentials::Broken(_)
                | Credentials::Ecr(_)
                | Credentials::Acr(_)
                | Credentials::Google(_) => {}
                Credentials::DockerConfig(path) => add(path),
                Credentials::Files { username, password } => {
                    add(username);
                    add(password);
                }
            }
        }
        self.evidence.ca.iter().chain(&self.aws.ca).chain(&self.azure.ca).for_each(|path| add(path));
        let of_registries = self.registries.iter().map(|registry| &registry.proxy);
        for proxy in of_registries.chain([&self.evidence.proxy, &self.aws.proxy, &self.azure.proxy]) {
            if let RegistryProxy::Server(RegistryProxyServer { server: _, login, ca }) = proxy {
                for path in login.iter().flat_map(|(username, password)| [username, password]).chain(ca) {
                    add(path);
                }
            }
        }
        Digest::of(DigestAlgorithm::Sha256, &all)
    }

    /// Reads the files of the registries. If a file cannot be used now but could when `former` was read, its former
    /// content stays in use.
    #[must_use]
    pub fn registry_files(&self, former: Option<&RegistryFiles>) -> RegistryFiles {
        let mut shared = SharedFiles::default();
        let registries = self.registries.iter().map(|registry| {
            let mut former = former.into_iter().flat_map(|former| &former.registries);
            let former = former.find(|former| former.registry.host == registry.host);
            LoadedRegistry::load(registry, former, &mut shared)
        });
        let registries = registries.collect();
        let mut proxy = |owner, configured, former| LoadedProxy::load(owner, configured, former, &mut shared);
        let evidence_proxy =
            proxy(FileOwner::EvidenceProxy, &self.evidence.proxy, former.map(|former| &former.evidence_proxy));
        let aws_proxy = proxy(FileOwner::AwsProxy, &self.aws.proxy, former.map(|former| &former.aws_proxy));
        let azure_proxy = proxy(FileOwner::AzureProxy, &self.azure.proxy, former.map(|former| &former.azure_proxy));
        let mut roots =
            |owner, ca: &Option<PathBuf>, former| LoadedRoots::load(owner, ca.as_deref(), former, &mut shared);
        let evidence_roots =
            roots(FileOwner::EvidenceCa, &self.evidence.ca, former.map(|former| &former.evidence_roots));
        let aws_roots = roots(FileOwner::AwsCa, &self.aws.ca, former.map(|former| &former.aws_roots));
        let azure_roots = roots(FileOwner::AzureCa, &self.azure.ca, former.map(|former| &former.azure_roots));
        RegistryFiles { registries, evidence_proxy, evidence_roots, aws_proxy, aws_roots, azure_proxy, azure_roots }
    }
}
