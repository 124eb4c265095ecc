//! Findings in the files of the registries: mistakes with their effects, and warnings.

use std::fmt;
use std::path::Path;
use std::path::PathBuf;

use super::MistakeList;
use countersign_core::codec::mismatch::Mismatch;
use countersign_core::codec::mismatch::Mismatched;
use countersign_core::codec::mismatch::mismatch_error;
use countersign_credentials::AuthMethodError;
use countersign_credentials::DockerConfigError;
use countersign_credentials::DockerConfigWarning;
use countersign_credentials::EntryMistake;
use countersign_files::ShownPath;
use countersign_http::ClientCertificateError;
use countersign_http::ProxyServerError;
use countersign_http::RootCertificatesError;
use countersign_registry::RegistryPattern;

/// Maximum size of a file with a credential or with certificate authorities, in bytes: what a Secret or ConfigMap can hold.
pub(super) const FILE_BYTES: usize = 1024 * 1024;

/// A finding about a file of a registry, of `evidence`, of `aws` or of `azure`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RegistryFinding {
    pub owner: FileOwner,
    pub path: PathBuf,
    pub kind: FindingKind,
}

/// What a file is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FileOwner {
    /// The element of `registries` with this `host`.
    Registry(RegistryPattern),
    /// `evidence.proxy`.
    EvidenceProxy,
    /// `evidence.ca`.
    EvidenceCa,
    /// `aws.proxy`.
    AwsProxy,
    /// `aws.ca`.
    AwsCa,
    /// `azure.proxy`.
    AzureProxy,
    /// `azure.ca`.
    AzureCa,
}

impl fmt::Display for FileOwner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Registry(host) => write!(f, "registry {host}"),
            Self::EvidenceProxy => f.write_str("evidence.proxy"),
            Self::EvidenceCa => f.write_str("evidence.ca"),
            Self::AwsProxy => f.write_str("aws.proxy"),
            Self::AwsCa => f.write_str("aws.ca"),
            Self::AzureProxy => f.write_str("azure.proxy"),
            Self::AzureCa => f.write_str("azure.ca"),
        }
    }
}

/// See [`RegistryFinding`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FindingKind {
    /// The file cannot be used.
    File { mistake: RegistryFileMistake, effect: FileEffect },
    /// An entry of a Docker configuration is disabled; the others are in use.
    Entry(EntryMistake),
    /// A warning.
    Warning(RegistryFileWarning),
}

/// The effect of an unusable file on its registry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileEffect {
    /// The registry is disabled, so that its images are inconclusive; or no evidence is requested; or AWS, Azure or Google Cloud is not called.
    Disabled,
    /// The former content of the file stays in use.
    Kept,
}

/// A mistake in a file, as a predicate. Never shows the content of a credential file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RegistryFileMistake {
    Unreadable { detail: String },
    TooLarge,
    Empty,
    NotUtf8,
    Login(AuthMethodError),
    ProxyLogin(ProxyServerError),
    DockerConfig(DockerConfigError),
    Authorities(RootCertificatesError),
    ClientCertificate(ClientCertificateError),
}

impl RegistryFileMistake {
    /// The path of the file, as it may be shown.
    #[must_use]
    pub fn shown<'a>(&self, path: &'a Path) -> ShownPath<'a> {
        match self {
            Self::Unreadable { detail: _ } => ShownPath::missing(path),
            Self::TooLarge
            | Self::Empty
            | Self::NotUtf8
            | Self::Login(_)
            | Self::ProxyLogin(_)
            | Self::DockerConfig(_)
            | Self::Authorities(_)
            | Self::ClientCertificate(_) => ShownPath::there(path),
        }
    }
}

impl Mismatched for RegistryFileMistake {
    fn mismatch(&self) -> Mismatch {
        match self {
            Self::Unreadable { detail } => {
                Mismatch::new(format_args!("cannot be read: {detail}")).expecting("a readable file")
            }
            Self::TooLarge => Mismatch::new(format_args!("has more than {FILE_BYTES} bytes"))
                .expecting(format_args!("at most {FILE_BYTES} bytes")),
            Self::Empty => Mismatch::new("is empty").expecting("a user name or a password"),
            Self::NotUtf8 => Mismatch::new("is not UTF-8").expecting("UTF-8"),
            Self::Login(error) => error.mismatch(),
            Self::ProxyLogin(error) => error.mismatch().of("has"),
            Self::DockerConfig(error) => error.mismatch(),
            Self::Authorities(error) => error.mismatch(),
            Self::ClientCertificate(error) => error.mismatch(),
        }
    }
}

