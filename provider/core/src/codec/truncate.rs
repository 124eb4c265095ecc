//! The only code that truncates text.

/// Text that is truncated at its limit. The caller provides the cost of each piece.
pub(super) struct Truncated {
    kept: String,
    used: usize,
    max: usize,
    mark: &'static str,
    mark_cost: usize,
    /// Length of the longest prefix of `kept` that leaves room for the mark.
    before_mark: usize,
    is_cut: bool,
}

impl Truncated {
    /// At most `max` in total. A truncated text ends with the mark, which costs `mark_cost`.
    pub(super) fn new(max: usize, mark: &'static str, mark_cost: usize) -> Self {
        Self { kept: String::new(), used: 0, max, mark, mark_cost, before_mark: 0, is_cut: false }
    }

    /// Adds what `write` writes, as a whole or not at all; `cost` gives its cost. Returns whether it fitted. If not,
    /// the text accepts no further pieces.
    pub(super) fn push(&mut self, write: impl FnOnce(&mut String), cost: impl FnOnce(&str) -> usize) -> bool {
        if self.is_cut {
            return false;
        }
        let before = self.kept.len();
        write(&mut self.kept);
        self.used += cost(self.kept.get(before..).unwrap_or_default());
        if self.used > self.max {
            self.kept.truncate(self.before_mark);
            self.kept.push_str(self.mark);
            self.is_cut = true;
            return false;
        }
        if self.used + self.mark_cost <= self.max {
            self.before_mark = self.kept.len();
        }
        true
    }

    /// Adds `text`, in which each byte costs one, if it and the mark fit. Otherwise nothing changes, and the text
    /// must be pushed in pieces.
    pub(super) fn push_if_room(&mut self, text: &str) -> bool {
        let used = self.used + text.len();
        if self.is_cut || used + self.mark_cost > self.max {
            return false;
        }
        self.kept.push_str(text);
        (self.used, self.before_mark) = (used, self.kept.len());
        true
    }

    /// The text, with the mark if it was truncated.
    pub(super) fn into_string(self) -> String {
        self.kept
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cut(max: usize, mark_cost: usize, text: &str) -> String {
        let mut truncated = Truncated::new(max, "…", mark_cost);
        let fits = text.chars().all(|character| truncated.push(|kept| kept.push(character), str::len));
        assert_eq!(fits, !truncated.is_cut);
        truncated.into_string()
    }

    #[test]
    fn counts_the_cost_of_the_mark() {
        assert_eq!(cut(4, 3, "abcd"), "abcd");
        assert_eq!(cut(4, 3, "abcde"), "a…");
        assert_eq!(cut(4, 0, "abcde"), "abcd…");
        assert_eq!(cut(4, 0, "abcä"), "abc…");
        assert_eq!(cut(2, 3, "abc"), "…");
        assert_eq!(cut(0, 0, ""), "");
    }

    #[test]
    fn a_text_is_added_at_once_only_if_the_mark_has_room_behind_it() {
        for (text, rest) in [("abcdef", ""), ("abcdef", "g"), ("abcdef", "ghi"), ("abc", "defghijklm"), ("abcdefg", "")]
        {
            let mut truncated = Truncated::new(7, "…", 1);
            let at_once = truncated.push_if_room(text);
            assert_eq!(at_once, text.len() < 7);
            let pieces = if at_once { rest.to_owned() } else { format!("{text}{rest}") };
            let fits = pieces.chars().all(|character| truncated.push(|kept| kept.push(character), str::len));
            assert!(fits || !truncated.push_if_room("x"));
            assert_eq!(truncated.into_string(), cut(7, 1, &format!("{text}{rest}")));
        }
    }
}
