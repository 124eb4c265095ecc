//! Texts of services in messages.

use std::fmt;

use countersign_core::codec::text::Text;
use countersign_credentials::Secret;

use crate::limits;

/// The text of a service after a colon, without a full stop at its end; empty if there is none. One that repeats `secret`, which the request carried, is not shown.
#[must_use]
pub fn message(text: Option<&str>, secret: Option<&Secret>) -> Text {
    let repeats = |text: &str| {
        secret.and_then(|secret| std::str::from_utf8(secret.expose()).ok()).is_some_and(|secret| text.contains(secret))
    };
    match text.map(|text| text.trim_end_matches(|end: char| end == '.' || end.is_whitespace())) {
        Some(text) if repeats(text) => Text::of(": (its text repeats the secret)"),
        Some(text) if !text.is_empty() => Text::at_most(limits::TEXT_BYTES, format_args!(": {text}")),
        Some(_) | None => Text::default(),
    }
}

/// Where a request was sent, in a message: nothing for `None`.
#[derive(Clone, Copy, Debug)]
pub struct At<'a>(pub Option<&'a Text>);

impl fmt::Display for At<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(server) => write!(f, " at {server}"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_shown_unless_it_is_empty_or_repeats_the_secret() {
        let secret = Secret::new("s3cret");
        assert_eq!(message(Some("no such account"), Some(&secret)).as_str(), ": no such account");
        assert_eq!(message(Some("no such account .\n"), None).as_str(), ": no such account");
        assert_eq!(message(Some("found s3cret!"), Some(&secret)).as_str(), ": (its text repeats the secret)");
        for text in [Some(""), Some("."), None] {
            assert_eq!(message(text, Some(&secret)).as_str(), "");
        }
        assert!(message(Some(&"a".repeat(4096)), None).as_str().len() <= limits::TEXT_BYTES + 8);
    }
}
