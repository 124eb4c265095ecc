//! Commands: JSON objects with a `do`.
//!
//! | `do` | members | effect |
//! | --- | --- | --- |
//! | `push` | `service` (`ecr-registry`), `repository`, `tag`, `signed` (true), `trusted` (true), `profileVersion`, `job`, `alias` | stores an image, signed as AWS Signer does, under `signer-root.pem` or another root; answers `digest`, `profileVersion`, `job`, `certificateHashes` |
//! | `tag` | `service` (`ecr-registry`), `repository`, `tag`, `digest` | another tag |
//! | `referrers` | `service` (`ecr-registry`), `mode`: `api`, `fallback-tag`, `empty-api` | how the registry lists signatures |
//! | `revoke` | `entity`, `from` (RFC 3339) | revokes a job, a version of a profile, or a certificate |
//! | `revoke-nothing` | | |
//! | `fail` | `service`, `status`, `code`, `message`, `times`, `retryAfter` | answers valid requests with an error; for a registry any request |
//! | `delay` | `service`, `milliseconds` | answers later |
//! | `never-answer`, `endless` | `service` | no answer; a body without end |
//! | `body` | `service`, `text` | other content |
//! | `restore` | `service` | removes errors and faults |
//! | `lifetime` | `of`: `sts`, `pod-identity`, `imds`, `ecr`, `blob-store`; `seconds` | of credentials, tokens and addresses from now on |
//! | `deny`, `allow` | `action`, `principal` (the role) | what a principal may do |
//! | `revoke-tokens` | | makes all tokens of the registry unknown |
//! | `write-tokens` | `seconds` (3600) | writes new tokens of the service account |
//! | `advance` | `seconds` | moves the clock of all services |
//! | `journal` | | writes `journal.json`: all requests so far, by service, also those that are not answered yet |
//! | `requests` | | writes `requests.jsonl`: all requests so far as they were received, with their secrets |
//! | `secrets` | | writes `secrets.json`: all secrets so far |

use std::time::Duration;

use crate::aws::ecr_registry::throttled;
use crate::aws::service_error::ServiceError;
use crate::aws::signature::SignerPki;
use crate::aws::signature::SignerSignature;
use crate::aws::signature::certificate_hashes;
use crate::registry::Referrers;
use crate::registry::Registry;
use crate::registry::Reply;
use crate::registry::When;
use serde_json::Value;
use serde_json::json;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::aws::process::received;
use crate::aws::process::services::Services;

pub(super) fn run(services: &Services, command: &Value) -> Result<Value, String> {
    let text = |name: &str| command[name].as_str().ok_or_else(|| format!("{name}: expected a string"));
    let number = |name: &str| command[name].as_i64().ok_or_else(|| format!("{name}: expected a number"));
    let seconds = || {
        let seconds = number("seconds")?;
        u64::try_from(seconds).map(Duration::from_secs).map_err(|_| "seconds: expected a positive number".to_owned())
    };
    let principal = || command["principal"].as_str().unwrap_or(&services.role);
    let done = Ok(json!("done"));
    match text("do")? {
        "push" => return push(services, command, text("repository")?, text("tag")?),
        "tag" => registry(services, command)?.tag(text("repository")?, text("tag")?, text("digest")?),
        "referrers" => registry(services, command)?.referrers(match text("mode")? {
            "api" => Referrers::Api,
            "fallback-tag" => Referrers::FallbackTag,
            "empty-api" => Referrers::EmptyApiAndFallbackTag,
            other => return Err(format!("mode: found {other:?}, expected api, fallback-tag or empty-api")),
        }),
        "revoke" => match command["from"].as_str() {
            None => services.signer.revoke(text("entity")?),
            Some(from) => {
                let from = OffsetDateTime::parse(from, &Rfc3339).map_err(|error| format!("from: {error}"))?;
                services.signer.revoke_from(text("entity")?, from);
            }
        },
        "revoke-nothing" => services.signer.revoke_nothing(),
        "fail" => fail(services, command, text("service")?)?,
        "delay" => {
            let delay =
                Duration::from_millis(u64::try_from(number("milliseconds")?).map_err(|error| error.to_string())?);
            when(services, text("service")?)?.delay(delay);
        }
        "never-answer" => drop(when(services, text("service")?)?.never_answer()),
        "endless" => drop(when(services, text("service")?)?.endless_body()),
        "body" => drop(when(services, text("service")?)?.body(text("text")?.to_owned())),
        "restore" => match services.server(text("service")?) {
            Some(server) => {
                server.succeed();
                server.clear_faults();
            }
            None => registry(services, command)?.clear_faults(),
        },
        "lifetime" => match text("of")? {
            "sts" => services.sts.set_lifetime(Some(seconds()?)),
            "pod-identity" => services.pod_identity.set_lifetime(seconds()?),
            "imds" => services.imds.set_lifetime(seconds()?),
            "ecr" => services.tokens.set_lifetime(seconds()?),
            "blob-store" => services.blobs.set_lifetime(seconds()?),
            other => return Err(format!("of: found {other:?}, expected sts, pod-identity, imds, ecr or blob-store")),
        },
        "deny" => services.setup.keys().deny(principal(), text("action")?),
        "allow" => services.setup.keys().allow(principal(), text("action")?),
        "revoke-tokens" => services.tokens.revoke_all(),
        "write-tokens" => services.write_tokens(command["seconds"].as_i64().unwrap_or(3600))?,
        "advance" => services.setup.clock().advance(seconds()?),
        "journal" => return received::write_journal(services),
        "requests" => return received::write_requests(services),
        "secrets" => return received::write_secrets(services),
        other => return Err(format!("do: found {other:?}, which is no command")),
    }
    done
}

