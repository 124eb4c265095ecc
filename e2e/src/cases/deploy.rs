//! The shipped manifests, alerts and dashboard: a real API server accepts every object, and Prometheus evaluates every
//! query.

use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::Context;
use anyhow::ensure;
use serde_json::Value;

use super::kubectl;
use crate::environment::Environment;
use crate::notation::Signer;
use crate::policy;
use crate::transcript::Transcript;
use crate::wait;

/// Time limit for the first scrape of Prometheus.
const SCRAPED: Duration = Duration::from_secs(20);

/// The file that the user of an overlay replaces.
const AUTHORITY: &str = "ca.crt";

/// Leaves Gatekeeper's configuration in the cluster unchanged.
pub(super) fn manifests(environment: &Environment<'_>, transcript: &mut Transcript) -> anyhow::Result<()> {
    transcript.chapter("Shipped manifests");
    // A copy, because the user replaces files.
    let copy = environment.workdir.directory("shipped")?;
    for directory in ["deploy", "templates", "constraints"] {
        copy_tree(&environment.workdir.project().join(directory), &copy.join(directory))?;
    }
    let overlays = ["self-managed-certificates", "cert-manager", "in-gatekeeper-namespace"];
    let authority = environment.countersign.authority().certificate();
    for overlay in overlays {
        let path = copy.join("deploy/overlays").join(overlay).join(AUTHORITY);
        if path.exists() {
            fs::write(&path, &authority).with_context(|| format!("cannot write {}", path.display()))?;
        }
    }
    transcript.note("the overlays have a CA certificate; the resource definitions of cert-manager are applied");

    accepted(environment, transcript, "templates")?;
    let template = "constrainttemplate/countersignimages";
    environment.cluster.kubectl_ok(&["wait", "--for=jsonpath={.status.created}=true", "--timeout=30s", template])?;
    let directories =
        ["constraints", "deploy/overlays/dryrun", "deploy/overlays/warnings", "deploy/mutation", "deploy/monitoring"]
            .map(str::to_owned);
    let overlays = overlays.map(|overlay| format!("deploy/overlays/{overlay}"));
    for directory in overlays.iter().chain(&directories) {
        accepted(environment, transcript, directory)?;
    }
    pod_is_restricted(environment, transcript)?;
    readme(environment, transcript, &copy)?;
    without_ca(environment, transcript)?;

    let ca = environment.countersign.authority().certificate();
    for (provider, path) in [("countersign-verify", "/v1/verify"), ("countersign-mutate", "/v1/mutate")] {
        policy::apply_provider(
            environment.workdir,
            &environment.cluster,
            provider,
            &environment.countersign.url(path),
            &ca,
        )?;
    }
    policy::apply_own(environment.workdir, &environment.cluster)
}

/// `kubectl apply -k` must accept every object without a warning.
fn accepted(environment: &Environment<'_>, transcript: &mut Transcript, directory: &str) -> anyhow::Result<()> {
    let path = environment.workdir.path().join("shipped").join(directory).display().to_string();
    let arguments = ["apply", "--server-side", "--force-conflicts", "--validate=strict", "-k", &path];
    let finished = kubectl(environment, transcript, &arguments)?;
    let result = (|| {
        ensure!(finished.status.success(), "{}, expected success", finished.status);
        let done = |line: &str| line.ends_with(" serverside-applied");
        let other: Vec<&str> = finished.output.lines().filter(|line| !done(line)).collect();
        ensure!(other.is_empty(), "expected only applied objects, and not {other:?}");
        ensure!(!finished.output.is_empty(), "expected at least one object");
        Ok(())
    })();
    transcript.verdict(&format!("the API server accepts every object of {directory}"), result);
    Ok(())
}

/// Creates a pod of the Deployment's template: pod security is checked for pods, and no controller creates one here.
fn pod_is_restricted(environment: &Environment<'_>, transcript: &mut Transcript) -> anyhow::Result<()> {
    let get = ["get", "deployment", "countersign", "--namespace", "countersign", "--output", "json"];
    let deployment: Value = serde_json::from_str(&environment.cluster.kubectl_ok(&get)?)?;
    // No controller computes the use of the quota, without which the API server admits no pod.
    let status = r#"{"status":{"hard":{"pods":"100"},"used":{"pods":"0"}}}"#;
    let quota = ["patch", "resourcequota", "countersign-critical-pods", "--namespace", "countersign"];
    environment.cluster.kubectl_ok(&[&quota[..], &["--subresource=status", "--type=merge", "-p", status]].concat())?;
    let mut pod = deployment["spec"]["template"].clone();
    pod["apiVersion"] = "v1".into();
    pod["kind"] = "Pod".into();
    pod["metadata"]["name"] = "countersign".into();
    let path = environment.workdir.write("objects/countersign-pod.json", pod.to_string())?.display().to_string();
    let arguments = ["create", "--dry-run=server", "--validate=strict", "--namespace", "countersign", "-f", &path];
    let finished = kubectl(environment, transcript, &arguments)?;
    let result = super::prints_exactly(&finished, "pod/countersign created (server dry run)\n");
    transcript.verdict("a pod of the Deployment passes the restricted pod security of its namespace", result);
    Ok(())
}

