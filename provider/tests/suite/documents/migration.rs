//! The samples and commands of `provider/MIGRATION.md`.

use std::collections::BTreeSet;

use countersign_core::policy::TrustPolicy;
use serde_json::Value as Json;
use serde_json::json;

use crate::documents::markdown::blocks;
use crate::documents::markdown::read;
use crate::documents::markdown::shell;

const PAGE: &str = "provider/MIGRATION.md";

/// The blocks of a language, in their order.
fn samples(language: &str) -> Vec<String> {
    blocks(&read(PAGE)).0.into_iter().filter(|block| block.language == language).map(|block| block.text).collect()
}

/// Every document of a text in YAML.
fn documents_of(text: &str) -> Vec<Json> {
    serde_saphyr::from_multiple(text).unwrap()
}

/// Commands about objects of other systems, which no test here has.
const COMMANDS: [&str; 13] = [
    "helm get manifest RELEASE --namespace NAMESPACE > notary-admission.yaml",
    "helm get values RELEASE --namespace NAMESPACE --all > notary-admission-values.yaml",
    "kubectl get validatingwebhookconfigurations",
    "kubectl delete validatingwebhookconfiguration NAME",
    "helm uninstall RELEASE --namespace NAMESPACE",
    "kubectl apply --namespace NAMESPACE -f notary-admission.yaml",
    "kubectl apply -k my-cluster/dryrun",
    "kubectl get clusterpolicies.kyverno.io -o yaml > kyverno-policies.yaml",
    "kubectl get trustpolicies.notation.nirmata.io -o json > kyverno-trustpolicies.json",
    "kubectl get truststores.notation.nirmata.io -o json > kyverno-truststores.json",
    "helm get values RELEASE --namespace NAMESPACE --all > kyverno-notation-aws-values.yaml",
    "kubectl delete clusterpolicies.kyverno.io NAME",
    "kubectl apply -f kyverno-policies.yaml",
];

#[test]
fn the_commands_are_listed_and_each_file_is_written_before_it_is_read() {
    let found = shell(&read(PAGE));
    let listed: BTreeSet<&str> = COMMANDS.into_iter().collect();
    assert_eq!(found.iter().map(String::as_str).collect::<BTreeSet<_>>(), listed);
    let position = |part: &str| found.iter().position(|line| line.contains(part)).unwrap();
    for file in ["notary-admission.yaml", "kyverno-policies.yaml"] {
        assert!(position(&format!("> {file}")) < position(&format!("-f {file}")), "{file}");
    }
    // The webhook and the policies end before the service that they call.
    for call in ["kubectl delete validatingwebhookconfiguration", "kubectl delete clusterpolicies.kyverno.io"] {
        let at = position(call);
        assert!(found[at + 1].starts_with("helm uninstall "), "{call}");
    }
}

#[test]
fn the_trust_policy_of_a_role_for_both_service_accounts_is_that_of_the_guide_with_one_more() {
    let [role, _] = &samples("json")[..] else { panic!("two documents are expected") };
    let mut role: Json = serde_json::from_str(role).unwrap();
    let guide: Json = serde_json::from_str(&read("deploy/eks/iam/trust-irsa.json")).unwrap();
    let key = "oidc.eks.eu-west-1.amazonaws.com/id/EXAMPLE:sub";
    let subject = &mut role["Statement"][0]["Condition"]["StringEquals"][key];
    let own = guide["Statement"][0]["Condition"]["StringEquals"][key].clone();
    assert_eq!(*subject, json!([own, "system:serviceaccount:NAMESPACE:SERVICEACCOUNT"]));
    *subject = own;
    role["Statement"][0]["Sid"] = guide["Statement"][0]["Sid"].clone();
    assert_eq!(role, guide);
}

#[test]
fn the_document_for_two_teams_is_a_trust_policy_with_a_statement_for_each() {
    let [_, policy] = &samples("json")[..] else { panic!("two documents are expected") };
    TrustPolicy::parse(policy.as_bytes()).unwrap();
    let policy: Json = serde_json::from_str(policy).unwrap();
    let statements = policy["trustPolicies"].as_array().unwrap();
    let different = |member: &str| statements.iter().map(|one| one[member].to_string()).collect::<BTreeSet<_>>().len();
    assert_eq!((different("name"), different("registryScopes"), different("trustedIdentities")), (2, 2, 2));
}

#[test]
fn the_constraint_for_a_namespace_is_that_for_pods_with_another_provider() {
    let samples = samples("yaml");
    let [_, exemptions, constraint] = &samples[..] else { panic!("three samples are expected") };
    let constraint = documents_of(constraint).remove(0);
    let general = documents_of(&read("constraints/pods.yaml")).remove(0);
    for member in ["apiVersion", "kind"] {
        assert_eq!(constraint[member], general[member]);
    }
    let (own, other) = (&constraint["spec"], &general["spec"]);
    assert_eq!((&own["enforcementAction"], &own["match"]["kinds"]), (&json!("deny"), &other["match"]["kinds"]));
    assert_eq!(own["match"]["source"], other["match"]["source"]);
    assert_eq!(own["match"]["namespaces"], json!(["team-a"]));
    assert_eq!(own["parameters"], json!({ "provider": "countersign-verify-team-a" }));
    // The paths of the exemptions exist in the constraints.
    let component = documents_of(exemptions).remove(0);
    let shipped = documents_of(&read("deploy/components/exemptions/kustomization.yaml")).remove(0);
    assert_eq!((&component["apiVersion"], &component["kind"]), (&shipped["apiVersion"], &shipped["kind"]));
    assert_eq!(component["patches"][0]["target"], shipped["patches"][0]["target"]);
    for operation in documents_of(component["patches"][0]["patch"].as_str().unwrap()).remove(0).as_array().unwrap() {
        let list = operation["path"].as_str().unwrap().strip_suffix("/-").unwrap();
        assert!(general.pointer(list).unwrap().is_array() && operation["op"] == "add", "{operation}");
    }
}
