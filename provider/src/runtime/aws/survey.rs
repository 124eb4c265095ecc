//! What `check --online` tries of AWS.

use countersign_core::codec::text::Text;
use countersign_core::name::AwsRegion;

use crate::runtime::tokens::TriedToken;

/// The result of one token for each entry of `registries` with `credentials.ecr`, and of one call of AWS Signer in each region.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct AwsSurvey {
    /// From where the pod has its credentials, if that is known.
    pub(crate) source: Option<Text>,
    pub(crate) tokens: Vec<TriedToken>,
    pub(crate) signer: Vec<TriedSigner>,
    /// How many seconds the clock is ahead of that of AWS; negative if it is behind. None without a response.
    pub(crate) clock_difference: Option<i64>,
}

/// A call of AWS Signer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TriedSigner {
    /// None if no region is configured.
    pub(crate) region: Option<AwsRegion>,
    pub(crate) address: String,
    /// The signing profile of the trust policy that the call is about; `None` if it is made up, and without a call.
    pub(crate) profile: Option<Text>,
    /// Why the service refuses the made-up signature, if it does; or why it cannot be asked.
    pub(crate) result: Result<Option<Text>, Text>,
}
