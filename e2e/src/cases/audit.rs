//! What a constraint may be told besides to deny, whom it leaves out, and what the audit says about pods that run already.

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

/// Several rounds of the audit, which comes every two seconds here.
const AUDITED: Duration = Duration::from_secs(20);

pub(super) fn run(environment: &mut Environment<'_>, transcript: &mut Transcript, seen: &Seen) -> anyhow::Result<()> {
    transcript.chapter("Warned, watched, left out");
    let flags =
        ["--audit-interval=2", "--constraint-violations-limit=100", "--external-data-provider-response-cache-ttl=1s"];
    environment.gatekeeper.restart(environment.workdir, &environment.cluster, &flags)?;
    policy::wait_enforced(&environment.cluster, &["countersignimages"])?;
    transcript.note("Gatekeeper runs with an audit every 2 s, and forgets answers after 1 s");
    softer(environment, transcript)?;
    left_out(environment, transcript)?;
    lost_root(environment, transcript, seen)
}

/// `warn` and `dryrun`.
fn softer(environment: &Environment<'_>, transcript: &mut Transcript) -> anyhow::Result<()> {
    let unsigned = &environment.fixtures.unsigned;
    let finding = rejected(unsigned, "unsigned");

    patch(environment, transcript, &json!({ "enforcementAction": "warn" }))?;
    let finished = kubectl(environment, transcript, &["run", "warned", "--image", &unsigned.by_tag()])?;
    let result = (|| {
        let (warning, rest) = finished.output.split_once('\n').context("want two lines")?;
        let start = format!("Warning: [{CONSTRAINT}] {finding}");
        ensure!(warning.starts_with(&start), "want {start:?} first");
        ensure!(rest == "pod/warned created\n", "want the pod created, and no more");
        Ok(())
    })();
    transcript.verdict("with warn an unsigned image is admitted, and its user is told why", result);

    patch(environment, transcript, &json!({ "enforcementAction": "dryrun" }))?;
    let finished = kubectl(environment, transcript, &["run", "watched", "--image", &unsigned.by_tag()])?;
    let result = prints_exactly(&finished, "pod/watched created\n");
    transcript.verdict("with dryrun an unsigned image is admitted", result);
    let want = BTreeSet::from(["warned", "watched"].map(|pod| (pod.to_owned(), finding.clone())));
    audited(environment, transcript, "the audit names both pods, and why; and no other", &want)?;

    environment.cluster.kubectl_ok(&["delete", "pod", "warned", "watched"])?;
    patch(environment, transcript, &json!({ "enforcementAction": "deny" }))
}

/// Namespaces and images.
fn left_out(environment: &Environment<'_>, transcript: &mut Transcript) -> anyhow::Result<()> {
    let unsigned = &environment.fixtures.unsigned;
    environment.cluster.kubectl_ok(&["create", "namespace", "kube-system-too"])?;
    let run = |pod, image, namespace| ["run", pod, "--image", image, "--namespace", namespace];
    let image = unsigned.by_tag();
    let finished = kubectl(environment, transcript, &run("left-out", &image, "kube-system"))?;
    let result = prints_exactly(&finished, "pod/left-out created\n");
    transcript.verdict("in a namespace that the constraint leaves out an unsigned image is admitted", result);
    let finished = kubectl(environment, transcript, &run("left-out", &image, "kube-system-too"))?;
    let result = denied_with(&finished, CONSTRAINT, &rejected(unsigned, "unsigned"));
    transcript.verdict("in one with a longer name it is denied", result);

    let host = environment.referrers.host();
    patch(environment, transcript, &json!({ "parameters": { "exemptImages": [format!("{host}/free/*")] } }))?;
    let exempt = format!("{host}/free/tool:v1");
    let finished = kubectl(environment, transcript, &["run", "exempt", "--image", &exempt])?;
    let result = prints_exactly(&finished, "pod/exempt created\n");
    transcript.verdict("an image of an exempt repository is admitted", result);
    for repository in ["freedom/tool", "not-free/tool", "free/tool/sub", "a/free/tool", "free"] {
        let image = format!("{host}/{repository}:v1");
        let finished = kubectl(environment, transcript, &["run", "look-alike", "--image", &image])?;
        let result = denied_with(&finished, CONSTRAINT, &format!("{image} was rejected: no-applicable-rule: "));
        transcript.verdict(&format!("{repository} is not exempt by free/*"), result);
    }
    environment.cluster.kubectl_ok(&["delete", "pod", "exempt"])?;
    patch(environment, transcript, &json!({ "parameters": { "exemptImages": [] } }))
}

/// Pods that were good when they came.
fn lost_root(environment: &Environment<'_>, transcript: &mut Transcript, seen: &Seen) -> anyhow::Result<()> {
    transcript.chapter("A root that is trusted no more");
    audited(environment, transcript, "the audit has nothing to say about the pods that run", &BTreeSet::new())?;
    environment.notation.trust_root_of(environment.workdir, Signer::Untrusted)?;
    transcript.note("the trust store holds another root now, in place of the one that signed");
    let want = untrusted(environment, &seen.pods)?;
    audited(environment, transcript, "the audit names every image that was signed under it alone", &want)?;
    environment.notation.trust_root_of(environment.workdir, Signer::Release)?;
    transcript.note("the root is back");
    audited(environment, transcript, "and none any more when the root is back", &BTreeSet::new())
}

/// A pod, and how a finding about it begins.
type Finding = (String, String);

/// What the audit has to say about each image of the pods `names` once only the stranger's root is trusted.
fn untrusted(environment: &Environment<'_>, names: &BTreeSet<String>) -> anyhow::Result<BTreeSet<Finding>> {
    let list: Value = serde_json::from_str(&environment.cluster.kubectl_ok(&["get", "pods", "--output", "json"])?)?;
    let mut wanted = BTreeSet::new();
    for pod in list["items"].as_array().context("no list of pods")? {
        let name = pod["metadata"]["name"].as_str().context("a pod without a name")?;
        ensure!(names.contains(name), "nobody has seen pod {name} come");
        let lists = ["containers", "ephemeralContainers"].map(|list| pod["spec"][list].as_array());
        for container in lists.into_iter().flatten().flatten() {
            let image = container["image"].as_str().context("a container without an image")?;
            // The policy has nobody look at the one, and the other is signed under both roots.
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

/// Changes the constraint's specification, as a user would. Returns once it is enforced.
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
            missing.remove(&found.with_context(|| format!("{name}: {message:?}: want no such finding"))?);
        }
        ensure!(missing.is_empty(), "not found: {missing:?}");
        ensure!(status["totalViolations"] == want.len(), "{} in all: want {}", status["totalViolations"], want.len());
        Ok(())
    });
    let template = "jsonpath={range .status.violations[*]}{.name}: {.message}{\"\\n\"}{end}";
    kubectl(environment, transcript, &["get", "countersignimages", CONSTRAINT, "--output", template])?;
    transcript.verdict(what, result);
    Ok(())
}
