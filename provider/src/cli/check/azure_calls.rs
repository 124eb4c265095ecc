//! The calls of Azure that `--online` tries.

use super::Findings;
use crate::runtime::tokens::TriedToken;

/// A warning for each token that is not issued.
pub(super) fn warn(tokens: &[TriedToken], findings: &mut Findings) {
    for TriedToken { registry, role, result } in tokens {
        if let Err(why) = result {
            findings.warn("acr-token-not-issued", format_args!("registry {registry}, token for {role}: {why}"));
        }
    }
}
