//! What of the configuration or the environment a call used, for what to do about its error.

use countersign_core::codec::text::Text;

/// The endpoint and the role that an operator wrote.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Configured {
    /// What has the endpoint: a setting, or a variable of the environment; `None` if it is that of the region.
    pub(crate) endpoint: Option<Text>,
    /// The role of `credentials.ecr.roleArn` that signs the request; `None` if it is that of the pod.
    pub(crate) role: Option<Text>,
}

impl Configured {
    /// Without a role.
    pub(crate) fn endpoint(endpoint: Option<Text>) -> Self {
        Self { endpoint, role: None }
    }
}
