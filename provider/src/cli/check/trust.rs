//! The trust policy and the trust stores.

use std::path::Path;
use std::path::PathBuf;

use countersign_core::codec::mismatch::Mismatched as _;
use countersign_core::time::UnixTime;

use super::Findings;
use super::SOON;
use crate::config::Config;
use crate::config::TrustLocation;
use crate::policy_source::PolicyMistake;
use crate::policy_source::PolicySource;
use crate::policy_source::StatementOutline;

const METADATA: &str = "verification.requiredMetadata";

/// The outline of the statements; `None` if no policy document can be used.
pub(super) fn check(
    file: &Path,
    config: &Config,
    now: UnixTime,
    findings: &mut Findings,
) -> Option<Vec<StatementOutline>> {
    let statements = config.verification.required_metadata.keys().cloned();
    match PolicySource::new(config.trust.location.clone(), statements).load(now) {
        Ok(trust) => {
            for warning in trust.warnings(now, SOON) {
                findings.warn(warning.as_str(), warning);
            }
            mistakes(file, config, trust.mistakes(), findings);
            Some(trust.outline())
        }
        Err(error) => {
            mistakes(file, config, error.mistakes(), findings);
            None
        }
    }
}

fn mistakes(file: &Path, config: &Config, mistakes: &[PolicyMistake], findings: &mut Findings) {
    for mistake in mistakes {
        let (path, field) = location(file, config, mistake);
        findings.mistake_at(&path, mistake.line(), &field, &mistake.mismatch());
    }
}

/// The file and the field of a mistake.
fn location(file: &Path, config: &Config, mistake: &PolicyMistake) -> (PathBuf, String) {
    match mistake {
        PolicyMistake::NoPolicy { directory: path }
        | PolicyMistake::Missing { path }
        | PolicyMistake::Unreadable { path, detail: _ }
        | PolicyMistake::NotAFile { path }
        | PolicyMistake::TooLarge { path, max: _ }
        | PolicyMistake::TooManyFiles { directory: path } => (path.clone(), String::new()),
        PolicyMistake::MoreInStore { directory, omitted: _ } => (directory.clone(), String::new()),
        PolicyMistake::TooMuch | PolicyMistake::More { omitted: _ } => {
            let stores = match &config.trust.location {
                TrustLocation::Directory(directory) => directory,
                TrustLocation::Apart { policy: _, store } => store,
            };
            (stores.clone(), String::new())
        }
        PolicyMistake::Policy { path, error } => {
            let statement = error.statement.as_ref().map(|name| format!("statement {name:?}"));
            let field = Some(error.field.to_string()).filter(|field| !field.is_empty());
            (path.clone(), statement.into_iter().chain(field).collect::<Vec<_>>().join(", "))
        }
        PolicyMistake::NoStore { store: _, statement: _, directory } => (directory.clone(), String::new()),
        PolicyMistake::Store { directory, error } => (directory.clone(), format!("trust store {}", error.store)),
        PolicyMistake::UnknownStatement { .. } | PolicyMistake::SkippingStatement { .. } => {
            (file.to_owned(), METADATA.to_owned())
        }
    }
}
