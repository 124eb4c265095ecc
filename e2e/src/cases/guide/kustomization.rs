//! Changes of an overlay as a user makes them, which keep its comments.

/// Adds entries, indented lines, to the end of a list of a kustomization. `None` if it has no such list.
pub(in crate::cases) fn add_to_list(kustomization: &str, list: &str, entries: &str) -> Option<String> {
    let start = format!("{list}:\n");
    // At the beginning of a line.
    let (before, rest) = match kustomization.split_once(&format!("\n{start}")) {
        Some((before, rest)) => (format!("{before}\n"), rest),
        None => (String::new(), kustomization.strip_prefix(&start)?),
    };
    let end = rest.split_inclusive('\n').take_while(|line| line.starts_with(' ')).map(str::len).sum();
    let (list, after) = rest.split_at(end);
    Some(format!("{before}{start}{list}{entries}{after}"))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn adds_an_entry_at_the_end() {
        let text = "a: 1\ncomponents:\n  - x\n  # - y\nb: 2\n";
        let expected = "a: 1\ncomponents:\n  - x\n  # - y\n  - z\nb: 2\n";
        assert_eq!(add_to_list(text, "components", "  - z\n").unwrap(), expected);
        assert_eq!(
            add_to_list("components:\n  - x\n", "components", "  - z\n").unwrap(),
            "components:\n  - x\n  - z\n"
        );
        assert_eq!(add_to_list("a: 1\n", "components", "  - z\n"), None);
        assert_eq!(add_to_list("a:\n  components:\n  - x\n", "components", "  - z\n"), None);
    }
}
