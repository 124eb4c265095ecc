//! Elements and text of the XML in which STS answers, as far as messages need them.

/// Most elements that are read of one: an error has three or four.
const ELEMENTS: usize = 16;

/// Most bytes of a reference, with `&` and `;`: those of the highest character as a number.
const REFERENCE_BYTES: usize = "&#1114111;".len();

/// The content of the root element, if this is its name.
pub(crate) fn root<'a>(document: &'a str, name: &str) -> Option<&'a str> {
    let document = document.trim_start_matches('\u{feff}').trim_start();
    let document = match document.strip_prefix("<?xml") {
        Some(rest) => rest.split_once("?>")?.1,
        None => document,
    };
    child(document, name)
}

/// The content of the first child of this name. Elements in other children are none.
pub(crate) fn child<'a>(mut content: &'a str, name: &str) -> Option<&'a str> {
    for _ in 0..ELEMENTS {
        let (tag, rest) = content.trim_start().strip_prefix('<')?.split_once('>')?;
        let (tag, is_empty) = tag.strip_suffix('/').map_or((tag, false), |tag| (tag, true));
        // Before its attributes. A closing tag or a comment is no name, so that nothing is found after it.
        let found = tag.split_ascii_whitespace().next()?;
        if found.contains(['/', '!', '?']) {
            return None;
        }
        let (inner, next) = if is_empty { ("", rest) } else { rest.split_once(&*format!("</{found}>"))? };
        if found == name {
            return Some(inner);
        }
        content = next;
    }
    None
}

/// The text of an element: its references are the characters that they stand for
/// ([XML 1.0](https://www.w3.org/TR/xml/#sec-references)). What is no reference is left as it is; nothing is longer than before.
pub(crate) fn text(content: &str) -> String {
    let mut text = String::with_capacity(content.len());
    let mut rest = content.trim();
    while let Some(at) = rest.find('&') {
        let (before, from) = rest.split_at(at);
        text.push_str(before);
        let end = from.bytes().take(REFERENCE_BYTES).position(|byte| byte == b';');
        let reference = end.and_then(|end| from.get(1..end));
        let (character, read) = match reference.and_then(character) {
            Some(character) => (character, reference.map_or(1, |reference| reference.len() + 2)),
            None => ('&', 1),
        };
        text.push(character);
        rest = from.get(read..).unwrap_or_default();
    }
    text.push_str(rest);
    text
}

/// The character of a reference without `&` and `;`.
fn character(reference: &str) -> Option<char> {
    let number = match reference {
        "amp" => return Some('&'),
        "lt" => return Some('<'),
        "gt" => return Some('>'),
        "quot" => return Some('"'),
        "apos" => return Some('\''),
        _ => reference.strip_prefix('#')?,
    };
    let (digits, radix) = number.strip_prefix('x').map_or((number, 10), |digits| (digits, 16));
    // The library accepts a sign.
    if !digits.starts_with(|first: char| first.is_ascii_hexdigit()) {
        return None;
    }
    let character = char::from_u32(u32::from_str_radix(digits, radix).ok()?)?;
    (character != '\0').then_some(character)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_are_the_characters_that_they_stand_for() {
        for (content, expected) in [
            ("a &lt;b&gt; &amp; &quot;c&quot; &apos;d&apos;", "a <b> & \"c\" 'd'"),
            ("\n a&#xA;b&#10;c&#x41;&#66;&#x1F600;&#1114111; ", "a\nb\ncAB\u{1f600}\u{10ffff}"),
            ("&amp;quot; &amp;#10;", "&quot; &#10;"),
            ("&#x202E;&#27;[31m&#13;", "\u{202e}\u{1b}[31m\r"),
            ("", ""),
            // None of these is a reference.
            ("&", "&"),
            ("a & b; &; &#; &#x; &#X41; &lt &nbsp; &LT;", "a & b; &; &#; &#x; &#X41; &lt &nbsp; &LT;"),
            ("&#0; &#xD800; &#x110000; &#+10; &#-1; &#x+A;", "&#0; &#xD800; &#x110000; &#+10; &#-1; &#x+A;"),
            ("&#00000000010; &é; &ééééé;", "&#00000000010; &é; &ééééé;"),
        ] {
            assert_eq!(text(content), expected, "{content}");
            assert!(text(content).len() <= content.len(), "{content}");
        }
    }

    #[test]
    fn an_element_is_found_in_its_place_only() {
        let error = "<?xml version=\"1.0\"?>\n<ErrorResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\">\n <Error>\n  \
                     <Type/>\n  <Detail><Code>inner</Code></Detail><Code>X</Code><Message>&lt;Code&gt;</Message></Error>\n\
                     </ErrorResponse>";
        let found = root(error, "ErrorResponse").and_then(|response| child(response, "Error"));
        let of = |name| found.and_then(|error| child(error, name));
        assert_eq!((of("Code"), of("Message"), of("Type")), (Some("X"), Some("&lt;Code&gt;"), Some("")));
        assert_eq!((of("Other"), root(error, "Error")), (None, None));
        for content in ["", "X", "<Code>X", "<Code", "text <Code>X</Code>", "<!-- --><Code>X</Code>", "</Code>", "< >"]
        {
            assert_eq!(child(content, "Code"), None, "{content}");
        }
        let late = "<a/>".repeat(ELEMENTS);
        assert_eq!(child(&format!("{late}<Code>X</Code>"), "Code"), None);
        assert_eq!(child(&format!("{}<Code>X</Code>", "<a/>".repeat(ELEMENTS - 1)), "Code"), Some("X"));
    }
}
