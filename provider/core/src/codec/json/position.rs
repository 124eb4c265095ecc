//! The lines of values in a document, for messages.

use serde::de::DeserializeOwned;
use serde::de::IgnoredAny;

use super::error::JsonError;

/// A value of a document that was parsed without an error. In others, values may be missing.
#[derive(Clone, Copy, Debug)]
pub struct Position<'d> {
    /// The document from the value on, perhaps with white space before it.
    rest: &'d str,
    /// The line on which `rest` starts. Kept, so that a line costs no more than the value that it is in.
    line: u64,
}

impl<'d> Position<'d> {
    /// The whole document.
    #[must_use]
    pub fn of(document: &'d str) -> Self {
        Self { rest: document, line: 1 }
    }

    /// The value of a member. `None` if the value is no object or has no such member.
    #[must_use]
    pub fn member(self, name: &str) -> Option<Self> {
        let mut rest = self.after(b'{')?;
        loop {
            let (key, behind) = rest.value::<String>()?;
            let value = behind.after(b':')?;
            if key == name {
                return Some(value);
            }
            rest = value.value::<IgnoredAny>()?.1.after(b',')?;
        }
    }

    /// The elements of an array; none of another value.
    #[must_use]
    pub fn elements(self) -> Vec<Self> {
        let mut elements = Vec::new();
        let mut next = self.after(b'[');
        while let Some(element) = next {
            let Some((_, behind)) = element.value::<IgnoredAny>() else { break };
            elements.push(element);
            next = behind.after(b',');
        }
        elements
    }

    /// The value at the end of a path such as `signatureVerification.level` or `trustStores[0]`, or of its longest
    /// prefix that exists.
    #[must_use]
    pub fn at(self, path: &str) -> Self {
        let mut position = self;
        for name in path.split('.').filter(|name| !name.is_empty()) {
            let (name, index) = match name.strip_suffix(']').and_then(|name| name.rsplit_once('[')) {
                Some((name, index)) => (name, index.parse::<usize>().ok()),
                None => (name, None),
            };
            let Some(member) = position.member(name) else { break };
            position = member;
            if let Some(element) = index.and_then(|index| position.elements().get(index).copied()) {
                position = element;
            }
        }
        position
    }

    /// The line on which the value starts, counted from 1.
    #[must_use]
    pub fn line(self) -> u64 {
        self.skipped().line
    }

    /// Behind so many bytes.
    fn behind(self, bytes: usize) -> Self {
        let (before, rest) = self.rest.split_at_checked(bytes).unwrap_or((self.rest, ""));
        let lines = u64::try_from(before.matches('\n').count()).unwrap_or(u64::MAX);
        Self { rest, line: self.line.saturating_add(lines) }
    }

    /// Behind white space.
    fn skipped(self) -> Self {
        self.behind(self.rest.len() - self.rest.trim_start().len())
    }

    /// Behind `byte`, if it is next.
    fn after(self, byte: u8) -> Option<Self> {
        let next = self.skipped();
        (next.rest.as_bytes().first() == Some(&byte)).then(|| next.behind(1))
    }

    /// The value that is next, and what is behind it.
    fn value<T: DeserializeOwned>(self) -> Option<(T, Self)> {
        let mut values = serde_json::Deserializer::from_str(self.rest).into_iter::<T>();
        let value = values.next()?.ok()?;
        Some((value, self.behind(values.byte_offset())))
    }
}

impl JsonError {
    /// The line of the mistake, counted from 1; 0 if it is not known.
    #[must_use]
    pub fn line(&self) -> u64 {
        let text = self.to_string();
        let position = text.rsplit_once(" at line ").and_then(|(_, position)| position.split_once(" column "));
        position.and_then(|(line, _)| line.parse().ok()).unwrap_or(0)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::super::from_str;
    use super::Position;
    use crate::limits::POLICY_JSON;

    const DOCUMENT: &str = r#"
{
  "a": 1, "b\u0062": [true,
    null, "],}",
    {"c": {}, "d":
       [ ]}],
  "e.f":
    -1.5e3
}"#;

    #[test]
    fn values_have_the_line_on_which_they_start() {
        let root = Position::of(DOCUMENT);
        for (path, line) in [
            ("", 2),
            ("a", 3),
            ("bb", 3),
            ("bb[0]", 3),
            ("bb[1]", 4),
            ("bb[2]", 4),
            ("bb[3]", 5),
            ("bb[4]", 3),
            ("x", 2),
            ("a.x", 3),
            ("e", 2),
        ] {
            assert_eq!(root.at(path).line(), line, "{path}");
        }
        assert_eq!(root.member("e.f").unwrap().line(), 8);
        let last = root.member("bb").unwrap().elements()[3];
        assert_eq!((last.at("c").line(), last.at("d").line()), (5, 6));
        assert!(root.elements().is_empty() && last.at("d").elements().is_empty());
    }

    #[test]
    fn invalid_json_has_the_line_of_its_mistake() {
        for (text, line) in [
            ("", 1),
            ("{\n\n x", 3),
            ("{\"a\": 1,\n\"a\": 2}", 2),
            ("[1,\n2,\n]", 3),
            ("{}\n\nx", 3),
            ("{\"a\": \" at line 7 column 8\",\n x}", 2),
        ] {
            let error = from_str::<serde_json::Value>(text, &POLICY_JSON).unwrap_err();
            assert_eq!(error.line(), line, "{text}: {error}");
        }
    }
}
