//! The templates of Ratify's library, unchanged, with Countersign at Ratify's paths.

mod names;

use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context;
use anyhow::ensure;
use serde_json::Value;
use serde_json::json;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::Seen;
use super::created;
use super::denied_with;
use super::findings;
use super::kubectl;
use super::prints_exactly;
use crate::environment::Environment;
use crate::images::Image;
use crate::policy;
use crate::process::Finished;
use crate::transcript::Transcript;
use crate::wait;

/// The name of the Provider in the templates.
const PROVIDER: &str = "ratify-provider";

/// The name of the Provider in the mutators of its chart.
const MUTATION_PROVIDER: &str = "ratify-mutation-provider";

/// The issuer of every signer's certificate, in Go's notation, which Ratify uses.
const ISSUER: &str = "CN=Shop root,O=Shop AG,ST=ZH,C=CH";

/// Time limit until a deleted constraint is no longer enforced.
const DELETED: Duration = Duration::from_secs(15);

/// A template of Ratify's library.
struct Template {
    /// Its directory.
    name: &'static str,
    file: &'static str,
    /// In lower case, as in the name of its resource.
    kind: &'static str,
    /// Its constraint.
    constraint: Constraint,
    /// Checks its message about a rejected key.
    check_message: fn(&Denial<'_>) -> anyhow::Result<()>,
    /// The text before the image in a key.
    key_prefix: &'static str,
}

enum Constraint {
    /// The sample of the library.
    Sample,
    /// A constraint with the issuer of this run's signers, as the sample has another.
    OfIssuer,
}

/// A denial.
struct Denial<'a> {
    environment: &'a Environment<'a>,
    key: &'a str,
    image: &'a str,
    findings: &'a [&'a str],
}

const TEMPLATES: [Template; 5] = [
    Template {
        name: "default",
        file: "template.yaml",
        kind: "ratifyverification",
        constraint: Constraint::Sample,
        check_message: has_trace_id,
        key_prefix: "",
    },
    Template {
        name: "notation-validation",
        file: "template.yml",
        kind: "notationvalidation",
        constraint: Constraint::Sample,
        check_message: |denial| {
            denial.has_findings(&[&format!(
                "signature verification failed for all signatures associated with {}",
                denial.key
            )])
        },
        key_prefix: "",
    },
    Template {
        name: "notation-issuer-validation",
        file: "template.yaml",
        kind: "notationissuervalidation",
        constraint: Constraint::OfIssuer,
        check_message: |denial| {
            denial.has_findings(&[
                &format!("Failed to verify the artifact: {}", denial.key),
                &format!("Subject {} has no signatures for certificate with Issuer: {ISSUER}", denial.key),
            ])
        },
        key_prefix: "",
    },
    Template {
        name: "notation-nested-validation",
        file: "template.yaml",
        kind: "notationnestedvalidation",
        constraint: Constraint::Sample,
        check_message: |denial| denial.has_findings(&[&format!("Failed to verify the artifact: {}", denial.key)]),
        key_prefix: "",
    },
    Template {
        name: "multi-tenancy-validation",
        file: "template.yaml",
        kind: "ratifyverification",
        constraint: Constraint::Sample,
        check_message: has_trace_id,
        key_prefix: "[default]",
    },
];

pub(super) fn run(
    environment: &mut Environment<'_>,
    transcript: &mut Transcript,
    seen: &mut Seen,
) -> anyhow::Result<()> {
    transcript.chapter("Templates of Ratify");
    let constraints = environment.workdir.project().join("constraints");
    let constraints = constraints.to_str().context("a path is not UTF-8")?;
    environment.cluster.kubectl_ok(&["delete", "-f", constraints])?;
    let unsigned = environment.fixtures.unsigned.by_tag();
    wait::until("our constraints to be deleted", DELETED, || {
        environment.cluster.kubectl_ok(&["run", "probe", "--dry-run=server", "--image", &unsigned]).map(drop)
    })?;
    let ca = environment.countersign.authority().certificate();
    let url = environment.countersign.url("/ratify/gatekeeper/v1/verify");
    policy::apply_provider(environment.workdir, &environment.cluster, PROVIDER, &url, &ca)?;
    transcript.note(&format!("our constraints are deleted; the Provider {PROVIDER} has the url {url}"));
    for template in &TEMPLATES {
        template.run(environment, transcript, seen)?;
    }
    mutation(environment, transcript, seen)?;
    names::run(environment, transcript)?;
    policy::apply_own(environment.workdir, &environment.cluster)?;
    transcript.note("our constraints are enforced again");
    Ok(())
}

