//! The keys of one request: each has its own answer, whatever is asked for beside it, and in whatever order.

use std::collections::BTreeMap;
use std::collections::BTreeSet;

use countersign_core_test_support::property;
use countersign_core_test_support::property::Cases;
use countersign_core_test_support::property::same;
use countersign_test_support::client::body;
use countersign_test_support::mounted::MountedService;
use proptest::prelude::*;
use proptest::sample::subsequence;
use serde_json::Value as Json;

use crate::engine::properties::run;
use crate::engine::properties::runtime;

/// The code of the key's item, or of its part of the error.
fn answer(response: &Json, key: &str) -> Result<String, String> {
    let invalid = || format!("{key:?}: found {response}");
    let mut items = response["items"].as_array().ok_or_else(invalid)?.iter().filter(|item| item["key"] == key);
    match (items.next(), items.next()) {
        (Some(item), None) if item["value"].is_null() => Ok("not a reference".to_owned()),
        (Some(item), None) => Ok(item["value"]["code"].as_str().ok_or_else(invalid)?.to_owned()),
        (None, _) => {
            let error = response["systemError"].as_str().ok_or_else(invalid)?;
            let (_, rest) = error.split_once(&format!("{key}: ")).ok_or_else(invalid)?;
            Ok(rest.split(':').next().unwrap_or_default().to_owned())
        }
        (Some(_), Some(_)) => Err(invalid()),
    }
}

#[test]
fn an_item_depends_on_its_key_alone_and_not_on_the_order_or_number_of_keys() {
    let runtime = runtime();
    let service = run(&runtime, MountedService::start());
    let (signed, unsigned) = (service.image("app:signed"), service.image("app:unsigned"));
    let absent = service.image("app:absent");
    let keys: [&str; 8] = [
        "a.example/skipped",
        "",
        "UPPER",
        "b.example/unlisted:v1",
        &signed,
        &unsigned,
        &absent,
        "a.example/skipped:v2",
    ];
    let keys: Vec<String> = keys.map(str::to_owned).to_vec();
    let client = service.client(service.gatekeeper(&service.clients));
    let ask = async |keys: &[String]| {
        let texts: Vec<&str> = keys.iter().map(String::as_str).collect();
        let response = client.post("/v1/verify", body(&texts)).await?;
        let answers = texts.iter().map(|key| Ok(((*key).to_owned(), answer(&response, key)?)));
        answers.collect::<Result<BTreeMap<_, _>, String>>()
    };
    let alone: BTreeMap<_, _> = run(&runtime, async {
        let mut alone = BTreeMap::new();
        for key in &keys {
            alone.append(&mut ask(std::slice::from_ref(key)).await.unwrap());
        }
        alone
    });
    let answers = ["skipped", "not a reference", "registry-not-allowed", "verified", "unsigned", "image-not-found"];
    assert_eq!(alone.values().map(String::as_str).collect::<BTreeSet<_>>(), BTreeSet::from(answers));
    let some = subsequence(keys.clone(), 1..=keys.len()).prop_flat_map(|some| {
        // Some of them twice.
        let again = subsequence(some.clone(), 0..=some.len());
        again.prop_flat_map(move |again| Just([some.clone(), again].concat()).prop_shuffle())
    });
    property::holds(Cases { usual: 60, full: 1000 }, some, |asked| {
        let items = run(&runtime, ask(asked))?;
        let expected: BTreeMap<_, _> = asked.iter().map(|key| (key.clone(), alone[key].clone())).collect();
        same("items", &expected, &items)
    });
    run(&runtime, service.stop());
}
