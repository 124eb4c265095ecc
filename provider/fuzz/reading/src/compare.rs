//! Two readings of one input.

/// What a reader makes of an input: values by name, or the reason of the refusal.
pub type Reading = Result<Vec<(&'static str, String)>, String>;

/// The comparison of two readings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Comparison {
    /// Both refuse it.
    BothRefuse,
    /// Both accept it and read the same.
    Equal,
    /// Only one accepts it: the kind of the disagreement, with the words of the error.
    OnlyOne(String),
    /// Both accept it and read different values.
    Different(String),
}

/// Compares our reading of a `subject` with the other one.
pub fn compare(subject: &str, ours: Reading, theirs: Reading) -> Comparison {
    match (ours, theirs) {
        (Err(_), Err(_)) => Comparison::BothRefuse,
        (Ok(ours), Ok(theirs)) if ours == theirs => Comparison::Equal,
        (Ok(ours), Ok(theirs)) => {
            let names = |values: &[(&'static str, String)]| values.iter().map(|(name, _)| *name).collect::<Vec<_>>();
            assert_eq!(names(&ours), names(&theirs), "both readers have the same values");
            let pairs = ours.iter().zip(&theirs).filter(|(ours, theirs)| ours != theirs);
            let texts = pairs.map(|((name, ours), (_, theirs))| format!("{name}: {ours:?}, the other {theirs:?}"));
            Comparison::Different(format!("{subject}: {}", texts.collect::<Vec<_>>().join("; ")))
        }
        (Err(error), Ok(_)) => Comparison::OnlyOne(format!("{subject} refused by us: {}", kind(&error))),
        (Ok(_), Err(error)) => Comparison::OnlyOne(format!("{subject} refused by the other: {}", kind(&error))),
    }
}

/// The words of an error, without what is quoted in it and without numbers.
fn kind(error: &str) -> String {
    let mut words = String::new();
    let mut characters = error.chars().peekable();
    while let Some(character) = characters.next() {
        match character {
            '"' => {
                while let Some(inside) = characters.next() {
                    match inside {
                        '\\' => drop(characters.next()),
                        '"' => break,
                        _ => {}
                    }
                }
                words.push_str("\"…\"");
            }
            '0'..='9' => {
                while characters.next_if(char::is_ascii_digit).is_some() {}
                words.push('N');
            }
            '\n' | '\r' => words.push(' '),
            other => words.push(other),
        }
    }
    words
}

/// Bytes in a value.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kind_has_neither_texts_nor_numbers_of_the_input() {
        assert_eq!(kind(r#"header "a\"b": found 12 bytes"#), "header \"…\": found N bytes");
        assert_eq!(kind("a \"b"), "a \"…\"");
    }

    #[test]
    fn other_values_and_other_refusals_are_found() {
        let read = |value: &str| Ok(vec![("alg", "PS256".to_owned()), ("payload", value.to_owned())]);
        assert_eq!(compare("JWS", read("a"), read("a")), Comparison::Equal);
        let different = Comparison::Different("JWS: payload: \"a\", the other \"b\"".to_owned());
        assert_eq!(compare("JWS", read("a"), read("b")), different);
        let only = |text: &str| Comparison::OnlyOne(text.to_owned());
        assert_eq!(compare("JWS", read("a"), Err("bad 1".into())), only("JWS refused by the other: bad N"));
        assert_eq!(compare("JWS", Err("bad".into()), read("a")), only("JWS refused by us: bad"));
        assert_eq!(compare("JWS", Err("bad".into()), Err("worse".into())), Comparison::BothRefuse);
    }
}
