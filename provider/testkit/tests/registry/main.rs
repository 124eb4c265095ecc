//! Responses of the registry to an HTTP client that is not ours.

#![allow(clippy::unwrap_used)]

mod auth;
mod content;
mod faults;

use countersign_testkit::Descriptor;
use countersign_testkit::pki::Authority;
use countersign_testkit::pki::CertSpec;
use countersign_testkit::pki::Chain;
use countersign_testkit::registry::Registry;
use reqwest::Client;
use reqwest::Response;
use reqwest::redirect::Policy;
use serde_json::Value;

const REPOSITORY: &str = "team/app";

fn client() -> Client {
    // Already installed by another test of this process: the same one.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    Client::builder().redirect(Policy::none()).build().unwrap()
}

async fn get(registry: &Registry, path: &str) -> Response {
    client().get(format!("{}{path}", registry.url())).send().await.unwrap()
}

async fn get_json(registry: &Registry, path: &str) -> Value {
    serde_json::from_slice(&get(registry, path).await.bytes().await.unwrap()).unwrap()
}

fn header<'a>(response: &'a Response, name: &str) -> &'a str {
    response.headers().get(name).unwrap_or_else(|| panic!("no {name}")).to_str().unwrap()
}

fn release() -> Chain {
    Authority::root(CertSpec::root()).issue(CertSpec::leaf())
}

fn manifest(reference: &str) -> String {
    format!("/v2/{REPOSITORY}/manifests/{reference}")
}

fn referrers(target: &Descriptor) -> String {
    format!("/v2/{REPOSITORY}/referrers/{}", target.digest)
}
