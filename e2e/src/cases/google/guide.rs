//! `deploy/gke/README.md` with step 4 of `deploy/README.md` as a new user follows them, in both ways of the page: the service account of
//! Kubernetes has the role, and then a service account of Google Cloud, as which the pod acts.

use std::fs;
use std::path::Path;

use anyhow::Context;
use anyhow::ensure;
use serde_json::Value;
use serde_json::json;

use super::super::cloud::Chain;
use super::super::cloud::Page;
use super::super::cloud::Site;
use super::super::cloud::User;
use super::super::cloud::is_step;
use super::super::guide::EXEC;
use super::super::guide::Step;
use super::super::guide::add_to_list;
use super::super::guide::steps;
use super::site::ACCOUNT;
use super::site::IMAGES;
use super::site::POOL;
use super::site::PROJECT;
use crate::cloud_doubles::CloudDoubles;

const PAGE: &str = "deploy/gke/README.md";
const GUIDE: &str = "deploy/README.md";

/// The overlay of the guide.
const OVERLAY: &str = "my-cluster/kustomization.yaml";

/// Beginnings of commands that need controllers, and of those for other registries.
const NOT_RUN: [&str; 3] = [
    "kubectl -n countersign rollout ",
    "kubectl -n countersign create secret docker-registry ",
    "kubectl -n countersign create configmap countersign-registry-ca ",
];

/// The warnings of `check`: the certificate of this Gatekeeper is short, and the signers' certificates name no addresses.
const WARNINGS: [&str; 2] = [" certificate-ends-soon: ", " evidence-of-image: "];

/// In place of the gcloud CLI: writes down what it is called with, and knows the number of the project.
const GCLOUD: &str = r#"#!/bin/sh
echo "$*" >> CALLS
case "$*" in *"projects describe"*) echo 123456789012 ;; esac
"#;

/// What the user changes in the files: the name of their signers.
const CHANGES: [(&str, &str, &str); 1] = [(
    "trustpolicy.json",
    "x509.subject: C=CH, ST=ZH, O=Shop AG, CN=release",
    "x509.subject: C=CH, ST=ZH, O=Testkit, CN=release",
)];

fn page() -> Page {
    Page {
        path: PAGE,
        not_run: &NOT_RUN,
        changes: &CHANGES,
        warnings: &WARNINGS,
        variables: &[
            ("GCP_PROJECT", PROJECT),
            ("GCP_LOCATION", "europe-west1"),
            ("GKE_CLUSTER", "my-gke-cluster"),
            ("REPOSITORY", IMAGES),
        ],
        cli: ("gcloud", GCLOUD.to_owned()),
    }
}

/// Follows the page in both ways. The pod acts as the service account of Google Cloud afterwards.
pub(super) fn follow<'a>(mut site: Site<'a>, binary: &Path) -> anyhow::Result<Chain<'a>> {
    let mut user = User::prepare(&site, binary, page())?;
    user.has("release.crt", fs::read(site.doubles.directory().join("signing.pem"))?)?;
    // The image of the page.
    site.push_as("v1", &json!({}))?;
    let read = |path: &str| fs::read_to_string(site.workdir.project().join(path));
    let (page, guide) = (read(PAGE)?, read(GUIDE)?);
    let (mut of_page, tries): (Vec<_>, Vec<_>) = steps(&page)?.into_iter().partition(|step| !is_step(step, EXEC));
    ensure!(!tries.is_empty(), "{PAGE} tries no image");
    let [of_kubernetes, of_google] = overlays(&page, &guide)?;

    of_page.extend(step_4(&guide, of_kubernetes)?);
    let in_step_4 = step_4(&guide, of_google)?;
    let again = tries.iter().map(|step| match step {
        Step::Command(line) => Step::Command(line.clone()),
        Step::File(path, text) => Step::File(path.clone(), text.clone()),
    });
    let again: Vec<Step> = in_step_4.into_iter().chain(again).collect();
    of_page.extend(tries);

    let pod = user.follow(&mut site, binary, "pod", of_page, &|doubles, _, account| {
        identity(doubles, account, None).map(|()| Vec::new())
    })?;
    let result = user.calls().and_then(|calls| granted(&calls));
    let what = "the role is for the service account of the pod, and for the one of Google Cloud as which it may act";
    site.transcript.verdict(what, result);
    let mut chain = Chain::new(site, pod)?;
    let image = chain.push(&json!({}))?;
    chain.admitted("an image is admitted, read with the service account of Kubernetes", &image)?;

    let mut chain = chain.replace_pod(|site| {
        site.transcript.note("my-cluster/kustomization.yaml: the pod acts as a service account of Google Cloud");
        // That of Kubernetes has no role any more.
        site.set(&json!({ "do": "revoke-grant" }))?;
        user.follow(site, binary, "pod-with-account", again, &|doubles, _, account| {
            identity(doubles, account, Some(ACCOUNT)).map(|()| Vec::new())
        })
    })?;
    let image = chain.push(&json!({}))?;
    chain.admitted("an image is admitted, read with the service account of Google Cloud", &image)?;
    Ok(chain)
}

/// The overlays of the guide for both ways of the page.
pub(in crate::cases) fn overlays(page: &str, guide: &str) -> anyhow::Result<[String; 2]> {
    let overlay = steps(section_4(guide)?)?.into_iter().find_map(|step| match step {
        Step::File(path, text) => (path == OVERLAY).then_some(text),
        Step::Command(_) => None,
    });
    let overlay = overlay.with_context(|| format!("{GUIDE} has no {OVERLAY}"))?;
    let fragments: Vec<&str> = page.split("```text\n").skip(1).filter_map(|rest| rest.split("```").next()).collect();
    let [of_kubernetes, of_google] = fragments.as_slice() else {
        anyhow::bail!("{PAGE} has {} fragments of the overlay, expected 2", fragments.len());
    };
    Ok([with_fragment(&overlay, of_kubernetes)?, with_fragment(&overlay, of_google)?])
}

