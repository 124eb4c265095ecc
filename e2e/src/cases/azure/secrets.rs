//! The secrets of Azure, and where they belong.

use anyhow::Context;
use anyhow::bail;
use anyhow::ensure;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;

use super::super::cloud::Chain;
use super::super::cloud::SecretsOf;
use super::super::secret_search::Secret;
use super::network;

const SECRETS: SecretsOf = SecretsOf {
    read: secret,
    used: &["azure-identity-token", "entra-access-token", "acr-refresh-token", "acr-access-token", "blob-signature"],
    hosts: &[network::AUTHORITY, network::REGISTRY, network::BLOBS, network::VAULT],
};

/// The secret with the hosts that may receive it.
fn secret(secret: &Value) -> anyhow::Result<Secret> {
    let text = |name: &str| secret[name].as_str();
    let kind = text("kind").context("a secret has no kind")?;
    let value = text("value").context("a secret has no value")?;
    let hosts = match kind {
        "azure-identity-token" => vec![network::AUTHORITY],
        "entra-access-token" => match audience(value)?.as_str() {
            "https://containerregistry.azure.net" => vec![network::REGISTRY],
            "https://vault.azure.net" => vec![network::VAULT],
            other => bail!("found a token for {other:?}"),
        },
        "acr-refresh-token" | "acr-access-token" => vec![network::REGISTRY],
        // In the addresses to which the registry redirects.
        "blob-signature" => vec![network::BLOBS],
        "private-key" => vec![],
        other => bail!("found a secret of the kind {other:?}"),
    };
    Ok(Secret::new(kind, vec![value.to_owned()], hosts))
}

/// The audience of a JSON Web Token.
fn audience(token: &str) -> anyhow::Result<String> {
    let claims = token.split('.').nth(1).context("a token has no claims")?;
    let claims: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(claims)?)?;
    Ok(claims["aud"].as_str().context("a token has no audience")?.to_owned())
}

pub(super) fn run(chain: &mut Chain<'_>) -> anyhow::Result<()> {
    SECRETS.search(chain)?;
    let journal = chain.journal()?;
    let result = (|| {
        let blobs = journal.of("blob-store");
        ensure!(!blobs.is_empty(), "no blob was read");
        let authorized = blobs.iter().find(|exchange| !exchange["authorization"].is_null());
        ensure!(authorized.is_none(), "found {authorized:?}");
        Ok(())
    })();
    chain.verdict("the data endpoint of the registry is asked without Authorization", result);
    let result = (|| {
        ensure!(journal.of("imds").is_empty(), "found {:?}", journal.of("imds"));
        Ok(())
    })();
    chain.verdict("the instance metadata service is not asked", result);
    Ok(())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use serde_json::json;

    use super::super::super::secret_search::in_requests;
    use super::*;

    #[test]
    fn a_token_belongs_to_the_service_of_its_audience() {
        let token = |audience: &str| {
            let claims = URL_SAFE_NO_PAD.encode(json!({ "aud": audience, "text": "x".repeat(40) }).to_string());
            format!("e30.{claims}.c2ln")
        };
        let of = |audience: &str| secret(&json!({ "kind": "entra-access-token", "value": token(audience) }));
        assert_eq!(of("https://containerregistry.azure.net").unwrap().hosts(), [network::REGISTRY]);
        assert_eq!(of("https://vault.azure.net").unwrap().hosts(), [network::VAULT]);
        assert_eq!(
            of("https://graph.microsoft.com").unwrap_err().to_string(),
            "found a token for \"https://graph.microsoft.com\""
        );
        let line = |host: &str| {
            json!({ "service": "s", "host": host, "target": "/", "body": token("https://vault.azure.net") }).to_string()
        };
        let secrets = [of("https://vault.azure.net").unwrap()];
        in_requests(&secrets, &line(network::VAULT)).unwrap();
        in_requests(&secrets, &line(network::REGISTRY)).unwrap_err();
        assert_eq!(secret(&json!({ "kind": "private-key", "value": "x".repeat(40) })).unwrap().hosts(), [""; 0]);
    }
}
