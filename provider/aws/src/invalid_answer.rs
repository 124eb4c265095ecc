//! Answers that are not those of the service.

use countersign_core::codec::text::Text;
use http::StatusCode;

use crate::codes::ERROR_TYPE;
use crate::secrets_in_use::hidden;

/// An answer that is not usable.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub(crate) struct InvalidAnswer(pub(crate) Text);

/// Most bytes of a code in the message.
const CODE_BYTES: usize = 64;

impl InvalidAnswer {
    /// A status of success with the type of an error in the header: the content says nothing then.
    pub(crate) fn success_with_type(status: StatusCode, error_type: &str) -> Self {
        let found = Text::at_most(CODE_BYTES, hidden(error_type));
        let status = status.as_u16();
        Self(Text::of(format_args!(
            "found status {status} and the type of an error in the header {ERROR_TYPE} ({found}), expected one of them"
        )))
    }
}