mismatch_error!(RegistryFileMistake);

/// See [`FindingKind::Warning`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RegistryFileWarning {
    DockerConfig(DockerConfigWarning),
    /// The Docker configuration has no entry for the only host that uses it.
    NoEntryForHost,
}

/// All mistakes in the files that `registries` names; at least one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RegistryFilesError {
    mistakes: Vec<RegistryFinding>,
}

impl RegistryFilesError {
    /// None without a mistake.
    pub(super) fn of(mistakes: Vec<RegistryFinding>) -> Option<Self> {
        (!mistakes.is_empty()).then_some(Self { mistakes })
    }

    #[must_use]
    pub fn mistakes(&self) -> &[RegistryFinding] {
        &self.mistakes
    }
}

impl fmt::Display for RegistryFilesError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        MistakeList { subject: "the files of the registries have", mistakes: &self.mistakes }.fmt(f)
    }
}

impl std::error::Error for RegistryFilesError {}

impl RegistryFinding {
    #[must_use]
    pub fn is_mistake(&self) -> bool {
        match self.kind {
            FindingKind::File { .. } | FindingKind::Entry(_) => true,
            FindingKind::Warning(_) => false,
        }
    }

    /// The path, as it may be shown.
    #[must_use]
    pub fn shown_path(&self) -> ShownPath<'_> {
        match &self.kind {
            FindingKind::File { mistake, effect: _ } => mistake.shown(&self.path),
            FindingKind::Entry(_) | FindingKind::Warning(_) => ShownPath::there(&self.path),
        }
    }

    /// The mistake in the file, without its path.
    #[must_use]
    pub fn mismatch(&self) -> Mismatch {
        match &self.kind {
            FindingKind::File { mistake, effect: _ } => mistake.mismatch(),
            FindingKind::Entry(mistake) => mistake.mismatch(),
            FindingKind::Warning(warning) => Mismatch::new(warning),
        }
    }

    /// A warning as a sentence with the names of file and registry.
    #[must_use]
    pub fn warning(&self) -> String {
        format!("{self}, for {}", self.owner)
    }

    /// The effect, as a sentence with the names of registry and file and without the mistake. `None` for a warning.
    #[must_use]
    pub fn effect_summary(&self) -> Option<String> {
        let Self { owner, path: _, kind } = self;
        let path = self.shown_path();
        match kind {
            FindingKind::File { mistake: _, effect: FileEffect::Disabled } => {
                Some(format!("{owner} is disabled: {path} has a mistake"))
            }
            FindingKind::File { mistake: _, effect: FileEffect::Kept } => {
                Some(format!("{owner} keeps the former content of {path}"))
            }
            FindingKind::Entry(EntryMistake { key, error: _ }) => {
                Some(format!("entry {key} of {path} ({owner}) is disabled, so that its images are inconclusive"))
            }
            FindingKind::Warning(_) => None,
        }
    }

    /// The effect, as a sentence with the names of registry and file.
    #[must_use]
    pub fn effect(&self) -> String {
        let Self { owner, path: _, kind } = self;
        let path = self.shown_path();
        match kind {
            FindingKind::File { mistake, effect: FileEffect::Disabled } => {
                format!("{owner} is disabled: {path}: {mistake}")
            }
            FindingKind::File { mistake, effect: FileEffect::Kept } => {
                format!("{owner} keeps the former content of {path}: {mistake}")
            }
            FindingKind::Entry(mistake) => {
                format!(
                    "an entry of {path} ({owner}) is disabled, so that its images are inconclusive: \
                     {mistake}"
                )
            }
            FindingKind::Warning(warning) => format!("{owner}: {path}: {warning}"),
        }
    }
}

impl fmt::Display for RegistryFinding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.shown_path(), self.mismatch())
    }
}

impl RegistryFileWarning {
    /// Stable text, for machines.
    #[must_use]
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::DockerConfig(warning) => warning.as_str(),
            Self::NoEntryForHost => "no-credentials",
        }
    }
}

impl fmt::Display for RegistryFileWarning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::DockerConfig(warning) => warning.fmt(f),
            Self::NoEntryForHost => f.write_str("has no entry for this registry, which is used anonymously"),
        }
    }
}

impl FileEffect {
    pub(super) fn of<T>(kept: Option<&T>) -> Self {
        if kept.is_some() { Self::Kept } else { Self::Disabled }
    }
}
