//! Parts of the trust that are broken: their images are undecided, and all others are judged as before.

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

/// Countersign looks at its files every second.
const RELOAD: Duration = Duration::from_secs(15);

/// The store that is not there at first.
const ABSENT: &str = "absent";

/// Before what Countersign says about the one image of a request that it cannot decide about.
const UNDECIDED: &str = "signature check failed: could not decide about 1 of 1 images (request ";

pub(super) fn run(environment: &Environment<'_>, transcript: &mut Transcript, seen: &mut Seen) -> anyhow::Result<()> {
    transcript.chapter("Parts of the trust that are broken");
    let fixtures = &environment.fixtures;
    let broken = [
        statement("team", &fixtures.broken_store.scope(), ABSENT, "strict"),
        statement("loud", &fixtures.broken_statement.scope(), STORE, "loud"),
    ];
    set_policy(environment, &broken)?;
    transcript
        .note("the policy has a statement whose trust store is not there, and one with a level that there is not");
    transcript.verdict(
        "gauges name both statements and the store",
        usable(environment, &[("shop", 1), ("team", 0), ("loud", 0)]),
    );

    let url = format!("http://{}/readyz?verbose", environment.countersign.health());
    let text = http::get(&url)?.want(200)?.text();
    transcript.command(&format!("curl -sSf '{url}'"), &text);
    let result = (|| {
        let disabled = "[!] statement \"team\" is disabled: trust store ca:absent cannot be used: found no directory ";
        ensure!(text.contains(disabled), "want {disabled:?}");
        let disabled = "[!] statement \"loud\" is disabled: ";
        ensure!(text.contains(disabled), "want {disabled:?}");
        Ok(())
    })();
    transcript.verdict("Countersign stays ready, and says what is disabled and why", result);

    let (image, statement) = (&fixtures.broken_store, "team");
    let start = undecided(image, "trust-store-unusable", statement, "trust store ca:absent cannot be used: ");
    denied(environment, transcript, "an image whose trust store is not there is denied", image, &[UNDECIDED, &start])?;
    let (image, statement) = (&fixtures.broken_statement, "loud");
    let cause = "trust policy statement \"loud\", signatureVerification.level: ";
    let start = undecided(image, "statement-disabled", statement, cause);
    denied(environment, transcript, "an image whose statement has a mistake is denied", image, &[UNDECIDED, &start])?;
    let image = &fixtures.beside_broken;
    created(environment, transcript, seen, "an image of a sound statement is admitted", &image.pod(), image)?;

    unreadable_scopes(environment, transcript)?;
    repaired_and_emptied(environment, transcript, seen)?;
    set_policy(environment, &[])?;
    usable(environment, &[("shop", 1)])
}

/// A statement that may be meant for any repository.
fn unreadable_scopes(environment: &Environment<'_>, transcript: &mut Transcript) -> anyhow::Result<()> {
    set_policy(environment, &[statement("anywhere", "no-repository", STORE, "strict")])?;
    usable(environment, &[("shop", 1), ("anywhere", 0)])?;
    // Gatekeeper remembers what it was told about the image under its first tag.
    let image = environment.fixtures.uncovered.tagged("scopes")?;
    let start = format!(
        "): {}: statement-disabled: statement \"anywhere\" of the trust policy is disabled, and its scopes, which are not \
         certain, may include this repository: ",
        image.by_tag()
    );
    let what = "a statement whose scopes cannot be read may be meant for a repository that no other one names";
    denied(environment, transcript, what, &image, &[UNDECIDED, &start])
}

/// The store comes, and goes.
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
    transcript.note("the trust store is there");
    created(environment, transcript, seen, "the first try afterwards is admitted", &image.pod(), image)?;

    fs::remove_dir_all(environment.workdir.path().join(directory)).context("cannot remove the trust store")?;
    usable(environment, &[("shop", 1), ("team", 0)])?;
    transcript.note("the trust store is removed");
    let image = image.tagged("emptied")?;
    let start = undecided(&image, "trust-store-unusable", "team", "trust store ca:absent cannot be used: ");
    denied(
        environment,
        transcript,
        "a trust store that is removed ends the trust at once",
        &image,
        &[UNDECIDED, &start],
    )
}

/// How Countersign says that it cannot decide, behind [`UNDECIDED`] and the request's id.
fn undecided(image: &Image, code: &str, statement: &str, cause: &str) -> String {
    format!("): {}: {code}: statement {statement:?} of the trust policy is disabled: {cause}", image.by_tag())
}

fn statement(name: &str, scope: &str, store: &str, level: &str) -> Value {
    json!({
        "name": name,
        "registryScopes": [scope],
        "signatureVerification": { "level": level },
        "trustStores": [format!("ca:{store}")],
        "trustedIdentities": [Signer::Release.trusted_identity()],
    })
}

/// The policy of the cases before, with `more` statements.
fn set_policy(environment: &Environment<'_>, more: &[Value]) -> anyhow::Result<()> {
    let mut policy = environment.fixtures.policy(Signer::Intern);
    let statements = policy["trustPolicies"].as_array_mut().context("the policy has no list of statements")?;
    statements.extend_from_slice(more);
    environment.notation.set_policy(environment.workdir, &policy)
}

/// Waits until the gauge shows each of these statements so.
fn usable(environment: &Environment<'_>, statements: &[(&str, u8)]) -> anyhow::Result<()> {
    wait::until("the statements to be usable or not", RELOAD, || {
        for (statement, want) in statements {
            let series = format!("countersign_statement_usable{{statement=\"{statement}\"}}");
            let found = environment.countersign.metric(&series)?.to_string();
            ensure!(found == want.to_string(), "{series} {found}: want {want}");
        }
        Ok(())
    })
}
