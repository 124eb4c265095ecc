//! Which remedy a late answer has.

use countersign_core::evidence::LateCause;
use countersign_http::Missing;

/// The case for the remedy.
pub(crate) fn late_cause(missing: Missing) -> LateCause {
    match missing {
        Missing::Address => LateCause::Address,
        Missing::Connection => LateCause::Connection,
        Missing::Handshake => LateCause::Handshake,
        Missing::Response => LateCause::Response,
        Missing::Body => LateCause::Body,
    }
}
