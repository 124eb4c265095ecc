//! Acts as Gatekeeper: sends requests over mutual TLS, and evaluates the shipped template with the response.

use anyhow::Context as _;
use regorus::Engine;
use regorus::Value as Rego;
use reqwest::Certificate;
use reqwest::Client;
use reqwest::Identity;
use serde_json::Value;
use serde_json::json;

use super::provider::Provider;
use super::shipped;

pub(crate) struct Gatekeeper {
    client: Client,
    url: String,
    rego: String,
    constraint: Value,
}

impl Gatekeeper {
    pub(crate) fn new(provider: &Provider) -> anyhow::Result<Self> {
        let identity = format!("{}{}", provider.client.pem(), provider.client.key_pem());
        let client = Client::builder()
            .tls_certs_only([Certificate::from_pem(provider.authority.pem().as_bytes())?])
            .identity(Identity::from_pem(identity.as_bytes())?)
            .build()?;
        let template = shipped("templates/countersignimages.yaml")?;
        let rego =
            template["spec"]["targets"][0]["code"][0]["source"]["rego"].as_str().context("the template's Rego")?;
        let constraint = shipped("constraints/pods.yaml")?;
        Ok(Self { client, url: provider.verify_url(), rego: rego.to_owned(), constraint })
    }

    /// The name of the constraint, with which a denial begins.
    pub(crate) fn constraint(&self) -> &str {
        self.constraint["metadata"]["name"].as_str().unwrap_or_default()
    }

    /// Sends one request to the provider.
    pub(crate) async fn request(&self, keys: &[String]) -> anyhow::Result<Value> {
        let request = json!({
            "apiVersion": "externaldata.gatekeeper.sh/v1beta1",
            "kind": "ProviderRequest",
            "request": { "keys": keys },
        });
        let response = self.client.post(&self.url).body(request.to_string()).send().await?;
        Ok(serde_json::from_str(&response.text().await?)?)
    }

    /// The messages that deny a pod with one container.
    pub(crate) async fn review(&self, pod: &str, image: &str) -> anyhow::Result<Vec<String>> {
        let response = self.request(&[image.to_owned()]).await?;
        let external = external_data(&response["response"]);
        let mut engine = Engine::new();
        engine.add_policy("template.rego".to_owned(), self.rego.clone())?;
        let external = Rego::from_json_str(&external.to_string())?;
        engine.add_extension("external_data".to_owned(), 1, Box::new(move |_: Vec<Rego>| Ok(external.clone())))?;
        let input = json!({
            "parameters": self.constraint["spec"]["parameters"],
            "review": {
                "operation": "CREATE",
                "kind": { "group": "", "version": "v1", "kind": "Pod" },
                "object": {
                    "kind": "Pod",
                    "metadata": { "name": pod },
                    "spec": { "containers": [{ "name": pod, "image": image }] },
                },
            },
        });
        engine.set_input_json(&input.to_string())?;
        let violations: Value =
            serde_json::from_str(&engine.eval_rule("data.countersignimages.violation".to_owned())?.to_json_str()?)?;
        let messages = violations.as_array().into_iter().flatten().filter_map(|one| one["msg"].as_str());
        Ok(messages.map(str::to_owned).collect())
    }
}

/// The value of `external_data` that Gatekeeper makes of a response.
fn external_data(response: &Value) -> Value {
    let items = response["items"].as_array().cloned().unwrap_or_default();
    let failed = |item: &Value| item["error"].as_str().is_some_and(|error| !error.is_empty());
    let pairs = |is_failed: bool, member: &str| -> Vec<Value> {
        items.iter().filter(|item| failed(item) == is_failed).map(|item| json!([item["key"], item[member]])).collect()
    };
    json!({
        "responses": pairs(false, "value"),
        "errors": pairs(true, "error"),
        "status_code": 200,
        "system_error": response["systemError"].as_str().unwrap_or_default(),
    })
}
