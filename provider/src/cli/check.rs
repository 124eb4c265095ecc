//! `countersign check`: the configuration and every file that it names: all mistakes at once, warnings, and what would be
//! used. Without a network, unless `--online` is given.

mod aws_calls;
mod cold_image;
mod endpoint_certificates;
mod events;
mod fetched_stores;
mod images;
mod json;
mod local_files;
mod mounts;
mod online;
mod pod;
mod providers;
mod read_locations;
mod registries;
mod signer_roots;
mod text;
mod token_calls;
mod tried_images;
mod trust;

use std::fmt;
use std::io;
use std::io::Write;
use std::path::Path;
use std::path::PathBuf;
use std::time::Duration;

use countersign_core::codec::mismatch::Mismatch;
use countersign_core::policy::StoreRef;
use countersign_core::time::UnixTime;
use countersign_files::ShownPath;
use countersign_http::ClientCertificate;

use self::endpoint_certificates::EndpointCertificates;
use self::fetched_stores::FetchedStoreEntry;
use self::images::ImageEntry;
use self::mounts::Mounts;
use self::tried_images::TriedImage;
use super::Exit;
use super::Failure;
use super::args::CheckArgs;
use super::args::Output;
use super::args::Use;
use crate::clock;
use crate::config::Config;
use crate::config::ConfigError;
use crate::config::ConfigReading;
use crate::config::Mistake as ConfigMistake;
use crate::config::Place;
use crate::config::Places;
use crate::config::Purpose;
use crate::config::Registry;
use crate::config::Survey;
use crate::evidence::Survey as EvidenceSurvey;
use crate::policy_source::StatementOutline;
use crate::runtime::aws::AwsSurvey;
use crate::runtime::tokens::TriedToken;

/// Certificates that expire within this time cause a warning: enough time to replace them.
const SOON: Duration = Duration::from_secs(30 * 24 * 3600);

/// Everything that was found.
#[derive(Default)]
pub(super) struct Findings {
    mistakes: Vec<Mistake>,
    /// The configuration, and where it names files.
    file: PathBuf,
    places: Places,
    warnings: Vec<Warning>,
    /// Whether the configuration itself has a mistake, so that a part of it is not as it is written.
    is_config_broken: bool,
    /// Whether something of an image of `--image` could not be read.
    is_image_unread: bool,
    /// The parts of the files that could be read.
    pub(super) config: Option<Config>,
    endpoints: Option<EndpointCertificates>,
    /// The trust stores that are fetched.
    stores: Vec<FetchedStoreEntry>,
    /// For each of the registries, in their order.
    applied: Vec<Applied>,
    /// The entry of `registries` for each image on the command line.
    images: Vec<ImageEntry>,
    /// The files of `--manifests`, as long as they are needed.
    mounts: Option<Mounts>,
    /// The objects of `--provider`, with what was compared and fits; `None` without it.
    compared: Option<Vec<Compared>>,
    /// The addresses that were tried; `None` without `--online`, and if nothing can be tried.
    online: Option<EvidenceSurvey>,
    /// The images of `--image` that were tried.
    tried_images: Vec<TriedImage>,
    /// The calls of AWS that were tried; `None` without `--online`, and if the configuration needs none.
    aws: Option<AwsSurvey>,
    /// The tokens of Azure that were tried; `None` as for AWS.
    azure: Option<Vec<TriedToken>>,
    /// The tokens of Google Cloud that were tried; `None` as for AWS.
    google: Option<Vec<TriedToken>>,
    /// None if no policy document can be used.
    statements: Option<Vec<StatementOutline>>,
}

/// Whose variables of clouds the service will have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Variables {
    /// Those of this process.
    OfProcess,
    /// Those of a pod whose manifests are checked elsewhere: they are not known.
    OfPod,
}

/// What applies to a registry beyond its entry in the configuration. Without secrets.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Applied {
    /// The variable of the environment that names the proxy for the host, and the proxy without its login. None for a
    /// pattern of hosts.
    proxy: Option<(&'static str, String)>,
    /// The keys of the entries of the pull secret for the host, in order of precedence.
    pull_secret_keys: Vec<String>,
    /// None if the entry has none or its files cannot be used.
    client_certificate: Option<ClientCertificate>,
}

/// One mistake and its location.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Mistake {
    file: String,
    /// Counted from 1; `None` if the mistake has no line.
    line: Option<u64>,
    /// Empty for the file as a whole.
    field: String,
    /// The file that the field names, if the mistake is in it.
    named: Option<PathBuf>,
    mismatch: Mismatch,
}

/// A warning: its kind, a stable text, and a sentence.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Warning {
    kind: &'static str,
    message: String,
}

/// An object of the cluster, and what of it fits the configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Compared {
    file: String,
    /// `Provider countersign-verify`.
    object: String,
    /// Each field with its value, and what it fits.
    fits: Vec<(String, String)>,
}

