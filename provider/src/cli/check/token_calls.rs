//! The tokens of clouds that `--online` tries.

use super::Findings;
use crate::runtime::tokens::TriedToken;

/// A warning of this kind for each token that is not issued.
pub(super) fn warn(kind: &'static str, tokens: &[TriedToken], findings: &mut Findings) {
    for TriedToken { registry, role, result } in tokens {
        if let Err(why) = result {
            findings.warn(kind, format_args!("registry {registry}, token for {role}: {why}"));
        }
    }
}
