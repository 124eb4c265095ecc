//! Requests every case of an environment and compares the responses with the golden file.

use std::collections::BTreeMap;

use futures_util::StreamExt as _;
use serde_json::Value as Json;
use serde_json::json;

use crate::binary;
use crate::binary::Output;
use crate::binary::Service;
use crate::certificates::Certificates;
use crate::environment::Case;
use crate::environment::Environment;
use crate::golden;
use crate::golden::Entries;
use crate::metrics;
use crate::names::Names;

/// The endpoints, each with its name in the record.
pub(crate) const ENDPOINTS: [(&str, &str); 4] = [
    ("v1 verify", "/v1/verify"),
    ("ratify verify", "/ratify/gatekeeper/v1/verify"),
    ("v1 mutate", "/v1/mutate"),
    ("ratify mutate", "/ratify/gatekeeper/v1/mutate"),
];

/// Which interfaces a group uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ask {
    /// Every endpoint, `verify` and `inspect`.
    Everything,
    /// Every endpoint and `verify`.
    WithoutInspect,
    /// Every endpoint.
    ServerOnly,
    /// `/v1/verify` and `/v1/mutate` alone, for long tables.
    TwoEndpoints,
}

/// The record of a group.
pub(crate) async fn record(group: &str, environment: Environment) {
    record_as(group, environment, Ask::Everything).await;
}

/// As [`record`], with a part of the questions.
pub(crate) async fn record_as(group: &str, mut environment: Environment, ask: Ask) {
    let client = environment.write();
    let mut entries: Entries =
        environment.cases.iter().map(|case| (case.name.clone(), json!({"key": case.key}))).collect();
    let mut server = ask_server(&environment, client, ask, &mut entries).await;
    if matches!(ask, Ask::Everything | Ask::WithoutInspect) {
        server["verify"] = ask_verify(&environment, &mut entries).await;
    }
    if ask == Ask::Everything {
        server["certificates"] = ask_inspect(&environment, &mut entries).await;
    }
    server["check"] = check(&environment).await;
    entries.insert(format!(" {group}"), server);
    let names = &environment.names;
    let entries = entries.iter().map(|(name, entry)| (name.clone(), compact(names.json(entry)))).collect();
    golden::compare(group, &entries);
}

/// Every case on every endpoint. Returns log, metrics and readiness of the server.
async fn ask_server(environment: &Environment, client: reqwest::Client, ask: Ask, entries: &mut Entries) -> Json {
    let service = Service::start(&environment.folder).await;
    let answers = environment.cases.iter().map(|case| answers(&client, &service, ask, case));
    let answers: Vec<_> = futures_util::stream::iter(answers).buffered(environment.at_once).collect().await;
    for (case, answers) in environment.cases.iter().zip(answers) {
        let entry = entries.get_mut(&case.name).unwrap();
        answers.into_iter().for_each(|(name, answer)| entry[name] = answer);
    }
    let page = async |path: &str| {
        let response = client.get(format!("http://{}{path}", service.health)).send().await.unwrap();
        (response.status().as_u16(), response.text().await.unwrap())
    };
    let (ready, (status, metrics)) = (page("/readyz?verbose").await, page("/metrics").await);
    assert_eq!(status, 200);
    let names = &environment.names;
    let (address, health) = (service.address.clone(), service.health.clone());
    // The server waits a while for another request on an open connection.
    drop(client);
    let (exit, log) = service.stop().await;
    let mut log = log_of(&log, &[(&address, "SERVICE"), (&health, "HEALTH")]);
    for case in &environment.cases {
        let events: Vec<Json> = log.extract_if(.., |event| event["image"] == case.key.as_str()).collect();
        if !events.is_empty() {
            let entry = entries.get_mut(&case.name).unwrap();
            entry["log"] = events_of(names, &entry["v1 verify"]["value"], &events);
        }
    }
    json!({
        "exit": exit,
        "log": log,
        "metrics": metrics::counted(&metrics, environment.unsteady),
        "readyz": {"status": ready.0, "page": names.lines(&ready.1)},
    })
}

/// What the endpoints answer about a case.
async fn answers(client: &reqwest::Client, service: &Service, ask: Ask, case: &Case) -> Vec<(&'static str, Json)> {
    let mut answers = Vec::new();
    for (name, path) in ENDPOINTS {
        if ask != Ask::TwoEndpoints || name.starts_with("v1") {
            answers.push((name, one(case, response(client, service, path, &[&case.key]).await)));
        }
    }
    answers
}

/// Events with the addresses of the server by their roles.
pub(crate) fn log_of(events: &[Json], addresses: &[(&str, &str)]) -> Vec<Json> {
    let text = events.iter().map(|event| {
        let line = addresses.iter().fold(event.to_string(), |line, (address, role)| line.replace(address, role));
        serde_json::from_str(&line).unwrap()
    });
    text.collect()
}

