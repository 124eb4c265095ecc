//! The command line of `cargo e2e`.

use std::path::PathBuf;

use anyhow::Context as _;
use anyhow::bail;

use crate::agreement::Plan;
use crate::release::Release;

pub(crate) const USAGE: &str =
    "usage: cargo e2e [--all | --aws | --azure | --google | --doubles] [--gatekeeper newest|oldest] [--keep] [--binary PATH]
       cargo e2e --agreement [--seed N] [--cases N] [--case K [--keep]] [--binary PATH]

Runs end-to-end cases and exits with 0 if all of them passed, 1 if not, 3 for usage errors.

  --all                run every case; without it, those of the main functions
  --aws                run only the chapter with Amazon ECR and AWS Signer under their real names
  --azure              run only the chapter with Azure Container Registry and Azure Key Vault under their real names
  --google             run only the chapter with Google Artifact Registry under its real name
  --doubles            run only the chapters with the doubles of clouds, which need no cluster
  --agreement          run only the chapters in which generated cases are put to notation and to Countersign, without a cluster
  --seed N             the seed of the cases; 1 unless given
  --cases N            the number of cases; 1200 unless given
  --case K             only the case with this number of those; with --keep its processes run until Ctrl-C
  --gatekeeper WHICH   newest (default) or oldest: the newest or the oldest supported release of Gatekeeper
  --keep               keep the processes running after the cases, until Ctrl-C; with --aws in their namespaces, and the
                       run prints how to enter them
  --binary PATH        use this countersign instead of building it";

/// Which cases run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Scope {
    /// The main functions, for every change.
    #[default]
    Short,
    /// Every case.
    All,
    /// The chapter with Amazon ECR and AWS Signer, which has a cluster of its own.
    Aws,
    /// The chapter with Azure Container Registry and Azure Key Vault, which has a cluster of its own.
    Azure,
    /// The chapter with Google Artifact Registry, which has a cluster of its own.
    Google,
    /// The chapters with the doubles of clouds, without a cluster.
    Doubles,
    /// The chapters about the agreement with notation, without a cluster.
    Agreement,
}

/// The parsed command line.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Arguments {
    pub(crate) scope: Scope,
    pub(crate) agreement: Plan,
    pub(crate) gatekeeper: Release,
    pub(crate) keep: bool,
    pub(crate) binary: Option<PathBuf>,
}

impl Arguments {
    /// `None` if help is requested.
    pub(crate) fn parse(mut words: impl Iterator<Item = String>) -> anyhow::Result<Option<Self>> {
        let mut arguments = Self::default();
        while let Some(word) = words.next() {
            match word.as_str() {
                // The alias ends with `--`; users may add another.
                "--" => {}
                "--all" => arguments.set_scope(Scope::All)?,
                "--aws" => arguments.set_scope(Scope::Aws)?,
                "--azure" => arguments.set_scope(Scope::Azure)?,
                "--google" => arguments.set_scope(Scope::Google)?,
                "--doubles" => arguments.set_scope(Scope::Doubles)?,
                "--agreement" => arguments.set_scope(Scope::Agreement)?,
                "--seed" => arguments.agreement.seed = number("--seed", words.next())?,
                "--cases" => arguments.agreement.cases = number("--cases", words.next())?,
                "--case" => arguments.agreement.case = Some(number("--case", words.next())?),
                "--gatekeeper" => arguments.gatekeeper = release(words.next())?,
                "--keep" => arguments.keep = true,
                "--binary" => arguments.binary = Some(words.next().context("--binary needs a path")?.into()),
                "--help" | "-h" => return Ok(None),
                _ => bail!("unknown argument {word:?}"),
            }
        }
        if arguments.scope == Scope::All && arguments.gatekeeper == Release::Oldest {
            bail!("--all is for the newest Gatekeeper: some cases need features that the oldest one does not have");
        }
        if arguments.scope != Scope::Agreement && arguments.agreement != Plan::default() {
            bail!("--seed, --cases and --case are for --agreement");
        }
        match arguments.scope {
            Scope::Agreement if arguments.gatekeeper == Release::Oldest => {
                bail!("--agreement has no cluster: leave out --gatekeeper");
            }
            Scope::Agreement if arguments.keep && arguments.agreement.case.is_none() => {
                bail!("--agreement --keep is for one case: add --case");
            }
            Scope::Aws if arguments.gatekeeper == Release::Oldest => {
                bail!("--aws is for the newest Gatekeeper: leave out --gatekeeper");
            }
            Scope::Azure | Scope::Google if arguments.keep || arguments.gatekeeper == Release::Oldest => {
                let name = if arguments.scope == Scope::Azure { "--azure" } else { "--google" };
                bail!("{name} ends with its cases and is for the newest Gatekeeper: leave out --keep and --gatekeeper");
            }
            Scope::Doubles if arguments.keep || arguments.gatekeeper == Release::Oldest => {
                bail!("--doubles has no cluster: leave out --keep and --gatekeeper");
            }
            Scope::Short
            | Scope::All
            | Scope::Aws
            | Scope::Azure
            | Scope::Google
            | Scope::Doubles
            | Scope::Agreement => {}
        }
        Ok(Some(arguments))
    }