/// The overlay with the entries of a fragment at the end of their lists.
fn with_fragment(overlay: &str, fragment: &str) -> anyhow::Result<String> {
    let mut changed = overlay.to_owned();
    let mut lines = fragment.lines().peekable();
    while let Some(list) = lines.next() {
        let list = list.strip_suffix(':').with_context(|| format!("found {list:?}, expected the name of a list"))?;
        let mut entries = String::new();
        while let Some(line) = lines.next_if(|line| line.starts_with(' ')) {
            entries += &format!("{line}\n");
        }
        changed = add_to_list(&changed, list, &entries).with_context(|| format!("the overlay has no {list}"))?;
    }
    Ok(changed)
}

fn section_4(guide: &str) -> anyhow::Result<&str> {
    let (_, rest) = guide.split_once("\n## 4. ").with_context(|| format!("{GUIDE} has no step 4"))?;
    Ok(rest.split_once("\n## 5. ").map_or(rest, |(section, _)| section))
}

/// Step 4 of the guide without its first command, as the page says, and with this overlay.
fn step_4(guide: &str, overlay: String) -> anyhow::Result<Vec<Step>> {
    let mut steps = steps(section_4(guide)?)?;
    ensure!(steps.first().is_some_and(|step| is_step(step, "cp ")), "step 4 of {GUIDE} begins without cp");
    steps.remove(0);
    for step in &mut steps {
        if let Step::File(path, text) = step
            && path == OVERLAY
        {
            text.clone_from(&overlay);
        }
    }
    Ok(steps)
}

/// As GKE does: the metadata server issues tokens of the service account that the annotation of the pod's account names, and of that
/// itself otherwise. An error unless it is `expected`. The account has the role of the page.
fn identity(doubles: &mut CloudDoubles, account: &Value, expected: Option<&str>) -> anyhow::Result<()> {
    let named = account["metadata"]["annotations"]["iam.gke.io/gcp-service-account"].as_str();
    ensure!(named == expected, "found the annotation {named:?}, expected {expected:?}");
    let email = named.unwrap_or(POOL);
    doubles.command(&json!({ "do": "account", "email": email }))?;
    doubles.command(&json!({ "do": "grant", "account": email }))?;
    Ok(())
}

/// An error unless the commands of the page have granted what the doubles grant.
fn granted(calls: &str) -> anyhow::Result<()> {
    let binding = |line: &str| {
        let (_, rest) = line.split_once(" --role ")?;
        let (role, member) = rest.split_once(" --member ")?;
        Some((role.to_owned(), member.to_owned()))
    };
    let found: Vec<_> = calls.lines().filter_map(binding).collect();
    let reader = "roles/artifactregistry.reader";
    let principal = format!(
        "principal://iam.googleapis.com/projects/123456789012/locations/global/workloadIdentityPools/{POOL}/subject/ns/countersign/sa/\
         countersign"
    );
    let expected = [
        (reader, principal),
        (reader, format!("serviceAccount:{ACCOUNT}")),
        ("roles/iam.workloadIdentityUser", format!("serviceAccount:{POOL}[countersign/countersign]")),
    ]
    .map(|(role, member)| (role.to_owned(), member));
    ensure!(found == expected, "found {found:?}, expected {expected:?}");
    Ok(())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn entries_of_a_fragment_are_added_to_their_lists() {
        let overlay = "components:\n  - a\nimages:\n  - b\nconfigMapGenerator:\n  - name: c\n    files: [d]\n";
        let fragment = "components:\n  - e\n  - f\nconfigMapGenerator:\n  - name: g\n    literals: [h=i]\n";
        let expected = "components:\n  - a\n  - e\n  - f\nimages:\n  - b\n\
                        configMapGenerator:\n  - name: c\n    files: [d]\n  - name: g\n    literals: [h=i]\n";
        assert_eq!(with_fragment(overlay, fragment).unwrap(), expected);
        assert_eq!(with_fragment("a: 1\n", fragment).unwrap_err().to_string(), "the overlay has no components");
        assert_eq!(
            with_fragment(overlay, "  - e\n").unwrap_err().to_string(),
            "found \"  - e\", expected the name of a list"
        );
    }

    #[test]
    fn step_4_is_followed_without_its_first_command_and_with_the_overlay_of_the_page() {
        let guide = "x\n## 4. Do\n\n```sh\ncp a b\n```\n\n```yaml\n# my-cluster/kustomization.yaml\na: 1\n```\n\n```sh\nkubectl x\n```\n\n## 5. Then\n\n```sh\nc\n```\n";
        let found = step_4(guide, "b: 2\n".to_owned()).unwrap();
        assert_eq!(found, [Step::File(OVERLAY.to_owned(), "b: 2\n".to_owned()), Step::Command("kubectl x".to_owned())]);
        let error = step_4("\n## 4. Do\n\n```sh\nkubectl x\n```\n", String::new()).unwrap_err();
        assert_eq!(error.to_string(), "step 4 of deploy/README.md begins without cp");
    }

    #[test]
    fn grants_are_those_of_the_doubles() {
        let error = granted("artifacts repositories add-iam-policy-binding images --role r --member m\nother\n");
        assert!(error.unwrap_err().to_string().starts_with("found [(\"r\", \"m\")], expected [("));
    }
}
