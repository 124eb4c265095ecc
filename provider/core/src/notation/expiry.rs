//! Expiry of the signature: expired from the second of its expiry time.

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
