//! Enforcement actions other than deny, excluded namespaces and images, and what the audit reports about running pods.

use std::collections::BTreeSet;
use std::time::Duration;

use anyhow::Context;
use anyhow::ensure;
use serde_json::Value;
use serde_json::json;

use super::Seen;
use super::denied_with;
use super::kubectl;
use super::prints_exactly;
use super::rejected;
use crate::environment::Environment;
use crate::notation::Signer;
use crate::policy;
use crate::transcript::Transcript;
use crate::wait;

const CONSTRAINT: &str = "signed-images-in-pods";

/// Several rounds of the audit, which runs every two seconds.
const AUDITED: Duration = Duration::from_secs(20);

pub(super) fn run(environment: &mut Environment<'_>, transcript: &mut Transcript, seen: &Seen) -> anyhow::Result<()> {
    transcript.chapter("Warn, dryrun and exemptions");
    let flags =
        ["--audit-interval=2", "--constraint-violations-limit=100", "--external-data-provider-response-cache-ttl=1s"];
    environment.gatekeeper.restart(environment.workdir, &environment.cluster, &flags)?;
    policy::wait_enforced(&environment.cluster, &["countersignimages"])?;
    transcript.note("Gatekeeper runs with an audit every 2 s and a response cache of 1 s");
    warn_and_dryrun(environment, transcript)?;
    exemptions(environment, transcript)?;
    removed_root(environment, transcript, seen)
}

/// `warn` and `dryrun`.
fn warn_and_dryrun(environment: &Environment<'_>, transcript: &mut Transcript) -> anyhow::Result<()> {
    let unsigned = &environment.fixtures.unsigned;
    let finding = rejected(unsigned, "unsigned");

    patch(environment, transcript, &json!({ "enforcementAction": "warn" }))?;
    let finished = kubectl(environment, transcript, &["run", "warned", "--image", &unsigned.by_tag()])?;
    let result = (|| {
        let (warning, rest) = finished.output.split_once('\n').context("expected two lines")?;
        let start = format!("Warning: [{CONSTRAINT}] {finding}");
        ensure!(warning.starts_with(&start), "expected {start:?} first");
        ensure!(rest == "pod/warned created\n", "expected the pod created, and no more");
        Ok(())
    })();
    transcript.verdict("with warn an unsigned image is admitted, and the user gets the reason", result);

    patch(environment, transcript, &json!({ "enforcementAction": "dryrun" }))?;
    let finished = kubectl(environment, transcript, &["run", "reported", "--image", &unsigned.by_tag()])?;
    let result = prints_exactly(&finished, "pod/reported created\n");
    transcript.verdict("with dryrun an unsigned image is admitted", result);
    let want = BTreeSet::from(["warned", "reported"].map(|pod| (pod.to_owned(), finding.clone())));
    audited(environment, transcript, "the audit reports exactly these two pods, with the reason", &want)?;

    environment.cluster.kubectl_ok(&["delete", "pod", "warned", "reported"])?;
    patch(environment, transcript, &json!({ "enforcementAction": "deny" }))
}

/// Excluded namespaces and exempt images.
fn exemptions(environment: &Environment<'_>, transcript: &mut Transcript) -> anyhow::Result<()> {
    let unsigned = &environment.fixtures.unsigned;
    environment.cluster.kubectl_ok(&["create", "namespace", "kube-system-too"])?;
    let run = |pod, image, namespace| ["run", pod, "--image", image, "--namespace", namespace];
    let image = unsigned.by_tag();
    let finished = kubectl(environment, transcript, &run("excluded", &image, "kube-system"))?;
    let result = prints_exactly(&finished, "pod/excluded created\n");
    transcript.verdict("in an excluded namespace an unsigned image is admitted", result);
    let finished = kubectl(environment, transcript, &run("excluded", &image, "kube-system-too"))?;
    let result = denied_with(&finished, CONSTRAINT, &rejected(unsigned, "unsigned"));
    transcript.verdict("in a namespace with a similar, longer name an unsigned image is denied", result);

    let host = environment.referrers.host();
    patch(environment, transcript, &json!({ "parameters": { "exemptImages": [format!("{host}/free/*")] } }))?;
    let exempt = format!("{host}/free/tool:v1");
    let finished = kubectl(environment, transcript, &["run", "exempt", "--image", &exempt])?;
    let result = prints_exactly(&finished, "pod/exempt created\n");
    transcript.verdict("an image of an exempt repository is admitted", result);
    for repository in ["freedom/tool", "not-free/tool", "free/tool/sub", "a/free/tool", "free"] {
        let image = format!("{host}/{repository}:v1");
        let finished = kubectl(environment, transcript, &["run", "similar", "--image", &image])?;
        let result = denied_with(&finished, CONSTRAINT, &format!("{image} was rejected: no-applicable-rule: "));
        transcript.verdict(&format!("{repository} is not exempt by free/*"), result);
    }
    environment.cluster.kubectl_ok(&["delete", "pod", "exempt"])?;
    patch(environment, transcript, &json!({ "parameters": { "exemptImages": [] } }))
}