/// A configuration without a server has nothing that a Provider must fit.
#[derive(Debug, thiserror::Error)]
#[error("--provider compares objects with the server's settings: found --for verify, expected --for serve")]
struct ProviderWithoutServer;

pub(super) fn run(args: &CheckArgs) -> Result<Exit, Failure> {
    let now = clock::now();
    let path = &args.config.config;
    let mut findings = match args.manifests.as_slice() {
        [] => Findings::collect(path, purpose(args.purpose), ConfigReading::Once, args.root.as_deref(), now),
        files => Findings::of_manifests(files, path, purpose(args.purpose), now)?,
    };
    if !args.providers.is_empty() {
        if args.purpose != Use::Serve {
            return Err(Failure::usage(ProviderWithoutServer));
        }
        findings.compare_providers(&args.providers, now);
    }
    if let Some(config) = &findings.config {
        findings.images = images::entries(config, &args.entries_for, &findings);
    }
    if args.online
        && let Some(config) = findings.config.take()
    {
        online::check(path, &config, args, &mut findings)?;
        findings.config = Some(config);
    } else if let Some(config) = findings.config.take() {
        trust::not_tried(&config, &mut findings);
        findings.config = Some(config);
    }
    let exit = match (findings.mistakes.is_empty(), findings.is_image_unread) {
        (false, _) => Exit::Usage,
        (true, true) => Exit::Undecided,
        (true, false) => Exit::Success,
    };
    match findings.print(path, args.output, &mut io::stdout().lock()) {
        Ok(()) => Ok(exit),
        // Ignores broken pipes.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(exit),
        Err(error) => Err(Failure::unexpected(anyhow::Error::new(error).context("cannot print the findings"))),
    }
}

fn purpose(purpose: Use) -> Purpose {
    match purpose {
        Use::Serve => Purpose::Serve,
        Use::Verify => Purpose::Verify,
    }
}

impl Findings {
    /// `root` is the directory below which absolute paths of the configuration are.
    pub(super) fn collect(
        path: &Path,
        purpose: Purpose,
        reading: ConfigReading,
        root: Option<&Path>,
        now: UnixTime,
    ) -> Self {
        let mut findings = Self { file: path.to_owned(), ..Self::default() };
        let config = match Config::survey(path, purpose, reading, root) {
            Ok(Survey { config, mistakes, places }) => {
                findings.places = places;
                findings.is_config_broken = !mistakes.is_empty();
                findings.mistakes.extend(mistakes.iter().map(Mistake::from));
                config
            }
            Err(ConfigError::Unreadable { file, source }) => {
                let mismatch = Mismatch::new(format_args!("cannot be read: {source}")).expecting("a YAML file");
                findings.mistake(&file, "", &mismatch);
                None
            }
            Err(ConfigError::Mistakes { file: _, mistakes }) => {
                findings.mistakes.extend(mistakes.iter().map(Mistake::from));
                None
            }
        };
        if let Some(config) = config {
            if let Some(tls) = &config.server.tls {
                findings.endpoints = Some(endpoint_certificates::check(tls, now, &mut findings));
            }
            findings.statements = trust::check(path, &config, now, &mut findings);
            fetched_stores::check(&config, &mut findings);
            let variables = if root.is_some() { Variables::OfPod } else { Variables::OfProcess };
            registries::check(&config, (purpose, variables), now, &mut findings);
            if purpose == Purpose::Serve {
                cold_image::check(&config, &mut findings);
            }
            findings.config = Some(config);
        }
        local_files::check(now, &mut findings);
        findings
    }

    /// As [`Self::collect`], for the files that the container mounts which has the configuration at `path`.
    ///
    /// # Errors
    /// The files cannot be written.
    fn of_manifests(files: &[PathBuf], path: &Path, purpose: Purpose, now: UnixTime) -> Result<Self, Failure> {
        let mut found = Self::default();
        let mounts = mounts::extract(files, path, &mut found).map_err(Failure::unexpected)?;
        let Some(mounts) = mounts else { return Ok(found) };
        let config = path.strip_prefix("/").map_or_else(|_| path.to_owned(), |below| mounts.root.join(below));
        let mut findings = Self::collect(&config, purpose, ConfigReading::Once, Some(&mounts.root), now);
        for unknown in &mounts.unknown {
            let before = findings.mistakes.len();
            let of = |mistake: &Mistake| mistake.named.clone().unwrap_or_else(|| PathBuf::from(&mistake.file));
            findings.mistakes.retain(|mistake| !unknown.concerns(&of(mistake)));
            // An optional one matters only if the configuration names its files.
            if !unknown.is_optional || findings.mistakes.len() < before {
                found.warn("volume-not-in-manifests", &unknown.warning);
            }
        }
        if let Some(config) = &findings.config {
            pod::warnings(&mounts.pod, config).into_iter().for_each(|(kind, message)| found.warn(kind, message));
        }
        findings.mistakes.splice(0..0, found.mistakes);
        findings.warnings.splice(0..0, found.warnings);
        findings.mounts = Some(mounts);
        Ok(findings)
    }

