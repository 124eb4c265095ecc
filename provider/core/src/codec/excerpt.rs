//! Untrusted text within a message: short, quoted and escaped, so that it cannot end the quotation.

use std::fmt;

use super::truncate::Truncated;

/// A quoted excerpt of an untrusted text.
///
/// Prints between quotation marks, with at most the number of characters that it was created with, escapes included.
/// ASCII without `"` and `\` and the letters and digits of other scripts are printed unchanged. Everything else is
/// escaped: control characters, characters that change the direction of writing, quotation marks of other scripts. An
/// excerpt can therefore not be mistaken for text of Countersign, and cannot forge a log line.
#[derive(Clone, Default, PartialEq, Eq, Hash)]
pub struct Excerpt {
    escaped: String,
}

impl Excerpt {
    /// The default number of characters: enough for a sha256 digest with its algorithm, and for the longest media
    /// type in use.
    pub const CHARACTERS: usize = 80;

    /// The start of `text` in at most [`Self::CHARACTERS`] characters.
    #[must_use]
    pub fn of(text: &str) -> Self {
        Self::at_most(Self::CHARACTERS, text)
    }

    /// The start of `text` in at most `characters` characters, escapes counted. A truncated excerpt ends with `…`,
    /// which no other excerpt contains.
    #[must_use]
    pub fn at_most(characters: usize, text: &str) -> Self {
        Self::of_characters(characters, text.chars())
    }

    /// As [`Self::of`], for bytes that should be UTF-8. Invalid bytes become U+FFFD.
    #[must_use]
    pub fn of_bytes(bytes: &[u8]) -> Self {
        let characters = bytes.utf8_chunks().flat_map(|chunk| {
            let replaced = if chunk.invalid().is_empty() { "" } else { "\u{fffd}" };
            chunk.valid().chars().chain(replaced.chars())
        });
        Self::of_characters(Self::CHARACTERS, characters)
    }

    fn of_characters(characters: usize, mut text: impl Iterator<Item = char>) -> Self {
        let mut excerpt = Truncated::new(characters, "…", 1);
        let width = |shown: &str| shown.chars().count();
        while text.next().is_some_and(|character| excerpt.push(|kept| show(character, kept), width)) {}
        Self { escaped: excerpt.into_string() }
    }

    /// The text between the quotation marks, with its escapes.
    #[must_use]
    pub fn escaped(&self) -> &str {
        &self.escaped
    }
}

impl From<&str> for Excerpt {
    fn from(text: &str) -> Self {
        Self::of(text)
    }
}

impl fmt::Display for Excerpt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{}\"", self.escaped)
    }
}

impl fmt::Debug for Excerpt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Writes one character as an excerpt shows it.
fn show(character: char, kept: &mut String) {
    match character {
        '"' | '\\' => kept.extend(['\\', character]),
        c if c == ' ' || c.is_ascii_graphic() => kept.push(c),
        // Some spacing modifier letters look like quotation marks.
        c if !c.is_ascii() && c.is_alphanumeric() && !('\u{2b0}'..='\u{2ff}').contains(&c) => kept.push(c),
        c => kept.extend(c.escape_unicode()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: &str) {
        assert_eq!(Excerpt::of(text).to_string(), expected);
    }

    #[test]
    fn prints_plain_text_between_quotation_marks() {
        check("", r#""""#);
        check("DENIED: it's not for you", r#""DENIED: it's not for you""#);
        check("Zugriff für größere Gruppen, 拒绝访问", r#""Zugriff für größere Gruppen, 拒绝访问""#);
    }

    #[test]
    fn escapes_quotation_marks_and_line_ends() {
        check(r#"x", verified by "y"#, r#""x\", verified by \"y""#);
        check(r"\", r#""\\""#);
        check("a\nb\r\tc\0\u{7f}\u{85}", r#""a\u{a}b\u{d}\u{9}c\u{0}\u{7f}\u{85}""#);
        check("\u{2028}\u{2029}", r#""\u{2028}\u{2029}""#);
    }

    #[test]
    fn escapes_direction_marks_and_similar_quotation_marks() {
        check("a\u{202e}b\u{2066}c\u{200f}", r#""a\u{202e}b\u{2066}c\u{200f}""#);
        check("a” b″ c‟ d＂ e…", r#""a\u{201d} b\u{2033} c\u{201f} d\u{ff02} e\u{2026}""#);
        check("a\u{200b}\u{feff}\u{ad}", r#""a\u{200b}\u{feff}\u{ad}""#);
        check("a\u{2ba}\u{2ee}\u{301}", r#""a\u{2ba}\u{2ee}\u{301}""#);
    }

    #[test]
    fn is_cut_with_its_escapes_counted() {
        let cut = |characters, text: &str| Excerpt::at_most(characters, text).escaped().to_owned();
        assert_eq!(cut(4, "abcd"), "abcd");
        assert_eq!(cut(4, "abcde"), "abc…");
        assert_eq!(cut(4, "äöüß"), "äöüß");
        assert_eq!(cut(4, "äöüßx"), "äöü…");
        assert_eq!(cut(4, "ab\"d"), "ab…");
        assert_eq!(cut(5, "ab\"d"), "ab\\\"d");
        assert_eq!(cut(5, "\u{202e}"), "…");
        assert_eq!(cut(0, "a"), "…");
        assert_eq!(Excerpt::of_bytes(b"a\xff\xfe\xc3\xa4").to_string(), r#""a\u{fffd}\u{fffd}ä""#);
        for text in ["x".repeat(1 << 20), "\u{202e}".repeat(1000), "\"".repeat(1000), format!("a{}", "\n".repeat(99))] {
            assert!(Excerpt::of(&text).escaped().chars().count() <= Excerpt::CHARACTERS, "{text:.20}");
            assert!(Excerpt::of(&text).escaped().ends_with('…'));
        }
    }
}
