//! From the text of the file to a [`Config`], with every mistake on the way.

use std::cell::RefCell;
use std::path::Path;

use super::Config;
use super::Mistake;
use super::Purpose;
use super::fields::Context;
use super::fields::Fields;
use super::mistakes::Mistakes;
use super::places::Places;
use super::schema::names;
use super::sections;
use super::sections::Health;
use super::sections::Server;
use super::yaml::load_yaml;

/// Parses the text.
///
/// # Errors
/// All mistakes.
pub(super) fn config(text: &str, file: &Path, purpose: Purpose) -> Result<Config, Vec<Mistake>> {
    match survey(text, file, purpose, None) {
        Survey { config: Some(config), mistakes, places: _ } if mistakes.is_empty() => Ok(config),
        Survey { config: _, mistakes, places: _ } => Err(mistakes),
    }
}

/// What can be read of a configuration. One with mistakes is used only to find more mistakes in the files that it names.
#[derive(Debug)]
pub struct Survey {
    /// The readable parts, with defaults for the others. `None` if it does not say where the trust policy is.
    pub config: Option<Config>,
    /// All of them.
    pub mistakes: Vec<Mistake>,
    pub places: Places,
}

/// See [`Survey`]. With `root`, absolute paths are below that directory.
pub(super) fn survey(text: &str, file: &Path, purpose: Purpose, root: Option<&Path>) -> Survey {
    let mistakes = Mistakes::new(file);
    let places = RefCell::new(Places::default());
    let document = match load_yaml(text) {
        Ok(document) => document,
        Err(error) => {
            mistakes.add(error.line, &error.field, error.found, error.wanted, "");
            return Survey { config: None, mistakes: mistakes.into_list(), places: Places::default() };
        }
    };
    let base = file.parent().unwrap_or(Path::new(""));
    let context = Context { base, root, purpose, mistakes: &mistakes, places: &places };
    let fields = Fields::new(&document, "", names(sections::ROOT), context);
    let server = sections::SERVER.read(&fields);
    server.check(&fields);
    let health = sections::HEALTH.read(&fields);
    check_listeners(&server, &health, &fields);
    let trust = sections::TRUST.read(&fields);
    let verification = sections::VERIFICATION.read(&fields);
    let evidence = sections::EVIDENCE.read(&fields);
    let aws = sections::AWS.read(&fields);
    let azure = sections::AZURE.read(&fields);
    let google = sections::GOOGLE.read(&fields);
    let mutation = sections::MUTATION.read(&fields);
    let cache = sections::CACHE.read(&fields);
    let registries = sections::REGISTRIES.read(&fields);
    sections::check_partitions(&fields, &registries, &aws);
    sections::check_authority(&fields, &azure, &registries, trust.as_ref());
    let unread_registries = sections::unread_registries(&fields, &registries);
    let unlisted_registries = sections::UNLISTED.read(&fields);
    let unlisted_is_written = fields.has(sections::UNLISTED.name);
    let registry_access = sections::REGISTRY_ACCESS.read(&fields);
    let log = sections::LOG.read(&fields);
    let config = trust.map(|trust| Config {
        server,
        health,
        trust,
        verification,
        evidence,
        aws,
        azure,
        google,
        mutation,
        cache,
        registries,
        unread_registries,
        unlisted_registries,
        unlisted_is_written,
        registry_access,
        log,
    });
    Survey { config, mistakes: mistakes.into_list(), places: places.into_inner() }
}

/// Two listeners cannot have one address.
fn check_listeners(server: &Server, health: &Health, fields: &Fields<'_>) {
    if fields.purpose() == Purpose::Serve && health.listen.overlaps(&server.listen) {
        let found = format_args!("{} beside server.listen, which is {}", health.listen, server.listen);
        fields.conflict_in("health", "listen", found, "another port");
    }
}
