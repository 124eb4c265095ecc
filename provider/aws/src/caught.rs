//! Calls of the SDK, whose panics are errors.

use std::future::Future;
use std::panic::AssertUnwindSafe;

use countersign_core::codec::text::Text;
use futures_util::FutureExt as _;

use crate::error::AwsError;
use crate::error::Kind;
use crate::error::Operation;
use crate::naming;
use crate::secrets_in_use;

/// Runs a call; a panic in it is its error. The SDK panics if it cannot make a request of what it was given, such as credentials.
pub(crate) async fn caught<T>(
    operation: Operation,
    call: impl Future<Output = Result<T, AwsError>>,
) -> Result<T, AwsError> {
    // On the heap, as the compiler limits the depth of futures. Nothing of the call is used afterwards, except clients of the SDK, which are made for concurrent use.
    let ended =
        AssertUnwindSafe(naming::calling(operation, secrets_in_use::of_call(Box::pin(call)))).catch_unwind().await;
    // Not its text, which can have what the SDK was given.
    ended.unwrap_or_else(|_| {
        Err(AwsError::new(operation, Kind::Request(Text::of("internal error: the AWS SDK panicked"))))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_panic_is_an_error_without_its_text() {
        let panics = async { if true { panic!("hunter2") } else { Ok(()) } };
        let error = caught(Operation::SignerStatus, panics).await.map_err(|error| error.to_string());
        let expected = "AWS Signer GetRevocationStatus failed: the request could not be made: internal error: the AWS SDK panicked; \
                        report this, with the version";
        assert_eq!(error, Err(expected.to_owned()));
        assert_eq!(caught(Operation::SignerStatus, async { Ok(7) }).await, Ok(7));
    }
}
