//! The secrets of Google Cloud, and where they belong.

use anyhow::Context;
use anyhow::bail;
use serde_json::Value;

use super::super::cloud::Chain;
use super::super::cloud::SecretsOf;
use super::super::secret_search::Secret;
use super::network;

const SECRETS: SecretsOf = SecretsOf {
    read: secret,
    used: &["google-access-token", "artifact-registry-token"],
    hosts: &[network::REGISTRY, network::METADATA],
};

/// The secret with the hosts that may receive it.
fn secret(secret: &Value) -> anyhow::Result<Secret> {
    let text = |name: &str| secret[name].as_str();
    let kind = text("kind").context("a secret has no kind")?;
    let value = text("value").context("a secret has no value")?;
    match kind {
        // The metadata server issues the first one, and receives none.
        "google-access-token" | "artifact-registry-token" => {
            Ok(Secret::new(kind, vec![value.to_owned()], vec![network::REGISTRY]))
        }
        other => bail!("found a secret of the kind {other:?}"),
    }
}

pub(super) fn run(chain: &mut Chain<'_>) -> anyhow::Result<()> {
    SECRETS.search(chain)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;
    use serde_json::json;

    use super::super::super::secret_search::in_requests;
    use super::*;

    #[test]
    fn a_token_belongs_to_the_registry_only() {
        let token = format!("ya29.c.{}", "x-y_".repeat(50));
        let secrets = [secret(&json!({ "kind": "google-access-token", "value": token })).unwrap()];
        let login = STANDARD.encode(format!("oauth2accesstoken:{token}"));
        let line = |host: &str, text: &str| {
            json!({ "service": "s", "host": host, "target": "/", "headers": text }).to_string()
        };
        for text in [token.clone(), format!("Bearer {token}"), format!("Basic {login}")] {
            in_requests(&secrets, &line(network::REGISTRY, &text)).unwrap();
            let error = in_requests(&secrets, &line(network::METADATA, &text)).unwrap_err();
            let expected = "a google-access-token was sent to 169.254.169.254 (\"s\", \"/\")";
            assert_eq!(error.to_string(), expected);
        }
        assert_eq!(
            secret(&json!({ "kind": "other", "value": token })).unwrap_err().to_string(),
            "found a secret of the kind \"other\""
        );
    }
}
