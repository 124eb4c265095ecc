//! Which entry of `registries` applies to an image, and why no earlier one does.

use countersign_core::name::ImageRef;
use countersign_core::name::Repository;
use countersign_registry::Mirror;
use countersign_registry::PatternMiss;
use countersign_registry::RegistryPattern;
use countersign_registry::Unlisted;

use super::Applied;
use super::Findings;
use crate::config::Config;
use crate::config::Registry;
use crate::config::RegistryProxy;
use crate::runtime::proxy_environment;

/// An image with the entry that applies to it.
#[derive(Clone, Debug)]
pub(super) struct ImageEntry {
    /// As written.
    pub(super) image: String,
    /// What it stands for, with its host: `docker.io/library/nginx` for `nginx`.
    pub(super) repository: String,
    /// Whether the repository is not what is written.
    pub(super) is_expanded: bool,
    /// The earlier entries, in their order.
    pub(super) passed: Vec<PassedEntry>,
    pub(super) entry: AppliedEntry,
    /// Where it is requested, in this order; empty without mirrors.
    pub(super) locations: Vec<ImageLocation>,
}

/// An entry that does not apply to an image.
#[derive(Clone, Debug)]
pub(super) struct PassedEntry {
    /// Its position and its pattern; the position alone if it cannot be read.
    pub(super) rule: String,
    pub(super) reason: &'static str,
    /// What to write if the entry is meant for the image.
    pub(super) hint: Option<String>,
}

/// A location of an image with mirrors.
#[derive(Clone, Debug)]
pub(super) struct ImageLocation {
    /// The repository there, or why there is none.
    pub(super) repository: String,
    pub(super) is_mirror: bool,
    /// The entry that applies there, or what applies without one.
    pub(super) entry: String,
}

/// What applies to an image.
#[derive(Clone, Debug)]
pub(super) enum AppliedEntry {
    /// This entry, named by its position and its pattern.
    Listed { rule: String, registry: Box<Registry>, applied: Applied },
    /// None matches.
    None(Unlisted),
}

/// The entry for each image, in the order of `images`.
pub(super) fn entries(config: &Config, images: &[ImageRef], findings: &Findings) -> Vec<ImageEntry> {
    images.iter().map(|image| entry(config, image, findings)).collect()
}

fn entry(config: &Config, image: &ImageRef, findings: &Findings) -> ImageEntry {
    let repository = image.repository();
    let mut passed = Vec::new();
    // Entries that cannot be read: it is not known whether they apply.
    let mut unread = config.unread_registries.iter().copied().peekable();
    let mut found = None;
    for (index, registry) in config.registries.iter().enumerate() {
        while let Some(position) = unread.next_if(|position| *position < registry.position) {
            passed.push(not_read(position));
        }
        match registry.host.check(repository) {
            Ok(()) => {
                found = Some((index, registry));
                break;
            }
            Err(miss) => passed.push(PassedEntry {
                rule: registry.rule(),
                reason: miss.as_str(),
                hint: hint(registry, repository, miss),
            }),
        }
    }
    let (entry, locations) = match found {
        Some((index, registry)) => {
            let of_entry = findings.applied.get(index).cloned().unwrap_or_default();
            let applied = Applied { proxy: proxy(config, registry, image), ..of_entry };
            let (rule, registry) = (registry.rule(), registry.clone());
            let locations = locations(config, &registry, repository);
            (AppliedEntry::Listed { rule, registry: Box::new(registry), applied }, locations)
        }
        None => {
            passed.extend(unread.map(not_read));
            (AppliedEntry::None(config.unlisted_registries), Vec::new())
        }
    };
    ImageEntry {
        image: image.written().to_owned(),
        repository: repository.to_string(),
        is_expanded: image.written_name() != repository.to_string(),
        passed,
        entry,
        locations,
    }
}

fn not_read(position: usize) -> PassedEntry {
    PassedEntry {
        rule: format!("registries[{position}]"),
        reason: "has a mistake, so that its host is not known",
        hint: None,
    }
}

/// What to write if the entry is meant for the repository: on Docker Hub, an image without a path is below `library`.
fn hint(registry: &Registry, repository: &Repository, miss: PatternMiss) -> Option<String> {
    match miss {
        PatternMiss::Host => return None,
        PatternMiss::Path => {}
    }
    let path = registry.host.path().filter(|_| registry.host.host().is_docker_hub())?;
    let pattern = format!("{}/library/{path}", registry.host.host());
    let is_meant = pattern.parse().is_ok_and(|pattern: RegistryPattern| pattern.is_for(repository));
    is_meant.then(|| format!("for this image write {pattern}"))
}

/// The mirrors of `registry`, and the registry itself unless it has mirrors only; nothing without mirrors.
fn locations(config: &Config, registry: &Registry, written: &Repository) -> Vec<ImageLocation> {
    let mirrors = &registry.mirrors;
    let at = |repository: &Repository, is_mirror| ImageLocation {
        repository: repository.to_string(),
        is_mirror,
        entry: rule_of(config, repository),
    };
    let mirror = |mirror: &Mirror| match mirror.repository(&registry.host, written) {
        Some(repository) => at(&repository, true),
        None => ImageLocation {
            repository: format!("no name at {mirror}, which has no path"),
            is_mirror: true,
            entry: "no request is sent".to_owned(),
        },
    };
    let itself = (!mirrors.only && !mirrors.locations.is_empty()).then(|| at(written, false));
    mirrors.locations.iter().map(mirror).chain(itself).collect()
}

/// The entry that applies to the repository.
fn rule_of(config: &Config, repository: &Repository) -> String {
    match (config.registry_of(repository), config.unlisted_registries) {
        (Some(registry), _) => registry.rule(),
        (None, Unlisted::Anonymous) => "no entry; unlistedRegistries is anonymous".to_owned(),
        (None, Unlisted::Refuse) => "no entry; unlistedRegistries is refuse: no request is sent".to_owned(),
    }
}

/// The proxy of the environment for the host of the image.
fn proxy(config: &Config, registry: &Registry, image: &ImageRef) -> Option<(&'static str, String)> {
    match registry.proxy {
        RegistryProxy::Environment => {
            let environment = proxy_environment(config).ok()?;
            let host = image.repository().host().authority();
            let (variable, server) = environment.server_for(&host, registry.plain_http)?;
            Some((variable, server.to_string()))
        }
        RegistryProxy::Direct | RegistryProxy::Server(_) => None,
    }
}
