//! Names of the operator as values of labels.

/// Maximum size of the value of a label, in bytes, as it is written.
const LABEL_BYTES: usize = 128;

/// The beginning of `name` that has at most [`LABEL_BYTES`] after escaping.
pub(super) fn label_text(name: &str) -> &str {
    let mut bytes = 0;
    for (at, character) in name.char_indices() {
        // Prometheus's text format escapes these three.
        bytes += if matches!(character, '\\' | '"' | '\n') { 2 } else { character.len_utf8() };
        if bytes > LABEL_BYTES {
            return &name[..at];
        }
    }
    name
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_label_is_cut_between_characters_by_its_length_when_escaped() {
        assert_eq!(label_text(""), "");
        assert_eq!(label_text(&"x".repeat(128)), "x".repeat(128));
        assert_eq!(label_text(&"x".repeat(129)), "x".repeat(128));
        assert_eq!(label_text(&"\"".repeat(129)), "\"".repeat(64));
        assert_eq!(label_text(&"€".repeat(100)), "€".repeat(42));
    }
}
