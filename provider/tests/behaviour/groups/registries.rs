//! Failing registries, one for each case; and the ways to offer signatures.

use std::time::Duration;

use countersign_testkit::Descriptor;
use countersign_testkit::IMAGE_INDEX;
use countersign_testkit::notation;
use countersign_testkit::registry::FaultHandle;
use countersign_testkit::registry::Referrers;
use countersign_testkit::registry::Registry;
use countersign_testkit::registry::Reply;
use countersign_testkit::registry::Route;
use serde_json::json;
use tokio::net::TcpSocket;

use crate::environment::Environment;
use crate::run::Ask;
use crate::run::record_as;

type Break = fn(&Registry, &Descriptor) -> FaultHandle;
type BreakRoute = fn(&Registry, Route) -> FaultHandle;

fn html(status: u16) -> Reply {
    Reply::status(status).header("content-type", "text/html").body("<html>")
}

/// What goes wrong on each of the three routes.
const FAULTS: &[(&str, BreakRoute)] = &[
    ("400", |registry, route| registry.when(route).status(400)),
    ("401", |registry, route| registry.when(route).error(401, "UNAUTHORIZED")),
    ("403", |registry, route| registry.when(route).error(403, "DENIED")),
    ("404", |registry, route| registry.when(route).status(404)),
    ("404 with a page", |registry, route| registry.when(route).reply(html(404))),
    ("404 with an error", |registry, route| registry.when(route).error(404, "NAME_UNKNOWN")),
    ("405", |registry, route| registry.when(route).error(405, "UNSUPPORTED")),
    ("429", |registry, route| registry.when(route).too_many_requests("600")),
    ("500", |registry, route| registry.when(route).status(500)),
    ("503", |registry, route| registry.when(route).status(503)),
    ("204", |registry, route| registry.when(route).status(204)),
    ("a page", |registry, route| registry.when(route).reply(html(200))),
    ("an empty body", |registry, route| registry.when(route).body("")),
    ("another body", |registry, route| registry.when(route).body("{}")),
    ("wrong bytes", |registry, route| registry.when(route).wrong_bytes()),
    ("a truncated body", |registry, route| registry.when(route).truncated_body()),
    ("a closed connection", |registry, route| registry.when(route).close()),
    ("an endless body", |registry, route| registry.when(route).endless_body()),
    ("a redirect without a place", |registry, route| registry.when(route).status(302)),
    ("a redirect to an address inside", |registry, route| {
        registry.when(route).redirect(307, "http://169.254.169.254/x")
    }),
    ("a redirect to itself", |registry, route| {
        let host = registry.url();
        registry.when(route).redirect(307, &format!("{host}/v2/app/manifests/v1"))
    }),
    ("another digest in the header", |registry, route| {
        registry.when(route).header("docker-content-digest", &Descriptor::sample("another").digest)
    }),
    ("no content type", |registry, route| registry.when(route).without_header("content-type")),
];

async fn one(environment: &mut Environment, name: &str, prepare: impl FnOnce(&Registry, &Descriptor)) {
    let role = format!("REGISTRY OF {name}");
    let number = environment.another_registry(&role).await;
    let registry = &environment.others[number];
    let image = registry.push_image("app", "v1");
    let signature = notation::sign_image(registry, "app", &image, &environment.leaf);
    environment.names.digest(&image.digest, "digest of the image");
    environment.names.digest(&signature.digest, "signature of the image");
    let envelope = Descriptor::sample("another").digest;
    environment.names.digest(&envelope, "digest of another");
    prepare(registry, &image);
    environment.ask(name, &format!("{}/app:v1", environment.others[number].host()));
}

