//! Revocation. A certificate that names neither an OCSP responder nor a CRL cannot be revoked, by the specification.
//!
//! Nothing is fetched yet: a certificate that names one is "could not look", never a yes under `enforce`.

use super::IntactEnvelope;
use super::report;
use super::report::CheckOutcome;
use crate::codec::excerpt::Excerpt;
use crate::codec::text;
use crate::policy::Action;
use crate::policy::RevocationAction;
use crate::reason::Code;
use crate::reason::Reason;

/// Most addresses that a message names.
const ADDRESSES_SHOWN: usize = 2;

pub(super) fn judge(action: RevocationAction, intact: &IntactEnvelope) -> Result<CheckOutcome, Reason> {
    match action {
        RevocationAction::Skip => Ok(CheckOutcome::Skipped),
        RevocationAction::Enforce => report::judge(Action::Enforce, check(intact)),
        RevocationAction::Log => report::judge(Action::Log, check(intact)),
    }
}

fn check(intact: &IntactEnvelope) -> Result<(), Reason> {
    // The root is never checked: nobody stands above it who could revoke it.
    let Some((_, below_root)) = intact.chain().certificates().split_last() else {
        return Ok(());
    };
    match below_root.iter().find(|link| !link.revocation_addresses().is_empty()) {
        Some(link) => {
            let addresses = link.revocation_addresses();
            let names = addresses.ocsp.iter().chain(&addresses.crl).map(|address| Excerpt::of(address));
            let detail = format_args!(
                "revocation could not be checked: certificate {:?} can be revoked, by {}: want its status",
                link.subject().text(),
                text::list(names, ", ", ADDRESSES_SHOWN),
            );
            Err(Reason::new(Code::RevocationUnchecked, detail))
        }
        None => Ok(()),
    }
}
