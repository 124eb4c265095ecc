//! The trust policies that users copy.

use serde_json::Value;
use serde_json::json;

use crate::documents::markdown::blocks;
use crate::documents::markdown::read;

#[test]
fn the_policies_of_the_readme_and_of_the_deployment_are_strict_without_an_override() {
    let readme = blocks(&read("README.md")).0.into_iter().filter(|block| block.language == "json");
    let mut policies: Vec<String> = readme.map(|block| block.text).collect();
    assert_eq!(policies.len(), 1);
    policies.push(read("deploy/base/config/trustpolicy.json"));
    for policy in policies {
        let document: Value = serde_json::from_str(&policy).unwrap();
        for statement in document["trustPolicies"].as_array().unwrap() {
            assert_eq!(statement["signatureVerification"], json!({ "level": "strict" }), "{policy}");
        }
    }
}
