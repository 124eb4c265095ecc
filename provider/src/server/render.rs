//! From a verdict to what Gatekeeper reads. The only place that decides which verdict is an item and which is not.
//!
//! | verdict | `/v1/verify` | Ratify's door |
//! |---|---|---|
//! | verified, skipped | value | value, `isSuccess: true` |
//! | rejected | value | value, `isSuccess: false` |
//! | inconclusive | no item, but `systemError` | the same |
//! | the key is not an image reference | item error | value, `isSuccess: false` |
//!
//! Inconclusive has no item because Gatekeeper remembers items, errors too, for minutes: a registry's bad moment would
//! outlive its cause. A rejection is a value and not an error because it has more to say than one text.
//!
//! Verdicts do not derive `Serialize`: what is sent are types of their own, so that a rename inside changes no contract.

pub(super) mod mutate;
pub(super) mod native;
pub(super) mod ratify;

use countersign_core::verdict::Code;
use countersign_core::verdict::FailedSignatures;
use countersign_core::verdict::Reason;

use super::answer::Text;

/// Most failed signatures that an item lists. Gatekeeper holds items in memory without a bound, and anybody who can
/// push to a repository can add signatures.
const SIGNATURES_LISTED: usize = 20;

/// Most failed signatures that an answer lists, but for one of each item: with a thousand keys of an image with a hundred
/// signatures an answer would have 20 MB.
const ANSWER_SIGNATURES: usize = 400;

/// What is about one request rather than about one image.
#[derive(Clone, Copy, Debug)]
pub(super) struct Context<'a> {
    pub(super) request_id: &'a str,
    /// When the request came, as RFC 3339.
    pub(super) timestamp: &'a str,
    /// Most failed signatures that each item lists: see [`signatures_listed`].
    pub(super) signatures: usize,
}

/// How many failed signatures each of `keys` items may list, so that all of them together list [`ANSWER_SIGNATURES`], or
/// one each.
pub(super) fn signatures_listed(keys: usize) -> usize {
    (ANSWER_SIGNATURES / keys.max(1)).clamp(1, SIGNATURES_LISTED)
}

/// `image: code: found, wanted; what to do`: all that a person needs who sees only the denial.
fn sentence(image: &str, reason: &Reason) -> String {
    let Reason { code, detail } = reason;
    format!("{image}: {code}: {detail}; what to do: {}", code.advice())
}

/// The same about an image that could not be judged.
pub(super) fn undecided(image: &str, reason: &Reason) -> Text {
    Text::new(&sentence(image, reason))
}

/// The same about a rejected image, with the statement that demanded it and how many signatures were tried.
fn rejection(image: &str, rule: Option<&str>, reason: &Reason, signatures: &FailedSignatures) -> String {
    let rule = rule.map(|rule| format!(" by statement {rule:?} of the trust policy")).unwrap_or_default();
    let tried = match signatures.total() {
        0 => String::new(),
        1 => " (1 signature was tried)".to_owned(),
        count => format!(" ({count} signatures were tried; this is the one that came furthest)"),
    };
    let Reason { code, detail } = reason;
    format!("{image} was rejected{rule}: {code}: {detail}{tried}; what to do: {}", code.advice())
}

/// About a key that is not an image reference. The key itself is in the item.
pub(super) fn not_a_reference(why: &impl std::fmt::Display) -> String {
    let code = Code::InvalidReference;
    format!("{code}: {why}; what to do: {}", code.advice())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sentence_names_image_code_both_sides_and_the_way_out() {
        let reason = Reason::new(Code::RegistryTimeout, "no answer within 500ms: want the referrers list");
        assert_eq!(
            sentence("a.example/b:1", &reason),
            "a.example/b:1: registry-timeout: no answer within 500ms: want the referrers list; what to do: check the registry's speed; the next request tries again"
        );
    }

    #[test]
    fn a_rejection_names_the_statement() {
        let reason = Reason::new(
            Code::Unsigned,
            "no Notary Project signature is associated with the image: found none, expected at least one",
        );
        assert_eq!(
            rejection("a.example/b:1", Some("all"), &reason, &FailedSignatures::default()),
            "a.example/b:1 was rejected by statement \"all\" of the trust policy: unsigned: no Notary Project signature is associated with the image: found none, expected at least one; what to do: sign the image with notation and push the signature beside it; signatures of other tools (cosign, Docker Content Trust, GPG) are not read"
        );
    }

    #[test]
    fn the_more_keys_the_fewer_signatures_each() {
        assert_eq!([0, 1, 20, 21, 100, 400, 1000].map(signatures_listed), [20, 20, 20, 19, 4, 1, 1]);
    }

    #[test]
    fn a_foreign_text_does_not_blow_up_the_sentence() {
        let reason = Reason::new(Code::RegistryFailed, "x".repeat(100_000));
        assert!(sentence("a", &reason).len() < 1500);
    }
}
