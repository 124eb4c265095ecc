//! Another trust policy, while everything runs.

use std::time::Duration;

use anyhow::ensure;

use super::Seen;
use super::created;
use super::denied;
use super::rejected;
use crate::bench::Bench;
use crate::notation::Signer;
use crate::transcript::Transcript;
use crate::wait;

/// Countersign looks at its files every second.
const RELOAD: Duration = Duration::from_secs(15);

pub(super) fn run(bench: &Bench<'_>, transcript: &mut Transcript, seen: &mut Seen) -> anyhow::Result<()> {
    transcript.chapter("Another trust policy");
    let before = bench.countersign.metric("countersign_trust_generation")?;
    bench.notation.set_policy(bench.place, &bench.shelf.policy(Signer::Intern))?;
    transcript.note(&format!("the policy trusts {:?} now, and nobody else", Signer::Intern.trusted_identity()));
    let result = wait::until("the new policy", RELOAD, || {
        let now = bench.countersign.metric("countersign_trust_generation")?;
        ensure!(now > before, "generation {now}: want more than {before}");
        Ok(())
    });
    transcript.verdict("Countersign takes the policy without a restart", result);

    let gained = &bench.shelf.intern_later;
    created(bench, transcript, seen, "whom it trusts now is admitted", &gained.pod(), gained)?;
    let lost = &bench.shelf.release_later;
    let start = rejected(lost, "untrusted-identity");
    denied(bench, transcript, "whom it trusted before is denied", lost, &[&start])
}
