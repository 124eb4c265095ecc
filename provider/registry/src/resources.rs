//! Resources of registry access, as named in messages and metrics.

use countersign_http::CHECKS;
use countersign_http::LOOKUPS;
use countersign_http::PARSING;
use countersign_http::Resource;
use countersign_http::Resources;
use countersign_http::Unit;

/// Requests, counted for the requested registry, including redirects and token exchanges.
pub const REQUESTS: Resource = Resource::new("requests", "too many registry requests in progress", Unit::Item, 64);

/// The same requests, counted for the host that responds.
pub const RESPONDERS: Resource = Resource::new("answers", "too many registry requests in progress", Unit::Item, 64);

/// Bytes of bodies and of values parsed from them.
pub const BYTES: Resource = Resource::new("bytes", "too many bytes of registry responses in memory", Unit::Byte, 8);

/// All limited resources of registry access.
pub const ALL: &[Resource] = &[REQUESTS, RESPONDERS, BYTES, PARSING, CHECKS, LOOKUPS];

/// The names of the resources that the HTTP client leaves to its user.
pub(crate) const NAMED: Resources = Resources { requests: REQUESTS, responders: RESPONDERS, bytes: BYTES };

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn resources_have_stable_labels() {
        let labels: Vec<_> = ALL.iter().map(|resource| resource.as_str()).collect();
        assert_eq!(labels, ["requests", "answers", "bytes", "parsing", "checks", "lookups"]);
    }
}
