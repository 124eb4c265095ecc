//! Replaces the trust policy without a restart.

use std::time::Duration;

use anyhow::ensure;

use super::Seen;
use super::created;
use super::denied;
use super::rejected;
use crate::environment::Environment;
use crate::notation::Signer;
use crate::transcript::Transcript;
use crate::wait;

/// Countersign checks its files for changes every second.
const RELOAD: Duration = Duration::from_secs(15);

pub(super) fn run(environment: &Environment<'_>, transcript: &mut Transcript, seen: &mut Seen) -> anyhow::Result<()> {
    transcript.chapter("Another trust policy");
    let before = environment.countersign.metric("countersign_trust_generation")?;
    environment.notation.set_policy(environment.workdir, &environment.fixtures.policy(Signer::Intern))?;
    transcript.note(&format!("the policy now trusts {:?} only", Signer::Intern.trusted_identity()));
    let result = wait::until("the new policy", RELOAD, || {
        let now = environment.countersign.metric("countersign_trust_generation")?;
        ensure!(now > before, "generation {now}, expected more than {before}");
        Ok(())
    });
    transcript.verdict("Countersign loads the policy without a restart", result);

    let gained = &environment.fixtures.intern_later;
    created(
        environment,
        transcript,
        seen,
        "an image of the identity that is now trusted is admitted",
        &gained.pod(),
        gained,
    )?;
    let lost = &environment.fixtures.release_later;
    let start = rejected(lost, "untrusted-identity");
    denied(environment, transcript, "an image of the identity that was trusted before is denied", lost, &[&start])
}