async fn of_route(route: Route, group: &str, ask: Ask) {
    let mut environment = Environment::new().await;
    environment.at_once = 8;
    // How fast connections fail decides how many requests are sent to a host that is known to fail.
    environment.unsteady = &[
        "_requests_not_sent_total",
        "result=\"unreachable\",stage=\"manifest\"",
        "_seconds_count{stage=\"manifest\"}",
    ];
    environment.statement("all", &["*"], json!({}));
    for (name, fault) in FAULTS {
        one(&mut environment, name, |registry, _| drop(fault(registry, route))).await;
    }
    record_as(group, environment, ask).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn faults_of_manifests() {
    of_route(Route::Manifest, "faults-of-manifests", Ask::WithoutInspect).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn faults_of_referrers() {
    of_route(Route::Referrers, "faults-of-referrers", Ask::Everything).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn faults_of_blobs() {
    of_route(Route::Blob, "faults-of-blobs", Ask::WithoutInspect).await;
}

fn index(entries: &[Descriptor]) -> Reply {
    let entries: Vec<_> = entries.iter().map(Descriptor::to_json).collect();
    let body = json!({ "schemaVersion": 2, "mediaType": IMAGE_INDEX, "manifests": entries });
    Reply::status(200).header("content-type", IMAGE_INDEX).body(body.to_string())
}

/// Ways to offer the signature of a signed image.
const OFFERS: &[(&str, Break)] = &[
    ("the API", |registry, _| offer(registry, Referrers::Api)),
    ("the API without filter", |registry, _| offer(registry, Referrers::ApiWithoutFilter)),
    ("the API without types", |registry, _| offer(registry, Referrers::ApiWithoutTypes)),
    ("the fallback tag", |registry, _| offer(registry, Referrers::FallbackTag)),
    ("an empty list", |registry, _| registry.when(Route::Referrers).reply(index(&[]))),
    ("a list of others", |registry, _| {
        let sbom = Descriptor { artifact_type: Some("application/spdx+json".to_owned()), ..Descriptor::sample("sbom") };
        registry.when(Route::Referrers).reply(index(&[sbom]))
    }),
    ("a list of null", |registry, _| {
        registry
            .when(Route::Referrers)
            .reply(Reply::status(200).header("content-type", IMAGE_INDEX).body(r#"{"manifests":null}"#))
    }),
    ("a list with a broken entry", |registry, _| {
        let body = r#"{"manifests":[7]}"#;
        registry.when(Route::Referrers).reply(Reply::status(200).header("content-type", IMAGE_INDEX).body(body))
    }),
    ("a list as another type", |registry, _| {
        let body = r#"{"manifests":[]}"#;
        registry.when(Route::Referrers).reply(Reply::status(200).header("content-type", "application/json").body(body))
    }),
    ("a link elsewhere", |registry, _| {
        registry.when(Route::Referrers).header("link", "<http://other.example/v2/app/referrers/x>; rel=\"next\"")
    }),
    ("a second page that fails", |registry, image| {
        for number in 0..3 {
            let entry = Descriptor::sample(&format!("entry {number}"));
            registry.list_referrer("app", &image.digest, entry);
        }
        registry.referrers(Referrers::ApiWithoutFilter);
        registry.page_size(1);
        registry.when(Route::Referrers).path_contains("after=").status(500)
    }),
    ("four pages", |registry, image| {
        for number in 0..3 {
            let entry = Descriptor::sample(&format!("entry {number}"));
            registry.list_referrer("app", &image.digest, entry);
        }
        registry.page_size(1);
        offer(registry, Referrers::ApiWithoutFilter)
    }),
    ("endless empty pages", |registry, _| registry.when(Route::Referrers).endless_empty_pages()),
    ("a fallback tag that is an image", |registry, image| {
        registry.when(Route::Referrers).status(404);
        let other = registry.push_image("app", "another");
        registry.tag("app", &image.digest.replace(':', "-"), &other.digest);
        offer(registry, Referrers::Api)
    }),
    ("no API and no fallback tag", |registry, _| registry.when(Route::Referrers).status(404)),
    ("no API and a fallback tag that fails", |registry, image| {
        registry.when(Route::Referrers).status(404);
        registry.when(Route::Manifest).path_contains(&image.digest.replace(':', "-")).status(500)
    }),
    ("an API that is refused", |registry, _| registry.when(Route::Referrers).status(501)),
    ("slow, but in time", |registry, _| registry.when(Route::Referrers).delay(Duration::from_millis(50))),
];

/// A fault that changes nothing, for cases without a fault.
fn offer(registry: &Registry, referrers: Referrers) -> FaultHandle {
    registry.referrers(referrers);
    registry.when(Route::Ping).delay(Duration::ZERO)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ways_to_offer_signatures() {
    let mut environment = Environment::new().await;
    environment.at_once = 8;
    environment.statement("all", &["*"], json!({}));
    for (name, offer) in OFFERS {
        one(&mut environment, name, |registry, image| drop(offer(registry, image))).await;
    }
    // Registries that are refused, and addresses without a listener.
    let unlisted = Registry::start().await;
    environment.names.name(&unlisted.host(), "UNLISTED");
    environment.ask("unlisted", &format!("{}/app:v1", unlisted.host()));
    environment.others.push(unlisted);
    for host in ["ghcr.io", "quay.io", "docker.io", "169.254.169.254", "localhost"] {
        environment.ask(&format!("unlisted {host}"), &format!("{host}/team/app:v1"));
    }
    // Bound, so that no other socket gets the port, and not listening.
    let closed = TcpSocket::new_v4().unwrap();
    closed.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let host = closed.local_addr().unwrap().to_string();
    environment.names.name(&host, "CLOSED");
    environment.entry(&format!("host: '{host}', plainHttp: true"));
    environment.ask("nobody listens", &format!("{host}/app:v1"));
    let tls = environment.another_tls_registry("TLS").await;
    let host = environment.others[tls].host();
    environment.entry(&format!("host: '{host}', plainHttp: true"));
    environment.ask("plain HTTP to TLS", &format!("{host}/app:v1"));
    let untrusted = environment.another_tls_registry("UNTRUSTED").await;
    let host = environment.others[untrusted].host();
    environment.folder.write("other.pem", environment.untrusted.pem());
    environment.entry(&format!("host: '{host}', ca: other.pem"));
    environment.ask("another authority", &format!("{host}/app:v1"));
    environment.entry("host: plain.example, plainHttp: true");
    for key in ["plain.example:443/app", "plain.example:80/app"] {
        environment.ask(&format!("plain HTTP with a port, {key}"), key);
    }
    record_as("registries", environment, Ask::WithoutInspect).await;
    drop(closed);
}
