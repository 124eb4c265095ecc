//! The setting for the fallback tag.

/// Whether the [referrers tag](https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#referrers-tag-schema) is
/// read: the list of an image's referrers that clients maintain for a registry without the referrers API.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FallbackTag {
    /// If the registry sends no list of its referrers API.
    WhenNeeded,
    /// In any case; both lists are used. For registries that got the referrers API later than signatures, and do not list
    /// those that were pushed before.
    Always,
}