/// The fields of the first event that differ from every verdict event or the item of `/v1/verify`; of later events, those
/// that differ from the first.
fn events_of(names: &Names, item: &Json, events: &[Json]) -> Json {
    let events: Vec<Json> = events.iter().map(|event| names.json(event)).collect();
    let mut usual = json!({
        "elapsed_ms": "<duration>", "message": "verdict", "request_id": "<request id>", "timestamp": "<time>",
    });
    for member in ["code", "digest", "image", "rule", "statement", "verdict"] {
        if let Some(value) = item.get(member).filter(|value| !value.is_null()) {
            usual[member] = names.json(value);
        }
    }
    let changes = events[1..].iter().map(|event| beyond(&events[0], event));
    std::iter::once(beyond(&usual, &events[0])).chain(changes).collect()
}

/// The members of `document` that `first` does not have, or has with another value; `(none)` for those that are missing.
fn beyond(first: &Json, document: &Json) -> Json {
    let (Some(first), Some(members)) = (first.as_object(), document.as_object()) else { return document.clone() };
    let gone = first.keys().filter(|name| !members.contains_key(*name)).map(|name| (name.clone(), json!("(none)")));
    let changed = members.iter().filter(|(name, value)| first.get(*name) != Some(*value));
    Json::Object(changed.map(|(name, value)| (name.clone(), value.clone())).chain(gone).collect())
}

/// The `response` of an endpoint to these keys.
pub(crate) async fn response(client: &reqwest::Client, service: &Service, path: &str, keys: &[&str]) -> Json {
    let body = json!({
        "apiVersion": "externaldata.gatekeeper.sh/v1beta1",
        "kind": "ProviderRequest",
        "request": {"keys": keys},
    });
    let request = client.post(format!("https://{}{path}", service.address)).body(body.to_string());
    let response = request.send().await.unwrap();
    assert_eq!(response.status(), 200);
    let mut document: Json = serde_json::from_slice(&response.bytes().await.unwrap()).unwrap();
    assert_eq!(document["apiVersion"], "externaldata.gatekeeper.sh/v1beta1");
    assert_eq!(document["kind"], "ProviderResponse");
    document["response"].take()
}

/// The part of a response about one key: the value, the error or the `systemError`.
fn one(case: &Case, response: Json) -> Json {
    let items = response["items"].as_array().unwrap();
    match items.as_slice() {
        [item] if response["systemError"] == "" && item["key"] == case.key.as_str() => {
            let mut item = item.clone();
            item.as_object_mut().unwrap().remove("key");
            item
        }
        [] => json!({"systemError": response["systemError"]}),
        _ => response,
    }
}

/// All cases that are image references in two commands, and the others one by one. Returns the two exit codes.
async fn ask_verify(environment: &Environment, entries: &mut Entries) -> Json {
    let is_reference = |case: &&Case| {
        let error = &entries[&case.name]["v1 verify"]["error"];
        !error.as_str().is_some_and(|error| error.starts_with("invalid-reference"))
    };
    let (references, others): (Vec<&Case>, Vec<&Case>) = environment.cases.iter().partition(is_reference);
    let keys: Vec<&str> = references.iter().map(|case| case.key.as_str()).collect();
    let command = async |output: &str| {
        let arguments = [&["verify", "--config", "c.yaml", "--output", output, "--"], keys.as_slice()].concat();
        binary::run(&environment.folder, &arguments).await
    };
    let (text, document) = (command("text").await, command("json").await);
    let images: Json = serde_json::from_str(&document.stdout).unwrap();
    let images = images["images"].as_array().unwrap();
    let blocks: Vec<&str> = text.stdout.split("\n\n").collect();
    assert_eq!((images.len(), blocks.len()), (references.len(), references.len()), "{}{}", text.stdout, text.stderr);
    for ((case, image), block) in references.iter().zip(images).zip(blocks) {
        let entry = entries.get_mut(&case.name).unwrap();
        entry["verify json"] = image.clone();
        entry["verify text"] = json!(environment.names.lines(block));
    }
    for case in others.into_iter().filter(|case| !case.key.contains('\0')) {
        let output = binary::run(&environment.folder, &["verify", "--config", "c.yaml", "--", &case.key]).await;
        entries.get_mut(&case.name).unwrap()["verify text"] = page(&environment.names, &output);
    }
    let stderr = environment.names.lines(&text.stderr);
    assert_eq!(stderr, environment.names.lines(&document.stderr));
    json!({"exit of text": text.exit, "exit of json": document.exit, "stderr": stderr})
}

