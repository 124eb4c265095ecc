//! The shared table of image references, on the endpoints.

use serde_json::Value as Json;

use countersign_test_support::client::Client;
use countersign_test_support::script::DIGEST;
use countersign_test_support::service::Service;

/// Each image, and whether it is one.
fn table() -> Vec<(String, bool)> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/references.json");
    let rows: Vec<Json> = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    rows.iter().map(|row| (row["image"].as_str().unwrap().to_owned(), row["place"].is_string())).collect()
}

/// Mutation appends the digest to the name as it was written, so that runtimes read the same host.
#[tokio::test]
async fn mutation_keeps_spellings_and_refuses_invalid_references() {
    let service = Service::start().await;
    let client = Client::gatekeeper(&service);
    let table = table();
    let keys: Vec<&str> = table.iter().map(|(image, _)| image.as_str()).collect();
    for endpoint in ["/v1/mutate", "/ratify/gatekeeper/v1/mutate"] {
        let response = client.ask(endpoint, &keys).await;
        assert_eq!(response["systemError"], "");
        let items = response["items"].as_array().unwrap();
        assert_eq!(items.len(), table.len());
        for (item, (image, accepted)) in items.iter().zip(&table) {
            assert_eq!(item["key"], *image);
            if *accepted {
                assert_eq!(item["value"], format!("{image}@{DIGEST}"), "{endpoint}");
            } else {
                let error = item["error"].as_str().unwrap();
                assert!(error.starts_with("invalid-reference: "), "{endpoint} {image}: {error}");
                assert!(item["value"].is_null(), "{endpoint} {image}: {item}");
            }
        }
    }
}

#[tokio::test]
async fn invalid_references_are_never_verified() {
    let service = Service::start().await;
    let client = Client::gatekeeper(&service);
    let refused: Vec<String> = table().into_iter().filter(|(_, accepted)| !accepted).map(|(image, _)| image).collect();
    let keys: Vec<&str> = refused.iter().map(String::as_str).collect();
    let own = client.ask("/v1/verify", &keys).await;
    let ratify = client.ask("/ratify/gatekeeper/v1/verify", &keys).await;
    assert_eq!(
        (own["items"].as_array().unwrap().len(), ratify["items"].as_array().unwrap().len()),
        (keys.len(), keys.len())
    );
    for (item, stock) in own["items"].as_array().unwrap().iter().zip(ratify["items"].as_array().unwrap()) {
        assert!(item["error"].as_str().unwrap().starts_with("invalid-reference: "), "{item}");
        assert_eq!(stock["value"]["isSuccess"], false, "{stock}");
    }
    assert_eq!(service.script.asked(), [""; 0]);
}
