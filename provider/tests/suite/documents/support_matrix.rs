//! The support matrix of deploy/README.md: its versions are those that the end-to-end run installs.

use std::collections::BTreeSet;

use crate::documents::markdown::read;
use crate::documents::markdown::rows_below;

/// The version of a module in a `go.mod` of e2e/tools, without the `v`.
fn version(folder: &str, module: &str) -> String {
    let file = read(&format!("e2e/tools/{folder}go.mod"));
    let line = file.lines().map(|line| line.trim().trim_start_matches("require ")).find_map(|line| {
        let rest = line.strip_prefix(module)?.strip_prefix(" v")?;
        rest.split(' ').next()
    });
    line.unwrap_or_else(|| panic!("{folder}go.mod has no {module}")).to_owned()
}

#[test]
fn the_versions_are_those_of_the_end_to_end_run() {
    let rows = rows_below(&read("deploy/README.md"), "\n## Supported versions\n");
    let tested = |name: &str| {
        let row = rows.iter().find(|row| row[0] == name).unwrap_or_else(|| panic!("no row {name}"));
        row[2].clone()
    };
    let gatekeeper = "github.com/open-policy-agent/gatekeeper/v3";
    for (name, expected) in [
        ("Kubernetes (API server), kubectl", version("", "k8s.io/kubernetes")),
        ("Gatekeeper", format!("{} and {}", version("", gatekeeper), version("gatekeeper-oldest/", gatekeeper))),
        ("Signatures by notation", version("", "github.com/notaryproject/notation")),
        ("Registries with the referrers API", format!("olareg {}", version("", "github.com/olareg/olareg"))),
        ("Templates of Ratify", version("ratify/", "github.com/ratify-project/ratify")),
        (
            "cert-manager",
            format!("{}, definitions only", version("cert-manager/", "github.com/cert-manager/cert-manager")),
        ),
        (
            "Prometheus Operator",
            format!(
                "{}, definitions only",
                version("prometheus-operator/", "github.com/prometheus-operator/prometheus-operator")
            ),
        ),
        ("Helm, for the chart of Gatekeeper", version("helm/", "helm.sh/helm/v3")),
    ] {
        assert_eq!(tested(name), expected, "{name}");
    }
    // Debian's packages have the version of the release that runs the tests.
    for name in ["Registries without the referrers API", "Prometheus"] {
        assert!(tested(name).contains("of Debian"), "{name}");
    }
    let names: BTreeSet<_> = rows.iter().map(|row| row[0].as_str()).collect();
    assert_eq!((names.len(), rows.len()), (11, 11), "{names:?}");
}

/// The oldest releases that are named elsewhere are those of the matrix.
#[test]
fn the_oldest_supported_releases_are_the_same_everywhere() {
    let rows = rows_below(&read("deploy/README.md"), "\n## Supported versions\n");
    let oldest = |name: &str| rows.iter().find(|row| row[0] == name).unwrap()[1].clone();
    assert_eq!(oldest("Gatekeeper"), version("gatekeeper-oldest/", "github.com/open-policy-agent/gatekeeper/v3"));
    assert_eq!(oldest("Kubernetes (API server), kubectl"), "1.30, kubectl 1.31");
    // The reason for 1.30: the pause before the end of a pod, without a shell in the image.
    assert!(read("deploy/base/deployment.yaml").contains("sleep:"));
}

/// Facts of `docs/upgrade.md` that are settings of the shipped files.
#[test]
fn the_upgrade_page_describes_the_shipped_settings() {
    let page = read("provider/docs/upgrade.md");
    for (statement, file, setting) in [
        ("`maxUnavailable: 0`", "deploy/base/deployment.yaml", "      maxUnavailable: 0\n"),
        ("(10 s with ", "deploy/gatekeeper/values.yaml", "externaldataProviderResponseCacheTTL: 10s\n"),
        (
            "`externaldata.gatekeeper.sh/v1beta1`",
            "deploy/base/providers.yaml",
            "apiVersion: externaldata.gatekeeper.sh/v1beta1\n",
        ),
        ("the Secret `countersign-tls`", "deploy/base/deployment.yaml", "secretName: countersign-tls\n"),
        ("(`bad-certificate`)", "provider/docs/metrics.md", "`bad-certificate`"),
    ] {
        assert!(page.contains(statement), "provider/docs/upgrade.md: {statement}");
        assert!(read(file).contains(setting), "{file}: {setting}");
    }
    // No file is generated with a hash but the configuration, so only that is part of the history of the Deployment.
    let base = read("deploy/base/kustomization.yaml");
    assert_eq!(base.matches("  - name: ").count() - base.matches("disableNameSuffixHash: true").count(), 1, "{base}");
}

#[test]
fn the_end_to_end_tests_and_the_pages_have_the_shipped_number_of_concurrent_validations() {
    for (file, setting) in [
        ("deploy/gatekeeper/values.yaml", "\nmaxServingThreads: 16\n"),
        ("e2e/src/gatekeeper.rs", "\"--max-serving-threads=16\""),
        ("deploy/README.md", "The file permits 16,"),
        ("provider/docs/benchmarks.md", "its default, and not 16 |"),
    ] {
        assert!(read(file).contains(setting), "{file}: {setting}");
    }
}
