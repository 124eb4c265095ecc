//! Names of keys in messages: `registries[0].host`.

/// The name of `key` within the section at `path`.
pub(super) fn join(path: &str, key: &str) -> String {
    if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") }
}
