//! Section `verification`.

use std::collections::BTreeMap;

use countersign_core::limits;

use super::metadata::RequiredMetadata;
use crate::config::schema::Number;
use crate::config::schema::section;

section! {
    /// Section `verification`.
    pub Verification {
        /// Signatures tried per image. An image with more of them and none that verifies is inconclusive.
        max_signatures "maxSignatures": usize = Number::of(limits::SIGNATURES_PER_IMAGE, 1, 1000);
        /// User metadata (notation sign --user-metadata) that a signature must carry beyond what the trust policy requires, for
        /// the images of a statement. Every annotation must be there with exactly this value. None unless configured. A name
        /// that is not in the policy disables, at the start, the statements that verify and are not named here; a later change
        /// with one is not taken into use.
        required_metadata "requiredMetadata": BTreeMap<String, BTreeMap<String, String>> = RequiredMetadata;
    }
}