/// The mutator of Ratify's chart for pods, which uses Ratify's other path.
fn mutation(environment: &Environment<'_>, transcript: &mut Transcript, seen: &mut Seen) -> anyhow::Result<()> {
    let ca = environment.countersign.authority().certificate();
    let url = environment.countersign.url("/ratify/gatekeeper/v1/mutate");
    policy::apply_provider(environment.workdir, &environment.cluster, MUTATION_PROVIDER, &url, &ca)?;
    let assign = json!({
        "apiVersion": "mutations.gatekeeper.sh/v1",
        "kind": "Assign",
        "metadata": { "name": "mutate-pod-image" },
        "spec": {
            "match": { "scope": "Namespaced", "kinds": [{ "apiGroups": ["*"], "kinds": ["Pod"] }] },
            "applyTo": [{ "groups": [""], "kinds": ["Pod"], "versions": ["v1"] }],
            "location": "spec.containers[name:*].image",
            "parameters": { "assign": { "externalData": { "provider": MUTATION_PROVIDER } } },
        },
    });
    let assign = environment.workdir.write("objects/ratify-assign.json", assign.to_string())?;
    policy::apply(&environment.cluster, &assign)?;
    transcript
        .note(&format!("the Provider {MUTATION_PROVIDER} has the url {url}; Ratify's mutator for pods is enforced"));
    let image = environment.fixtures.jws.tagged("mutated")?;
    created(environment, transcript, seen, "Ratify's mutator: a pod is created by its tag", "mutated", &image)?;
    let path = "jsonpath={.spec.containers[0].image}";
    let finished = kubectl(environment, transcript, &["get", "pod", "mutated", "--output", path])?;
    transcript.verdict("Ratify's mutator: the pod has the digest", prints_exactly(&finished, &image.by_digest()));
    environment.cluster.kubectl_ok(&["delete", "-f", &assign.display().to_string()]).map(drop)
}

impl Template {
    fn run(
        &self,
        environment: &mut Environment<'_>,
        transcript: &mut Transcript,
        seen: &mut Seen,
    ) -> anyhow::Result<()> {
        let Self { name, check_message, key_prefix, .. } = self;
        let library = environment.workdir.tool("ratify").join(name);
        let template = library.join(self.file).display().to_string();
        let constraint = self.constraint_file(environment)?;
        policy::apply_template(&environment.cluster, &library.join(self.file), self.kind)?;
        policy::apply(&environment.cluster, &constraint)?;
        let constraint = constraint.display().to_string();
        transcript.note(&format!("Ratify's template {name} is enforced, unchanged"));
        let constraint_name = self.constraint_name();

        // Tags of their own, as Gatekeeper caches responses.
        let signed = environment.fixtures.jws.tagged(name)?;
        created(environment, transcript, seen, &format!("{name}: a signed image is admitted"), name, &signed)?;
        for (what, image) in [
            ("an unsigned image is denied", &environment.fixtures.unsigned),
            ("a signature under another root is denied", &environment.fixtures.untrusted),
        ] {
            let image = image.tagged(name)?;
            let finished = run_pod(environment, transcript, &image)?;
            let (image, key) = (image.by_tag(), format!("{key_prefix}{}", image.by_tag()));
            let result = findings(&finished, &format!("[{constraint_name}] ")).and_then(|findings| {
                check_message(&Denial { environment, key: &key, image: &image, findings: &findings })
            });
            transcript.verdict(&format!("{name}: {what}"), result);
        }

        self.skipped(environment, transcript, seen)?;
        self.without_countersign(environment, transcript)?;
        environment.cluster.kubectl_ok(&["delete", "-f", &constraint])?;
        environment.cluster.kubectl_ok(&["delete", "-f", &template]).map(drop)
    }

    /// A repository that the policy skips.
    fn skipped(
        &self,
        environment: &Environment<'_>,
        transcript: &mut Transcript,
        seen: &mut Seen,
    ) -> anyhow::Result<()> {
        let name = self.name;
        let skipped = environment.fixtures.skipped.tagged(name)?;
        match self.constraint {
            Constraint::Sample => {
                let what = format!("{name}: a repository that the policy skips is admitted unsigned");
                created(environment, transcript, seen, &what, &format!("{name}-skipped"), &skipped)?;
            }
            Constraint::OfIssuer => {
                let finished = run_pod(environment, transcript, &skipped)?;
                let start = format!("Subject {} has no signatures for certificate with Issuer: ", skipped.by_tag());
                let result = denied_with(&finished, self.constraint_name(), &start);
                transcript.verdict(&format!("{name}: a repository that the policy skips has no issuer"), result);
            }
        }
        Ok(())
    }

