//! Broken parts of the trust configuration: their images are inconclusive, all others are verified as before.

use std::fs;
use std::time::Duration;

use anyhow::Context;
use anyhow::ensure;
use serde_json::Value;
use serde_json::json;

use super::Seen;
use super::created;
use super::denied;
use crate::environment::Environment;
use crate::http;
use crate::images::Image;
use crate::notation::STORE;
use crate::notation::Signer;
use crate::transcript::Transcript;
use crate::wait;

/// Countersign checks its files for changes every second.
const RELOAD: Duration = Duration::from_secs(15);

/// The store that is absent at first.
const ABSENT: &str = "absent";

/// The beginning of the system error about the one inconclusive image of a request.
const UNDECIDED: &str = "signature check failed: could not decide about 1 of 1 images (request ";

pub(super) fn run(environment: &Environment<'_>, transcript: &mut Transcript, seen: &mut Seen) -> anyhow::Result<()> {
    transcript.chapter("Broken parts of the trust configuration");
    let fixtures = &environment.fixtures;
    let broken = [
        statement("team", &fixtures.broken_store.scope(), ABSENT, "strict"),
        statement("loud", &fixtures.broken_statement.scope(), STORE, "loud"),
    ];
    set_policy(environment, &broken)?;
    transcript.note("the policy has a statement whose trust store is absent, and one with an unknown level");
    transcript.verdict(
        "gauges report both statements and the store",
        usable(environment, &[("shop", 1), ("team", 0), ("loud", 0)]),
    );

    let url = format!("http://{}/readyz?verbose", environment.countersign.health());
    let text = http::get(&url)?.expect_status(200)?.text();
    transcript.command(&format!("curl -sSf '{url}'"), &text);
    let result = (|| {
        let disabled = "[!] statement \"team\" is disabled: trust store ca:absent cannot be used: found no directory ";
        ensure!(text.contains(disabled), "expected {disabled:?}");
        let disabled = "[!] statement \"loud\" is disabled: ";
        ensure!(text.contains(disabled), "expected {disabled:?}");
        Ok(())
    })();
    transcript.verdict("Countersign stays ready, and readiness names what is disabled and why", result);

    let (image, statement) = (&fixtures.broken_store, "team");
    let start = undecided(image, "trust-store-unusable", statement, "trust store ca:absent cannot be used: ");
    denied(environment, transcript, "an image whose trust store is absent is denied", image, &[UNDECIDED, &start])?;
    let (image, statement) = (&fixtures.broken_statement, "loud");
    let cause = "trust policy statement \"loud\", signatureVerification.level: ";
    let start = undecided(image, "statement-disabled", statement, cause);
    denied(environment, transcript, "an image whose statement has a mistake is denied", image, &[UNDECIDED, &start])?;
    let image = &fixtures.beside_broken;
    created(environment, transcript, seen, "an image of a valid statement is admitted", &image.pod(), image)?;

    unreadable_scopes(environment, transcript)?;
    repaired_and_emptied(environment, transcript, seen)?;
    set_policy(environment, &[])?;
    usable(environment, &[("shop", 1)])
}

/// A statement whose scopes cannot be read, so that it may apply to any repository.
fn unreadable_scopes(environment: &Environment<'_>, transcript: &mut Transcript) -> anyhow::Result<()> {
    set_policy(environment, &[statement("anywhere", "no-repository", STORE, "strict")])?;
    usable(environment, &[("shop", 1), ("anywhere", 0)])?;
    // Gatekeeper has cached the response about the image under its first tag.
    let image = environment.fixtures.uncovered.tagged("scopes")?;
    let start = format!(
        "): {}: statement-disabled: statement \"anywhere\" of the trust policy is disabled, and its scopes, which are not \
         certain, may include this repository: ",
        image.by_tag()
    );
    let what = "a statement with unreadable scopes makes images inconclusive that no other statement names";
    denied(environment, transcript, what, &image, &[UNDECIDED, &start])
}

/// Creates the store, then removes it.
fn repaired_and_emptied(
    environment: &Environment<'_>,
    transcript: &mut Transcript,
    seen: &mut Seen,
) -> anyhow::Result<()> {
    let image = &environment.fixtures.broken_store;
    set_policy(environment, &[statement("team", &image.scope(), ABSENT, "strict")])?;
    let directory = format!("home/notation/truststore/x509/ca/{ABSENT}");
    environment.workdir.write(&format!("{directory}/root.pem"), environment.notation.root_of(Signer::Release))?;
    usable(environment, &[("shop", 1), ("team", 1)])?;
    transcript.note("the trust store is created");
    created(environment, transcript, seen, "the next attempt is admitted", &image.pod(), image)?;

    fs::remove_dir_all(environment.workdir.path().join(directory)).context("cannot remove the trust store")?;
    usable(environment, &[("shop", 1), ("team", 0)])?;
    transcript.note("the trust store is removed");
    let image = image.tagged("emptied")?;
    let start = undecided(&image, "trust-store-unusable", "team", "trust store ca:absent cannot be used: ");
    denied(
        environment,
        transcript,
        "after a trust store is removed its images are denied at once",
        &image,
        &[UNDECIDED, &start],
    )
}

/// The rest of that system error, after [`UNDECIDED`] and the request id.
fn undecided(image: &Image, code: &str, statement: &str, cause: &str) -> String {
    format!("): {}: {code}: statement {statement:?} of the trust policy is disabled: {cause}", image.by_tag())
}

/// A statement that trusts the release signer under `store`.
pub(super) fn statement(name: &str, scope: &str, store: &str, level: &str) -> Value {
    json!({
        "name": name,
        "registryScopes": [scope],
        "signatureVerification": { "level": level },
        "trustStores": [format!("ca:{store}")],
        "trustedIdentities": [Signer::Release.trusted_identity()],
    })
}

/// Sets the policy of the earlier cases, with `more` statements.
pub(super) fn set_policy(environment: &Environment<'_>, more: &[Value]) -> anyhow::Result<()> {
    let mut policy = environment.fixtures.policy(Signer::Intern);
    let statements = policy["trustPolicies"].as_array_mut().context("the policy has no list of statements")?;
    statements.extend_from_slice(more);
    environment.notation.set_policy(environment.workdir, &policy)
}

/// Waits until the gauge has these values for the statements.
fn usable(environment: &Environment<'_>, statements: &[(&str, u8)]) -> anyhow::Result<()> {
    wait::until("the statements to be usable or not", RELOAD, || {
        for (statement, want) in statements {
            let series = format!("countersign_statement_usable{{statement=\"{statement}\"}}");
            let found = environment.countersign.metric(&series)?.to_string();
            ensure!(found == want.to_string(), "{series} {found}, expected {want}");
        }
        Ok(())
    })
}
