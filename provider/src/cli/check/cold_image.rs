//! Whether the limits of an entry of `registries` let one image pass that is not cached.

use std::time::Duration;

use countersign_registry::FallbackTag;

use super::Findings;
use crate::config::Config;
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
        let (requests, parts) = requests(registry);
        // Most registries issue a token first, also for anonymous requests.
        let (needed, token) = match (begin(requests, per_second) < limit, begin(requests + 1, per_second) < limit) {
            (true, true) => continue,
            (true, false) => (requests + 1, ", a token"),
            (false, _) => (requests, ""),
        };
        let enough = (per_second..=needed).find(|per_second| begin(requests + 1, *per_second) < limit);
        let enough = enough.unwrap_or(requests + 1);
        findings.warn(
            "requests-per-second",
            format_args!(
                "registry {}: an image that is not cached needs {needed} requests ({parts}{token}), and with requestsPerSecond {per_second} \
                 the last one begins after {}, which is not within server.verifyTimeout {}: its verification is inconclusive; set \
                 requestsPerSecond to {enough} or more, or a longer server.verifyTimeout",
                registry.host,
                written_duration(begin(needed, per_second)),
                written_duration(limit),
            ),
        );
    }
}

/// How many requests an image needs under this entry, without a token, and what for.
fn requests(registry: &Registry) -> (u32, &'static str) {
    match registry.fallback_tag {
        FallbackTag::WhenNeeded => (REQUESTS, "its tag, the list of signatures, a signature and its envelope"),
        FallbackTag::Always => {
            (REQUESTS + 1, "its tag, the list of signatures, the fallback tag, a signature and its envelope")
        }
    }
}

/// When the last of so many requests begins: those of one second begin at once, and the others in turn.
fn begin(requests: u32, per_second: u32) -> Duration {
    Duration::from_secs(1) * requests.saturating_sub(per_second) / per_second
}
