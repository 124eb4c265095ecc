//! The table of references that is shared by all readers, at registries that no request may be sent to.

use serde_json::Value as Json;
use serde_json::json;

use crate::environment::Environment;
use crate::run::Ask;
use crate::run::record_as;

const TABLE: &str = include_str!("../../data/references.json");

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn references_in_every_spelling() {
    let mut environment = Environment::new().await;
    let skip = json!({"signatureVerification": {"level": "skip"}, "trustStores": null, "trustedIdentities": null});
    // The statement that applies shows which repository a spelling means.
    for (name, scope) in [
        ("hub", "docker.io/library/nginx"),
        ("team", "docker.io/team/app"),
        ("example", "registry.example/team/app"),
        ("port", "registry.example:5000/team/app"),
        ("address", "10.0.0.5:5000/app"),
    ] {
        environment.statement(name, &[scope], skip.clone());
    }
    let rows: Json = serde_json::from_str(TABLE).unwrap();
    let mut images: Vec<&str> = rows.as_array().unwrap().iter().map(|row| row["image"].as_str().unwrap()).collect();
    images.sort_unstable();
    images.dedup();
    for image in images {
        environment.ask(image, image);
    }
    record_as("references", environment, Ask::TwoEndpoints).await;
}
