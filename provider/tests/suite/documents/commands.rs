//! Which commands the documents have, and where each one is run. A new command needs an entry, which says how it is tested.

use std::collections::BTreeMap;
use std::collections::BTreeSet;

use crate::documents::markdown::blocks;
use crate::documents::markdown::commands_in_prose;
use crate::documents::markdown::read;
use crate::documents::markdown::shell;

/// The documents with commands for users.
pub(crate) const DOCUMENTS: [&str; 19] = [
    "README.md",
    "deploy/README.md",
    "deploy/aks/README.md",
    "deploy/eks/README.md",
    "deploy/gke/README.md",
    "e2e/README.md",
    "provider/ARCHITECTURE.md",
    "provider/CODES.md",
    "provider/DIVERGENCES.md",
    "provider/MIGRATION.md",
    "provider/docs/benchmarks.md",
    "provider/docs/bounds.md",
    "provider/docs/metrics.md",
    "provider/docs/private-registry.md",
    "provider/docs/revocation.md",
    "provider/docs/runbooks/alerts.md",
    "provider/docs/security.md",
    "provider/docs/upgrade.md",
    "provider/fuzz/README.md",
];

/// Documents whose YAML and shell blocks the end-to-end run follows word for word.
const GUIDES: [&str; 4] =
    ["deploy/README.md", "deploy/eks/README.md", "provider/docs/private-registry.md", "provider/docs/upgrade.md"];

/// How a command is tested.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Tested {
    /// `quick_start.rs`, and the options that are named apart by the tests of the command line.
    Here,
    /// `.ci/run` has the same line.
    Ci,
    /// A case of the end-to-end run.
    EndToEnd,
    /// Not at all: it takes too long, needs a container engine or another network, or is only named.
    No,
}
use Tested::*;

/// The shell lines of README.md.
const README: [(&str, Tested); 20] = [
    ("cargo demo", Ci),
    // `demo.rs` runs the commands that it prints.
    ("cargo demo --keep", Here),
    ("cargo test", Ci),
    ("cargo e2e", Ci),
    // The same as `cargo build` in the image, and minutes of optimisation.
    ("cargo build --release --package countersign", No),
    ("cargo install --path provider --locked", No),
    // `release.rs` has its syntax and its help.
    ("deploy/build.sh", No),
    ("countersign verify --config countersign.yaml registry.example.com/shop:v1", Here),
    ("countersign verify --config countersign.yaml -o json registry.example.com/shop:v1", Here),
    ("countersign verify --config countersign.yaml -f deployment.yaml -f cronjob.yaml", Here),
    ("kubectl get pods --all-namespaces -o yaml | countersign verify --config countersign.yaml -f -", Here),
    ("countersign inspect --config countersign.yaml registry.example.com/shop:v1", Here),
    ("countersign inspect --config countersign.yaml -o json -f deployment.yaml -f cronjob.yaml", Here),
    ("countersign check --config countersign.yaml --for verify", Here),
    ("countersign check --config countersign.yaml", Here),
    // `tests/suite/commands/check/images.rs` has it.
    ("countersign check --config countersign.yaml registry.example.com/shop:v1", Here),
    ("countersign check --config countersign.yaml --provider providers.yaml", Here),
    // `evidence.rs` of the end-to-end run, with the authorities of sigstore and OpenSSL.
    (
        "notation sign --timestamp-url http://tsa.example.com/ --timestamp-root-cert tsa-root.crt \
         registry.example.com/shop:v1",
        EndToEnd,
    ),
    // The API server has no kubelet here, so no containers: `image.rs` of the end-to-end run starts the image's program.
    ("kubectl -n countersign exec deployment/countersign -- countersign verify registry.example.com/shop:v1", EndToEnd),
    ("kubectl -n countersign exec deployment/countersign -- countersign check", EndToEnd),
];

