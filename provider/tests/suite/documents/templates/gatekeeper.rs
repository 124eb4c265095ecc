//! Gatekeeper as a template sees it: `input` and the built-in function `external_data`.
//!
//! Shapes: `open-policy-agent/frameworks`, `constraint/pkg/externaldata/response.go` (v0.0.0-20260616163050-e1eaa1bf6d62).

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;
use std::sync::LazyLock;

use regorus::Engine;
use regorus::Value;
use serde_json::Value as Json;
use serde_json::json;

/// One item of a provider's answer.
#[derive(Clone, Debug)]
pub(crate) enum Item {
    Value(Json),
    Error(&'static str),
    /// The provider leaves the key out.
    Missing,
}

/// The result of one call of `external_data`.
#[derive(Clone, Debug)]
pub(crate) enum Outcome {
    /// The provider answered with one item for each key, HTTP 200.
    Items(Item),
    /// The same, and every item came from Gatekeeper's cache.
    Cached(Item),
    /// The provider answered with items, as pairs of key and item, and a system error.
    Answer(Vec<(&'static str, Item)>, &'static str),
    /// No answer: Gatekeeper's own status code and text.
    Failure(u16, &'static str),
    /// The function's result as it stands; none for a built-in error, which makes it undefined.
    Raw(Option<Json>),
}

/// The template's result for an object.
#[derive(Debug)]
pub(crate) struct Review {
    pub(crate) denials: Vec<String>,
    /// The argument of every call of `external_data`.
    pub(crate) calls: Vec<Json>,
}

thread_local! {
    /// The answer to calls of `external_data` in this thread, and their arguments.
    static EXTERNAL_DATA: RefCell<(Outcome, Vec<Json>)> = const { RefCell::new((Outcome::Raw(None), Vec::new())) };
}

/// With the shipped template, which is parsed and analysed once.
static ENGINE: LazyLock<Engine> = LazyLock::new(|| {
    let mut engine = Engine::new();
    // As in Gatekeeper: a built-in function that fails is undefined.
    engine.set_strict_builtin_errors(false);
    engine.add_policy("template.rego".to_owned(), template_rego()).unwrap();
    engine.add_extension("external_data".to_owned(), 1, Box::new(external_data)).unwrap();
    // The analysis is part of the first evaluation; clones keep it.
    violations(&mut engine, &json!({}), &json!({}));
    engine
});

/// Runs the shipped template with default parameters.
pub(crate) fn review(review: &Json, outcome: &Outcome) -> Review {
    review_with(json!({}), review, outcome)
}

/// Runs the shipped template.
pub(crate) fn review_with(parameters: Json, review: &Json, outcome: &Outcome) -> Review {
    let mut engine = ENGINE.clone();
    EXTERNAL_DATA.set((outcome.clone(), Vec::new()));
    let denials = violations(&mut engine, review, &parameters);
    let (_, calls) = EXTERNAL_DATA.replace((Outcome::Raw(None), Vec::new()));
    Review { denials, calls }
}

/// The messages of the template, sorted.
fn violations(engine: &mut Engine, review: &Json, parameters: &Json) -> Vec<String> {
    engine.set_input_json(&json!({ "review": review, "parameters": parameters }).to_string()).unwrap();
    let violations = engine.eval_rule("data.countersignimages.violation".to_owned()).unwrap();
    let messages: BTreeSet<String> = violations
        .as_set()
        .unwrap()
        .iter()
        .map(|violation| violation["msg"].as_string().unwrap().as_ref().to_owned())
        .collect();
    messages.into_iter().collect()
}

/// The built-in function, in the thread that evaluates.
fn external_data(arguments: Vec<Value>) -> anyhow::Result<Value> {
    // A set would become an array in JSON, and the reason for this test would be lost.
    assert!(arguments[0]["keys"].as_array().is_ok(), "keys are not an array: {}", arguments[0]);
    let argument: Json = serde_json::from_str(&arguments[0].to_json_str()?)?;
    let keys: Vec<String> = serde_json::from_value(argument["keys"].clone())?;
    let result = EXTERNAL_DATA.with_borrow_mut(|(outcome, calls)| {
        calls.push(argument);
        result(outcome, &keys)
    });
    Ok(match result {
        Some(result) => Value::from_json_str(&result.to_string())?,
        None => Value::Undefined,
    })
}

fn result(outcome: &Outcome, keys: &[String]) -> Option<Json> {
    let items = |status: u16, items: &[(&str, Item)], system_error: &str| {
        let mut responses = Vec::new();
        let mut errors = Vec::new();
        for (key, item) in items {
            match item {
                Item::Value(value) => responses.push(json!([key, value])),
                Item::Error(text) => errors.push(json!([key, text])),
                Item::Missing => {}
            }
        }
        json!({ "responses": responses, "errors": errors, "status_code": status, "system_error": system_error })
    };
    let same = |item: &Item| keys.iter().map(|key| (key.as_str(), item.clone())).collect::<Vec<_>>();
    match outcome {
        Outcome::Items(item) => Some(items(200, &same(item), "")),
        Outcome::Cached(item) => Some(items(0, &same(item), "")),
        Outcome::Answer(pairs, system_error) => Some(items(200, pairs, system_error)),
        Outcome::Failure(status, text) => {
            Some(json!({ "responses": null, "errors": null, "status_code": status, "system_error": text }))
        }
        Outcome::Raw(result) => result.clone(),
    }
}

/// A path from the top of the repository.
pub(crate) fn repository(path: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..").join(path)
}

/// Every document of a YAML file.
pub(crate) fn documents(path: &str) -> Vec<Json> {
    let text = fs::read_to_string(repository(path)).unwrap();
    serde_saphyr::from_multiple(&text).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The shipped template.
pub(crate) fn template() -> Json {
    documents("templates/countersignimages.yaml").remove(0)
}

fn template_rego() -> String {
    let template = template();
    let code = &template["spec"]["targets"][0]["code"][0];
    assert_eq!((&code["engine"], &code["source"]["version"]), (&json!("Rego"), &json!("v1")));
    code["source"]["rego"].as_str().unwrap().to_owned()
}
