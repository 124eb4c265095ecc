//! Rows in which every pair of values of two axes occurs at least once.

use std::collections::BTreeSet;

use super::random::Random;

/// Two values of different axes: the axis and the value of each, the lower axis first.
type Pair = [(usize, usize); 2];

/// Rows with one value for each axis, of which there are `sizes`, so that every pair of values is in at least one row.
///
/// Greedy: each row begins with a pair that no row has yet. Then each further axis gets, in random order, the value with the most such
/// pairs with the values so far.
pub(super) fn cover(sizes: &[usize], random: &mut Random) -> Vec<Vec<usize>> {
    let mut open = all_pairs(sizes);
    let mut rows = Vec::new();
    while let Some(&first) = open.iter().nth(random.below(open.len())) {
        let row = row(sizes, first, &open, random);
        for pair in pairs_of(&row) {
            open.remove(&pair);
        }
        rows.push(row);
    }
    rows
}

fn all_pairs(sizes: &[usize]) -> BTreeSet<Pair> {
    let mut pairs = BTreeSet::new();
    for (low, &low_size) in sizes.iter().enumerate() {
        for (high, &high_size) in sizes.iter().enumerate().skip(low + 1) {
            let values = (0..low_size).flat_map(|one| (0..high_size).map(move |other| [(low, one), (high, other)]));
            pairs.extend(values);
        }
    }
    pairs
}

fn row(sizes: &[usize], first: Pair, open: &BTreeSet<Pair>, random: &mut Random) -> Vec<usize> {
    let mut chosen: Vec<Option<usize>> = vec![None; sizes.len()];
    for (axis, value) in first {
        chosen[axis] = Some(value);
    }
    let mut axes: Vec<usize> = (0..sizes.len()).filter(|&axis| chosen[axis].is_none()).collect();
    random.shuffle(&mut axes);
    for axis in axes {
        // From a random value on, so that ties do not always have the same result.
        let start = random.below(sizes[axis]);
        let values = (0..sizes[axis]).map(|step| (start + step) % sizes[axis]);
        chosen[axis] = values.max_by_key(|&value| gain(&chosen, axis, value, open));
    }
    chosen.into_iter().map(Option::unwrap_or_default).collect()
}

/// The number of open pairs of a value with those that are chosen.
fn gain(chosen: &[Option<usize>], axis: usize, value: usize, open: &BTreeSet<Pair>) -> usize {
    let pairs =
        chosen.iter().enumerate().filter_map(|(other, chosen)| Some(ordered((axis, value), (other, (*chosen)?))));
    pairs.filter(|pair| open.contains(pair)).count()
}

fn ordered(one: (usize, usize), other: (usize, usize)) -> Pair {
    if one.0 < other.0 { [one, other] } else { [other, one] }
}

fn pairs_of(row: &[usize]) -> impl Iterator<Item = Pair> + '_ {
    let all = move |low: usize| (low + 1..row.len()).map(move |high| [(low, row[low]), (high, row[high])]);
    (0..row.len()).flat_map(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_pair_of_values_is_in_a_row() {
        let sizes = [2, 6, 2, 7, 5, 1, 3];
        let rows = cover(&sizes, &mut Random::new(3));
        let found: BTreeSet<Pair> = rows.iter().flat_map(|row| pairs_of(row)).collect();
        assert_eq!(found, all_pairs(&sizes));
        // The product of the two largest axes is the least that is possible.
        assert!((42..=70).contains(&rows.len()), "{} rows", rows.len());
        assert!(rows.iter().all(|row| row.iter().zip(sizes).all(|(&value, size)| value < size)));
    }

    #[test]
    fn the_same_seed_gives_the_same_rows() {
        assert_eq!(cover(&[3, 4, 5], &mut Random::new(9)), cover(&[3, 4, 5], &mut Random::new(9)));
        assert_ne!(cover(&[3, 4, 5], &mut Random::new(9)), cover(&[3, 4, 5], &mut Random::new(10)));
    }
}
