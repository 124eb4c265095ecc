//! The command line of `cargo bench-pods`.

use anyhow::Context as _;
use anyhow::bail;

use super::arm::Arm;
use crate::pods::arm::Webhook;

pub(super) const USAGE: &str = "usage: cargo bench-pods [--short] [--rounds N] [--pods N] [--arm NAME]… [--binary PATH]

--short   20 Pods, one round, the baseline and four arms: shows that it works
--rounds  how often everything is measured, except for the slowest arms, which are measured once; 3 unless given
--pods    the number of Pods; 1,000 unless given
--arm     only this arm beside the baseline: no-webhook, always-allow, ratify, limits-20-30, one-deployment,
          one-deployment-always-allow, 0-ms, warm, mutation, threads-as-processors
--binary  this countersign instead of the one of this tree, which is built as it is shipped";

/// The parsed command line.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Arguments {
    pub(super) pods: usize,
    pub(super) rounds: usize,
    /// The baseline is the first.
    arms: Vec<Arm>,
    pub(super) binary: Option<std::path::PathBuf>,
}

impl Arguments {
    /// `None` if help is requested.
    pub(super) fn parse(mut words: impl Iterator<Item = String>) -> anyhow::Result<Option<Self>> {
        let (mut is_short, mut rounds, mut pods, mut arms, mut binary) = (false, None, None, Vec::new(), None);
        while let Some(word) = words.next() {
            match word.as_str() {
                "--short" => is_short = true,
                "--rounds" => rounds = Some(number("--rounds", words.next())?),
                "--pods" => pods = Some(number("--pods", words.next())?),
                "--arm" => arms.push(arm(words.next())?),
                "--binary" => binary = Some(words.next().context("--binary needs a path")?.into()),
                "--help" | "-h" => return Ok(None),
                _ => bail!("unknown argument {word:?}"),
            }
        }
        let (usual_pods, usual_rounds, usual_arms) =
            if is_short { (20, 1, &Arm::SHORT[..]) } else { (1000, 3, &Arm::ALL[..]) };
        if arms.is_empty() {
            arms.extend(usual_arms);
        } else {
            arms.retain(|arm| *arm != Arm::Baseline);
            arms.insert(0, Arm::Baseline);
        }
        Ok(Some(Self { pods: pods.unwrap_or(usual_pods), rounds: rounds.unwrap_or(usual_rounds), arms, binary }))
    }

    /// The arms of a round, in an order that alternates. The slow ones are in one round only.
    pub(super) fn arms_of(&self, round: usize) -> Vec<Arm> {
        let in_round = |arm: &Arm| arm.only_round().is_none_or(|only| only.min(self.rounds - 1) == round);
        let mut arms: Vec<Arm> = self.arms.iter().copied().filter(in_round).collect();
        if round % 2 == 1 {
            arms.reverse();
        }
        arms
    }

    pub(super) fn needs_ratify(&self) -> bool {
        self.arms.iter().any(|arm| arm.setting().webhook == Webhook::Ratify)
    }
}

fn number(name: &str, word: Option<String>) -> anyhow::Result<usize> {
    let number = word.as_deref().and_then(|word| word.parse().ok()).filter(|number| *number > 0);
    number.with_context(|| format!("{name}: found {word:?}, expected a number from 1"))
}

fn arm(word: Option<String>) -> anyhow::Result<Arm> {
    let found = Arm::ALL.into_iter().find(|arm| word.as_deref() == Some(arm.name()));
    found.with_context(|| format!("--arm: found {word:?}, expected the name of an arm"))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn parse(line: &str) -> anyhow::Result<Option<Arguments>> {
        Arguments::parse(line.split_whitespace().map(str::to_owned))
    }

    #[test]
    fn the_default_is_three_rounds_of_all_arms_with_a_thousand_pods() {
        let expected = Arguments { pods: 1000, rounds: 3, arms: Arm::ALL.to_vec(), binary: None };
        assert_eq!(parse("").unwrap(), Some(expected));
        let expected = Arguments { pods: 20, rounds: 1, arms: Arm::SHORT.to_vec(), binary: None };
        assert_eq!(parse("--short").unwrap(), Some(expected));
        let arms = vec![Arm::Baseline, Arm::Ratify];
        let expected = Arguments { pods: 5, rounds: 2, arms, binary: Some("a".into()) };
        assert_eq!(parse("--short --rounds 2 --pods 5 --arm ratify --binary a").unwrap(), Some(expected));
        assert_eq!(parse("--short -h").unwrap(), None);
    }

    #[test]
    fn arms_alternate_and_the_slow_ones_are_measured_once() {
        let arguments = parse("--arm ratify --arm limits-20-30 --arm warm").unwrap().unwrap();
        assert_eq!(arguments.arms_of(0), [Arm::Baseline, Arm::Ratify, Arm::Warm]);
        assert_eq!(arguments.arms_of(1), [Arm::Warm, Arm::DefaultLimits, Arm::Baseline]);
        assert_eq!(arguments.arms_of(2), [Arm::Baseline, Arm::Warm]);
        let arguments = parse("--rounds 1 --arm ratify --arm limits-20-30").unwrap().unwrap();
        assert_eq!(arguments.arms_of(0), [Arm::Baseline, Arm::Ratify, Arm::DefaultLimits]);
        assert!(arguments.needs_ratify());
        assert!(!parse("--short").unwrap().unwrap().needs_ratify());
    }

    #[test]
    fn unknown_arguments_are_refused() {
        for (line, message) in [
            ("--everything", "unknown argument \"--everything\""),
            ("--rounds 0", "--rounds: found Some(\"0\"), expected a number from 1"),
            ("--pods", "--pods: found None, expected a number from 1"),
            ("--arm cold", "--arm: found Some(\"cold\"), expected the name of an arm"),
            ("--binary", "--binary needs a path"),
        ] {
            assert_eq!(parse(line).unwrap_err().to_string(), message);
        }
    }
}