/// Applies the overlay of `deploy/README.md` unchanged.
fn readme(environment: &Environment<'_>, transcript: &mut Transcript, copy: &Path) -> anyhow::Result<()> {
    let text = fs::read_to_string(copy.join("deploy/README.md"))?;
    let overlay = first_yaml(&text).context("deploy/README.md has no overlay")?;
    let overlay_directory = copy.join("my-cluster");
    fs::create_dir_all(&overlay_directory)?;
    fs::write(overlay_directory.join("kustomization.yaml"), &overlay)?;
    fs::write(overlay_directory.join(AUTHORITY), environment.countersign.authority().certificate())?;
    fs::write(overlay_directory.join("gatekeeper-ca.crt"), environment.gatekeeper.authority().certificate())?;
    fs::write(overlay_directory.join("release.crt"), environment.notation.root_of(Signer::Release))?;
    for file in ["trustpolicy.json", "countersign.yaml"] {
        fs::copy(copy.join("deploy/base/config").join(file), overlay_directory.join(file))?;
    }
    transcript.note("my-cluster is the overlay of deploy/README.md with its files");
    accepted(environment, transcript, "my-cluster")?;

    let text = fs::read_to_string(environment.workdir.project().join("provider/MIGRATION.md"))?;
    let providers = first_yaml(&text).context("provider/MIGRATION.md has no Providers")?;
    fs::write(overlay_directory.join("ratify-providers.yaml"), providers)?;
    let overlay = overlay.replacen("resources:\n", "resources:\n  - ratify-providers.yaml\n", 1);
    fs::write(overlay_directory.join("kustomization.yaml"), overlay)?;
    transcript.note("my-cluster with the Providers of provider/MIGRATION.md");
    accepted(environment, transcript, "my-cluster")
}

/// The first block of YAML in a page of Markdown, without its indentation.
fn first_yaml(text: &str) -> Option<String> {
    let (before, rest) = text.split_once("```yaml\n")?;
    let indentation = before.rsplit('\n').next()?;
    let (block, _) = rest.split_once(&format!("\n{indentation}```"))?;
    Some(block.lines().map(|line| format!("{}\n", line.strip_prefix(indentation).unwrap_or(line))).collect())
}

/// Without a CA certificate the Providers are refused.
fn without_ca(environment: &Environment<'_>, transcript: &mut Transcript) -> anyhow::Result<()> {
    let base = environment.workdir.path().join("shipped/deploy/base").display().to_string();
    let arguments = ["apply", "--server-side", "--force-conflicts", "--dry-run=server", "-k", &base];
    let finished = kubectl(environment, transcript, &arguments)?;
    let result = (|| {
        ensure!(!finished.status.success(), "{}, expected a failure", finished.status);
        let refused = |line: &&str| line.contains("denied the request") && line.contains("caBundle");
        let count = finished.output.lines().filter(refused).count();
        ensure!(count == 2, "{count} objects are refused for their caBundle, expected 2");
        Ok(())
    })();
    transcript.verdict("the base is refused, as its Providers have no CA certificate", result);
    Ok(())
}

