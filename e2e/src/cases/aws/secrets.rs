//! No secret has gone where it does not belong: to another host, or into a log, a metric or a message. The requests are searched as
//! they were received, for the secrets as they are and in base64.

use std::fs;
use std::path::Path;

use anyhow::Context;
use anyhow::bail;
use anyhow::ensure;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use serde_json::json;

use super::super::secret_search::Secret;
use super::super::secret_search::in_requests;
use super::chain::Chain;
use super::network;
use super::settings;

/// The secret with the hosts that may receive it.
fn secret(secret: &Value) -> anyhow::Result<Secret> {
    let text = |name: &str| secret[name].as_str();
    let kind = text("kind").context("a secret has no kind")?;
    let value = text("value").context("a secret has no value")?;
    let partner = text("principal").is_some_and(|principal| principal.contains(network::OTHER_ACCOUNT));
    let hosts = match (kind, text("region")) {
        // It signs requests, and is in none of them.
        ("secret-access-key", _) => vec![],
        ("session-token", _) if partner => vec![network::ECR_API],
        ("session-token", _) => {
            vec![network::STS, network::SIGNER, network::ECR_API, network::OTHER_ECR_API, network::PUBLIC_ECR_API]
        }
        ("ecr-token", Some(network::REGION)) if partner => vec![network::PARTNER_REGISTRY],
        ("ecr-token", Some(network::REGION)) => vec![network::REGISTRY],
        // Of Amazon ECR Public too, whose API is in this region.
        ("ecr-token", Some(network::OTHER_REGION)) => vec![network::OTHER_REGISTRY, network::PUBLIC_REGISTRY],
        ("ecr-public-registry-token", _) => vec![network::PUBLIC_REGISTRY],
        ("web-identity-token", _) => vec![network::STS],
        ("pod-identity-token", _) => vec![network::POD_IDENTITY],
        (other, region) => bail!("found a secret of the kind {other:?} and the region {region:?}"),
    };
    Ok(Secret::new(kind, texts(value), hosts))
}

/// The secret as it is, and decoded if it is base64 of a login.
fn texts(value: &str) -> Vec<String> {
    let decoded = STANDARD.decode(value).ok().and_then(|bytes| String::from_utf8(bytes).ok());
    let password = decoded.as_deref().and_then(|login| login.strip_prefix("AWS:"));
    [value].into_iter().chain(password).map(str::to_owned).collect()
}

pub(super) fn run(chain: &mut Chain<'_>) -> anyhow::Result<()> {
    chain.transcript.chapter("Where secrets went");
    let directory = chain.doubles.directory().clone();
    let count = chain.doubles.command(&json!({ "do": "requests" }))?;
    chain.set(json!({ "do": "secrets" }))?;
    let requests = fs::read_to_string(directory.join("requests.jsonl"))?;
    let secrets: Vec<Value> = serde_json::from_slice(&fs::read(directory.join("secrets.json"))?)?;
    let secrets = secrets.iter().map(secret).collect::<anyhow::Result<Vec<_>>>()?;
    chain.transcript.note(&format!("{count} requests are searched for {} secrets in all forms", secrets.len()));
    chain.verdict("every secret was sent to its own hosts only", in_requests(&secrets, &requests));
    let received =
        |kind: &str| secrets.iter().filter(|secret| secret.kind == kind).any(|secret| secret.is_in(&requests));
    let result =
        ["session-token", "ecr-token", "web-identity-token", "pod-identity-token"].iter().try_for_each(|kind| {
            ensure!(received(kind), "no {kind} was found, although each kind was used");
            Ok(())
        });
    chain.verdict("the search finds those that were sent there", result);

    let mut texts = Vec::new();
    for entry in fs::read_dir(chain.workdir.path().join("logs"))? {
        let path = entry?.path();
        let text = String::from_utf8_lossy(&fs::read(&path)?).into_owned();
        // The first line of the doubles has the key of a user, who is none of Countersign's identities.
        let text = if is_of_doubles(&path) { text.lines().skip(1).collect() } else { text };
        texts.push((path.display().to_string(), text));
    }
    let result = texts.iter().try_for_each(|(name, text)| {
        let found = secrets.iter().find(|secret| secret.is_in(text));
        ensure!(found.is_none(), "{name} has a {}", found.map_or("", |secret| &secret.kind));
        Ok(())
    });
    let metrics =
        texts.iter().filter(|(name, text)| name.contains("metrics-") && text.contains("countersign_verdicts")).count();
    let result = result.and_then(|()| {
        ensure!(metrics == 3, "found {metrics} pages of metrics, expected 3");
        Ok(())
    });
    chain.verdict("no log and no page of metrics has one", result);
    let addressed = chain
        .journal()?
        .all()
        .find(|exchange| exchange["service"] == "blob-store" && !exchange["authorization"].is_null())
        .cloned();
    let result = addressed.map_or(Ok(()), |found| Err(anyhow::anyhow!("found {found}")));
    chain.verdict("the store of blobs is asked without Authorization", result);
    hosts(chain)
}

