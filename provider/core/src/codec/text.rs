//! Text of bounded length without hidden characters, for sentences and names that contain untrusted text.
//!
//! A registry, an envelope or a certificate can contain a text of any length with any characters. [`Text`] is
//! truncated while it is written, so that the whole text is never copied. It contains no character that begins a new
//! line, changes the direction of text or is invisible. Untrusted text within a sentence is an
//! [`Excerpt`](super::excerpt::Excerpt).

use std::fmt;
use std::fmt::Write as _;

use super::truncate::Truncated;

/// The end of a truncated text.
const MARK: &str = "… (cut)";

/// A sentence or a name that is safe to print: at most [`Text::BYTES`] bytes, hidden characters escaped.
///
/// [`fmt::Display`] prints it as it is, [`fmt::Debug`] in quotes; both stay within the limit, quotes not counted.
#[derive(Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Text(Box<str>);

impl Text {
    /// Maximum length in bytes, escapes included: one of several sentences in a denial.
    pub const BYTES: usize = 1024;

    /// The printed form of `text`, truncated.
    #[must_use]
    pub fn of(text: impl fmt::Display) -> Self {
        Self::at_most(Self::BYTES, text)
    }

    /// As [`Self::of`], with at most `bytes` bytes if that is less.
    #[must_use]
    pub fn at_most(bytes: usize, text: impl fmt::Display) -> Self {
        let mut sink = Sink(Truncated::new(bytes.min(Self::BYTES), MARK, MARK.len()));
        // An error means that the sink is full, or comes from the text itself; the output so far is kept.
        let _ = write!(sink, "{text}");
        Self(sink.0.into_string().into_boxed_str())
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Heap memory that the value owns, in bytes.
    #[must_use]
    pub fn heap_bytes(&self) -> usize {
        self.0.len()
    }
}

impl From<&str> for Text {
    fn from(text: &str) -> Self {
        Self::of(text)
    }
}

impl fmt::Display for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl fmt::Debug for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

impl PartialEq<str> for Text {
    fn eq(&self, other: &str) -> bool {
        *self.0 == *other
    }
}

impl PartialEq<&str> for Text {
    fn eq(&self, other: &&str) -> bool {
        *self.0 == **other
    }
}

/// Prints at most `max` items with `separator` between them, and the number of omitted items.
pub fn list<I>(items: I, separator: &'static str, max: usize) -> impl fmt::Display
where
    I: Iterator<Item: fmt::Display> + Clone,
{
    fmt::from_fn(move |f| {
        let mut items = items.clone();
        for (position, item) in items.by_ref().take(max).enumerate() {
            let separator = if position == 0 { "" } else { separator };
            write!(f, "{separator}{item}")?;
        }
        match items.count() {
            0 => Ok(()),
            more => write!(f, " and {more} more"),
        }
    })
}

/// `text`, or if it has more than `max` bytes, its start with a mark. Nothing is escaped.
#[must_use]
pub fn truncate(text: &str, max: usize) -> String {
    if text.len() <= max {
        return text.to_owned();
    }
    let mut truncated = Truncated::new(max, MARK, MARK.len());
    text.chars().all(|character| truncated.push(|kept| kept.push(character), str::len));
    truncated.into_string()
}

/// `text` with its hidden characters escaped, whatever its length.
#[must_use]
pub fn printable(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    text.chars().for_each(|character| escape_hidden(character, &mut shown));
    shown
}

/// Whether the character is a control character or a line separator, or changes the direction of text or hides it.
#[must_use]
pub fn is_hidden(character: char) -> bool {
    character.is_control()
        || matches!(character, '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

fn escape_hidden(character: char, kept: &mut String) {
    match character {
        '\n' => kept.push_str("\\n"),
        '\r' => kept.push_str("\\r"),
        '\t' => kept.push_str("\\t"),
        hidden if is_hidden(hidden) => kept.extend(hidden.escape_unicode()),
        shown => kept.push(shown),
    }
}

/// Accepts text until it is full, then returns an error.
struct Sink(Truncated);

impl fmt::Write for Sink {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        // Most texts have few characters to escape, so runs of other characters are added at once.
        for run in text.split_inclusive(|character| !is_plain(character)) {
            let plain = run.trim_end_matches(|character| !is_plain(character));
            if self.0.push_if_room(plain) {
                self.push_each(run.get(plain.len()..).unwrap_or_default())?;
            } else {
                self.push_each(run)?;
            }
        }
        Ok(())
    }
}

impl Sink {
    fn push_each(&mut self, text: &str) -> fmt::Result {
        let cost = |escaped: &str| escaped.chars().map(quoted_bytes).sum();
        let push = |character| self.0.push(|kept| escape_hidden(character, kept), cost).then_some(()).ok_or(fmt::Error);
        text.chars().try_for_each(push)
    }
}

/// Whether a character is one byte and is printed unchanged, also between quotes.
fn is_plain(character: char) -> bool {
    matches!(character, ' '..='~') && !matches!(character, '"' | '\\' | '\'')
}

/// The bytes of a character between quotes: unchanged, or as an ASCII escape.
fn quoted_bytes(character: char) -> usize {
    character.len_utf8().max(character.escape_debug().len())
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    /// Characters whose escapes have one to ten bytes, line ends, and characters that change the direction of text.
    const CHARACTERS: [char; 14] =
        ['a', 'ä', '€', '😀', '"', '\\', '\'', '\n', '\0', '\u{85}', '\u{301}', '\u{2028}', '\u{202e}', '\u{e0041}'];

    /// Checks that the output is not longer than `max` and has no hidden characters.
    fn check(printed: &str, max: usize) {
        assert!(printed.len() <= max, "{}: {printed}", printed.len());
        assert!(!printed.chars().any(is_hidden), "{printed}");
    }

    #[test]
    fn truncates_between_characters() {
        assert_eq!(truncate("äöü", 6), "äöü");
        assert_eq!(truncate(&"ä".repeat(20), 20), "äääää… (cut)");
        assert_eq!(truncate("abc", 2), "… (cut)");
    }

    #[test]
    fn stays_within_its_limit_in_every_form_for_all_characters() {
        for character in CHARACTERS {
            for count in [0, 1, 20, 90, 128, 200, 256, 500, 1000, 1024, 1025, 100_000] {
                let foreign = character.to_string().repeat(count);
                for text in [Text::of(&foreign), Text::of(format_args!("{foreign:?}"))] {
                    check(text.as_str(), Text::BYTES);
                    check(&text.to_string(), Text::BYTES);
                    check(&format!("{text:?}"), Text::BYTES + 2);
                    let whole = !text.as_str().ends_with(MARK);
                    assert!(whole || text.as_str().len() > Text::BYTES / 4, "{text}");
                }
            }
        }
    }

    #[test]
    fn plain_characters_take_one_byte_in_every_form() {
        for character in '\0'..=char::MAX {
            let as_it_is = !is_hidden(character) && quoted_bytes(character) == 1;
            assert_eq!(is_plain(character), as_it_is, "{character:?}");
        }
    }

    #[test]
    fn a_text_is_cut_at_the_same_character_however_it_is_written() {
        let piece = "plain text, \"quoted\" and \u{202e}hidden ä\n";
        let foreign = piece.repeat(100);
        for max in 0..200 {
            let by_character = fmt::from_fn(|f| foreign.chars().try_for_each(|character| f.write_char(character)));
            let at_once = Text::at_most(max, &foreign);
            assert_eq!(at_once, Text::at_most(max, by_character));
            assert!(truncate(&foreign, foreign.len() - max).len() <= foreign.len() - max);
        }
    }

    #[test]
    fn every_hidden_character_is_escaped() {
        for character in ('\0'..=char::MAX).filter(|character| is_hidden(*character)) {
            let foreign = format!("a{character}b");
            check(Text::of(&foreign).as_str(), 20);
            check(&printable(&foreign), 20);
        }
        assert_eq!(Text::of("a\nb\u{202e}c\u{1b}[2J"), "a\\nb\\u{202e}c\\u{1b}[2J");
        assert_eq!(printable("a\tb\rc\u{2028}"), "a\\tb\\rc\\u{2028}");
    }

    #[test]
    fn keeps_text_that_fits_and_truncates_other_text_with_a_mark() {
        let fits = "ä".repeat(Text::BYTES / 2);
        assert_eq!(Text::of(&fits), fits.as_str());
        let text = Text::of(format_args!("{fits}x"));
        assert_eq!(text, format!("{}{MARK}", "ä".repeat((Text::BYTES - MARK.len()) / 2)).as_str());
        assert_eq!(Text::of(""), "");
        assert_eq!(Text::at_most(12, "0123456789ab"), "0123456789ab");
        assert_eq!(Text::at_most(12, "0123456789abc"), format!("012{MARK}").as_str());
        assert_eq!(Text::at_most(usize::MAX, &fits), fits.as_str());
    }

    #[test]
    fn accepts_nothing_after_the_limit_is_reached() {
        let asked = Cell::new(0);
        let endless = fmt::from_fn(|f| {
            loop {
                asked.set(asked.get() + 1);
                f.write_str("0123456789")?;
            }
        });
        assert_eq!(Text::of(endless).as_str().len(), Text::BYTES);
        assert_eq!(asked.get(), Text::BYTES / 10 + 1);
    }

    #[test]
    fn lists_name_the_number_of_omitted_items() {
        let shown = |max| list(["a", "b", "c"].iter(), ", ", max).to_string();
        assert_eq!([0, 1, 3].map(shown), [" and 3 more", "a and 2 more", "a, b, c"]);
    }
}
