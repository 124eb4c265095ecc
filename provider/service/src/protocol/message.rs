//! Messages of denials: image, code, what was found and expected, and what to do.

use countersign_core::codec::text::truncate;
use countersign_core::verdict::Code;
use countersign_core::verdict::FailedSignatures;
use countersign_core::verdict::Reason;

/// Maximum size of a single text within a response, in bytes: some of it comes from registries and certificates.
const MESSAGE_BYTES: usize = 2 * 1024;

/// A text that is never empty, because Gatekeeper reads an empty error as no error, and of bounded length.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Message(String);

impl Message {
    /// Cuts what is too long and marks the cut.
    pub(crate) fn new(text: &str) -> Self {
        if text.is_empty() {
            return Self("internal-error: no reason was given".to_owned());
        }
        Self(truncate(text, MESSAGE_BYTES))
    }

    /// As [`Self::new`], followed by the request id, which is never cut: it identifies the line in the log.
    pub(crate) fn of_request(text: &str, request_id: &str) -> Self {
        let name = format!(" (request {request_id})");
        let Self(mut text) = Self::new(&truncate(text, MESSAGE_BYTES.saturating_sub(name.len())));
        text.push_str(&name);
        Self(text)
    }

    pub(super) fn as_str(&self) -> &str {
        &self.0
    }

    pub(super) fn into_string(self) -> String {
        self.0
    }
}

/// `image: code: found, wanted; what to do`: everything that the reader of a denial needs.
pub(super) fn sentence(image: &str, reason: &Reason) -> String {
    let Reason { code, detail, remedy: _ } = reason;
    format!("{image}: {code}: {detail}; what to do: {}", reason.advice())
}

/// The message about an image that could not be judged: its [`sentence`].
pub(super) fn undecided(image: &str, reason: &Reason) -> Message {
    Message::new(&sentence(image, reason))
}

/// The message about a rejected image, with its statement and the number of signatures that were tried.
pub(super) fn rejection(
    image: &str,
    statement: Option<&str>,
    reason: &Reason,
    signatures: &FailedSignatures,
) -> String {
    let statement = statement.map(|name| format!(" by statement {name:?} of the trust policy")).unwrap_or_default();
    let tried = match signatures.total() {
        0 => String::new(),
        1 => " (1 signature was tried)".to_owned(),
        count => format!(" ({count} signatures were tried; this one passed the most checks)"),
    };
    let Reason { code, detail, remedy: _ } = reason;
    format!("{image} was rejected{statement}: {code}: {detail}{tried}; what to do: {}", reason.advice())
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
    fn a_message_has_image_code_found_expected_and_remediation() {
        let reason = Reason::new(Code::RegistryTimeout, "no response within 500ms, expected the referrers list");
        assert_eq!(
            sentence("a.example/b:1", &reason),
            "a.example/b:1: registry-timeout: no response within 500ms, expected the referrers list; what to do: check the registry's speed; the next request tries again"
        );
    }

    #[test]
    fn a_rejection_names_the_statement() {
        let reason = Reason::new(
            Code::Unsigned,
            "no Notary Project signature found for this image: found none, expected at least one",
        );
        assert_eq!(
            rejection("a.example/b:1", Some("all"), &reason, &FailedSignatures::default()),
            "a.example/b:1 was rejected by statement \"all\" of the trust policy: unsigned: no Notary Project \
             signature found for this image: found none, expected at least one; what to do: sign the image with \
             notation and push the signature beside it; signatures of other tools (cosign, Docker Content Trust, \
             GPG) are not read"
        );
    }

    #[test]
    fn text_from_outside_is_bounded_in_the_message() {
        let reason = Reason::new(Code::RegistryFailed, "x".repeat(100_000));
        assert!(sentence("a", &reason).len() < 1500);
    }

    #[test]
    fn messages_are_never_empty_and_are_bounded() {
        assert_eq!(Message::new("").0, "internal-error: no reason was given");
        assert!(Message::new(&"ü".repeat(100_000)).0.len() <= MESSAGE_BYTES);
        let long = Message::of_request(&"ü".repeat(100_000), "1f").0;
        assert!(long.len() <= MESSAGE_BYTES && long.ends_with(" (request 1f)"), "{}", long.len());
    }
}