/// Commands with arguments within sentences.
const PROSE: [(&str, Tested); 42] = [
    // The part that is run again is one of those that CI runs.
    ("cargo mutate --only NUMBER", No),
    ("cargo test --locked --manifest-path provider/fuzz/Cargo.toml --package second-reading", Ci),
    // The whole ones take from minutes to half an hour.
    ("cargo bench-peers --short", No),
    ("cargo bench-peers --short --alone", Ci),
    ("cargo bench-pods --short", Ci),
    ("cargo bench-bounds --short", Ci),
    ("cargo bench-micro --test", Ci),
    ("cargo bench-soak 1m", No),
    ("cargo bench-soak 20s", Ci),
    ("cargo e2e --all", Ci),
    // Some of the chapters of `cargo e2e`, alone.
    ("cargo e2e --aws", No),
    ("cargo e2e --azure", No),
    ("cargo e2e --google", No),
    ("cargo e2e --doubles", No),
    // With fewer cases, it is a chapter of `cargo e2e --all`.
    ("cargo e2e --agreement", No),
    ("cargo e2e --agreement [--seed N] [--cases N] [--case K [--keep]]", No),
    ("notation verify --user-metadata", EndToEnd),
    ("cargo e2e --gatekeeper oldest", Ci),
    // Waits for Ctrl-C.
    ("cargo e2e --keep", No),
    ("cargo e2e --aws --keep", No),
    ("cargo e2e --binary PATH", No),
    // `tests/suite/commands/check` has it.
    ("countersign check --online", Here),
    ("countersign check --provider", Here),
    ("countersign check --online --image IMAGE", Here),
    // `tests/suite/commands/certs` has it.
    ("countersign certs --namespace", Here),
    ("kubectl get pods --all-namespaces -o yaml | countersign verify --config countersign.yaml -f -", EndToEnd),
    // The runbook, whose commands the end-to-end run reads from the page.
    ("kubectl -n countersign rollout restart deployment/countersign", EndToEnd),
    // Lists the namespaces that a provider of clusters has created.
    ("kubectl get namespaces", No),
    // Need a kubelet.
    ("kubectl -n countersign get pods", No),
    ("kubectl -n countersign logs deployment/countersign", No),
    ("kubectl -n countersign port-forward deployment/countersign 8888", No),
    ("kubectl delete -k deploy/mutation", EndToEnd),
    // `deploy.rs` of the end-to-end run, with the Providers of MIGRATION.md.
    ("kubectl apply --server-side --force-conflicts -k my-cluster", EndToEnd),
    ("kubectl apply -k", EndToEnd),
    ("kubectl create namespace", EndToEnd),
    ("kubectl set image", EndToEnd),
    // As the one of `deploy/eks/README.md`.
    ("kubectl -n countersign exec deployment/countersign -- countersign verify IMAGE", EndToEnd),
    // Read objects of another system. `tests/suite/engine/aws_samples.rs` verifies images under what they print.
    ("kubectl get trustpolicies.notation.nirmata.io NAME -o jsonpath='{.spec}'", Here),
    ("kubectl get truststores.notation.nirmata.io NAME -o jsonpath='{.spec.caBundle}'", Here),
    // Named as what does not help.
    ("kubectl rollout undo", No),
    // How certificates are made or converted elsewhere.
    ("openssl req -x509", No),
    ("openssl x509 -in FILE -out NEW.pem", No),
];

#[test]
fn every_command_of_the_readme_is_tested_or_listed() {
    let found: BTreeSet<String> = shell(&read("README.md")).into_iter().collect();
    let listed: BTreeSet<String> = README.iter().map(|(line, _)| (*line).to_owned()).collect();
    assert_eq!(found, listed);
    let ci = read(".ci/run");
    for (line, tested) in README.into_iter().chain(PROSE) {
        match tested {
            Ci => assert!(ci.lines().any(|step| step.trim().ends_with(&format!("\" {line}"))), ".ci/run: {line}"),
            Here | EndToEnd | No => {}
        }
    }
}

#[test]
fn the_end_to_end_run_follows_every_other_block() {
    let guide = read("e2e/src/cases/guide.rs");
    for path in DOCUMENTS {
        for block in blocks(&read(path)).0 {
            let known = match block.language.as_str() {
                "sh" | "yaml" if GUIDES.contains(&path) => guide.contains(&format!("\"{path}\"")),
                // `migration.rs`; `deploy.rs` of the end-to-end run applies the first one.
                "yaml" | "json" | "sh" if path == "provider/MIGRATION.md" => true,
                // `deploy/aks.rs` follows it, and `azure/guide.rs` of the end-to-end run.
                "sh" | "yaml" if path == "deploy/aks/README.md" => true,
                // `deploy/gke.rs` follows it, and `google/guide.rs` of the end-to-end run.
                "sh" if path == "deploy/gke/README.md" => true,
                // The whole run takes more than an hour; CI compiles the targets and runs the second reading.
                "sh" if path == "provider/fuzz/README.md" => true,
                "sh" | "json" => path == "README.md",
                // Output and diagrams.
                "text" => true,
                _ => false,
            };
            assert!(known, "{path}: no test has the block\n{}", block.text);
        }
    }
}

#[test]
fn every_command_in_a_sentence_is_tested_or_listed() {
    let mut found = BTreeMap::new();
    for path in DOCUMENTS {
        for command in commands_in_prose(&read(path)) {
            found.entry(command).or_insert_with(Vec::new).push(path);
        }
    }
    let listed: BTreeSet<&str> = PROSE.iter().map(|(line, _)| *line).collect();
    let missing: Vec<_> = found.iter().filter(|(command, _)| !listed.contains(command.as_str())).collect();
    assert!(missing.is_empty(), "not listed: {missing:#?}");
    let unused: Vec<_> = listed.iter().filter(|line| !found.contains_key(**line)).collect();
    assert!(unused.is_empty(), "in no document: {unused:?}");
}
