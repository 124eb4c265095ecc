//! A warning about a variable of the environment, or about an endpoint.

/// A warning: its kind, a stable text, and a sentence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct EnvironmentWarning {
    pub(crate) kind: &'static str,
    pub(crate) message: String,
    /// Whether it is about variables of this process, and not only about the configuration.
    pub(crate) is_of_variable: bool,
}
