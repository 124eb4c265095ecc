//! Texts of services in messages.

use std::fmt;

use countersign_core::codec::text::Text;

use crate::limits;

/// The text of a service after a colon, without a full stop at its end; empty if there is none. What repeats a secret of the request was
/// removed before.
#[must_use]
pub fn message(text: Option<&str>) -> Text {
    match text.map(|text| text.trim_end_matches(|end: char| end == '.' || end.is_whitespace())) {
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
    fn a_text_is_shown_unless_it_is_empty() {
        assert_eq!(message(Some("no such account")).as_str(), ": no such account");
        assert_eq!(message(Some("no such account .\n")).as_str(), ": no such account");
        for text in [Some(""), Some("."), None] {
            assert_eq!(message(text).as_str(), "");
        }
        assert!(message(Some(&"a".repeat(4096))).as_str().len() <= limits::TEXT_BYTES + 8);
    }
}
