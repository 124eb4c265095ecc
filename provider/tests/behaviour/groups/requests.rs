//! Requests as such: many keys, none, the same twice; invalid documents; other paths, methods and clients.

use std::collections::BTreeMap;
use std::time::Duration;

use countersign_testkit::signer::Format;
use reqwest::Method;
use serde_json::Value as Json;
use serde_json::json;

use crate::binary::Service;
use crate::environment::Environment;
use crate::metrics;
use crate::run::ENDPOINTS;
use crate::run::compare;
use crate::run::log_of;
use crate::run::response;

const SKIPPED: &str = "skipped.example/app";

async fn environment() -> Environment {
    let mut environment = Environment::new().await;
    environment.statement("all", &["*"], json!({}));
    let skip = json!({"signatureVerification": {"level": "skip"}, "trustStores": null, "trustedIdentities": null});
    environment.statement("skipped", &[SKIPPED], skip);
    environment.signed("signed", Format::Jws, |request| request);
    environment.image("unsigned");
    environment
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn batches_of_keys() {
    let mut environment = environment().await;
    environment.server = "verifyTimeout: 25s, mutateTimeout: 25s, maxKeys: 8".to_owned();
    let host = environment.registry.host();
    let (signed, unsigned, absent) =
        (format!("{host}/app:signed"), format!("{host}/app:unsigned"), format!("{host}/app:absent"));
    let (signed, unsigned, absent) = (signed.as_str(), unsigned.as_str(), absent.as_str());
    let client = environment.write();
    let service = Service::start(&environment.folder).await;
    let mut entries = BTreeMap::new();
    let nine: Vec<String> = (0..9).map(|number| format!("{SKIPPED}:{number}")).collect();
    let nine: Vec<&str> = nine.iter().map(String::as_str).collect();
    let namespaced = format!("[team-a]{signed}");
    for (name, keys) in [
        ("no keys", vec![]),
        ("one of each", vec![signed, unsigned, SKIPPED, "UPPER"]),
        ("one undecided", vec![signed, absent, unsigned]),
        ("two undecided", vec![absent, "ghcr.io/team/app"]),
        ("a key twice", vec![unsigned, signed, unsigned]),
        ("a key in two namespaces", vec![signed, &namespaced, "[team-b]UPPER"]),
        ("odd keys", vec!["", " ", "a\r\nb\t\u{0}\u{1b}[31m", "\"\\/<>&\u{2028}", "ü😀\u{fffd}"]),
        ("the same nine times", vec![signed; 9]),
        ("eight keys", nine[..8].to_vec()),
        ("nine keys", nine.clone()),
    ] {
        let mut entry = json!({"keys": keys});
        for (endpoint, path) in ENDPOINTS {
            entry[endpoint] = response(&client, &service, path, &keys).await;
        }
        entries.insert(name.to_owned(), entry);
    }
    finish("batches", &environment, client, service, entries).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn documents_paths_and_methods() {
    let mut environment = environment().await;
    environment.server = "verifyTimeout: 25s, mutateTimeout: 25s, maxBodyBytes: 2000".to_owned();
    let client = environment.write();
    let service = Service::start(&environment.folder).await;
    let mut entries = BTreeMap::new();
    let good = json!({"apiVersion": "externaldata.gatekeeper.sh/v1beta1", "kind": "ProviderRequest", "request": {"keys": [SKIPPED]}});
    let with = |pointer: &str, value: Json| {
        let mut document = good.clone();
        *document.pointer_mut(pointer).unwrap() = value;
        document.to_string()
    };
    let bodies = [
        ("good", good.to_string()),
        ("another version", with("/apiVersion", json!("externaldata.gatekeeper.sh/v1alpha1"))),
        ("an unknown version", with("/apiVersion", json!("v7"))),
        ("a version that is a number", with("/apiVersion", json!(7))),
        ("another kind", with("/kind", json!("Pod"))),
        ("a key that is a number", with("/request/keys", json!([7]))),
        ("keys that are null", with("/request/keys", Json::Null)),
        ("keys that are an object", with("/request/keys", json!({}))),
        ("no keys", with("/request", json!({}))),
        ("no request", r#"{"kind":"ProviderRequest"}"#.to_owned()),
        ("a list", "[]".to_owned()),
        ("nothing", String::new()),
        ("no JSON", "not json".to_owned()),
        ("half a document", good.to_string()[..40].to_owned()),
        ("two documents", format!("{good}{good}")),
        ("a member twice", good.to_string().replacen('{', r#"{"kind":"Pod","#, 1)),
        ("an unknown member", good.to_string().replacen('{', r#"{"x":1,"#, 1)),
        ("deep nesting", "[".repeat(1500)),
        ("no UTF-8", String::new()),
        ("too large", "x".repeat(2001)),
    ];
    for (name, body) in bodies {
        let body = if name == "no UTF-8" { b"\xff\xfe".to_vec() } else { body.into_bytes() };
        let mut entry = json!({});
        for (endpoint, path) in ENDPOINTS {
            let answer = whole(&client, &service, Method::POST, path, body.clone()).await;
            entry[endpoint] =
                if endpoint != "v1 verify" && answer == entry["v1 verify"] { json!("(as v1 verify)") } else { answer };
        }
        entries.insert(format!("document: {name}"), entry);
    }
    for path in [
        "/",
        "/v1/verify/",
        "/V1/verify",
        "/v1/verify?timeout=3s",
        "/v1/verify%2f",
        "//v1/verify",
        "/v2/verify",
        "/metrics",
        "/livez",
        "/ratify/gatekeeper/v1",
        "/ratify/gatekeeper/v2/verify",
    ] {
        let answer = whole(&client, &service, Method::POST, path, good.to_string().into_bytes()).await;
        entries.insert(format!("path: {path}"), answer);
    }
    for method in [Method::GET, Method::HEAD, Method::PUT, Method::DELETE, Method::OPTIONS, Method::PATCH] {
        let answer = whole(&client, &service, method.clone(), "/v1/verify", Vec::new()).await;
        entries.insert(format!("method: {method}"), answer);
    }
    for path in
        ["/livez", "/readyz", "/readyz?verbose", "/readyz?exclude=x", "/healthz", "/", "/v1/verify", "/metrics/"]
    {
        let answer = plain(&client, &service, Method::GET, path).await;
        entries.insert(format!("health: GET {path}"), answer);
    }
    for method in [Method::HEAD, Method::POST] {
        for path in ["/livez", "/readyz"] {
            entries.insert(format!("health: {method} {path}"), plain(&client, &service, method.clone(), path).await);
        }
    }
    finish("documents", &environment, client, service, entries).await;
}

/// Status, headers that mean something, and the body of an answer.
async fn whole(client: &reqwest::Client, service: &Service, method: Method, path: &str, body: Vec<u8>) -> Json {
    described(client.request(method, format!("https://{}{path}", service.address)).body(body)).await
}

async fn plain(client: &reqwest::Client, service: &Service, method: Method, path: &str) -> Json {
    described(client.request(method, format!("http://{}{path}", service.health))).await
}

async fn described(request: reqwest::RequestBuilder) -> Json {
    let response = request.send().await.unwrap();
    let header = |name: &str| response.headers().get(name).map(|value| value.to_str().unwrap().to_owned());
    let headers: BTreeMap<&str, String> = ["allow", "cache-control", "connection", "content-type", "retry-after"]
        .into_iter()
        .filter_map(|name| Some((name, header(name)?)))
        .collect();
    let status = response.status().as_u16();
    let text = response.text().await.unwrap();
    let body = serde_json::from_str::<Json>(&text).unwrap_or(json!(text));
    json!({"status": status, "headers": headers, "body": body})
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_page_of_metrics_before_any_request() {
    let mut environment = environment().await;
    let client = environment.write();
    let service = Service::start(&environment.folder).await;
    let page = client.get(format!("http://{}/metrics", service.health)).send().await.unwrap().text().await.unwrap();
    let Json::Object(families) = metrics::document(&page) else { panic!("an object") };
    drop(client);
    service.stop().await;
    compare("metrics", &environment.names, families.into_iter().collect());
}

/// Clients that are not Gatekeeper.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn clients_that_are_refused() {
    let mut environment = environment().await;
    let gatekeeper = environment.write();
    let service = Service::start(&environment.folder).await;
    let mut entries = BTreeMap::new();
    for (name, client) in environment.other_clients() {
        let answer = client.post(format!("https://{}/v1/verify", service.address)).body("{}").send().await;
        entries.insert(name.to_owned(), json!({"answered": answer.is_ok()}));
    }
    // Plain HTTP, and a request over TLS by which the events before it are written.
    let answer = gatekeeper.get(format!("http://{}/v1/verify", service.address)).send().await;
    entries.insert("plain HTTP".to_owned(), json!({"answered": answer.is_ok()}));
    // A client knows of its refusal before the server has counted it.
    let counted = async {
        while refusals(&gatekeeper, &service).await < entries.len() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), counted).await.expect("not every refusal is counted");
    finish("clients", &environment, gatekeeper, service, entries).await;
}

/// How many handshakes have failed.
async fn refusals(client: &reqwest::Client, service: &Service) -> usize {
    let page = client.get(format!("http://{}/metrics", service.health)).send().await.unwrap().text().await.unwrap();
    let series = page.lines().filter(|line| line.starts_with("countersign_tls_handshake_failures_total{"));
    series.map(|line| line.rsplit(' ').next().unwrap().parse::<usize>().unwrap()).sum()
}

/// Adds log, metrics and readiness of the server.
async fn finish(
    group: &str,
    environment: &Environment,
    client: reqwest::Client,
    service: Service,
    mut entries: BTreeMap<String, Json>,
) {
    let page = client.get(format!("http://{}/metrics", service.health)).send().await.unwrap().text().await.unwrap();
    let (address, health) = (service.address.clone(), service.health.clone());
    // The server waits a while for another request on an open connection.
    drop(client);
    let (exit, log) = service.stop().await;
    let mut log = log_of(&log, &[(&address, "SERVICE"), (&health, "HEALTH")]);
    // Keys of one request are worked on at the same time: their events may come in any order.
    log.sort_by_key(|event| environment.names.json(event).to_string());
    entries.insert(
        format!(" {group}"),
        json!({"exit": exit, "log": log, "metrics": metrics::counted(&page, environment.unsteady)}),
    );
    compare(group, &environment.names, entries);
}
