//! The trust policy and the trust stores.

use std::path::Path;

use countersign_core::codec::mismatch::Mismatched as _;
use countersign_core::policy::StoreRef;
use countersign_core::time::UnixTime;

use super::Findings;
use super::SOON;
use super::signer_roots;
use crate::config::Config;
use crate::policy_source::FetchedStores;
use crate::policy_source::LoadedPolicy;
use crate::policy_source::PolicyMistake;
use crate::policy_source::PolicySource;
use crate::policy_source::StatementOutline;

/// The outline of the statements; `None` if no policy document can be used. Nothing is fetched.
pub(super) fn check(
    file: &Path,
    config: &Config,
    now: UnixTime,
    findings: &mut Findings,
) -> Option<Vec<StatementOutline>> {
    let statements = config.verification.required_metadata.keys().cloned();
    let fetched = FetchedStores::new(&config.trust.stores);
    match PolicySource::new(config.trust.location.clone(), statements).with_fetched(fetched).load(now) {
        Ok(trust) => Some(loaded(file, config, &trust, now, findings)),
        Err(error) => {
            mistakes(file, config, error.mistakes(), findings);
            None
        }
    }
}

/// Adds what is found in a policy and gives the outline of its statements.
fn loaded(
    file: &Path,
    config: &Config,
    trust: &LoadedPolicy,
    now: UnixTime,
    findings: &mut Findings,
) -> Vec<StatementOutline> {
    for warning in trust.warnings(now, SOON).into_iter().chain(trust.signer_warnings(&config.aws)) {
        findings.warn(warning.as_str(), warning);
    }
    mistakes(file, config, trust.mistakes(), findings);
    let statements = trust.outline();
    signer_roots::check(&statements, findings);
    statements
}

/// As [`loaded`], for a policy that was read again after its stores were fetched: adds what was not found before.
pub(super) fn loaded_again(
    file: &Path,
    config: &Config,
    trust: &LoadedPolicy,
    now: UnixTime,
    findings: &mut Findings,
) -> Vec<StatementOutline> {
    let mut again = Findings { file: file.to_owned(), places: findings.places.clone(), ..Findings::default() };
    let statements = loaded(file, config, trust, now, &mut again);
    again.warnings.retain(|warning| !findings.warnings.contains(warning));
    again.mistakes.retain(|mistake| !findings.mistakes.contains(mistake));
    findings.warnings.append(&mut again.warnings);
    findings.mistakes.append(&mut again.mistakes);
    statements
}

/// Warns about the stores whose content is not known without a request.
pub(super) fn not_tried(config: &Config, findings: &mut Findings) {
    for (store, source) in &config.trust.stores {
        findings.warn(
            "store-not-tried",
            format_args!(
                "trust store {store} is fetched from {source}, which was not tried: statements that name it are shown as disabled; \
                 --online fetches it"
            ),
        );
    }
}

fn mistakes(file: &Path, config: &Config, mistakes: &[PolicyMistake], findings: &mut Findings) {
    // Its entry has a mistake already.
    let is_unread = |mistake: &PolicyMistake| {
        mistake.missing_store().is_some_and(|store| config.trust.unread_stores.contains(store))
    };
    for mistake in mistakes.iter().filter(|mistake| !mistake.is_not_tried() && !is_unread(mistake)) {
        if let Some(store) = mistake.store_of_source() {
            unusable_store(store, mistake, findings);
            continue;
        }
        let (path, field) = mistake.location(file, &config.trust.location);
        findings.mistake_at(&path, mistake.line(), &field, &mistake.mismatch());
    }
}

/// Warns about a store that is fetched and has no usable content, or not all of it: no file is wrong.
fn unusable_store(store: &StoreRef, mistake: &PolicyMistake, findings: &mut Findings) {
    let message = format!("{}trust store {store}: {}", findings.place_of(store), mistake.mismatch());
    findings.warn("store-unusable", message);
}