/// Stores an image, signed unless `signed` is false.
fn push(services: &Services, command: &Value, repository: &str, tag: &str) -> Result<Value, String> {
    let registry = registry(services, command)?;
    let image = registry.push_image(repository, tag);
    if command["signed"] == json!(false) {
        return Ok(json!({ "digest": image.digest }));
    }
    let signed_at = services.setup.clock().now() - time::Duration::days(30);
    let other = (command["trusted"] == json!(false)).then(|| SignerPki::new(&services.region));
    let mut signature = SignerSignature::new(other.as_ref().unwrap_or(&services.pki), &image)
        .signed_at(signed_at.replace_nanosecond(0).map_err(|error| error.to_string())?);
    for (name, set) in [
        ("profileVersion", SignerSignature::with_profile_version as fn(_, &str) -> _),
        ("job", SignerSignature::with_job),
        ("alias", SignerSignature::with_alias),
    ] {
        if let Some(arn) = command[name].as_str() {
            signature = set(signature, arn);
        }
    }
    signature.attach(registry, repository);
    Ok(json!({
        "digest": image.digest,
        "profileVersion": signature.profile_version(),
        "job": signature.job(),
        "certificateHashes": certificate_hashes(signature.chain()),
    }))
}

fn fail(services: &Services, command: &Value, service: &str) -> Result<(), String> {
    let status = command["status"].as_u64().and_then(|status| u16::try_from(status).ok());
    let times = command["times"].as_u64().and_then(|times| usize::try_from(times).ok());
    let Some(server) = services.server(service) else {
        let faults = times.into_iter().fold(when(services, service)?, When::times);
        faults.reply(match status {
            None | Some(429) => throttled(),
            Some(other) => Reply::error(other, command["code"].as_str().unwrap_or("UNKNOWN")),
        });
        return Ok(());
    };
    let status = status.ok_or("status: expected a number")?;
    let code = command["code"].as_str().ok_or("code: expected a string")?;
    let error = ServiceError::new(status, code, command["message"].as_str().unwrap_or("as the test wanted"));
    let error = match command["retryAfter"].as_str() {
        Some(value) => error.retry_after(value),
        None => error,
    };
    match times {
        Some(times) => server.fail_times(times, error),
        None => server.fail(error),
    }
    Ok(())
}

fn when(services: &Services, service: &str) -> Result<When, String> {
    match (services.server(service), services.registry(service)) {
        (Some(server), _) => Ok(server.when()),
        (None, Some(registry)) => Ok(registry.when_any()),
        (None, None) => Err(format!("service: found {service:?}, which is none")),
    }
}

/// The registry that the command names.
fn registry<'a>(services: &'a Services, command: &Value) -> Result<&'a Registry, String> {
    let name = command["service"].as_str().unwrap_or("ecr-registry");
    services.registry(name).ok_or_else(|| {
        format!("service: found {name:?}, expected ecr-registry, other-ecr-registry or ecr-public-registry")
    })
}