/// Alerts and dashboard. `environment.prometheus` has loaded the alerts; every query of the dashboard is evaluated.
pub(super) fn monitoring(environment: &Environment<'_>, transcript: &mut Transcript) -> anyhow::Result<()> {
    transcript.chapter("Shipped alerts and dashboard");
    let directory = environment.workdir.project().join("deploy/monitoring");
    let quoted = directory.display();
    for (what, line) in [
        ("promtool accepts the alerts", format!("cd {quoted} && promtool check rules alerts.yaml")),
        ("the unit tests of the alerts pass", format!("cd {quoted} && promtool test rules alerts_test.yaml")),
        ("promtool accepts the scrape configuration", format!("cd {quoted} && promtool check config prometheus.yaml")),
    ] {
        let finished = environment.shell(&line)?;
        transcript.command(&line, &finished.output);
        transcript.verdict(what, finished.success().map(drop));
    }

    wait::until("the first scrape", SCRAPED, || {
        ensure!(!environment.prometheus.query("countersign_build_info", "")?.is_empty(), "no metrics");
        Ok(())
    })?;
    let (loaded, broken) = environment.prometheus.rules()?;
    let result = (|| {
        ensure!(broken.is_empty(), "{broken:?}");
        ensure!(!loaded.is_empty(), "Prometheus has no alerts");
        Ok(())
    })();
    transcript.verdict(&format!("Prometheus evaluates all {} alerts against Countersign", loaded.len()), result);

    let result = loaded.iter().try_for_each(|query| has_series(environment, query).map(drop));
    transcript.verdict("every series of an alert exists", result);

    let dashboard: Value = serde_json::from_str(&fs::read_to_string(directory.join("dashboard.json"))?)?;
    let mut queries = Vec::new();
    expressions(&dashboard, &mut queries);
    let result = (|| {
        ensure!(!queries.is_empty(), "found no query in the dashboard, expected at least one");
        for query in &queries {
            // The value that Grafana uses with a scrape every second.
            let query = query.replace("$__rate_interval", "4s").replace("$job", ".*");
            ensure!(!query.contains('$'), "{query}: an unknown variable");
            environment.prometheus.query(&query, "").with_context(|| query.clone())?;
            has_series(environment, &query)?;
        }
        Ok(())
    })();
    let what = format!("Prometheus answers all {} queries of the dashboard, and their series exist", queries.len());
    transcript.verdict(&what, result);
    Ok(())
}

/// Every `expr` in a dashboard.
fn expressions<'a>(json: &'a Value, found: &mut Vec<&'a str>) {
    match json {
        Value::Object(fields) => {
            for (name, value) in fields {
                found.extend(value.as_str().filter(|_| name == "expr"));
                expressions(value, found);
            }
        }
        Value::Array(values) => values.iter().for_each(|value| expressions(value, found)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// An error unless a series exists for each selector of a Countersign metric in `text`. Returns the number of selectors.
fn has_series(environment: &Environment<'_>, text: &str) -> anyhow::Result<usize> {
    let selectors = selectors(text);
    ensure!(!selectors.is_empty(), "no metric is named");
    // Exists only with an entry of `trust.stores`, which the samples have not.
    let of_fetched_stores = ["countersign_trust_store_fetch", "countersign_trust_store_next_fetch"];
    for selector in selectors.iter().filter(|selector| !of_fetched_stores.iter().any(|name| selector.starts_with(name)))
    {
        let found = environment.prometheus.query(&format!("count({selector})"), "")?;
        ensure!(!found.is_empty(), "there is no series {selector}");
    }
    Ok(selectors.len())
}

/// All selectors `countersign_…` and `countersign_…{…}` in a query.
fn selectors(text: &str) -> Vec<&str> {
    let starts = text.match_indices("countersign_").map(|(at, _)| &text[at..]);
    starts
        .filter_map(|rest| {
            let name = rest.find(|c: char| !c.is_ascii_lowercase() && c != '_').unwrap_or(rest.len());
            if rest[name..].starts_with('{') { rest.get(..=rest.find('}')?) } else { rest.get(..name) }
        })
        .collect()
}

pub(super) fn copy_tree(from: &Path, to: &Path) -> anyhow::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from).with_context(|| format!("cannot read {}", from.display()))? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy_tree(&entry.path(), &target)?;
        } else {
            fs::copy(entry.path(), target)?;
        }
    }
    Ok(())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn removes_the_indentation_of_yaml_in_a_list() {
        let text = "1. Do:\n\n   ```yaml\n   a:\n     b: 1\n\n   c: 2\n   ```\n   More.\n";
        assert_eq!(first_yaml(text).unwrap(), "a:\n  b: 1\n\nc: 2\n");
        assert_eq!(first_yaml("```yaml\nwithout an end"), None);
    }

    #[test]
    fn reads_selectors_with_and_without_braces() {
        let text =
            "sum(rate(countersign_a_total{job=\"c\",x!~\"y|z\"}[5m])) > countersign_b{job=\"c\"} or countersign_c[1m]";
        let expected = ["countersign_a_total{job=\"c\",x!~\"y|z\"}", "countersign_b{job=\"c\"}", "countersign_c"];
        assert_eq!(selectors(text), expected);
    }
}