    /// Compares objects of the cluster with the parts of the configuration that could be read.
    fn compare_providers(&mut self, files: &[PathBuf], now: UnixTime) {
        let (config, endpoints) = (self.config.take(), self.endpoints.take());
        if let Some(config) = &config {
            providers::check(files, config, endpoints.as_ref(), now, self);
        }
        (self.config, self.endpoints) = (config, endpoints);
    }

    /// Adds a mistake in `file`: at the key of the configuration that names it, or at `field` of the file itself. Without a field, the key
    /// is the first that names it.
    fn mistake(&mut self, file: &Path, field: &str, mismatch: &Mismatch) {
        let shown = ShownPath::of(file);
        let Some(Place { line, field }) = self.places.file(file, field) else {
            return self.add_mistake(shown, None, field, mismatch);
        };
        let mistake = Mistake {
            file: self.file.display().to_string(),
            line: Some(*line),
            field: field.clone(),
            named: Some(file.to_owned()),
            mismatch: mismatch.clone().within(shown),
        };
        self.push(mistake);
    }

    /// Where a store that is fetched is configured, as the beginning of a message; empty if that is not known.
    fn place_of(&self, store: &StoreRef) -> String {
        let place = self.places.store(store);
        place.map_or_else(String::new, |Place { line, field }| format!("{}:{line}: {field}, ", self.file.display()))
    }

    /// Adds a mistake of an element of `registries` as a whole.
    fn registry_mistake(&mut self, field: &str, mismatch: &Mismatch) {
        let line = self.places.registry(field).map(|place| place.line);
        let file = self.file.clone();
        self.add_mistake(ShownPath::there(&file), line, field, mismatch);
    }

    /// Adds a mistake at a line of a file of the trust directory.
    fn mistake_at(&mut self, file: &Path, line: Option<u64>, field: &str, mismatch: &Mismatch) {
        self.add_mistake(ShownPath::there(file), line, field, mismatch);
    }

    fn add_mistake(&mut self, file: ShownPath<'_>, line: Option<u64>, field: &str, mismatch: &Mismatch) {
        let (file, field) = (file.to_string(), field.to_owned());
        self.push(Mistake { file, line, field, named: None, mismatch: mismatch.clone() });
    }

    fn push(&mut self, mistake: Mistake) {
        // A file may be named more than once: its mistake is reported for the first key.
        let is_known = |known: &Mistake| {
            *known == mistake
                || known.named.is_some() && (&known.named, &known.mismatch) == (&mistake.named, &mistake.mismatch)
        };
        if !self.mistakes.iter().any(is_known) {
            self.mistakes.push(mistake);
        }
    }

    fn warn(&mut self, kind: &'static str, message: impl fmt::Display) {
        self.warnings.push(Warning { kind, message: message.to_string() });
    }

    /// As configured, with what applies to each.
    fn registries(&self) -> impl Iterator<Item = (&Registry, Applied)> {
        let registries = self.config.iter().flat_map(|config| &config.registries);
        registries.enumerate().map(|(index, registry)| (registry, self.applied.get(index).cloned().unwrap_or_default()))
    }

    fn print(&self, path: &Path, output: Output, out: &mut dyn Write) -> io::Result<()> {
        let mut page = match output {
            Output::Text => text::page(path, self),
            Output::Json => serde_json::to_string_pretty(&json::Document::of(path, self))? + "\n",
        };
        // Paths are those in the container.
        if let Some(Mounts { root, .. }) = &self.mounts {
            page = page.replace(&root.display().to_string(), "");
        }
        out.write_all(page.as_bytes())
    }
}

impl From<&ConfigMistake> for Mistake {
    fn from(ConfigMistake { file, line, field, found, wanted, example }: &ConfigMistake) -> Self {
        let wanted = if example.is_empty() { wanted.to_string() } else { format!("{wanted}, for example {example}") };
        Self {
            file: file.display().to_string(),
            line: (*line > 0).then_some(*line),
            field: field.to_string(),
            named: None,
            mismatch: Mismatch::new(format_args!("found {found}")).expecting(wanted),
        }
    }
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { file, line, field, named: _, mismatch } = self;
        f.write_str(file)?;
        if let Some(line) = line {
            write!(f, ":{line}")?;
        }
        if !field.is_empty() {
            write!(f, ": {field}")?;
        }
        write!(f, ": {mismatch}")
    }
}
