//! `cargo e2e --agreement`: generated cases are put to notation, to `countersign verify` and to `countersign serve` with the same trust
//! directory, and generated references to the parsers of containerd and notation. Every difference must be on a list, with its clause.
//!
//! Registries, OCSP responses, CRLs and timestamps are those of the testkit. `e2e/README.md` describes axes and output.

mod answers;
mod asking;
mod axes;
mod cases;
mod differences;
mod pairwise;
mod publishing;
mod random;
mod references;
mod report;
mod revocation;
mod signers;
mod signing;
mod site;
mod statement;
mod times;
mod weak_key;

use std::path::Path;
use std::time::Instant;

use anyhow::Context;
use anyhow::ensure;

use self::axes::Case;
use self::differences::Differences;
use self::report::Asked;
use self::site::Site;
use self::weak_key::WeakKey;
use crate::interrupt;
use crate::process;
use crate::transcript::Transcript;
use crate::workdir::Workdir;

/// Cases that have one trust directory and one Countersign.
const GROUP: usize = 150;

/// The tools of this run alone, as `install.sh` calls them.
pub(crate) const TOOLS: &str = "agreement";

/// The cases of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Plan {
    pub(crate) seed: u64,
    pub(crate) cases: usize,
    /// Only this one of them.
    pub(crate) case: Option<usize>,
}

impl Default for Plan {
    fn default() -> Self {
        Self::COMPLETE
    }
}

impl Plan {
    /// Of `cargo e2e --agreement`.
    pub(crate) const COMPLETE: Self = Self { seed: 1, cases: 1200, case: None };

    /// Of `cargo e2e --all`.
    pub(crate) const SHORT: Self = Self { seed: 1, cases: 150, case: None };

    /// The number of cases of a complete run that notation must accept.
    const ACCEPTED: usize = 300;

    /// Whether every listed difference must occur.
    fn is_complete(&self) -> bool {
        *self == Self::COMPLETE
    }

    /// The command that runs one case alone.
    fn alone(&self, number: usize) -> String {
        let cases = if self.cases == Self::COMPLETE.cases { String::new() } else { format!(" --cases {}", self.cases) };
        format!("cargo e2e --agreement --seed {}{cases} --case {number} --keep", self.seed)
    }
}

/// Runs the cases. An error ends the run; a difference that is not listed is in the transcript.
pub(crate) fn run(
    workdir: &Workdir,
    binary: &Path,
    plan: &Plan,
    keep: bool,
    transcript: &mut Transcript,
) -> anyhow::Result<()> {
    transcript.chapter("Agreement with notation");
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let weak = WeakKey::generate(workdir.directory("agreement/weak-key")?)?;
    let mut cases: Vec<(usize, Case)> = cases::cases(plan.seed, plan.cases).into_iter().enumerate().collect();
    if let Some(number) = plan.case {
        cases.retain(|(known, _)| *known == number);
        ensure!(!cases.is_empty(), "--case: found {number}, expected a number below {}", plan.cases);
    }
    transcript.note(&format!("seed {}, {} cases", plan.seed, cases.len()));
    let differences = Differences::load(workdir)?;
    let mut asked = Vec::new();
    for group in cases.chunks(GROUP) {
        let started = Instant::now();
        let site = Site::start(workdir, &runtime, binary, &weak, group).context("cannot make the cases")?;
        let made = started.elapsed();
        let answers = asking::ask_all(workdir, &site)?;
        asked.extend(site.questions.iter().zip(answers).map(|(question, answers)| {
            let row = differences.of(&question.case, &answers).map(|row| row.name.clone());
            Asked { number: question.number, case: question.case.clone(), answers, row }
        }));
        transcript.step(&format!("{} cases, made in {:.1} s", asked.len(), made.as_secs_f64()), started.elapsed());
        if plan.case.is_some() {
            show(workdir, &site, &asked, plan)?;
            if keep {
                interrupt::wait_forever();
            }
        }
    }
    results(workdir, plan, &differences, &asked, transcript);
    drop(runtime);
    if plan.case.is_none() { references::run(workdir, plan.seed, transcript) } else { Ok(()) }
}

/// Prints the tables and the results.
fn results(workdir: &Workdir, plan: &Plan, differences: &Differences, asked: &[Asked], transcript: &mut Transcript) {
    println!("\n{}\n\n{}\n", report::by_axis(asked), report::differences(differences, asked));
    let unlisted: Vec<&Asked> = asked.iter().filter(|one| one.is_unlisted()).collect();
    for one in &unlisted {
        println!("{}\n", report::details(one, &plan.alone(one.number)));
    }
    let what = format!("seed {}: in {} cases, notation and Countersign differ as listed only", plan.seed, asked.len());
    transcript.verdict(&what, holds(unlisted.is_empty(), &format!("{} cases differ otherwise", unlisted.len())));
    transcript.verdict("every listed difference has its clause in DIVERGENCES.md", differences.are_documented(workdir));
    if plan.is_complete() {
        let absent = report::absent(differences, asked);
        let what = format!("these do not: {}", absent.join("; "));
        transcript.verdict("every listed difference occurs", holds(absent.is_empty(), &what));
        let accepted = asked.iter().filter(|one| one.answers.notation.is_accepted).count();
        let what = format!("notation accepts {accepted} cases, at least {}", Plan::ACCEPTED);
        transcript.verdict(&what, holds(accepted >= Plan::ACCEPTED, "fewer"));
    }
}

fn holds(holds: bool, otherwise: &str) -> anyhow::Result<()> {
    ensure!(holds, "{otherwise}");
    Ok(())
}

/// Prints one case with all answers, and the commands that ask.
fn show(workdir: &Workdir, site: &Site, asked: &[Asked], plan: &Plan) -> anyhow::Result<()> {
    for (one, question) in asked.iter().zip(&site.questions) {
        println!("\n{}\n", report::details(one, &plan.alone(one.number)));
        let commands = asking::commands(workdir, site, question)?;
        println!("export XDG_CONFIG_HOME={} PATH={}:$PATH", site.home.display(), workdir.tools().display());
        for command in [&commands.notation, &commands.verify, &commands.serve] {
            println!("{}", process::command_line(command));
        }
    }
    Ok(())
}
