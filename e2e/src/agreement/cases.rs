//! The cases of a run: first those in which every pair of values occurs, then random ones.

use super::axes::AXES;
use super::axes::Case;
use super::pairwise::cover;
use super::random::Random;

/// From this number of cases on, every pair of values occurs. With fewer cases, every value does.
pub(super) const PAIRWISE_FROM: usize = 1000;

/// The cases of this seed. The same seed and count give the same cases.
pub(super) fn cases(seed: u64, count: usize) -> Vec<Case> {
    let mut random = Random::new(seed);
    let mut rows = if count >= PAIRWISE_FROM { pairs(&mut random) } else { values(&mut random) };
    while rows.len() < count {
        rows.push(AXES.iter().map(|axis| random.weighted(axis.values.iter().map(|value| value.weight))).collect());
    }
    rows.iter().take(count).map(|row| Case::of(row)).collect()
}

fn pairs(random: &mut Random) -> Vec<Vec<usize>> {
    cover(&AXES.map(|axis| axis.values.len()), random)
}

/// For each value one row, in which all other values are weighted.
fn values(random: &mut Random) -> Vec<Vec<usize>> {
    let mut rows = Vec::new();
    for (number, axis) in AXES.iter().enumerate() {
        for value in 0..axis.values.len() {
            let other = |axis: &super::axes::Axis| random.weighted(axis.values.iter().map(|value| value.weight));
            let mut row: Vec<usize> = AXES.iter().map(other).collect();
            row[number] = value;
            rows.push(row);
        }
    }
    random.shuffle(&mut rows);
    rows
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whether each value of each axis is in one of the cases.
    fn all_values_occur(cases: &[Case]) -> bool {
        let rows: Vec<Vec<usize>> = cases.iter().map(Case::row).collect();
        AXES.iter()
            .enumerate()
            .all(|(axis, values)| (0..values.values.len()).all(|value| rows.iter().any(|row| row[axis] == value)))
    }

    #[test]
    fn a_complete_run_has_every_pair_and_room_for_random_cases() {
        let pairs = pairs(&mut Random::new(1));
        assert!(pairs.len() < 900, "{} cases for all pairs", pairs.len());
        assert_eq!(cases(1, 1200)[..pairs.len()], pairs.iter().map(|row| Case::of(row)).collect::<Vec<_>>());
    }

    #[test]
    fn a_short_run_has_every_value() {
        let short = cases(1, 150);
        assert_eq!(short.len(), 150);
        assert!(all_values_occur(&short));
        assert_eq!(short, cases(1, 150));
        assert_ne!(short, cases(2, 150));
    }
}
