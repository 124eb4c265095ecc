//! Events about what is in use from now on, with fields: statements, trust stores and certificates of the server.

use countersign_core::codec::text;

use crate::policy_source::LoadedPolicy;
use crate::policy_source::ModeOutline;
use crate::policy_source::RequirementOutline;
use crate::policy_source::StatementOutline;
use crate::policy_source::StoreOutline;
use crate::policy_source::StoreState;
use crate::server::tls::LoadedTls;
use crate::server::tls::TlsOutline;

/// Maximum number of events about statements, and about stores.
const EVENTS: usize = 100;

/// Maximum number of scopes, identities, stores or certificates in one field.
const LISTED: usize = 20;

/// One event for each statement and each trust store.
pub(super) fn policy(trust: &LoadedPolicy) {
    let statements = trust.outline();
    statements.iter().take(EVENTS).for_each(statement);
    omitted(statements.len(), "statements");
    for (reference, state) in trust.stores().iter().take(EVENTS) {
        let content = match state {
            StoreState::Current(_) => "current",
            StoreState::Kept { .. } => "kept",
            StoreState::Unusable { .. } => "unusable",
        };
        let certificates = state.store().map(|store| StoreOutline::from(&**store).certificates).unwrap_or_default();
        let subjects = list(certificates.iter().map(|certificate| certificate.subject.to_string()));
        let sha256 = list(certificates.iter().map(|certificate| certificate.fingerprint.clone()));
        let until = certificates.iter().map(|certificate| certificate.not_after).min().map(|end| end.to_string());
        let count = certificates.len();
        tracing::info!(store = %reference, content, certificates = count, subjects, sha256, until, "trust store loaded");
    }
    omitted(trust.stores().len(), "trust stores");
}

/// One event for each certificate.
pub(super) fn certificates(loaded: &LoadedTls) {
    for (key, certificates) in
        [("server.tls.certificate", loaded.certificates()), ("server.tls.clientCa", loaded.authorities())]
    {
        for TlsOutline { subject, names, end } in certificates.iter().take(EVENTS) {
            let names = list(names.iter().cloned());
            tracing::info!(key, subject, names, until = %end, "certificate loaded");
        }
        omitted(certificates.len(), key);
    }
}

fn statement(StatementOutline { name, scopes, mode }: &StatementOutline) {
    let scopes = scopes.as_ref().map_or_else(|| Some("*".to_owned()), |scopes| list(scopes.iter().cloned()));
    let level = mode.as_str();
    match mode {
        ModeOutline::Skip | ModeOutline::Disabled(_) => {
            tracing::info!(statement = name, level, scopes, "statement loaded");
        }
        ModeOutline::Verify(requirement) => {
            let RequirementOutline {
                level: _,
                authenticity,
                authentic_timestamp,
                expiry,
                revocation,
                verify_timestamp,
                identities,
                stores,
            } = requirement;
            tracing::info!(
                statement = name,
                level,
                scopes,
                stores = list(stores.iter().map(|store| store.name.clone())),
                identities = list(identities.iter().cloned()),
                authenticity,
                authentic_timestamp,
                expiry,
                revocation,
                verify_timestamp,
                "statement loaded"
            );
        }
    }
}

/// `None` for an empty list, so that the event has no such field.
fn list(texts: impl Iterator<Item = String>) -> Option<String> {
    let texts: Vec<String> = texts.collect();
    (!texts.is_empty()).then(|| text::list(texts.iter(), ", ", LISTED).to_string())
}

fn omitted(count: usize, what: &str) {
    if let Some(omitted) = count.checked_sub(EVENTS).filter(|omitted| *omitted > 0) {
        tracing::info!(omitted, what, "further ones are loaded and not listed");
    }
}
