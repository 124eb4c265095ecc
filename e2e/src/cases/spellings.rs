//! Different spellings of a registry's host. No spelling avoids the statement for the repository or extends an exemption.

use std::time::Duration;

use anyhow::ensure;
use serde_json::Value;
use serde_json::json;

use super::Seen;
use super::audit::patch;
use super::denied_with;
use super::kubectl;
use super::prints_exactly;
use crate::environment::Environment;
use crate::images::Image;
use crate::notation::Format;
use crate::notation::STORE;
use crate::notation::Signer;
use crate::transcript::Transcript;
use crate::wait;

/// Countersign checks its files for changes every second.
const RELOAD: Duration = Duration::from_secs(15);

/// The beginning of the message when a mutator could not get a digest.
const UNRESOLVED: &str = "Error from server: admission webhook \"mutation.gatekeeper.sh\" denied the request: failed to \
                          resolve external data placeholders: ";

pub(super) fn run(environment: &Environment<'_>, transcript: &mut Transcript, seen: &mut Seen) -> anyhow::Result<()> {
    transcript.chapter("Spellings of a registry's host");
    let by_address = Image::push(&environment.referrers, "spelling/strict")?;
    let (line, output) =
        environment.notation.sign(&environment.referrers, &by_address, Signer::Untrusted, Format::Jws, None)?;
    transcript.command(&line, &output);
    let by_name = by_address.at(&environment.referrers.host_by_name());
    set_policy(environment, transcript, &policy(&[by_address.scope(), by_name.scope()]))?;
    transcript.note("the statement for the repository is strict; the one for all others only logs authenticity");

    let elsewhere = by_address.in_repository("spelling/rest")?;
    let (line, output) =
        environment.notation.sign(&environment.referrers, &elsewhere, Signer::Untrusted, Format::Jws, None)?;
    transcript.command(&line, &output);
    let image = elsewhere.by_tag();
    let finished = kubectl(environment, transcript, &["run", "spelling-rest", "--image", &image])?;
    let result = prints_exactly(&finished, "pod/spelling-rest created\n");
    if result.is_ok() {
        seen.pods.insert("spelling-rest".to_owned());
    }
    transcript.verdict("an image with an untrusted signature is created under the statement for all others", result);

    let port = environment.referrers.port();
    for host in [
        format!("127.0.0.1:{port}"),
        format!("127.0.0.1:0{port}"),
        format!("[::ffff:7f00:1]:{port}"),
        format!("localhost:{port}"),
        format!("LOCALHOST:{port}"),
        format!("LocalHost:000{port}"),
    ] {
        let image = by_address.at(&host);
        let finished = kubectl(environment, transcript, &["run", "spelling", "--image", &image.by_tag()])?;
        // The mutators keep the spelling of the host and append the digest.
        let start = format!("{} was rejected by statement \"prod\" of the trust policy: ", image.by_digest());
        let result = denied_with(&finished, "signed-images-in-pods", &start);
        transcript.verdict(&format!("the image is denied as {host}"), result);
    }
    for host in [format!("127.1:{port}"), format!("127.0.0.01:{port}"), "Docker.io".to_owned()] {
        let image = by_address.at(&host);
        refused(environment, transcript, &format!("{host} is not a valid host"), &image)?;
    }
    exemption(environment, transcript, seen, &by_address)?;
    set_policy(environment, transcript, &environment.fixtures.policy(Signer::Intern))
}

/// An image that the constraints exempt; the template compares hosts itself.
fn exemption(
    environment: &Environment<'_>,
    transcript: &mut Transcript,
    seen: &mut Seen,
    by_address: &Image,
) -> anyhow::Result<()> {
    let port = environment.referrers.port();
    let exempt = format!("LOCALHOST:0{port}/spelling/*");
    patch(environment, transcript, &json!({ "parameters": { "exemptImages": [exempt] } }))?;
    let image = by_address.at(&format!("localhost:{port}")).by_tag();
    let finished = kubectl(environment, transcript, &["run", "spelling-exempt", "--image", &image])?;
    let result = prints_exactly(&finished, "pod/spelling-exempt created\n");
    if result.is_ok() {
        seen.pods.insert("spelling-exempt".to_owned());
    }
    transcript.verdict("an exemption applies to every spelling of its host", result);
    let other = by_address.at(&format!("127.0.0.1:{port}"));
    let finished = kubectl(environment, transcript, &["run", "spelling", "--image", &other.by_tag()])?;
    let start = format!("{} was rejected by statement \"prod\" of the trust policy: ", other.by_digest());
    transcript.verdict(
        "an exemption does not apply to another host",
        denied_with(&finished, "signed-images-in-pods", &start),
    );
    patch(environment, transcript, &json!({ "parameters": { "exemptImages": [] } }))
}

/// `kubectl run` with a text that is not an image reference.
fn refused(
    environment: &Environment<'_>,
    transcript: &mut Transcript,
    what: &str,
    image: &Image,
) -> anyhow::Result<()> {
    let finished = kubectl(environment, transcript, &["run", "spelling", "--image", &image.by_tag()])?;
    let result = (|| {
        ensure!(finished.status.code() == Some(1), "{}, expected exit status 1", finished.status);
        ensure!(finished.output.starts_with(UNRESOLVED), "expected {UNRESOLVED:?} first");
        ensure!(finished.output.contains("invalid-reference: "), "expected the code invalid-reference");
        Ok(())
    })();
    transcript.verdict(what, result);
    Ok(())
}

/// `strict` for a repository under two of its hosts, and a statement for all others that only logs authenticity.
fn policy(strict: &[String]) -> Value {
    let stores = [format!("ca:{STORE}")];
    json!({
        "version": "1.0",
        "trustPolicies": [
            {
                "name": "prod",
                "registryScopes": strict,
                "signatureVerification": { "level": "strict" },
                "trustStores": stores,
                "trustedIdentities": [Signer::Release.trusted_identity()],
            },
            {
                "name": "rest",
                "registryScopes": ["*"],
                "signatureVerification": { "level": "audit" },
                "trustStores": stores,
                "trustedIdentities": ["*"],
            },
        ],
    })
}

fn set_policy(environment: &Environment<'_>, transcript: &mut Transcript, policy: &Value) -> anyhow::Result<()> {
    let before = environment.countersign.metric("countersign_trust_generation")?;
    environment.notation.set_policy(environment.workdir, policy)?;
    let result = wait::until("the new policy", RELOAD, || {
        let now = environment.countersign.metric("countersign_trust_generation")?;
        ensure!(now > before, "generation {now}, expected more than {before}");
        Ok(())
    });
    transcript.verdict("Countersign loads the policy", result);
    Ok(())
}
