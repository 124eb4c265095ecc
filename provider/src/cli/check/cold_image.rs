//! Whether the limits of an entry of `registries` let one image pass that is not cached.

use std::time::Duration;

use countersign_registry::FallbackTag;

use super::Findings;
use crate::config::Config;
use crate::config::Credentials;
use crate::config::Registry;
use crate::config::written_duration;

/// Requests for an image by tag with one signature, one after the other: the manifest, the list of signatures, the manifest of the
/// signature and its envelope.
const REQUESTS: u32 = 4;

/// Warns about entries under which an image that is not cached cannot be verified within `server.verifyTimeout`, however fast the registry
/// answers. A limit on the requests at the same time never prevents that: these follow one another.
pub(super) fn check(config: &Config, findings: &mut Findings) {
    let limit = config.server.verify_timeout;
    for registry in &config.registries {
        let Some(per_second) = registry.requests_per_second.filter(|per_second| *per_second > 0) else { continue };
        // Then its mirrors receive the requests, under their own entries.
        if registry.mirrors.only {
            continue;
        }
        let (requests, parts) = requests(registry);
        let (certain, usual) = authentication(registry);
        let passes = |before: u32, per_second: u32| begin(requests + before, per_second) < limit;
        let before = match (passes(certain, per_second), passes(usual, per_second)) {
            (true, true) => continue,
            (true, false) => usual,
            (false, _) => certain,
        };
        let (needed, first) = (requests + before, parts_before(before));
        let enough = (per_second..).find(|per_second| passes(usual, *per_second)).unwrap_or(requests + usual);
        findings.warn(
            "requests-per-second",
            format_args!(
                "registry {}: an image that is not cached needs {needed} requests ({first}{parts}), and with requestsPerSecond {per_second} \
                 the last one begins after {}, which is not within server.verifyTimeout {}: its verification is inconclusive; set \
                 requestsPerSecond to {enough} or more, or a longer server.verifyTimeout",
                registry.host,
                written_duration(begin(needed, per_second)),
                written_duration(limit),
            ),
        );
    }
}

/// How many requests an image needs under this entry without authentication, and what for.
fn requests(registry: &Registry) -> (u32, &'static str) {
    match registry.fallback_tag {
        FallbackTag::WhenNeeded => (REQUESTS, "its tag, the list of signatures, a signature and its envelope"),
        FallbackTag::Always => {
            (REQUESTS + 1, "its tag, the list of signatures, the fallback tag, a signature and its envelope")
        }
    }
}

/// How many further requests the authentication of the first image has at least, and as a rule: the first request is refused with the
/// scheme that applies, and most registries issue a token then, also for anonymous requests. What Microsoft Entra and ACR exchange before
/// are requests of Azure, which the entry does not limit.
fn authentication(registry: &Registry) -> (u32, u32) {
    match registry.credentials.readable() {
        Credentials::Anonymous | Credentials::Broken(_) => (0, 2),
        Credentials::DockerConfig(_) | Credentials::Files { .. } => (1, 2),
        // A private registry is sent its token at once.
        Credentials::Ecr(_) if !registry.is_public_ecr() => (0, 0),
        Credentials::Ecr(_) | Credentials::Acr(_) | Credentials::Google(_) => (2, 2),
    }
}

/// What so many requests of the authentication are, before the others.
fn parts_before(before: u32) -> &'static str {
    match before {
        0 => "",
        1 => "one that is refused with status 401, ",
        _ => "one that is refused with status 401, a token, ",
    }
}

/// When the last of so many requests begins: those of one second begin at once, and the others in turn.
fn begin(requests: u32, per_second: u32) -> Duration {
    Duration::from_secs(1) * requests.saturating_sub(per_second) / per_second
}