    fn set_scope(&mut self, scope: Scope) -> anyhow::Result<()> {
        if self.scope != Scope::Short {
            bail!("found two of --all, --aws, --azure, --google, --doubles and --agreement, expected one");
        }
        self.scope = scope;
        Ok(())
    }
}

fn release(word: Option<String>) -> anyhow::Result<Release> {
    match word.as_deref() {
        Some("newest") => Ok(Release::Newest),
        Some("oldest") => Ok(Release::Oldest),
        found => bail!("--gatekeeper: found {found:?}, expected newest or oldest"),
    }
}

fn number<N: std::str::FromStr>(name: &str, word: Option<String>) -> anyhow::Result<N> {
    let number = word.as_deref().and_then(|word| word.parse().ok());
    number.with_context(|| format!("{name}: found {word:?}, expected a number"))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn parse(words: &[&str]) -> anyhow::Result<Option<Arguments>> {
        Arguments::parse(words.iter().map(|&word| word.to_owned()))
    }

    #[test]
    fn the_default_is_the_short_run_with_the_newest_gatekeeper() {
        assert_eq!(parse(&["--"]).unwrap(), Some(Arguments::default()));
        let expected = Arguments { scope: Scope::All, keep: true, binary: Some("a".into()), ..Arguments::default() };
        assert_eq!(
            parse(&["--", "--all", "--keep", "--binary", "a", "--gatekeeper", "newest"]).unwrap(),
            Some(expected)
        );
        let expected = Arguments { gatekeeper: Release::Oldest, ..Arguments::default() };
        assert_eq!(parse(&["--gatekeeper", "oldest"]).unwrap(), Some(expected));
        let expected = Arguments { scope: Scope::Aws, ..Arguments::default() };
        assert_eq!(parse(&["--aws"]).unwrap(), Some(expected));
        let expected = Arguments { scope: Scope::Aws, keep: true, ..Arguments::default() };
        assert_eq!(parse(&["--aws", "--keep"]).unwrap(), Some(expected));
        let expected = Arguments { scope: Scope::Azure, ..Arguments::default() };
        assert_eq!(parse(&["--azure"]).unwrap(), Some(expected));
        let expected = Arguments { scope: Scope::Google, ..Arguments::default() };
        assert_eq!(parse(&["--google"]).unwrap(), Some(expected));
        let expected = Arguments { scope: Scope::Doubles, ..Arguments::default() };
        assert_eq!(parse(&["--doubles"]).unwrap(), Some(expected));
        let agreement = Plan { seed: 7, cases: 1200, case: Some(3) };
        let expected = Arguments { scope: Scope::Agreement, agreement, keep: true, ..Arguments::default() };
        assert_eq!(parse(&["--agreement", "--seed", "7", "--case", "3", "--keep"]).unwrap(), Some(expected));
        assert_eq!(parse(&["--all", "-h"]).unwrap(), None);
    }

    #[test]
    fn unknown_and_contradictory_arguments_are_refused() {
        for (words, message) in [
            (&["--everything"][..], "unknown argument \"--everything\""),
            (&["--binary"], "--binary needs a path"),
            (&["--gatekeeper"], "--gatekeeper: found None, expected newest or oldest"),
            (&["--gatekeeper", "3.1"], "--gatekeeper: found Some(\"3.1\"), expected newest or oldest"),
            (
                &["--all", "--aws"],
                "found two of --all, --aws, --azure, --google, --doubles and --agreement, expected one",
            ),
            (
                &["--aws", "--keep", "--gatekeeper", "oldest"],
                "--aws is for the newest Gatekeeper: leave out --gatekeeper",
            ),
            (
                &["--azure", "--keep"],
                "--azure ends with its cases and is for the newest Gatekeeper: leave out --keep and --gatekeeper",
            ),
            (
                &["--google", "--gatekeeper", "oldest"],
                "--google ends with its cases and is for the newest Gatekeeper: leave out --keep and --gatekeeper",
            ),
            (&["--doubles", "--keep"], "--doubles has no cluster: leave out --keep and --gatekeeper"),
            (&["--doubles", "--gatekeeper", "oldest"], "--doubles has no cluster: leave out --keep and --gatekeeper"),
            (&["--seed", "2"], "--seed, --cases and --case are for --agreement"),
            (&["--agreement", "--keep"], "--agreement --keep is for one case: add --case"),
            (&["--agreement", "--cases", "many"], "--cases: found Some(\"many\"), expected a number"),
            (
                &["--all", "--gatekeeper", "oldest"],
                "--all is for the newest Gatekeeper: some cases need features that the oldest one does not have",
            ),
        ] {
            assert_eq!(parse(words).unwrap_err().to_string(), message);
        }
    }
}
