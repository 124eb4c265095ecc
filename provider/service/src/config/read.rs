//! From the text of the file to a [`Config`], with every mistake on the way.

use std::path::Path;

use super::Config;
use super::Mistake;
use super::Purpose;
use super::fields::Context;
use super::fields::Fields;
use super::mistakes::Mistakes;
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
        (Some(config), list) if list.is_empty() => Ok(config),
        (Some(_) | None, list) => Err(list),
    }
}

/// The readable parts of the text, with defaults for the others, and every mistake. With `root`, absolute paths are below
/// that directory.
pub(super) fn survey(text: &str, file: &Path, purpose: Purpose, root: Option<&Path>) -> (Option<Config>, Vec<Mistake>) {
    let mistakes = Mistakes::new(file);
    let document = match load_yaml(text) {
        Ok(document) => document,
        Err(error) => {
            mistakes.add(error.line, &error.field, error.found, error.wanted, "");
            return (None, mistakes.into_list());
        }
    };
    let context = Context { base: file.parent().unwrap_or(Path::new("")), root, purpose, mistakes: &mistakes };
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
    (config, mistakes.into_list())
}

/// Two listeners cannot have one address.
fn check_listeners(server: &Server, health: &Health, fields: &Fields<'_>) {
    if fields.purpose() == Purpose::Serve && health.listen.overlaps(&server.listen) {
        let found = format_args!("{} beside server.listen, which is {}", health.listen, server.listen);
        fields.conflict_in("health", "listen", found, "another port");
    }
}