/// All cases that are image references in two commands; the output of `verify` is not repeated. One case of each kind of
/// result is also asked by itself: output and exit code are those that it has among the others. Returns the certificates,
/// which are referred to by name.
async fn ask_inspect(environment: &Environment, entries: &mut Entries) -> Json {
    let cases: Vec<&Case> =
        environment.cases.iter().filter(|case| entries[&case.name].get("verify json").is_some()).collect();
    let keys: Vec<&str> = cases.iter().map(|case| case.key.as_str()).collect();
    let (text, documents, exit) = inspect(environment, &keys).await;
    assert_eq!((text.len(), documents.len()), (cases.len(), cases.len()), "{text:#?}");
    let exits: Vec<i32> = documents.iter().map(exit_of_inspect).collect();
    // A rejection takes precedence over an inconclusive image.
    assert_eq!(exit, [1, 2, 0].into_iter().find(|exit| exits.contains(exit)));
    let mut kinds = BTreeMap::new();
    for (index, document) in documents.iter().enumerate() {
        kinds.entry((document["image"]["verdict"].to_string(), document["target"].is_null())).or_insert(index);
    }
    for index in kinds.into_values() {
        let alone = inspect(environment, &keys[index..=index]).await;
        assert_eq!(alone, (vec![text[index].clone()], vec![documents[index].clone()], Some(exits[index])));
    }
    let mut certificates = Certificates::default();
    for (((case, mut page), mut document), exit) in cases.into_iter().zip(text).zip(documents).zip(exits) {
        let entry = entries.get_mut(&case.name).unwrap();
        entry["exit of inspect"] = json!(exit);
        let verified: Vec<String> = serde_json::from_value(entry["verify text"].clone()).unwrap();
        if page.starts_with(&verified) {
            page.splice(..verified.len(), ["(as verify)".to_owned()]);
        }
        certificates.shorten_text(&mut page);
        entry["inspect text"] = json!(page);
        if document["image"] == environment.names.json(&entry["verify json"]) {
            document["image"] = json!("(as verify)");
        }
        certificates.shorten_json(&mut document);
        entry["inspect json"] = document;
    }
    certificates.document()
}

/// The page and the document of each image, and the exit code.
async fn inspect(environment: &Environment, keys: &[&str]) -> (Vec<Vec<String>>, Vec<Json>, Option<i32>) {
    let command = async |output: &str| {
        let arguments = [&["inspect", "--config", "c.yaml", "--output", output, "--"], keys].concat();
        binary::run(&environment.folder, &arguments).await
    };
    let (text, documents) = tokio::join!(command("text"), command("json"));
    assert_eq!(text.exit, documents.exit, "{}{}", text.stdout, text.stderr);
    let names = &environment.names;
    let read = serde_json::Deserializer::from_str(&documents.stdout).into_iter::<Json>();
    let read = read.map(|document| names.json(&document.unwrap())).collect();
    (pages(&text.stdout).into_iter().map(|page| names.lines(page)).collect(), read, text.exit)
}

/// The pages of several images, with two empty lines between them. A page may end with an empty line of its own.
fn pages(text: &str) -> Vec<&str> {
    let (mut pages, mut rest) = (Vec::new(), text);
    while let Some(end) = rest.find("\n\n\n") {
        let next = rest[end..].find(|character| character != '\n').map_or(rest.len(), |newlines| end + newlines);
        pages.push(&rest[..next - 2]);
        rest = &rest[next..];
    }
    pages.push(rest);
    pages
}

/// The exit code for an image alone, by its document: a verified image whose signatures are not listed is no success.
fn exit_of_inspect(document: &Json) -> i32 {
    match document["image"]["verdict"].as_str().unwrap() {
        "rejected" => 1,
        "verified" | "skipped" if !document["target"].is_null() => 0,
        _ => 2,
    }
}

/// `check` in both forms.
async fn check(environment: &Environment) -> Json {
    let command = async |output: &str| {
        binary::run(&environment.folder, &["check", "--config", "c.yaml", "--output", output]).await
    };
    let (text, document) = (command("text").await, command("json").await);
    let document: Json = serde_json::from_str(&document.stdout).unwrap_or(json!(document.stderr));
    json!({"exit": text.exit, "json": document, "text": environment.names.lines(&text.stdout)})
}

/// The whole output of a command.
pub(crate) fn page(names: &Names, output: &Output) -> Json {
    json!({
        "exit": output.exit,
        "stderr": names.lines(&output.stderr),
        "stdout": names.lines(&output.stdout),
    })
}

/// An entry without repetitions: the second of two equal responses refers to the first, and the document of
/// `verify` has only the members that differ from the item of `/v1/verify`.
fn compact(mut entry: Json) -> Json {
    if let Some(item) = entry["v1 verify"].get("value").cloned()
        && let Some(document) = entry.as_object_mut().unwrap().remove("verify json")
    {
        entry["verify json beyond v1 verify"] = beyond(&item, &document);
    }
    for (first, second) in [("v1 verify", "ratify verify"), ("v1 mutate", "ratify mutate")] {
        if entry.get(first).is_some() && entry[first] == entry[second] {
            entry[second] = json!(format!("(as {first})"));
        }
    }
    entry
}

/// Entries of a group that has no cases.
pub(crate) fn compare(group: &str, names: &Names, entries: BTreeMap<String, Json>) {
    let entries = entries.into_iter().map(|(name, entry)| (name, names.json(&entry))).collect();
    golden::compare(group, &entries);
}
