//! Messages with the time that something took.

/// The message with each time "after 1.5 s" as "after N s".
#[must_use]
pub fn without_times(message: &str) -> String {
    let mut parts = message.split(" after ");
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |text, part| match part.split_once(" s") {
        Some((time, rest)) if time.parse::<f64>().is_ok() => format!("{text} after N s{rest}"),
        Some(_) | None => format!("{text} after {part}"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_times_are_replaced() {
        assert_eq!(without_times("a after 0.3 s, b after 12.0 s"), "a after N s, b after N s");
        assert_eq!(without_times("a after that"), "a after that");
        assert_eq!(without_times("a after some seconds"), "a after some seconds");
    }
}
