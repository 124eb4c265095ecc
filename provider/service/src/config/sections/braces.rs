//! Kinds of credentials that need no keys, and are often written without a map.

/// What is expected of such a kind.
pub(super) fn braces(kind: &str) -> String {
    format!("a map of keys; write `{kind}: {{}}` for the identity of the pod")
}
