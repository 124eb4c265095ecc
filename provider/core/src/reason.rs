//! Reasons: a stable code, who has to act, and one sentence. What every check ends in when it does not end well.

mod code;
mod reasons;
mod responsible;
mod stage;
mod verdict_kind;

pub use code::Code;
pub use reasons::Reason;
pub use reasons::Reasons;
pub use responsible::Responsible;
pub use stage::Reached;
pub use stage::Stage;
pub use verdict_kind::VerdictKind;
