//! Which entry of `registries` applies to an image, and why no earlier one does.

use countersign_core::name::ImageRef;
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
                return ImageEntry { image: image.written().to_owned(), passed, entry };
            }
            Err(miss) => passed.push((rule, miss)),
        }
    }
    let entry = AppliedEntry::None(config.unlisted_registries);
    ImageEntry { image: image.written().to_owned(), passed, entry }
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