fn is_of_doubles(path: &Path) -> bool {
    path.file_name().is_some_and(|name| name == "doubles.log")
}

/// Every request went to a name of the chapter: nothing has an address in place of it but the services of the node.
fn hosts(chain: &mut Chain<'_>) -> anyhow::Result<()> {
    let mut known = network::NETWORK.names();
    known.extend([network::POD_IDENTITY, network::METADATA]);
    let journal = chain.journal()?;
    let other = journal.all().find(|exchange| !known.iter().any(|name| exchange["host"] == *name));
    let result = other.map_or(Ok(()), |found| Err(anyhow::anyhow!("found {found}")));
    chain.verdict("every request names the real host", result);
    let other = journal.all().find(|exchange| exchange["host"] == network::OTHER_SIGNER);
    let result = other.map_or(Ok(()), |found| Err(anyhow::anyhow!("found {found}")));
    let what = format!("AWS Signer is called in {} only, for signatures of all regions", network::REGION);
    chain.verdict(&what, result);
    ensure!(settings::ROLE.contains(network::ACCOUNT), "the role is of another account");
    Ok(())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::super::super::secret_search::percent_encoded;
    use super::*;

    #[test]
    fn a_secret_is_found_in_every_form() {
        let password = "a-password+of/a-registry?with&signs=";
        let token = STANDARD.encode(format!("AWS:{password}"));
        let secret = json!({ "kind": "ecr-token", "value": token, "region": network::REGION, "principal": "arn:aws:sts::111122223333:x" });
        let secret = super::secret(&secret).unwrap();
        assert_eq!(secret.hosts(), [network::REGISTRY]);
        for text in [
            format!("Basic {token}"),
            format!("password={password}"),
            format!("password={}", percent_encoded(password)),
            STANDARD.encode(format!("user:{password}")),
            STANDARD.encode(format!("x{password}y")),
            STANDARD.encode(format!("{{\"auth\":\"{token}\"}}")),
        ] {
            assert!(secret.is_in(&text), "{text}");
        }
        assert!(!secret.is_in("Basic QVdTOm90aGVyLXBhc3N3b3Jk"));
    }

    #[test]
    fn a_secret_at_another_host_is_reported() {
        let token = "x".repeat(40);
        let secret = |kind: &str, principal: &str| {
            super::secret(&json!({ "kind": kind, "value": token, "principal": principal })).unwrap()
        };
        let line = |host: &str| json!({ "service": "s", "host": host, "target": "/", "body": token }).to_string();
        let of_pod = [secret("session-token", "arn:aws:sts::111122223333:assumed-role/countersign/s")];
        in_requests(&of_pod, &line(network::SIGNER)).unwrap();
        let error = in_requests(&of_pod, &line(network::REGISTRY)).unwrap_err();
        assert_eq!(error.to_string(), format!("a session-token was sent to {} (\"s\", \"/\")", network::REGISTRY));
        let of_partner = [secret("session-token", "arn:aws:sts::444455556666:assumed-role/pull/s")];
        in_requests(&of_partner, &line(network::SIGNER)).unwrap_err();
        let key = [secret("secret-access-key", "arn:aws:sts::111122223333:assumed-role/countersign/s")];
        in_requests(&key, &line(network::STS)).unwrap_err();
    }
}