/// Pods that were admitted before the trust store changed.
fn removed_root(environment: &Environment<'_>, transcript: &mut Transcript, seen: &Seen) -> anyhow::Result<()> {
    transcript.chapter("A root removed from the trust store");
    audited(environment, transcript, "the audit reports none of the running pods", &BTreeSet::new())?;
    environment.notation.trust_root_of(environment.workdir, Signer::Untrusted)?;
    transcript.note("the trust store holds another root in place of the root of the signers");
    let want = untrusted(environment, &seen.pods)?;
    audited(
        environment,
        transcript,
        "the audit reports every image that is signed only under the removed root",
        &want,
    )?;
    environment.notation.trust_root_of(environment.workdir, Signer::Release)?;
    transcript.note("the root is in the trust store again");
    audited(environment, transcript, "the audit reports none when the root is trusted again", &BTreeSet::new())
}

/// A pod, and the beginning of a finding about it.
type Finding = (String, String);

/// The audit's finding about each image of the pods `names` once only the other root is trusted.
fn untrusted(environment: &Environment<'_>, names: &BTreeSet<String>) -> anyhow::Result<BTreeSet<Finding>> {
    let list: Value = serde_json::from_str(&environment.cluster.kubectl_ok(&["get", "pods", "--output", "json"])?)?;
    let mut wanted = BTreeSet::new();
    for pod in list["items"].as_array().context("no list of pods")? {
        let name = pod["metadata"]["name"].as_str().context("a pod without a name")?;
        ensure!(names.contains(name), "pod {name} was not created by a case");
        let lists = ["containers", "ephemeralContainers"].map(|list| pod["spec"][list].as_array());
        for container in lists.into_iter().flatten().flatten() {
            let image = container["image"].as_str().context("a container without an image")?;
            // The policy skips the first image; the second is signed under both roots.
            let stays = [&environment.fixtures.skipped, &environment.fixtures.both];
            if !stays.iter().any(|one| image.starts_with(&format!("{}:", one.scope()))) {
                let start =
                    format!("{image} was rejected by statement \"shop\" of the trust policy: untrusted-chain: ");
                wanted.insert((name.to_owned(), start));
            }
        }
    }
    ensure!(wanted.len() > 1, "there are too few pods to be audited");
    Ok(wanted)
}

/// Patches the constraint's specification. Returns once Gatekeeper enforces it.
pub(super) fn patch(environment: &Environment<'_>, transcript: &Transcript, spec: &Value) -> anyhow::Result<()> {
    let patch = json!({ "spec": spec }).to_string();
    kubectl(environment, transcript, &["patch", "countersignimages", CONSTRAINT, "--type=merge", "--patch", &patch])?;
    policy::wait_enforced(&environment.cluster, &["countersignimages", CONSTRAINT])
}

/// Waits until the constraint's status holds exactly the findings `want`.
fn audited(
    environment: &Environment<'_>,
    transcript: &mut Transcript,
    what: &str,
    want: &BTreeSet<Finding>,
) -> anyhow::Result<()> {
    let get = ["get", "countersignimages", CONSTRAINT, "--output", "json"];
    let result = wait::until("the audit", AUDITED, || {
        let constraint: Value = serde_json::from_str(&environment.cluster.kubectl_ok(&get)?)?;
        let status = &constraint["status"];
        let mut missing = want.clone();
        for violation in status["violations"].as_array().map_or(&[][..], Vec::as_slice) {
            let (name, message) = (violation["name"].as_str(), violation["message"].as_str());
            let (name, message) = name.zip(message).context("a violation without a name or message")?;
            let found = missing.iter().find(|(pod, start)| pod == name && message.starts_with(start)).cloned();
            missing.remove(&found.with_context(|| format!("{name}: {message:?}, expected no such finding"))?);
        }
        ensure!(missing.is_empty(), "not found: {missing:?}");
        ensure!(
            status["totalViolations"] == want.len(),
            "{} in all, expected {}",
            status["totalViolations"],
            want.len()
        );
        Ok(())
    });
    let template = "jsonpath={range .status.violations[*]}{.name}: {.message}{\"\\n\"}{end}";
    kubectl(environment, transcript, &["get", "countersignimages", CONSTRAINT, "--output", template])?;
    transcript.verdict(what, result);
    Ok(())
}
