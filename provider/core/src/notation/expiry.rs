//! Expiry of the signature: reached at the very second that it names.

use super::integrity::IntactEnvelope;
use crate::reason::Code;
use crate::reason::Reason;
use crate::time::UnixTime;

pub(super) fn check(intact: &IntactEnvelope, now: UnixTime) -> Result<(), Reason> {
    match intact.attributes().expiry {
        Some(expiry) if now >= expiry => {
            Err(Reason::new(Code::Expired, format_args!("signature has expired: found expiry {expiry}, now {now}")))
        }
        Some(_) | None => Ok(()),
    }
}
