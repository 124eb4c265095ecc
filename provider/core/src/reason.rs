//! Reasons: a stable code, the responsible party, and one sentence. The error of every check.

mod code;
mod late_cause;
mod reasons;
mod remedy;
mod responsible;
mod signer_cause;
mod signer_revoked;
mod stage;
mod verdict_kind;

pub use code::Code;
pub use late_cause::LateCause;
pub use reasons::Reason;
pub use reasons::Reasons;
pub use remedy::Remedy;
pub use responsible::Responsible;
pub use signer_cause::SignerCause;
pub use signer_revoked::SignerRevoked;
pub use stage::Reached;
pub use stage::Stage;
pub use verdict_kind::VerdictKind;
