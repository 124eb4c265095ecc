//! The trust policy and the trust stores.

use std::path::Path;

use countersign_core::codec::mismatch::Mismatched as _;
use countersign_core::time::UnixTime;

use super::Findings;
use super::SOON;
use super::signer_roots;
use crate::config::Config;
use crate::policy_source::PolicyMistake;
use crate::policy_source::PolicySource;
use crate::policy_source::StatementOutline;

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
            for warning in trust.signer_warnings(&config.aws) {
                findings.warn(warning.as_str(), warning);
            }
            mistakes(file, config, trust.mistakes(), findings);
            let statements = trust.outline();
            signer_roots::check(&statements, findings);
            Some(statements)
        }
        Err(error) => {
            mistakes(file, config, error.mistakes(), findings);
            None
        }
    }
}

fn mistakes(file: &Path, config: &Config, mistakes: &[PolicyMistake], findings: &mut Findings) {
    for mistake in mistakes {
        let (path, field) = mistake.location(file, &config.trust.location);
        findings.mistake_at(&path, mistake.line(), &field, &mistake.mismatch());
    }
}
