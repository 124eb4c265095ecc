//! Gatekeeper's part: the request over mutual TLS, and the shipped template over the answer.

use anyhow::Context as _;
use regorus::Engine;
use regorus::Value as Rego;
use reqwest::Certificate;
use reqwest::Client;
use reqwest::Identity;
use serde_json::Value;
use serde_json::json;

use crate::provider::Provider;
use crate::shipped;

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

    /// The constraint's name, which a denial begins with.
    pub(crate) fn constraint(&self) -> &str {
        self.constraint["metadata"]["name"].as_str().unwrap_or_default()
    }

    /// One call of the provider.
    pub(crate) async fn ask(&self, keys: &[String]) -> anyhow::Result<Value> {
        let request = json!({
            "apiVersion": "externaldata.gatekeeper.sh/v1beta1",
            "kind": "ProviderRequest",
            "request": { "keys": keys },
        });
        let answer = self.client.post(&self.url).body(request.to_string()).send().await?;
        Ok(serde_json::from_str(&answer.text().await?)?)
    }

    /// The messages with which a pod of one container is denied.
    pub(crate) async fn review(&self, pod: &str, image: &str) -> anyhow::Result<Vec<String>> {
        let answer = self.ask(&[image.to_owned()]).await?;
        let external = external_data(&answer["response"]);
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

/// What Gatekeeper makes of an answer for its template.
fn external_data(response: &Value) -> Value {
    let items = response["items"].as_array().cloned().unwrap_or_default();
    let failed = |item: &Value| item["error"].as_str().is_some_and(|error| !error.is_empty());
    let pairs = |wanted: bool, member: &str| -> Vec<Value> {
        items.iter().filter(|item| failed(item) == wanted).map(|item| json!([item["key"], item[member]])).collect()
    };
    json!({
        "responses": pairs(false, "value"),
        "errors": pairs(true, "error"),
        "status_code": 200,
        "system_error": response["systemError"].as_str().unwrap_or_default(),
    })
}
