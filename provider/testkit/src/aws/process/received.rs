//! What was received: the journal, the requests as they were, and the secrets that may be in them.

use serde_json::Value;
use serde_json::json;

use crate::aws::exchange::Exchange;
use crate::aws::exchange::Service;
use crate::aws::process::services::Services;
use crate::registry::RecordedRequest;

/// All requests to all services, by the name of the service, each in order of arrival. A request is listed from its arrival on.
fn requests(services: &Services) -> Vec<(&'static str, Service, Vec<RecordedRequest>)> {
    let servers = services.servers().into_iter().map(|(name, server)| (name, server.service(), server.requests()));
    let registries = services.registries().into_iter().map(|(name, registry)| {
        let public = name == "ecr-public-registry";
        let service = if public { Service::EcrPublicRegistry } else { Service::EcrRegistry };
        (name, service, registry.requests())
    });
    servers.chain(registries).collect()
}

/// Writes `journal.json`: `{"signer-data": [EXCHANGE, …], …}`.
pub(super) fn write_journal(services: &Services) -> Result<Value, String> {
    let journals = requests(services).into_iter().map(|(name, service, requests)| {
        let exchanges = requests.iter().map(|request| Exchange::of(service, request).to_json());
        (name.to_owned(), exchanges.collect())
    });
    services.write("journal.json", &Value::Object(journals.collect()).to_string())?;
    Ok(json!("done"))
}

/// Writes `requests.jsonl`: one object for each request, with all headers and the body. Returns their number.
pub(super) fn write_requests(services: &Services) -> Result<Value, String> {
    let mut lines = String::new();
    let mut count = 0_usize;
    for (service, _, requests) in requests(services) {
        for request in requests {
            lines += &format!("{}\n", request.to_json(service));
            count += 1;
        }
    }
    services.write("requests.jsonl", &lines)?;
    Ok(json!(count))
}

/// Writes `secrets.json`: a list of all secrets so far, with their kind, and who got them for which region where that applies.
pub(super) fn write_secrets(services: &Services) -> Result<Value, String> {
    let mut secrets = Vec::new();
    for key in services.setup.keys().all() {
        secrets.push(json!({ "kind": "secret-access-key", "value": key.secret, "principal": key.principal }));
        if let Some(token) = &key.session_token {
            secrets.push(json!({ "kind": "session-token", "value": token, "principal": key.principal }));
        }
    }
    for (text, token) in services.tokens.all() {
        secrets
            .push(json!({ "kind": "ecr-token", "value": text, "principal": token.principal, "region": token.region }));
    }
    for token in services.public_registry.tokens() {
        secrets.push(json!({ "kind": "ecr-public-registry-token", "value": token }));
    }
    for (kind, token) in services.account_tokens() {
        secrets.push(json!({ "kind": kind, "value": token }));
    }
    let count = secrets.len();
    services.write("secrets.json", &Value::from(secrets).to_string())?;
    Ok(json!(count))
}