    /// A signed image while Countersign is stopped.
    fn without_countersign(
        &self,
        environment: &mut Environment<'_>,
        transcript: &mut Transcript,
    ) -> anyhow::Result<()> {
        let (name, constraint_name) = (self.name, self.constraint_name());
        environment.countersign.stop()?;
        let uncached = environment.fixtures.jws.tagged(&format!("{name}-uncached"))?;
        let finished = run_pod(environment, transcript, &uncached)?;
        let result = findings(&finished, &format!("[{constraint_name}] ")).and_then(|findings| {
            let failed = "System error calling external data provider: failed to send external data request: ";
            ensure!(findings.len() == 1, "{} findings, expected 1", findings.len());
            ensure!(findings[0].starts_with(failed), "expected {failed:?}");
            Ok(())
        });
        transcript.verdict(&format!("{name}: without Countersign a signed image is denied"), result);
        environment.countersign.resume(environment.workdir)
    }

    fn constraint_file(&self, environment: &Environment<'_>) -> anyhow::Result<PathBuf> {
        match self.constraint {
            Constraint::Sample => {
                Ok(environment.workdir.tool("ratify").join(self.name).join("samples/constraint.yaml"))
            }
            Constraint::OfIssuer => {
                let constraint = json!({
                    "apiVersion": "constraints.gatekeeper.sh/v1beta1",
                    "kind": "NotationIssuerValidation",
                    "metadata": { "name": self.constraint_name() },
                    "spec": {
                        "match": { "kinds": [{ "apiGroups": [""], "kinds": ["Pod"] }] },
                        "parameters": { "issuer": ISSUER },
                    },
                });
                environment.workdir.write("objects/issuer-constraint.json", constraint.to_string())
            }
        }
    }

    fn constraint_name(&self) -> &'static str {
        match (self.name, &self.constraint) {
            (_, Constraint::OfIssuer) => "signed-under-the-shop-root",
            ("notation-nested-validation", Constraint::Sample) => "notation-nested-constraint",
            (_, Constraint::Sample) => "ratify-constraint",
        }
    }
}

impl Denial<'_> {
    /// Expects exactly these findings, in any order.
    fn has_findings(&self, want: &[&str]) -> anyhow::Result<()> {
        let mut found = self.findings.to_vec();
        let mut want = want.to_vec();
        found.sort_unstable();
        want.sort_unstable();
        ensure!(found == want, "expected {want:?}");
        Ok(())
    }
}

/// Expects `Time=…, failed to verify the artifact: KEY, trace-id: …`, with the request id of a verdict in the log.
fn has_trace_id(denial: &Denial<'_>) -> anyhow::Result<()> {
    let [finding] = denial.findings else { anyhow::bail!("{} findings, expected 1", denial.findings.len()) };
    let (timestamp, rest) =
        finding.strip_prefix("Time=").and_then(|rest| rest.split_once(", ")).context("expected Time=… first")?;
    let time = OffsetDateTime::parse(timestamp, &Rfc3339).with_context(|| format!("time {timestamp:?}"))?;
    let age = OffsetDateTime::now_utc() - time;
    ensure!(age.abs() < time::Duration::minutes(1), "time {timestamp}, expected about now");
    let start = format!("failed to verify the artifact: {}, trace-id: ", denial.key);
    let trace = rest.strip_prefix(&start).with_context(|| format!("expected {start:?}"))?;
    ensure!(!trace.is_empty(), "expected a trace id");

    let events = denial.environment.countersign.log(denial.environment.workdir)?;
    let is_verdict = |event: &&Value| event["request_id"] == trace && event["message"] == "verdict";
    let event =
        events.iter().find(is_verdict).with_context(|| format!("no verdict in the log has the request id {trace}"))?;
    ensure!(event["image"] == denial.image || event["image"] == denial.key, "the log has {}", event["image"]);
    ensure!(event["verdict"] == "rejected", "the log says {}, expected rejected", event["verdict"]);
    Ok(())
}

fn run_pod(environment: &Environment<'_>, transcript: &Transcript, image: &Image) -> anyhow::Result<Finished> {
    kubectl(environment, transcript, &["run", &image.pod(), "--image", &image.by_tag()])
}
