//! The trust policy and the trust stores.

use std::path::Path;
use std::path::PathBuf;

use countersign_core::codec::mismatch::Mismatched as _;
use countersign_core::time::UnixTime;

use super::Findings;
use super::SOON;
use crate::config::Config;
use crate::config::TrustLocation;
use crate::policy_source::StatementOutline;
use crate::policy_source::TrustMistake;
use crate::policy_source::TrustSource;

const METADATA: &str = "verification.requiredMetadata";

/// What the statements say, unless there is no policy document that can be used.
pub(super) fn check(
    file: &Path,
    config: &Config,
    now: UnixTime,
    findings: &mut Findings,
) -> Option<Vec<StatementOutline>> {
    let statements = config.verification.required_metadata.keys().cloned();
    match TrustSource::new(config.trust.location.clone(), statements).load(now) {
        Ok(trust) => {
            for warning in trust.warnings(now, SOON) {
                findings.warn(warning.text(), warning);
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

fn mistakes(file: &Path, config: &Config, mistakes: &[TrustMistake], findings: &mut Findings) {
    for mistake in mistakes {
        let (path, field) = place(file, config, mistake);
        findings.fault(&path, &field, &mistake.mismatch());
    }
}

/// File and field of a mistake.
fn place(file: &Path, config: &Config, mistake: &TrustMistake) -> (PathBuf, String) {
    match mistake {
        TrustMistake::NoPolicy { directory: path }
        | TrustMistake::Missing { path }
        | TrustMistake::Unreadable { path, detail: _ }
        | TrustMistake::NotAFile { path }
        | TrustMistake::TooLarge { path, most: _ }
        | TrustMistake::TooManyFiles { directory: path } => (path.clone(), String::new()),
        TrustMistake::MoreInStore { directory, omitted: _ } => (directory.clone(), String::new()),
        TrustMistake::TooMuch | TrustMistake::More { omitted: _ } => {
            let stores = match &config.trust.location {
                TrustLocation::Directory(directory) => directory,
                TrustLocation::Apart { policy: _, store } => store,
            };
            (stores.clone(), String::new())
        }
        TrustMistake::Policy { path, error } => {
            let statement = error.statement.as_ref().map(|name| format!("statement {name:?}"));
            let field = Some(error.field.to_string()).filter(|field| !field.is_empty());
            (path.clone(), statement.into_iter().chain(field).collect::<Vec<_>>().join(", "))
        }
        TrustMistake::NoStore { store: _, statement: _, directory } => (directory.clone(), String::new()),
        TrustMistake::Store { directory, error } => (directory.clone(), format!("trust store {}", error.store)),
        TrustMistake::UnknownStatement { .. } | TrustMistake::SkippingStatement { .. } => {
            (file.to_owned(), METADATA.to_owned())
        }
    }
}
