//! Changes of inputs that keep their structure: those of the mutants for JSON, CBOR and DER, and changes of words and lines for texts.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use countersign_core_test_support::mutants::operators;
use countersign_core_test_support::random_bytes::RandomBytes;

use crate::Target;
use crate::seeds;
use crate::text;

/// Changes an input of a target: another one of at most `max` bytes, or `None` if `input` has no structure or the other one is too long.
#[must_use]
pub fn change(target: Target, input: &[u8], seed: u32, max: usize) -> Option<Vec<u8>> {
    if !target.is_text() {
        return operators::change(input, seed, max);
    }
    let mut random = RandomBytes::new(u64::from(seed).wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
    let mut changed = text(input)?.to_owned();
    for _ in 0..=random.below(3) {
        let split = if random.below(2) == 0 { words } else { lines };
        changed = change_parts(&split(&changed), &split(donor(target, &mut random)), &mut random);
    }
    Some(changed.into_bytes()).filter(|changed| changed.len() <= max)
}

/// One of the seeds.
fn donor(target: Target, random: &mut RandomBytes) -> &'static str {
    static TEXTS: LazyLock<BTreeMap<&'static str, Vec<String>>> = LazyLock::new(|| {
        let texts = Target::ALL.into_iter().filter(|target| target.is_text());
        texts.map(|target| (target.name(), seeds::texts(target))).collect()
    });
    let texts = &TEXTS[target.name()];
    &texts[random.below(texts.len())]
}

/// Removes, repeats, exchanges or takes over one or several consecutive parts.
fn change_parts(parts: &[&str], others: &[&str], random: &mut RandomBytes) -> String {
    let mut changed = parts.to_vec();
    let at = random.below(changed.len() + 1);
    let end = (at + 1 + random.below(4)).min(changed.len());
    let from = random.below(others.len());
    let taken = &others[from..(from + 1 + random.below(4)).min(others.len())];
    match random.below(5) {
        0 => drop(changed.drain(at.min(end)..end)),
        1 => drop(changed.splice(at..at, parts[at.min(end)..end].iter().copied())),
        2 => drop(changed.splice(at.min(end)..end, taken.iter().copied())),
        3 => drop(changed.splice(at..at, taken.iter().copied())),
        _ => {
            let other = random.below(changed.len());
            if at < changed.len() {
                changed.swap(at, other);
            }
        }
    }
    changed.concat()
}

/// Letters and digits together, every other character alone.
fn words(text: &str) -> Vec<&str> {
    let mut words = Vec::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let run = rest.find(|character: char| !character.is_ascii_alphanumeric()).unwrap_or(rest.len());
        let (word, after) = rest.split_at(run.max(first.len_utf8()));
        words.push(word);
        rest = after;
    }
    words
}

/// Each with its end.
fn lines(text: &str) -> Vec<&str> {
    text.split_inclusive('\n').collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn splits_a_text_into_words_and_lines() {
        assert_eq!(words("ab:c\u{e9}1 "), ["ab", ":", "c", "\u{e9}", "1", " "]);
        assert_eq!(lines("a: 1\nb"), ["a: 1\n", "b"]);
        assert_eq!(words(""), [""; 0]);
    }

    #[test]
    fn changes_of_each_target_are_other_inputs() {
        for target in Target::ALL {
            let seed = seeds(target).swap_remove(0);
            let changes = (0..100).filter_map(|number| change(target, &seed, number, 64 * 1024));
            let others = changes.filter(|changed| *changed != seed).count();
            assert!(others > 50, "{target:?}: {others}");
        }
    }
}
