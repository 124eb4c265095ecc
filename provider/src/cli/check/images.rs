//! Which entry of `registries` applies to an image, and why no earlier one does.

use countersign_core::name::ImageRef;
use countersign_core::name::Repository;
use countersign_registry::Mirror;
use countersign_registry::PatternMiss;
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
    /// The earlier entries, in their order, with what differs.
    pub(super) passed: Vec<(String, PatternMiss)>,
    pub(super) entry: AppliedEntry,
    /// Where it is requested, in this order; empty without mirrors.
    pub(super) locations: Vec<ImageLocation>,
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
    let mut passed = Vec::new();
    for (position, registry) in config.registries.iter().enumerate() {
        let rule = format!("registries[{position}] \"{}\"", registry.host);
        match registry.host.check(image.repository()) {
            Ok(()) => {
                let of_entry = findings.applied.get(position).cloned().unwrap_or_default();
                let applied = Applied { proxy: proxy(config, registry, image), ..of_entry };
                let entry = AppliedEntry::Listed { rule, registry: Box::new(registry.clone()), applied };
                let locations = locations(config, registry, image.repository());
                return ImageEntry { image: image.written().to_owned(), passed, entry, locations };
            }
            Err(miss) => passed.push((rule, miss)),
        }
    }
    let entry = AppliedEntry::None(config.unlisted_registries);
    ImageEntry { image: image.written().to_owned(), passed, entry, locations: Vec::new() }
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
    let mut entries = config.registries.iter().enumerate();
    match (entries.find(|(_, registry)| registry.host.is_for(repository)), config.unlisted_registries) {
        (Some((position, registry)), _) => format!("registries[{position}] \"{}\"", registry.host),
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
