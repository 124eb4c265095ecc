//! Verifies one signature envelope against one rule, in the order of the
//! [verification workflow](https://github.com/notaryproject/specifications/blob/d4b62b949228911bd5e62da4f5f8dd38682d293a/specs/signing-and-verification-workflow.md).

mod report;

pub use report::CheckOutcome;
pub use report::Checks;
pub use report::VerifiedSignature;
